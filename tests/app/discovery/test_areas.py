"""Regions in lists and at a point; service areas that cover a point."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from app.core.ids import new_city_id
from tests.app.discovery.conftest import Planted
from tests.factories.worlds import NOW

LOOKUP = "/v1/regions/lookup"
CONTAINING = "/v1/service-areas/containing"
GEOJSON = {"Accept": "application/geo+json"}


def box(west: float, south: float, east: float, north: float) -> str:
    """A box as WKT."""
    return f"POLYGON(({west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}))"


@pytest.fixture(scope="module", autouse=True)
def scenes(planted: Planted) -> None:
    world = planted.world
    planted.scenes["places"] = planted.plant(2, [{"lon": 1, "lat": 1}, {"lon": 1.1, "lat": 1}])
    planted.plant(3, [{"lon": 50, "lat": 1}])
    for city in (2, 3):
        world.dataset(city, "regions", 1)
    country = world.region(2, 1, box(0, 0, 10, 10), kind="country", level=2, code="XX", name="国")
    west = world.region(2, 1, box(0, 0, 2, 4), level=6, code="02", parent=country, name="西")
    east = world.region(2, 1, box(2, 0, 4, 4), level=6, code="01", parent=country, name="东")
    quarter = world.region(2, 1, box(0, 0, 2, 2), kind="neighbourhood", level=10, code="021", parent=west)
    trade = world.region(2, 1, box(1.5, 1, 2.5, 2), kind="business_district", level=12, code="cbd", parent=east)
    abroad = world.region(3, 1, box(49, 0, 51, 2), kind="country", level=2, code="YY")
    planted.scenes |= {"country": country, "west": west, "east": east, "quarter": quarter, "trade": trade}
    planted.scenes["abroad"] = abroad
    for city in (2, 3):
        world.activate(city, "regions", 1)


def chain(planted: Planted, lon: float, lat: float) -> tuple[list[str], bool]:
    """Names of the areas at a point, and whether a border left a choice."""
    found = planted.get(LOOKUP, lat=lat, lon=lon)
    by_id = {str(value): name for name, value in planted.scenes.items() if isinstance(value, UUID)}
    return [by_id[item["region_id"]] for item in found["items"]], found["ambiguous"]


def test_the_chain_at_a_point_runs_outermost_first(planted: Planted) -> None:
    assert chain(planted, 1, 1) == (["country", "west", "quarter"], False)
    assert chain(planted, 1.7, 1.5) == (["country", "west", "quarter", "trade"], False)
    assert chain(planted, 3, 3) == (["country", "east"], False)
    assert chain(planted, 50, 1) == (["abroad"], False)


def test_a_shared_border_goes_to_the_lowest_code(planted: Planted) -> None:
    assert chain(planted, 2, 3) == (["country", "east"], True)


def test_outside_all_there_is_no_chain(planted: Planted) -> None:
    found = planted.get(LOOKUP, lat=-40, lon=-40)
    assert (found["items"], found["ambiguous"], found["applied"]["attribution"]) == ([], False, [])


def test_lists_of_regions_are_complete_and_paged(planted: Planted) -> None:
    whole = planted.get("/v1/regions")
    assert whole["total"] == {"value": 6, "relation": "eq"}
    walked = planted.walk("/v1/regions", limit=1)
    assert [item["region_id"] for item in walked] == [item["region_id"] for item in whole["items"]]
    of_city = planted.get("/v1/regions", city="city-3")
    assert [item["region_id"] for item in of_city["items"]] == [str(planted.scenes["abroad"])]
    assert planted.get("/v1/regions", city="3") == of_city
    children = planted.get("/v1/regions", parent=str(planted.scenes["country"]))
    assert [item["name"] for item in children["items"]] == ["东", "西"]
    assert planted.get("/v1/regions", kind="neighbourhood", city="2")["total"]["value"] == 1
    assert planted.get("/v1/regions", kind="parish")["items"] == []


def test_lists_of_regions_refuse_what_they_do_not_know(planted: Planted) -> None:
    assert planted.refused("/v1/regions", city="atlantis") == (400, "unknown-city")
    assert planted.refused("/v1/regions", parent=planted.scenes["places"][0]) == (400, "unknown-region")
    cursor = planted.get("/v1/regions", limit=1)["next_cursor"]
    assert planted.refused("/v1/regions", city="3", cursor=cursor) == (400, "invalid-cursor")


def test_a_region_shows_its_boundary(planted: Planted) -> None:
    path = f"/v1/regions/{planted.scenes['east']}"
    shown = planted.get(path)
    assert shown["boundary"] == {
        "type": "MultiPolygon",
        "coordinates": [[[[2, 0], [4, 0], [4, 4], [2, 4], [2, 0]]]],
    }
    feature = planted.get(path, headers={"Accept": "application/geo+json"})
    assert feature["geometry"] == shown["boundary"]
    assert feature["properties"]["region_code"] == "01"


def test_areas_as_features_carry_their_boundary(planted: Planted) -> None:
    east = [[[[2, 0], [4, 0], [4, 4], [2, 4], [2, 0]]]]
    for path, query in (("/v1/regions", {"city": "2", "limit": 3}), (LOOKUP, {"lat": 3, "lon": 3})):
        listing = planted.get(path, **query)
        assert not any("boundary" in item for item in listing["items"])
        shown = planted.client.get(path, query_string=query, headers=GEOJSON)
        assert (shown.status_code, shown.mimetype) == (200, "application/geo+json")
        collection = shown.get_json(force=True)
        assert collection["type"] == "FeatureCollection"
        assert [feature["properties"] for feature in collection["features"]] == listing["items"]
        by_id = {feature["id"]: feature["geometry"] for feature in collection["features"]}
        assert by_id[str(planted.scenes["east"])] == {"type": "MultiPolygon", "coordinates": east}
        assert collection["total"] == listing["total"]
    assert collection["ambiguous"] is False


def test_boundaries_of_features_have_seven_decimals(planted: Planted) -> None:
    third = 170 + 1 / 3
    wkt = box(third, 60, 171, 61)
    area = planted.world.service_area(2, UUID(planted.scenes["places"][0]), planted.world.merchant(2), wkt)
    query = {"lat": 60.5, "lon": 170.5}
    (item,) = planted.get(CONTAINING, **query)["items"]
    (feature,) = planted.get(CONTAINING, **query, headers=GEOJSON)["features"]
    assert (feature["id"], feature["properties"]) == (str(area), item)
    ring = [[170.3333333, 60], [171, 60], [171, 61], [170.3333333, 61], [170.3333333, 60]]
    assert feature["geometry"] == {"type": "MultiPolygon", "coordinates": [[ring]]}


def test_cities_as_features_stand_at_their_centre_with_their_box(planted: Planted) -> None:
    found = planted.get("/v1/cities", headers=GEOJSON)["features"]
    assert [feature["id"] for feature in found] == [2, 3]
    assert found[0]["geometry"] == {"type": "Point", "coordinates": [0.0, 0.0]}
    assert found[0]["bbox"] == [1.0, 1.0, 1.1, 1.0]
    assert found[0]["properties"]["slug"] == "city-2"


def test_categories_have_no_geojson(planted: Planted) -> None:
    refused = planted.client.get("/v1/categories", headers=GEOJSON)
    assert (refused.status_code, refused.get_json(force=True)["code"]) == (406, "not-acceptable")
    for accepted in ("*/*", "application/geo+json, application/json;q=0.1"):
        assert planted.client.get("/v1/categories", headers={"Accept": accepted}).status_code == 200


def test_holes_are_not_served_and_borders_are(planted: Planted) -> None:
    world, place = planted.world, UUID(planted.scenes["places"][0])
    merchant = world.merchant(2)
    hole = "POLYGON((0 5, 2 5, 2 7, 0 7, 0 5), (0.5 5.5, 1.5 5.5, 1.5 6.5, 0.5 6.5, 0.5 5.5))"
    area = str(world.service_area(2, place, merchant, hole))
    for lon, lat, served in ((1, 6, False), (0.5, 6, True), (2, 6, True), (0.2, 6, True), (2.0000001, 6, False)):
        found = planted.get(CONTAINING, lat=lat, lon=lon)
        assert [item["service_area_id"] for item in found["items"]] == ([area] if served else []), (lon, lat)
    (item,) = planted.get(CONTAINING, lat=6, lon=2)["items"]
    assert (item["winner"], item["why"]) == (True, "only")
    assert item["fee"] == {"amount_minor": 500, "currency": "CNY"}


def test_priority_then_size_then_age_then_id_decide(planted: Planted) -> None:
    world, (first, second) = planted.world, sorted(UUID(place) for place in planted.scenes["places"])
    merchant = world.merchant(2)
    lower, higher = sorted((new_city_id(2), new_city_id(2)))
    small, large = box(20, 20, 21, 21), box(20, 20, 22, 22)
    high = world.service_area(2, first, merchant, large, priority=5)
    tight = world.service_area(2, first, merchant, small, priority=1)
    newer = world.service_area(2, second, merchant, small, made=NOW - timedelta(days=2), area=lower)
    older = world.service_area(2, second, merchant, small, made=NOW - timedelta(days=3))
    twin = world.service_area(2, second, merchant, small, made=NOW - timedelta(days=2), area=higher)
    world.service_area(2, second, merchant, small, until=NOW)
    world.service_area(2, second, merchant, small, **{"from": NOW + timedelta(seconds=1)})
    found = planted.get(CONTAINING, lat=20.5, lon=20.5)["items"]
    told = [(item["service_area_id"], item["winner"], item["why"]) for item in found]
    assert told == [
        (str(high), True, "priority"),
        (str(tight), False, "priority"),
        (str(newer), True, "id"),
        (str(twin), False, "id"),
        (str(older), False, "newest"),
    ]
    tomorrow = (NOW + timedelta(days=1)).isoformat()
    assert len(planted.get(CONTAINING, lat=20.5, lon=20.5, at=tomorrow)["items"]) == 6
    walked = planted.walk(CONTAINING, lat=20.5, lon=20.5, limit=2)
    assert [item["service_area_id"] for item in walked] == [each[0] for each in told]


def test_of_two_alike_the_newest_wins_and_says_so(planted: Planted) -> None:
    world, place = planted.world, UUID(planted.scenes["places"][0])
    merchant = world.merchant(2)
    old = world.service_area(2, place, merchant, box(30, 30, 31, 31), made=NOW - timedelta(days=9))
    new = world.service_area(2, place, merchant, box(30, 30, 31, 31), made=NOW - timedelta(days=1))
    found = planted.get(CONTAINING, lat=30.5, lon=30.5)["items"]
    assert [(item["service_area_id"], item["winner"], item["why"]) for item in found] == [
        (str(new), True, "newest"),
        (str(old), False, "newest"),
    ]


def test_cities_and_categories_are_listed(planted: Planted) -> None:
    cities = planted.get("/v1/cities")["items"]
    assert [city["slug"] for city in cities] == ["city-2", "city-3"]
    assert cities[0]["bbox"] == [1.0, 1.0, 1.1, 1.0]
    tree = planted.get("/v1/categories", headers={"Accept-Language": "zh-CN"})["items"]
    assert [(node["category_id"], node["has_children"]) for node in tree][:4] == [
        ("food", True),
        ("restaurant", True),
        ("chinese_restaurant", True),
        ("hotpot", False),
    ]
    assert tree[0]["name"] == "类0"
    beneath = planted.get("/v1/categories", parent="food", depth=1)["items"]
    assert [node["category_id"] for node in beneath] == ["restaurant", "cafe"]
    assert planted.refused("/v1/categories", parent="nothing") == (400, "unknown-category")
