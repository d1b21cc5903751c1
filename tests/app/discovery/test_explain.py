"""Explanations: the verdict of each filter with its values, and why a place is not in a list. The clock stands at
Sunday 17:30 in Shanghai; on the equator 0.01 degrees are 1 111.951 m."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.core.ids import new_city_id
from app.http.principals import Principal, Role
from tests.app.discovery.conftest import Planted

NEARBY = "/v1/places/nearby"
ROLES: tuple[Role, ...] = ("member", "staff", "owner", "operator", "admin", "partner")


@pytest.fixture(scope="module", autouse=True)
def scenes(planted: Planted) -> None:
    world = planted.world
    hours = {1: "Mo-Su 08:00-20:00", 2: "Mo-Su 18:00-02:00"}
    ids = planted.plant(
        2,
        [
            {"lon": 0.01, "lat": 0, "name": "Blue Door", "category": "hotpot", "hours_no": 1},
            {"lon": 0.005, "lat": 0, "name": "Red Door", "category": "cafe", "hours_no": 2},
            {"lon": 0.02, "lat": 0, "name": "Shut Door", "category": "cafe", "closed": True},
            {"lon": 0.002, "lat": 0, "name": "Gone Door"},
        ],
        hours=hours,
    )
    planted.scenes["ids"] = ids
    planted.scenes["merchant"] = world.merchant(2, "商户", [UUID(ids[1])])
    world.coupon(2, planted.scenes["merchant"], [UUID(ids[1])])
    world.dataset(2, "regions", 1, stored=1)
    square = "POLYGON((0.004 -1, 0.006 -1, 0.006 1, 0.004 1, 0.004 -1))"
    planted.scenes["region"] = str(world.region(2, 1, square))
    world.activate(2, "regions", 1)
    world.run("DELETE FROM place_facts WHERE place_id = :id", {"id": ids[3]})
    world.search_rows(2, 1)
    planted.scenes["elsewhere"] = planted.plant(3, [{"lon": 50, "lat": 0}])


@pytest.fixture(autouse=True)
def signed_in(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is the name of a role; owners, staff and partners act for the planted merchant."""

    def of_token(_self: Any, token: str, _now: datetime) -> Principal:
        role = next(role for role in ROLES if role == token.removesuffix("-elsewhere"))
        own = role in ("staff", "owner", "partner") and not token.endswith("-elsewhere")
        merchants = (planted.scenes["merchant"],) if own else ()
        return Principal("x", role, None, (2,), merchants, (), (), "t", datetime(2030, 1, 1, tzinfo=UTC))

    monkeypatch.setattr(type(planted.app.extensions["fujin"].principals), "of_token", of_token)


def said(planted: Planted, token: str, path: str, **query: Any) -> Any:
    answer = planted.client.get(path, query_string=query, headers={"Authorization": f"Bearer {token}"})
    return answer.get_json(force=True) | {"http": answer.status_code}


def why(planted: Planted, place: str, token: str = "operator", **query: Any) -> Any:
    return said(planted, token, f"/v1/places/{place}/why-not", **{"lat": 0, "lon": 0, "radius_m": 1000} | query)


def test_each_filter_tells_its_values(planted: Planted) -> None:
    _, red, *_ = planted.scenes["ids"]
    asked = {"lat": 0, "lon": 0, "radius_m": 1500, "category": "food", "q": "door", "has_coupon": "true"}
    found = said(planted, "admin", NEARBY, **asked, explain="true")
    assert [item["place_id"] for item in found["items"]] == [red]
    assert found["items"][0]["explain"] == {
        "dataset_version": 1,
        "verdicts": [
            {"filter": "listing", "ok": True, "state": "live"},
            {"filter": "distance", "ok": True, "value_m": 555.975, "limit_m": 1500.0},
            {"filter": "category", "ok": True, "value": ["cafe", "food"], "asked": ["food"]},
            {"filter": "q", "ok": True, "asked": "door", "missing": []},
            {"filter": "coupon", "ok": True, "value": 1},
        ],
    }
    # One row of coupons around, two of food, two whose names begin with door: coupons lead.
    assert found["plans"] == [
        {"city_id": 2, "lead": "coupon", "lanes": 1, "rows": 1, "groups": ["word", "category", "coupon"]}
    ]


def test_a_search_without_facets_is_led_by_every_place(planted: Planted) -> None:
    found = said(planted, "operator", NEARBY, lat=0, lon=0, explain="true")
    assert found["plans"] == [{"city_id": 2, "lead": "every_place", "lanes": 1, "rows": None, "groups": []}]


