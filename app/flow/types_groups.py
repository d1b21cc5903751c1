"""What the flow answers with about groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.core.money import Money
from app.flow.types import ClaimRequest, ClaimView, Fix, PlaceCode


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A member wants a seat: where their phone is and which device it is, as for a claim."""

    group_id: UUID
    invite: str | None
    fix: Fix | None
    device_id: str | None
    presence: PlaceCode | None
    address: str | None

    def as_claim(self) -> ClaimRequest:
        """The claim that comes with the seat; its coupon is the group's."""
        return ClaimRequest(self.group_id, self.fix, self.device_id, presence=self.presence, address=self.address)


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group as those see it who are in it or were invited; ``claim`` is the caller's own seat."""

    group_id: UUID
    city_id: int
    coupon_id: UUID
    merchant_id: UUID
    merchant_names: Mapping[str, str] | None
    titles: Mapping[str, str]
    state: str
    target: int
    seats: int
    joined: int
    seats_left: int
    price: Money
    single_price: Money
    deadline: datetime
    time_zone: str
    claim_within_m: int | None
    wants_position: bool
    per_device: bool
    refund_policy: str
    invite: str | None
    seat: str | None
    claim: ClaimView | None
    next_actions: tuple[str, ...]
    created_at: datetime
    decided_at: datetime | None
