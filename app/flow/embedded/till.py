"""The till as plans and reads: look up, hold or redeem, commit, void, reverse, and leases that end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.claims.codes import CodeKeys
from app.claims.queries import lock_claims, read_claims
from app.core.db import Database
from app.core.errors import AppError, NotFound
from app.core.ids import city_of
from app.coupons.types import Terms
from app.flow.embedded import till_codes
from app.flow.embedded.payments import PaymentsPart
from app.flow.embedded.reference import Reference
from app.flow.embedded.till_access import Till, reached_redemption, till_at
from app.flow.embedded.till_draft import draft, refuse_twice
from app.flow.embedded.till_effects import TillEffects
from app.flow.embedded.till_lookup import lookup_view
from app.flow.embedded.till_offers import Offers
from app.flow.embedded.till_views import PURPOSE, TillViews
from app.flow.types import LookupRequest, LookupView, RedemptionRequest, RedemptionView, RequestContext
from app.http.steps import Plan
from app.payments.errors import PaymentExists, PaymentPending, PaymentUndecided, RefundInProgress
from app.payments.types import Payment, Refund, RefundOutcome
from app.redemption import actions, queries
from app.redemption.errors import (
    AlreadyReversed,
    CodeUnknown,
    HoldExpired,
    RedemptionHeld,
    RedemptionOver,
    RequestNumberReused,
    ReverseWindowClosed,
)
from app.redemption.types import LEASE_OVER, MAX_REVERSALS, ORDER_LASTS, Occasion, Redemption

ASK_AGAIN_S: Final = 2  # while money is on its way


class TillPart:
    """What tills do; ``effects`` has the doors that payments call."""

    def __init__(
        self, database: Database, keys: CodeKeys, reference: Reference, payments: PaymentsPart, effects: TillEffects
    ) -> None:
        self._database, self._keys, self._reference = database, keys, reference
        self._payments, self._effects = payments, effects
        self._offers = Offers(reference)
        self._views = TillViews(reference, payments)

    # codes

    def lookup(self, context: RequestContext, request: LookupRequest) -> Plan:
        """LookupView. Uses nothing; a wrong code is counted."""

        def settle(conn: Connection, _prepared: None, _outcome: None) -> LookupView:
            code = till_codes.parsed(self._keys, city_of(request.place_id), request.offered)
            till = till_at(conn, context.actor, request.place_id)
            till_codes.refuse_locked(conn, till, context.now)
            claim = till_codes.claim_of(conn, till, self._keys, code)
            offer = self._offers.of(conn, till, [claim], [1])[0]
            return lookup_view(conn, self._reference, till, offer, request.order, context.now)

        return Plan(_nothing, settle, refused=self._counting(context, request.place_id))

    def redeem(self, context: RequestContext, request: RedemptionRequest) -> Plan:
        """RedemptionView, held or committed. All codes or none; the same request number is answered as it is now."""

        def settle(conn: Connection, _prepared: None, _outcome: None) -> RedemptionView:
            return self._views.of(conn, self._redeemed(conn, context, request), context.now)

        return Plan(_nothing, settle, refused=self._counting(context, request.place_id))

    def _counting(self, context: RequestContext, place_id: UUID) -> Callable[[Connection, AppError], None]:
        def refused(conn: Connection, refusal: AppError) -> None:
            if isinstance(refusal, CodeUnknown):
                till_codes.count_wrong(conn, till_at(conn, context.actor, place_id), context.now)

        return refused

    def _redeemed(self, conn: Connection, context: RequestContext, request: RedemptionRequest) -> Redemption:
        codes = till_codes.parsed_all(self._keys, city_of(request.place_id), request.offered)
        digest = till_codes.request_hash(self._keys, request, codes)
        till = till_at(conn, context.actor, request.place_id)
        till_codes.refuse_locked(conn, till, context.now)
        known = _replayed(conn, till, request.request_no, digest)
        if known is not None:
            return known
        claim_ids = [claim.claim_id for claim in till_codes.claims_of(conn, till, self._keys, codes)]
        refuse_twice(claim_ids)
        claims = lock_claims(conn, till.city_id, claim_ids)
        # A double tap waited for the lock: what it asks for is there now.
        known = _replayed(conn, till, request.request_no, digest)
        if known is not None:
            return known
        offers = self._offers.of(
            conn, till, [claims[claim_id] for claim_id in claim_ids], [code.units for code in codes]
        )
        beside = self._beside(conn, till, request, claim_ids, context.now)
        fresh, units = draft(till, context.actor.key, request, digest, offers, beside, context.now)
        on = self._occasion(context, till.merchant_id)
        stored = actions.begin(conn, fresh, units, on)
        if stored is None:  # the number was taken by a request for other codes at the same moment
            known = _replayed(conn, till, request.request_no, digest)
            assert known is not None
            return known
        if stored.state == "committed":
            self._effects.used(conn, stored, units, claims, on)
        return stored

    def _beside(
        self, conn: Connection, till: Till, request: RedemptionRequest, claim_ids: Sequence[UUID], now: datetime
    ) -> list[Terms]:
        """The terms of the claims that the till's order used in earlier requests, where it has a number."""
        number = request.order.pos_order_no if request.order else None
        if number is None:
            return []
        used = queries.claims_of_order(conn, till.city_id, till.place_id, number, now - ORDER_LASTS)
        others = read_claims(conn, till.city_id, sorted(used - set(claim_ids)))
        keys = [(till.city_id, each.coupon_id, each.coupon_version) for each in others.values()]
        terms = self._reference.terms.many(conn, keys)
        return [terms[key] for key in keys]

    def _occasion(self, context: RequestContext, merchant_id: UUID) -> Occasion:
        return self._effects.occasion(merchant_id, context.actor.key, context.now, context.trace)

    # steps

    def commit(self, context: RequestContext, redemption_id: UUID) -> Plan:
        """RedemptionView, committed: while the lease lives, or when the payment succeeded; again is as good as once."""

        def step(conn: Connection, found: Redemption) -> Redemption:
            if found.state == "committed":
                return found
            _refuse_over(found)
            payment = self._payments.live_payment(conn, found.city_id, PURPOSE, found.redemption_id)
            self._refuse_unfinished(payment)
            assert found.lease_until is not None
            if payment is None and found.lease_until <= context.now:
                raise HoldExpired(f"it was held until {found.lease_until.isoformat()}")
            return self._effects.commit(conn, found, self._occasion(context, found.merchant_id))

        return self._step(context, redemption_id, step)

    def void(self, context: RequestContext, redemption_id: UUID, reason: str | None) -> Plan:
        """RedemptionView, voided, unless money came or may still come; again is as good as once."""

        def step(conn: Connection, found: Redemption) -> Redemption:
            if found.state == "voided":
                return found
            if found.state == "committed":
                raise RedemptionOver("it is committed: reverse it")
            _refuse_over(found)
            payment = self._payments.live_payment(conn, found.city_id, PURPOSE, found.redemption_id)
            self._refuse_unfinished(payment)
            if payment is not None:
                raise PaymentExists("it is paid: commit it, then reverse it")
            return self._effects.void(conn, found, reason, self._occasion(context, found.merchant_id))

        return self._step(context, redemption_id, step)

    def reverse(self, context: RequestContext, redemption_id: UUID, reason: str) -> Plan:
        """RedemptionView, reversed. A payment's whole refund goes first; while it lasts, the answer says so."""
        city_id = city_of(redemption_id)
        with self._database.read_primary() as conn:
            reached_redemption(conn, context.actor, redemption_id, lock=False)
            payment = self._payments.last_payment(conn, city_id, PURPOSE, redemption_id)

        def prepare(conn: Connection) -> Refund | None:
            return self._begin_reversal(conn, context, redemption_id, reason)

        def settle(conn: Connection, refund: Refund | None, outcome: RefundOutcome | None) -> RedemptionView:
            found = queries.lock_redemption(conn, city_id, redemption_id)
            if refund is not None and paid:
                self._payments.settle_refund(conn, refund, outcome, context.now, context.trace)
                found = queries.read_redemption(conn, city_id, redemption_id)
            assert found is not None
            return self._views.of(conn, found, context.now)

        def call(refund: Refund | None) -> RefundOutcome | None:
            return None if refund is None else self._payments.call_refund(refund)

        paid = payment is not None and payment.state == "succeeded"
        return Plan(prepare, settle, call if paid else None)

    def _begin_reversal(
        self, conn: Connection, context: RequestContext, redemption_id: UUID, reason: str
    ) -> Refund | None:
        """The refund that has to succeed first, not yet asked for; None when the redemption is reversed now."""
        found = reached_redemption(conn, context.actor, redemption_id, lock=True)
        _refuse_irreversible(found, context.now)
        units = queries.units_of(conn, found.city_id, redemption_id)
        if queries.most_reversals(conn, found.city_id, [unit.claim_id for unit in units]) >= MAX_REVERSALS:
            raise ReverseWindowClosed(f"a claim is reversed {MAX_REVERSALS} times at most")
        payment = self._payments.live_payment(conn, found.city_id, PURPOSE, redemption_id)
        self._refuse_unfinished(payment)
        if payment is not None and payment.refunding_minor > 0:
            raise RefundInProgress("a refund of its payment is under way", retry_after_s=ASK_AGAIN_S)
        amount = 0 if payment is None else self._payments.refundable_minor(payment)
        if payment is None or amount == 0:
            self._effects.reverse(conn, found, reason, self._occasion(context, found.merchant_id))
            return None
        queries.mark_reversal(conn, found.city_id, redemption_id, pending=True, reason=reason)
        return self._payments.start_refund(
            conn,
            payment,
            cause="reversal",
            cause_id=redemption_id,
            # One that failed is tried again under its number, unless part of the money went back meanwhile.
            refund_no=f"reversal:{redemption_id}:{amount}",
            amount_minor=amount,
            reason=reason,
            return_coupon=False,
            now=context.now,
            trace=context.trace,
        )

    def _step(
        self, context: RequestContext, redemption_id: UUID, step: Callable[[Connection, Redemption], Redemption]
    ) -> Plan:
        def settle(conn: Connection, _prepared: None, _outcome: None) -> RedemptionView:
            found = reached_redemption(conn, context.actor, redemption_id, lock=True)
            return self._views.of(conn, step(conn, found), context.now)

        return Plan(_nothing, settle)

    def _refuse_unfinished(self, payment: Payment | None) -> None:
        if payment is None or not self._payments.unfinished(payment):
            return
        if payment.state == "unknown":
            raise PaymentUndecided("the provider is being asked; try again shortly", retry_after_s=ASK_AGAIN_S)
        raise PaymentPending("wait for the payment, or cancel it", retry_after_s=ASK_AGAIN_S)

    # reads

    def get(self, context: RequestContext, redemption_id: UUID) -> RedemptionView:
        """A redemption of the caller's merchant; NotFound."""
        with self._database.read_primary() as conn:
            found = reached_redemption(conn, context.actor, redemption_id, lock=False)
            return self._views.of(conn, found, context.now)

    def get_by_request(self, context: RequestContext, place_id: UUID, request_no: str) -> RedemptionView:
        """What became of a till's request, asked for at the same place; NotFound when it left nothing."""
        with self._database.read_primary() as conn:
            till = till_at(conn, context.actor, place_id)
            found = queries.redemption_of_request(conn, till.city_id, till.merchant_id, request_no)
            if found is None or found.place_id != place_id:
                raise NotFound("no redemption stands under this number at this place")
            return self._views.of(conn, found, context.now)

    # time

    def sweep_leases(self, conn: Connection, city_id: int, now: datetime, limit: int) -> int:
        """How many holds of a city, whose lease was over, were looked at: voided, or held on while money may come."""
        due = queries.take_ended_leases(conn, city_id, now, limit)
        for held in due:
            on = self._effects.occasion(held.merchant_id, held.staff_id, now, None)
            payment = self._payments.live_payment(conn, city_id, PURPOSE, held.redemption_id)
            if payment is None:
                self._effects.void(conn, held, LEASE_OVER, on)
            elif self._payments.unfinished(payment):
                actions.extend_lease(conn, held, on)
            else:
                self._effects.commit_paid(conn, city_id, held.redemption_id, now, None)
        return len(due)


