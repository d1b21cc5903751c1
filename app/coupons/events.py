"""What is told of coupons."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from app.coupons.types import Owned
from app.outbox.kinds import COUNT, ID, MINOR, TIME, EventKind, Shape, nullable, one_of, said
from app.outbox.types import Event

What = Literal["published", "paused", "resumed", "ended", "stock_changed", "sold_out"]

_OF_ALL: Final[dict[str, Shape]] = {
    "coupon_id": ID,
    "coupon_version": said(COUNT, "the version of the terms in force"),
    "merchant_id": ID,
    "occurred_at": TIME,
}
_QUOTA: Final = said(MINOR, "how many may be claimed in all")


def _kind(what: What, says: str, states: tuple[str, ...], **more: Shape) -> EventKind:
    return EventKind(f"fujin.coupon.{what}.v1", "coupon_id", says, {**_OF_ALL, "state": one_of(*states), **more})


KINDS: Final = (
    _kind(
        "published",
        "Terms came into force as a new version; the coupon is on offer, for the first time or under other terms.",
        ("published",),
        kind=one_of("amount_off", "percent_off", "voucher", "package", "gift"),
        claim_from=TIME,
        claim_until=said(TIME, "the first instant at which it can't be claimed any more"),
        quota=_QUOTA,
    ),
    _kind("paused", "Nobody finds or claims the coupon until it is resumed; what was claimed stays good.", ("paused",)),
    _kind("resumed", "A paused coupon is on offer again, under the terms in force.", ("published",)),
    _kind("ended", "The coupon is over for good; what was claimed stays good.", ("ended",)),
    _kind(
        "stock_changed",
        "Its merchant gives more of the coupon, or less.",
        ("published", "paused"),
        before=said(nullable(MINOR), "the quota until now; null where it was that of the terms"),
        quota=_QUOTA,
    ),
    _kind(
        "sold_out",
        "Nothing is left of a coupon on offer; told again when it sells out again.",
        ("published",),
        taken=said(MINOR, "claims that hold a unit"),
        remaining=said(MINOR, "units that are left: none"),
    ),
)


def told(coupon: Owned, what: What, now: datetime, trace: str | None, **data: Any) -> Event:
    """The event of a step that is taken: ``coupon`` is what it is after it."""
    return Event(
        city_id=coupon.city_id,
        aggregate_id=coupon.coupon_id,
        seq=coupon.seq,
        type=f"fujin.coupon.{what}.v1",
        merchant_id=coupon.merchant_id,
        data={
            "coupon_id": str(coupon.coupon_id),
            "coupon_version": coupon.current_version,
            "merchant_id": str(coupon.merchant_id),
            "state": coupon.state,
            "occurred_at": now.isoformat(),
            **data,
        },
        occurred_at=now,
        trace=trace,
    )
