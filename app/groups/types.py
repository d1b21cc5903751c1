"""Values of this module."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from app.core.machines import GROUP, SEAT

GroupState = Literal["open", "succeeded", "failed", "closed"]
SeatState = Literal["reserved", "joined", "left", "refunding", "refunded"]

EDGES: Final = GROUP.edges
SEAT_EDGES: Final = SEAT.edges
TAKEN: Final = frozenset({"reserved", "joined", "refunding", "refunded"})  # seats that nobody else can have
COUNTED: Final = frozenset({"joined", "refunding", "refunded"})  # seats that were paid for

GRACE: Final = timedelta(minutes=5)  # for money that was under way at the deadline


@dataclass(frozen=True, slots=True)
class Group:
    """A group as stored; ``member_id`` began it, ``taken`` counts seats paid and not paid yet, ``most_joined`` is the
    most ever paid for."""

    city_id: int
    group_id: UUID
    coupon_id: UUID
    coupon_version: int
    merchant_id: UUID
    member_id: UUID
    state: GroupState
    target: int
    seats: int
    taken: int
    joined: int
    most_joined: int
    price_minor: int
    currency: str
    deadline: datetime
    seq: int
    created_at: datetime
    decided_at: datetime | None
    closed_at: datetime | None

    @property
    def tipped(self) -> bool:
        """True once the deal is made, for ever."""
        return self.state == "succeeded"


@dataclass(frozen=True, slots=True)
class Seat:
    """A member's seat in a group; ``retry_at`` says when a refund that failed is tried again."""

    city_id: int
    group_id: UUID
    member_id: UUID
    claim_id: UUID
    state: SeatState
    tries: int
    retry_at: datetime | None
    changed_at: datetime
