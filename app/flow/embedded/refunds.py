"""Money going back: set aside, asked of the provider, and what follows for what was paid for."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.core.errors import NotFound
from app.core.ids import city_of
from app.core.money import Money
from app.flow.embedded.money import RESOLVE_REFUND, MoneyParts, alarm
from app.flow.embedded.payment_views import reach_of, refund_view
from app.flow.types import RefundRequest, RefundView, RequestContext
from app.http.steps import Plan
from app.outbox.queries import put_job
from app.payments import queries
from app.payments.actions import begin_refund, fail_refund, finish_refund, move_refund
from app.payments.errors import PaymentAmountMismatch
from app.payments.rules import FIRST_LOOK_AFTER, refundable_minor
from app.payments.types import (
    Cause,
    Missing,
    Payment,
    Refund,
    RefundDone,
    RefundOrder,
    RefundOutcome,
    RefundRefused,
)

ENDED: Final = frozenset({"succeeded", "failed"})


class Refunds:
    """Begins, asks for and ends refunds; used by routes, jobs, reversals and cancelled claims alike."""

    def __init__(self, parts: MoneyParts) -> None:
        self._parts = parts

    def start_refund(
        self,
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
        """Sets an amount aside for a refund, with the job that ends it after a crash; what is paid for is locked by
        the caller, the payment is locked here.

        RefundNumberReused, RefundExceedsCaptured, RefundInProgress, PaymentPending.
        """
        locked = queries.lock_payment(conn, payment.city_id, payment.payment_id)
        if locked is None:
            raise NotFound("there is no such payment")
        refund = begin_refund(
            conn,
            locked,
            cause=cause,
            cause_id=cause_id,
            refund_no=refund_no,
            amount_minor=amount_minor,
            reason=reason,
            return_coupon=return_coupon,
            now=now,
            trace=trace,
        )
        if refund.state not in ENDED:
            put_job(conn, refund.city_id, RESOLVE_REFUND, refund.refund_id, now + FIRST_LOOK_AFTER, now)
        return refund

    def call_refund(self, refund: Refund) -> RefundOutcome | None:
        """Asks the provider, outside any transaction; None when the refund has ended. Always under the same number."""
        if refund.state in ENDED:
            return None
        if refund.state == "pending":
            known = self.ask_refund(refund)
            if not isinstance(known, Missing):
                return known
        return self._parts.providers[refund.provider].refund(_order(refund))

    def ask_refund(self, refund: Refund) -> RefundOutcome:
        """What the provider says of a refund, whatever we think of it; outside any transaction."""
        return self._parts.providers[refund.provider].refund_query(_order(refund))

    def settle_refund(
        self, conn: Connection, refund: Refund, outcome: RefundOutcome | None, now: datetime, trace: str | None
    ) -> Refund:
        """The refund after what its provider said, and what follows; a message that comes twice changes nothing.

        Locks: what was paid for, the payment, the refund.
        """
        seen = queries.read_payment(conn, refund.city_id, refund.payment_id)
        if seen is None:
            raise LookupError(f"payment {refund.payment_id} is gone")
        self._parts.purposes.lock(conn, seen.city_id, seen.purpose, seen.purpose_id)
        payment = queries.lock_payment(conn, refund.city_id, refund.payment_id)
        current = queries.lock_refund(conn, refund.city_id, refund.refund_id)
        assert payment is not None
        assert current is not None
        if outcome is None or current.state in ENDED:
            return current
        if isinstance(outcome, RefundDone):
            return self._done(conn, payment, current, outcome, now, trace)
        if isinstance(outcome, RefundRefused):
            return self._failed(conn, payment, current, outcome.reason, now, trace)
        return current if current.state == "pending" else move_refund(conn, current, "pending", now, trace)

    def _done(
        self, conn: Connection, payment: Payment, refund: Refund, done: RefundDone, now: datetime, trace: str | None
    ) -> Refund:
        payment, ended = finish_refund(conn, payment, refund, done.fee_returned_minor, now, trace)
        purposes, city_id = self._parts.purposes, refund.city_id
        if refund.cause == "reversal":
            purposes.reversal_done(conn, city_id, refund.cause_id, now, trace)
        elif refund.cause == "group":
            purposes.seat_refund_ended(conn, city_id, payment.purpose_id, now, done=True)
        elif refund.cause == "claim":
            purposes.claim_refunded(conn, city_id, refund.cause_id, now, trace)
        elif payment.purpose == "claim" and payment.state == "succeeded" and _all_back(payment):
            purposes.claim_refunded(conn, city_id, payment.purpose_id, now, trace)
        self._parts.ledger.post_refund(
            conn,
            city_id,
            refund_id=refund.refund_id,
            purpose="stray" if payment.state == "stray" else payment.purpose,
            merchant_id=payment.merchant_id,
            money=Money(refund.amount_minor, refund.currency),
            fee_returned_minor=ended.fee_returned_minor,
            provider=payment.provider,
            now=now,
        )
        return ended

    def _failed(
        self, conn: Connection, payment: Payment, refund: Refund, reason: str, now: datetime, trace: str | None
    ) -> Refund:
        payment, ended = fail_refund(conn, payment, refund, reason, now, trace)
        alarm("refund failed", payment, refund_id=str(refund.refund_id), cause=refund.cause, reason=reason)
        if refund.cause == "reversal":
            self._parts.purposes.reversal_failed(conn, refund.city_id, refund.cause_id, now, trace)
        elif refund.cause == "group":
            self._parts.purposes.seat_refund_ended(conn, refund.city_id, payment.purpose_id, now, done=False)
        return ended

    # plans

    def refund(self, context: RequestContext, payment_id: UUID, request: RefundRequest) -> Plan:
        """RefundView. The same number again finds the same refund, and tries one that failed again."""
        reach = reach_of(context)

        def prepare(conn: Connection) -> Refund:
            payment = queries.read_payment(conn, city_of(payment_id), payment_id, reach)
            if payment is None:
                raise NotFound("there is no such payment")
            if request.amount.currency != payment.currency:
                raise PaymentAmountMismatch(f"the payment was in {payment.currency}")
            self._parts.purposes.refuse_refund(conn, payment)
            refund = self.start_refund(
                conn,
                payment,
                cause="asked",
                cause_id=payment_id,
                refund_no=request.refund_no,
                amount_minor=request.amount.amount_minor,
                reason=request.reason,
                return_coupon=request.return_coupon,
                now=context.now,
                trace=context.trace,
            )
            self._end_claim(conn, payment, context.now, context.trace)
            return refund

        def settle(conn: Connection, refund: Refund, outcome: RefundOutcome | None) -> RefundView:
            return refund_view(self.settle_refund(conn, refund, outcome, context.now, context.trace))

        return Plan(prepare, settle, self.call_refund)

    def _end_claim(self, conn: Connection, payment: Payment, now: datetime, trace: str | None) -> None:
        """A claim of which all the money is on its way back ends before the provider is asked: its code must not be
        used meanwhile."""
        now_set_aside = queries.read_payment(conn, payment.city_id, payment.payment_id)
        if payment.purpose != "claim" or now_set_aside is None or now_set_aside.state != "succeeded":
            return
        if refundable_minor(now_set_aside) == 0:
            self._parts.purposes.claim_refunded(conn, payment.city_id, payment.purpose_id, now, trace)

    def get_refund(self, context: RequestContext, refund_id: UUID) -> RefundView:
        """A refund of a payment that the caller may see; NotFound."""
        with self._parts.database.read_primary() as conn:
            found = queries.read_refund(conn, city_of(refund_id), refund_id, reach_of(context))
        if found is None:
            raise NotFound("there is no such refund")
        return refund_view(found)

    def resolve_refund(self, refund_id: UUID, now: datetime) -> Plan:
        """RefundView after asking the provider, for the job; one that has ended is left as it is."""

        def prepare(conn: Connection) -> Refund:
            found = queries.read_refund(conn, city_of(refund_id), refund_id)
            if found is None:
                raise NotFound("there is no such refund")
            return found

        def settle(conn: Connection, refund: Refund, outcome: RefundOutcome | None) -> RefundView:
            return refund_view(self.settle_refund(conn, refund, outcome, now, None))

        return Plan(prepare, settle, self.call_refund)


def _order(refund: Refund) -> RefundOrder:
    return RefundOrder(
        refund_no=refund.provider_refund_no,
        trade_no=refund.trade_no,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        reason=refund.reason,
        provider_trade_no=refund.provider_trade_no,
    )


def _all_back(payment: Payment) -> bool:
    return payment.refunded_minor == payment.captured_minor
