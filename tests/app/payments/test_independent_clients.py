"""One script through our adapters and through others' clients: fakepay's books must end the same.

python-alipay-sdk and Stripe's own library on its own wire share no code with us, and nobody told them of fakepay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe
from alipay import AliPay
from alipay.exceptions import AliPayValidationError

from app.payments.fakepay.keys import APP_ID, public_pem
from app.payments.fakepay.scenario import Step
from app.payments.providers.alipay_signing import form_of
from app.payments.types import Paid, RefundDone, RefundRefused
from tests.factories.fakepay import AUTH_CODE, Bench, asked, back, bench_in, listening, now, order, small

SCRIPT = [
    ("pay", "o1", 4000),
    ("pay", "o2", 2500),  # declined
    ("pay", "o3", 700),  # the payer has to act, and does
    ("act", "o3", "pay"),
    ("query", "o3", 700),
    ("pay", "o4", 900),  # the payer has to act, and is too late
    ("cancel", "o4", 900),
    ("refund", "o1", 1000, "r1"),
    ("refund", "o1", 1000, "r1"),  # the same again
    ("refund", "o1", 500, "r2"),
    ("refund", "o1", 2501, "r3"),  # one unit too much
    ("refund", "o3", 700, "r4"),  # all of it
    ("query", "o1", 4000),
]
Do = Callable[..., Any]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench_in(tmp_path_factory.mktemp("keys"), "http://127.0.0.1/n")


@pytest.fixture(scope="module")
def url(bench: Bench) -> Iterator[str]:
    with listening(bench.fakepay) as found:
        yield found


def run(bench: Bench, steps: list[Step], do: dict[str, Do]) -> tuple[list[Any], list[dict[str, Any]]]:
    """What each line of the script was answered, in one word, and the books at the end."""
    bench.play(*steps)
    told = []
    for what, number, *rest in SCRIPT:
        if what == "act":
            bench.fakepay.act(number, str(rest[0]))
        else:
            told.append((what, number, do[what](number, *rest)))
    return told, bench.fakepay.state()


ALIPAY_STEPS = [Step(amount_minor=2500, outcome="decline"), Step(amount_minor=700, outcome="wait")]
ALIPAY_STEPS += [Step(amount_minor=900, outcome="wait")]


def by_our_alipay(bench: Bench) -> dict[str, Do]:
    def refunded(number: str, amount: int, refund_no: str) -> str:
        return type(bench.alipay.refund(back(refund_no, amount, number))).__name__

    return {
        "pay": lambda number, amount: type(bench.alipay.pay(order(number, amount))).__name__,
        "query": lambda number, amount: type(bench.alipay.query(asked(number, amount))).__name__,
        "cancel": lambda number, amount: type(bench.alipay.cancel(asked(number, amount))).__name__,
        "refund": refunded,
    }


def by_python_alipay_sdk(bench: Bench, url: str) -> dict[str, Do]:
    client = AliPay(
        APP_ID,
        "http://127.0.0.1/n",
        (bench.folder / "app_private_key.pem").read_text(),
        public_pem(bench.keys.alipay.key),
        sign_type="RSA2",
    )
    client._gateway = f"{url}/gateway.do"

    def yuan(amount: int) -> str:
        return f"{amount / 100:.2f}"

    def pay(number: str, amount: int) -> str:
        told = client.api_alipay_trade_pay(number, "bar_code", AUTH_CODE, "面", total_amount=yuan(amount))
        return {"10000": "Paid", "10003": "Waiting", "40004": "Declined"}[told["code"]]

    def query(number: str, _: int) -> str:
        told = client.api_alipay_trade_query(out_trade_no=number)
        return {"TRADE_SUCCESS": "Paid", "TRADE_CLOSED": "Closed"}[told["trade_status"]]

    def cancel(number: str, _: int) -> str:
        told = client.api_alipay_trade_cancel(out_trade_no=number)
        return {("10000", "N"): "Closed"}[(told["code"], told["retry_flag"])]

    def refund(number: str, amount: int, refund_no: str) -> str:
        told = client.api_alipay_trade_refund(yuan(amount), out_trade_no=number, out_request_no=refund_no)
        if told["code"] != "10000":
            return "RefundRefused"
        found = client.api_alipay_trade_fastpay_refund_query(refund_no, out_trade_no=number)
        return "RefundDone" if found["refund_amount"] == yuan(amount) else "?"

    return {"pay": pay, "query": query, "cancel": cancel, "refund": refund}


def test_our_alipay_and_python_alipay_sdk_leave_the_same_books(bench: Bench, url: str) -> None:
    ours = run(bench, ALIPAY_STEPS, by_our_alipay(bench))
    theirs = run(bench, ALIPAY_STEPS, by_python_alipay_sdk(bench, url))
    assert ours == theirs
    assert [word for _, _, word in ours[0]] == [
        *("Paid", "Declined", "Waiting", "Paid", "Waiting", "Closed"),
        *("RefundDone", "RefundDone", "RefundDone", "RefundRefused", "RefundDone", "Paid"),
    ]
    assert [(trade["order_no"], trade["state"], trade["refunded_minor"]) for trade in ours[1]] == [
        ("o1", "paid", 1500),
        ("o2", "declined", 0),
        ("o3", "closed", 700),
        ("o4", "closed", 0),
    ]


def test_python_alipay_sdk_refuses_answers_that_fakepay_did_not_sign(bench: Bench, url: str) -> None:
    bench.play(Step(do="forge"))
    do = by_python_alipay_sdk(bench, url)
    with pytest.raises(AliPayValidationError):
        do["pay"]("o1", 100)


def test_python_alipay_sdk_takes_fakepays_notices(bench: Bench) -> None:
    bench.play()
    bench.alipay.pay(order())
    client = AliPay(
        APP_ID,
        None,
        (bench.folder / "app_private_key.pem").read_text(),
        public_pem(bench.keys.alipay.key),
        sign_type="RSA2",
    )
    fields = form_of(bench.fakepay.message("o1", "paid").body)
    mark = fields.pop("sign")
    assert client.verify(dict(fields), mark)
    assert not client.verify({**fields, "total_amount": "40.01"}, mark)


STRIPE_CARDS = {"o2": "pm_card_chargeDeclined", "o3": "pm_card_authenticationRequired"}
STRIPE_CARDS["o4"] = "pm_card_authenticationRequired"


def by_our_stripe(bench: Bench) -> dict[str, Do]:
    known: dict[str, str | None] = {}

    def pay(number: str, amount: int) -> str:
        card = STRIPE_CARDS.get(number, "pm_card_visa")
        return type(bench.stripe.pay(order(number, amount, "online", auth_code=card))).__name__

    def query(number: str, amount: int) -> str:
        found = bench.stripe.query(asked(number, amount, "online"))
        known[number] = found.provider_trade_no if isinstance(found, Paid) else None
        return type(found).__name__

    def refund(number: str, amount: int, refund_no: str) -> str:
        query(number, 4000 if number == "o1" else amount)
        found = bench.stripe.refund(back(refund_no, amount, number, known[number]))
        assert isinstance(found, (RefundDone, RefundRefused))
        return type(found).__name__

    return {
        "pay": pay,
        "query": query,
        "cancel": lambda number, amount: type(bench.stripe.cancel(asked(number, amount, "online"))).__name__,
        "refund": refund,
    }


def by_stripes_library(bench: Bench, url: str) -> dict[str, Do]:
    client = stripe.StripeClient(bench.keys.stripe.key, base_addresses={"api": url}, max_network_retries=0)
    known: dict[str, str] = {}

    def pay(number: str, amount: int) -> str:
        intent = client.v1.payment_intents.create(
            {"amount": amount, "currency": "eur", "payment_method_types": ["card"], "metadata": {"trade_no": number}}
        )
        known[number] = intent.id
        try:
            found = client.v1.payment_intents.confirm(
                intent.id,
                {"payment_method": STRIPE_CARDS.get(number, "pm_card_visa"), "return_url": "http://127.0.0.1"},
            )
        except stripe.CardError:
            return "Declined"
        return {"succeeded": "Paid", "requires_action": "Waiting"}[found.status]

    def query(number: str, _: int) -> str:
        return {"succeeded": "Paid"}[client.v1.payment_intents.retrieve(known[number]).status]

    def cancel(number: str, _: int) -> str:
        return {"canceled": "Closed"}[client.v1.payment_intents.cancel(known[number]).status]

    def refund(number: str, amount: int, refund_no: str) -> str:
        given = {"payment_intent": known[number], "amount": amount}
        given["metadata"] = {"refund_no": refund_no, "trade_no": number}  # type: ignore[assignment]
        try:
            found = client.v1.refunds.create(given, {"idempotency_key": refund_no})  # type: ignore[arg-type]
        except stripe.InvalidRequestError:
            return "RefundRefused"
        return {"succeeded": "RefundDone"}[str(found.status)]

    return {"pay": pay, "query": query, "cancel": cancel, "refund": refund}


def test_our_stripe_and_stripes_library_on_its_own_wire_leave_the_same_books(bench: Bench, url: str) -> None:
    ours = run(bench, [], by_our_stripe(bench))
    theirs = run(bench, [], by_stripes_library(bench, url))
    assert ours == theirs
    assert [word for _, _, word in ours[0]] == [
        *("Paid", "Declined", "Waiting", "Paid", "Waiting", "Closed"),
        *("RefundDone", "RefundDone", "RefundDone", "RefundRefused", "RefundDone", "Paid"),
    ]


def test_stripes_library_takes_fakepays_events(bench: Bench) -> None:
    bench.play()
    bench.stripe.pay(order(method="online"))
    sent = bench.fakepay.message("o1", "paid")
    secret = bench.keys.stripe.webhook_secret
    event = stripe.Webhook.construct_event(sent.body, small(sent)["stripe-signature"], secret)
    assert (event.type, event.data.object["status"]) == ("payment_intent.succeeded", "succeeded")
    assert bench.stripe.verify_notice(small(sent), sent.body, now()).trade_no == "o1"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(sent.body + b" ", small(sent)["stripe-signature"], secret)


SHAPES: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "data" / "payments" / "localstripe_shapes.json").read_text()
)
# What a second peer leaves out: money that came is told by the charge there, links and reasons not at all.
NOT_AT_LOCALSTRIPE = {"amount_received", "failure_reason", "decline_code", "code"}


def shape(value: Any) -> Any:
    """Members and JSON types of a value."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return {bool: "boolean", int: "integer", str: "string", type(None): "null"}[type(value)]