def _nothing(_conn: Connection) -> None:
    """These plans do all their work in one transaction's settle."""


def _replayed(conn: Connection, till: Till, request_no: str, digest: bytes) -> Redemption | None:
    """What the number stands for; None when it is new, RequestNumberReused when it stood for something else."""
    found = queries.redemption_of_request(conn, till.city_id, till.merchant_id, request_no)
    if found is not None and found.request_hash != digest:
        raise RequestNumberReused("send a new number with a new request", extra={"request_no": request_no})
    return found


def _refuse_over(found: Redemption) -> None:
    if found.state == "voided" and found.reason == LEASE_OVER:
        raise HoldExpired("nobody committed it in time")
    if found.state != "held":
        raise RedemptionOver(f"it is {found.state}")


def _refuse_irreversible(found: Redemption, now: datetime) -> None:
    if found.state == "reversed" and found.ended_at is not None:
        conflict = {"at": found.ended_at.isoformat(), "place_id": str(found.place_id)}
        raise AlreadyReversed(f"it was reversed at {found.ended_at.isoformat()}", extra={"conflict": conflict})
    if found.state == "held":
        raise RedemptionHeld("nothing is used yet")
    if found.state != "committed" or found.reverse_before is None:
        raise RedemptionOver(f"it is {found.state}")
    if found.reversal_pending:
        raise RefundInProgress("it is being reversed", retry_after_s=ASK_AGAIN_S)
    if now >= found.reverse_before:
        raise ReverseWindowClosed(f"it could be reversed until {found.reverse_before.isoformat()}")
