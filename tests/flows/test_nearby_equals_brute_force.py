"""Searches over HTTP, every page walked by cursor, against a reference that shares nothing with the product.

The reference reads rows by plain SQL and decides with its own haversine, its own walk of the category tree, shapely
for areas, and hours worked out by reading them. Two rows may stand in another order only when their distances differ
by less than a millimetre; a row may be on either side of the edge only within a thousandth of a millimetre.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shapely
import sqlalchemy as sa
from numpy.typing import NDArray

from app.core.db import open_database
from app.core.settings import Settings
from app.factory import create_app
from app.places.queries_links import show_links
from tests.factories.worlds import NOW, World
from tests.flows.uneven_world import PATTERNS, draw_tree, plant_coupons, plant_places, plant_regions, plant_tree
from tests.servers import served

SEED = 20261122
PLACE_QUERIES = 160
COUPON_QUERIES = 60
LINKED = (2, 4)  # of the other cities nobody worked out which places lie in which areas: outlines decide there
Mask = NDArray[np.bool_]


@dataclass
class Reference:
    """The active version's live places in columns, and what belongs to them."""

    place_ids: list[str]
    cities: NDArray[np.int64]
    lons: NDArray[np.float64]
    lats: NDArray[np.float64]
    categories: list[list[str]]
    states: NDArray[np.str_]
    parents: dict[str, str | None]
    regions: dict[str, Any]
    coupons: list[dict[str, Any]]
    index: dict[str, int]

    def distances_m(self, lon: float, lat: float) -> NDArray[np.float64]:
        """Haversine on the sphere of 6 371 008.7714150598 m."""
        phi, phis = np.radians(lat), np.radians(self.lats)
        part = np.sin(np.radians(self.lats - lat) / 2) ** 2
        part = part + np.cos(phi) * np.cos(phis) * np.sin(np.radians(self.lons - lon) / 2) ** 2
        found: NDArray[np.float64] = 2 * 6371008.7714150598 * np.arcsin(np.minimum(1.0, np.sqrt(part)))
        return found

    def in_categories(self, wanted: list[str]) -> Mask:
        """Places of which a category, first or further, is wanted or has an ancestor that is."""

        def belongs(category: str | None) -> bool:
            while category is not None:
                if category in wanted:
                    return True
                category = self.parents[category]
            return False

        verdict = {category: belongs(category) for category in self.parents}
        return np.array([any(verdict[category] for category in own) for own in self.categories])

    def in_region(self, region_id: str) -> Mask:
        """Places within or on the border of an area."""
        found: Mask = shapely.covers(self.regions[region_id], shapely.points(self.lons, self.lats))
        return found


@dataclass
class Tried:
    """The application, the reference, and the draw that both tests share."""

    server: HTTPConnection
    reference: Reference


@pytest.fixture(scope="module")
def tried(
    make_database: Callable[..., str], migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Tried]:
    """The uneven world, planted once."""
    url = make_database(migrated_template)
    engine = sa.create_engine(url)
    world = World(engine)
    try:
        plant(world)
        settings = settings_for(url)
        database = open_database(settings)
        with served(create_app(settings, clock=lambda: NOW, database=database)) as server:
            yield Tried(server, read_reference(world))
        database.dispose()
    finally:
        engine.dispose()


def plant(world: World) -> None:
    """The uneven world, drawn from the seed."""
    draw = random.Random(SEED)
    world.basics()
    tree = draw_tree(draw)
    plant_tree(world, tree)
    places = plant_places(world, draw, tree)
    plant_regions(world, draw)
    plant_coupons(world, draw, places)
    with world.engine.begin() as conn:
        for city_id in LINKED:
            show_links(conn, city_id, NOW)
    with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql("ANALYZE")


def state_of(text: str | None, zone: str | None) -> str:
    """What a pattern says at the time of the test."""
    if text is None or zone is None:
        return "unknown"
    local = NOW.astimezone(ZoneInfo(zone))
    return dict(PATTERNS)[text](local.weekday(), local.hour * 60 + local.minute)


