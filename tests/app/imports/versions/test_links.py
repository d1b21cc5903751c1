"""Links from places to areas are what a brute force finds, through loads of either, edits and rollbacks."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

from app.core.clock import system_clock
from app.coupons.search_rows import follow_places
from app.discovery.caches import Caches
from app.discovery.queries_explain import filter_facts
from app.places.actions import apply
from app.places.edits import Close, Move, Reopen
from app.places.queries_edits import Author
from app.places.queries_links import active_pair
from geo.coordinates import LonLat
from tests.app.imports.loadfiles import CITY, place, region
from tests.factories.loads import Town

AUTHOR = Author(UUID(int=1), "checked on the spot")
LINKED = """
    SELECT l.place_id, l.region_id, l.fringe FROM place_regions l
    JOIN active_dataset p ON (p.city_id, p.kind, p.version) = (l.city_id, 'places', l.places_version)
    JOIN active_dataset r ON (r.city_id, r.kind, r.version) = (l.city_id, 'regions', l.regions_version)
    WHERE l.city_id = 7 ORDER BY 1, 2
"""
# Every place against every area, by the planar test and the distance on the sphere.
BRUTE = """
    SELECT f.place_id, r.region_id, NOT st_covers(r.boundary, f.location::geometry) AS fringe
    FROM place_facts f JOIN active_dataset p ON (p.city_id, p.kind, p.version) = (f.city_id, 'places', f.version)
    JOIN region_facts r ON r.city_id = f.city_id
    JOIN active_dataset a ON (a.city_id, a.kind, a.version) = (r.city_id, 'regions', r.version)
    WHERE f.city_id = 7 AND NOT f.closed AND (st_covers(r.boundary, f.location::geometry)
        OR r.extend_m > 0 AND st_distance(f.location, r.boundary::geography, false) <= r.extend_m)
    ORDER BY 1, 2
"""


def square(west: float, south: float, east: float, north: float) -> list[list[float]]:
    """A ring."""
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def areas(draw: random.Random) -> list[dict[str, Any]]:
    """Four squares that share borders, one wide strip whose long edges bend on a sphere, some with a fringe."""
    made = [
        region(f"q{x}{y}", square(179.6 + x / 10, -17.2 + y / 10, 179.7 + x / 10, -17.1 + y / 10),
               extend_m=draw.choice([0, 800, 5000]))
        for x in range(2) for y in range(2)
    ]  # fmt: skip
    return [*made, region("wide", square(176.0, -18.5, 179.99, -17.05), region_code="wide")]


def spots(draw: random.Random) -> list[dict[str, Any]]:
    """Places in and around the squares, on borders and corners, and under the bend of the strip's upper edge."""
    on_border = [("b1", 179.7, -17.15), ("b2", 179.7, -17.1), ("b3", 179.6, -17.2), ("b4", 179.9, -17.05)]
    inside = [(f"p{n}", 179.5 + draw.randrange(400) / 1000, -17.3 + draw.randrange(340) / 1000) for n in range(120)]
    return [place(key, lon, lat) for key, lon, lat in (*on_border, *inside, ("bend", 178.0, -17.0502))]


def test_links_are_those_of_a_brute_force_through_everything(town: Town) -> None:
    draw = random.Random(5)

    def same() -> int:
        linked, brute = town.rows(LINKED), town.rows(BRUTE)
        assert linked == brute
        return len(linked)

    town.shown(areas(draw), kind="regions")
    town.shown(spots(draw))
    assert same() > 40
    assert {row.fringe for row in town.rows(LINKED)} == {True, False}
    staged = town.loaded(areas(draw), kind="regions")
    known = [
        row[0] for row in town.rows("SELECT place_id FROM place_facts WHERE city_id = 7 AND NOT closed ORDER BY 1")
    ]
    for change in (
        Move(known[0], LonLat(179.65, -17.15)),
        Move(known[1], LonLat(179.7, -17.1)),
        Close(known[2]),
        Close(known[3]),
        Reopen(known[3]),
    ):
        with town.owner.begin() as conn:
            apply(conn, CITY, [change], AUTHOR, system_clock(), follow=follow_places)
    same()
    where = f"/v1/datasets/town/regions/versions/{staged['version']}"
    town.post(f"{where}/approve", {"note": "drawn anew"}, by=(town.second, "operator"))
    asked = town.post(f"{where}/activate", {"note": "drawn anew"})
    assert asked.status_code == 202, asked.get_json()
    town.work()
    assert town.version(staged["version"], "regions")["active"]
    same()
    town.post("/v1/datasets/town/regions/rollback", {"note": "back"})
    town.work()
    same()
    town.shown([*spots(draw), place("more", 179.65, -17.15)])
    same()


IN_AREA = """
    SELECT f.place_id FROM place_facts f
    JOIN active_dataset p ON (p.city_id, p.kind, p.version) = (f.city_id, 'places', f.version)
    JOIN region_facts r ON r.city_id = f.city_id
    JOIN active_dataset a ON (a.city_id, a.kind, a.version) = (r.city_id, 'regions', r.version)
    WHERE f.city_id = 7 AND NOT f.closed AND st_distance(f.location, 'POINT(179.7 -17.1)', false) <= 50000
      AND r.region_id = ANY (:areas) AND (st_covers(r.boundary, f.location::geometry)
        OR :fringe AND st_distance(f.location, r.boundary::geography, false) <= r.extend_m)
"""


