"""The test wallet as a partner: idempotent by its numbers, its fee, its notices over a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.serving import make_server

from app.core.clock import system_clock
from app.payments.providers.cash import Cash
from app.payments.providers.wallet_notices import send_due_notices
from app.payments.rules import half_up
from app.payments.types import (
    Asked,
    Closed,
    Declined,
    Missing,
    Paid,
    PayOrder,
    RefundDone,
    RefundOrder,
    RefundRefused,
    Silent,
    Waiting,
)
from tests.factories.paying import Paying, at_once

UNTIL = system_clock() + timedelta(minutes=5)


def order(number: str = "t1", amount: int = 4000, currency: str = "CNY", **told: object) -> PayOrder:
    return PayOrder(number, amount, currency, "online", UNTIL, told=told)


def asked(number: str) -> Asked:
    return Asked(number, 4000, "CNY", "online")


def back(number: str, amount: int, trade: str = "t1") -> RefundOrder:
    return RefundOrder(number, trade, amount, "CNY", "cold")


def test_a_number_is_one_trade(paying: Paying) -> None:
    first = paying.wallet.pay(order())
    assert isinstance(first, Paid)
    assert (first.amount_minor, first.currency, first.fee_minor) == (4000, "CNY", 20)
    assert paying.wallet.pay(order()) == first
    assert paying.wallet.query(asked("t1")) == first
    assert paying.wallet.pay(order(amount=4001)) == Declined("number reused")
    assert paying.wallet.pay(order(currency="EUR")) == Declined("number reused")
    assert paying.loop.one("SELECT count(*) FROM wallet_trades") == 1
    assert paying.loop.one("SELECT count(*) FROM wallet_notices") == 1


def test_ten_parallel_requests_of_one_number_are_one_trade(paying: Paying) -> None:
    answers = at_once(*[lambda: paying.wallet.pay(order())] * 8)
    assert len(set(answers)) == 1
    assert paying.loop.one("SELECT count(*) FROM wallet_trades") == 1


def test_the_fee_is_fifty_basis_points_rounded_half_up(paying: Paying) -> None:
    fees = {1: 0, 99: 0, 100: 1, 299: 1, 300: 2, 4000: 20, 10_000: 50}
    for amount, fee in fees.items():
        found = paying.wallet.pay(order(f"t{amount}", amount))
        assert isinstance(found, Paid)
        assert (amount, found.fee_minor) == (amount, fee)


def test_a_closed_number_takes_no_money(paying: Paying) -> None:
    assert isinstance(paying.wallet.query(asked("t1")), Missing)
    assert isinstance(paying.wallet.cancel(asked("t1")), Closed)
    assert isinstance(paying.wallet.pay(order()), Closed)
    assert not paying.wallet.tell("t1", "pay")
    assert isinstance(paying.wallet.pay(order("t2", outcome="wait")), Waiting)
    assert isinstance(paying.wallet.cancel(asked("t2")), Closed)
    assert isinstance(paying.wallet.pay(order("t2", outcome="wait")), Closed)


def test_a_paid_number_is_not_cancelled(paying: Paying) -> None:
    paid = paying.wallet.pay(order())
    assert paying.wallet.cancel(asked("t1")) == paid
    assert not paying.wallet.tell("t1", "decline")


def test_lost_answers_are_silence_about_what_has_happened(paying: Paying) -> None:
    assert isinstance(paying.wallet.pay(order(lost_answers=2)), Silent)
    assert isinstance(paying.wallet.query(asked("t1")), Silent)
    assert isinstance(paying.wallet.query(asked("t1")), Paid)


def test_books_that_do_not_answer_are_silence(paying: Paying, monkeypatch: pytest.MonkeyPatch) -> None:
    paying.loop.world.run("ALTER TABLE wallet_trades RENAME TO gone", {})
    assert isinstance(paying.wallet.pay(order()), Silent)
    assert isinstance(paying.wallet.query(asked("t1")), Silent)
    assert isinstance(paying.wallet.refund(back("r1", 1)), Silent)


def test_a_refund_number_pays_once_and_never_more_than_there_is(paying: Paying) -> None:
    paying.wallet.pay(order())
    assert paying.wallet.refund(back("r1", 1000)) == RefundDone(5)
    assert paying.wallet.refund(back("r1", 1000)) == RefundDone(5)
    assert paying.wallet.refund_query(back("r1", 1)) == RefundDone(5)
    assert paying.wallet.refund(back("r1", 999)) == RefundRefused("number reused")
    assert paying.wallet.refund(back("r2", 3001)) == RefundRefused("exceeds what is left")
    assert paying.wallet.refund_query(back("r2", 1)) == RefundRefused("exceeds what is left")
    assert paying.wallet.refund(back("r3", 1, "t9")) == RefundRefused("nothing was paid")
    assert isinstance(paying.wallet.refund_query(back("r3", 1)), Missing)
    assert paying.wallet.refund(back("r4", 3000)) == RefundDone(15)
    assert paying.loop.rows("SELECT refunded_minor, fee_returned_minor FROM wallet_trades") == [(4000, 20)]


@given(amount=st.integers(1, 10**9), cuts=st.lists(st.integers(1, 10**9), max_size=6))
def test_parts_return_the_whole_fee_whatever_they_are(amount: int, cuts: list[int]) -> None:
    fee, refunded, returned = half_up(amount * 50, 10_000), 0, 0
    for end in [*sorted(cut for cut in cuts if cut < amount), amount]:
        part = half_up(fee * end, amount) - returned
        assert part >= 0
        refunded, returned = end, returned + part
    assert (refunded, returned) == (amount, fee)


def test_cash_has_happened() -> None:
    cash = Cash()
    assert cash.pay(order()) == Paid(None, 4000, "CNY", 0)
    assert cash.refund(back("r1", 5)) == RefundDone(0)
    assert cash.refund_query(back("r1", 1)) == RefundDone(0)
    assert (cash.query(asked("t1")), cash.cancel(asked("t1"))) == (Missing(), Missing())


@pytest.fixture
def address(paying: Paying) -> Iterator[str]:
    """Where the application can be reached over loopback."""
    server = make_server("127.0.0.1", 0, paying.loop.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_notices_go_over_the_wire_with_all_their_copies(paying: Paying, address: str) -> None:
    found, claim_id, _ = paying.paid_claim(outcome="wait", settles_after_s=0, notices=3)
    settings = replace(paying.settings, public_url=address)
    assert send_due_notices(paying.database, settings, system_clock) == 1
    assert (paying.payment(found["payment_id"]).state, paying.state_of(claim_id)) == ("succeeded", "active")
    assert paying.loop.one("SELECT count(*) FROM provider_events") == 1
    assert paying.loop.one("SELECT count(*) FROM wallet_notices WHERE sent_at IS NOT NULL") == 1
    assert send_due_notices(paying.database, settings, system_clock) == 0


def test_a_notice_that_is_not_taken_is_sent_again_later_and_not_for_ever(paying: Paying) -> None:
    paying.paid_claim()
    refused = 0
    for _ in range(12):
        refused += send_due_notices(paying.database, paying.settings, paying.clock, lambda *_: False)
        paying.clock.ahead += timedelta(hours=1)
    assert refused == 8
    assert paying.loop.rows("SELECT tries, sent_at FROM wallet_notices") == [(8, None)]


def test_a_door_that_is_shut_is_a_notice_not_taken(paying: Paying) -> None:
    paying.paid_claim()
    settings = replace(paying.settings, public_url="http://127.0.0.1:9")
    assert send_due_notices(paying.database, settings, system_clock) == 1
    assert paying.loop.one("SELECT sent_at FROM wallet_notices") is None


def test_the_promise_of_a_trade_that_was_closed_is_not_sent(paying: Paying) -> None:
    found, _, _ = paying.paid_claim(outcome="wait", settles_after_s=60)
    assert isinstance(paying.wallet.cancel(asked(found["trade_no"])), Closed)
    paying.clock.ahead = timedelta(seconds=61)
    assert paying.send_notices() == 1
    assert paying.loop.one("SELECT count(*) FROM provider_events") == 0
    assert paying.loop.one("SELECT sent_at FROM wallet_notices") is not None
