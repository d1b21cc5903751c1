"""Notices of providers: a published vector, and forgeries that leave nothing behind."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from app.core.clock import system_clock
from app.payments.errors import InvalidSignature
from app.payments.providers.signing import signed_headers, verified_id
from tests.factories.paying import Paying, Signed

# The vector of the Standard Webhooks reference libraries' tests.
SECRET = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
BODY = b'{"test": 2432232314}'
AT = datetime.fromtimestamp(1614265330, UTC)
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def test_a_signature_equals_the_published_one() -> None:
    assert signed_headers(SECRET, HEADERS["webhook-id"], AT, BODY) == HEADERS
    assert verified_id(SECRET, HEADERS, BODY, AT) == HEADERS["webhook-id"]


@pytest.mark.parametrize("seconds", [-300, 300])
def test_five_minutes_either_way_are_taken(seconds: int) -> None:
    assert verified_id(SECRET, HEADERS, BODY, AT + timedelta(seconds=seconds))


def test_one_of_several_signatures_is_enough() -> None:
    both = f"v1a,AAAA v1,AAAA {HEADERS['webhook-signature']}"
    assert verified_id(SECRET, HEADERS | {"webhook-signature": both}, BODY, AT)


def forge(kind: str, good: Signed, secret: bytes) -> Signed:
    """One way to lie about a good message."""
    headers, now = good.headers, system_clock()
    mark = headers["webhook-signature"]
    changed: dict[str, str | None] = {
        "no signature": {"webhook-signature": None},
        "no id": {"webhook-id": None},
        "no time": {"webhook-timestamp": None},
        "another id": {"webhook-id": "msg_other"},
        "another time": {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)},
        "a time in words": {"webhook-timestamp": "now"},
        "another version": {"webhook-signature": mark.replace("v1,", "v2,")},
        "no base64": {"webhook-signature": "v1,%%%"},
        "an empty mark": {"webhook-signature": "v1,"},
        "a cut mark": {"webhook-signature": mark[:-8]},
    }.get(kind, {})  # type: ignore[assignment]
    if changed:
        return Signed(good.body, {name: value for name, value in {**headers, **changed}.items() if value is not None})
    if kind == "another body":
        return Signed(good.body.replace(b"4000", b"4001"), headers)
    if kind == "the same JSON in other bytes":
        return Signed(good.body.replace(b",", b", "), headers)
    if kind == "another key":
        return Signed(good.body, signed_headers(b"k" * 32, "msg_forged", now, good.body))
    if kind == "an empty key":
        return Signed(good.body, signed_headers(b"", "msg_forged", now, good.body))
    minutes = {"too old": -6, "from the future": 6}[kind]
    return Signed(good.body, signed_headers(secret, "msg_old", now + timedelta(minutes=minutes), good.body))


FORGERIES = (
    "no signature",
    "no id",
    "no time",
    "another id",
    "another time",
    "a time in words",
    "another version",
    "no base64",
    "an empty mark",
    "a cut mark",
    "another body",
    "the same JSON in other bytes",
    "another key",
    "an empty key",
    "too old",
    "from the future",
)


def test_forged_notices_are_refused_and_leave_nothing(paying: Paying) -> None:
    found, claim_id, _ = paying.paid_claim(outcome="wait")
    assert paying.wallet.tell(found["trade_no"], "pay")
    good = paying.notice(found["trade_no"])
    before = paying.payment(found["payment_id"])
    for kind in FORGERIES:
        forged = forge(kind, good, paying.secret)
        answer = paying.notify(forged.body, forged.headers)
        assert (kind, answer.status_code, answer.get_json()["code"]) == (kind, 401, "invalid-signature")
    assert paying.loop.one("SELECT count(*) FROM provider_events") == 0
    assert paying.payment(found["payment_id"]) == before
    assert paying.state_of(claim_id) == "pending_payment"
    assert paying.notify(good.body, good.headers).status_code == 204
    assert paying.state_of(claim_id) == "active"


def test_the_answer_never_says_what_was_wrong(paying: Paying) -> None:
    good = paying.notice("0" * 32)
    bodies = set()
    for kind in FORGERIES:
        forged = forge(kind, good, paying.secret)
        answer = paying.notify(forged.body, forged.headers | {"X-Request-Id": "same-for-all"})
        bodies.add(answer.data)
    assert len(bodies) == 1


def test_providers_without_notices_have_no_door(paying: Paying) -> None:
    signed = paying.notice("0" * 32)
    for provider in ("cash", "alipay"):
        answer = paying.loop.client.post(f"/v1/providers/{provider}/notify", data=signed.body, headers=signed.headers)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not-found")


def test_a_body_over_64_kilobytes_is_not_read(paying: Paying) -> None:
    body = b" " * 64_001
    answer = paying.notify(body, signed_headers(paying.secret, "msg_big", system_clock(), body))
    assert (answer.status_code, answer.get_json()["code"]) == (413, "body-too-large")
    assert paying.loop.one("SELECT count(*) FROM provider_events") == 0
    body = body[:-1]
    assert paying.notify(body, signed_headers(paying.secret, "msg_big", system_clock(), body)).status_code == 204


def test_an_unsigned_message_is_refused_by_the_wallet_itself(paying: Paying) -> None:
    with pytest.raises(InvalidSignature):
        paying.wallet.verify_notice({}, b"{}", system_clock())
