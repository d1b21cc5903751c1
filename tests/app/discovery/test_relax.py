"""A search that finds nothing is widened only when its asker said so. On the equator 0.01 degrees are 1 111.951 m."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.app.discovery.conftest import Planted
from tests.factories.worlds import NOW

NEARBY = "/v1/places/nearby"


@pytest.fixture(scope="module", autouse=True)
def scenes(planted: Planted) -> None:
    """The clock stands at Sunday 17:30 in Shanghai: pattern 1 is open, 2 is closed, 3 unknown."""
    hours = {1: "Mo-Su 08:00-20:00", 2: "Mo-Su 22:00-02:00", 3: "? by whim"}
    planted.scenes |= {
        "far": planted.plant(2, [{"lon": 0.05 + 0.001 * n, "lat": 0} for n in range(3)]),
        "shut": planted.plant(
            3,
            [{"lon": 20.001, "lat": 0, "hours_no": 2}, {"lon": 20.002, "lat": 0, "hours_no": 3}],
            hours=hours,
        ),
        "shut and far": planted.plant(
            4,
            [
                {"lon": 30.001, "lat": 0, "hours_no": 2},
                {"lon": 30.05, "lat": 0, "hours_no": 1},
                {"lon": 30.06, "lat": 0, "hours_no": 2},
            ],
            hours=hours,
        ),
        "beyond": planted.plant(5, [{"lon": 40.2, "lat": 0}]),
    }


def test_nothing_is_widened_unless_asked(planted: Planted) -> None:
    found = planted.get(NEARBY, lat=0, lon=0, radius_m=1500)
    assert (found["items"], found["applied"]["radius_m"], found["applied"]["relaxed"]) == ([], 1500, [])


def test_the_radius_doubles_until_something_is_found(planted: Planted) -> None:
    # The nearest is 5 560 m away: 1500, 3000, 6000.
    found = planted.get(NEARBY, lat=0, lon=0, radius_m=1500, relax="radius")
    assert [(item["distance_m"], item["outside_requested"]) for item in found["items"]] == [
        (5559.754, True),
        (5670.949, True),
        (5782.144, True),
    ]
    assert (found["applied"]["radius_m"], found["applied"]["relaxed"]) == (6000, ["radius"])
    assert found["total"] == {"value": 3, "relation": "eq"}


def test_a_search_that_finds_something_is_not_widened(planted: Planted) -> None:
    found = planted.get(NEARBY, lat=0, lon=0, radius_m=5600, relax="radius,open_now")
    assert [item["place_id"] for item in found["items"]] == planted.scenes["far"][:1]
    assert "outside_requested" not in found["items"][0]
    assert (found["applied"]["radius_m"], found["applied"]["relaxed"]) == (5600, [])


def test_later_pages_keep_the_wider_terms(planted: Planted) -> None:
    asked = {"lat": 0, "lon": 0, "radius_m": 1500, "relax": "radius", "limit": 1}
    assert [item["place_id"] for item in planted.walk(NEARBY, **asked)] == planted.scenes["far"]
    first = planted.get(NEARBY, **asked)
    second = planted.get(NEARBY, **asked, cursor=first["next_cursor"])
    assert (second["applied"]["radius_m"], second["applied"]["relaxed"]) == (6000, ["radius"])
    assert second["items"][0]["outside_requested"] is True
    assert second["total"] == first["total"] == {"value": 3, "relation": "eq"}
    for other in ({"relax": "radius,open_now"}, {"radius_m": 6000}):
        assert planted.refused(NEARBY, **asked | other, cursor=first["next_cursor"]) == (400, "invalid-cursor")
    without = {name: value for name, value in asked.items() if name != "relax"}
    assert planted.refused(NEARBY, **without, cursor=first["next_cursor"]) == (400, "invalid-cursor")


def test_the_radius_stops_at_20_km(planted: Planted) -> None:
    # The only place is 22 239 m away.
    found = planted.get(NEARBY, lat=0, lon=40, radius_m=7000, relax="radius")
    assert (found["items"], found["applied"]["radius_m"], found["applied"]["relaxed"]) == ([], 20000, ["radius"])
    found = planted.get(NEARBY, lat=0, lon=40, radius_m=22000, relax="radius")
    assert (found["items"], found["applied"]["radius_m"], found["applied"]["relaxed"]) == ([], 22000, [])


def test_hours_are_dropped_when_that_is_allowed(planted: Planted) -> None:
    closed, unknown = planted.scenes["shut"]
    asked = {"lat": 0, "lon": 20, "radius_m": 1000, "open_now": "true"}
    assert planted.get(NEARBY, **asked)["items"] == []
    found = planted.get(NEARBY, **asked, relax="open_now")
    assert [(item["place_id"], item["outside_requested"]) for item in found["items"]] == [
        (closed, True),
        (unknown, True),
    ]
    applied = found["applied"]
    assert (applied["radius_m"], applied["open_now"], applied["relaxed"]) == (1000, False, ["open_now"])


def test_the_radius_goes_before_the_hours(planted: Planted) -> None:
    _, open_one, _ = planted.scenes["shut and far"]
    asked = {"lat": 0, "lon": 30, "radius_m": 1000, "open_now": "true", "relax": "open_now,radius"}
    found = planted.get(NEARBY, **asked)
    assert [item["place_id"] for item in found["items"]] == [open_one]
    assert (found["applied"]["radius_m"], found["applied"]["relaxed"]) == (8000, ["radius"])
    assert found["applied"]["open_now"] is True


def test_hours_are_dropped_at_20_km_when_nothing_is_open_within(planted: Planted) -> None:
    # At 03:00 (local) neither pattern is open.
    near, middle, far = planted.scenes["shut and far"]
    try:
        planted.now = NOW + timedelta(hours=9, minutes=30)
        asked = {"lat": 0, "lon": 30, "radius_m": 1000, "open_now": "true", "relax": "radius,open_now"}
        found = planted.get(NEARBY, **asked)
        assert found["applied"]["relaxed"] == ["radius", "open_now"]
        assert [item["place_id"] for item in found["items"]] == [near, middle, far]
        assert all(item["outside_requested"] for item in found["items"])
    finally:
        planted.now = NOW


def test_hours_at_a_time_are_dropped_and_still_told_for_that_time(planted: Planted) -> None:
    closed, _ = planted.scenes["shut"]
    asked = {"lat": 0, "lon": 20, "radius_m": 200, "open_at": "2026-11-22T12:00:00+08:00", "relax": "open_now"}
    found = planted.get(NEARBY, **asked)
    assert [(item["place_id"], item["hours"]["state"]) for item in found["items"]] == [(closed, "closed")]
    assert (found["applied"]["open_at"], found["applied"]["relaxed"]) == (None, ["open_now"])


def test_what_can_not_be_relaxed_is_refused(planted: Planted) -> None:
    for wrong in ("category", "radius,category", "", "RADIUS"):
        assert planted.refused(NEARBY, lat=0, lon=0, relax=wrong) == (400, "invalid-parameter")
