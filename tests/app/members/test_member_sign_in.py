"""Signing in by one-time code, password and client secret, over HTTP."""

from __future__ import annotations

import logging
import stat
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.engine import make_url

from app.core.settings import Settings
from app.members import hashing
from app.members.errors import GatewayFailed
from app.members.otp_gateway import FileGateway
from tests.app.members.people import (
    PASSWORD,
    PHONE,
    People,
    bearer,
    code_sent,
    parts_of,
    signed_in_by_code,
    token_for,
)


def fetch(client: FlaskClient, **body: Any) -> Any:
    return client.post("/v1/auth/token", json=body)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def refused(answer: Any) -> dict[str, Any]:
    """A refusal without its request id; every wrong sign-in has the same."""
    body: dict[str, Any] = dict(answer.json)
    body.pop("request_id")
    assert answer.headers["Cache-Control"] == "no-store"
    return body


INVALID_GRANT = {
    "type": "/problems#invalid-grant",
    "title": "The sign-in does not match",
    "status": 401,
    "detail": "check what you sent and sign in again",
    "code": "invalid-grant",
    "errors": [],
    "retryable": False,
}


def test_code_signs_a_new_phone_in_as_a_member(client: FlaskClient) -> None:
    answer = signed_in_by_code(client)
    assert answer["token_type"] == "Bearer"
    assert answer["role"] == "member"
    assert answer["expires_in"] == 900
    me = client.get("/v1/me", headers=bearer(answer["access_token"])).json
    assert me["role"] == "member"
    assert me["subject"] == me["member_id"]


def test_same_phone_is_the_same_member_again(client: FlaskClient, people: People) -> None:
    first = signed_in_by_code(client)
    people.run("UPDATE otp_challenges SET sent_at = sent_at - interval '31 seconds'")
    second = signed_in_by_code(client)
    subjects = {client.get("/v1/me", headers=bearer(got["access_token"])).json["subject"] for got in (first, second)}
    assert len(subjects) == 1


def test_code_is_good_once(client: FlaskClient) -> None:
    code = code_sent(client)
    assert fetch(client, grant_type="otp", phone=PHONE, code=code).status_code == 200
    assert refused(fetch(client, grant_type="otp", phone=PHONE, code=code)) == INVALID_GRANT


def test_code_is_good_for_five_minutes(client: FlaskClient, people: People) -> None:
    code = code_sent(client)
    row = people.run("SELECT expires_at - sent_at AS kept FROM otp_challenges").one()
    assert row.kept.total_seconds() == 300
    people.run("UPDATE otp_challenges SET expires_at = clock_timestamp()")
    assert refused(fetch(client, grant_type="otp", phone=PHONE, code=code)) == INVALID_GRANT


def test_another_phones_code_does_not_fit(client: FlaskClient) -> None:
    code = code_sent(client)
    code_sent(client, "+4915112345678")
    assert refused(fetch(client, grant_type="otp", phone="+4915112345678", code=wrong(code))) == INVALID_GRANT


def test_five_wrong_codes_void_the_right_one(client: FlaskClient) -> None:
    code = code_sent(client)
    for _ in range(5):
        assert refused(fetch(client, grant_type="otp", phone=PHONE, code=wrong(code))) == INVALID_GRANT
    locked = fetch(client, grant_type="otp", phone=PHONE, code=code)
    assert (locked.status_code, locked.json["code"]) == (429, "otp-locked")
    assert 1 <= int(locked.headers["Retry-After"]) <= 30


def test_parallel_guesses_are_counted_one_by_one(client: FlaskClient, people: People) -> None:
    code = code_sent(client)
    barrier = threading.Barrier(8)

    def guess(_: int) -> int:
        with client.application.test_client() as own:
            barrier.wait()
            return int(fetch(own, grant_type="otp", phone=PHONE, code=wrong(code)).status_code)

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(guess, range(8)))
    assert answers == [401] * 5 + [429] * 3
    assert people.run("SELECT wrong_tries FROM otp_challenges").scalar_one() == 5


def test_second_code_within_thirty_seconds_is_refused(client: FlaskClient, people: People) -> None:
    first = code_sent(client)
    again = client.post("/v1/auth/otp", json={"phone": PHONE})
    assert (again.status_code, again.json["code"]) == (429, "otp-too-soon")
    assert 1 <= int(again.headers["Retry-After"]) <= 30
    assert fetch(client, grant_type="otp", phone=PHONE, code=first).status_code == 200, "the first code stays good"
    people.run("UPDATE otp_challenges SET sent_at = sent_at - interval '31 seconds'")
    assert client.post("/v1/auth/otp", json={"phone": PHONE}).status_code == 202


def test_eleventh_code_within_a_day_is_refused(client: FlaskClient, people: People) -> None:
    for _ in range(10):
        code_sent(client)
        people.run("UPDATE otp_challenges SET sent_at = sent_at - interval '31 seconds'")
    again = client.post("/v1/auth/otp", json={"phone": PHONE})
    assert (again.status_code, again.json["code"]) == (429, "otp-too-soon")
    assert int(again.headers["Retry-After"]) > 86_000
    people.run("UPDATE otp_challenges SET counted_from = counted_from - interval '1 day'")
    assert client.post("/v1/auth/otp", json={"phone": PHONE}).status_code == 202


