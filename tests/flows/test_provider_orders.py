"""Messages of a payment and its refund in every order, with repeats: one final state, one ledger."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core.clock import system_clock
from app.core.money import Money
from app.flow.types import RefundRequest
from app.http.steps import Plan
from app.payments.fakepay.books import Refund
from app.payments.fakepay.scenario import Step
from app.payments.providers.calling import Call
from app.payments.rules import provider_refund_no_of
from tests.factories.fakepay import small
from tests.factories.provider_site import PRICE, Site

KIND_OF = {
    "pending": "waiting",
    "succeeded": "paid",
    "refund pending": "refund_pending",
    "refunded": "refund_done",
    "succeeded again": "paid",
}


class Walk:
    """All orders as a tree: what two of them begin with is done once, in a savepoint that is given up afterwards.

    Everything goes through the flow's plans, on one connection that never commits; fakepay's books go back with it.
    """

    def __init__(self, site: Site, conn: sa.Connection, provider: str, payment: dict[str, Any], claim_id: UUID) -> None:
        self._site, self._conn, self._provider = site, conn, provider
        self._payment_id, self._claim_id = UUID(payment["payment_id"]), claim_id
        self._bank, self._trade_no = site.bench.fakepay, payment["trade_no"]
        self._told = self._messages()
        self.ends: dict[tuple[str, ...], Any] = {}

    def after(self, so_far: tuple[str, ...], asked_back: bool) -> None:
        """Tells each message that is left, twice, and goes on from there."""
        if len(so_far) == len(KIND_OF):
            self.ends[so_far] = self._end()
            return
        for name in KIND_OF:
            if name in so_far:
                continue
            with self._given_up():
                if name == "refunded" and asked_back:
                    self._bank.act(self._trade_no, "refund_done")
                for _ in range(2):
                    self._run(
                        self._site.flow.provider_notice(
                            self._provider, small(self._told[name]), self._told[name].body, system_clock()
                        )
                    )
                self.after((*so_far, name), asked_back or self._asked_back())

    def _messages(self) -> dict[str, Call]:
        """The five, each rightly signed; those on the refund name it by the number that we shall give it."""
        trade, refund_no = self._bank.trade(self._trade_no), provider_refund_no_of(self._payment_id, "r1")
        found = {}
        for name, kind in KIND_OF.items():
            if kind.startswith("refund_"):
                trade.refunds.append(Refund("re_told", refund_no, PRICE, "pending"))
            found[name] = self._bank.message(self._trade_no, kind)
            trade.refunds.clear()
        return found

    def _asked_back(self) -> bool:
        """The merchant asks for the money back as soon as it is there."""
        if self._one("SELECT state FROM payments WHERE payment_id = :id") != "succeeded":
            return False
        wanted = RefundRequest("r1", Money(PRICE, "CNY"), "凉了", False)
        self._run(self._site.flow.refund(self._site.context(), self._payment_id, wanted))
        return True

    def _end(self) -> Any:
        """The bank has done what it was asked, and the jobs ask until nothing is open."""
        if self._bank.trade(self._trade_no).refunds[-1].state == "pending":
            self._bank.act(self._trade_no, "refund_done")
        refund_id = self._one("SELECT refund_id FROM refunds WHERE payment_id = :id")
        self._run(self._site.flow.resolve_refund(refund_id, system_clock()))
        self._run(self._site.flow.resolve_payment(None, self._payment_id, system_clock()))
        payment = self._rows(
            "SELECT state, captured_minor, refunding_minor, refunded_minor FROM payments WHERE payment_id = :id"
        )
        events = self._rows(
            "SELECT type FROM outbox_events WHERE aggregate_id IN (:id, :refund) ORDER BY type", refund_id
        )
        ledger = self._rows(
            "SELECT kind, amount_minor FROM transfers WHERE ref_id IN (:id, :refund) ORDER BY kind", refund_id
        )
        claim = self._one("SELECT state FROM claims WHERE claim_id = :claim")
        return payment[0], claim, ledger, events, self._bank.trade(self._trade_no).refunded_minor

    @contextmanager
    def _given_up(self) -> Iterator[None]:
        books, stripe = self._bank._books, self._bank._stripe
        before = copy.deepcopy(books.trades), books.last, dict(stripe._kept)
        savepoint = self._conn.begin_nested()
        yield
        savepoint.rollback()
        books.trades, books._last, stripe._kept = before

    def _run(self, plan: Plan) -> Any:
        prepared = plan.prepare(self._conn)
        return plan.settle(self._conn, prepared, plan.call(prepared) if plan.call else None)

    def _rows(self, statement: str, refund_id: UUID | None = None) -> list[tuple[Any, ...]]:
        given = {"id": self._payment_id, "refund": refund_id, "claim": self._claim_id}
        names = {name: value for name, value in given.items() if f":{name}" in statement}
        return [tuple(row) for row in self._conn.execute(sa.text(statement), names)]

    def _one(self, statement: str) -> Any:
        return self._rows(statement)[0][0]


@pytest.mark.parametrize("provider", ["alipay", "stripe"])
def test_all_120_orders_with_repeats_end_in_one_state_and_one_ledger(site: Site, provider: str) -> None:
    site.bench.play(Step("refund", times=0, refund="pending", copies=0))
    found, claim_id, _ = site.waiting(provider)
    with site.at_work(), site.database.write() as conn:
        walk = Walk(site, conn, provider, found, claim_id)
        site.bench.fakepay.act(found["trade_no"], "pay")
        walk.after((), False)
    fees = {"alipay": [], "stripe": [("provider_fee", 116)]}
    ledger = sorted([("prepaid", PRICE), ("undo_prepaid", PRICE), *fees[provider]])
    events = ["payment.pending", "payment.succeeded", "refund.requested", "refund.succeeded"]
    told = [(f"fujin.{name}.v1",) for name in events]
    assert len(walk.ends) == 120
    end = (("succeeded", PRICE, 0, PRICE), "refunded", ledger, told, PRICE)
    assert [order for order, each in walk.ends.items() if each != end] == []
