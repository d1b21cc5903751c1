"""Stripe's words as what they mean for the money, against fakepay, without a socket."""

from __future__ import annotations

import hmac
import json
from datetime import timedelta
from hashlib import sha256

import pytest

from app.payments.errors import InvalidSignature
from app.payments.fakepay.scenario import Step
from app.payments.types import (
    Closed,
    Declined,
    Missing,
    Paid,
    RefundAccepted,
    RefundDone,
    RefundRefused,
    Silent,
    Waiting,
)
from tests.factories.fakepay import Bench, asked, back, bench_in, now, order, small

FIRST = "pi_fake000000000001"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench_in(tmp_path_factory.mktemp("keys"), "http://127.0.0.1/n")


@pytest.fixture
def bench(one: Bench) -> Bench:
    one.play()
    return one


def test_a_card_pays_at_once_and_its_number_once(bench: Bench) -> None:
    paid = bench.stripe.pay(order(method="online"))
    assert paid == Paid(FIRST, 4000, "EUR", 116)  # 290 basis points
    assert bench.stripe.query(asked(method="online")) == paid
    assert bench.stripe.query(asked(method="online", known=FIRST)) == paid
    assert bench.stripe.pay(order(method="online")) == paid
    assert bench.stripe.pay(order(method="online", amount=4001)) == Declined("number reused")
    assert len(bench.fakepay.state()) == 1


def test_the_words_of_a_card(bench: Bench) -> None:
    declined = bench.stripe.pay(order("o1", method="online", auth_code="pm_card_chargeDeclined"))
    assert declined == Declined("CardError card_declined generic_decline")
    assert bench.stripe.query(asked("o1", method="online")) == Declined("generic_decline")
    waiting = bench.stripe.pay(order("o2", method="online", auth_code="pm_card_authenticationRequired"))
    number = bench.fakepay.trade("o2").number
    assert waiting == Waiting(f"https://bank.example/{number}", number)
    assert bench.stripe.query(asked("o2", method="online")) == waiting
    assert isinstance(bench.stripe.pay(order("o3", method="online", auth_code="1234")), Declined)
    assert bench.stripe.query(asked("o3", method="online")) == Missing()


def test_an_intent_that_was_never_confirmed_counts_as_missing_and_can_be_closed(bench: Bench) -> None:
    bench.play(Step(do="drop"))
    assert isinstance(bench.stripe.pay(order(method="online")), Silent)
    trade = asked(method="online")
    assert bench.stripe.query(trade) == Missing()
    assert bench.stripe.cancel(trade) == Closed("cancelled at Stripe")
    assert bench.stripe.query(trade) == Closed("cancelled at Stripe")
    assert bench.stripe.cancel(trade) == Closed("cancelled at Stripe")
    assert len(bench.fakepay.state()) == 1


def test_a_lost_answer_is_found_by_the_number_alone(bench: Bench) -> None:
    bench.play(Step(do="lose"), Step("open", do="lose", times=1))
    assert isinstance(bench.stripe.pay(order(method="online")), Silent)  # the making was lost
    assert bench.stripe.query(asked(method="online")) == Missing()
    bench.play(Step(do="lose"))
    assert isinstance(bench.stripe.pay(order(method="online")), Silent)  # the confirming was lost
    assert bench.stripe.query(asked(method="online")) == Paid(FIRST, 4000, "EUR", 116)
    assert len(bench.fakepay.state()) == 1


def test_an_intent_that_stripe_refuses_to_make_is_a_no_and_never_there(bench: Bench) -> None:
    assert bench.stripe.pay(order(method="online", amount=0)) == Declined(
        "InvalidRequestError parameter_invalid_integer"
    )
    assert bench.stripe.query(asked(method="online", amount=0)) == Missing()


def test_money_that_was_faster_than_the_cancelling_is_paid(bench: Bench) -> None:
    paid = bench.stripe.pay(order(method="online"))
    assert bench.stripe.cancel(asked(method="online", known=FIRST)) == paid


def test_what_cannot_be_understood_is_silence(bench: Bench) -> None:
    for way in ("strange", "garble", "drop", "lose", "doubt", "fail"):
        bench.play(Step("query", do=way))
        bench.stripe.pay(order(method="online"))
        assert isinstance(bench.stripe.query(asked(method="online", known=FIRST)), Silent), way
        assert isinstance(bench.stripe.query(asked(method="online", known=FIRST)), Paid), way
    bench.play(Step("query", do="wrong_amount"))
    bench.stripe.pay(order(method="online"))
    assert bench.stripe.query(asked(method="online", known=FIRST)) == Paid(FIRST, 4001, "EUR", 116)
    assert bench.stripe.query(asked(method="online", known="pi_another")) == Missing()