def test_known_and_unknown_phones_get_the_same_answer(client: FlaskClient, people: People) -> None:
    signed_in_by_code(client)
    people.run("UPDATE otp_challenges SET sent_at = sent_at - interval '31 seconds'")
    known = client.post("/v1/auth/otp", json={"phone": PHONE})
    unknown = client.post("/v1/auth/otp", json={"phone": "+4915112345678"})
    assert (known.status_code, known.json) == (unknown.status_code, unknown.json)
    assert known.json == {"expires_in": 300, "resend_after_s": 30}


@pytest.mark.parametrize("phone", ["13912345678", "+0123456789", "+123", "+1234567890123456", "+86 139", "", 7, None])
def test_phone_not_in_e164_is_pointed_at(client: FlaskClient, phone: object) -> None:
    answer = client.post("/v1/auth/otp", json={"phone": phone})
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json["errors"]] == ["/phone"]


def test_request_with_a_key_sends_one_code_and_replays_the_answer(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = client.post("/v1/auth/otp", json={"phone": PHONE}, headers=headers)
    code = parts_of(client).gateway.last(PHONE)["code"]  # type: ignore[attr-defined]
    again = client.post("/v1/auth/otp", json={"phone": PHONE}, headers=headers)
    assert (first.status_code, first.json) == (again.status_code, again.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert parts_of(client).gateway.last(PHONE)["code"] == code  # type: ignore[attr-defined]


def test_gateway_that_fails_answers_502_and_frees_the_key(
    client: FlaskClient, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise GatewayFailed("down")

    monkeypatch.setattr(FileGateway, "send", refuse)
    answer = client.post("/v1/auth/otp", json={"phone": PHONE}, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json["code"]) == (502, "gateway-failed")
    assert people.run("SELECT count(*) FROM caller_idempotency_keys").scalar_one() == 0


def test_password_opens_the_highest_role_or_the_one_asked_for(client: FlaskClient, people: People) -> None:
    both = people.member("boss", password=True)
    people.works(both, people.merchant(), "owner")
    people.granted(both, "operator", people.city(2, "city2"))
    roles = [
        fetch(client, grant_type="password", login=" BOSS ", password=PASSWORD, **asked).json["role"]
        for asked in ({}, {"role": "owner"}, {"role": "member"})
    ]
    assert roles == ["operator", "owner", "member"]


def test_wrong_password_unknown_login_and_role_not_held_answer_alike(client: FlaskClient, people: People) -> None:
    people.member("boss", password=True)
    people.member("phone-only")
    suspended = people.member("gone", password=True)
    people.run("UPDATE members SET state = 'suspended' WHERE member_id = :id", id=suspended)
    answers = [
        fetch(client, grant_type="password", login="boss", password="wrong"),
        fetch(client, grant_type="password", login="nobody", password=PASSWORD),
        fetch(client, grant_type="password", login="phone-only", password=PASSWORD),
        fetch(client, grant_type="password", login="gone", password=PASSWORD),
        fetch(client, grant_type="password", login="boss", password=PASSWORD, role="admin"),
        fetch(client, grant_type="client_credentials", client_id="nobody", client_secret="x"),
        fetch(client, grant_type="refresh_token", refresh_token="x"),
        fetch(client, grant_type="otp", phone=PHONE, code="123456"),
    ]
    assert [refused(answer) for answer in answers] == [INVALID_GRANT] * len(answers)


def test_twentieth_wrong_password_locks_the_name_known_or_not(client: FlaskClient, people: People) -> None:
    people.member("boss", password=True)
    for login in ("boss", "nobody"):
        fetch(client, grant_type="password", login=login, password="wrong")
        people.run("UPDATE sign_in_tries SET tries = 20")
        locked = fetch(client, grant_type="password", login=login, password=PASSWORD)
        assert (locked.status_code, locked.json["code"]) == (429, "sign-in-locked")
        assert locked.headers["Retry-After"] == "900"
        people.run("UPDATE sign_in_tries SET counted_from = counted_from - interval '15 minutes'")
    assert fetch(client, grant_type="password", login="boss", password=PASSWORD).status_code == 200
    assert people.run("SELECT count(*) FROM sign_in_tries").scalar_one() == 1, "a right password forgets the tries"


def test_partner_gets_a_token_without_a_refresh_token(client: FlaskClient, people: People) -> None:
    merchant_id = people.merchant()
    people.client("shop-system", "s3cret", merchant_id)
    answer = fetch(client, grant_type="client_credentials", client_id="shop-system", client_secret="s3cret")
    assert answer.json["role"] == "partner"
    assert "refresh_token" not in answer.json
    me = client.get("/v1/me", headers=bearer(answer.json["access_token"])).json
    assert me["merchants"] == [str(merchant_id)]
    assert (me["scopes"], me["member_id"], me["display_name"]) == (["flow"], None, "A Partner")
    assert (
        fetch(client, grant_type="client_credentials", client_id="shop-system", client_secret="no").status_code == 401
    )
    people.run("UPDATE api_clients SET enabled = false")
    assert client.get("/v1/me", headers=bearer(answer.json["access_token"])).json["code"] == "invalid-token"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {"/grant_type"}),
        ({"grant_type": "magic"}, {"/grant_type"}),
        ({"grant_type": "otp"}, {"/phone", "/code"}),
        ({"grant_type": "otp", "phone": PHONE, "code": "123456", "role": "admin"}, {"/role"}),
        ({"grant_type": "otp", "phone": PHONE, "code": "12345"}, {"/code"}),
        ({"grant_type": "otp", "phone": PHONE, "code": 123456}, {"/code"}),
        ({"grant_type": "password", "login": "a"}, {"/password"}),
        ({"grant_type": "password", "login": "a", "password": "b", "role": "partner"}, {"/role"}),
        ({"grant_type": "refresh_token", "refresh_token": "a", "phone": PHONE}, {"/phone"}),
        ({"grant_type": "client_credentials", "client_id": "a", "client_secret": "b", "scope": "x"}, {"/scope"}),
    ],
)
def test_members_that_a_grant_lacks_or_does_not_take_are_pointed_at(
    client: FlaskClient, body: dict[str, Any], pointers: set[str]
) -> None:
    answer = client.post("/v1/auth/token", json=body)
    assert answer.status_code == 422
    assert {fault["pointer"] for fault in answer.json["errors"]} == pointers


