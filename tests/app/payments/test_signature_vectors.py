"""Signatures that others made: published ones of Alipay's sandbox, and those of the independent clients."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

import pytest
import stripe
from alipay import AliPay
from hypothesis import given, settings
from hypothesis import strategies as st

from app.payments.errors import InvalidSignature
from app.payments.fakepay.keys import public_pem
from app.payments.providers.alipay import Alipay, AlipayAccount
from app.payments.providers.alipay_signing import (
    form_of,
    is_signed,
    nodes_of,
    notice_text,
    public_key,
    request_text,
    sign,
)
from app.payments.providers.stripe import Stripe, StripeAccount
from tests.factories.fakepay import Bench, bench_in, now, order

PUBLISHED: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "payments" / "alipay.json").read_text("utf-8")
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench_in(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def client(bench: Bench) -> AliPay:
    """The independent client, with our application's key and fakepay's."""
    pem = (bench.folder / "app_private_key.pem").read_text()
    return AliPay("2026000000000001", None, pem, public_pem(bench.keys.alipay.key), sign_type="RSA2")


def published_notice() -> dict[str, str]:
    return dict(pair.partition("=")[::2] for pair in PUBLISHED["notice"]["decoded"].split("&"))


def sent_as(fields: dict[str, str]) -> bytes:
    """The body that Alipay posts."""
    return "&".join(f"{name}={quote_plus(value)}" for name, value in fields.items()).encode()


def test_a_published_notice_is_taken_as_it_was_sent(bench: Bench) -> None:
    fields = published_notice()
    account = AlipayAccount(
        fields["app_id"],
        fields["seller_id"],
        bench.alipay._account.key,
        public_key(PUBLISHED["notice"]["public_key"]),
        "https://x",
        "https://x",
    )
    adapter = Alipay(account, now)
    at = datetime(2017, 2, 25, 9, 0, tzinfo=UTC)  # 17:00 in Shanghai
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    notice = adapter.verify_notice(headers, sent_as(fields), at)
    assert notice.event_key == "6dfa606b57597325bdbf8caf92e5331m3i:TRADE_SUCCESS"
    assert (notice.trade_no, notice.amount_minor, notice.currency) == ("20170225test233", 9900, "CNY")
    for name, value in fields.items():
        other = fields | {name: value + "0"}
        with pytest.raises(InvalidSignature):
            adapter.verify_notice(headers, sent_as(other), at)


def test_a_published_answer_is_verified_over_its_bytes() -> None:
    answer, key = PUBLISHED["answer"]["body"], public_key(PUBLISHED["answer"]["public_key"])
    nodes = nodes_of(answer.encode())
    text, signature = nodes[PUBLISHED["answer"]["node"]], json.loads(nodes["sign"])
    assert is_signed(key, text.encode(), signature)
    assert not is_signed(key, json.dumps(json.loads(text)).encode(), signature)  # read and written anew
    for at in range(len(text)):
        assert not is_signed(key, (text[:at] + "~" + text[at + 1 :]).encode(), signature)


def test_our_requests_are_what_the_independent_client_would_sign(bench: Bench, client: AliPay) -> None:
    bench.play()
    bench.alipay.pay(order())
    call = bench.calls[-1]
    fields = form_of(urlsplit(call.url).query.encode()) | form_of(call.body)
    theirs = dict(parse_qsl(client.sign_data({name: value for name, value in fields.items() if name != "sign"})))
    assert theirs["sign"] == fields["sign"]


@settings(max_examples=25)
@given(
    fields=st.dictionaries(
        st.text("abcdefgh_", min_size=1, max_size=8),
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_the_fields_are_both_sign_the_same_bytes(bench: Bench, client: AliPay, fields: dict[str, str]) -> None:
    ours = sign(bench.alipay._account.key, request_text(fields))
    assert dict(parse_qsl(client.sign_data(dict(fields)), keep_blank_values=True))["sign"] == ours
    told = fields | {"sign_type": "RSA2"}
    mark = sign(bench.keys.alipay.key, notice_text(told))
    assert client.verify(dict(told), mark)
    assert form_of(sent_as(fields)) == fields


# Stripe's own library publishes payload and secret (tests/test_webhook.py, MIT); the signature is OpenSSL's:
# printf '12345.…' | openssl dgst -sha256 -hmac whsec_test_secret
PAYLOAD = b"""{
  "id": "evt_test_webhook",
  "object": "event",
  "data": { "object": { "id": "rdr_123", "object": "terminal.reader" } }
}"""
SECRET = "whsec_test_secret"
MARK = "t=12345,v1=07b1ede164afb7b5de91267ffa656f568c65d6e0783ce0ac55ee094643578eda"


def test_the_librarys_vector_has_the_signature_that_openssl_makes() -> None:
    assert stripe.WebhookSignature.generate_signature_header(PAYLOAD.decode(), SECRET, 12345) == MARK


def test_an_event_signed_by_stripes_own_library_is_taken_over_its_bytes(bench: Bench) -> None:
    adapter = Stripe(StripeAccount("sk_test_x", SECRET, "https://x", "https://x"))
    event = PAYLOAD.replace(b'"object": "event",', b'"object": "event", "type": "terminal.reader", "livemode": false,')
    at = datetime.fromtimestamp(12345, UTC)
    mark = stripe.WebhookSignature.generate_signature_header(event.decode(), SECRET, 12345)
    headers = {"content-type": "application/json", "stripe-signature": mark}
    assert adapter.verify_notice(headers, event, at).of_no_use
    for body in (event + b" ", event.replace(b": ", b":"), event[:-1]):
        with pytest.raises(InvalidSignature):
            adapter.verify_notice(headers, body, at)


def test_signatures_of_keys_that_take_turns_are_taken() -> None:
    adapter = Stripe(StripeAccount("sk_test_x", SECRET, "https://x", "https://x"))
    body = b'{"id":"e","type":"x","livemode":false,"data":{"object":{}}}'
    mark = stripe.WebhookSignature.generate_signature_header(body.decode(), SECRET, 12345)
    headers = {"content-type": "application/json", "stripe-signature": f"{mark},v1=00,v0=00"}
    assert adapter.verify_notice(headers, body, datetime.fromtimestamp(12345, UTC))
