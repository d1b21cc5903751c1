"""Payments of the embedded flow: begun before the provider is asked, ended by what it says, asked for until it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from app.core.db import Database
from app.core.errors import InvalidBody, NotFound
from app.core.ids import city_of, new_city_id
from app.flow.embedded.money import RESOLVE_PAYMENT, Ledger, MoneyParts, apply_outcome, ask
from app.flow.embedded.notices import Notices
from app.flow.embedded.payment_views import payment_view, reach_of
from app.flow.embedded.purposes import Payable, Purposes
from app.flow.types import PaymentRequest, PaymentView, RequestContext
from app.http.idempotency import KeyMismatch
from app.http.principals import Forbidden
from app.http.steps import Plan
from app.outbox.queries import put_job
from app.payments import queries, rules
from app.payments.actions import begin_payment, move
from app.payments.errors import (
    PaymentExists,
    PaymentNotCancellable,
    PaymentNotNeeded,
    PaymentPurposeOver,
    ProviderUnavailable,
    ProviderUnknown,
)
from app.payments.providers.gateway import Provider
from app.payments.types import Payment, PayOrder, PayOutcome, Reach, Silent

_MISSING = "there is no such payment"


@dataclass(frozen=True, slots=True)
class _Asking:
    """A payment and how its provider is to be asked."""

    payment: Payment
    how: Literal["pay", "ask", "not"]


class PaymentsPart(Notices):
    """The money side of the gateway, and the doors for tills and claims."""

    def __init__(
        self,
        database: Database,
        providers: Mapping[str, Provider],
        offered: tuple[str, ...],
        purposes: Purposes,
        ledger: Ledger,
    ) -> None:
        super().__init__(MoneyParts(database, providers, offered, purposes, ledger))

    # doors for tills and claims

    def live_payment(self, conn: Connection, city_id: int, purpose: str, purpose_id: UUID) -> Payment | None:
        """The payment that is under way or succeeded, locked; what it pays for is locked by the caller."""
        return queries.lock_live_payment(conn, city_id, purpose, purpose_id)

    def last_payment(self, conn: Connection, city_id: int, purpose: str, purpose_id: UUID) -> Payment | None:
        """The newest payment, however it ended, not locked."""
        return queries.last_payment(conn, city_id, purpose, purpose_id)

    def unfinished(self, payment: Payment) -> bool:
        """True while its money may still come."""
        return payment.state in rules.UNFINISHED

    def refundable_minor(self, payment: Payment) -> int:
        """What of it is not refunded and not being refunded."""
        return rules.refundable_minor(payment)

    # the gateway

    def create_payment(self, context: RequestContext, request: PaymentRequest) -> Plan:
        """PaymentView. The row and a job are committed before the provider is asked; the caller's key finds the same
        payment again, which is then asked for and not paid a second time."""
        reach = reach_of(context)
        provider = self._offered(context, request)

        def prepare(conn: Connection) -> _Asking:
            return self._begin(conn, context, request, reach)

        def call(asking: _Asking) -> PayOutcome | None:
            if asking.how == "pay":
                return provider.pay(_order(asking.payment, request.auth_code))
            return self._answer(asking, context.now)

        def settle(conn: Connection, asking: _Asking, outcome: PayOutcome | None) -> PaymentView:
            said = call(asking) if provider.at_hand else outcome
            found = self._applied(conn, asking.payment, said, context.now, context.trace)
            return payment_view(conn, found, context.actor)

        return Plan(prepare, settle, None if provider.at_hand else call)

    def get_payment(self, context: RequestContext, payment_id: UUID) -> PaymentView:
        """A payment of the caller; NotFound."""
        with self._parts.database.read_primary() as conn:
            found = queries.read_payment(conn, city_of(payment_id), payment_id, reach_of(context))
            if found is None:
                raise NotFound(_MISSING)
            return payment_view(conn, found, context.actor)

    def cancel_payment(self, context: RequestContext, payment_id: UUID) -> Plan:
        """PaymentView: cancelled once the provider says so, succeeded when the money was faster."""
        reach = reach_of(context)

        def prepare(conn: Connection) -> _Asking:
            payment = _lock(conn, payment_id, reach)
            if payment.state == "cancelled":
                return _Asking(payment, "not")
            if payment.state not in rules.UNFINISHED:
                raise PaymentNotCancellable(f"the payment has {payment.state}")
            return _Asking(self._cancelling(conn, payment, context.now, context.trace), "ask")

        return self._asking_plan(prepare, context)

    def resolve_payment(self, context: RequestContext | None, payment_id: UUID, now: datetime) -> Plan:
        """PaymentView after asking the provider; one past its time is cancelled there first."""
        reach = None if context is None else reach_of(context)
        trace = None if context is None else context.trace

        def prepare(conn: Connection) -> _Asking:
            return self._look(conn, _lock(conn, payment_id, reach), now, trace)

        return self._asking_plan(prepare, context, now)

    # steps

    def _offered(self, context: RequestContext, request: PaymentRequest) -> Provider:
        provider = self._parts.providers.get(request.provider)
        if provider is None or request.provider not in self._parts.offered:
            raise ProviderUnknown(f"on offer: {', '.join(self._parts.offered)}")
        if request.method not in provider.methods:
            raise ProviderUnknown(f"{provider.name} knows: {', '.join(sorted(provider.methods))}")
        if request.method in provider.needs_code and not request.auth_code:
            raise InvalidBody(f"{provider.name} wants auth_code with the method {request.method}")
        if provider.at_hand and context.actor.role not in ("staff", "owner", "partner"):
            raise Forbidden("cash is taken by a merchant's people, or its partner's till")
        if provider.at_hand and request.purpose != "redemption":
            raise InvalidBody("cash pays for redemptions only")
        return provider

    def _begin(self, conn: Connection, context: RequestContext, request: PaymentRequest, reach: Reach) -> _Asking:
        city_id, now = city_of(request.purpose_id), context.now
        payable = self._parts.purposes.lock(conn, city_id, request.purpose, request.purpose_id)
        if payable is None or not _may_pay(reach, request.purpose, payable):
            raise NotFound(f"there is no such {request.purpose}")
        _refuse_currency(self._parts.providers[request.provider], payable.currency)
        mine = queries.payment_of_caller(conn, city_id, context.actor.key, context.request_no)
        if mine is not None:
            if (mine.purpose_id, mine.provider, mine.method) != (request.purpose_id, request.provider, request.method):
                raise KeyMismatch("use a new Idempotency-Key for a new intent")
            if mine.state not in rules.UNFINISHED:
                return _Asking(mine, "not")
            return self._look(conn, _lock(conn, mine.payment_id, None), now, context.trace)
        live = queries.lock_live_payment(conn, city_id, request.purpose, request.purpose_id)
        if live is not None:
            raise PaymentExists(f"it is {live.state}", extra={"payment_id": str(live.payment_id)})
        if payable.amount_minor == 0:
            raise PaymentNotNeeded
        if not payable.waits or payable.until is None or payable.until <= now:
            raise PaymentPurposeOver(f"the {request.purpose} does not wait for money")
        payment = begin_payment(conn, _new_payment(context, request, payable, payable.until))
        put_job(conn, city_id, RESOLVE_PAYMENT, payment.payment_id, now + rules.FIRST_LOOK_AFTER, now)
        return _Asking(payment, "pay")

    def _look(self, conn: Connection, payment: Payment, now: datetime, trace: str | None) -> _Asking:
        """How a locked payment is to be asked for: not at all when its money is there."""
        if payment.state in rules.CAPTURED:
            return _Asking(payment, "not")
        if rules.must_be_cancelled(payment, now):
            payment = self._cancelling(conn, payment, now, trace)
        return _Asking(payment, "ask")

    def _cancelling(self, conn: Connection, payment: Payment, now: datetime, trace: str | None) -> Payment:
        if payment.state == "cancelling":
            return payment
        moved = move(conn, payment, "cancelling", now, trace)
        put_job(conn, moved.city_id, RESOLVE_PAYMENT, moved.payment_id, now + rules.FIRST_LOOK_AFTER, now)
        return moved

    def _asking_plan(
        self, prepare: Callable[[Connection], _Asking], context: RequestContext | None, now: datetime | None = None
    ) -> Plan:
        at = now or (context.now if context else None)
        assert at is not None

        def settle(conn: Connection, asking: _Asking, outcome: PayOutcome | None) -> PaymentView:
            trace = None if context is None else context.trace
            found = self._applied(conn, asking.payment, outcome, at, trace)
            return payment_view(conn, found, None if context is None else context.actor)

        return Plan(prepare, settle, lambda asking: self._answer(asking, at))

    def _answer(self, asking: _Asking, now: datetime) -> PayOutcome | None:
        if asking.how == "not":
            return None
        outcome = ask(self._parts.providers[asking.payment.provider], asking.payment, now)
        if isinstance(outcome, Silent) and asking.payment.state not in rules.UNFINISHED:
            raise ProviderUnavailable  # a payment that has ended may have been paid late: its job must not end here
        return outcome

    def _applied(
        self, conn: Connection, payment: Payment, outcome: PayOutcome | None, now: datetime, trace: str | None
    ) -> Payment:
        if outcome is not None:
            return apply_outcome(conn, self._parts, payment, outcome, now, trace)
        found = queries.read_payment(conn, payment.city_id, payment.payment_id)
        assert found is not None
        return found


def _refuse_currency(provider: Provider, currency: str) -> None:
    if provider.currencies is not None and currency not in provider.currencies:
        raise ProviderUnknown(f"{provider.name} does not collect {currency}")


def _may_pay(reach: Reach, purpose: str, payable: Payable) -> bool:
    """A member pays for a claim of their own, tills collect for redemptions of their merchant."""
    if purpose == "claim":
        return reach.member_id is not None and payable.member_id == reach.member_id
    here = reach.place_ids is None or payable.place_id in reach.place_ids
    return payable.merchant_id in reach.merchant_ids and here


def _lock(conn: Connection, payment_id: UUID, reach: Reach | None) -> Payment:
    found = queries.lock_payment(conn, city_of(payment_id), payment_id, reach)
    if found is None:
        raise NotFound(_MISSING)
    return found


def _new_payment(context: RequestContext, request: PaymentRequest, payable: Payable, until: datetime) -> Payment:
    city_id = city_of(request.purpose_id)
    payment_id = new_city_id(city_id)
    return Payment(
        city_id=city_id,
        payment_id=payment_id,
        merchant_id=payable.merchant_id,
        member_id=payable.member_id,
        place_id=payable.place_id,
        purpose="claim" if request.purpose == "claim" else "redemption",
        purpose_id=request.purpose_id,
        attempt=1,
        provider=request.provider,
        method=request.method,
        asked={} if request.wallet is None else {"told": asdict(request.wallet)},
        trade_no=rules.trade_no_of(payment_id),
        provider_trade_no=None,
        pay_url=None,
        amount_minor=payable.amount_minor,
        captured_minor=0,
        refunding_minor=0,
        refunded_minor=0,
        fee_minor=0,
        fee_returned_minor=0,
        currency=payable.currency,
        state="created",
        failure=None,
        caller=context.actor.key,
        caller_key=context.request_no,
        pay_until=until,
        seq=0,
        created_at=context.now,
        changed_at=context.now,
        succeeded_at=None,
    )


def _order(payment: Payment, auth_code: str | None) -> PayOrder:
    return PayOrder(
        trade_no=payment.trade_no,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        method=payment.method,
        pay_until=payment.pay_until,
        auth_code=auth_code,
        told=payment.asked.get("told", {}),
    )
