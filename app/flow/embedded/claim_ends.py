"""How claims end without a till: cancelled by their owner, paid back, released unpaid, expired."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.claims import queries
from app.claims.actions import move
from app.claims.errors import ClaimNotCancellable, RefundNotOffered
from app.claims.types import Claim
from app.core.db import Database
from app.core.errors import NotFound
from app.core.ids import city_of
from app.core.money import split
from app.coupons.types import Terms
from app.flow.embedded.claims import ClaimsPart
from app.flow.embedded.group_seats import leave_seat
from app.flow.embedded.payments import PaymentsPart
from app.flow.embedded.reference import Reference
from app.flow.embedded.usage import Usage, refuse_in_use, usage_of
from app.flow.types import ClaimView, RequestContext
from app.http.steps import Plan
from app.outbox.queries import put_job
from app.payments.types import Refund, RefundOutcome

BATCH: Final = 200
OVER: Final = frozenset({"cancelled", "released", "refunded"})


class ClaimEnds:
    """Cancelling and what time ends."""

    def __init__(self, database: Database, part: ClaimsPart, payments: PaymentsPart, reference: Reference) -> None:
        self._database, self._part, self._payments, self._reference = database, part, payments, reference

    def cancel(self, context: RequestContext, claim_id: UUID, reason: str | None) -> Plan:
        """ClaimView. A free claim is cancelled in one transaction, a paid one is refunded as its terms say."""
        with self._database.read_primary() as conn:
            found = self._part.own(conn, context, claim_id)
        words = reason or "cancelled by the member"
        if found.price_minor > 0 and found.state == "active":
            return self._refunding(context, claim_id, words)

        def settle(conn: Connection, _prepared: None, _outcome: None) -> ClaimView:
            claim = self._locked(conn, context, claim_id)
            if claim.state not in OVER:
                claim = self._end(conn, claim, context, words)
            return self._part.view(conn, claim, context.now)

        return Plan(lambda _conn: None, settle)

    def _locked(self, conn: Connection, context: RequestContext, claim_id: UUID) -> Claim:
        claim = queries.lock_claim(conn, city_of(claim_id), claim_id)
        if claim is None or claim.member_id != context.actor.member_id:
            raise NotFound("there is no such claim")
        return claim

    def _end(self, conn: Connection, claim: Claim, context: RequestContext, words: str) -> Claim:
        if claim.state == "pending_payment":
            payment = self._payments.live_payment(conn, claim.city_id, "claim", claim.claim_id)
            if payment is not None:
                raise ClaimNotCancellable("a payment is under way; cancel it first")
            leave_seat(conn, claim, context.now)
            return move(conn, claim, "released", context.now, context.trace, reason=words)
        self._unused(conn, claim, context.now)
        if claim.price_minor > 0:  # paid for between our look and our lock
            raise ClaimNotCancellable("the claim changed meanwhile; ask again")
        leave_seat(conn, claim, context.now)
        return move(conn, claim, "cancelled", context.now, context.trace, reason=words)

    def _unused(self, conn: Connection, claim: Claim, now: datetime) -> None:
        """ClaimHeld or ClaimNotCancellable unless the claim is active and none of it is used."""
        if claim.state != "active" or claim.valid_until <= now:
            raise ClaimNotCancellable(f"the claim is {'expired' if claim.state == 'active' else claim.state}")
        refuse_in_use(conn, claim, "some of it is used")

    def _refunding(self, context: RequestContext, claim_id: UUID, words: str) -> Plan:
        """The claim ends with the refund's row, before the provider is asked: its code must not be used while the money
        goes back. A refund in doubt is asked for by its job until it has ended."""

        def prepare(conn: Connection) -> Refund | None:
            claim = self._locked(conn, context, claim_id)
            if claim.state in OVER:
                return None
            self._unused(conn, claim, context.now)
            terms = self._terms(conn, claim)
            if terms.refund_policy == "none":
                raise RefundNotOffered("the terms give no money back")
            refund = self._start(conn, claim, claim.price_minor, words, context.now, context.trace)
            leave_seat(conn, claim, context.now)
            move(conn, claim, "refunded", context.now, context.trace, reason=words)
            return refund

        def settle(conn: Connection, refund: Refund | None, outcome: RefundOutcome | None) -> ClaimView:
            if refund is not None:
                self._payments.settle_refund(conn, refund, outcome, context.now, context.trace)
            claim = queries.read_claim(conn, city_of(claim_id), claim_id)
            assert claim is not None
            return self._part.view(conn, claim, context.now)

        def call(refund: Refund | None) -> RefundOutcome | None:
            return None if refund is None else self._payments.call_refund(refund)

        return Plan(prepare, settle, call)

    def _start(
        self, conn: Connection, claim: Claim, amount_minor: int, words: str, now: datetime, trace: str | None
    ) -> Refund | None:
        """The refund of a claim's price or of a part of it; None when there is nothing to give back."""
        payment = self._payments.live_payment(conn, claim.city_id, "claim", claim.claim_id)
        if payment is None:
            return None
        amount = min(amount_minor, self._payments.refundable_minor(payment))
        if amount <= 0:
            return None
        return self._payments.start_refund(
            conn,
            payment,
            cause="claim",
            cause_id=claim.claim_id,
            refund_no=f"claim:{claim.claim_id}",
            amount_minor=amount,
            reason=words,
            return_coupon=False,
            now=now,
            trace=trace,
        )

    def _terms(self, conn: Connection, claim: Claim) -> Terms:
        return self._reference.terms.one(conn, claim.city_id, claim.coupon_id, claim.coupon_version)

    # what time ends

    def expire(self, city_id: int, now: datetime) -> Plan:
        """How many claims of a city expired; one that a till holds is left to its lease, an unused prepaid one is
        paid back where its terms promise that."""

        def settle(conn: Connection, _prepared: None, _outcome: None) -> int:
            due = queries.take_ending(conn, city_id, now, BATCH)
            used = usage_of(conn, city_id, [claim.claim_id for claim in due])
            ended = [claim for claim in due if not used[claim.claim_id].held]
            for claim in ended:
                moved = move(conn, claim, "expired", now, None, reason="its time is over")
                self._promise(conn, moved, used[claim.claim_id], now)
            return len(ended)

        return Plan(lambda _conn: None, settle)

    def _promise(self, conn: Connection, claim: Claim, used: Usage, now: datetime) -> None:
        terms = self._terms(conn, claim)
        if claim.price_minor == 0 or terms.refund_policy != "unused_and_expired":
            return
        payment = self._payments.live_payment(conn, claim.city_id, "claim", claim.claim_id)
        amount = 0 if payment is None else _unused_part(claim, self._payments.refundable_minor(payment), used)
        if amount > 0:
            self._start(conn, claim, amount, "expired unused", now, None)

    def release_unpaid(self, city_id: int, now: datetime) -> Plan:
        """How many unpaid claims of a city were released; never one whose money may still come."""

        def settle(conn: Connection, _prepared: None, _outcome: None) -> int:
            released = 0
            for claim in queries.take_unpaid(conn, city_id, now, BATCH):
                payment = self._payments.live_payment(conn, city_id, "claim", claim.claim_id)
                if payment is None:
                    leave_seat(conn, claim, now)
                    move(conn, claim, "released", now, None, reason="not paid in time")
                    released += 1
                else:  # asked, then cancelled at the provider, before the stock is given to somebody else
                    put_job(conn, city_id, "payment.resolve", payment.payment_id, now, now)
            return released

        return Plan(lambda _conn: None, settle)


def _unused_part(claim: Claim, left_minor: int, used: Usage) -> int:
    """What of the money that was not given back was paid for the units that nobody used."""
    shares = split(left_minor, [1] * claim.units)
    taken: Mapping[int, bool] = dict.fromkeys((*used.held, *used.committed), True)
    return sum(share for number, share in enumerate(shares, 1) if number not in taken)
