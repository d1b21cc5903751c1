"""Coupons around a point: nearest eligible place, what is live, areas that cover the point."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.app.discovery.conftest import Planted
from tests.factories.worlds import NOW

COUPONS = "/v1/coupons/nearby"
PLACES = "/v1/places/nearby"


@pytest.fixture(scope="module", autouse=True)
def scenes(planted: Planted) -> None:
    world = planted.world
    nine = planted.plant(2, [{"lon": 0.001 * n, "lat": 0} for n in range(1, 10)])
    merchant = world.merchant(2, "外婆家", [nine[4], nine[7]])
    planted.scenes["nine"] = nine
    planted.scenes["two of nine"] = str(world.coupon(2, merchant, [nine[7], nine[4]]))
    planted.scenes["merchant"] = str(merchant)
    spot = planted.plant(3, [{"lon": 10, "lat": 0}, {"lon": 10.01, "lat": 0, "category": "bookshop"}])
    planted.scenes["spot"] = spot
    past, future = NOW - timedelta(days=1), NOW + timedelta(days=1)
    made: dict[str, dict[str, Any]] = {
        "live": {},
        "draft": {"state": "draft"},
        "paused": {"state": "paused"},
        "ended": {"state": "ended"},
        "not yet": {"claim_from": future},
        "over": {"claim_until": NOW},
        "begins now": {"claim_from": NOW},
        "sold out": {"taken": 10},
        "without stock": {"stock": None},
        "percent": {"kind": "percent_off", "percent_off_bp": 1500, "face_value_minor": None, "claim_from": past},
        "group": {
            "kind": "package",
            "face_value_minor": None,
            "price_minor": 9900,
            "group_price_minor": 7900,
            "group_target": 3,
            "group_seats": 5,
            "group_deadline_s": 3600,
        },
    }
    for name, given in made.items():
        planted.scenes[name] = str(world.coupon(3, world.merchant(3), [spot[0], spot[1]], **given))


def found(planted: Planted, **query: Any) -> set[str]:
    """Names of the coupons at the spot."""
    ids = {item["coupon_id"] for item in planted.walk(COUPONS, lat=0, lon=10, **query)}
    return {name for name, value in planted.scenes.items() if isinstance(value, str) and value in ids}


def test_the_distance_is_to_the_nearest_place_where_it_can_be_used(planted: Planted) -> None:
    (item,) = planted.get(COUPONS, lat=0, lon=0, radius_m=5000)["items"]
    assert item["coupon_id"] == planted.scenes["two of nine"]
    assert item["distance_m"] == 555.975
    assert item["place"]["place_id"] == planted.scenes["nine"][4]
    assert item["place_count"] == 2
    assert item["merchant"] == {"merchant_id": planted.scenes["merchant"], "name": "外婆家"}
    assert planted.get(COUPONS, lat=0, lon=0, radius_m=555)["items"] == []


def test_only_what_can_be_claimed_now_is_found(planted: Planted) -> None:
    assert found(planted) == {"live", "begins now", "percent", "group"}


def test_kinds_groups_and_categories_choose(planted: Planted) -> None:
    assert found(planted, kind="percent_off") == {"percent"}
    assert found(planted, kind=["percent_off", "package"]) == {"percent", "group"}
    assert found(planted, group_deal="true") == {"group"}
    assert found(planted, group_deal="false") == {"live", "begins now", "percent"}
    at_books = planted.get(COUPONS, lat=0, lon=10, category="shop", limit=1)
    assert at_books["items"][0]["place"]["place_id"] == planted.scenes["spot"][1]
    assert at_books["items"][0]["distance_m"] == 1111.951
    assert at_books["total"] == {"value": 4, "relation": "eq"}


def test_one_row_a_coupon_in_order_over_all_pages(planted: Planted) -> None:
    whole = planted.get(COUPONS, lat=0, lon=10)
    keys = [(item["distance_m"], item["coupon_id"]) for item in whole["items"]]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys)) == whole["total"]["value"] == 4
    walked = planted.walk(COUPONS, lat=0, lon=10, limit=1)
    assert [(item["distance_m"], item["coupon_id"]) for item in walked] == keys


def test_places_tell_their_live_coupons(planted: Planted) -> None:
    here, shop = planted.get(PLACES, lat=0, lon=10)["items"]
    assert (here["coupon_count"], len(here["coupons"])) == (4, 3)
    assert shop["coupon_count"] == 4
    with_coupon = planted.get(PLACES, lat=0, lon=0, has_coupon="true")
    assert [item["place_id"] for item in with_coupon["items"]] == [
        planted.scenes["nine"][4],
        planted.scenes["nine"][7],
    ]
    brief = with_coupon["items"][0]["coupons"][0]
    assert brief == {
        "coupon_id": planted.scenes["two of nine"],
        "kind": "amount_off",
        "title": "满100减20",
        "badge": "−¥20",
    }


def test_a_service_area_must_cover_the_point_border_included(planted: Planted) -> None:
    world = planted.world
    (place,) = planted.plant(4, [{"lon": 30, "lat": 0}])
    merchant = world.merchant(4)
    hole = "(30.008 0.008, 30.012 0.008, 30.012 0.012, 30.008 0.012, 30.008 0.008)"
    ring = f"POLYGON((30 0, 30.02 0, 30.02 0.02, 30 0.02, 30 0), {hole})"
    area = world.service_area(4, place, merchant, ring)
    old = world.service_area(4, place, merchant, ring, until=NOW)
    draft = world.service_area(4, place, merchant, ring, state="draft")
    scope = {"scope_kind": "service_areas", "fulfilment": "delivery"}
    by_area = world.coupon(4, merchant, [place], scopes=[area], **scope)
    world.coupon(4, merchant, [place], scopes=[old], **scope)
    world.coupon(4, merchant, [place], scopes=[draft], **scope)
    inside = {"radius_m": 5000, "in_service_area": "true"}
    for lon, lat, served in (
        (30.001, 0.001, True),
        (30.02, 0.01, True),
        (30.01, 0.01, False),
        (30.008, 0.01, True),
        (30.0200001, 0.01, False),
    ):
        items = planted.get(COUPONS, lat=lat, lon=lon, **inside)["items"]
        assert [item["coupon_id"] for item in items] == ([str(by_area)] if served else []), (lon, lat)
        assert all(item["service_area_id"] == str(area) for item in items)
    assert len(planted.get(COUPONS, lat=0.01, lon=30.01, radius_m=5000)["items"]) == 3


def test_coupons_as_features_stand_at_their_place(planted: Planted) -> None:
    features = planted.get(COUPONS, lat=0, lon=0, radius_m=5000, headers={"Accept": "application/geo+json"})["features"]
    assert features[0]["geometry"] == {"type": "Point", "coordinates": [0.005, 0.0]}


def test_a_city_counts_the_coupons_that_a_search_can_find(planted: Planted) -> None:
    world = planted.world
    live, closed = planted.plant(8, [{"lon": 70, "lat": 0}, {"lon": 70.001, "lat": 0}])
    world.run("UPDATE place_facts SET closed = true WHERE place_id = :id", {"id": closed})
    world.search_rows(8, 1)
    merchant = world.merchant(8)
    for places in ([live, closed], [closed], []):
        world.coupon(8, merchant, places)
    world.coupon(8, merchant, [live], taken=10)
    world.coupon(8, merchant, [live], state="paused")
    world.coupon(8, merchant, [live], claim_until=NOW)
    counted = {city["city_id"]: city["coupon_count"] for city in planted.get("/v1/cities")["items"]}
    for city_id, lon in ((3, 10), (8, 70)):
        assert counted[city_id] == planted.get(COUPONS, lat=0, lon=lon, radius_m=5000)["total"]["value"]
    assert counted[8] == 1


def test_a_category_is_named_in_the_citys_language_unless_another_is_wanted(planted: Planted) -> None:
    (place,) = planted.plant(9, [{"lon": 80, "lat": 0}], language="fr")
    planted.world.coupon(9, planted.world.merchant(9), [place])
    named = {}
    for lon in (10, 80):
        for wanted in ("", "zh-CN", "en"):
            at = {"lat": 0, "lon": lon, "radius_m": 100, "headers": {"Accept-Language": wanted}}
            item = planted.get(COUPONS, **at)["items"][0]
            assert item["place"]["category"] == planted.get(PLACES, **at)["items"][0]["category"]
            shown = planted.get(f"/v1/places/{item['place']['place_id']}", headers=at["headers"])
            assert shown["categories"][-1]["name"] == item["place"]["category"]["name"]
            named[lon, wanted] = item["place"]["category"]["name"]
    assert named[10, ""] == named[10, "zh-CN"] == named[80, "zh-CN"]
    assert named[10, ""].startswith("类")
    assert named[80, ""] == named[80, "en"] == named[10, "en"]  # the tree has no French
