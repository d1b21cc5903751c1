"""Lookups of a point in 200,000 service areas: the application's, a bare probe of boxes, and shapely's tree in memory.

Areas of one synthetic city, crowded in its middle, of 8 to 2,000 points (most have few), some with holes. The same
points are asked over one connection: which boxes hold the point (the limit that no shape test can beat), which shapes
do, all of them and the first fifty, prepared; the application's whole statement, with the places' state, kinds and
times; and shapely's STRtree in this process. Before the clock starts the application's answers are held to the
tree's. Goal: at least 0.55 of the bare probe, p99 at most 5 ms in the dense core. Run with ``./dev bench geofence
--lookups``; ``--areas 20000`` is shorter.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa

from app.core.ids import new_city_id, new_id
from app.service_areas.queries import Asked, areas_at
from bench.campaign_api import own_database
from geo.coordinates import LonLat

CITY, VERSION = 101, 1
LON, LAT = 120.16, 30.25
NOW = datetime(2026, 11, 26, tzinfo=UTC)
DEGREE_M = 111_195.0


@dataclass(frozen=True)
class Drawn:
    """The areas, the merchants' ids of them, and points: crowded ones and ones anywhere."""

    shapes: list[shapely.Geometry]
    ids: list[str]
    core: list[LonLat]
    anywhere: list[LonLat]


def draw(count: int, points: int, seed: int) -> Drawn:
    """Stars of 8 to 2,000 corners, 300 m to 3 km wide, three quarters of them near the middle."""
    chance = np.random.default_rng(seed)
    shapes: list[shapely.Geometry] = []
    wide = chance.random(count) < 0.25
    spread = np.where(wide, 0.25, 0.06)
    xs, ys = LON + chance.normal(0, spread), LAT + chance.normal(0, spread)
    corners = np.select(
        [chance.random(count) < 0.9, chance.random(count) < 0.9],
        [chance.integers(8, 64, count), chance.integers(64, 500, count)],
        chance.integers(500, 1990, count),
    )
    radii = np.exp(chance.uniform(np.log(150), np.log(1500), count)) / DEGREE_M
    for x, y, n, radius in zip(xs, ys, corners, radii, strict=True):
        angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
        reach = radius * (0.75 + 0.25 * chance.random(n))
        shell = np.round(np.column_stack([x + reach * np.cos(angles), y + reach * np.sin(angles)]), 7)
        hole = [np.round(np.array([x, y]) + radius * 0.1 * np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]), 7)]
        shapes.append(shapely.Polygon(shell, hole if n % 3 == 0 else []))
    core = chance.normal((LON, LAT), 0.03, (points, 2)).tolist()
    anywhere = chance.uniform((LON - 0.6, LAT - 0.6), (LON + 0.6, LAT + 0.6), (points, 2)).tolist()
    near, all_over = ([LonLat(*xy).rounded() for xy in some] for some in (core, anywhere))
    return Drawn(shapes, [str(new_city_id(CITY)) for _ in shapes], near, all_over)


BEFORE = (
    "INSERT INTO currencies VALUES ('CNY', 2) ON CONFLICT DO NOTHING",
    "INSERT INTO cities (city_id, slug, kind, names, default_language, country_code, time_zone, currency, calendar,"
    " centre_lon, centre_lat, zoom, created_at) VALUES (:c, 'geofence', 'city', '{}', 'en', 'CN', 'Asia/Shanghai',"
    " 'CNY', NULL, 120.16, 30.25, 12, :now)",
    "INSERT INTO datasets (city_id, dataset_id, kind, version, state, source_name, source_sha256, licence, attribution,"
    " rows_declared, rows_stored, rows_refused, created_at) VALUES (:c, :id, 'places', 1, 'active', 'bench', '\\x00',"
    " 'CC0-1.0', 'bench', 0, 0, 0, :now)",
    "INSERT INTO active_dataset (city_id, kind, version, row_count, activated_at) VALUES (:c, 'places', 1, 0, :now)",
    "INSERT INTO merchants VALUES (:m, '{}', 'active', :c, :now)",
)
FACTS = (
    "city_id, version, place_id, location, name, names, category_id, alternate_category_ids, address, attributes,"
    " closed, source_key, source_datum, source_lon, source_lat"
)
VERSIONS = (
    "city_id, service_area_id, version, state, names, boundary, area_m2, priority, currency, fee_minor,"
    " min_order_minor, effective_from, created_at"
)


