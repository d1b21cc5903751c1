"""Values of this module; amounts are minor units of one currency, signed from the merchant's side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

State = Literal["draft", "closed", "paid", "disputed"]
Happening = Literal["sale", "payment", "refund", "reversal"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A transfer on a merchant's payable account that no statement has, and the redemption that it belongs to.

    ``amount_minor`` is positive where the merchant is owed more. ``refund_id`` is set for money that went back,
    ``payment_id`` for money that came.
    """

    transfer_id: UUID
    kind: str
    amount_minor: int
    posted_at: datetime
    redemption_id: UUID
    payment_id: UUID | None
    refund_id: UUID | None
    refund_cause: str | None
    fee_minor: int


@dataclass(frozen=True, slots=True)
class Sale:
    """What a redemption was about; ``captured_minor`` is what of ``payable_minor`` went through a payment provider.

    ``prepaid_fee_minor`` is the provider's fee for what was paid when the coupons were claimed, these units' part.
    """

    redemption_id: UUID
    place_id: UUID
    request_no: str
    pos_order_no: str | None
    committed_at: datetime
    gross_minor: int
    unused_minor: int
    merchant_discount_minor: int
    platform_discount_minor: int
    prepaid_minor: int
    payable_minor: int
    commission_minor: int
    captured_minor: int
    prepaid_fee_minor: int


@dataclass(frozen=True, slots=True)
class Amounts:
    """Who paid and gave what; docs/settlements.md explains each. They add up:

    gross + unused = merchant_discount + platform_discount + paid;
    net = paid - paid_to_merchant + platform_discount - platform_fee.
    """

    gross_minor: int = 0
    unused_minor: int = 0
    merchant_discount_minor: int = 0
    platform_discount_minor: int = 0
    paid_minor: int = 0
    paid_to_merchant_minor: int = 0
    provider_fee_minor: int = 0
    platform_fee_minor: int = 0
    tax_base_minor: int = 0
    net_minor: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(*(getattr(self, name) + getattr(other, name) for name in AMOUNTS))


AMOUNTS: Final = tuple(Amounts.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a statement: a sale, a later payment of it, a refund or its reversal."""

    line_no: int
    happening: Happening
    happened_at: datetime
    redemption_id: UUID
    payment_id: UUID | None
    refund_id: UUID | None
    place_id: UUID
    request_no: str
    pos_order_no: str | None
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Netting:
    """What becomes of a statement's lines: opening + lines + receivable - recovered = payout + carried.

    ``opening`` is what the statement before carried on (0 or less), ``carried`` what this one carries on;
    ``receivable`` goes beyond the floor and is asked of the merchant otherwise, ``recovered`` is held back for such.
    """

    opening_minor: int
    lines_minor: int
    receivable_minor: int
    recovered_minor: int
    payout_minor: int
    carried_minor: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """A statement as stored; a draft has no lines yet and its amounts are 0."""

    city_id: int
    settlement_id: UUID
    merchant_id: UUID
    currency: str
    number: int
    state: State
    period_from: datetime
    period_to: datetime
    netting: Netting
    totals: Amounts
    line_count: int
    file_sha256: bytes | None
    created_at: datetime
    closed_at: datetime | None
    paid_at: datetime | None
    payout_ref: str | None
    disputed_at: datetime | None
    dispute_reason: str | None
    seq: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a merchant's statements stand: the last closed one's number, end and carry, and what is receivable."""

    number: int
    period_to: datetime | None
    carried_minor: int
    receivable_minor: int


@dataclass(frozen=True, slots=True)
class Collected:
    """What a statement up to a cut holds: its lines, and which transfers each line is made of, by line number."""

    lines: tuple[Line, ...]
    entries: Mapping[int, tuple[Entry, ...]]
    totals: Amounts


@dataclass(frozen=True, slots=True)
class Due:
    """A merchant and a currency with transfers that are due for a statement, and the oldest one's time."""

    merchant_id: UUID
    currency: str
    since: datetime
