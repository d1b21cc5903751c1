"""What a look-up, a redemption or a step of one can be refused for."""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError


class CodeUnknown(AppError):
    """No such code at this merchant: unknown, another merchant's and forged ones answer alike."""

    code: ClassVar[str] = "code-unknown"
    title: ClassVar[str] = "There is no such code here"


class StaffLocked(AppError):
    """Twenty wrong codes of this terminal, or a hundred of the merchant, within a day."""

    code: ClassVar[str] = "staff-locked"
    title: ClassVar[str] = "Too many wrong codes today"


class WrongStore(AppError):
    """The coupon is used at other places."""

    code: ClassVar[str] = "wrong-store"
    title: ClassVar[str] = "The code is good, but not here"


class NotYetUsable(AppError):
    """Before the time to use it."""

    code: ClassVar[str] = "not-yet-usable"
    title: ClassVar[str] = "The code can be used later"


class BlackoutTime(AppError):
    """A day or an hour that the terms leave out."""

    code: ClassVar[str] = "blackout-time"
    title: ClassVar[str] = "The code can't be used at this time"


class UnitExhausted(AppError):
    """Fewer units are free than asked for."""

    code: ClassVar[str] = "unit-exhausted"
    title: ClassVar[str] = "Fewer units are left than asked for"


class HoldByOther(AppError):
    """Another till holds what is left; ``conflict`` says since when and where."""

    code: ClassVar[str] = "hold-by-other"
    title: ClassVar[str] = "Another till holds the code"


class OrderNeeded(AppError):
    """The discount can't be worked out without the order."""

    code: ClassVar[str] = "order-needed"
    title: ClassVar[str] = "The discount depends on the order; send its amount"


class MinSpendNotMet(AppError):
    """The order is smaller than the terms want."""

    code: ClassVar[str] = "min-spend-not-met"
    title: ClassVar[str] = "The order is below the least spend"


class CurrencyMismatch(AppError):
    """Order and coupons are not all in one currency."""

    code: ClassVar[str] = "currency-mismatch"
    title: ClassVar[str] = "The order and the coupon have different currencies"


class NotStackable(AppError):
    """The terms of one code exclude another one of the request."""

    code: ClassVar[str] = "not-stackable"
    title: ClassVar[str] = "These codes can't be used together"


class RequestNumberReused(AppError):
    """The merchant's request number came before with another request."""

    code: ClassVar[str] = "request-number-reused"
    title: ClassVar[str] = "The request number was used with another request"


class HoldExpired(AppError):
    """The lease of a hold ended before its commit."""

    code: ClassVar[str] = "hold-expired"
    title: ClassVar[str] = "The hold is over; hold the code again"


class RedemptionHeld(AppError):
    """Only a committed redemption is reversed."""

    code: ClassVar[str] = "redemption-held"
    title: ClassVar[str] = "The redemption is only held; void it instead"


class RedemptionOver(AppError):
    """The redemption has left the state from which this step starts."""

    code: ClassVar[str] = "redemption-over"
    title: ClassVar[str] = "The redemption has ended"


class AlreadyReversed(AppError):
    """Reversed before; ``conflict`` says when and where."""

    code: ClassVar[str] = "already-reversed"
    title: ClassVar[str] = "The redemption was reversed before"


class ReverseWindowClosed(AppError):
    """``reverse_before`` has come, or the claim was reversed as often as it may be."""

    code: ClassVar[str] = "reverse-window-closed"
    title: ClassVar[str] = "The time to reverse is over"