def read_reference(world: World) -> Reference:
    """Everything that decides, by plain SQL."""
    rows = world.rows(
        "SELECT f.place_id::text, f.city_id, ST_X(f.location::geometry), ST_Y(f.location::geometry), f.category_id,"
        " f.alternate_category_ids,"
        " h.opening_hours, h.time_zone FROM place_facts f JOIN active_dataset a"
        " ON a.city_id = f.city_id AND a.kind = 'places' AND a.version = f.version"
        " LEFT JOIN hours_patterns h"
        " ON (h.city_id, h.version, h.hours_no) = (f.city_id, f.version, f.hours_no) WHERE NOT f.closed"
        " ORDER BY f.place_id"
    )
    regions = world.rows(
        "SELECT region_id::text, ST_AsBinary(boundary) FROM region_facts JOIN active_dataset"
        " USING (city_id, version) WHERE active_dataset.kind = 'regions'"
    )
    parents = world.rows("SELECT category_id, parent_id FROM categories WHERE version = 2")
    ids = [row[0] for row in rows]
    return Reference(
        place_ids=ids,
        cities=np.array([row[1] for row in rows]),
        lons=np.array([row[2] for row in rows]),
        lats=np.array([row[3] for row in rows]),
        categories=[[row[4], *row[5]] for row in rows],
        states=np.array([state_of(row[6], row[7]) for row in rows]),
        parents={row[0]: row[1] for row in parents},
        regions={row[0]: shapely.from_wkb(bytes(row[1])) for row in regions},
        coupons=read_coupons(world),
        index={place_id: number for number, place_id in enumerate(ids)},
    )


def read_coupons(world: World) -> list[dict[str, Any]]:
    """Coupons that can be claimed at the time of the test, with their places and the areas of their scope in force."""
    found = []
    for row in world.rows(
        "SELECT c.coupon_id, c.coupon_id::text AS id, v.kind, v.group_price_minor FROM coupons c"
        " JOIN coupon_versions v ON v.coupon_id = c.coupon_id AND v.version = c.current_version"
        " WHERE c.state = 'published' AND v.claim_from <= :now AND :now < v.claim_until"
        " AND (SELECT sum(quota - taken) FROM coupon_stock s WHERE s.coupon_id = c.coupon_id) > 0"
        " ORDER BY c.coupon_id",
        now=NOW,
    ):
        places = world.rows("SELECT place_id::text FROM coupon_places WHERE coupon_id = :id", id=row.coupon_id)
        areas = world.rows(
            "SELECT ST_AsBinary(boundary) FROM service_area_versions WHERE state = 'published'"
            " AND effective_from <= :now AND coalesce(effective_until > :now, true) AND service_area_id IN"
            " (SELECT scope_id FROM coupon_scopes WHERE coupon_id = :id)",
            now=NOW,
            id=row.coupon_id,
        )
        found.append(
            {
                "id": row.id,
                "kind": row.kind,
                "group": row.group_price_minor is not None,
                "places": [place[0] for place in places],
                "areas": [shapely.from_wkb(bytes(area[0])) for area in areas],
            }
        )
    return found


def draw_origin(draw: random.Random, reference: Reference) -> tuple[float, float]:
    """On a place, beside one, or on the poles and the 180th meridian; seven decimals."""
    roll = draw.random()
    if roll < 0.06:
        return draw.choice(((0.0, 90.0), (77.0, 90.0), (180.0, 89.95), (0.0, -90.0), (-180.0, -89.9)))
    if roll < 0.14:
        return draw.choice((180.0, -180.0, 179.9999999, -179.99)), round(draw.gauss(-17, 0.03), 7)
    city = draw.choice((2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6, 7, 7, 8))
    number = int(draw.choice(np.flatnonzero(reference.cities == city)))
    lon, lat = float(reference.lons[number]), float(reference.lats[number])
    if roll < 0.3:
        return lon, lat
    lon = round((lon + draw.gauss(0, 0.01) + 180) % 360 - 180, 7)
    return lon, round(max(-90.0, min(90.0, lat + draw.gauss(0, 0.01))), 7)


def draw_region(draw: random.Random, reference: Reference, lon: float) -> str:
    """Mostly an area that reaches the origin's meridian, at times any."""
    every = sorted(reference.regions)
    bounds = {name: reference.regions[name].bounds for name in every}
    here = [name for name in every if bounds[name][0] - 0.2 < lon < bounds[name][2] + 0.2]
    return draw.choice(here if here and draw.random() < 0.9 else every)


