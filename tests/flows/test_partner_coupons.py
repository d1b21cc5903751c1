"""Coupons that partners publish: their ids and numbers are mapped, a number stands for its terms for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.factories.loops import Loop
from tests.flows.test_partner_users import Partner


def terms(loop: Loop, **more: Any) -> dict[str, Any]:
    return {
        "merchant_id": str(loop.merchant),
        "place_ids": [str(each) for each in loop.places[:2]],
        "kind": "amount_off",
        "titles": {"en": "Five off"},
        "claim_from": (loop.now - timedelta(hours=1)).isoformat(),
        "claim_until": (loop.now + timedelta(days=1)).isoformat(),
        "use_until": (loop.now + timedelta(days=2)).isoformat(),
        "quota": 3,
        "face_value_minor": 500,
    } | more


def put(partner: Partner, loop: Loop, external_id: str, version: int, **more: Any) -> Any:
    return partner.ask("PUT", f"/v1/flow/coupons/{external_id}/versions/{version}", None, terms(loop, **more))


def test_a_version_is_published_claimed_followed_given_stock_and_ended(loop: Loop) -> None:
    partner = Partner(loop)
    first = put(partner, loop, "summer", 7)
    assert first.status_code == 200, first.get_json()
    seen = first.get_json()
    assert (seen["external_id"], seen["version"], seen["coupon_version"], seen["state"]) == (
        "summer",
        7,
        1,
        "published",
    )
    assert seen["stock"] == {"taken": 0, "left": 3}
    claim = partner.claim("u-1", seen["coupon_id"]).get_json()
    assert claim["coupon_version"] == 1
    followed = put(partner, loop, "summer", 9, face_value_minor=700, quota=4).get_json()
    assert (followed["version"], followed["coupon_version"], followed["coupon_id"]) == (9, 2, seen["coupon_id"])
    assert partner.ask("GET", f"/v1/claims/{claim['claim_id']}", "u-1").get_json()["coupon_version"] == 1
    more = partner.ask("PUT", "/v1/flow/coupons/summer/stock", None, {"quota": 9}).get_json()
    assert more["stock"] == {"taken": 1, "left": 8}
    ended = [partner.ask("POST", "/v1/flow/coupons/summer/end", None, {}) for _ in range(2)]
    assert [answer.get_json()["state"] for answer in ended] == ["ended", "ended"]
    assert partner.ask("GET", "/v1/flow/coupons/summer", None).get_json()["state"] == "ended"
    assert partner.claim("u-2", seen["coupon_id"]).get_json()["code"] == "claim-window-closed"
    assert partner.ask("GET", f"/v1/claims/{claim['claim_id']}/code", "u-1").status_code == 200


def test_a_number_stands_for_its_terms_for_ever(loop: Loop) -> None:
    partner = Partner(loop)
    first = put(partner, loop, "c", 2)
    assert put(partner, loop, "c", 2).get_json() == first.get_json()
    other = put(partner, loop, "c", 2, quota=4)
    assert (other.status_code, other.get_json()["code"]) == (409, "coupon-version-taken")
    low = put(partner, loop, "c", 1)
    assert (low.status_code, low.get_json()["code"]) == (409, "coupon-version-too-low")
    assert loop.one("SELECT count(*) FROM coupon_versions") == 1
    assert loop.one("SELECT count(*) FROM coupons") == 1


def test_two_clients_same_id_is_two_coupons_and_a_foreign_one_is_missing(loop: Loop) -> None:
    one, other = Partner(loop), Partner(loop)
    assert put(one, loop, "c", 1).get_json()["coupon_id"] != put(other, loop, "c", 1).get_json()["coupon_id"]
    assert put(one, loop, "mine", 1).status_code == 200
    for method, path, body in (
        ("GET", "", None),
        ("PUT", "/stock", {"quota": 1}),
        ("POST", "/end", {}),
    ):
        foreign = other.ask(method, f"/v1/flow/coupons/mine{path}", None, body)
        missing = other.ask(method, f"/v1/flow/coupons/never{path}", None, body)
        assert (foreign.status_code, missing.status_code) == (404, 404)
        assert foreign.get_json() | {"request_id": ""} == missing.get_json() | {"request_id": ""}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"place_ids": []}, "/place_ids"),
        ({"kind": "percent_off"}, "/percent_off_bp"),
        ({"claim_until": "2020-01-01T00:00:00Z"}, "/claim_until"),
        ({"platform_share_bp": 100}, "/platform_share_bp"),
        ({"scope_kind": "regions"}, "/scope_kind"),
    ],
)
def test_terms_that_can_not_be_are_refused_and_leave_nothing(loop: Loop, change: dict[str, Any], pointer: str) -> None:
    answer = put(Partner(loop), loop, "c", 1, **change)
    assert answer.status_code == 422, answer.get_json()
    assert pointer in [fault["pointer"] for fault in answer.get_json()["errors"]]
    assert (loop.one("SELECT count(*) FROM coupons"), loop.one("SELECT count(*) FROM partner_coupons")) == (0, 0)


def test_places_and_merchants_that_are_not_the_clients_are_missing_and_a_scope_is_needed(loop: Loop) -> None:
    foreign = put(Partner(loop), loop, "c", 1, merchant_id=str(loop.rival))
    assert (foreign.status_code, foreign.get_json()["code"]) == (404, "not-found")
    place = put(Partner(loop), loop, "c", 1, place_ids=[str(loop.rival_place)])
    assert place.status_code == 422
    bare = put(Partner(loop, "users:act"), loop, "c", 1)
    assert (bare.status_code, bare.get_json()["code"]) == (403, "scope-missing")
    for external_id in ("-", "a b", "x" * 101):
        assert put(Partner(loop), loop, external_id, 1).status_code == 404
    assert loop.one("SELECT count(*) FROM coupons") == 0
