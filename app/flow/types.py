"""What the flow answers with, and what every request to it carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.core.money import Money
from app.http.principals import Principal
from app.payments.types import WalletOrder


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who asks, when, under which number (the Idempotency-Key) and in which trace (the request's id)."""

    actor: Principal
    now: datetime
    request_no: str
    trace: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Where a phone says that it is: WGS 84 degrees, metres, and when it measured."""

    lat: float
    lon: float
    accuracy_m: float
    at: datetime
    mock: bool


@dataclass(frozen=True, slots=True)
class PlaceCode:
    """The digits that somebody read off a place's till: they stand there."""

    place_id: UUID
    code: str


@dataclass(frozen=True, slots=True)
class PresenceView:
    """The digits that a place's till shows now."""

    place_id: UUID
    code: str
    valid_until: datetime
    rotates_every_s: int


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """What a member wants of a coupon; ``claim_id`` is one that a partner's client made for its user's claim."""

    coupon_id: UUID
    fix: Fix | None
    device_id: str | None
    claim_id: UUID | None = None
    presence: PlaceCode | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A claim as its owner sees it; ``titles`` and ``merchant_names`` map language tags to words."""

    claim_id: UUID
    city_id: int
    coupon_id: UUID
    coupon_version: int
    merchant_id: UUID
    merchant_names: Mapping[str, str] | None
    titles: Mapping[str, str]
    kind: str
    state: str
    units: int
    units_left: int
    price: Money
    code_tail: str
    claimed_at: datetime
    valid_from: datetime
    valid_until: datetime
    time_zone: str
    pay_until: datetime | None
    use_hours: str | None
    blackout_dates: tuple[date, ...]
    refund_policy: str
    distance_m: int | None
    group_id: UUID | None
    next_actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CodeView:
    """The code of a claim, for its owner's eyes."""

    claim_id: UUID
    digits: str
    qr_payload: str
    valid_until: datetime
    state: str


@dataclass(frozen=True, slots=True)
class PriceSplit:
    """Who pays what of an order, minor units of one currency; gross = discount + payable.

    ``prepaid`` was paid when the coupon was claimed; ``platform_share`` and ``merchant_share`` fund the discount
    beyond it; ``commission`` is what the platform takes of what the customer paid.
    """

    currency: str
    gross_minor: int
    discount_minor: int
    platform_share_minor: int
    prepaid_minor: int
    commission_minor: int

    @property
    def payable_minor(self) -> int:
        """What the customer still pays at the till."""
        return self.gross_minor - self.discount_minor

    @property
    def merchant_share_minor(self) -> int:
        """What the merchant itself gives: the discount less what was prepaid and what the platform gives."""
        return max(0, self.discount_minor - self.prepaid_minor - self.platform_share_minor)


@dataclass(frozen=True, slots=True)
class Order:
    """What the till rang up."""

    gross_minor: int
    currency: str
    pos_order_no: str | None = None


@dataclass(frozen=True, slots=True)
class OfferedCode:
    """A code as it was typed, or a QR as it was read; exactly one is set."""

    code: str | None
    qr: str | None
    units: int = 1


@dataclass(frozen=True, slots=True)
class LookupRequest:
    """A till asks what a code is good for at a place."""

    offered: OfferedCode
    place_id: UUID
    order: Order | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """What stood in the way."""

    at: datetime
    place_id: UUID | None


@dataclass(frozen=True, slots=True)
class PlaceName:
    """A place with its names by language."""

    place_id: UUID
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LookupView:
    """What a code is good for; ``reason`` is a problem code when it can't be used here and now."""

    claim_id: UUID
    coupon_id: UUID
    titles: Mapping[str, str]
    default_language: str
    kind: str
    state: str
    units: int
    units_left: int
    reason: str | None
    detail: str | None
    conflict: Conflict | None
    valid_from: datetime
    valid_until: datetime
    needs_order: bool
    split: PriceSplit | None
    places: tuple[PlaceName, ...]
    customer_hint: str | None
    code_tail: str
    currency: str
    min_spend_minor: int
    cap_minor: int | None
    face_value_minor: int | None
    percent_off_bp: int | None
    use_hours: str | None
    blackout_dates: tuple[date, ...]
    party_min: int | None
    party_max: int | None


@dataclass(frozen=True, slots=True)
class RedemptionRequest:
    """A till uses codes at a place, all or nothing; ``request_no`` is the till's own number, good once for ever."""

    offered: tuple[OfferedCode, ...]
    place_id: UUID
    request_no: str
    order: Order | None
    hold: bool


@dataclass(frozen=True, slots=True)
class UnitView:
    """One unit used."""

    claim_id: UUID
    unit_no: int
    coupon_id: UUID
    titles: Mapping[str, str]
    code_tail: str
    split: PriceSplit


@dataclass(frozen=True, slots=True)
class PaymentBrief:
    """The live or last payment of a redemption."""

    payment_id: UUID
    state: str
    provider: str
    amount: Money


@dataclass(frozen=True, slots=True)
class RedemptionView:
    """A redemption as the till sees it."""

    redemption_id: UUID
    request_no: str
    city_id: int
    default_language: str
    merchant_id: UUID
    place_id: UUID
    state: str
    units: tuple[UnitView, ...]
    split: PriceSplit
    lease_until: datetime | None
    committed_at: datetime | None
    reverse_before: datetime | None
    ended_at: datetime | None
    reason: str | None
    reversal_pending: bool
    payment: PaymentBrief | None
    next_actions: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """Somebody wants to pay for a claim or a redemption."""

    purpose: str
    purpose_id: UUID
    provider: str
    method: str
    auth_code: str | None
    wallet: WalletOrder | None


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Somebody wants money of a payment to go back."""

    refund_no: str
    amount: Money
    reason: str
    return_coupon: bool


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund."""

    refund_id: UUID
    payment_id: UUID
    refund_no: str
    amount: Money
    cause: str
    reason: str
    state: str
    failure: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment with its refunds."""

    payment_id: UUID
    city_id: int
    purpose: str
    purpose_id: UUID
    provider: str
    method: str
    trade_no: str
    amount: Money
    captured_minor: int
    refunding_minor: int
    refunded_minor: int
    fee_minor: int
    state: str
    failure: str | None
    pay_url: str | None
    pay_until: datetime
    refunds: tuple[RefundView, ...]
    next_actions: tuple[str, ...]
    created_at: datetime
    succeeded_at: datetime | None


@dataclass(frozen=True, slots=True)
class PartnerTerms:
    """A version of a coupon under a partner's own id and number; ``terms`` are members of a coupon's terms."""

    external_id: str
    version: int
    merchant_id: UUID | None
    place_ids: tuple[UUID, ...]
    terms: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PartnerCouponView:
    """A partner's coupon as the flow has it."""

    external_id: str
    version: int
    coupon_id: UUID
    coupon_version: int
    city_id: int
    merchant_id: UUID
    state: str
    taken: int
    left: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a flow can do, so that a mismatch is told at start-up and not at a till."""

    version: str
    hold: bool
    multi_unit: bool
    partial_refund: bool
    reverse_window_s: int
    offline: bool
    rotating_code: bool
    group: bool
    points: bool
    partner_users: bool
    caller_claim_ids: bool
    partner_coupons: bool
    test_provider: str | None
    providers: tuple[str, ...]
    currencies: tuple[str, ...]