def draw_radius_mm(draw: random.Random, distances: NDArray[np.float64]) -> int:
    """A radius whose edge lies on a hit, or a millimetre inside or outside of it; mostly more than twenty hits."""
    near = np.sort(distances[distances < 49_999])
    if len(near) == 0:
        return draw.randrange(1_000, 50_000_001)
    wanted = draw.randrange(1, 22) if draw.random() < 0.1 else draw.randrange(22, 220)
    edge = round(float(near[min(wanted, len(near) - 1)]) * 1000)
    return max(1_000, min(50_000_000, edge + draw.choice((-1, 0, 0, 1))))


def walk(server: HTTPConnection, path: str, query: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All items of all pages, and the total, which every page must tell alike."""
    items: list[dict[str, Any]] = []
    cursor, totals = None, []
    while cursor is not None or not totals:
        asked = query | ({"cursor": cursor} if cursor else {})
        server.request("GET", f"{path}?{urlencode(asked, doseq=True)}")
        answer = server.getresponse()
        raw = answer.read()
        assert answer.status == 200, (query, raw)
        page = json.loads(raw)
        assert len(page["items"]) <= query["limit"]
        items += page["items"]
        totals.append(page["total"])
        cursor = page["next_cursor"]
        assert cursor is None or len(page["items"]) == query["limit"]
    assert all(total == totals[0] for total in totals)
    return items, totals[0]


def compare(
    expected: list[tuple[float, str]], items: list[dict[str, Any]], id_name: str, radius_mm: int, asked: Any
) -> None:
    """Holds the walked list to the reference: same things, same order, same millimetres."""
    metres = {thing: distance for distance, thing in expected}
    order = [thing for _, thing in sorted((round(distance * 1000), thing) for distance, thing in expected)]
    got = [item[id_name] for item in items]
    assert len(set(got)) == len(got), asked
    for thing in set(got) ^ set(order):
        assert thing in metres, (asked, thing)
        assert abs(metres[thing] * 1000 - radius_mm - 0.5) < 1e-3, (asked, thing, metres[thing])
    if set(got) == set(order):
        for here, there in zip(got, order, strict=True):
            assert here == there or abs(metres[here] - metres[there]) < 0.001, (asked, here, there)
    for item in items:
        assert abs(item["distance_m"] - metres[item[id_name]]) < 0.000501, (asked, item)


def within(distances: NDArray[np.float64], radius_mm: int) -> Mask:
    """Inside by whole millimetres, the edge included."""
    found: Mask = np.rint(distances * 1000) <= radius_mm
    return found


def place_filters(draw: random.Random, reference: Reference, lon: float) -> tuple[dict[str, Any], Mask]:
    """Any combination of filters, and the places that meet them."""
    query: dict[str, Any] = {}
    kept = np.ones(len(reference.place_ids), dtype=bool)
    if draw.random() < 0.35:
        query["category"] = draw.sample(list(reference.parents), draw.choice((1, 1, 2)))
        kept &= reference.in_categories(query["category"])
    if draw.random() < 0.35:
        query["open_now"] = "true"
        accepted = ["open"]
        if draw.random() < 0.4:
            query["include_unknown"] = "true"
            accepted.append("unknown")
        kept &= np.isin(reference.states, accepted)
    if draw.random() < 0.3:
        query["has_coupon"] = "true"
        served = {place for coupon in reference.coupons for place in coupon["places"]}
        kept &= np.array([place in served for place in reference.place_ids])
    if draw.random() < 0.25:
        query["region"] = draw_region(draw, reference, lon)
        kept &= reference.in_region(query["region"])
    if not 70 < lon < 140 and draw.random() < 0.2:
        query["datum"] = draw.choice(("gcj02", "bd09"))  # outside China all datums are one
    return query, kept


def test_places_around_a_point_are_exactly_those_of_the_reference(tried: Tried) -> None:
    draw, reference = random.Random(SEED + 1), tried.reference
    many = bounded = 0
    used: dict[str, int] = {}
    for _ in range(PLACE_QUERIES):
        lon, lat = draw_origin(draw, reference)
        query, kept = place_filters(draw, reference, lon)
        distances = reference.distances_m(lon, lat)
        radius_mm = draw_radius_mm(draw, distances[kept])
        asked = {"lat": f"{lat:.7f}", "lon": f"{lon:.7f}", "radius_m": f"{radius_mm / 1000:.3f}", **query}
        items, total = walk(tried.server, "/v1/places/nearby", asked | {"limit": draw.choice((17, 50, 100, 100))})
        near = np.flatnonzero(kept & (distances * 1000 <= radius_mm + 1))
        inside = near[within(distances[near], radius_mm)]
        expected = [(float(distances[n]), reference.place_ids[n]) for n in inside]
        compare(expected, items, "place_id", radius_mm, asked)
        exact = {"value": min(len(items), 1000), "relation": "eq" if len(items) <= 1000 else "gte"}
        # Where more than four thousand rows would have to be read, a total is a lower bound.
        assert total == exact or (total["relation"] == "gte" and total["value"] <= len(items)), asked
        bounded += total != exact
        for item in items[:3]:
            assert item["hours"]["state"] == reference.states[reference.index[item["place_id"]]]
        many += len(items) > 20
        for name in query:
            used[name] = used.get(name, 0) + 1
    assert many >= 0.6 * PLACE_QUERIES, many
    assert bounded <= 0.1 * PLACE_QUERIES, bounded
    assert (
        min(used[name] for name in ("category", "open_now", "include_unknown", "has_coupon", "region"))
        > PLACE_QUERIES // 20
    ), used


def nearest_places(
    reference: Reference, coupons: list[dict[str, Any]], kept: Mask, distances: NDArray[np.float64]
) -> list[tuple[float, str, str]]:
    """Distance, coupon and the place of it, to the nearest of the kept places of each."""
    found = []
    for coupon in coupons:
        rows = [reference.index[place] for place in coupon["places"] if place in reference.index]
        there = [(round(float(distances[n]) * 1000), reference.place_ids[n], n) for n in rows if kept[n]]
        if there:
            _, place_id, number = min(there)
            found.append((float(distances[number]), coupon["id"], place_id))
    return found


def test_coupons_around_a_point_are_exactly_those_of_the_reference(tried: Tried) -> None:
    draw, reference = random.Random(SEED + 2), tried.reference
    hits = 0
    for _ in range(COUPON_QUERIES):
        lon, lat = draw_origin(draw, reference)
        query: dict[str, Any] = {}
        kept = np.ones(len(reference.place_ids), dtype=bool)
        coupons = reference.coupons
        if draw.random() < 0.3:
            query["category"] = draw.sample(list(reference.parents), 2)
            kept &= reference.in_categories(query["category"])
        if draw.random() < 0.2:
            query["region"] = draw_region(draw, reference, lon)
            kept &= reference.in_region(query["region"])
        if draw.random() < 0.3:
            query["kind"] = draw.sample(("amount_off", "percent_off", "voucher", "package", "gift"), 3)
            coupons = [coupon for coupon in coupons if coupon["kind"] in query["kind"]]
        if draw.random() < 0.2:
            query["group_deal"] = draw.choice(("true", "false"))
            coupons = [coupon for coupon in coupons if coupon["group"] == (query["group_deal"] == "true")]
        if draw.random() < 0.3:
            query["in_service_area"] = "true"
            here = shapely.Point(lon, lat)
            coupons = [coupon for coupon in coupons if any(area.covers(here) for area in coupon["areas"])]
        distances = reference.distances_m(lon, lat)
        found = nearest_places(reference, coupons, kept, distances)
        radius_mm = draw_radius_mm(draw, np.array([distance for distance, _, _ in found]))
        asked = {"lat": f"{lat:.7f}", "lon": f"{lon:.7f}", "radius_m": f"{radius_mm / 1000:.3f}", **query}
        items, total = walk(tried.server, "/v1/coupons/nearby", asked | {"limit": draw.choice((9, 50, 100))})
        expected = [(distance, thing) for distance, thing, _ in found if round(distance * 1000) <= radius_mm]
        compare(expected, items, "coupon_id", radius_mm, asked)
        assert total == {"value": len(items), "relation": "eq"}
        places = {coupon: place for _, coupon, place in found}
        assert [item["place"]["place_id"] for item in items] == [places[item["coupon_id"]] for item in items]
        hits += len(items) > 0
    assert hits >= 0.5 * COUPON_QUERIES, hits
