"""What a payment or a refund can be refused for."""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError


class ProviderUnknown(AppError):
    """The provider is not on offer here, or does not know the method."""

    code: ClassVar[str] = "provider-unknown"
    title: ClassVar[str] = "There is no such provider here"


class ProviderUnavailable(AppError):
    """Whether money came after all can't be said before the provider answers."""

    code: ClassVar[str] = "provider-unavailable"
    title: ClassVar[str] = "The payment provider does not answer"


class PaymentNotNeeded(AppError):
    """The purpose costs nothing."""

    code: ClassVar[str] = "payment-not-needed"
    title: ClassVar[str] = "There is nothing to pay"


class PaymentExists(AppError):
    """The purpose has a payment that is under way or done."""

    code: ClassVar[str] = "payment-exists"
    title: ClassVar[str] = "A payment for this is under way or done"


class PaymentPending(AppError):
    """What was asked needs a payment that has ended."""

    code: ClassVar[str] = "payment-pending"
    title: ClassVar[str] = "The payment has not ended yet"


class PaymentUndecided(AppError):
    """Nobody knows yet whether the payment succeeded."""

    code: ClassVar[str] = "payment-unknown"
    title: ClassVar[str] = "The payment's outcome is not known yet"


class PaymentNotCancellable(AppError):
    """The payment has ended otherwise."""

    code: ClassVar[str] = "payment-not-cancellable"
    title: ClassVar[str] = "The payment can't be cancelled any more"


class PaymentPurposeOver(AppError):
    """The purpose is paid, released, void or past its time."""

    code: ClassVar[str] = "payment-purpose-over"
    title: ClassVar[str] = "What was to be paid has ended"


class PaymentAmountMismatch(AppError):
    """The currency is not the payment's."""

    code: ClassVar[str] = "payment-amount-mismatch"
    title: ClassVar[str] = "The amount is not the one asked for"


class RefundExceedsCaptured(AppError):
    """More than is left of the payment."""

    code: ClassVar[str] = "refund-exceeds-captured"
    title: ClassVar[str] = "More than what is left can't be refunded"


class RefundInProgress(AppError):
    """It would fit, were it not for a refund that is under way."""

    code: ClassVar[str] = "refund-in-progress"
    title: ClassVar[str] = "A refund is under way"


class RefundNumberReused(AppError):
    """The number stands for another refund of this payment."""

    code: ClassVar[str] = "refund-number-reused"
    title: ClassVar[str] = "The refund number was used with another refund"


class InvalidSignature(AppError):
    """A notice that is forged, changed, old or unsigned; the answer never says which."""

    code: ClassVar[str] = "invalid-signature"
    title: ClassVar[str] = "The notice's signature is not good"
