"""Searches kept to what serves a point, which need not be where one searches: against a look at every area."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import shapely

from app.http.principals import Principal
from geo.coordinates import LonLat
from geo.distance import distance_mm
from tests.app.discovery.conftest import Planted
from tests.factories.worlds import NOW

PLACES, COUPONS = "/v1/places/nearby", "/v1/coupons/nearby"
LON, LAT = 120.0, 30.0
CLOSED, OPEN = "Mo-Su 00:00-00:01", "24/7"


@dataclass
class Area:
    """A planted area as the brute force knows it."""

    area_id: UUID
    place: int
    shape: shapely.Geometry
    kind: str
    schedule: str | None
    begins: datetime
    until: datetime | None

    def serves(self, point: tuple[float, float], at: datetime, kinds: list[str]) -> bool:
        in_force = self.begins <= at and (self.until is None or at < self.until)
        return (
            in_force and self.schedule != CLOSED and (not kinds or self.kind in kinds) and self.shape.covers(
                shapely.Point(point)
            )
        )  # fmt: skip


@dataclass
class Scene:
    """Places by number with their cities and positions, areas, and coupons with what their terms say."""

    ids: list[str]
    spots: list[tuple[float, float]]
    categories: list[str]
    areas: list[Area]
    coupons: dict[str, tuple[int, list[UUID], str]]


@pytest.fixture(scope="module")
def scene(planted: Planted) -> Scene:
    draw, world = random.Random(29), planted.world
    found = Scene([], [], [], [], {})
    for city_id, side in ((2, -1), (3, 1)):
        spots = [(round(LON + side * draw.uniform(0.001, 0.05), 7), round(LAT + draw.uniform(-0.05, 0.05), 7))
                 for _ in range(16)]  # fmt: skip
        kinds = [draw.choice(("restaurant", "cafe")) for _ in spots]
        first = len(found.ids)
        given = [{"lon": lon, "lat": lat, "category": kind} for (lon, lat), kind in zip(spots, kinds, strict=True)]
        found.ids += planted.plant(city_id, given)
        found.spots += spots
        found.categories += kinds
        merchant = world.merchant(city_id, places=[UUID(each) for each in found.ids[first:]])
        for number in range(first, first + 16):
            for _ in range(draw.randrange(4)):
                found.areas.append(plant_area(planted, draw, city_id, merchant, found, number))
            own = [area.area_id for area in found.areas if area.place == number]
            scopes = draw.sample(own, 1) if own and draw.random() < 0.5 else []
            terms = {"scopes": scopes, "scope_kind": "service_areas" if scopes else "places",
                     "fulfilment": draw.choice(("in_store", "delivery"))}  # fmt: skip
            coupon = world.coupon(city_id, merchant, [UUID(found.ids[number])], **terms)
            found.coupons[str(coupon)] = (number, scopes, terms["fulfilment"])
    return found


def plant_area(
    planted: Planted, draw: random.Random, city_id: int, merchant: UUID, scene: Scene, number: int
) -> Area:  # fmt: skip
    lon, lat = scene.spots[number]
    turns = sorted(draw.uniform(0, 2 * math.pi) for _ in range(draw.randint(5, 12)))
    radii = [draw.uniform(0.01, 0.06) for _ in turns]
    shape = shapely.Polygon([(lon + r * math.cos(a), lat + r * math.sin(a)) for r, a in zip(radii, turns, strict=True)])
    hole = shapely.box(lon - 0.005, lat - 0.005, lon + 0.005, lat + 0.005)
    shape = shapely.set_precision(shape.buffer(0).difference(hole), 1e-7)
    shape = max(shape.geoms, key=lambda part: part.area) if shape.geom_type == "MultiPolygon" else shape
    terms = {"kind": draw.choice(("delivery", "visit")), "from": NOW + timedelta(days=draw.choice((-9, -9, -9, 1))),
             "until": draw.choice((None, None, NOW + timedelta(days=2), NOW))}  # fmt: skip
    if terms["until"] is not None and terms["until"] <= terms["from"]:
        terms["until"] = None
    area_id = planted.world.service_area(city_id, UUID(scene.ids[number]), merchant, shape.wkt, **terms)
    schedule = draw.choice((None, None, OPEN, CLOSED))
    planted.world.run(
        "UPDATE service_area_versions SET schedule = :s WHERE service_area_id = :a", {"s": schedule, "a": area_id}
    )
    return Area(area_id, number, shape, terms["kind"], schedule, terms["from"], terms["until"])


def questions(count: int) -> list[tuple[dict[str, Any], tuple[float, float], tuple[float, float], list[str], int]]:
    """Queries with where they search, the point to be served, the kinds asked and the radius in metres."""
    draw, found = random.Random(7), []
    for _ in range(count):
        origin, point = (
            (round(LON + draw.uniform(-0.06, 0.06), 7), round(LAT + draw.uniform(-0.06, 0.06), 7)) for _ in range(2)
        )
        kinds = draw.choice(([], [], ["delivery"], ["delivery", "visit"]))
        radius = draw.choice((1500, 5000, 20_000))
        query = {"lat": origin[1], "lon": origin[0], "radius_m": radius, "limit": draw.choice((7, 100, 100)),
                 "serves": f"{point[1]:.7f},{point[0]:.7f}"}  # fmt: skip
        found.append((query | ({"serves_kind": kinds} if kinds else {}), origin, point, kinds, radius))
    return found


def by_distance(scene: Scene, origin: tuple[float, float], numbers: list[int], radius: int) -> list[tuple[int, int]]:
    reach = [(distance_mm(LonLat(*origin), LonLat(*scene.spots[number])), number) for number in numbers]
    return [(mm, number) for mm, number in reach if mm <= radius * 1000]


def test_places_that_serve_a_point_are_those_of_the_brute_force(planted: Planted, scene: Scene) -> None:
    hits, served_by_some = 0, 0
    for query, origin, point, kinds, radius in questions(20):
        serving = {area.place for area in scene.areas if area.serves(point, NOW, kinds)}
        served_by_some += bool(serving)
        if hits % 3 == 1:
            query["category"] = "cafe"
            serving = {number for number in serving if scene.categories[number] == "cafe"}
        wanted = sorted((mm, scene.ids[number]) for mm, number in by_distance(scene, origin, list(serving), radius))
        page = planted.get(PLACES, **query)
        assert page["total"] == {"value": len(wanted), "relation": "eq"}
        items = planted.walk(PLACES, **query)
        assert [(round(each["distance_m"] * 1000), each["place_id"]) for each in items] == wanted, query
        hits += bool(wanted)
    assert hits > 6
    assert served_by_some > 10


@pytest.mark.parametrize("more", [{}, {"sort": "newest"}, {"redeemable": "now"}, {"in_service_area": "true"}])
def test_coupons_of_places_that_serve_a_point_are_those_of_the_brute_force(
    planted: Planted, scene: Scene, more: dict[str, str]
) -> None:
    hits = 0
    for query, origin, point, kinds, radius in questions(16):
        wanted = []
        for coupon_id, (number, scopes, fulfilment) in scene.coupons.items():
            serving = [area for area in scene.areas if area.place == number and area.serves(point, NOW, kinds)]
            named = [area for area in serving if area.area_id in scopes]
            anyhow = [area for area in scene.areas if area.place == number and area.serves(point, NOW, [])]
            if not (named if scopes else serving):
                continue
            if more.get("in_service_area") and not scopes:
                continue
            bringing = [area for area in anyhow if (area.area_id in scopes if scopes else area.kind == "delivery")]
            if more.get("redeemable") and fulfilment == "delivery" and not bringing:
                continue
            wanted += [(mm, coupon_id) for mm, _ in by_distance(scene, origin, [number], radius)]
        items = planted.walk(COUPONS, **query, **more)
        found = [(round(each["distance_m"] * 1000), each["coupon_id"]) for each in items]
        assert (found if "sort" not in more else sorted(found)) == sorted(wanted), query
        hits += bool(wanted)
    assert hits > 3


def test_the_time_of_use_and_the_opening_time_decide_which_areas_count(planted: Planted, scene: Scene) -> None:
    """Some areas begin in a day and some end in two."""
    differ = 0
    for query, origin, point, kinds, radius in questions(10):
        found = {}
        for at in (NOW, NOW + timedelta(days=1, hours=1), NOW + timedelta(days=2)):
            serving = {area.place for area in scene.areas if area.serves(point, at, kinds)}
            near = [scene.ids[number] for _, number in by_distance(scene, origin, list(serving), radius)]
            asked = query | {"limit": 100, "open_at": at.isoformat(), "include_unknown": "true"}
            assert {each["place_id"] for each in planted.get(PLACES, **asked)["items"]} == set(near)
            found[at] = frozenset(near)
        differ += len(set(found.values())) > 1
    assert differ > 1


def test_a_border_counts_and_a_hole_does_not(planted: Planted, scene: Scene) -> None:
    ring = shapely.box(130, 40, 130.1, 40.1).difference(shapely.box(130.04, 40.04, 130.06, 40.06)).wkt
    merchant = planted.world.merchant(2)
    planted.world.service_area(2, UUID(scene.ids[0]), merchant, ring)
    lon, lat = scene.spots[0]
    around = {"lat": lat, "lon": lon, "radius_m": 100}
    for point, served in (("40.05,130.0", True), ("40.02,130.02", True), ("40.05,130.05", False),
                          ("40.04,130.05", True), ("40.2,130.05", False)):  # fmt: skip
        items = planted.get(PLACES, **around, serves=point)["items"]
        assert [each["place_id"] for each in items] == ([scene.ids[0]] if served else []), point
    applied = planted.get(PLACES, **around, serves="40.05,130", serves_kind="delivery")["applied"]
    assert applied["serves"] == {"lat": 40.05, "lon": 130.0, "kinds": ["delivery"]}
    assert planted.get(PLACES, **around)["applied"]["serves"] is None


def test_explanations_tell_which_areas_serve(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    world, merchant = planted.world, planted.world.merchant(2)
    near, far = planted.plant(4, [{"lon": 60.0, "lat": 0}, {"lon": 60.001, "lat": 0}])
    area = world.service_area(4, UUID(far), merchant, "POLYGON((61 0, 61.1 0, 61.1 0.1, 61 0.1, 61 0))")
    admin = Principal("x", "admin", None, (), (), (), (), "t", NOW + timedelta(days=900))
    monkeypatch.setattr(type(planted.app.extensions["fujin"].principals), "of_token", lambda *_: admin)
    signed, asked = {"Authorization": "Bearer x"}, {"lat": 0, "lon": 60, "serves": "0.05,61.05"}
    found = planted.get(PLACES, headers=signed, explain="true", **asked)
    (item,) = found["items"]
    said = {"filter": "serves", "ok": True, "value": [str(area)]}
    assert (item["place_id"], item["explain"]["verdicts"][-1]) == (far, said)
    assert found["plans"] == [{"city_id": 4, "lead": "serves", "lanes": 1, "rows": 1, "groups": []}]
    listed = planted.get(f"/v1/places/{far}/why-not", headers=signed, **asked)
    assert (listed["listed"], listed["position"]) == (True, 1)
    missing = planted.get(f"/v1/places/{near}/why-not", headers=signed, **asked)
    assert (missing["listed"], missing["first"]) == (False, {"filter": "serves", "ok": False, "value": []})


def test_what_does_not_go_together_is_said(planted: Planted) -> None:
    here = {"lat": LAT, "lon": LON}
    for more, code in (
        ({"serves": "30"}, "invalid-coordinate"),
        ({"serves": "120.16,30.25"}, "invalid-coordinate"),
        ({"serves": "30.25;120.16"}, "invalid-coordinate"),
        ({"serves": "30.25,180.5"}, "invalid-coordinate"),
        ({"serves_kind": "delivery"}, "invalid-parameter"),
        ({"serves": "30,120", "serves_kind": "teleport"}, "invalid-parameter"),
        ({"serves": "30,120", "sort": "blend"}, "conflicting-parameters"),
        ({"serves": "30,120", "facets": "price"}, "conflicting-parameters"),
        ({"serves": "30,120", "collapse": "merchant"}, "conflicting-parameters"),
    ):
        assert planted.refused(PLACES, **here, **more) == (400, code), more
    for path in (PLACES, COUPONS):
        assert planted.refused(path, cell="wtw3sj", serves="30,120") == (400, "conflicting-parameters")
