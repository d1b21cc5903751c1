"""Values of this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Terms:
    """One immutable version of a coupon's terms, as far as claiming and using need them; columns of coupon_versions."""

    city_id: int
    coupon_id: UUID
    version: int
    merchant_id: UUID
    kind: str
    titles: Mapping[str, str]
    currency: str
    price_minor: int
    list_price_minor: int | None
    face_value_minor: int | None
    percent_off_bp: int | None
    cap_minor: int | None
    min_spend_minor: int
    time_zone: str
    claim_from: datetime
    claim_until: datetime
    use_from: datetime | None
    use_until: datetime | None
    valid_days_after_claim: int | None
    blackout_dates: tuple[date, ...]
    use_hours: str | None
    claim_within_m: int | None
    fulfilment: str
    party_min: int | None
    party_max: int | None
    per_day: int | None
    per_member: int
    per_member_day: int | None
    per_device: int | None
    units: int
    stacking: str
    stack_group: str | None
    reversal_window_s: int
    refund_policy: str
    rounding_rule: str
    budget_minor: int | None
    platform_share_bp: int
    commission_bp: int
    group_price_minor: int | None = None
    group_target: int | None = None
    group_seats: int | None = None
    group_deadline_s: int | None = None
    claim_in_area: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a coupon is on offer now, and under which terms."""

    state: str
    current_version: int | None
