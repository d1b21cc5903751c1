"""Values of this module."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

from app.core.machines import CLAIM

State = Literal["pending_payment", "active", "redeemed", "released", "cancelled", "expired", "refunded"]

EDGES: Final = CLAIM.edges
# States in which the unit of stock goes back, so that somebody else can claim it.
RETURNS_STOCK: Final = frozenset({"released", "cancelled"})
# The event of each state that is reached.
EVENT_OF: Final = {
    "active": "activated",
    "redeemed": "redeemed",
    "released": "released",
    "cancelled": "cancelled",
    "expired": "expired",
    "refunded": "refunded",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as stored, without its sealed code."""

    city_id: int
    claim_id: UUID
    coupon_id: UUID
    coupon_version: int
    merchant_id: UUID
    member_id: UUID
    state: State
    bucket: int
    claimed_on: date
    day_limited: bool
    units: int
    price_minor: int
    currency: str
    valid_from: datetime
    valid_until: datetime
    pay_until: datetime | None
    code_tail: str
    distance_m: int | None
    seq: int
    claimed_at: datetime
    ended_at: datetime | None
    group_id: UUID | None


class Slot(NamedTuple):
    """A claim as it counts against the limits of its coupon, which the terms now in force name."""

    coupon_id: UUID
    state: State
    member_no: int
    member_day_no: int | None
    claimed_on: date
    valid_from: datetime
    valid_until: datetime
    per_member: int
    per_member_day: int | None
    time_zone: str