def test_key_set_is_public_and_holds_nothing_private(client: FlaskClient) -> None:
    answer = client.get("/.well-known/jwks.json")
    assert [set(key) for key in answer.json["keys"]] == [{"kty", "crv", "x", "kid", "use", "alg"}]
    assert "max-age=300" in answer.headers["Cache-Control"]
    again = client.get("/.well-known/jwks.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_nothing_secret_stands_in_the_database_or_the_log(
    client: FlaskClient, people: People, app_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="fujin")
    people.member("boss", password=True)
    people.client("shop-system", "s3cret-of-the-shop")
    code = code_sent(client)
    fetch(client, grant_type="otp", phone=PHONE, code=wrong(code))
    answers = [
        fetch(client, grant_type="otp", phone=PHONE, code=code).json,
        fetch(client, grant_type="password", login="boss", password=PASSWORD).json,
        fetch(
            client, grant_type="client_credentials", client_id="shop-system", client_secret="s3cret-of-the-shop"
        ).json,
    ]
    answers.append(fetch(client, grant_type="refresh_token", refresh_token=answers[0]["refresh_token"]).json)
    client.post("/v1/auth/otp", json={"phone": "+4915112345678"}, headers={"Idempotency-Key": "k"})
    client.delete("/v1/auth/token", headers=bearer(answers[1]["access_token"]))
    secrets = [PHONE, PHONE[1:], PHONE[3:], "15112345678", PASSWORD, "s3cret-of-the-shop", f"{code}\t", f'"{code}"']
    secrets += [token for answer in answers for name, token in answer.items() if name.endswith("_token")]
    dumped, logged = _dump(app_settings), caplog.text
    assert "otp_challenges" in dumped
    assert "request" in logged
    for secret in secrets:
        assert secret not in dumped
        assert secret not in logged


def _dump(settings: Settings) -> str:
    url = make_url(settings.database_owner_url or "")
    command = ["pg_dump", "--data-only", "-h", str(url.query.get("host") or url.host), "-U", str(url.username)]
    port = url.query.get("port") or url.port
    command += (["-p", str(port)] if port else []) + [str(url.database)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_file_of_codes_is_private_and_keeps_a_hundred(client: FlaskClient, app_settings: Settings) -> None:
    for number in range(103):
        assert client.post("/v1/auth/otp", json={"phone": f"+49151{number:07d}"}).status_code == 202
    file: Path = app_settings.state_dir / "otp.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().splitlines()) == 100
    assert "+491510000102" in file.read_text().splitlines()[-1]


def test_public_route_refuses_a_wrong_token_all_the_same(client: FlaskClient) -> None:
    answer = client.post("/v1/auth/otp", json={"phone": PHONE}, headers=bearer("forged"))
    assert (answer.status_code, answer.json["code"]) == (401, "invalid-token")


def test_known_and_unknown_logins_cost_one_slow_hash_each(
    client: FlaskClient, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.member("boss", password=True)
    tried: list[str] = []
    real = hashing._HASHER

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            tried.append(stored.split("$")[3])  # the cost of it: memory, passes, lanes
            return real.verify(stored, password)

    monkeypatch.setattr(hashing, "_HASHER", Counting())
    for login in ("boss", "nobody"):
        assert fetch(client, grant_type="password", login=login, password="wrong").status_code == 401
    assert tried == ["m=19456,t=2,p=1"] * 2


def test_token_for_a_member_that_does_not_exist_is_refused(client: FlaskClient) -> None:
    headers = token_for(client, "0198aaaa-0000-7000-8000-000000000000", "admin")
    assert client.get("/v1/me", headers=headers).json["code"] == "invalid-token"
