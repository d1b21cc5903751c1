"""Payments and refunds as their callers see them, and who may see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from app.core.money import Money
from app.flow.types import PaymentView, RefundView, RequestContext
from app.http.principals import Principal, require_scope
from app.payments import queries
from app.payments.rules import CANCELLABLE, UNFINISHED, refundable_minor
from app.payments.types import Payment, Reach, Refund

TILL_SCOPE: Final = "redemptions:write"


def reach_of(context: RequestContext) -> Reach:
    """Whose payments the caller may see; ScopeMissing for a partner's client without the scope for tills."""
    actor = context.actor
    if actor.role == "member":
        return Reach(member_id=actor.member_id)
    require_scope(actor, TILL_SCOPE)
    return Reach(merchant_ids=actor.merchant_ids, place_ids=actor.place_ids if actor.role == "staff" else None)


def payment_view(conn: Connection, payment: Payment, actor: Principal | None) -> PaymentView:
    """A payment with its refunds; ``actor`` None stands for a job, which can do nothing with it."""
    return PaymentView(
        payment_id=payment.payment_id,
        city_id=payment.city_id,
        purpose=payment.purpose,
        purpose_id=payment.purpose_id,
        provider=payment.provider,
        method=payment.method,
        trade_no=payment.trade_no,
        amount=Money(payment.amount_minor, payment.currency),
        captured_minor=payment.captured_minor,
        refunding_minor=payment.refunding_minor,
        refunded_minor=payment.refunded_minor,
        fee_minor=payment.fee_minor,
        state=payment.state,
        failure=payment.failure,
        pay_url=payment.pay_url if payment.state == "pending" else None,
        pay_until=payment.pay_until,
        refunds=_refunds(queries.refunds_of(conn, payment.city_id, payment.payment_id)),
        next_actions=_next_actions(payment, actor),
        created_at=payment.created_at,
        succeeded_at=payment.succeeded_at,
    )


def refund_view(refund: Refund) -> RefundView:
    """A refund."""
    return RefundView(
        refund_id=refund.refund_id,
        payment_id=refund.payment_id,
        refund_no=refund.refund_no,
        amount=Money(refund.amount_minor, refund.currency),
        cause=refund.cause,
        reason=refund.reason,
        state=refund.state,
        failure=refund.failure,
        created_at=refund.created_at,
    )


def _refunds(found: Sequence[Refund]) -> tuple[RefundView, ...]:
    return tuple(refund_view(refund) for refund in found)


def _next_actions(payment: Payment, actor: Principal | None) -> tuple[str, ...]:
    if actor is None:
        return ()
    if payment.state in CANCELLABLE:
        return ("cancel", "resolve")
    if payment.state in UNFINISHED:
        return ("resolve",)
    refundable = refundable_minor(payment) > 0 and actor.role != "member"
    return ("refund",) if refundable else ()