def test_who_may_ask_for_explanations(planted: Planted) -> None:
    blue, red, *_ = planted.scenes["ids"]
    around = {"lat": 0, "lon": 0, "explain": "true"}
    assert planted.refused(NEARBY, **around) == (401, "missing-token")
    refused = said(planted, "member", NEARBY, **around)
    assert (refused["http"], refused["code"]) == (403, "forbidden")
    for role in ("staff", "owner", "partner"):
        items = said(planted, role, NEARBY, **around)["items"]
        assert {item["place_id"]: item["explain"] is not None for item in items} == {red: True, blue: False}
    for role in ("operator", "admin"):
        assert all(item["explain"] for item in said(planted, role, NEARBY, **around)["items"])
    assert all("explain" not in item for item in said(planted, "admin", NEARBY, lat=0, lon=0)["items"])


def test_who_may_ask_why_not(planted: Planted) -> None:
    blue, red, *_ = planted.scenes["ids"]
    assert planted.refused(f"/v1/places/{red}/why-not", lat=0, lon=0) == (401, "missing-token")
    assert why(planted, red, "member")["http"] == 403
    assert why(planted, red, "owner")["http"] == 200
    foreign, missing = why(planted, blue, "owner"), why(planted, str(new_city_id(2)), "owner")
    assert (foreign["http"], foreign["code"]) == (404, "not-found")
    assert foreign | {"request_id": ""} == missing | {"request_id": ""}
    assert why(planted, str(new_city_id(2)))["http"] == 404
    assert why(planted, red, "owner-elsewhere")["http"] == 404


def test_the_first_filter_that_says_no_is_named(planted: Planted) -> None:
    blue, red, shut, gone = planted.scenes["ids"]
    assert why(planted, shut)["first"] == {"filter": "listing", "ok": False, "state": "closed"}
    assert why(planted, gone)["first"] == {"filter": "version", "ok": False, "value": 1, "moved_to": None}
    assert why(planted, blue)["first"] == {
        "filter": "distance",
        "ok": False,
        "value_m": 1111.951,
        "limit_m": 1000.0,
    }
    for query, expected in (
        ({"category": "hotpot"}, {"filter": "category", "value": ["cafe", "food"], "asked": ["hotpot"]}),
        ({"exclude_category": "food"}, {"filter": "exclude_category", "value": ["food"], "asked": ["food"]}),
        ({"attr.wifi": "yes"}, {"filter": "attr.wifi", "value": [], "asked": ["yes"]}),
        ({"price_max": 2}, {"filter": "price", "value": None, "from": 1, "to": 2}),
        ({"q": "blue do"}, {"filter": "q", "asked": "blue do", "missing": ["blue"]}),
    ):
        assert why(planted, red, **query)["first"] == {**expected, "ok": False}, query
    assert why(planted, blue, radius_m=2000, has_coupon="true")["first"] == {
        "filter": "coupon",
        "ok": False,
        "value": 0,
    }
    region = planted.scenes["region"]
    assert why(planted, blue, radius_m=2000, region=region)["first"]["filter"] == "region"
    assert why(planted, red, region=region)["listed"] is True


def test_hours_tell_since_when(planted: Planted) -> None:
    # Sunday 17:30: the evening place has been closed since 02:00 and opens at 18:00, in UTC 18:00 and 10:00.
    blue, red, *_ = planted.scenes["ids"]
    assert why(planted, red, open_now="true")["first"] == {
        "filter": "open",
        "ok": False,
        "state": "closed",
        "at": "2026-11-22T09:30:00+00:00",
        "since": "2026-11-21T18:00:00+00:00",
        "next_change_at": "2026-11-22T10:00:00+00:00",
    }
    opened = why(planted, blue, radius_m=2000, open_now="true")
    assert (opened["listed"], opened["position"]) == (True, 1)


def test_a_place_that_passes_tells_its_position(planted: Planted) -> None:
    blue, red, *_ = planted.scenes["ids"]
    for place, position in ((red, 1), (blue, 2)):
        told = why(planted, place, radius_m=2000)
        assert (told["listed"], told["position"], told["first"]) == (True, position, None)
        assert all(each["ok"] for each in told["verdicts"])
    # The cell's middle is at 0.0055 0.0027: both are in the first or second band, by id within one.
    in_cell = planted.walk(NEARBY, cell="s00000", radius_m=2000)
    for number, item in enumerate(in_cell, 1):
        query = {"cell": "s00000", "radius_m": 2000}
        told = said(planted, "admin", f"/v1/places/{item['place_id']}/why-not", **query)
        assert told["position"] == number


def test_a_place_of_a_city_out_of_reach_is_too_far(planted: Planted) -> None:
    (far,) = planted.scenes["elsewhere"]
    assert why(planted, far)["first"]["filter"] == "distance"


def test_verdicts_agree_with_the_list(planted: Planted) -> None:
    for query in (
        {},
        {"category": "food"},
        {"q": "red"},
        {"open_now": "true"},
        {"price_min": 1, "include_unknown": "true"},
    ):
        around = {"lat": 0, "lon": 0, "radius_m": 1500} | query
        listed = {item["place_id"] for item in planted.get(NEARBY, **around)["items"]}
        for place in planted.scenes["ids"]:
            told = said(planted, "admin", f"/v1/places/{place}/why-not", **around)
            assert told["listed"] == (place in listed), (query, told["first"])
