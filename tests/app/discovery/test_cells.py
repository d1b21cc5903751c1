"""Searches from a cell: bands in place of distances, an order that tells no position, and logs without coordinates.

The cell s00000 begins at 0° 0° and is 360/2^15 wide and 180/2^15 high, so its middle is 0.0054932 0.0027466.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest

from app.core.logging import JsonHandler
from tests.app.discovery.conftest import Planted

NEARBY = "/v1/places/nearby"
COUPONS = "/v1/coupons/nearby"
MIDDLE = (0.0054932, 0.0027466)
# East of the middle by so many degrees; a degree is 111 195.08 m. Bands end at 0.004497, 0.008993, 0.02698.
NEAR = (0.004, 0.001, 0.003, 0.002)
NEXT = (0.0085, 0.005)
FAR = (0.02, 0.01)


@pytest.fixture(scope="module", autouse=True)
def scenes(planted: Planted) -> None:
    lon, lat = MIDDLE
    offsets = (*FAR, *NEAR, *NEXT)
    ids = planted.plant(2, [{"lon": lon + offset, "lat": lat} for offset in offsets])
    other = planted.plant(3, [{"lon": lon - 0.0015, "lat": lat}, {"lon": lon - 0.006, "lat": lat}])
    far, near, following = ids[:2], ids[2:6], ids[6:]
    planted.scenes["by band"] = [*sorted([*near, other[0]]), *sorted([*following, other[1]]), *sorted(far)]
    world = planted.world
    merchant = world.merchant(2, "商户", ids)
    coupons = [str(world.coupon(2, merchant, [place])) for place in ids]
    # One that can be used in two bands belongs to the nearer one.
    both = str(world.coupon(2, merchant, [far[0], near[0]]))
    planted.scenes["coupons by band"] = [
        *sorted([*coupons[2:6], both]),
        *sorted(coupons[6:]),
        *sorted(coupons[:2]),
    ]


def test_distances_are_bands_ordered_by_band_and_id(planted: Planted) -> None:
    found = planted.get(NEARBY, cell="s00000", radius_m=3000)
    assert [item["place_id"] for item in found["items"]] == planted.scenes["by band"]
    assert [item["distance_m"] for item in found["items"]] == [None] * 10
    bands = [(item["distance_band"]["from_m"], item["distance_band"]["to_m"]) for item in found["items"]]
    assert bands == [(0, 500)] * 5 + [(500, 1000)] * 3 + [(1000, 3000)] * 2
    assert found["total"] == {"value": 10, "relation": "eq"}
    applied = found["applied"]
    assert (applied["cell"], applied["lon"], applied["lat"]) == ("s00000", *MIDDLE)


def test_every_page_size_walks_the_same_list(planted: Planted) -> None:
    for limit in (1, 2, 3, 5, 7):
        walked = planted.walk(NEARBY, cell="s00000", radius_m=3000, limit=limit)
        assert [item["place_id"] for item in walked] == planted.scenes["by band"]
        walked = planted.walk(COUPONS, cell="s00000", radius_m=3000, limit=limit)
        assert [item["coupon_id"] for item in walked] == planted.scenes["coupons by band"]


def test_coupons_stand_in_the_band_of_their_nearest_place(planted: Planted) -> None:
    found = planted.get(COUPONS, cell="s00000", radius_m=3000)
    bands = [item["distance_band"]["from_m"] for item in found["items"]]
    assert bands == [0] * 5 + [500] * 2 + [1000] * 2
    assert {item["distance_m"] for item in found["items"]} == {None}
    assert found["total"] == {"value": 9, "relation": "eq"}


def test_the_radius_counts_from_the_middle_and_cuts_a_band(planted: Planted) -> None:
    # 0.003 degrees are 333.6 m, 0.004 are 444.8 m.
    found = planted.get(NEARBY, cell="s00000", radius_m=400)
    assert len(found["items"]) == 4
    assert {item["distance_band"]["to_m"] for item in found["items"]} == {500}
    assert found["total"]["value"] == 4


def test_the_answer_is_the_same_wherever_in_the_cell_one_stands(planted: Planted) -> None:
    exact = planted.get(NEARBY, lon=MIDDLE[0], lat=MIDDLE[1], radius_m=3000)
    coarse = planted.get(NEARBY, cell="s00000", radius_m=3000)
    assert {item["place_id"] for item in exact["items"]} == {item["place_id"] for item in coarse["items"]}
    assert exact["applied"]["cell"] is None
    assert "distance_band" not in exact["items"][0]


def test_an_empty_search_from_a_cell_widens_too(planted: Planted) -> None:
    # Its middle lies at 0.0824° 0.0467°, 8 km from the places above.
    found = planted.get(NEARBY, cell="s0003b", radius_m=10, relax="radius", limit=1)
    assert found["applied"]["relaxed"] == ["radius"]
    assert found["items"][0]["outside_requested"] is True
    assert found["items"][0]["distance_m"] is None


def test_exactly_one_of_point_and_cell(planted: Planted) -> None:
    for path in (NEARBY, COUPONS):
        assert planted.refused(path, cell="s00000", lat=0, lon=0) == (400, "conflicting-parameters")
        assert planted.refused(path, cell="s00000", lat=0) == (400, "conflicting-parameters")
        assert planted.refused(path, cell="s0000", lat=0, lon=0) == (400, "invalid-cell")
        assert planted.refused(path) == (400, "missing-parameter")
        assert planted.refused(path, lat=0) == (400, "missing-parameter")
        assert planted.refused(path, cell="s00000", datum="gcj02") == (400, "invalid-parameter")
        for wrong in ("s0000", "s000000", "S00000", "s0000a", "", "s0000\n", "é00000"):
            status, code = planted.refused(path, cell=wrong)
            assert (status, code in ("invalid-cell", "invalid-parameter")) == (400, True), wrong


def test_a_cursor_belongs_to_its_cell(planted: Planted) -> None:
    cursor = planted.get(NEARBY, cell="s00000", limit=1)["next_cursor"]
    assert planted.refused(NEARBY, cell="s00001", limit=1, cursor=cursor) == (400, "invalid-cursor")
    at = {"lon": MIDDLE[0], "lat": MIDDLE[1], "limit": 1, "cursor": cursor}
    assert planted.refused(NEARBY, **at) == (400, "invalid-cursor")


def test_log_lines_hold_no_position(planted: Planted) -> None:
    lines: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonHandler().format(record))

    keeping, logger = Keeping(), logging.getLogger("fujin.requests")
    level = logger.level
    logger.addHandler(keeping)
    logger.setLevel("INFO")
    try:
        for query in ({"lat": "30.2512345", "lon": "120.1698765"}, {"cell": "wtmknp"}, {"lat": "30.2512345"}):
            asked: dict[str, Any] = dict(query)
            planted.client.get(NEARBY, query_string=asked)
            planted.client.get(COUPONS, query_string=asked)
    finally:
        logger.removeHandler(keeping)
        logger.setLevel(level)
    assert len(lines) == 6
    for line in lines:
        assert not any(digits in line for digits in ("30.25", "120.16", "wtmkn", "2512345", "1698765")), line
