"""What a claim or its code can be refused for."""

from __future__ import annotations

from typing import Any, ClassVar

from app.core.errors import AppError


class ClaimNotStarted(AppError):
    """Before the claim window."""

    code: ClassVar[str] = "claim-not-started"
    title: ClassVar[str] = "The coupon can't be claimed yet"


class ClaimWindowClosed(AppError):
    """After the claim window, or the coupon is paused or ended."""

    code: ClassVar[str] = "claim-window-closed"
    title: ClassVar[str] = "The coupon can no longer be claimed"


class ClaimIdTaken(AppError):
    """The caller's id stands for another claim."""

    code: ClassVar[str] = "claim-id-taken"
    title: ClassVar[str] = "The id stands for another claim"


class SoldOut(AppError):
    """Every bucket is empty."""

    code: ClassVar[str] = "sold-out"
    title: ClassVar[str] = "Nothing is left of the coupon"


class UserLimit(AppError):
    """The member holds as many as the terms allow."""

    code: ClassVar[str] = "user-limit"
    title: ClassVar[str] = "You hold as many of this coupon as its terms allow"


class DayLimit(AppError):
    """The limit of a day, of the member or of the coupon, is reached."""

    code: ClassVar[str] = "day-limit"
    title: ClassVar[str] = "No more of this coupon today"


class DeviceLimit(AppError):
    """The device holds as many as the terms allow."""

    code: ClassVar[str] = "device-limit"
    title: ClassVar[str] = "This device holds as many of this coupon as its terms allow"


class GateRefusal(AppError):
    """The place condition of a coupon is not met; ``evidence`` is kept for a while, whatever becomes of the request."""

    evidence: Any = None


class LocationNeeded(GateRefusal):
    """The terms have a place condition, and no position was sent."""

    code: ClassVar[str] = "location-needed"
    title: ClassVar[str] = "This coupon wants to know where you are"


class OutsideGeofence(GateRefusal):
    """Too far from every place where the coupon can be used, or outside the areas that its terms name."""

    code: ClassVar[str] = "outside-geofence"
    title: ClassVar[str] = "You are too far from where the coupon can be used"


class LocationStale(GateRefusal):
    """The fix is older than a minute, or lies in the future."""

    code: ClassVar[str] = "location-stale"
    title: ClassVar[str] = "The position is too old"


class LocationInaccurate(GateRefusal):
    """The fix is worse than 200 m."""

    code: ClassVar[str] = "location-inaccurate"
    title: ClassVar[str] = "The position is not accurate enough"


class LocationSuspect(GateRefusal):
    """The device says that the fix is mocked, or nobody gets there that fast from where they were."""

    code: ClassVar[str] = "location-suspect"
    title: ClassVar[str] = "The position is not the device's own"


class PlaceCodeWrong(GateRefusal):
    """The six digits are not those that the place's till shows at this time, or the coupon is not used there."""

    code: ClassVar[str] = "place-code-wrong"
    title: ClassVar[str] = "The till's digits do not match"


class VelocityLimit(AppError):
    """Too many claims were tried within an hour by one member, from one device or from one address."""

    code: ClassVar[str] = "velocity-limit"
    title: ClassVar[str] = "Too many tries within an hour"


class ClaimNotCancellable(AppError):
    """The claim has ended, or some of it is used."""

    code: ClassVar[str] = "claim-not-cancellable"
    title: ClassVar[str] = "The claim can't be cancelled any more"


class ClaimHeld(AppError):
    """A till holds a unit of the claim."""

    code: ClassVar[str] = "claim-held"
    title: ClassVar[str] = "A till is using the claim at this moment"


class RefundNotOffered(AppError):
    """The terms give no money back."""

    code: ClassVar[str] = "refund-not-offered"
    title: ClassVar[str] = "The terms offer no refund"


class CodeMistyped(AppError):
    """The digits can't be a code: wrong length or check digit. Nothing is counted."""

    code: ClassVar[str] = "code-mistyped"
    title: ClassVar[str] = "The code has a typing error"


class CodeRevoked(AppError):
    """The claim was cancelled, released or refunded."""

    code: ClassVar[str] = "code-revoked"
    title: ClassVar[str] = "The code is no longer good"


class CodeExpired(AppError):
    """The claim's time is over."""

    code: ClassVar[str] = "code-expired"
    title: ClassVar[str] = "The code's time is over"


class ClaimUnpaid(AppError):
    """The claim waits for its payment."""

    code: ClassVar[str] = "claim-unpaid"
    title: ClassVar[str] = "The claim is not paid yet"


class AlreadyRedeemed(AppError):
    """Every unit is used; ``conflict`` says when and where first."""

    code: ClassVar[str] = "already-redeemed"
    title: ClassVar[str] = "The code was used before"