def found(town: Town, path: str, region: Any, **more: str) -> set[UUID]:
    """Places of a search, all pages."""
    asked = {"region": region, "limit": 50, **more}
    if "search" not in path:
        asked |= {"lat": -17.1, "lon": 179.7, "radius_m": 50_000}
    told, cursor = set(), None
    while True:
        answer = town.app.test_client().get(path, query_string=asked | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.get_json()
        page = answer.get_json()
        told |= {UUID(item["place_id"]) for item in page["items"]}
        if (cursor := page["next_cursor"]) is None:
            return told


def split(areas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same areas with the first in two halves of other fringes that followed it."""
    first, rest = areas[0], areas[1:]
    west, south, east, north = 179.6, -17.2, 179.7, -17.1
    middle, key = (west + east) / 2, first["properties"]["source_key"]
    return [
        region("h1", square(west, south, middle, north), extend_m=2500, successor_of=[key]),
        region("h2", square(middle, south, east, north), extend_m=0, successor_of=[key]),
        *rest,
    ]


def test_searches_kept_to_an_area_follow_links_fringes_and_successors(town: Town) -> None:
    draw = random.Random(5)
    drawn = areas(draw)
    for each in drawn[:4]:
        each["properties"]["extend_m"] = draw.choice([1500, 4000])
    town.shown(drawn, kind="regions")
    town.shown([*spots(draw), place("latest", 179.61, -17.19)])
    first = town.rows("SELECT region_id FROM region_sources WHERE city_id = 7 AND source_key = 'q00'")[0][0]
    all_areas = town.rows("SELECT region_id FROM region_sources WHERE source_key LIKE 'q%' ORDER BY source_key")

    def brute(areas: list[UUID], fringe: bool) -> set[UUID]:
        return {row.place_id for row in town.rows(IN_AREA, areas=areas, fringe=fringe)}

    for path in ("/v1/places/nearby", "/v1/places/search"):
        for (area,) in all_areas:
            inside, wider = brute([area], False), brute([area], True)
            assert found(town, path, area) == inside, path
            assert found(town, path, area, include_fringe="true") == wider, path
            assert inside < wider
    town.shown(split(drawn), kind="regions")
    halves = [row[0] for row in town.rows("SELECT region_id FROM region_sources WHERE source_key IN ('h1', 'h2')")]
    inside, wider = brute(halves, False), brute(halves, True)
    assert inside < wider < brute([first], True) | wider | set(known(town))
    for path in ("/v1/places/nearby", "/v1/places/search"):
        assert (found(town, path, first), found(town, path, first, include_fringe="true")) == (inside, wider), path
    assert explained(town, first) == wider
    followed = town.app.test_client().get(f"/v1/regions/{first}").get_json()
    assert {UUID(each["region_id"]) for each in followed["successors"]} == {*halves}
    assert followed["region_id"] == str(first)
    counted = town.app.test_client().get(
        "/v1/places/nearby", query_string={"lat": -17.1, "lon": 179.7, "radius_m": 50_000, "facets": "district"}
    )
    districts = {UUID(each["key"]): each["count"] for each in counted.get_json()["facets"]["district"]}
    assert {area: districts[area] for area in halves} == {area: len(brute([area], False)) for area in halves}


def explained(town: Town, area: UUID) -> set[UUID]:
    """Live places of which an explanation says that they lie in an area or its fringe."""
    with town.owner.connect() as conn:
        places, regions = active_pair(conn, CITY)
        assert places is not None
        assert regions is not None
        facts = filter_facts(conn, CITY, places, known(town), Caches().region(conn, CITY, regions, area, True))
    return {place_id for place_id, each in facts.items() if each.in_region}


def known(town: Town) -> list[UUID]:
    """Live places that readers see."""
    return [row[0] for row in town.rows("SELECT place_id FROM place_facts WHERE city_id = 7 AND NOT closed")]


def test_where_links_are_not_worked_out_the_outline_decides_and_a_fringe_is_refused(town: Town) -> None:
    region_id = town.rows("SELECT region_id FROM region_sources WHERE source_key = 'q11'")[0][0]
    by_links = found(town, "/v1/places/nearby", region_id)
    town.run("UPDATE region_link_sets SET regions_version = regions_version + 1000")
    town.app.extensions.pop("fujin.discovery")  # another process, which has seen none
    try:
        asked = {"region": region_id, "lat": -17.1, "lon": 179.7, "include_fringe": "true"}
        answer = town.app.test_client().get("/v1/places/nearby", query_string=asked)
        assert (answer.status_code, answer.get_json()["code"]) == (503, "search-rows-missing")
        assert found(town, "/v1/places/nearby", region_id) == by_links
    finally:
        town.run("UPDATE region_link_sets SET regions_version = regions_version - 1000")