def plant(engine: sa.Engine, drawn: Drawn) -> None:
    """A city of one version, a place for every four areas, and the areas, by COPY."""
    places = [str(new_city_id(CITY)) for _ in range(max(1, len(drawn.shapes) // 4))]
    merchant, stamp, since = new_id(), NOW.isoformat(), (NOW - timedelta(days=1)).isoformat()
    given = {"c": CITY, "now": NOW, "id": new_city_id(CITY), "m": merchant}
    with engine.begin() as conn:
        for statement in BEFORE:
            words = sa.text(statement)
            conn.execute(words, {name: given[name] for name in words.compile().params})
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()

        def copy(table: str, columns: str, rows: Iterable[Sequence[object]]) -> None:
            lines = "\n".join("\t".join(map(str, row)) for row in rows)
            cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN", io.StringIO(lines + "\n"))

        copy("places", "city_id, place_id, created_at", ((CITY, place, stamp) for place in places))
        spot = f"SRID=4326;POINT({LON} {LAT})"
        facts = ("x", "{}", "food", "{}", "{}", "{}", "f")
        copy("place_facts", FACTS, ((CITY, 1, one, spot, *facts, one, "wgs84", LON, LAT) for one in places))
        copy(
            "service_areas",
            "city_id, service_area_id, place_id, merchant_id, external_id, kind, created_at",
            (
                (CITY, area, places[n % len(places)], merchant, area, ("delivery", "pickup")[n % 2], stamp)
                for n, area in enumerate(drawn.ids)
            ),
        )
        # The shapes are good as they are made, and an index is built faster over what is there.
        cursor.execute("ALTER TABLE service_area_versions DROP CONSTRAINT service_area_versions_boundary_ck")
        cursor.execute("SELECT pg_get_indexdef('service_area_versions_boundary_ix'::regclass)")
        (index,) = cursor.fetchone() or ("",)
        cursor.execute("DROP INDEX service_area_versions_boundary_ix")
        names = json.dumps({"en": "Delivery"})
        for at in range(0, len(drawn.ids), 5000):
            some = zip(drawn.ids[at : at + 5000], drawn.shapes[at : at + 5000], strict=True)
            copy(
                "service_area_versions",
                VERSIONS,
                (
                    (CITY, area, 1, "published", names, hexed(shape), shape.area * 1e10, 0, "CNY", 500, 0, since, stamp)
                    for area, shape in some
                ),
            )
        cursor.execute(index)
        raw.commit()
        raw.driver_connection.set_session(autocommit=True)  # type: ignore[union-attr]
        cursor.execute("VACUUM ANALYZE service_area_versions, service_areas, place_facts")
        raw.driver_connection.set_session(autocommit=False)  # type: ignore[union-attr]
    finally:
        raw.close()


def hexed(shape: shapely.Geometry) -> str:
    """A polygon as the database reads it."""
    return str(shapely.to_wkb(shapely.set_srid(shapely.MultiPolygon([shape]), 4326), hex=True, include_srid=True))


PACKED, AREA_BYTES = "the application's", 67


@dataclass(frozen=True)
class Measured:
    """Seconds of one question at each point, in order, and how many areas an answer had, in the middle."""

    times: Sequence[float]
    areas: float

    @property
    def rate(self) -> float:
        """Lookups a second."""
        return len(self.times) / sum(self.times)

    def at_ms(self, share: float) -> float:
        """Milliseconds that this share of the lookups stays within."""
        return self.times[int(len(self.times) * share)] * 1000


HERE = "city_id = $1 AND state = 'published'"
POINT = "st_setsrid(st_makepoint($2, $3), 4326)"
PREPARED = {
    "boxes": f"SELECT service_area_id FROM service_area_versions WHERE {HERE} AND boundary && {POINT}",
    "shapes": f"SELECT service_area_id FROM service_area_versions WHERE {HERE} AND st_covers(boundary, {POINT})",
    "boxes, 50": f"SELECT service_area_id FROM service_area_versions WHERE {HERE} AND boundary && {POINT} LIMIT 50",
    "shapes, 50": (
        f"SELECT service_area_id FROM service_area_versions WHERE {HERE} AND st_covers(boundary, {POINT}) LIMIT 50"
    ),
    PACKED: (
        "SELECT areas FROM areas_packed($1, 1, ARRAY[0], ARRAY[$2], ARRAY[$3], ARRAY['2026-11-26Z'::timestamptz], NULL,"
        " 5000)"
    ),
}


def measure(asks: Mapping[str, Callable[[LonLat], int]], points: Sequence[LonLat]) -> dict[str, Measured]:
    """Asks every question at each point in turn, so that whatever else the machine does falls on all of them alike."""
    for point in points[: len(points) // 10]:
        for ask in asks.values():
            ask(point)
    times: dict[str, list[float]] = {name: [] for name in asks}
    found: dict[str, list[int]] = {name: [] for name in asks}
    for point in points:
        for name, ask in asks.items():
            begun = time.perf_counter()
            found[name].append(ask(point))
            times[name].append(time.perf_counter() - begun)
    return {name: Measured(sorted(times[name]), statistics.median(found[name])) for name in asks}


def main(arguments: Sequence[str] | None = None) -> int:
    """Plants, compares, measures, prints; 1 where an answer is wrong or a goal is missed."""
    parser = argparse.ArgumentParser(prog="./dev bench geofence", description=__doc__)
    parser.add_argument("--areas", type=int, default=200_000)
    parser.add_argument("--points", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20261126)
    options = parser.parse_args(arguments)
    drawn = draw(options.areas, options.points, options.seed)
    print(f"{options.areas:,} areas, {sum(map(shapely.get_num_coordinates, drawn.shapes)):,} points", flush=True)
    with own_database(os.environ["DATABASE_OWNER_URL"]) as url:
        engine = sa.create_engine(url)
        begun = time.perf_counter()
        plant(engine, drawn)
        print(f"planted in {time.perf_counter() - begun:.0f} s", flush=True)
        wrong = compare_and_measure(engine, drawn)
        engine.dispose()
    return 1 if wrong else 0


def compare_and_measure(engine: sa.Engine, drawn: Drawn) -> bool:
    """True when an answer differs from the tree's or a goal is missed."""
    tree, failed = shapely.STRtree(drawn.shapes), False
    rows: list[tuple[Any, ...]] = []
    with engine.connect() as conn:
        cursor = conn.connection.cursor()
        for name, statement in PREPARED.items():
            cursor.execute(f'PREPARE "{name}" (integer, float8, float8) AS {statement}')

        def prepared(name: str) -> Callable[[LonLat], int]:
            words = f'EXECUTE "{name}" (%s, %s, %s)'

            def ask(point: LonLat) -> int:
                cursor.execute(words, (CITY, point.lon, point.lat))
                found = cursor.fetchall()
                return len(found) if name != PACKED else sum(len(areas) // AREA_BYTES for (areas,) in found)

            return ask

        def application(point: LonLat) -> int:
            return len(areas_at(conn, CITY, VERSION, [Asked(0, point, NOW)], None)[0])

        def memory(point: LonLat) -> int:
            return len(tree.query(shapely.Point(*point.xy), predicate="intersects"))

        quarter = len(drawn.core) // 4
        for point in (*drawn.core[:quarter], *drawn.anywhere[:quarter]):
            areas = areas_at(conn, CITY, VERSION, [Asked(0, point, NOW)], None)[0]
            found = {str(each.service_area_id) for each in areas}
            held = {drawn.ids[n] for n in tree.query(shapely.Point(*point.xy), predicate="intersects")}
            if found != held:
                print(f"at {point} the application finds {len(found)}, the tree {len(held)}")
                failed = True
        asks = {name: prepared(name) for name in PREPARED} | {"the same in Python": application, "STRtree": memory}
        for where, points in (("dense core", drawn.core), ("anywhere", drawn.anywhere)):
            measured = measure(asks, points)
            for name, seen in measured.items():
                share = seen.rate / measured["boxes, 50" if name == "shapes, 50" else "boxes"].rate
                rows.append(
                    (
                        *(where, name, f"{seen.rate:,.0f}", f"{share:.2f}"),
                        *(f"{seen.at_ms(0.5):.2f}", f"{seen.at_ms(0.99):.2f}", f"{seen.areas:.0f}"),
                    )
                )
                if name == PACKED and where == "dense core":
                    failed |= share < 0.55 or seen.at_ms(0.99) > 5.0
    print("| where | question | lookups/s | of boxes | p50 ms | p99 ms | areas |\n|---|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    return failed
