"""A partner's client acts for users of its own: who they are, what they reach, and ids made for their claims."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID, uuid4

import pytest
from werkzeug.test import TestResponse

from app.core.clock import system_clock
from app.core.ids import new_city_id
from tests.factories.loops import CITY, Loop
from tests.factories.partners import SCOPES, plant_partner


class Partner:
    """A client with a token, asking for users."""

    def __init__(self, loop: Loop, *scopes: str, merchants: list[UUID] | None = None) -> None:
        self.loop = loop
        chosen = [loop.merchant] if merchants is None else merchants
        self.client_id, _ = plant_partner(loop.world, chosen, scopes=scopes or SCOPES)
        issuer = loop.app.extensions["fujin"].principals.parts.issuer
        self._token = issuer.issue(self.client_id, "partner", system_clock(), client_id=self.client_id).token

    def ask(self, method: str, path: str, user: str | None, body: Any = None, key: str | None = None) -> TestResponse:
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": key or secrets.token_hex(8)}
        if user is not None:
            headers["Fujin-User"] = user
        return self.loop.client.open(path, method=method, json=body, headers=headers)

    def claim(self, user: str, coupon: UUID, claim_id: UUID | None = None, key: str | None = None) -> TestResponse:
        body = {"coupon_id": str(coupon)} | ({} if claim_id is None else {"claim_id": str(claim_id)})
        return self.ask("POST", "/v1/claims", user, body, key)


def test_a_user_claims_sees_the_code_and_gives_it_back(loop: Loop) -> None:
    partner, coupon = Partner(loop), loop.coupon(per_member=1)
    made = partner.claim("u-1", coupon)
    assert made.status_code == 201, made.get_json()
    path = f"/v1/claims/{made.get_json()['claim_id']}"
    assert partner.ask("GET", f"{path}/code", "u-1").status_code == 200
    assert [one["claim_id"] for one in partner.ask("GET", "/v1/claims", "u-1").get_json()["items"]] == [
        made.get_json()["claim_id"]
    ]
    # the same name is the same member, another one another
    assert partner.claim("u-1", coupon).get_json()["code"] == "user-limit"
    assert partner.claim("u-2", coupon).status_code == 201
    assert partner.ask("GET", path, "u-2").status_code == 404
    assert partner.ask("POST", f"{path}/cancel", "u-1", {}).get_json()["state"] == "cancelled"
    assert loop.one("SELECT count(*) FROM login_names WHERE login_norm LIKE 'oidc:partner:%'") == 2


def test_the_users_of_two_clients_are_strangers(loop: Loop) -> None:
    one, other, coupon = Partner(loop), Partner(loop), loop.coupon()
    made = one.claim("u-1", coupon).get_json()
    assert other.ask("GET", f"/v1/claims/{made['claim_id']}", "u-1").status_code == 404
    assert other.claim("u-1", coupon).status_code == 201


def test_users_are_served_by_the_clients_merchants_alone(loop: Loop) -> None:
    foreign = loop.coupon(merchant_id=loop.rival, places=[loop.rival_place])
    answer, missing = Partner(loop).claim("u-1", foreign), Partner(loop).claim("u-1", new_city_id(CITY))
    assert (answer.status_code, answer.get_json()["detail"]) == (404, missing.get_json()["detail"])
    assert Partner(loop, merchants=[loop.rival]).claim("u-1", foreign).status_code == 201


def test_a_client_without_the_scope_a_person_and_a_wrong_name_are_refused(loop: Loop) -> None:
    coupon, member = loop.coupon(), loop.member()
    bare = Partner(loop, "redemptions:write").claim("u-1", coupon)
    assert (bare.status_code, bare.get_json()["code"]) == (403, "scope-missing")
    person = loop.post("/v1/claims", {"coupon_id": str(coupon)}, by=(member, "member"), **{"Fujin-User": "u-1"})
    assert (person.status_code, person.get_json()["code"]) == (403, "forbidden")
    for name in ("", "-", "a b", "x" * 65, "é"):
        wrong = Partner(loop).claim(name, coupon)
        assert (wrong.status_code, wrong.get_json()["code"]) == (400, "invalid-parameter"), name
        assert wrong.get_json()["errors"][0]["parameter"] == "Fujin-User"
    unnamed = Partner(loop).ask("GET", "/v1/claims", None)
    assert (unnamed.status_code, unnamed.get_json()["code"]) == (403, "forbidden")
    elsewhere = Partner(loop).ask("GET", "/v1/me", "u-1")
    assert (elsewhere.status_code, elsewhere.get_json()["code"]) == (403, "forbidden")
    assert loop.one("SELECT count(*) FROM claims") == 0
    assert loop.one("SELECT count(*) FROM login_names") == 0


def test_an_id_of_the_caller_is_one_claim_whatever_the_key(loop: Loop) -> None:
    partner, coupon, claim_id = Partner(loop), loop.coupon(per_member=5), new_city_id(CITY)
    first = partner.claim("u-1", coupon, claim_id, key="a")
    assert (first.status_code, first.get_json()["claim_id"]) == (201, str(claim_id))
    assert partner.claim("u-1", coupon, claim_id, key="a").data == first.data
    again = partner.claim("u-1", coupon, claim_id, key="b")
    assert (again.status_code, again.get_json()["claim_id"]) == (201, str(claim_id))
    assert partner.claim("u-1", coupon, claim_id, key="b").data == again.data
    assert (loop.one("SELECT count(*) FROM claims"), loop.one("SELECT sum(taken) FROM coupon_stock")) == (1, 1)
    for user, other in (("u-2", coupon), ("u-1", loop.coupon())):
        taken = partner.claim(user, other, claim_id)
        assert (taken.status_code, taken.get_json()["code"]) == (409, "claim-id-taken")
    assert loop.one("SELECT count(*) FROM claims") == 1


@pytest.mark.parametrize("claim_id", [uuid4(), new_city_id(CITY + 1)], ids=["no UUIDv7", "another city"])
def test_an_id_that_can_not_be_kept_is_refused(loop: Loop, claim_id: UUID) -> None:
    answer = Partner(loop).claim("u-1", loop.coupon(), claim_id)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/claim_id")
    assert loop.one("SELECT count(*) FROM claims") == 0


def test_members_make_no_ids_of_claims(loop: Loop) -> None:
    body = {"coupon_id": str(loop.coupon()), "claim_id": str(new_city_id(CITY))}
    answer = loop.post("/v1/claims", body, by=(loop.member(), "member"))
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/claim_id")


def test_a_user_pays_and_the_client_sees_it_as_the_merchants_side(loop: Loop) -> None:
    partner = Partner(loop)
    coupon = loop.coupon(kind="voucher", price_minor=800, face_value_minor=1000, list_price_minor=1000)
    claim = partner.claim("u-1", coupon).get_json()
    body = {"purpose": "claim", "purpose_id": claim["claim_id"], "provider": "test_wallet", "method": "online"}
    paid = partner.ask("POST", "/v1/payments", "u-1", body)
    assert (paid.status_code, paid.get_json()["state"]) == (201, "succeeded")
    path = f"/v1/payments/{paid.get_json()['payment_id']}"
    assert partner.ask("GET", path, "u-1").status_code == 200
    assert partner.ask("GET", path, "u-2").status_code == 404
    assert partner.ask("GET", path, None).status_code == 200
