"""How payments and refunds begin and change: one guarded step each, with its event in the same transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.core.ids import new_city_id
from app.outbox.queries import append
from app.payments import queries
from app.payments.errors import RefundNumberReused
from app.payments.events import REFUND_EVENT_OF, TOLD, payment_event, refund_event
from app.payments.rules import EDGES, REFUND_EDGES, provider_refund_no_of, why_not_refundable
from app.payments.types import Cause, Paid, Payment, Refund, RefundState, State


class IllegalStep(RuntimeError):
    """The thing is not in a state from which this one can be reached; callers look at the locked row first."""


def move(conn: Connection, payment: Payment, to: State, now: datetime, trace: str | None, **values: Any) -> Payment:
    """The payment in its new state, with its event where the state is told; IllegalStep.

    ``payment`` is locked by the caller; ``values`` are further columns.
    """
    if (payment.state, to) not in EDGES:
        raise IllegalStep(f"a payment can't go from {payment.state} to {to}")
    told = to in TOLD
    moved = queries.move_payment(conn, payment, to, now, told=told, values=values)
    if moved is None:
        raise IllegalStep(f"payment {payment.payment_id} is no longer {payment.state}")
    if told:
        append(conn, payment_event(moved, now, trace))
    return moved


def capture(conn: Connection, payment: Payment, paid: Paid, to: State, now: datetime, trace: str | None) -> Payment:
    """The payment with its money: succeeded, or stray; the amount is the one asked for."""
    return move(
        conn,
        payment,
        to,
        now,
        trace,
        captured_minor=payment.amount_minor,
        fee_minor=paid.fee_minor,
        provider_trade_no=paid.provider_trade_no,
        succeeded_at=now,
        failure=None,
        pay_url=None,
    )


def begin_refund(
    conn: Connection,
    payment: Payment,
    *,
    cause: Cause,
    cause_id: UUID,
    refund_no: str,
    amount_minor: int,
    reason: str,
    return_coupon: bool,
    now: datetime,
    trace: str | None,
) -> Refund:
    """A refund whose amount is set aside, before the provider is asked; ``payment`` is locked by the caller.

    The same number again finds the same refund; one that failed is set up anew under it. Refusals:
    RefundNumberReused, RefundExceedsCaptured, RefundInProgress, PaymentPending.
    """
    known = queries.refund_of_no(conn, payment, refund_no)
    if known is not None and known.state == "failed" and cause != "asked" and known.amount_minor != amount_minor:
        # less is left since it failed: to the provider another amount is another refund, which needs another number
        refund_no = f"{refund_no}:{amount_minor}"
        known = queries.refund_of_no(conn, payment, refund_no)
    if known is not None:
        if (known.amount_minor, known.cause, known.cause_id) != (amount_minor, cause, cause_id):
            raise RefundNumberReused("the number stands for another refund of this payment")
        return known if known.state != "failed" else _again(conn, payment, known, now, trace)
    _set_aside(conn, payment, amount_minor, now)
    refund = Refund(
        city_id=payment.city_id,
        refund_id=new_city_id(payment.city_id),
        payment_id=payment.payment_id,
        refund_no=refund_no,
        provider_refund_no=provider_refund_no_of(payment.payment_id, refund_no),
        cause=cause,
        cause_id=cause_id,
        amount_minor=amount_minor,
        fee_returned_minor=0,
        currency=payment.currency,
        reason=reason,
        return_coupon=return_coupon,
        state="requested",
        failure=None,
        seq=1,
        created_at=now,
        changed_at=now,
        merchant_id=payment.merchant_id,
        provider=payment.provider,
        trade_no=payment.trade_no,
        provider_trade_no=payment.provider_trade_no,
    )
    queries.insert_refund(conn, refund)
    append(conn, refund_event(refund, "requested", now, trace))
    return refund


def _again(conn: Connection, payment: Payment, refund: Refund, now: datetime, trace: str | None) -> Refund:
    _set_aside(conn, payment, refund.amount_minor, now)
    return move_refund(conn, refund, "requested", now, trace, failure=None)


def _set_aside(conn: Connection, payment: Payment, amount_minor: int, now: datetime) -> None:
    if queries.reserve(conn, payment, amount_minor, now) is None:
        raise why_not_refundable(payment, amount_minor)


def move_refund(
    conn: Connection, refund: Refund, to: RefundState, now: datetime, trace: str | None, **values: Any
) -> Refund:
    """The refund in its new state, with its event where the state is told; IllegalStep."""
    if (refund.state, to) not in REFUND_EDGES:
        raise IllegalStep(f"a refund can't go from {refund.state} to {to}")
    what = REFUND_EVENT_OF.get(to)
    moved = queries.move_refund(conn, refund, to, now, told=what is not None, values=values)
    if moved is None:
        raise IllegalStep(f"refund {refund.refund_id} is no longer {refund.state}")
    if what is not None:
        append(conn, refund_event(moved, what, now, trace))
    return moved


def finish_refund(
    conn: Connection, payment: Payment, refund: Refund, fee_returned_minor: int, now: datetime, trace: str | None
) -> tuple[Payment, Refund]:
    """The money went back; payment and refund are locked by the caller."""
    fee = min(fee_returned_minor, payment.fee_minor - payment.fee_returned_minor)
    paid_back = queries.give_back(conn, payment, refund.amount_minor, fee, now)
    if paid_back is None:
        raise IllegalStep(f"payment {payment.payment_id} has not set {refund.amount_minor} aside")
    return paid_back, move_refund(conn, refund, "succeeded", now, trace, fee_returned_minor=fee, failure=None)


def fail_refund(
    conn: Connection, payment: Payment, refund: Refund, failure: str, now: datetime, trace: str | None
) -> tuple[Payment, Refund]:
    """The provider will not pay: what was set aside is free again."""
    released = queries.release(conn, payment, refund.amount_minor, now)
    if released is None:
        raise IllegalStep(f"payment {payment.payment_id} has not set {refund.amount_minor} aside")
    return released, move_refund(conn, refund, "failed", now, trace, failure=failure[:200])


def next_attempt(conn: Connection, city_id: int, purpose: str, purpose_id: UUID) -> int:
    """The number of the next attempt to pay for a thing, which the caller has locked."""
    last = queries.last_payment(conn, city_id, purpose, purpose_id)
    return 1 if last is None else last.attempt + 1


def begin_payment(conn: Connection, payment: Payment) -> Payment:
    """A payment that no provider was asked for yet; the thing it pays for is locked by the caller."""
    begun = replace(payment, attempt=next_attempt(conn, payment.city_id, payment.purpose, payment.purpose_id))
    queries.insert_payment(conn, begun)
    return begun
