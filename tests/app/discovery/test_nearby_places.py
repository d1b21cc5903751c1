"""Places around a point. Distances along the equator and a meridian are known: a degree is R·π/180 = 111 195.0797 m."""

from __future__ import annotations

from datetime import timedelta
from math import pi
from typing import Any

import pytest
import sqlalchemy as sa

from tests.app.discovery.conftest import Planted
from tests.factories.worlds import NOW

DEGREE_M = 6371008.7714150598 * pi / 180
NEARBY = "/v1/places/nearby"


def ids(page: dict[str, Any]) -> list[str]:
    return [item["place_id"] for item in page["items"]]


@pytest.fixture(scope="module", autouse=True)
def scenes(planted: Planted) -> None:
    """Cities far from each other, so that each test has its own ground."""
    plant = planted.plant
    planted.scenes |= {
        "line": plant(2, [{"lon": 0.02, "lat": 0}, {"lon": 0.01, "lat": 0}, {"lon": 0.5, "lat": 0}]),
        "ties": plant(3, [{"lon": 10.01, "lat": 0}] * 3 + [{"lon": 10, "lat": 0.02}]),
        "other side of the ties": plant(4, [{"lon": 10.01, "lat": 0}, {"lon": 9.99, "lat": 0}]),
        "antimeridian": plant(5, [{"lon": 179.99, "lat": -17}, {"lon": -179.99, "lat": -17}, {"lon": 0, "lat": -17}]),
        "pole": plant(6, [{"lon": 180, "lat": 89.99}, {"lon": 0, "lat": 90}]),
        "hours": plant(
            7,
            [{"lon": 20 + 0.001 * n, "lat": 0, "hours_no": hours} for n, hours in enumerate((1, 2, 3, None, 4))],
            hours={1: "Mo-Su 08:00-20:00", 2: "Mo-Su 22:00-02:00", 3: "? by whim", 4: "Su 08:00-17:30"},
        ),
        "tree": plant(
            8,
            [
                {"lon": 30 + 0.001 * n, "lat": 0, "category": category}
                for n, category in enumerate(("food", "restaurant", "chinese_restaurant", "hotpot", "cafe", "bookshop"))
            ],
        ),
        "many": plant(9, [{"lon": 40 + 0.0001 * n, "lat": 0} for n in range(1003)]),
        "closed": plant(10, [{"lon": 50, "lat": 0, "closed": True}, {"lon": 50.001, "lat": 0}]),
    }


def test_nearest_comes_first(planted: Planted) -> None:
    far, near, _ = planted.scenes["line"]
    found = planted.get(NEARBY, lat=0, lon=0, radius_m=3000)
    assert ids(found) == [near, far]
    assert [item["distance_m"] for item in found["items"]] == [1111.951, 2223.902]
    assert found["total"] == {"value": 2, "relation": "eq"}
    assert found["next_cursor"] is None
    assert found["applied"]["versions"] == {"2": 1}
    assert found["applied"]["attribution"] == ["© places of 2"]


def test_the_edge_of_the_radius_is_inside_to_the_millimetre(planted: Planted) -> None:
    _, near, _ = planted.scenes["line"]
    assert round(0.01 * DEGREE_M, 3) == 1111.951
    for radius, found in (("1111.950", []), ("1111.951", [near]), ("1111.952", [near])):
        assert ids(planted.get(NEARBY, lat=0, lon=0, radius_m=radius)) == found


def test_ties_go_by_id_across_cities_and_pages(planted: Planted) -> None:
    here = planted.scenes["ties"] + planted.scenes["other side of the ties"]
    expected = [*sorted(here[:3] + here[4:]), here[3]]
    assert ids(planted.get(NEARBY, lat=0, lon=10, radius_m=5000)) == expected
    for limit in (1, 2, 4):
        walked = planted.walk(NEARBY, lat=0, lon=10, radius_m=5000, limit=limit)
        assert [item["place_id"] for item in walked] == expected


def test_180_degrees_is_no_border(planted: Planted) -> None:
    west, east, _ = planted.scenes["antimeridian"]
    for lon in (179.995, -179.995, 180, -180):
        assert set(ids(planted.get(NEARBY, lat=-17, lon=lon, radius_m=3000))) == {west, east}


def test_a_circle_around_a_pole_holds_the_far_side(planted: Planted) -> None:
    found = planted.get(NEARBY, lat=89.99, lon=0, radius_m=3000)
    over, pole = planted.scenes["pole"]
    assert ids(found) == [pole, over]
    assert [item["distance_m"] for item in found["items"]] == [
        round(0.01 * DEGREE_M, 3),
        round(0.02 * DEGREE_M, 3),
    ]


def test_open_has_three_states(planted: Planted) -> None:
    # The clock stands at Sunday 17:30 in Shanghai.
    day, night, whim, nothing, until_now = planted.scenes["hours"]
    around = {"lat": 0, "lon": 20, "radius_m": 2000}
    states = {item["place_id"]: item["hours"]["state"] for item in planted.get(NEARBY, **around)["items"]}
    assert states == {day: "open", night: "closed", whim: "unknown", nothing: "unknown", until_now: "closed"}
    assert ids(planted.get(NEARBY, **around, open_now="true")) == [day]
    assert ids(planted.get(NEARBY, **around, open_now="true", include_unknown="true")) == [day, whim, nothing]
    changes = {item["place_id"]: item["hours"]["next_change_at"] for item in planted.get(NEARBY, **around)["items"]}
    assert changes[day] == "2026-11-22T20:00:00+08:00"
    assert changes[night] == "2026-11-22T22:00:00+08:00"
    assert changes[whim] is None


