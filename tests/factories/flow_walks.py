"""Random walks through the embedded flow, each step held to the model; at the end the books are looked at."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.core.errors import AppError
from app.core.money import Money
from app.coupons.actions import tell_sold_out
from app.flow.types import ClaimRequest, OfferedCode, Order, PaymentRequest, RedemptionRequest, RefundRequest
from app.flow.types_groups import JoinRequest
from app.http.steps import Plan
from app.ledger.queries import balances
from app.outbox import queries as outbox
from app.settlements import actions as statements
from app.settlements.errors import CutRefused, NothingToSettle
from app.worker import UNFINISHED, job_pause
from tests.factories.flow_model import Model
from tests.factories.flow_site import OFFERS, TOGETHER, FlowSite
from tests.factories.flow_things import GROSS, Claim, Payment, Redemption
from tests.factories.loops import CITY

FLOOR = 1000
Step = tuple[str, tuple[Any, ...]]


class Walk:
    """One run; ``steps`` are what was done, so that it can be done again."""

    def __init__(self, site: FlowSite) -> None:
        self.site = site
        self.ids: dict[int, UUID] = {}
        self.names: dict[int, str] = {}
        self.steps: list[Step] = []
        now = site.now
        self.model = Model(OFFERS, now, now + timedelta(days=1), now + timedelta(days=2))

    def take(self, step: Step) -> None:
        """One step, on both sides."""
        self.steps.append(step)
        getattr(self, step[0])(*step[1])

    # what both sides are asked

    def _same(self, said: Any, expected: str) -> Any:
        state = said if isinstance(said, str) else said.state
        assert state == expected, f"the flow says {state}, the model {expected}"
        return said

    def _known(self, thing: object, found: UUID) -> None:
        self.ids[id(thing)] = found

    def _id(self, thing: object) -> UUID:
        return self.ids[id(thing)]

    @staticmethod
    def _one(things: list[Any], back: int) -> Any:
        """One of some things, counted from the newest; IndexError."""
        return things[-1 - back]

    def claim(self, offer: Any, member: int) -> None:
        """Somebody claims."""
        expected = self.model.claim(offer, member)
        request = ClaimRequest(self.site.coupons[offer.name], None, None)
        view = self._same(self.site.do(self.site.flow.grant_claim(self.site.as_member(member), request)), expected)
        if not isinstance(view, str):
            self._known(self.model.claims[-1], view.claim_id)
            code = self.site.flow.present_code if view.state == "active" else None
            self.names[id(self.model.claims[-1])] = (
                code(self.site.as_member(member), view.claim_id).digits if code else ""
            )

    def start(self, member: int) -> None:
        """Somebody begins a group."""
        expected = self.model.start(TOGETHER, member)
        request = ClaimRequest(self.site.coupons[TOGETHER.name], None, None)
        self._seated(self.site.flow.start_group(self.site.as_member(member), request), expected, -1, member)

    def join(self, number: int, member: int) -> None:
        """Somebody follows an invitation."""
        group = self._one(self.model.groups, number)
        expected = self.model.join(group, member)
        request = JoinRequest(self._id(group), self.names[id(group)], None, None, None, None)
        plan = self.site.flow.join_group(self.site.as_member(member), request)
        self._seated(plan, expected, -1 - number, member)

    def _seated(self, plan: Plan, expected: str, number: int, member: int) -> None:
        view = self._same(self.site.do(plan), expected)
        if isinstance(view, str):
            return
        group = self.model.groups[number]
        self._known(group, view.group_id)
        self.names[id(group)] = view.invite
        said = (view.state, view.seat, view.joined, view.seats_left)
        assert said == (group.state, group.seats[member].state, group.joined, group.offer.seats - group.taken)
        claim = self.model.claims[-1]
        self._known(claim, view.claim.claim_id)
        self.names[id(claim)] = "seat"

    def deadline(self, number: int, seconds: int) -> None:
        """The deadline of a group is so near, or so long ago."""
        at = self._one(self.model.groups, number).deadline + timedelta(seconds=seconds)
        if at > self.site.now:
            self.site.now = self.model.now = at
        self._work()

    def _code(self, claim: Claim) -> OfferedCode:
        """The claim's code, which its owner sees once it is paid for; one that was never shown is a wrong code.

        A seat's is there for tills before it is good, for whoever steals it.
        """
        if claim.group is not None:
            try:
                self.site.flow.present_code(self.site.as_member(claim.member), self._id(claim))
                said = "shown"
            except AppError as refusal:
                said = refusal.code
            self._same(said, self.model.shown(claim))
            return OfferedCode(None, self.site.qr(self._id(claim)), 1)
        if not self.names[id(claim)]:
            shown = self.site.flow.present_code(self.site.as_member(claim.member), self._id(claim))
            self.names[id(claim)] = shown.digits
        return OfferedCode(self.names[id(claim)], None, 1)

    def pay_claim(self, number: int, how: str) -> None:
        """A member pays for a claim."""
        self._pay(self._one(self.model.claims, number), how, cash=False)

    def pay_till(self, number: int, how: str) -> None:
        """A till collects."""
        self._pay(self._one(self.model.redemptions, number), how, cash=how == "cash")

    def _pay(self, thing: Claim | Redemption, how: str, cash: bool) -> None:
        self.site.bank.next = how
        expected = self.model.pay(thing, how, cash)
        of_claim = isinstance(thing, Claim)
        context = self.site.as_member(thing.member) if isinstance(thing, Claim) else self.site.at_till()
        request = PaymentRequest(
            "claim" if of_claim else "redemption",
            self._id(thing),
            "cash" if cash else self.site.bank.name,
            "cash" if cash else "online" if of_claim else "user_scans",
            None,
            None,
        )
        view = self._same(self.site.do(self.site.flow.create_payment(context, request)), expected)
        if not isinstance(view, str):
            self._known(self.model.payments[-1], view.payment_id)
            self._learn_refunds()

    def redeem(self, first: int, second: int, units: int, two: bool, hold: bool) -> None:
        """A till holds or uses units of one or two claims, all or nothing."""
        claims = [self._one(self.model.claims, first)]
        other = self._one(self.model.claims, second)
        if two and other is not claims[0]:
            claims.append(other)
        claims = [claim for claim in claims if self.names[id(claim)] or claim.state == "active"]
        if not claims:
            return
        asked = [min(units, claim.offer.units) for claim in claims]
        codes = tuple(replace(self._code(claim), units=count) for claim, count in zip(claims, asked, strict=True))
        request = RedemptionRequest(
            codes, self.site.loop.places[0], f"r-{secrets.token_hex(8)}", Order(GROSS, "CNY"), hold
        )
        expected = self.model.redeem(claims, asked, hold)
        view = self._same(self.site.do(self.site.flow.redeem(self.site.at_till(), request)), expected)
        if not isinstance(view, str):
            self._known(self.model.redemptions[-1], view.redemption_id)

    def step(self, number: int, step: str) -> None:
        """A till goes on with a redemption."""
        red = self._one(self.model.redemptions, number)
        expected = getattr(self.model, step)(red)
        flow, context, name = self.site.flow, self.site.at_till(), self._id(red)
        plan = flow.commit(context, name) if step == "commit" else getattr(flow, step)(context, name, "because")
        self._same(self.site.do(plan), expected)
        self._learn_refunds()

    def give_back(self, number: int) -> None:
        """A member cancels a claim."""
        claim = self._one(self.model.claims, number)
        expected = self.model.cancel_claim(claim)
        plan = self.site.flow.cancel_claim(self.site.as_member(claim.member), self._id(claim), None)
        view = self.site.do(plan)
        self._same(view, expected)
        self._learn_refunds()

    def payment(self, number: int, what: str, pays: bool) -> None:
        """A payment is cancelled or asked for; its payer pays, or gives up, or pays after all, and a notice comes."""
        found = self._one([each for each in self.model.payments if not each.cash], number)
        name = self._id(found)
        if what in ("payer", "late"):
            trade = self.site.bank.trades.get(name.hex)
            if trade is None or trade.state == "paid" or (what == "payer") != (trade.state == "waiting"):
                return
            trade.state = found.trade = "paid" if what == "late" or pays else "declined"
        if what == "cancel":
            context = self.site.as_member(found.of.member) if isinstance(found.of, Claim) else self.site.at_till()
            expected = self.model.cancel_payment(found)
            plan = self.site.flow.cancel_payment(context, name)
        else:
            expected = self.model.resolve(found)
            plan = self.site.flow.resolve_payment(None, name, self.site.now)
        self._same(self.site.do(plan), expected)
        self._learn_refunds()

    def refund(self, number: int, part: int) -> None:
        """Staff give a part of a payment back, or more than there is."""
        found = self._one(self.model.payments, number)
        amount = max(1, found.amount // part) if part != 10 else found.amount + 1
        expected = self.model.refund(found, amount)
        request = RefundRequest(f"no-{secrets.token_hex(6)}", Money(amount, "CNY"), "cold", False)
        view = self._same(
            self.site.do(self.site.flow.refund(self.site.at_till_owner(), self._id(found), request)), expected
        )
        if not isinstance(view, str):
            self._learn_refunds()

    def _learn_refunds(self) -> None:
        """Refunds that began by themselves are told apart by payment and by what caused them."""
        unknown = [each for each in self.model.refunds if id(each) not in self.ids]
        if not unknown:
            return
        known = list(self.ids.values())
        for each in unknown:
            rows = self.site.rows(
                "SELECT refund_id, amount_minor FROM refunds WHERE payment_id = :p AND cause = :c"
                " AND refund_id <> ALL (:known) ORDER BY refund_id",
                p=self._id(each.payment),
                c=each.cause,
                known=known,
            )
            assert [row.amount_minor for row in rows] == [each.amount], (each.cause, rows)
            self._known(each, rows[0].refund_id)
            known.append(rows[0].refund_id)

    def bank(self, mode: str) -> None:
        """The bank fails, or is there again."""
        self.site.bank.mode = self.model.bank = mode

    def time(self, seconds: int) -> None:
        """Time goes by; then what it ended is ended, and jobs ask the bank."""
        self.site.now += timedelta(seconds=seconds)
        self.model.now = self.site.now
        self._work()

    def _work(self) -> None:
        """A worker's turn: what time has ended, then the jobs that are due."""
        self.model.sweep()
        for plan in self.site.flow.due_work(CITY, self.site.now):
            self.site.do(plan)
        self._learn_refunds()
        by_id = {self._id(each): each for each in (*self.model.payments, *self.model.refunds)}
        conn, now, flow = self.site.conn, self.site.now, self.site.flow
        for job in outbox.take_jobs(conn, CITY, now, lease=timedelta(seconds=60), limit=100):
            if job.kind == "coupon.stock":
                tell_sold_out(conn, job.ref_id, now)
                outbox.finish_job(conn, job, now)
                continue
            if job.kind == "payment.resolve":
                expected, plan = self.model.resolve(by_id[job.ref_id]), flow.resolve_payment(None, job.ref_id, now)
            else:
                expected, plan = self.model.resolve_refund(by_id[job.ref_id]), flow.resolve_refund(job.ref_id, now)
            self._same(self.site.do(plan), expected)
            self._learn_refunds()
            if expected in UNFINISHED or expected == "provider-unavailable":
                outbox.retry_job(conn, job, now + job_pause(job.tries), None)
            else:
                outbox.finish_job(conn, job, now)
        self._same_counters()

    def settle(self) -> None:
        """An operator closes a statement up to now and pays it out."""
        expected = self.model.settle(FLOOR)
        conn, merchant, now = self.site.conn, self.site.loop.merchant, self.site.now
        with conn.begin_nested():
            try:
                draft = statements.draft(conn, CITY, merchant, "CNY", now, now)
                closed = statements.close(conn, draft.settlement_id, FLOOR, now)
            except (NothingToSettle, CutRefused):
                assert expected is None
                return
            assert (closed.netting.lines_minor, closed.netting.payout_minor) == expected
            if closed.netting.payout_minor:
                statements.pay(conn, closed.settlement_id, secrets.token_hex(4), now)

    # the end

    def finish(self) -> None:
        """What is open is ended, then both sides and the predicates have to agree; then everything is undone."""
        self.bank("up")
        for _ in range(3):
            self.time(400)  # a job waits for five minutes at most
        for _ in range(8):
            if any(group.state in ("open", "failed") for group in self.model.groups):
                self.time(400)
        self._agree()
        self._same_groups()
        self._undo()

    def _agree(self) -> None:
        for table, key, things in (
            ("claims", "claim_id", self.model.claims),
            ("redemptions", "redemption_id", self.model.redemptions),
            ("payments", "payment_id", self.model.payments),
            ("refunds", "refund_id", self.model.refunds),
        ):
            stored = {row[0]: row[1] for row in self.site.rows(f"SELECT {key}, state FROM {table}")}
            assert stored == {self._id(each): each.state for each in things}, table
        for payment in self.model.payments:
            self._same_payment(payment)
        taken = {name: self.model.taken[name] for name in self.site.coupons}
        rows = self.site.rows("SELECT coupon_id, sum(taken) FROM coupon_stock GROUP BY 1")
        found = {row[0]: int(row[1]) for row in rows}
        assert {name: found[each] for name, each in self.site.coupons.items()} == taken
        self._same_books()
        broken = self.site.broken()
        assert not broken, broken

    def _same_counters(self) -> None:
        groups = self.model.groups
        if not groups:
            return
        columns = "state, taken, joined, most_joined"
        stored = {row[0]: tuple(row[1:]) for row in self.site.rows(f"SELECT group_id, {columns} FROM deal_groups")}
        assert stored == {self._id(each): (each.state, each.taken, each.joined, each.most) for each in groups}, "groups"

    def _same_groups(self) -> None:
        """Seats, and what was told of groups; money of those that failed went back once, to everybody."""
        groups = self.model.groups
        found = {tuple(row) for row in self.site.rows("SELECT group_id, claim_id, state FROM group_seats")}
        seats = {(self._id(each), self._id(seat.claim), seat.state) for each in groups for seat in each.seats.values()}
        assert found == seats
        told: dict[UUID, list[str]] = {self._id(each): [] for each in groups}
        for row in self.site.rows(
            "SELECT aggregate_id, type FROM outbox_events WHERE type LIKE 'fujin.group.%' ORDER BY aggregate_id, seq"
        ):
            told[row.aggregate_id].append(row.type.split(".")[2])
        assert told == {self._id(each): each.told for each in groups}
        for group in groups:
            assert group.state in ("succeeded", "closed"), "a group has no end"
            paid = [each for each in self.model.payments if isinstance(each.of, Claim) and each.of.group is group]
            back = [each.refunded == each.captured == self._bank_gave(each) for each in paid]
            assert group.state == "succeeded" or all(back), "a closed group keeps money"

    def _bank_gave(self, payment: Payment) -> int:
        trade = self.site.bank.trades.get(self._id(payment).hex)
        return 0 if trade is None else trade.refunded

    def _same_payment(self, payment: Payment) -> None:
        columns = "captured_minor, refunded_minor, refunding_minor, fee_minor, fee_returned_minor"
        (row,) = self.site.rows(f"SELECT {columns} FROM payments WHERE payment_id = :p", p=self._id(payment))
        expected = (payment.captured, payment.refunded, payment.refunding, payment.fee, payment.fee_back)
        assert tuple(row) == expected

    def _same_books(self) -> None:
        books = {kind: amount for kind, amount in self.model.books.items() if amount}
        stored = {kind: amount for kind, amount in balances(self.site.conn, CITY, "CNY").items() if amount}
        assert stored == books
        assert books.get("prepaid_liability", 0) <= 0, "more was given for prepaid coupons than was paid for them"

    def _undo(self) -> None:
        """L22: reversing and refunding everything returns every balance to its start, but fees that a bank keeps."""
        for red in self.model.redemptions:
            if red.state == "committed":
                red.reverse_before = self.site.now + timedelta(hours=1)
                for claim, _no, _prepaid in red.units:
                    claim.reversed_times = 0
                self.site.conn.exec_driver_sql(
                    "UPDATE redemptions SET reverse_before = %(at)s WHERE redemption_id = %(id)s",
                    {"at": red.reverse_before, "id": self._id(red)},
                )
                expected = self.model.reverse(red)
                self._same(self.site.do(self.site.flow.reverse(self.site.at_till(), self._id(red), "end")), expected)
                self._learn_refunds()
        for payment in self.model.payments:
            if payment.left and payment.state == "succeeded":
                request = RefundRequest(f"end-{secrets.token_hex(6)}", Money(payment.left, "CNY"), "end", False)
                expected = self.model.refund(payment, payment.left)
                plan = self.site.flow.refund(self.site.at_till_owner(), self._id(payment), request)
                self._same(self.site.do(plan), expected)
                self._learn_refunds()
        self._same_books()
        books = self.model.books
        merchant = ("merchant_payable", "payout_due", "payout_clearing", "merchant_receivable")
        kept = sum(payment.fee - payment.fee_back for payment in self.model.payments)
        assert sum(books[kind] for kind in merchant) == 0
        assert (books["provider_clearing"], books["provider_fee_expense"]) == (-kept, kept)
        for kind in ("promo_expense", "platform_revenue", "prepaid_liability", "stray_liability", "promo_used"):
            assert books[kind] == 0, kind
