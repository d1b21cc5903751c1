"""Values of this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

State = Literal["created", "pending", "unknown", "succeeded", "failed", "cancelling", "cancelled", "stray"]
Purpose = Literal["claim", "redemption"]
RefundState = Literal["requested", "pending", "succeeded", "failed"]
Cause = Literal["asked", "stray", "reversal", "claim", "group"]


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as stored; ``asked`` is what the provider was to be told, without any authorisation code."""

    city_id: int
    payment_id: UUID
    merchant_id: UUID
    member_id: UUID | None
    place_id: UUID | None
    purpose: Purpose
    purpose_id: UUID
    attempt: int
    provider: str
    method: str
    asked: Mapping[str, Any]
    trade_no: str
    provider_trade_no: str | None
    pay_url: str | None
    amount_minor: int
    captured_minor: int
    refunding_minor: int
    refunded_minor: int
    fee_minor: int
    fee_returned_minor: int
    currency: str
    state: State
    failure: str | None
    caller: str
    caller_key: str
    pay_until: datetime
    seq: int
    created_at: datetime
    changed_at: datetime
    succeeded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as stored, with the merchant, provider and trade of its payment."""

    city_id: int
    refund_id: UUID
    payment_id: UUID
    refund_no: str
    provider_refund_no: str
    cause: Cause
    cause_id: UUID
    amount_minor: int
    fee_returned_minor: int
    currency: str
    reason: str
    return_coupon: bool
    state: RefundState
    failure: str | None
    seq: int
    created_at: datetime
    changed_at: datetime
    merchant_id: UUID
    provider: str
    trade_no: str
    provider_trade_no: str | None


@dataclass(frozen=True, slots=True)
class Parked:
    """A notice that was rightly signed and did not fit our books; ``outcome`` says why."""

    event_key: str
    provider: str
    trade_no: str
    outcome: str
    received_at: datetime
    size: int


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose payments a caller may see: a member's own, or those of merchants (at ``place_ids`` alone if set)."""

    member_id: UUID | None = None
    merchant_ids: tuple[UUID, ...] = ()
    place_ids: tuple[UUID, ...] | None = None


@dataclass(frozen=True, slots=True)
class WalletOrder:
    """What the test wallet is told to do with a payment, so that troubles can be tried out; ``wallet`` of a request."""

    outcome: str = "pay"
    delay_s: float = 0.0
    settles_after_s: float | None = None
    lost_answers: int = 0
    notices: int = 1
    notice_delay_s: float = 0.0
    wrong_amount: bool = False


@dataclass(frozen=True, slots=True)
class PayOrder:
    """What a provider is asked to collect; ``told`` is what this provider alone understands."""

    trade_no: str
    amount_minor: int
    currency: str
    method: str
    pay_until: datetime
    auth_code: str | None = field(default=None, repr=False)
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A trade that was asked for, as its provider is asked about it; ``provider_trade_no`` once we heard it."""

    trade_no: str
    amount_minor: int
    currency: str
    method: str
    provider_trade_no: str | None = None


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """What a provider is asked to give back of a trade."""

    refund_no: str
    trade_no: str
    amount_minor: int
    currency: str
    reason: str
    provider_trade_no: str | None = None


@dataclass(frozen=True, slots=True)
class Paid:
    """The money came, of it the provider keeps ``fee_minor``."""

    provider_trade_no: str | None
    amount_minor: int
    currency: str
    fee_minor: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """The payer has still to act, at ``pay_url`` where there is one."""

    pay_url: str | None = None
    provider_trade_no: str | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """The provider says no."""

    reason: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The trade is over without money and takes none any more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Missing:
    """The provider knows no such trade, which may mean that our request is still on its way."""


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer in time, or none that can be understood: nothing is known."""

    reason: str


PayOutcome = Paid | Waiting | Declined | Closed | Missing | Silent


@dataclass(frozen=True, slots=True)
class RefundDone:
    """The money went back, with ``fee_returned_minor`` of the provider's fee."""

    fee_returned_minor: int


@dataclass(frozen=True, slots=True)
class RefundAccepted:
    """The provider works on it."""


@dataclass(frozen=True, slots=True)
class RefundRefused:
    """The provider will not pay back under this request."""

    reason: str


RefundOutcome = RefundDone | RefundAccepted | RefundRefused | Missing | Silent


@dataclass(frozen=True, slots=True)
class Notice:
    """What a provider's signed message says; ``trade_no`` is empty when it can't be read.

    ``event_key`` is the same for every copy of the message. A message about a refund has the refund's number,
    and of the two amounts those that the provider tells. ``of_no_use`` marks what is not about money of ours.
    """

    event_key: str
    trade_no: str
    amount_minor: int | None
    currency: str | None
    refund_no: str | None = None
    refund_minor: int | None = None
    refund_failed: bool = False
    of_no_use: bool = False