def test_a_refund_number_pays_once(bench: Bench) -> None:
    bench.stripe.pay(order(method="online"))
    first = back("r1", 1000, known=FIRST)
    assert bench.stripe.refund_query(first) == Missing()
    assert bench.stripe.refund(first) == RefundDone(0)
    assert bench.stripe.refund(first) == RefundDone(0)
    assert bench.stripe.refund_query(first) == RefundDone(0)
    assert bench.stripe.refund(back("r1", 999, known=FIRST)) == RefundRefused("the number stands for another amount")
    assert isinstance(bench.stripe.refund(back("r2", 3001, known=FIRST)), RefundRefused)
    assert bench.stripe.refund(back("r3", 1000)) == RefundRefused("nothing was paid")
    assert bench.fakepay.state()[0]["refunded_minor"] == 1000


def test_a_refund_that_failed_is_made_anew_under_its_number_and_once(bench: Bench) -> None:
    bench.play(Step("refund", refund="pending"))
    bench.stripe.pay(order(method="online"))
    first = back("r1", 1000, known=FIRST)
    assert bench.stripe.refund(first) == RefundAccepted()
    assert bench.stripe.refund_query(first) == RefundAccepted()
    bench.fakepay.act("o1", "refund_failed")
    assert bench.stripe.refund_query(first) == RefundRefused("declined")
    assert [bench.stripe.refund(first), bench.stripe.refund(first)] == [RefundDone(0)] * 2
    states = [refund["state"] for refund in bench.fakepay.state()[0]["refunds"]]
    assert states == ["failed", "done"]


def test_a_refund_whose_answer_was_lost_is_not_made_twice(bench: Bench) -> None:
    bench.play(Step("refund", do="lose"))
    bench.stripe.pay(order(method="online"))
    assert isinstance(bench.stripe.refund(back("r1", 1000, known=FIRST)), Silent)
    assert bench.stripe.refund(back("r1", 1000, known=FIRST)) == RefundDone(0)
    assert bench.fakepay.state()[0]["refunded_minor"] == 1000


def test_all_requests_of_one_operation_share_its_time(bench: Bench) -> None:
    bench.play(Step("open", delay_s=9))
    assert isinstance(bench.stripe.pay(order(method="online"), timeout_s=8), Silent)
    assert len(bench.calls) == 1


def test_events_are_known_by_their_number_and_what_they_are_about(bench: Bench) -> None:
    bench.stripe.pay(order(method="online"))
    sent = bench.fakepay.message("o1", "paid", number="n1")
    notice = bench.stripe.verify_notice(small(sent), sent.body, now())
    assert (notice.event_key, notice.trade_no, notice.amount_minor, notice.currency) == ("evt_n1", "o1", 4000, "EUR")
    bench.stripe.refund(back("r1", 1000, known=FIRST))
    about = bench.fakepay.message("o1", "refund_failed")
    told = bench.stripe.verify_notice(small(about), about.body, now())
    assert (told.refund_no, told.refund_minor, told.refund_failed, told.amount_minor) == ("r1", 1000, True, None)


def signed(bench: Bench, event: dict[str, object], at: int | None = None) -> tuple[dict[str, str], bytes]:
    """An event with a signature that is made here, by the published rule."""
    seconds, body = at or int(now().timestamp()), json.dumps(event).encode()
    mark = hmac.new(bench.keys.stripe.webhook_secret.encode(), f"{seconds}.".encode() + body, sha256).hexdigest()
    return {"content-type": "application/json", "stripe-signature": f"t={seconds},v1={mark}"}, body


def test_events_about_other_things_are_taken_and_of_no_use(bench: Bench) -> None:
    event = {"id": "evt_1", "type": "customer.created", "livemode": False, "data": {"object": {"id": "cus_1"}}}
    headers, body = signed(bench, event)
    assert bench.stripe.verify_notice(headers, body, now()).of_no_use


@pytest.mark.parametrize(
    "wrong",
    [
        {"livemode": True},
        {"account": "acct_other"},
        {"id": 1},
        {"type": None},
        {"data": {}},
        {"data": {"object": []}},
    ],
)
def test_events_of_another_account_or_form_are_refused(bench: Bench, wrong: dict[str, object]) -> None:
    good = {"id": "evt_1", "type": "payment_intent.succeeded", "livemode": False, "data": {"object": {}}}
    assert bench.stripe.verify_notice(*signed(bench, good), now())
    with pytest.raises(InvalidSignature):
        bench.stripe.verify_notice(*signed(bench, good | wrong), now())


def test_a_signature_lives_five_minutes_either_way(bench: Bench) -> None:
    bench.stripe.pay(order(method="online"))
    sent = bench.fakepay.message("o1", "paid")
    for seconds, good in ((270, True), (330, False), (-270, True), (-330, False)):
        try:
            bench.stripe.verify_notice(small(sent), sent.body, now() + timedelta(seconds=seconds))
        except InvalidSignature:
            assert not good, seconds
        else:
            assert good, seconds
