"""Values of this module; amounts are minor units of one currency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol
from uuid import UUID

from app.core.machines import REDEMPTION

State = Literal["held", "committed", "voided", "reversed"]

EDGES: Final = REDEMPTION.edges
HOLD_LEASE: Final = timedelta(seconds=180)
ORDER_LASTS: Final = timedelta(hours=12)  # so long a till's own number stands for one order of its place
LEASE_OVER: Final = "its lease is over"  # the reason of a hold that nobody committed
MAX_REVERSALS: Final = 10  # of one claim, for ever
MAX_UNITS: Final = 50  # of one claim
MAX_CODES: Final = 10  # of one request

# Wrong codes are counted by day; the next one after so many locks the terminal, or every terminal of the merchant.
TERMINAL_LIMIT: Final = 20
MERCHANT_LIMIT: Final = 100
COUNTED_FOR: Final = timedelta(hours=24)
WHOLE_MERCHANT: Final = "*"


@dataclass(frozen=True, slots=True)
class Split:
    """Who pays what of an order, as in the flow's ``PriceSplit``."""

    gross_minor: int
    discount_minor: int
    platform_share_minor: int
    prepaid_minor: int
    commission_minor: int

    @property
    def payable_minor(self) -> int:
        """What the customer still pays."""
        return self.gross_minor - self.discount_minor


def total(splits: Iterable[Split]) -> Split:
    """The sum of splits, part by part."""
    found = list(splits)
    return Split(
        gross_minor=sum(each.gross_minor for each in found),
        discount_minor=sum(each.discount_minor for each in found),
        platform_share_minor=sum(each.platform_share_minor for each in found),
        prepaid_minor=sum(each.prepaid_minor for each in found),
        commission_minor=sum(each.commission_minor for each in found),
    )


class ClaimFacts(Protocol):
    """What decides whether a claim can be used; claims have more."""

    @property
    def state(self) -> str:
        """A state of claims."""
        ...

    @property
    def units(self) -> int:
        """How many units it has."""
        ...

    @property
    def valid_from(self) -> datetime:
        """The first instant at which it can be used."""
        ...

    @property
    def valid_until(self) -> datetime:
        """The first instant at which it can't be used any more."""
        ...


@dataclass(frozen=True, slots=True)
class Use:
    """A live unit of a claim: held or committed, since when and where."""

    unit_no: int
    held: bool
    at: datetime
    place_id: UUID


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a claim can't be used here and now: a problem code, words, and what stood in the way."""

    code: str
    detail: str
    at: datetime | None = None
    place_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of a claim in a redemption; ``units`` is how many its claim has."""

    redemption_unit_id: UUID
    claim_id: UUID
    unit_no: int
    units: int
    coupon_id: UUID
    split: Split
    budgeted: bool


@dataclass(frozen=True, slots=True)
class Redemption:
    """A redemption as stored; its split is the sum of its units'."""

    city_id: int
    redemption_id: UUID
    merchant_id: UUID
    place_id: UUID
    staff_id: str
    request_no: str
    request_hash: bytes
    pos_order_no: str | None
    state: State
    split: Split
    currency: str
    lease_until: datetime | None
    committed_at: datetime | None
    reverse_before: datetime | None
    reversal_pending: bool
    ended_at: datetime | None
    reason: str | None
    reversal_window_s: int
    seq: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Occasion:
    """When a step happens, in which trace, and who takes it, by a pseudonym."""

    staff_ref: str
    now: datetime
    trace: str | None
