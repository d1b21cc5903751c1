"""Payments and refunds as JSON."""

from __future__ import annotations

from typing import Any

from app.core.money import Money
from app.flow.present_claims import money_json
from app.flow.types import PaymentView, RefundView


def refund_json(view: RefundView) -> dict[str, Any]:
    """A refund."""
    return {
        "refund_id": str(view.refund_id),
        "payment_id": str(view.payment_id),
        "refund_no": view.refund_no,
        "amount": money_json(view.amount),
        "cause": view.cause,
        "reason": view.reason,
        "state": view.state,
        "failure": view.failure,
        "created_at": view.created_at,
    }


def payment_json(view: PaymentView) -> dict[str, Any]:
    """A payment; every amount is of its currency."""

    def money(amount_minor: int) -> dict[str, Any]:
        return money_json(Money(amount_minor, view.amount.currency))

    return {
        "payment_id": str(view.payment_id),
        "city_id": view.city_id,
        "purpose": view.purpose,
        "purpose_id": str(view.purpose_id),
        "provider": view.provider,
        "method": view.method,
        "trade_no": view.trade_no,
        "amount": money_json(view.amount),
        "captured": money(view.captured_minor),
        "refunding": money(view.refunding_minor),
        "refunded": money(view.refunded_minor),
        "fee": money(view.fee_minor),
        "state": view.state,
        "failure": view.failure,
        "pay_url": view.pay_url,
        "pay_until": view.pay_until,
        "refunds": [refund_json(refund) for refund in view.refunds],
        "next_actions": list(view.next_actions),
        "created_at": view.created_at,
        "succeeded_at": view.succeeded_at,
    }