def faults(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """Members of ours that a second peer lacks or that are of another type there."""
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        if isinstance(ours, list) and isinstance(theirs, list) and ours and theirs:
            return faults(ours[0], theirs[0], f"{where}/0")
        same = type(ours) is type(theirs) and (not isinstance(ours, str) or ours == theirs)
        return [] if same or where.endswith(("/next_action", "/balance_transaction", "/metadata")) else [where]
    found = [f"{where}/{name}" for name in ours if name not in theirs and name not in NOT_AT_LOCALSTRIPE]
    for name in set(ours) & set(theirs):
        found += faults(ours[name], theirs[name], f"{where}/{name}")
    return found


def test_fakepays_objects_have_the_shapes_of_a_second_peer(bench: Bench, url: str) -> None:
    bench.play()
    client = stripe.StripeClient(bench.keys.stripe.key, base_addresses={"api": url}, max_network_retries=0)
    given = {"amount": 4000, "currency": "eur", "payment_method_types": ["card"], "metadata": {"trade_no": "t"}}
    intents = client.v1.payment_intents
    new = intents.create(given)  # type: ignore[arg-type]
    paid = intents.create(given | {"payment_method": "pm_card_visa", "confirm": True})  # type: ignore[arg-type]
    refund = client.v1.refunds.create(
        {"payment_intent": paid.id, "amount": 1000, "metadata": {"refund_no": "r", "trade_no": "t"}}
    )
    found = {"new": new.to_dict(), "paid": paid.to_dict(), "refund": refund.to_dict()}
    found["refunds"] = client.v1.refunds.list({"payment_intent": paid.id}).to_dict()
    found["closed"] = intents.cancel(new.id).to_dict()
    declined = given | {"payment_method": "pm_card_chargeDeclined", "confirm": True}
    refusals: dict[str, Callable[[], Any]] = {
        "declined": lambda: intents.create(declined),  # type: ignore[arg-type]
        "missing": lambda: intents.retrieve("pi_no"),
        "too_late": lambda: intents.cancel(paid.id),
    }
    for name, ask in refusals.items():
        with pytest.raises(stripe.StripeError) as caught:
            ask()
        found[name] = caught.value.json_body
    assert {name: faults(shape(one), SHAPES[name]) for name, one in found.items()} == {name: [] for name in SHAPES}
