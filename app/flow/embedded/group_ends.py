"""How groups end: at their deadline, then everybody's money goes back, seat by seat; a crash at any point is taken up
by the next round, since what is still to be done is read off the seats."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, exists

from app.claims.actions import move
from app.claims.queries import lock_claim
from app.claims.tables import claims
from app.claims.types import EDGES, Claim, State
from app.flow.embedded.money import RESOLVE_PAYMENT
from app.flow.embedded.payments import PaymentsPart
from app.groups import actions, queries
from app.groups.rules import has_failed, refund_no
from app.groups.tables import deal_groups
from app.groups.types import Group, Seat
from app.http.steps import Plan
from app.outbox.queries import put_job
from app.payments.queries import unfinished_of
from app.payments.tables import payments

BATCH: Final = 50
FAILED: Final = "its group did not come together"


class GroupEnds:
    """What time does to groups."""

    def __init__(self, payments: PaymentsPart) -> None:
        self._payments = payments

    def due(self, city_id: int, now: datetime) -> tuple[Plan, ...]:
        """Plans that each end a bounded batch and tell how many: groups that fail, seats paid back, groups closed."""

        def deadlines(conn: Connection, _prepared: None, _outcome: None) -> int:
            return sum(self._decide(conn, group, now) for group in queries.take_due_groups(conn, city_id, now, BATCH))

        def refunds(conn: Connection, _prepared: None, _outcome: None) -> int:
            return sum(self._pay_back(conn, seat, now) for seat in queries.to_pay_back(conn, city_id, now, BATCH))

        def closings(conn: Connection, _prepared: None, _outcome: None) -> int:
            found = queries.take_settled_groups(conn, city_id, BATCH, _money_out())
            for group in found:
                actions.close(conn, group, now)
            return len(found)

        return tuple(Plan(lambda _conn: None, settle) for settle in (deadlines, refunds, closings))

    def _decide(self, conn: Connection, group: Group, now: datetime) -> int:
        """An open group past its deadline fails; one for which money is under way waits five minutes for it, and the
        provider is asked at once."""
        waiting = unfinished_of(conn, group.city_id, "claim", queries.claims_of_reserved(conn, group))
        if has_failed(group, now, money_under_way=bool(waiting)):
            actions.fail(conn, group, now)
            return 1
        for payment_id in waiting:
            put_job(conn, group.city_id, RESOLVE_PAYMENT, payment_id, now, now)
        return 0

    def _pay_back(self, conn: Connection, seen: Seat, now: datetime) -> int:
        """One seat's money begins its way back, and its claim ends with that, before the provider is asked."""
        claim = lock_claim(conn, seen.city_id, seen.claim_id)
        seat = queries.lock_seat_of_claim(conn, seen.city_id, seen.claim_id)
        group = queries.read_group(conn, seen.city_id, seen.group_id)
        if claim is None or group is None or seat is None or seat.state != "joined" or group.state != "failed":
            return 0  # somebody else was faster
        payment = self._payments.live_payment(conn, claim.city_id, "claim", claim.claim_id)
        amount = 0 if payment is None else self._payments.refundable_minor(payment)
        if payment is not None and amount == 0 and payment.refunding_minor > 0:
            return 0  # the rest is on its way already; the next round looks again
        if payment is None or amount == 0:
            actions.seat_refunded(conn, seat, now)
            _end_claim(conn, claim, now, paid=payment is not None)
            return 1
        self._payments.start_refund(
            conn,
            payment,
            cause="group",
            cause_id=group.group_id,
            refund_no=refund_no(group, seat.member_id),
            amount_minor=amount,
            reason=FAILED,
            return_coupon=False,
            now=now,
            trace=None,
        )
        actions.seat_refunding(conn, seat, now)
        _end_claim(conn, claim, now, paid=True)
        return 1


def _money_out() -> ColumnElement[bool]:
    """Something that was paid for a seat, kept or given up, is not back yet."""
    return exists().where(
        claims.c.city_id == deal_groups.c.city_id,
        claims.c.group_id == deal_groups.c.group_id,
        payments.c.city_id == claims.c.city_id,
        payments.c.purpose == "claim",
        payments.c.purpose_id == claims.c.claim_id,
        payments.c.state == "succeeded",
        payments.c.refunded_minor < payments.c.captured_minor,
    )


def _end_claim(conn: Connection, claim: Claim, now: datetime, *, paid: bool) -> None:
    to: State = "refunded" if paid else "cancelled"
    if (claim.state, to) in EDGES:
        move(conn, claim, to, now, None, reason=FAILED)
