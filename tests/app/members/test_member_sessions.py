"""Refresh tokens, signing out, losing a role, and one's own page, over HTTP."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.core.ids import new_city_id
from tests.app.members.people import PASSWORD, People, bearer, signed_in_by_code, token_for


def refresh(client: FlaskClient, token: str) -> Any:
    return client.post("/v1/auth/token", json={"grant_type": "refresh_token", "refresh_token": token})


def test_refresh_token_gives_a_new_pair_in_the_same_role(client: FlaskClient) -> None:
    first = signed_in_by_code(client)
    second = refresh(client, first["refresh_token"]).json
    assert second["role"] == "member"
    assert second["refresh_token"] != first["refresh_token"]
    assert client.get("/v1/me", headers=bearer(second["access_token"])).status_code == 200
    assert refresh(client, second["refresh_token"]).status_code == 200


def test_refresh_token_used_twice_ends_the_whole_session(client: FlaskClient) -> None:
    first = signed_in_by_code(client)
    second = refresh(client, first["refresh_token"]).json
    assert refresh(client, first["refresh_token"]).json["code"] == "invalid-grant"
    assert refresh(client, second["refresh_token"]).json["code"] == "invalid-grant"
    for token in (first["access_token"], second["access_token"]):
        assert client.get("/v1/me", headers=bearer(token)).json["code"] == "revoked-token"


def test_another_session_of_the_member_goes_on(client: FlaskClient, people: People) -> None:
    first = signed_in_by_code(client)
    people.run("UPDATE otp_challenges SET sent_at = sent_at - interval '31 seconds'")
    other = signed_in_by_code(client)
    refresh(client, first["refresh_token"])
    refresh(client, first["refresh_token"])
    assert client.get("/v1/me", headers=bearer(other["access_token"])).status_code == 200
    assert refresh(client, other["refresh_token"]).status_code == 200


def test_of_two_refreshes_at_once_one_wins_and_the_session_ends(client: FlaskClient) -> None:
    first = signed_in_by_code(client)
    barrier = threading.Barrier(4)

    def use(_: int) -> int:
        with client.application.test_client() as own:
            barrier.wait()
            return int(refresh(own, first["refresh_token"]).status_code)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, range(4))) == [200, 401, 401, 401]
    assert client.get("/v1/me", headers=bearer(first["access_token"])).json["code"] == "revoked-token"


def test_refresh_token_past_its_time_is_refused(client: FlaskClient, people: People) -> None:
    first = signed_in_by_code(client)
    kept = people.run("SELECT expires_at - created_at AS kept FROM refresh_tokens").scalar_one()
    assert kept.days == 30
    people.run("UPDATE refresh_tokens SET expires_at = clock_timestamp()")
    assert refresh(client, first["refresh_token"]).json["code"] == "invalid-grant"


def test_refresh_token_is_no_access_token(client: FlaskClient) -> None:
    first = signed_in_by_code(client)
    assert client.get("/v1/me", headers=bearer(first["refresh_token"])).json["code"] == "invalid-token"
    assert refresh(client, first["access_token"][:200]).json["code"] == "invalid-grant"


@pytest.mark.parametrize("edit", [lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"), lambda t: "fjr_" + "A" * 64])
def test_edited_refresh_token_is_refused_and_harms_nobody(client: FlaskClient, edit: Any) -> None:
    first = signed_in_by_code(client)
    assert refresh(client, edit(first["refresh_token"])).json["code"] == "invalid-grant"
    assert refresh(client, first["refresh_token"]).status_code == 200


def test_signing_out_ends_the_token_and_its_session(client: FlaskClient) -> None:
    first = signed_in_by_code(client)
    headers = bearer(first["access_token"])
    gone = client.delete("/v1/auth/token", headers=headers)
    assert (gone.status_code, gone.data) == (204, b"")
    assert client.get("/v1/me", headers=headers).json["code"] == "revoked-token"
    assert refresh(client, first["refresh_token"]).json["code"] == "invalid-grant"
    assert client.delete("/v1/auth/token", headers=headers).status_code == 401


def test_partner_signs_out_of_one_token_alone(client: FlaskClient, people: People) -> None:
    people.client("shop-system", "x")
    first, second = (token_for(client, "shop-system", "partner") for _ in range(2))
    assert client.delete("/v1/auth/token", headers=first).status_code == 204
    assert client.get("/v1/me", headers=first).json["code"] == "revoked-token"
    assert client.get("/v1/me", headers=second).status_code == 200


def test_fired_staff_is_out_at_the_next_request(client: FlaskClient, people: People) -> None:
    member_id, merchant_id, place_id = people.member("till", password=True), people.merchant(), new_city_id(2)
    people.works(member_id, merchant_id, "staff", place_id)
    body = {"grant_type": "password", "login": "till", "password": PASSWORD}
    got = client.post("/v1/auth/token", json=body).json
    headers = bearer(got["access_token"])
    me = client.get("/v1/me", headers=headers).json
    assert (me["role"], me["merchants"], me["places"]) == ("staff", [str(merchant_id)], [str(place_id)])
    people.fired(member_id)
    answer = client.get("/v1/me", headers=headers)
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert refresh(client, got["refresh_token"]).json["code"] == "invalid-grant"
    assert client.post("/v1/auth/token", json=body).json["role"] == "member"


def test_token_added_while_its_session_was_ended_is_worth_nothing(client: FlaskClient, people: People) -> None:
    newest = refresh(client, signed_in_by_code(client)["refresh_token"]).json
    # What a reuse leaves that was found between the exchange's insert and its commit: it could not see the newest.
    people.run("UPDATE refresh_tokens SET revoked_at = used_at WHERE used_at IS NOT NULL")
    assert client.get("/v1/me", headers=bearer(newest["access_token"])).json["code"] == "revoked-token"
    assert refresh(client, newest["refresh_token"]).json["code"] == "invalid-grant"


def test_demoted_operator_and_suspended_merchant_stop_at_once(client: FlaskClient, people: People) -> None:
    member_id = people.member("op")
    people.granted(member_id, "operator", people.city(2, "city2"))
    people.granted(member_id, "operator", people.city(3, "city3"))
    operator = token_for(client, member_id, "operator")
    assert client.get("/v1/me", headers=operator).json["cities"] == [2, 3]
    people.run("DELETE FROM role_grants WHERE city_id = 3")
    assert client.get("/v1/me", headers=operator).json["cities"] == [2]
    people.run("DELETE FROM role_grants")
    assert client.get("/v1/me", headers=operator).status_code == 403

    people.works(member_id, people.merchant(), "owner")
    owner = token_for(client, member_id, "owner")
    assert client.get("/v1/me", headers=owner).status_code == 200
    people.run("UPDATE merchants SET state = 'suspended'")
    assert client.get("/v1/me", headers=owner).status_code == 403


def test_suspended_member_is_out(client: FlaskClient, people: People) -> None:
    member_id = people.member()
    headers = token_for(client, member_id, "member")
    assert client.get("/v1/me", headers=headers).status_code == 200
    people.run("UPDATE members SET state = 'suspended'")
    assert client.get("/v1/me", headers=headers).json["code"] == "invalid-token"


def test_role_in_a_token_that_was_never_held_gives_nothing(client: FlaskClient, people: People) -> None:
    member_id = people.member()
    for role in ("admin", "operator", "owner", "staff"):
        assert client.get("/v1/me", headers=token_for(client, member_id, role)).status_code == 403
    assert client.get("/v1/me", headers=token_for(client, member_id, "partner")).json["code"] == "invalid-token"
    assert client.get("/v1/me", headers=token_for(client, member_id, "emperor")).json["code"] == "invalid-token"


def test_own_page_changes_under_the_state_that_was_read(client: FlaskClient, people: People) -> None:
    headers = token_for(client, people.member(), "member")
    read = client.get("/v1/me", headers=headers)
    change = {"display_name": "小明", "language": "zh-Hans", "marketing_consent": True}
    assert client.patch("/v1/me", headers=headers, json=change).status_code == 428
    done = client.patch("/v1/me", headers=headers | {"If-Match": read.headers["ETag"]}, json=change)
    assert done.status_code == 200
    assert {name: done.json[name] for name in change} == change
    stale = client.patch("/v1/me", headers=headers | {"If-Match": read.headers["ETag"]}, json={"display_name": "x"})
    assert (stale.status_code, stale.json["code"]) == (412, "precondition-failed")
    again = client.get("/v1/me", headers=headers)
    assert (again.json, again.headers["ETag"]) == (done.json, done.headers["ETag"])
    assert client.get("/v1/me", headers=headers | {"If-None-Match": done.headers["ETag"]}).status_code == 304


def test_of_two_changes_at_once_one_wins(client: FlaskClient, people: People) -> None:
    headers = token_for(client, people.member(), "member")
    headers |= {"If-Match": client.get("/v1/me", headers=headers).headers["ETag"]}
    barrier = threading.Barrier(4)

    def change(number: int) -> int:
        with client.application.test_client() as own:
            barrier.wait()
            return int(own.patch("/v1/me", headers=headers, json={"display_name": f"name {number}"}).status_code)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(change, range(4))) == [200, 412, 412, 412]


def test_withdrawn_consent_and_emptied_name_are_gone(client: FlaskClient, people: People) -> None:
    headers = token_for(client, people.member(name="Ann"), "member")

    def change(**body: Any) -> Any:
        tag = client.get("/v1/me", headers=headers).headers["ETag"]
        return client.patch("/v1/me", headers=headers | {"If-Match": tag}, json=body).json

    assert change(marketing_consent=True)["marketing_consent"] is True
    assert change(marketing_consent=False, display_name=None)["display_name"] is None
    assert people.run("SELECT marketing_consent_at FROM members").scalar_one() is None


@pytest.mark.parametrize(
    "body",
    [
        {"role": "admin"},
        {"state": "active"},
        {"member_id": "0198aaaa-0000-7000-8000-000000000000"},
        {"row_version": 9},
        {"display_name": ""},
        {"display_name": "x" * 81},
        {"display_name": "a\u0007b"},
        {"language": "not a tag"},
        {"marketing_consent": 1},
    ],
)
def test_what_is_not_ones_own_to_change_is_refused(client: FlaskClient, people: People, body: dict[str, Any]) -> None:
    headers = token_for(client, people.member(), "member") | {"If-Match": "*"}
    before = people.run("SELECT * FROM members").one()
    answer = client.patch("/v1/me", headers=headers, json=body)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json["errors"]] == [f"/{next(iter(body))}"]
    assert people.run("SELECT * FROM members").one() == before


def test_partner_has_no_page_to_change(client: FlaskClient, people: People) -> None:
    people.client("shop-system", "x")
    headers = token_for(client, "shop-system", "partner") | {"If-Match": "*"}
    assert client.patch("/v1/me", headers=headers, json={"language": "en"}).json["code"] == "forbidden"


def test_own_page_wants_a_token(client: FlaskClient) -> None:
    answer = client.get("/v1/me")
    assert (answer.status_code, answer.json["code"]) == (401, "missing-token")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
