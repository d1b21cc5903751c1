"""Alipay's words as what they mean for the money, against fakepay, without a socket."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from app.payments.errors import InvalidSignature
from app.payments.fakepay.scenario import Step
from app.payments.providers.alipay import Alipay, fen, yuan
from app.payments.providers.alipay_signing import BadKey, nodes_of, private_key, public_key
from app.payments.providers.calling import Call, Reply
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
from tests.factories.fakepay import AUTH_CODE, Bench, asked, back, bench_in, now, order, small


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench_in(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def bench(one: Bench) -> Bench:
    one.play()
    return one


def test_a_scanned_code_pays_at_once_and_its_number_once(bench: Bench) -> None:
    paid = bench.alipay.pay(order())
    assert paid == Paid("2026000000000001", 4000, "CNY", 0)
    assert bench.alipay.query(asked()) == paid
    assert isinstance(bench.alipay.pay(order()), Silent)  # TRADE_HAS_SUCCESS: to be asked for, not a no
    assert bench.alipay.pay(order(amount=4001)) == Declined("40004 ACQ.CONTEXT_INCONSISTENT 假支付拒绝")
    assert [trade["order_no"] for trade in bench.fakepay.state()] == ["o1"]


def test_what_goes_out_is_what_alipay_documents(bench: Bench) -> None:
    bench.alipay.pay(order(amount=1))
    sent = bench.calls[0]
    assert sent.method == "POST"
    assert AUTH_CODE not in sent.url  # addresses stand in logs
    assert AUTH_CODE not in repr(sent)
    fields = bench.fakepay._alipay._fields(sent)
    content = json.loads(fields["biz_content"])
    assert (fields["method"], fields["sign_type"], fields["charset"]) == ("alipay.trade.pay", "RSA2", "utf-8")
    assert (content["out_trade_no"], content["total_amount"], content["scene"]) == ("o1", "0.01", "bar_code")
    assert fields["notify_url"] == "http://127.0.0.1/n"


def test_the_words_of_a_scanned_code(bench: Bench) -> None:
    assert bench.alipay.pay(order("o1", auth_code="1234")) == Declined("40004 ACQ.PAYMENT_AUTH_CODE_INVALID 假支付拒绝")
    bench.play(Step(outcome="wait"), Step(outcome="decline"), Step(do="doubt"), Step(do="fail"))
    assert bench.alipay.pay(order("o1")) == Waiting(None, "2026000000000001")  # 10003
    assert isinstance(bench.alipay.pay(order("o2")), Declined)  # 40004
    assert isinstance(bench.alipay.pay(order("o3")), Silent)  # 20000, and the money came
    assert isinstance(bench.alipay.query(asked("o3")), Paid)
    assert isinstance(bench.alipay.pay(order("o4")), Silent)  # 20000, and nothing happened
    assert bench.alipay.query(asked("o4")) == Missing()


def test_a_code_to_scan_is_no_trade_before_it_is_scanned(bench: Bench) -> None:
    waiting = bench.alipay.pay(order(method="user_scans"))
    assert waiting == Waiting("https://qr.example/2026000000000001")
    trade = asked(method="user_scans")
    assert bench.alipay.query(trade) == Missing()
    bench.fakepay.act("o1", "scan")
    assert bench.alipay.query(trade) == Waiting(None, "2026000000000001")
    bench.fakepay.act("o1", "pay")
    assert bench.alipay.query(trade) == Paid("2026000000000001", 4000, "CNY", 0)


@pytest.mark.parametrize(
    ("act", "means"),
    [
        ("pay", Paid("2026000000000001", 4000, "CNY", 0)),
        ("finish", Paid("2026000000000001", 4000, "CNY", 0)),  # TRADE_FINISHED as the first word of success
        ("close", Closed("closed at Alipay, or refunded there")),
    ],
)
def test_states_mean_what_they_mean_for_the_money(bench: Bench, act: str, means: object) -> None:
    bench.play(Step(outcome="wait"))
    bench.alipay.pay(order())
    bench.fakepay.act("o1", act)
    assert bench.alipay.query(asked()) == means


def test_a_trade_that_was_refunded_whole_is_closed_and_no_money_is_with_us(bench: Bench) -> None:
    bench.alipay.pay(order())
    assert bench.alipay.refund(back("r1", 4000)) == RefundDone(0)
    assert bench.fakepay.state()[0]["state"] == "closed"
    assert isinstance(bench.alipay.query(asked()), Closed)


def test_a_state_nobody_knows_and_answers_that_cannot_be_read_are_silence(bench: Bench) -> None:
    bench.alipay.pay(order())
    for way in ("strange", "garble", "forge", "drop", "lose", "doubt"):
        bench.play(Step("query", do=way))
        bench.alipay.pay(order())
        assert isinstance(bench.alipay.query(asked()), Silent), way
        assert isinstance(bench.alipay.query(asked()), Paid), way


def test_an_answer_about_another_trade_is_silence(bench: Bench) -> None:
    bench.alipay.pay(order("o1"))
    bench.fakepay.trade("o1").order_no = "o2"
    bench.fakepay._books.of_order = lambda *_: bench.fakepay._books.trades[0]  # type: ignore[method-assign]
    assert isinstance(bench.alipay.query(asked("o1")), Silent)


def test_cancelling_closes_what_nobody_has_paid(bench: Bench) -> None:
    bench.play(Step(outcome="wait"), Step("cancel", do="retry", times=2))
    bench.alipay.pay(order())
    assert bench.alipay.cancel(asked()) == Closed("closed by Alipay")  # at the third try, as retry_flag=Y asks
    assert bench.alipay.query(asked()) == Closed("closed at Alipay, or refunded there")
    assert bench.alipay.cancel(asked("o7")) == Closed("closed by Alipay")  # a number that was never used
    assert bench.alipay.query(asked("o7")) == Missing()
    assert isinstance(bench.alipay.pay(order("o7")), Closed)


def test_money_that_is_there_is_not_given_back_by_cancelling(bench: Bench) -> None:
    paid = bench.alipay.pay(order())
    assert bench.alipay.cancel(asked()) == paid
    bench.play(Step("query", do="lose"))
    paid = bench.alipay.pay(order())
    assert isinstance(bench.alipay.cancel(asked()), Silent)  # who can't ask does not cancel
    assert bench.alipay.cancel(asked()) == paid
    assert bench.fakepay.state()[0]["refunded_minor"] == 0


@pytest.mark.parametrize(
    ("act", "means"),
    [
        ("pay", Closed("paid meanwhile, and given back by Alipay")),
        ("finish", Silent("40004 ACQ.TRADE_HAS_FINISHED 假支付拒绝")),
    ],
)
def test_money_that_comes_between_question_and_cancelling(bench: Bench, act: str, means: object) -> None:
    bench.play(Step(outcome="wait"))
    bench.alipay.pay(order())

    def paid_right_after_the_question(call: Call, timeout_s: float) -> Reply:
        reply = bench.call(call, timeout_s)
        if "trade.query" in call.url:
            bench.fakepay.act("o1", act)
        return reply

    racing = Alipay(bench.alipay._account, now, paid_right_after_the_question)
    assert racing.cancel(asked()) == means
    assert bench.fakepay.state()[0]["refunded_minor"] == (4000 if act == "pay" else 0)


def test_cancelling_that_alipay_wants_again_and_again_ends_in_silence(bench: Bench) -> None:
    bench.play(Step(outcome="wait"), Step("cancel", do="retry", times=0))
    bench.alipay.pay(order())
    assert bench.alipay.cancel(asked()) == Silent("Alipay wants it cancelled again")
    assert len(bench.calls) == 5


def test_a_refund_number_pays_once(bench: Bench) -> None:
    bench.alipay.pay(order())
    assert bench.alipay.refund_query(back("r1", 1000)) == Missing()  # 10000 without an amount
    assert bench.alipay.refund(back("r1", 1000)) == RefundDone(0)
    assert bench.alipay.refund(back("r1", 1000)) == RefundDone(0)  # fund_change=N, looked up
    assert bench.calls[-1].url.count("refund.query") == 1
    assert bench.alipay.refund_query(back("r1", 1000)) == RefundDone(0)
    assert isinstance(bench.alipay.refund(back("r1", 999)), RefundRefused)
    assert bench.alipay.refund_query(back("r1", 999)) == RefundRefused("the number stands for another amount")
    assert isinstance(bench.alipay.refund(back("r2", 3001)), RefundRefused)
    assert bench.fakepay.state()[0]["refunded_minor"] == 1000


def test_a_refund_without_a_change_of_funds_is_not_done_before_it_is_found(bench: Bench) -> None:
    bench.play(Step("refund", refund="pending"))
    bench.alipay.pay(order())
    assert bench.alipay.refund(back("r1", 1000)) == RefundAccepted()
    assert bench.alipay.refund_query(back("r1", 1000)) == Missing()
    assert bench.alipay.refund(back("r1", 1000)) == RefundAccepted()
    bench.fakepay.act("o1", "refund_done")
    assert bench.alipay.refund_query(back("r1", 1000)) == RefundDone(0)


def test_refusals_of_refunds_and_doubts_about_them(bench: Bench) -> None:
    bench.play(Step("refund", refund="fail"), Step("refund", do="doubt"), Step("refund_query", do="lose"))
    bench.alipay.pay(order())
    assert isinstance(bench.alipay.refund(back("r1", 10)), RefundRefused)
    assert isinstance(bench.alipay.refund(back("r2", 10)), Silent)
    assert isinstance(bench.alipay.refund_query(back("r2", 10)), Silent)
    assert bench.alipay.refund_query(back("r2", 10)) == RefundDone(0)
    assert isinstance(bench.alipay.refund(back("r3", 10, "o9")), RefundRefused)
    assert bench.alipay.refund_query(back("r3", 10, "o9")) == Missing()
    bench.fakepay.act("o1", "finish")
    assert isinstance(bench.alipay.refund(back("r4", 10)), RefundRefused)


def test_amounts_are_written_and_read_to_the_fen() -> None:
    for amount in (1, 9, 10, 99, 100, 4000, 123_456_789):
        assert fen(yuan(amount)) == amount
    assert (yuan(1), fen("12"), fen("12.5"), fen("0.10")) == ("0.01", 1200, 1250, 10)
    for wrong in ("", "1.234", "-1", "1e3", " 1", "١", "1.", ".5", None, 12.0):
        assert fen(wrong) is None, wrong


def test_an_answers_members_are_cut_out_as_they_came() -> None:
    text = b' { "a" : {"x": "\\u4e2d\\/", "sign" : "no"} , "sign":"yes" } \n'
    assert nodes_of(text) == {"a": '{"x": "\\u4e2d\\/", "sign" : "no"}', "sign": '"yes"'}
    for wrong in (b"", b"[]", b'{"a":1', b'{"a":1,"a":2}', b'{"a":1} x', b"{}", b'{"a":1,}', b"\xff", b'{"a" 1}'):
        with pytest.raises(ValueError):  # noqa: PT011 - any of its kinds
            nodes_of(wrong)


def test_a_notice_is_known_by_its_number_and_state(bench: Bench) -> None:
    bench.alipay.pay(order())
    sent = bench.fakepay.message("o1", "paid", number="n1")
    notice = bench.alipay.verify_notice(small(sent), sent.body, now())
    assert (notice.event_key, notice.trade_no, notice.amount_minor) == ("n1:TRADE_SUCCESS", "o1", 4000)
    again = bench.fakepay.message("o1", "finished", number="n1")
    assert bench.alipay.verify_notice(small(again), again.body, now()).event_key == "n1:TRADE_FINISHED"
    bench.alipay.refund(back("r1", 1000))
    about = bench.fakepay.message("o1", "refund_done")
    assert bench.alipay.verify_notice(small(about), about.body, now()).refund_no == "r1"


def test_a_notice_is_repeated_for_a_day_and_no_longer(bench: Bench) -> None:
    bench.alipay.pay(order())
    sent = bench.fakepay.message("o1", "paid")
    for ahead, good in ((25, True), (27, False), (-0.05, True), (-0.2, False)):
        try:
            bench.alipay.verify_notice(small(sent), sent.body, now() + timedelta(hours=ahead))
        except InvalidSignature:
            assert not good, ahead
        else:
            assert good, ahead


def test_keys_are_read_in_pem_and_bare_and_nothing_else_is(bench: Bench) -> None:
    pem = (bench.folder / "app_private_key.pem").read_text()
    bare = "".join(pem.splitlines()[1:-1])
    assert private_key(bare).private_numbers() == private_key(pem).private_numbers()
    public = (bench.folder / "fakepay_public_key.pem").read_text()
    bare = "".join(public.splitlines()[1:-1])
    assert public_key(bare).public_numbers() == public_key(public).public_numbers()
    for wrong in ("", "no key", public):
        with pytest.raises(BadKey):
            private_key(wrong)
    with pytest.raises(BadKey):
        public_key(pem)


def test_keys_stand_in_a_private_folder(bench: Bench) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in Path(bench.folder).iterdir()}
    assert set(modes.values()) == {0o600}
    assert bench_in(bench.folder).keys.stripe.key == bench.keys.stripe.key
