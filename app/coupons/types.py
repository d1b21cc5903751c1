"""Values of this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

State = Literal["draft", "published", "paused", "ended"]

# The legal edges; publishing a new version of a published coupon changes no state.
EDGES: Final[frozenset[tuple[str, str]]] = frozenset(
    {
        ("draft", "published"),
        ("published", "published"),
        ("paused", "published"),
        ("published", "paused"),
        ("published", "ended"),
        ("paused", "ended"),
    }
)


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
    code_source: str = "generated"


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a coupon is on offer now, and under which terms."""

    state: str
    current_version: int | None


@dataclass(frozen=True, slots=True)
class Owned:
    """A coupon as its merchant runs it; ``revision`` names the state that an edit means, ``quota`` what it may give."""

    city_id: int
    coupon_id: UUID
    merchant_id: UUID
    state: State
    current_version: int | None
    revision: int
    seq: int
    quota: int | None
    created_at: datetime
    published_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the platform agreed to pay of each discount, and when."""

    platform_share_bp: int
    agreed_by: UUID
    agreed_at: datetime


@dataclass(frozen=True, slots=True)
class Bucket:
    """A part of a coupon's stock; claims under ``version`` alone take from it (None: under any)."""

    bucket: int
    quota: int
    taken: int
    version: int | None


@dataclass(frozen=True, slots=True)
class StockView:
    """What is left of a coupon and what bounds it: the ``quota``, the budget or the codes that were brought."""

    quota: int
    taken: int
    left: int
    bounded_by: Literal["quota", "budget", "codes"]


@dataclass(frozen=True, slots=True)
class SealedCode:
    """A code that a merchant brings: what it is found by, itself sealed, its last characters."""

    code_id: UUID
    key: bytes
    sealed: bytes
    tail: str


@dataclass(frozen=True, slots=True)
class CodeCount:
    """Codes that a merchant brought, and how many of them nobody has."""

    uploaded: int
    left: int
