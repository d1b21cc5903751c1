"""The failures of paying through Alipay and Stripe, with fakepay in their place: crashes, silence, disorder.

The same rows stand in test_payment_matrix.py for the wallet; here are the words of real providers, and real books.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app.payments.fakepay.scenario import Step
from app.payments.types import Closed
from tests.factories.fakepay import AUTH_CODE
from tests.factories.paying import at_once
from tests.factories.provider_site import PRICE, Site

BOTH = pytest.mark.parametrize("provider", ["alipay", "stripe"])
FEE: dict[str, list[tuple[str, int]]] = {"alipay": [], "stripe": [("provider_fee", 116)]}


def paid_books(provider: str) -> list[tuple[str, int]]:
    return sorted([("prepaid", PRICE), *FEE[provider]])


@BOTH
def test_m2_a_crash_before_the_call_ends_failed_and_the_claim_can_be_paid(site: Site, provider: str) -> None:
    claim_id, member = site.claim()
    plan = site.creating(claim_id, member, provider)
    prepared = site.prepared(plan)
    payment = prepared.payment
    assert [site.resolve(payment.payment_id, after_s) for after_s in (5, 30, 61)] == ["unknown", "unknown", "failed"]
    assert site.books(payment.payment_id) == []
    # a request that was on its way all the time finds its number closed
    assert plan.call is not None
    assert isinstance(plan.call(prepared), Closed)
    found = site.pay(claim_id, member, provider, at_once=True)
    assert (found.status_code, found.get_json()["state"]) == (201, "succeeded")
    assert site.books(found.get_json()["payment_id"]) == paid_books(provider)
    assert site.state_of(claim_id) == "active"


@BOTH
def test_m3_a_crash_after_the_provider_took_the_money_ends_paid_once(site: Site, provider: str) -> None:
    claim_id, member = site.claim()
    plan = site.creating(claim_id, member, provider)
    prepared = site.prepared(plan)
    assert plan.call is not None
    plan.call(prepared)
    payment_id = prepared.payment.payment_id
    assert site.state_of(claim_id) == "pending_payment"
    assert [site.resolve(payment_id), site.resolve(payment_id)] == ["succeeded", "succeeded"]
    assert (site.state_of(claim_id), site.books(payment_id)) == ("active", paid_books(provider))
    assert site.told(payment_id) == ["payment.succeeded"]


@BOTH
@pytest.mark.parametrize("way", ["lose", "doubt", "garble", "strange", "late"])
def test_m3_an_answer_that_is_lost_or_makes_no_sense_is_asked_for(site: Site, provider: str, way: str) -> None:
    wrong = Step(delay_s=9) if way == "late" else Step(do=way)  # one second longer than our patience
    site.bench.play(wrong, Step("query", do="drop"))
    claim_id, member = site.claim()
    found = site.pay(claim_id, member, provider, at_once=True).get_json()
    known = provider == "alipay" and way == "strange"  # its answer to a scanned code tells no state
    assert found["state"] == ("succeeded" if known else "unknown")
    if not known:
        assert site.resolve(found["payment_id"]) == "unknown"
    assert site.resolve(found["payment_id"]) == "succeeded"
    assert site.books(found["payment_id"]) == paid_books(provider)


@BOTH
def test_m4_a_notice_before_the_synchronous_answer_leaves_the_answer_nothing_to_do(site: Site, provider: str) -> None:
    claim_id, member = site.claim()
    plan = site.creating(claim_id, member, provider)
    prepared = site.prepared(plan)
    assert plan.call is not None
    outcome = plan.call(prepared)
    payment = prepared.payment
    assert site.deliver(provider, site.bench.fakepay.message(payment.trade_no, "paid")).status_code in (200, 204)
    assert site.state_of(claim_id) == "active"
    assert site.settled(plan, prepared, outcome).state == "succeeded"
    assert site.told(payment.payment_id) == ["payment.succeeded"]
    assert site.books(payment.payment_id) == paid_books(provider)


@BOTH
def test_m5_of_ten_parallel_copies_one_is_applied_and_all_are_answered(site: Site, provider: str) -> None:
    found, claim_id, _ = site.waiting(provider)
    site.bench.fakepay.act(found["trade_no"], "pay")
    sent = site.bench.fakepay.message(found["trade_no"], "paid")
    answers = at_once(*[partial(site.deliver, provider, sent)] * 10)
    words = {"alipay": (200, b"success"), "stripe": (204, b"")}
    assert {(answer.status_code, answer.data) for answer in answers} == {words[provider]}
    assert site.kept(found["trade_no"]) == [("succeeded", True)]
    assert (site.state_of(claim_id), site.books(found["payment_id"])) == ("active", paid_books(provider))
    assert site.told(found["payment_id"]) == ["payment.pending", "payment.succeeded"]


@BOTH
def test_m6_failed_then_succeeded_delivered_the_other_way_round_ends_succeeded(site: Site, provider: str) -> None:
    site.bench.play(Step(outcome="decline"))
    claim_id, member = site.claim()
    found = site.pay(claim_id, member, provider, at_once=True).get_json()
    assert found["state"] == "failed"
    fakepay = site.bench.fakepay
    failed = fakepay.message(found["trade_no"], "declined")
    fakepay.act(found["trade_no"], "pay")
    for sent in (fakepay.message(found["trade_no"], "paid"), failed):
        assert site.deliver(provider, sent).status_code in (200, 204)
    assert site.payment(found["payment_id"]).state == "succeeded"
    assert (site.state_of(claim_id), site.books(found["payment_id"])) == ("active", paid_books(provider))
    assert site.told(found["payment_id"]) == ["payment.failed", "payment.succeeded"]


@BOTH
def test_m7_money_for_a_claim_that_was_released_is_stray_and_goes_back(site: Site, provider: str) -> None:
    found, claim_id, _ = site.waiting(provider)
    payment_id = found["payment_id"]
    site.release(claim_id)
    stock = site.loop.one("SELECT sum(taken) FROM coupon_stock")
    site.bench.fakepay.act(found["trade_no"], "pay")
    assert site.deliver(provider, site.bench.fakepay.message(found["trade_no"], "paid")).status_code in (200, 204)
    assert (site.payment(payment_id).state, site.state_of(claim_id)) == ("stray", "released")
    assert site.resolve_refunds(payment_id) == ["succeeded"]
    assert site.loop.one("SELECT sum(taken) FROM coupon_stock") == stock
    assert site.bench.fakepay.trade(found["trade_no"]).refunded_minor == PRICE
    assert site.books(payment_id) == sorted([("stray", PRICE), ("undo_stray", PRICE), *FEE[provider]])
    assert site.told(payment_id) == ["payment.pending", "payment.stray"]


@BOTH
def test_m8_a_rightly_signed_notice_with_another_amount_is_parked_and_nothing_moves(
    site: Site, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    found, claim_id, _ = site.waiting(provider)
    fakepay = site.bench.fakepay
    fakepay.act(found["trade_no"], "pay")
    with caplog.at_level("ERROR", logger="fujin.payments"):
        sent = fakepay.message(found["trade_no"], "paid", wrong_amount=True)
        assert site.deliver(provider, sent).status_code in (200, 204)
    assert [(record.getMessage(), record.alarm, record.outcome) for record in caplog.records] == [  # type: ignore[attr-defined]
        ("notice parked", True, "amount-mismatch")
    ]
    assert site.kept(found["trade_no"]) == [("amount-mismatch", False)]
    assert (site.payment(found["payment_id"]).state, site.state_of(claim_id)) == ("pending", "pending_payment")
    assert site.books(found["payment_id"]) == []
    assert site.resolve(found["payment_id"]) == "succeeded"


@BOTH
def test_m8_a_provider_that_answers_with_another_amount_moves_nothing_and_alarms(
    site: Site, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    site.bench.play(Step("query", do="wrong_amount"))
    found, claim_id, _ = site.waiting(provider)
    site.bench.fakepay.act(found["trade_no"], "pay")
    with caplog.at_level("ERROR", logger="fujin.payments"):
        assert site.deliver(provider, site.bench.fakepay.message(found["trade_no"], "paid")).status_code in (200, 204)
    assert [record.getMessage() for record in caplog.records] == ["a provider tells of another amount"]
    assert site.kept(found["trade_no"]) == [("not-confirmed", False)]
    assert (site.state_of(claim_id), site.books(found["payment_id"])) == ("pending_payment", [])
    assert site.resolve(found["payment_id"]) == "succeeded"


def test_m20_a_refund_that_stripe_takes_back_after_it_was_accepted_is_free_again_and_tried_again(site: Site) -> None:
    site.bench.play(Step("refund", refund="pending", copies=0))
    found, _, _ = site.paid("stripe")
    payment_id, trade_no = found["payment_id"], found["trade_no"]
    refund = site.refund(payment_id, 1000).get_json()
    assert (refund["state"], site.payment(payment_id).refunding_minor) == ("pending", 1000)
    site.bench.fakepay.act(trade_no, "refund_failed")
    site.deliver("stripe", site.bench.fakepay.message(trade_no, "refund_failed"))
    row = site.payment(payment_id)
    assert (row.refunding_minor, row.refunded_minor) == (0, 0)
    assert site.told(refund["refund_id"]) == ["refund.requested", "refund.failed"]
    again = site.refund(payment_id, 1000).get_json()
    assert (again["refund_id"], again["state"]) == (refund["refund_id"], "succeeded")
    assert site.payment(payment_id).refunded_minor == 1000
    assert [each.state for each in site.bench.fakepay.trade(trade_no).refunds] == ["failed", "done"]


def test_m20_a_refund_that_alipay_refuses_after_it_had_taken_it_is_free_again_and_tried_again(site: Site) -> None:
    site.bench.play(Step("refund", refund="pending", copies=0), Step("refund", refund="fail"))
    found, _, _ = site.paid("alipay")
    payment_id = found["payment_id"]
    refund = site.refund(payment_id, 1000).get_json()
    assert (refund["state"], site.payment(payment_id).refunding_minor) == ("pending", 1000)
    assert site.resolve_refunds(payment_id) == ["failed"]  # looked up, not there, asked for again, refused
    assert site.payment(payment_id).refunding_minor == 0
    site.bench.fakepay.trade(found["trade_no"]).refunds.clear()
    again = site.refund(payment_id, 1000).get_json()
    assert (again["refund_id"], again["state"]) == (refund["refund_id"], "succeeded")
    assert site.told(refund["refund_id"]) == [
        *("refund.requested", "refund.failed", "refund.requested", "refund.succeeded"),
    ]


def test_a_code_to_scan_is_waited_for_until_its_time_is_over(site: Site) -> None:
    """Alipay opens its trade only when it is scanned, so that 'no such trade' is no end for as long as we wait."""
    found, claim_id, _ = site.waiting("alipay")
    assert found["pay_url"].startswith("https://qr.example/")
    assert site.resolve(found["payment_id"], after_s=300) == "pending"
    assert site.payment(found["payment_id"]).pay_url == found["pay_url"]
    assert site.resolve(found["payment_id"], after_s=86_400) == "cancelled"
    assert site.bench.fakepay.trade(found["trade_no"]).state == "closed"
    assert site.state_of(claim_id) == "pending_payment"


def test_a_card_that_the_bank_wants_to_ask_is_paid_later(site: Site) -> None:
    found, claim_id, _ = site.waiting("stripe")
    assert found["pay_url"].startswith("https://bank.example/")
    assert site.payment(found["payment_id"]).provider_trade_no == site.bench.fakepay.trade(found["trade_no"]).number
    site.bench.fakepay.act(found["trade_no"], "pay")
    assert site.resolve(found["payment_id"]) == "succeeded"
    assert site.state_of(claim_id) == "active"


@BOTH
def test_cancelling_finds_money_whose_answer_was_lost_and_keeps_it(site: Site, provider: str) -> None:
    claim_id, member = site.claim()
    site.bench.play(Step(do="lose"))
    found = site.pay(claim_id, member, provider, at_once=True).get_json()
    assert found["state"] == "unknown"
    path = f"/v1/payments/{found['payment_id']}/cancel"
    assert site.loop.post(path, {}, by=(member, "member")).get_json()["state"] == "succeeded"
    assert site.bench.fakepay.trade(found["trade_no"]).refunded_minor == 0
    assert (site.state_of(claim_id), site.books(found["payment_id"])) == ("active", paid_books(provider))


@BOTH
def test_money_that_came_just_before_its_time_was_over_is_good(site: Site, provider: str) -> None:
    found, claim_id, _ = site.waiting(provider)
    site.bench.fakepay.act(found["trade_no"], "pay")
    assert site.resolve(found["payment_id"], after_s=86_400) == "succeeded"
    assert (site.state_of(claim_id), site.books(found["payment_id"])) == ("active", paid_books(provider))


def test_what_a_provider_cannot_collect_is_refused_before_it_is_asked(site: Site) -> None:
    claim_id, member = site.claim()
    missing = site.pay(claim_id, member, "stripe", at_once=True, auth_code=None)
    assert missing.status_code == 422
    body: dict[str, Any] = {"purpose": "claim", "purpose_id": str(claim_id), "provider": "stripe", "method": "online"}
    answer = site.loop.post("/v1/payments", body, by=(member, "member"))
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid-body")
    assert "auth_code" in answer.get_json()["detail"]
    wrong = site.loop.post("/v1/payments", body | {"method": "user_scans"}, by=(member, "member")).get_json()
    assert (wrong["code"], wrong["detail"]) == ("provider-unknown", "stripe knows: online")
    yen = site.loop.coupon(price_minor=4000, list_price_minor=8000, currency="JPY")
    other = UUID(site.loop.claim(yen, member)["claim_id"])
    refused = site.pay(other, member, "alipay").get_json()
    assert (refused["code"], refused["detail"]) == ("provider-unknown", "alipay does not collect JPY")
    assert site.bench.calls == []


def test_the_payers_code_stands_nowhere(site: Site) -> None:
    site.paid("alipay")
    for table in ("idempotency_keys", "payments", "outbox_events", "jobs"):
        kept = site.loop.rows(f"SELECT to_jsonb(t)::text FROM {table} t")
        assert kept
        # also as bytes, which are written in hexadecimal
        assert not any(code in row[0] for row in kept for code in (AUTH_CODE, AUTH_CODE.encode().hex())), table
