"""Who serves a point: what a look at every area says; borders, schedules, cities, and who would serve it instead."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import shapely

from app.core.ids import new_city_id
from app.service_areas.queries import Asked, areas_at
from app.service_areas.types import KINDS
from geo.coordinates import LonLat
from tests.app.discovery.conftest import Planted
from tests.factories.worlds import NOW

CONTAINING, CHECK = "/v1/service-areas/containing", "/v1/service-areas/check"
DEGREE_M = 6371008.7714150598 * math.pi / 180


def box(west: float, south: float, east: float, north: float) -> str:
    """A box as WKT."""
    return f"POLYGON(({west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}))"


@pytest.fixture(scope="module", autouse=True)
def scenes(planted: Planted) -> None:
    places = [{"lon": 1 + n / 100, "lat": 1, "category": ("restaurant", "cafe")[n % 2]} for n in range(6)]
    planted.scenes["places"] = [UUID(each) for each in planted.plant(2, places)]
    planted.scenes["far"] = [UUID(each) for each in planted.plant(3, [{"lon": 1.5, "lat": 1.5}])]
    merchant = planted.world.merchant(2, places=planted.scenes["places"][:3])
    planted.scenes |= {"merchant": merchant, "other": planted.world.merchant(2, places=planted.scenes["places"][3:])}


def test_lookups_equal_a_look_at_every_area(planted: Planted) -> None:
    """Three hundred wild shapes with holes, ten thousand points, a tenth of them on corners and edges."""
    chance = random.Random(20261126)
    world, place, merchant = planted.world, planted.scenes["places"][0], planted.scenes["merchant"]
    shapes: dict[UUID, shapely.Geometry] = {}
    while len(shapes) < 300:
        x, y = chance.uniform(40, 41), chance.uniform(40, 41)
        corners = sorted(chance.uniform(0, 2 * math.pi) for _ in range(chance.randint(3, 60)))
        radii = [chance.uniform(0.02, 0.2) for _ in corners]
        shell = [
            (round(x + r * math.cos(a), 7), round(y + r * math.sin(a), 7)) for a, r in zip(corners, radii, strict=True)
        ]
        shape = shapely.Polygon(shell) if len(shell) > 2 else shapely.Polygon()
        if not shape.is_valid:
            continue
        if chance.random() < 0.6:
            shape = shape.difference(shapely.box(x - 0.01, y - 0.01, x + 0.01, y + 0.01))
        shape = shapely.set_precision(shape, 1e-7)
        if not shape.is_valid or shape.geom_type != "Polygon" or shape.area == 0:
            continue
        shapes[world.service_area(2, place, merchant, shape.wkt)] = shape
    points = [(round(chance.uniform(39.8, 41.2), 7), round(chance.uniform(39.8, 41.2), 7)) for _ in range(9_000)]
    borders = [tuple(xy) for shape in shapes.values() for xy in shapely.get_coordinates(shape)]
    points += chance.sample(borders, 900)
    points += [(41.3, 40.0), (39.0, 40.0)] * 50
    given = np.array(points)
    wanted: list[set[UUID]] = [set() for _ in points]
    for area_id, shape in shapes.items():  # one by one, without any index
        for index in np.nonzero(shapely.intersects_xy(shape, given[:, 0], given[:, 1]))[0]:
            wanted[index].add(area_id)
    asked = [Asked(number, LonLat(*xy), NOW) for number, xy in enumerate(points)]
    with world.engine.connect() as conn:
        found = areas_at(conn, 2, 1, asked, None)
    assert [{area.service_area_id for area in found[number]} for number in range(len(points))] == wanted
    assert sum(map(len, wanted)) > 50_000


def test_a_lookup_tells_everything_of_an_area_as_it_is_kept(planted: Planted) -> None:
    world, place, merchant = planted.world, planted.scenes["places"][0], planted.scenes["merchant"]
    made = datetime(2025, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)
    ids = {
        world.service_area(2, place, merchant, box(-60, 10, -59, 11), kind=kind, priority=-7 + n, made=made): kind
        for n, kind in enumerate(KINDS)
    }
    timed = min(ids)
    world.run(
        "UPDATE service_area_versions SET schedule = 'Mo-Fr 11:00-14:00' WHERE service_area_id = :area", {"area": timed}
    )
    with world.engine.connect() as conn:
        found = areas_at(conn, 2, 1, [Asked(4, LonLat(-59.5, 10.5), NOW)], None)[4]
        assert areas_at(conn, 2, 1, [Asked(4, LonLat(-59.5, 10.5), NOW)], ["visit"])[4][0].kind == "visit"
    assert {area.service_area_id: area.kind for area in found} == ids
    assert {(area.place_id, area.merchant_id, area.created_at) for area in found} == {(place, merchant, made)}
    assert sorted(area.priority for area in found) == [-7, -6, -5, -4]
    assert [area.area_m2 for area in found] == [pytest.approx(1e10)] * len(KINDS)
    assert {area.service_area_id: area.schedule for area in found if area.schedule} == {timed: "Mo-Fr 11:00-14:00"}


def test_the_distance_to_the_border_is_negative_inside_and_says_how_sure_it_is(planted: Planted) -> None:
    world = planted.world
    area = world.service_area(2, planted.scenes["places"][0], planted.scenes["merchant"], box(10, 0, 10.1, 0.1))
    inside = (
        0.01 * DEGREE_M
    )  # the point stands a hundredth of a degree east of the western edge, on the equator's scale
    for accuracy, confidence in ((None, None), (100, "high"), (371, "medium"), (1111, "medium"), (1112, "low")):
        more = {} if accuracy is None else {"accuracy_m": accuracy}
        found = planted.get(CONTAINING, lon=10.01, lat=0.05, **more)
        (item,) = found["items"]
        assert item["service_area_id"] == str(area)
        assert item["border_distance_m"] == pytest.approx(-inside, rel=1e-4)
        assert item["confidence"] == confidence, accuracy
        assert (found["served"], found["nearest"], found["others"]) == (True, None, [])
    on_edge = planted.get(CONTAINING, lon=10, lat=0.05, accuracy_m=0)
    assert (on_edge["items"][0]["border_distance_m"], on_edge["items"][0]["confidence"]) == (0, "low")


def test_where_nobody_serves_the_nearest_border_is_told(planted: Planted) -> None:
    """At 60 degrees north a degree of longitude is half as long, so that degrees and metres disagree on the nearest."""
    world, place, merchant = planted.world, planted.scenes["places"][0], planted.scenes["merchant"]
    east = world.service_area(2, place, merchant, box(20.12, 60, 20.2, 60.01))
    world.service_area(2, place, merchant, box(20, 60.08, 20.01, 60.1), kind="visit")
    found = planted.get(CONTAINING, lon=20, lat=60.005)
    assert (found["items"], found["served"]) == ([], False)
    nearest = found["nearest"]
    assert nearest["service_area_id"] == str(east)
    assert nearest["border_distance_m"] == pytest.approx(0.12 * DEGREE_M * math.cos(math.radians(60.005)), rel=1e-3)
    only = planted.get(CONTAINING, lon=20, lat=60.005, kind="visit")
    assert only["nearest"]["border_distance_m"] == pytest.approx(0.075 * DEGREE_M, rel=1e-3)
    assert planted.get(CONTAINING, lon=30, lat=65)["nearest"] is None  # nothing within 50 km


def test_a_place_that_does_not_serve_names_who_does_in_its_stead(planted: Planted) -> None:
    world, places = planted.world, planted.scenes["places"]
    mine, other = planted.scenes["merchant"], planted.scenes["other"]
    world.service_area(2, places[0], mine, box(70, 1, 70.1, 1.1))
    sister = world.service_area(2, places[1], mine, box(70.2, 1, 70.4, 1.1))
    rival = world.service_area(2, places[4], other, box(70.2, 1, 70.4, 1.1))
    asked = {"lon": 70.3, "lat": 1.05, "place_id": str(places[0])}
    found = planted.get(CONTAINING, **asked)
    assert found["served"] is False
    assert len(found["items"]) == 2
    assert found["nearest"]["place_id"] == str(places[0])
    assert found["nearest"]["border_distance_m"] == pytest.approx(0.2 * DEGREE_M, rel=1e-3)
    told = [(each["place_id"], each["service_area_id"], each["same"]) for each in found["others"]]
    assert told == [(str(places[1]), str(sister), "merchant"), (str(places[4]), str(rival), "category")]
    served = planted.get(CONTAINING, **asked | {"place_id": str(places[1])})
    assert (served["served"], served["nearest"], served["others"]) == (True, None, [])
    assert planted.refused(CONTAINING, **asked | {"place_id": str(new_city_id(77))}) == (400, "invalid-parameter")


def test_areas_of_several_cities_are_found_and_kinds_are_kept_apart(planted: Planted) -> None:
    world, shape = planted.world, box(80, 1, 80.1, 1.1)
    here = world.service_area(2, planted.scenes["places"][0], planted.scenes["merchant"], shape, kind="pickup")
    there = world.service_area(3, planted.scenes["far"][0], world.merchant(3), shape)
    found = planted.get(CONTAINING, lon=80.05, lat=1.05)["items"]
    assert [(each["city_id"], each["service_area_id"]) for each in found] == [(2, str(here)), (3, str(there))]
    assert [each["kind"] for each in planted.get(CONTAINING, lon=80.05, lat=1.05, kind="pickup")["items"]] == ["pickup"]
    assert planted.refused(CONTAINING, lon=80.05, lat=1.05, kind="teleport") == (400, "invalid-parameter")


def test_schedules_are_read_on_the_clock_of_the_city(planted: Planted) -> None:
    world = planted.world
    area = world.service_area(2, planted.scenes["places"][0], planted.scenes["merchant"], box(90, 1, 90.1, 1.1))
    statement = "UPDATE service_area_versions SET schedule = :said WHERE service_area_id = :area"
    world.run(statement, {"said": "Mo-Fr 22:00-02:00", "area": area})
    monday = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)  # 22:00 in Shanghai
    for at, served in (
        (monday, True), (monday - timedelta(seconds=1), False), (monday + timedelta(hours=3, minutes=59), True),
        (monday + timedelta(hours=4), False), (monday + timedelta(days=5), False),
    ):  # fmt: skip
        items = planted.get(CONTAINING, lon=90.05, lat=1.05, at=at.isoformat())["items"]
        assert [each["service_area_id"] for each in items] == ([str(area)] if served else []), at
    world.run(statement, {"said": "sunrise-sunset", "area": area})
    (item,) = planted.get(CONTAINING, lon=90.05, lat=1.05)["items"]
    assert item["schedule_state"] == "unknown"  # a wrong "closed" would be worse


def checked(planted: Planted, points: list[Any], **more: Any) -> dict[str, Any]:
    """The answer to a check of many points."""
    answer = planted.client.post(CHECK, json={"points": points, **more})
    assert answer.status_code == 200, answer.get_json()
    return dict(answer.get_json())


def test_many_points_are_answered_in_their_order_with_what_came_along(planted: Planted) -> None:
    world, place = planted.world, planted.scenes["places"][0]
    area = str(world.service_area(2, place, planted.scenes["merchant"], box(100, 1, 100.1, 1.1)))
    points = [
        {"lon": 100.05, "lat": 1.05, "order": "A-1", "deep": {"kept": [1, None]}},
        {"lon": 100.2, "lat": 1.05, "order": "A-2"},
        {"lon": 1.05, "lat": 100.05, "order": "A-3"},
        {"lat": 1.05},
        {"lon": 100.1, "lat": 1.1, "accuracy_m": 30},
        {"lon": 100.05, "lat": 1.05, "at": (NOW - timedelta(days=90)).isoformat()},
        {"lon": 100.05, "lat": 1.05, "at": "yesterday"},
    ]
    items = checked(planted, points)["items"]
    assert [each["given"] for each in items] == points
    assert [[one["service_area_id"] for one in each["areas"]] for each in items] == [[area], [], [], [], [area], [], []]
    assert [each["served"] for each in items] == [True, False, None, None, True, False, None]
    errors = [each["error"] for each in items]
    assert [each and (each["code"], each["pointer"]) for each in errors] == [
        None, None, ("invalid-coordinate", "/points/2/lat"), ("invalid-body", "/points/3/lon"), None, None,
        ("invalid-parameter", "/points/6/at"),
    ]  # fmt: skip
    assert errors[2]["hint"] == "swapped"
    assert items[1]["nearest"]["border_distance_m"] == pytest.approx(0.1 * DEGREE_M, rel=1e-3)
    assert items[4]["areas"][0]["confidence"] == "low"


def test_a_check_of_a_hundred_points_says_what_single_lookups_say(planted: Planted) -> None:
    chance = random.Random(7)
    points = [{"lon": chance.uniform(39.9, 41.1), "lat": chance.uniform(39.9, 41.1)} for _ in range(100)]
    items = checked(planted, points)["items"]
    for point, item in list(zip(points, items, strict=True))[::17]:
        single = planted.get(CONTAINING, **point)
        assert item["areas"] == single["items"][:20]
        assert (item["total"], item["served"], item["nearest"]) == (
            single["total"], single["served"], single["nearest"]
        )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"points": []}, "/points"),
        ({"points": [{"lon": 1, "lat": 1}] * 101}, "/points"),
        ({"points": [7]}, "/points/0"),
        ({"points": {"lon": 1, "lat": 1}}, "/points"),
        ({}, "/points"),
        ({"points": [{"lon": 1, "lat": 1}], "limit": 5}, "/limit"),
        ({"points": [{"lon": 1, "lat": 1}], "kind": ["x"]}, "/kind/0"),
    ],
)
def test_a_check_that_makes_no_sense_is_refused(planted: Planted, body: dict[str, Any], pointer: str) -> None:
    answer = planted.client.post(CHECK, json=body)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, pointer), answer.get_json()


def test_the_meridian_of_180_degrees_is_one(planted: Planted) -> None:
    world = planted.world
    west = world.service_area(2, planted.scenes["places"][0], planted.scenes["merchant"], box(-180, 50, -179.9, 50.1))
    for lon in (180, -180):
        items = planted.get(CONTAINING, lon=lon, lat=50.05)["items"]
        assert [each["service_area_id"] for each in items] == [str(west)], lon
