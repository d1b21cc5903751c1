"""Links from places to areas are what a brute force finds, through loads of either, edits and rollbacks."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

from app.core.clock import system_clock
from app.coupons.search_rows import follow_places
from app.places.actions import apply
from app.places.edits import Close, Move, Reopen
from app.places.queries_edits import Author
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
