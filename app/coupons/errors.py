"""What merchants can be refused when they run their coupons."""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError


class CouponEnded(AppError):
    """Nothing of an ended coupon changes any more; what was claimed stays good."""

    code: ClassVar[str] = "coupon-ended"
    title: ClassVar[str] = "The coupon has ended"


class CouponNotPublished(AppError):
    """A draft can't be paused, resumed or given stock."""

    code: ClassVar[str] = "coupon-not-published"
    title: ClassVar[str] = "The coupon was never published"


class NothingToPublish(AppError):
    """No terms are waiting."""

    code: ClassVar[str] = "nothing-to-publish"
    title: ClassVar[str] = "There are no new terms to publish"


class ConsentNeeded(AppError):
    """The platform is to pay a share and has not agreed to these terms."""

    code: ClassVar[str] = "platform-consent-needed"
    title: ClassVar[str] = "The platform has not agreed to pay a share of these terms"


class UsableNowhere(AppError):
    """None of the places in the scope is there."""

    code: ClassVar[str] = "coupon-usable-nowhere"
    title: ClassVar[str] = "There is no place where the coupon could be used"


class NotOwnCodes(AppError):
    """Codes were brought for a coupon whose codes we make."""

    code: ClassVar[str] = "codes-are-generated"
    title: ClassVar[str] = "The codes of this coupon are made by the platform"
