"""The failures of paying, each with the one state that it must end in: crashes, silence, notices in any order."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core.errors import AppError
from app.payments.errors import ProviderUnavailable
from app.payments.providers.signing import signed_headers
from app.payments.types import Asked, Closed, Declined, Missing, Paid, PayOrder, Silent, Waiting
from tests.factories.paying import PRICE, Paying, at_once

CAPTURED = [("capture", "claim", PRICE, 20)]


# crashes


def test_m2_a_crash_before_the_call_ends_failed_and_the_claim_can_be_paid(paying: Paying) -> None:
    claim_id, member = paying.claim()
    payment = paying.prepared(paying.creating(claim_id, member)).payment
    assert paying.jobs() == [("payment.resolve", payment.payment_id, "due")]
    assert paying.resolve(payment.payment_id, after_s=5) == "unknown"
    assert paying.resolve(payment.payment_id, after_s=59) == "unknown"
    assert paying.resolve(payment.payment_id, after_s=61) == "failed"
    assert paying.events(payment.payment_id) == ["payment.unknown", "payment.failed"]
    # a request that was on its way all the time finds its number closed
    late = PayOrder(payment.trade_no, PRICE, "CNY", "online", payment.pay_until)
    assert isinstance(paying.wallet.pay(late), Closed)
    paying.clock.ahead = timedelta()
    assert paying.pay("claim", claim_id, (member, "member")).get_json()["state"] == "succeeded"
    assert paying.ledger.lines() == CAPTURED


def test_m3_a_crash_after_the_provider_accepted_ends_paid_once(paying: Paying) -> None:
    claim_id, member = paying.claim()
    plan = paying.creating(claim_id, member)
    prepared = paying.prepared(plan)
    assert plan.call is not None
    assert isinstance(plan.call(prepared), Paid)
    assert paying.state_of(claim_id) == "pending_payment"
    payment_id = prepared.payment.payment_id
    assert [paying.resolve(payment_id), paying.resolve(payment_id)] == ["succeeded", "succeeded"]
    assert (paying.state_of(claim_id), paying.ledger.lines()) == ("active", CAPTURED)
    assert paying.events(payment_id) == ["payment.succeeded"]


def test_the_key_of_a_crashed_request_finds_its_payment_and_asks(paying: Paying) -> None:
    claim_id, member = paying.claim()
    plan = paying.creating(claim_id, member, "k9")
    prepared = paying.prepared(plan)
    assert plan.call is not None
    plan.call(prepared)
    again = paying.pay("claim", claim_id, (member, "member"), key="k9", wallet={})
    assert (again.status_code, again.get_json()["state"]) == (201, "succeeded")
    assert again.get_json()["payment_id"] == str(prepared.payment.payment_id)
    assert paying.loop.one("SELECT count(*) FROM wallet_trades") == 1


def test_a_lost_answer_is_unknown_and_the_job_finds_the_money(paying: Paying) -> None:
    found, claim_id, _ = paying.paid_claim(lost_answers=3)
    assert (found["state"], found["next_actions"]) == ("unknown", ["cancel", "resolve"])
    assert [paying.resolve(found["payment_id"]) for _ in range(3)] == ["unknown", "unknown", "succeeded"]
    assert (paying.state_of(claim_id), paying.ledger.lines()) == ("active", CAPTURED)
    assert paying.events(found["payment_id"]) == ["payment.unknown", "payment.succeeded"]


def test_a_provider_slower_than_our_patience_is_unknown_although_it_took_the_money(paying: Paying) -> None:
    slow, claim_id, _ = paying.paid_claim(delay_s=30)
    assert (slow["state"], paying.slept) == ("unknown", [8.0])
    assert paying.resolve(slow["payment_id"]) == "succeeded"
    assert paying.state_of(claim_id) == "active"
    in_time, _, _ = paying.paid_claim(delay_s=2)
    assert (in_time["state"], paying.slept) == ("succeeded", [8.0, 2.0])


def test_a_payment_past_its_time_is_cancelled_at_the_provider_first(paying: Paying) -> None:
    found, claim_id, _ = paying.paid_claim(outcome="wait")
    assert paying.resolve(found["payment_id"], after_s=60) == "pending"
    assert paying.resolve(found["payment_id"], after_s=24 * 3600) == "cancelled"
    assert paying.loop.one("SELECT state FROM wallet_trades") == "closed"
    assert paying.state_of(claim_id) == "pending_payment"


def test_a_cancellation_that_is_not_answered_goes_on_until_it_is(paying: Paying) -> None:
    found, _, member = paying.paid_claim(outcome="wait", lost_answers=5)
    assert found["state"] == "unknown"
    path = f"/v1/payments/{found['payment_id']}/cancel"
    answer = paying.loop.post(path, {}, by=(member, "member"))
    assert (answer.get_json()["state"], answer.headers["Retry-After"]) == ("cancelling", "2")
    assert paying.resolve(found["payment_id"]) == "cancelling"
    assert paying.resolve(found["payment_id"]) == "cancelled"


# notices


def test_m4_a_notice_before_the_synchronous_answer_leaves_the_answer_nothing_to_do(paying: Paying) -> None:
    claim_id, member = paying.claim()
    plan = paying.creating(claim_id, member)
    prepared = paying.prepared(plan)
    assert plan.call is not None
    outcome = plan.call(prepared)
    assert paying.send_notices() == 1
    assert paying.state_of(claim_id) == "active"
    assert paying.settled(plan, prepared, outcome).state == "succeeded"
    assert paying.events(prepared.payment.payment_id) == ["payment.succeeded"]
    assert paying.ledger.lines() == CAPTURED


def test_m5_of_ten_parallel_copies_one_is_applied_and_all_are_answered(paying: Paying) -> None:
    found, claim_id, _ = paying.paid_claim(outcome="wait")
    assert paying.wallet.tell(found["trade_no"], "pay")
    signed = paying.notice(found["trade_no"], number="msg_same")
    codes = at_once(*[lambda: paying.notify(signed.body, signed.headers).status_code] * 10)
    assert codes == [204] * 10
    kept = paying.loop.rows("SELECT event_key, applied, outcome, body FROM provider_events")
    assert [(row[0], row[1], row[2], bytes(row[3])) for row in kept] == [
        ("test_wallet:msg_same", True, "succeeded", signed.body)
    ]
    assert (paying.state_of(claim_id), paying.ledger.lines()) == ("active", CAPTURED)
    assert paying.events(found["payment_id"]) == ["payment.pending", "payment.succeeded"]


def test_m6_failed_then_succeeded_delivered_the_other_way_round_ends_succeeded(paying: Paying) -> None:
    found, claim_id, _ = paying.paid_claim(outcome="decline", notices=1, notice_delay_s=3600)
    assert found["state"] == "failed"
    assert paying.wallet.tell(found["trade_no"], "pay")
    for kind in ("paid", "declined"):
        signed = paying.notice(found["trade_no"], kind=kind)
        assert paying.notify(signed.body, signed.headers).status_code == 204
    assert paying.payment(found["payment_id"]).state == "succeeded"
    assert (paying.state_of(claim_id), paying.ledger.lines()) == ("active", CAPTURED)
    assert paying.events(found["payment_id"]) == ["payment.failed", "payment.succeeded"]


@pytest.mark.parametrize("truth", ["paid", "declined", "closed"])
def test_any_order_and_number_of_messages_ends_in_the_state_of_the_providers_book(paying: Paying, truth: str) -> None:
    ends = {"paid": ("succeeded", "active"), "declined": ("failed", "pending_payment")}
    ends["closed"] = ends["declined"]
    for order in itertools.permutations(range(4)):
        claim_id, member = paying.claim()
        plan = paying.creating(claim_id, member, key=f"{truth}{order}", outcome="wait", notices=0)
        prepared = paying.prepared(plan)
        assert plan.call is not None
        assert isinstance(plan.call(prepared), Waiting)
        payment = prepared.payment
        _let_happen(paying, payment.trade_no, truth)
        messages: list[Callable[[], Any]] = [
            partial(_deliver, paying, payment.trade_no, "paid"),
            partial(_deliver, paying, payment.trade_no, "declined"),
            partial(paying.resolve, payment.payment_id),
            partial(paying.settled, plan, prepared, Waiting(None)),
        ]
        for number in (*order, *reversed(order)):
            messages[number]()
        row = paying.payment(payment.payment_id)
        assert (row.state, paying.state_of(claim_id)) == ends[truth], order
        assert row.captured_minor == (PRICE if truth == "paid" else 0)
    assert len(paying.ledger.lines()) == (24 if truth == "paid" else 0)
    assert paying.loop.one("SELECT count(*) FROM refunds") == 0


def _let_happen(paying: Paying, trade_no: str, truth: str) -> None:
    if truth == "closed":
        assert isinstance(paying.wallet.cancel(Asked(trade_no, PRICE, "CNY", "online")), Closed)
    else:
        assert paying.wallet.tell(trade_no, "pay" if truth == "paid" else "decline")


def _deliver(paying: Paying, trade_no: str, kind: str) -> None:
    signed = paying.notice(trade_no, kind=kind, number=f"msg_{trade_no}_{kind}")
    assert paying.notify(signed.body, signed.headers).status_code == 204


@pytest.mark.parametrize("late", [Declined("no"), Closed("closed"), Missing(), Silent("late"), Waiting("x")])
def test_nothing_that_is_said_later_takes_a_succeeded_payment_back(paying: Paying, late: Any) -> None:
    claim_id, member = paying.claim()
    plan = paying.creating(claim_id, member)
    prepared = paying.prepared(plan)
    assert plan.call is not None
    paying.settled(plan, prepared, plan.call(prepared))
    before = paying.payment(prepared.payment.payment_id)
    assert paying.settled(plan, prepared, late).state == "succeeded"
    assert paying.payment(prepared.payment.payment_id) == before
    assert paying.events(prepared.payment.payment_id) == ["payment.succeeded"]


def test_a_notice_lost_between_our_two_transactions_is_made_good_by_its_job(paying: Paying) -> None:
    found, claim_id, _ = paying.paid_claim(outcome="decline", notices=0)
    job = ("payment.resolve", UUID(found["payment_id"]))
    paying.loop.world.run("UPDATE jobs SET state = 'done', done_at = :now", {"now": paying.loop.now})
    assert paying.wallet.tell(found["trade_no"], "pay")
    signed = paying.notice(found["trade_no"])
    with paying.at_work():
        paying.prepared(paying.part.provider_notice("test_wallet", signed.headers, signed.body, paying.clock()))
    assert (*job, "due") in paying.jobs()
    assert paying.notify(signed.body, signed.headers).status_code == 204  # a copy: kept already
    assert paying.payment(found["payment_id"]).state == "failed"
    assert paying.resolve(found["payment_id"]) == "succeeded"
    assert paying.state_of(claim_id) == "active"


def test_an_ended_payment_of_a_silent_provider_keeps_its_job(paying: Paying) -> None:
    found, _, _ = paying.paid_claim(outcome="decline")
    paying.loop.world.run("UPDATE wallet_trades SET lost_answers = 1, state = 'paid'", {})
    with pytest.raises(ProviderUnavailable):
        paying.resolve(found["payment_id"])
    assert paying.payment(found["payment_id"]).state == "failed"
    assert paying.resolve(found["payment_id"]) == "succeeded"


@pytest.mark.parametrize(("amount", "currency"), [(PRICE + 1, "CNY"), (PRICE - 1, "CNY"), (PRICE, "EUR")])
def test_m8_a_rightly_signed_notice_with_another_amount_changes_nothing_and_alarms(
    paying: Paying, caplog: pytest.LogCaptureFixture, amount: int, currency: str
) -> None:
    found, claim_id, _ = paying.paid_claim(outcome="wait")
    assert paying.wallet.tell(found["trade_no"], "pay")
    body = paying.notice(found["trade_no"], amount=amount).body.replace(b"CNY", currency.encode())
    headers = signed_headers(paying.secret, "msg_wrong", paying.loop.now, body)
    with caplog.at_level("ERROR", logger="fujin.payments"):
        assert paying.notify(body, headers).status_code == 204
    assert [record.getMessage() for record in caplog.records] == ["notice parked"]
    assert paying.loop.rows("SELECT applied, outcome FROM provider_events") == [(False, "amount-mismatch")]
    assert paying.payment(found["payment_id"]).state == "pending"
    assert (paying.state_of(claim_id), paying.ledger.lines()) == ("pending_payment", [])
    assert paying.resolve(found["payment_id"]) == "succeeded"


def test_the_wallet_sends_copies_late_and_wrong_when_told(paying: Paying) -> None:
    right, _, _ = paying.paid_claim(notices=3, notice_delay_s=600)
    wrong, _, _ = paying.paid_claim(wrong_amount=True)
    assert paying.send_notices() == 1  # the wrong one
    paying.clock.ahead = timedelta(seconds=299)
    assert paying.send_notices() == 0
    told = paying.loop.rows("SELECT trade_no, outcome FROM provider_events")
    assert told == [(wrong["trade_no"], "amount-mismatch")]
    paying.loop.world.run("UPDATE wallet_notices SET send_at = :now WHERE sent_at IS NULL", {"now": paying.loop.now})
    paying.clock.ahead = timedelta()
    assert paying.send_notices() == 1
    assert paying.loop.one("SELECT count(*) FROM provider_events WHERE trade_no = :t", t=right["trade_no"]) == 1


def test_a_wallet_that_pays_later_says_so_by_itself(paying: Paying) -> None:
    found, claim_id, _ = paying.paid_claim(outcome="wait", settles_after_s=60)
    assert (found["state"], paying.send_notices()) == ("pending", 0)
    paying.clock.ahead = timedelta(seconds=61)
    assert paying.send_notices() == 1
    assert (paying.payment(found["payment_id"]).state, paying.state_of(claim_id)) == ("succeeded", "active")


def test_a_wallet_that_declines_and_pays_after_all_says_both(paying: Paying) -> None:
    found, claim_id, member = paying.paid_claim(outcome="decline", settles_after_s=60)
    assert (found["state"], paying.send_notices()) == ("failed", 1)
    again = paying.pay("claim", claim_id, (member, "member")).get_json()
    assert again["state"] == "succeeded"
    paying.clock.ahead = timedelta(seconds=61)
    paying.send_notices()
    assert paying.payment(found["payment_id"]).state == "stray"
    assert paying.payment(again["payment_id"]).state == "succeeded"


def test_notices_of_trades_that_nobody_knows_are_kept_and_answered(paying: Paying) -> None:
    found, _, _ = paying.paid_claim(outcome="wait")
    for number, trade_no in enumerate(("0" * 32, "nonsense", found["trade_no"][:-1], "")):
        signed = paying.notice(trade_no, number=f"msg_{number}")
        assert paying.notify(signed.body, signed.headers).status_code == 204
    unread = b"[1, 2"
    headers = signed_headers(paying.secret, "msg_unread", paying.loop.now, unread)
    assert paying.notify(unread, headers).status_code == 204
    assert paying.loop.rows("SELECT DISTINCT applied, outcome FROM provider_events") == [(False, "unknown-trade")]
    assert paying.payment(found["payment_id"]).state == "pending"


# strays


def test_m7_money_for_a_released_claim_is_stray_and_goes_back_by_itself(
    paying: Paying, caplog: pytest.LogCaptureFixture
) -> None:
    found, claim_id, _ = paying.paid_claim(outcome="decline", notices=1)
    paying.release(claim_id)
    taken = paying.loop.one("SELECT taken FROM coupon_stock")
    assert paying.wallet.tell(found["trade_no"], "pay")
    with caplog.at_level("ERROR", logger="fujin.payments"):
        assert paying.send_notices() == 2
    assert "stray payment, to be refunded" in caplog.text
    row = paying.payment(found["payment_id"])
    assert (row.state, row.captured_minor, row.refunding_minor) == ("stray", PRICE, PRICE)
    refund = paying.loop.rows("SELECT * FROM refunds")[0]
    assert (refund.refund_no, refund.cause, refund.state) == (f"stray:{found['payment_id']}", "stray", "requested")
    assert ("refund.resolve", refund.refund_id, "due") in paying.jobs()
    assert [paying.resolve_refund(refund.refund_id) for _ in range(2)] == ["succeeded", "succeeded"]
    assert paying.payment(found["payment_id"]).refunded_minor == PRICE
    assert paying.loop.one("SELECT refunded_minor FROM wallet_trades") == PRICE
    assert (paying.state_of(claim_id), paying.loop.one("SELECT taken FROM coupon_stock")) == ("released", taken)
    assert paying.ledger.lines() == [("refund", "stray", PRICE, 20), ("stray", "stray", PRICE, 20)]
    assert paying.events(found["payment_id"]) == ["payment.failed", "payment.stray"]


def test_m7_money_for_a_void_hold_is_stray(paying: Paying) -> None:
    redemption, staff = paying.redemption(), paying.staff()
    found = paying.pay("redemption", redemption, staff, wallet={"outcome": "wait"}).get_json()
    paying.loop.world.run("UPDATE redemptions SET state = 'voided', ended_at = :now", {"now": paying.loop.now})
    assert paying.wallet.tell(found["trade_no"], "pay")
    assert paying.resolve(found["payment_id"]) == "stray"
    assert paying.loop.one("SELECT state FROM redemptions") == "voided"


def test_late_money_beside_another_payment_of_the_same_claim_is_stray(paying: Paying) -> None:
    first, claim_id, member = paying.paid_claim(outcome="decline")
    second = paying.pay("claim", claim_id, (member, "member"), wallet={"outcome": "wait"}).get_json()
    assert paying.wallet.tell(first["trade_no"], "pay")
    assert paying.resolve(first["payment_id"]) == "stray"
    assert paying.state_of(claim_id) == "pending_payment"
    assert paying.wallet.tell(second["trade_no"], "pay")
    assert paying.resolve(second["payment_id"]) == "succeeded"
    assert paying.state_of(claim_id) == "active"


def test_a_purpose_that_refuses_the_money_makes_it_stray(paying: Paying, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(conn: sa.Connection, city_id: int, redemption_id: UUID, *_: Any) -> bool:
        conn.execute(sa.text("UPDATE redemptions SET reason = 'half done'"))
        raise AppError("the budget is used up")

    monkeypatch.setattr("tests.factories.paying.SmallTill.commit_paid", lambda self, *given: refuse(*given))
    found = paying.pay("redemption", paying.redemption(), paying.staff()).get_json()
    assert found["state"] == "stray"
    assert paying.loop.rows("SELECT state, reason FROM redemptions") == [("held", None)]
