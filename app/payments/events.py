"""What merchants are told of payments and refunds; no authorisation code and no payer stands in it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

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