def test_hours_past_midnight_end_on_their_minute(planted: Planted) -> None:
    _, night, *_ = planted.scenes["hours"]
    around = {"lat": 0, "lon": 20, "radius_m": 2000, "open_now": "true"}
    try:
        planted.now = NOW + timedelta(hours=8, minutes=29, seconds=59)
        assert ids(planted.get(NEARBY, **around)) == [night]
        planted.now = NOW + timedelta(hours=8, minutes=30)
        assert ids(planted.get(NEARBY, **around)) == []
    finally:
        planted.now = NOW


def test_a_category_holds_its_subtree(planted: Planted) -> None:
    food, restaurant, chinese, hotpot, cafe, bookshop = planted.scenes["tree"]
    around = {"lat": 0, "lon": 30, "radius_m": 2000}
    assert ids(planted.get(NEARBY, **around, category="chinese_restaurant")) == [chinese, hotpot]
    assert ids(planted.get(NEARBY, **around, category="food")) == [food, restaurant, chinese, hotpot, cafe]
    assert ids(planted.get(NEARBY, **around, category=["cafe", "shop"])) == [cafe, bookshop]
    assert planted.refused(NEARBY, **around, category=["cafe", "nothing"]) == (400, "unknown-category")


def test_totals_are_exact_to_a_thousand(planted: Planted) -> None:
    at = {"lat": 0, "lon": 40, "limit": 1}
    last_but_three = round(0.0999 * DEGREE_M, 3)
    assert planted.get(NEARBY, **at, radius_m=last_but_three)["total"] == {"value": 1000, "relation": "eq"}
    assert planted.get(NEARBY, **at, radius_m=20000)["total"] == {"value": 1000, "relation": "gte"}
    walked = planted.walk(NEARBY, lat=0, lon=40, radius_m=20000, limit=100)
    assert [item["place_id"] for item in walked] == planted.scenes["many"]


def test_closed_places_are_not_found(planted: Planted) -> None:
    shut, live = planted.scenes["closed"]
    assert ids(planted.get(NEARBY, lat=0, lon=50)) == [live]
    assert planted.refused(f"/v1/places/{shut}") == (410, "gone")


def test_nothing_around_is_an_empty_list(planted: Planted) -> None:
    found = planted.get(NEARBY, lat=-60, lon=-60)
    assert (found["items"], found["next_cursor"], found["total"]["value"]) == ([], None, 0)


def test_a_cursor_belongs_to_its_query(planted: Planted) -> None:
    at = {"lat": 0, "lon": 40, "radius_m": 20000}
    cursor = planted.get(NEARBY, **at, limit=2)["next_cursor"]
    assert planted.client.get(NEARBY, query_string={**at, "limit": 7, "cursor": cursor}).status_code == 200
    edited = cursor[:30] + ("A" if cursor[30] != "A" else "B") + cursor[31:]
    for changed in (
        {"radius_m": 19999},
        {"lat": 0.001},
        {"category": "food"},
        {"has_coupon": "true"},
        {"open_now": "true"},
        {"datum": "gcj02"},
        {"cursor": edited},
        {"cursor": "x"},
        {"cursor": ""},
    ):
        assert planted.refused(NEARBY, **({**at, "cursor": cursor} | changed)) == (400, "invalid-cursor"), changed
    assert planted.refused("/v1/coupons/nearby", **at, cursor=cursor) == (400, "invalid-cursor")


def test_a_cursor_lives_fifteen_minutes(planted: Planted) -> None:
    at = {"lat": 0, "lon": 40, "radius_m": 20000}
    cursor = planted.get(NEARBY, **at)["next_cursor"]
    try:
        planted.now = NOW + timedelta(seconds=899)
        assert planted.get(NEARBY, **at, cursor=cursor)["applied"]["as_of"] == NOW.isoformat()
        planted.now = NOW + timedelta(seconds=900)
        assert planted.refused(NEARBY, **at, cursor=cursor) == (410, "expired-cursor")
    finally:
        planted.now = NOW


def test_bad_numbers_are_told_apart(planted: Planted) -> None:
    assert planted.refused(NEARBY, lat=30, lon=120, radius_m="1.0001") == (400, "invalid-radius")
    assert planted.refused(NEARBY, lat=30, lon=120, radius_m=50001) == (400, "invalid-radius")
    swapped = planted.client.get(NEARBY, query_string={"lat": 120.16, "lon": 30.25}).get_json(force=True)
    assert (swapped["code"], swapped["errors"][0]["hint"]) == ("invalid-coordinate", "swapped")
    beyond = planted.client.get(NEARBY, query_string={"lat": 95, "lon": 130}).get_json(force=True)
    assert "hint" not in beyond["errors"][0]


def test_geojson_carries_the_same_list(planted: Planted) -> None:
    listing = planted.get(NEARBY, lat=0, lon=0)
    features = planted.get(NEARBY, lat=0, lon=0, headers={"Accept": "application/geo+json"})
    assert features["type"] == "FeatureCollection"
    assert [feature["id"] for feature in features["features"]] == ids(listing)
    assert features["features"][0]["geometry"] == {"type": "Point", "coordinates": [0.01, 0.0]}
    assert features["total"] == listing["total"]
    assert features["applied"] == listing["applied"]


def test_a_page_takes_a_fixed_number_of_statements(planted: Planted) -> None:
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    engine = planted.app.extensions["fujin"].database.reading
    planted.get(NEARBY, lat=0, lon=40)
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        counts = []
        for limit in (1, 20, 100):
            seen.clear()
            planted.get(NEARBY, lat=0, lon=40, radius_m=20000, limit=limit)
            counts.append(len(seen))
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    # The places with what lists show of them and the epoch of what is kept, with the time limits in the same message.
    assert counts == [1, 1, 1]
    assert sum("places_near" in statement for statement in seen) == 1
