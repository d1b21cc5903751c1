"""What merchants are told of payments and refunds; no authorisation code and no payer stands in it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from app.outbox.kinds import COUNT, CURRENCY, FLAG, ID, MINOR, TEXT, TIME, EventKind, nullable, one_of, said
from app.outbox.types import Event
from app.payments.types import Payment, Refund

# States that merchants are told of. ``created`` and ``cancelling`` are steps of ours on the way to an answer.
TOLD: Final = frozenset({"pending", "unknown", "succeeded", "failed", "cancelled", "stray"})
# A refund that the provider works on is still requested, for those outside.
REFUND_EVENT_OF: Final = {"requested": "requested", "succeeded": "succeeded", "failed": "failed"}


def payment_event(payment: Payment, now: datetime, trace: str | None) -> Event:
    """The event of the state that a payment has just reached."""
    data = {
        "payment_id": str(payment.payment_id),
        "purpose": payment.purpose,
        "purpose_id": str(payment.purpose_id),
        "merchant_id": str(payment.merchant_id),
        "place_id": None if payment.place_id is None else str(payment.place_id),
        "provider": payment.provider,
        "method": payment.method,
        "attempt": payment.attempt,
        "trade_no": payment.trade_no,
        "provider_trade_no": payment.provider_trade_no,
        "amount_minor": payment.amount_minor,
        "captured_minor": payment.captured_minor,
        "fee_minor": payment.fee_minor,
        "currency": payment.currency,
        "state": payment.state,
        "failure": payment.failure,
        "occurred_at": now.isoformat(),
    }
    return Event(
        city_id=payment.city_id,
        aggregate_id=payment.payment_id,
        seq=payment.seq,
        type=f"fujin.payment.{payment.state}.v1",
        merchant_id=payment.merchant_id,
        data=data,
        occurred_at=now,
        trace=trace,
    )


def refund_event(refund: Refund, what: str, now: datetime, trace: str | None) -> Event:
    """The event of what has just become of a refund: requested, succeeded or failed."""
    data = {
        "refund_id": str(refund.refund_id),
        "payment_id": str(refund.payment_id),
        "merchant_id": str(refund.merchant_id),
        "refund_no": refund.refund_no,
        "amount_minor": refund.amount_minor,
        "fee_returned_minor": refund.fee_returned_minor,
        "currency": refund.currency,
        "cause": refund.cause,
        "cause_id": str(refund.cause_id),
        "reason": refund.reason,
        "return_coupon": refund.return_coupon,
        "state": refund.state,
        "failure": refund.failure,
        "occurred_at": now.isoformat(),
    }
    return Event(
        city_id=refund.city_id,
        aggregate_id=refund.refund_id,
        seq=refund.seq,
        type=f"fujin.refund.{what}.v1",
        merchant_id=refund.merchant_id,
        data=data,
        occurred_at=now,
        trace=trace,
    )


_SAYS: Final = {
    "pending": "The payer has to act.",
    "unknown": "The provider does not answer; it is asked until it does, and what is paid for waits.",
    "succeeded": "The money is there, and what it was for is active or committed.",
    "failed": "It ended without money; the same thing can be paid anew.",
    "cancelled": "It was cancelled at the provider; the same thing can be paid anew.",
    "stray": "The money is there and what it was for had ended; it is refunded by itself.",
}
_PAYMENT: Final = {
    "payment_id": ID,
    "purpose": one_of("claim", "redemption"),
    "purpose_id": ID,
    "merchant_id": ID,
    "place_id": nullable(ID),
    "provider": TEXT,
    "method": TEXT,
    "attempt": said(COUNT, "which try to pay for this thing"),
    "trade_no": said(TEXT, "under which the provider knows it"),
    "provider_trade_no": nullable(TEXT),
    "amount_minor": COUNT,
    "captured_minor": MINOR,
    "fee_minor": said(MINOR, "what of it the provider keeps"),
    "currency": CURRENCY,
    "failure": nullable(TEXT),
    "occurred_at": TIME,
}
_REFUND_SAYS: Final = {
    "requested": "Money is to go back.",
    "succeeded": "The money went back.",
    "failed": "The provider did not give it back; the same refund can be tried again under its number.",
}
_REFUND: Final = {
    "refund_id": ID,
    "payment_id": ID,
    "merchant_id": ID,
    "refund_no": said(TEXT, "the caller's own number, good once a payment"),
    "amount_minor": COUNT,
    "fee_returned_minor": MINOR,
    "currency": CURRENCY,
    "cause": one_of("asked", "stray", "reversal", "claim", "group"),
    "cause_id": ID,
    "reason": TEXT,
    "return_coupon": FLAG,
    "failure": nullable(TEXT),
    "occurred_at": TIME,
}
KINDS: Final = (
    *(
        EventKind(f"fujin.payment.{state}.v1", "payment_id", says, _PAYMENT | {"state": one_of(state)})
        for state, says in _SAYS.items()
    ),
    *(
        EventKind(f"fujin.refund.{what}.v1", "refund_id", says, _REFUND | {"state": one_of(what)})
        for what, says in _REFUND_SAYS.items()
    ),
)
