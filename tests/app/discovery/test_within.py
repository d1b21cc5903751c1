"""Places in drawn shapes: what a look at every place says, page by page, with filters; bad shapes are refused."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

import pytest
import shapely

from tests.app.discovery.conftest import Planted

WITHIN = "/v1/places/within"


@pytest.fixture(scope="module", autouse=True)
def scenes(planted: Planted) -> None:
    chance = random.Random(11)
    places = [
        {"lon": round(chance.uniform(8, 9), 3), "lat": round(chance.uniform(47, 48), 3),
         "category": chance.choice(("cafe", "bookshop"))}
        for _ in range(400)
    ]  # fmt: skip
    ids = planted.plant(2, places)
    planted.scenes["points"] = {
        place_id: (place["lon"], place["lat"], place["category"]) for place_id, place in zip(ids, places, strict=True)
    }
    planted.scenes["fiji"] = planted.plant(3, [{"lon": 179.9, "lat": -17}, {"lon": -179.9, "lat": -17}])


def found(planted: Planted, body: dict[str, Any], query: str = "") -> set[str]:
    """Ids of all pages."""
    ids: list[str] = []
    cursor = None
    while True:
        answer = planted.client.post(WITHIN + query, json=body | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.get_json()
        page = answer.get_json()
        ids += [each["place_id"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(ids) == len(set(ids))
    return set(ids)


def test_places_in_several_shapes_with_holes_equal_a_look_at_every_place(planted: Planted) -> None:
    hole = shapely.box(8.25, 47.25, 8.35, 47.35)
    shapes = [shapely.box(8.1, 47.1, 8.5, 47.5) - hole, shapely.Point(8.7, 47.6).buffer(0.15, quad_segs=32)]
    geometries = [shapely.geometry.mapping(shape) for shape in shapes]
    points = planted.scenes["points"]
    wanted = {
        each
        for each, (lon, lat, _) in points.items()
        if any(shape.intersects(shapely.Point(lon, lat)) for shape in shapes)
    }
    assert 60 < len(wanted) < 200
    assert found(planted, {"geometries": geometries, "limit": 37}) == wanted
    assert found(planted, {"geometries": geometries, "relation": "intersects", "category": ["cafe"]}) == {
        each for each in wanted if points[each][2] == "cafe"
    }


def test_mode_all_keeps_merchants_that_have_no_place_outside(planted: Planted) -> None:
    points = planted.scenes["points"]
    shape = shapely.box(8.0, 47.0, 8.6, 47.6) - shapely.box(8.2, 47.2, 8.3, 47.3)
    inside = {each for each, (lon, lat, _) in points.items() if shape.intersects(shapely.Point(lon, lat))}
    outside = [each for each in points if each not in inside]
    some = sorted(inside)
    whole = {some[0], some[1], some[2], some[9]}
    planted.world.merchant(2, places=[UUID(each) for each in some[:3]])
    planted.world.merchant(2, places=[UUID(each) for each in (*some[3:6], outside[0])])
    planted.world.merchant(2, places=[UUID(some[9])])
    body = {"geometry": shapely.geometry.mapping(shape), "mode": "all", "limit": 3}
    first = planted.client.post(WITHIN, json=body).get_json()
    assert (len(first["items"]), first["total"]) == (3, {"value": 4, "relation": "eq"})
    assert found(planted, body) == whole
    answer = planted.client.post(WITHIN, json=body | {"category": ["cafe"]})
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/mode")
    both = planted.client.post(WITHIN, json=body | {"mode": "any", "category": ["cafe"], "exclude_category": ["cafe"]})
    assert (both.status_code, both.get_json()["errors"][0]["pointer"]) == (422, "/exclude_category")


def test_the_border_counts_and_a_shape_over_180_degrees_is_one(planted: Planted) -> None:
    lon, lat, _ = next(iter(planted.scenes["points"].values()))
    corner = {"type": "Polygon", "coordinates": [[[lon, lat], [lon + 0.001, lat], [lon, lat + 0.001], [lon, lat]]]}
    assert found(planted, {"geometry": corner})
    over = {"type": "Polygon", "coordinates": [[[179, -18], [-179, -18], [-179, -16], [179, -16], [179, -18]]]}
    assert found(planted, {"geometry": over}) == set(planted.scenes["fiji"])


def test_a_bad_shape_is_refused_with_its_place_or_mended_when_asked(planted: Planted) -> None:
    bow_tie = {"type": "Polygon", "coordinates": [[[8, 47], [9, 48], [9, 47], [8, 48], [8, 47]]]}
    answer = planted.client.post(WITHIN, json={"geometries": [bow_tie]})
    (fault,) = answer.get_json()["errors"]
    assert (answer.status_code, fault["pointer"]) == (422, "/geometries/0/coordinates/0")
    assert fault["location"] == {"lon": 8.5, "lat": 47.5}
    mended = planted.client.post(f"{WITHIN}?repair=true", json={"geometry": bow_tie}).get_json()
    assert "repaired" in [each["code"] for each in mended["remarks"]]
    east_and_west = {  # the two triangles that it becomes
        each for each, (lon, lat, _) in planted.scenes["points"].items() if abs(lon - 8.5) >= abs(lat - 47.5)
    }
    assert found(planted, {"geometry": bow_tie}, "?repair=true") == east_and_west
    open_ring = {"type": "Polygon", "coordinates": [[[8, 47], [9, 47], [9, 48]]]}
    assert [
        each["code"] for each in planted.client.post(WITHIN, json={"geometry": open_ring}).get_json()["remarks"]
    ] == ["ring-closed"]
    huge = {"type": "Polygon", "coordinates": [[[0, 40], [10, 40], [10, 50], [0, 50], [0, 40]]]}
    for body, pointer, code in (
        ({}, "/geometry", "invalid-body"),
        ({"geometry": bow_tie, "geometries": [bow_tie]}, "/geometries", "invalid-body"),
        ({"geometry": huge}, "/geometry/coordinates", "geometry-too-large"),
        ({"geometry": {"type": "Point", "coordinates": [8, 47]}}, "/geometry/type", "invalid-geometry"),
        ({"geometries": [open_ring] * 21}, "/geometries", "invalid-body"),
    ):
        answer = planted.client.post(WITHIN, json=body)
        told = answer.get_json()
        assert (answer.status_code, told["errors"][0]["pointer"], told["code"]) == (422, pointer, code)
