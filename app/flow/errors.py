"""What any flow can be refused for, wherever it stands."""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError


class FlowUnavailable(AppError):
    """The flow did not answer; the same request with the same key finds out what became of it."""

    code: ClassVar[str] = "flow-unavailable"
    title: ClassVar[str] = "The redemption flow does not answer"


class CouponVersionTaken(AppError):
    """A partner's version number with other terms than before."""

    code: ClassVar[str] = "coupon-version-taken"
    title: ClassVar[str] = "The version has other terms"


class CouponVersionTooLow(AppError):
    """A partner's version number below the one in force."""

    code: ClassVar[str] = "coupon-version-too-low"
    title: ClassVar[str] = "A later version is in force"


class FlowLacks(AppError):
    """The flow behind this installation does not do that."""

    code: ClassVar[str] = "flow-lacks"
    title: ClassVar[str] = "The flow behind this installation does not offer this"
