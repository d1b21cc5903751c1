"""Forged notices of Alipay and Stripe leave nothing behind; rightly signed ones that don't fit our books are parked."""

from __future__ import annotations

import hmac
import json
import urllib.parse
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from app.payments.fakepay.scenario import Step
from app.payments.providers.alipay_signing import form_of, notice_text, sign
from app.payments.providers.calling import Call
from tests.factories.provider_site import PRICE, Site

FORM = "application/x-www-form-urlencoded; charset=utf-8"


def form(fields: dict[str, str]) -> bytes:
    return urllib.parse.urlencode(fields).encode()


def alipay(call: Call, key: RSAPrivateKey | None = None, **changed: str | None) -> Call:
    """A notice with some fields changed (None takes one out), signed anew when there is a key."""
    fields = {name: value for name, value in {**form_of(call.body), **changed}.items() if value is not None}
    if key is not None:
        fields["sign"] = sign(key, notice_text(fields))
    return replace(call, body=form(fields))


@pytest.fixture(scope="module")
def strangers_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65_537, key_size=2048)


ALIPAY: dict[str, Callable[[Call, Call, RSAPrivateKey, RSAPrivateKey], Call]] = {
    "unsigned": lambda good, _o, _k, _s: alipay(good, sign=None),
    "an empty signature": lambda good, _o, _k, _s: alipay(good, sign=""),
    "a signature that is no base64": lambda good, _o, _k, _s: alipay(good, sign="%%%"),
    "a cut signature": lambda good, _o, _k, _s: alipay(good, sign=form_of(good.body)["sign"][:-8]),
    "another key": lambda good, _o, _k, stranger: alipay(good, stranger),
    "another amount": lambda good, _o, _k, _s: alipay(good, total_amount="0.01"),
    "another order": lambda good, other, _k, _s: alipay(
        good, out_trade_no=form_of(other.body)["out_trade_no"], trade_no=form_of(other.body)["trade_no"]
    ),
    "a signature of another body": lambda good, other, _k, _s: alipay(good, sign=form_of(other.body)["sign"]),
    "another application, rightly signed": lambda good, _o, key, _s: alipay(good, key, app_id="2026000000000009"),
    "another seller, rightly signed": lambda good, _o, key, _s: alipay(good, key, seller_id="2088000000000009"),
    "no seller, rightly signed": lambda good, _o, key, _s: alipay(good, key, seller_id=None),
    "an old time, rightly signed": lambda good, _o, key, _s: alipay(good, key, notify_time="2020-01-01 00:00:00"),
    "no time, rightly signed": lambda good, _o, key, _s: alipay(good, key, notify_time=None),
    "another kind of signature": lambda good, _o, key, _s: alipay(good, key, sign_type="RSA"),
    "another alphabet": lambda good, _o, key, _s: alipay(good, key, charset="gbk"),
    "a field twice": lambda good, _o, _k, _s: replace(good, body=good.body + b"&total_amount=0.01"),
    "the wrong media type": lambda good, _o, _k, _s: replace(good, headers={"Content-Type": "application/json"}),
    "a cut body": lambda good, _o, _k, _s: replace(good, body=good.body[: len(good.body) // 2]),
    "an empty body": lambda good, _o, _k, _s: replace(good, body=b""),
    "bytes that are no text": lambda good, _o, _k, _s: replace(good, body=good.body + b"&x=%ff"),
}


def stripe(call: Call, secret: str | None = None, at: int | None = None, **changed: Any) -> Call:
    """An event with some members of its object changed, signed anew when there is a secret."""
    event = json.loads(call.body)
    event["data"]["object"] |= {name: value for name, value in changed.items() if not name.startswith("event_")}
    event |= {name.removeprefix("event_"): value for name, value in changed.items() if name.startswith("event_")}
    body = json.dumps(event, separators=(",", ":")).encode()
    if secret is None:
        return replace(call, body=body)
    seconds = at or int(mark(call).split(",")[0].removeprefix("t="))
    good = hmac.new(secret.encode(), f"{seconds}.".encode() + body, sha256).hexdigest()
    return replace(call, body=body, headers={**call.headers, "Stripe-Signature": f"t={seconds},v1={good}"})


def mark(call: Call) -> str:
    return call.headers["Stripe-Signature"]


def marked(call: Call, text: str | None) -> Call:
    headers = {name: value for name, value in call.headers.items() if name != "Stripe-Signature"}
    return replace(call, headers=headers if text is None else {**headers, "Stripe-Signature": text})


def seconds_of(call: Call) -> int:
    return int(mark(call).split(",")[0].removeprefix("t="))


STRIPE: dict[str, Callable[[Call, Call, str], Call]] = {
    "unsigned": lambda good, _o, _s: marked(good, None),
    "an empty signature": lambda good, _o, _s: marked(good, f"t={seconds_of(good)},v1="),
    "no time": lambda good, _o, _s: marked(good, mark(good).split(",")[1]),
    "a time in words": lambda good, _o, _s: marked(good, mark(good).replace(f"t={seconds_of(good)}", "t=now")),
    "another time": lambda good, _o, _s: marked(
        good, mark(good).replace(f"t={seconds_of(good)}", f"t={seconds_of(good) - 1}")
    ),
    "two times": lambda good, _o, _s: marked(good, f"{mark(good)},t={seconds_of(good) + 200}"),
    "another version": lambda good, _o, _s: marked(good, mark(good).replace("v1=", "v0=")),
    "letters that are no ASCII": lambda good, _o, _s: marked(good, f"{mark(good)[:-1]}\u00e9"),
    "another secret": lambda good, _o, _s: stripe(good, "whsec_0000000000000000000000"),
    "an empty secret": lambda good, _o, _s: stripe(good, ""),
    "another amount": lambda good, _o, _s: stripe(good, amount=1),
    "another currency": lambda good, _o, _s: stripe(good, currency="jpy"),
    "another order": lambda good, other, _s: stripe(
        good, metadata=json.loads(other.body)["data"]["object"]["metadata"]
    ),
    "a signature of another body": lambda good, other, _s: marked(good, mark(other)),
    "an old time, rightly signed": lambda good, _o, secret: stripe(good, secret, seconds_of(good) - 400),
    "a time to come, rightly signed": lambda good, _o, secret: stripe(good, secret, seconds_of(good) + 400),
    "real money among tests, rightly signed": lambda good, _o, secret: stripe(good, secret, event_livemode=True),
    "another account, rightly signed": lambda good, _o, secret: stripe(good, secret, event_account="acct_other"),
    "the same JSON in other bytes": lambda good, _o, _s: replace(good, body=good.body.replace(b",", b", ")),
    "the wrong media type": lambda good, _o, _s: replace(good, headers={**good.headers, "Content-Type": FORM}),
    "a cut body": lambda good, _o, _s: replace(good, body=good.body[:-20]),
    "an empty body": lambda good, _o, _s: replace(good, body=b""),
    "bytes that are no text": lambda good, _o, _s: replace(good, body=good.body + b"\xff"),
}


@pytest.fixture(scope="module")
def waiting(whole_site: Site) -> dict[str, tuple[Call, Call, dict[str, Any]]]:
    """For each provider two payments that were paid there and we have not heard it: their notices, and the first."""
    whole_site.bench.play()
    found = {}
    for provider in ("alipay", "stripe"):
        payments = [whole_site.waiting(provider)[0] for _ in range(2)]
        for payment in payments:
            whole_site.bench.fakepay.act(payment["trade_no"], "pay")
        good, other = (whole_site.bench.fakepay.message(each["trade_no"], "paid") for each in payments)
        found[provider] = (good, other, payments[0])
    return found


def refused(site: Site, provider: str, forged: Call) -> None:
    """401, always the same words, and nothing in any table."""
    before = site.everything()
    answer = site.deliver(provider, forged)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid-signature")
    assert answer.get_json()["detail"] == "The notice's signature is not good"
    assert site.everything() == before


@pytest.mark.parametrize("kind", ALIPAY)
def test_forged_notices_of_alipay_are_refused_and_leave_nothing(
    whole_site: Site, waiting: dict[str, tuple[Call, Call, Any]], strangers_key: RSAPrivateKey, kind: str
) -> None:
    good, other, _ = waiting["alipay"]
    refused(whole_site, "alipay", ALIPAY[kind](good, other, whole_site.bench.keys.alipay.key, strangers_key))


@pytest.mark.parametrize("kind", STRIPE)
def test_forged_events_of_stripe_are_refused_and_leave_nothing(
    whole_site: Site, waiting: dict[str, tuple[Call, Call, Any]], kind: str
) -> None:
    good, other, _ = waiting["stripe"]
    refused(whole_site, "stripe", STRIPE[kind](good, other, whole_site.bench.keys.stripe.webhook_secret))


@pytest.mark.parametrize("provider", ["alipay", "stripe"])
def test_one_providers_notice_at_anothers_door_and_one_that_is_too_large_are_refused(
    whole_site: Site, waiting: dict[str, tuple[Call, Call, Any]], provider: str
) -> None:
    good = waiting[provider][0]
    refused(whole_site, {"alipay": "stripe", "stripe": "alipay"}[provider], good)
    before = whole_site.everything()
    large = whole_site.deliver(provider, replace(good, body=good.body + b"&x=" + b"a" * 64_000))
    assert (large.status_code, large.get_json()["code"]) == (413, "body-too-large")
    assert whole_site.everything() == before


def parked(site: Site, provider: str, sent: Call, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    """Taken as the provider expects, kept with its reason, an alarm, a count, and nothing else."""
    before, counted = site.everything(), count(site, provider, reason)
    caplog.clear()
    with caplog.at_level("ERROR", logger="fujin.payments"):
        answer = site.deliver(provider, sent)
    assert (answer.status_code, answer.data) == {"alipay": (200, b"success"), "stripe": (204, b"")}[provider]
    after = site.everything()
    assert after.pop("provider_events") == before.pop("provider_events") + 1
    assert after == before
    assert [(each.getMessage(), each.alarm, each.outcome) for each in caplog.records] == [  # type: ignore[attr-defined]
        ("notice parked", True, reason)
    ]
    assert count(site, provider, reason) == counted + 1
    shown = site.app.test_cli_runner().invoke(args=["fujin", "payments", "parked", "--json", "--limit", "1"])
    told = json.loads(shown.output)
    assert (told["provider"], told["reason"], told["bytes"]) == (provider, reason, len(sent.body))


def count(site: Site, provider: str, outcome: str) -> float:
    """What /metrics says."""
    for line in site.loop.client.get("/metrics").get_data(as_text=True).splitlines():
        if line.startswith(f'fujin_provider_notices_total{{outcome="{outcome}",provider="{provider}"}}'):
            return float(line.split()[-1])
    return 0.0


def test_alipays_notices_that_do_not_fit_are_parked(
    whole_site: Site, waiting: dict[str, tuple[Call, Call, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    good, key = waiting["alipay"][0], whole_site.bench.keys.alipay.key
    stripes = waiting["stripe"][2]["trade_no"]
    cases = [
        (alipay(good, key, notify_id="n1", total_amount="40.01"), "amount-mismatch"),
        (alipay(good, key, notify_id="n2", total_amount="4000"), "amount-mismatch"),
        (alipay(good, key, notify_id="n3", total_amount=None), "amount-mismatch"),
        (alipay(good, key, notify_id="n4", out_trade_no="0" * 32), "unknown-trade"),
        (alipay(good, key, notify_id="n5", out_trade_no="of somebody else's"), "unknown-trade"),
        (alipay(good, key, notify_id="n6", out_trade_no=stripes), "unknown-trade"),
    ]
    for sent, reason in cases:
        parked(whole_site, "alipay", sent, reason, caplog)


def test_stripes_events_that_do_not_fit_are_parked(
    whole_site: Site, waiting: dict[str, tuple[Call, Call, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    good, secret = waiting["stripe"][0], whole_site.bench.keys.stripe.webhook_secret
    cases = [
        (stripe(good, secret, event_id="e1", amount=PRICE + 1), "amount-mismatch"),
        (stripe(good, secret, event_id="e2", currency="jpy"), "amount-mismatch"),
        (stripe(good, secret, event_id="e3", amount="4000"), "amount-mismatch"),
        (stripe(good, secret, event_id="e4", metadata={"trade_no": "0" * 32}), "unknown-trade"),
        (stripe(good, secret, event_id="e5", metadata={}), "unknown-trade"),
        (stripe(good, secret, event_id="e6", metadata=None), "unknown-trade"),
    ]
    for sent, reason in cases:
        parked(whole_site, "stripe", sent, reason, caplog)


@pytest.mark.parametrize("provider", ["alipay", "stripe"])
def test_money_that_went_back_without_us_is_parked(
    whole_site: Site, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    found, _, _ = whole_site.paid(provider)
    whole_site.bench.fakepay.act(found["trade_no"], "refund_outside")
    parked(
        whole_site,
        provider,
        whole_site.bench.fakepay.message(found["trade_no"], "refund_done"),
        "unknown-refund",
        caplog,
    )


def test_a_refund_of_another_amount_or_taken_back_afterwards_is_parked(
    whole_site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    found, _, _ = whole_site.paid("stripe")
    assert whole_site.refund(found["payment_id"], 1000).get_json()["state"] == "succeeded"
    fakepay, number = whole_site.bench.fakepay, found["trade_no"]
    parked(whole_site, "stripe", fakepay.message(number, "refund_done", wrong_amount=True), "refund-mismatch", caplog)
    parked(whole_site, "stripe", fakepay.message(number, "refund_failed"), "refund-taken-back", caplog)
    assert whole_site.payment(found["payment_id"]).refunded_minor == 1000


def test_an_event_about_something_else_is_taken_without_an_alarm(
    whole_site: Site, waiting: dict[str, tuple[Call, Call, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    secret = whole_site.bench.keys.stripe.webhook_secret
    with caplog.at_level("ERROR", logger="fujin.payments"):
        other = stripe(waiting["stripe"][0], secret, event_id="e9", event_type="customer.created")
        assert whole_site.deliver("stripe", other).status_code == 204
        key = whole_site.bench.keys.alipay.key
        told = alipay(waiting["alipay"][0], key, notify_id="n9", notify_type="servicemarket_order_notify")
        assert whole_site.deliver("alipay", told).data == b"success"
    assert caplog.records == []
    kept = whole_site.loop.rows("SELECT provider FROM provider_events WHERE outcome = 'of-no-use' ORDER BY 1")
    assert [row[0] for row in kept] == ["alipay", "stripe"]


def test_the_good_ones_are_good(whole_site: Site, waiting: dict[str, tuple[Call, Call, Any]]) -> None:
    """After the others: what was changed there is what made the difference."""
    for provider, (good, _, payment) in waiting.items():
        assert whole_site.deliver(provider, good).status_code in (200, 204)
        assert whole_site.payment(payment["payment_id"]).state == "succeeded"


def test_a_refund_that_failed_and_went_back_all_the_same_is_parked_and_found_when_it_is_sent_again(
    whole_site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    whole_site.bench.play(Step("refund", refund="fail", copies=0))
    found, _, _ = whole_site.paid("stripe")
    number, payment_id = found["trade_no"], found["payment_id"]
    assert whole_site.refund(payment_id, 1000).get_json()["state"] == "failed"
    fakepay = whole_site.bench.fakepay
    # a late word on what is over changes nothing
    assert whole_site.deliver("stripe", fakepay.message(number, "refund_pending")).status_code == 204
    assert whole_site.kept(number) == [("succeeded", True)]
    fakepay.act(number, "refund_done")
    caplog.clear()
    with caplog.at_level("ERROR", logger="fujin.payments"):
        assert whole_site.deliver("stripe", fakepay.message(number, "refund_done")).status_code == 204
    assert [each.outcome for each in caplog.records] == ["refund-after-all"]  # type: ignore[attr-defined]
    assert whole_site.payment(payment_id).refunded_minor == 0
    assert whole_site.refund(payment_id, 1000).get_json()["state"] == "succeeded"
    assert whole_site.payment(payment_id).refunded_minor == fakepay.trade(number).refunded_minor == 1000
