"""How long conflation takes over a whole city, over its next release and over a change of source.

Places get names and categories of the seeds' places, every other one with a word of its own, at points around a centre
(half within 3 km of it, the others within 30 km). One in a hundred stands there twice, some metres apart and written
otherwise. ``first`` is a version with nothing to compare to; ``next`` the same places, one in a hundred elsewhere;
``other`` another source with keys of its own for nine in ten of them. In a database of its own. Run with
``./dev bench conflation``; ``--places 100000`` is shorter.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from app.cities.queries import territory_by_id, world_versions
from app.core.ids import new_city_id
from app.imports.conflation import actions, merging, queries
from app.imports.staging import Target
from bench.campaign_api import own_database
from tests.factories.worlds import NOW, World

CITY: Final = 2
FACTS: Final = """
    INSERT INTO place_facts (city_id, version, place_id, location, name, names, category_id, alternate_category_ids,
                             address, attributes, closed, source_key, source_datum, source_lon, source_lat)
"""
REST: Final = "'{}'::text[], '{}'::jsonb, '{}'::jsonb, false"
FIRST: Final = f"""
    WITH drawn AS MATERIALIZED (
        SELECT n, floor(random() * :kinds)::integer AS kind, random() * 2 * pi() AS a,
               CASE WHEN random() < 0.5 THEN 3000 ELSE 30000 END * sqrt(random()) AS d
        FROM generate_series(1, :places) AS n),
    named AS MATERIALIZED (
        SELECT n, k.category_id, 120.2 + g.d * cos(g.a) / 96000 AS lon, 30.2 + g.d * sin(g.a) / 111000 AS lat,
               k.names || CASE WHEN n % 2 = 0 THEN '' ELSE ' ' || substr(md5(n::text), 1, 5) END AS name
        FROM drawn g JOIN kinds k ON k.kind = g.kind)
    {FACTS}
    SELECT :city, 1, md5('a' || n)::uuid, st_setsrid(st_makepoint(lon, lat), 4326)::geography, name,
           jsonb_build_object('local', name), category_id, {REST}, 'one:' || n, 'wgs84', lon, lat
    FROM named
    UNION ALL
    SELECT :city, 1, md5('b' || n)::uuid, st_setsrid(st_makepoint(lon + 0.0001, lat), 4326)::geography, upper(name),
           jsonb_build_object('local', upper(name)), category_id, {REST}, 'two:' || n, 'wgs84', lon + 0.0001, lat
    FROM named WHERE n % 100 = 0
"""
AGAIN: Final = f"""
    {FACTS}
    SELECT city_id, :version, CASE WHEN n % :other = 0 THEN place_id ELSE md5('c' || n)::uuid END,
           st_setsrid(st_makepoint(lon, source_lat), 4326)::geography, name, names, category_id, {REST},
           CASE WHEN n % :other = 0 THEN source_key ELSE 'other:' || n END, 'wgs84', lon, source_lat
    FROM (SELECT f.*, source_lon + CASE WHEN n % :moved = 0 THEN 0.00005 ELSE 0 END AS lon
          FROM (SELECT *, row_number() OVER (ORDER BY place_id) AS n FROM place_facts
                WHERE city_id = :city AND version = 1) AS f) AS f
"""
IDENTITIES: Final = (
    "INSERT INTO places (city_id, place_id, created_at) SELECT city_id, place_id, :now FROM place_facts"
    " WHERE city_id = :city AND version = :version ON CONFLICT DO NOTHING",
    "INSERT INTO place_sources (city_id, source_key, place_id) SELECT city_id, source_key, place_id FROM place_facts"
    " WHERE city_id = :city AND version = :version ON CONFLICT DO NOTHING",
    "ANALYZE place_facts",
)
CASES: Final = (
    ("first", FIRST, {}),
    ("next", AGAIN, {"other": 1, "moved": 100}),
    ("other", AGAIN, {"other": 10, "moved": 1}),
)


def main() -> None:
    """Prints a line a case."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--places", type=int, default=1_000_000)
    wanted = parser.parse_args().places
    with own_database(os.environ["DATABASE_OWNER_URL"]) as url:
        engine = sa.create_engine(url)
        rows = _prepared(World(engine))
        with engine.connect() as conn:
            for version, (name, statement, more) in enumerate(CASES, start=1):
                values = {"city": CITY, "places": wanted, "kinds": rows, "version": version, "now": NOW} | more
                print(f"{name}: {_case(conn, statement, values)}", flush=True)
                conn.commit()
        engine.dispose()


def _prepared(world: World) -> int:
    world.basics()
    world.city(CITY, "city-2", lon=120.2, lat=30.2)
    for version in (1, 2, 3):
        world.dataset(CITY, "places", version)
        world.run("UPDATE datasets SET state = 'retired', activated_at = created_at WHERE kind = 'places'", {})
    found = []
    for path in sorted(Path("seeds").glob("*/places.geojsonl.gz")):
        with gzip.open(path, "rt") as lines:
            for line in lines:
                given = json.loads(line)["properties"]
                found.append({"kind": len(found), "names": given["name"], "category_id": given["category_id"]})
    world.run("ALTER TABLE place_facts DROP CONSTRAINT place_facts_place_fk", {})
    world.run("CREATE TABLE kinds (kind integer, names text, category_id text)", {})
    world.run("INSERT INTO kinds VALUES (:kind, :names, :category_id)", found)
    return len(found)


def _case(conn: sa.Connection, statement: str, values: dict[str, Any]) -> str:
    began = time.perf_counter()
    for each in (statement, *IDENTITIES):
        conn.execute(sa.text(each), values)
    stored = time.perf_counter() - began
    territory, version = territory_by_id(conn, CITY), values["version"]
    assert territory is not None
    target = Target(territory, version, NOW, lambda city_id, _key: new_city_id(city_id), world_versions(conn))
    found = actions.run(conn, target)
    if version == 1:
        pointer = (
            "INSERT INTO active_dataset (city_id, kind, version, row_count, activated_at)"
            " VALUES (:city, 'places', 1, 0, :now)"
        )
        conn.execute(sa.text(pointer), values)
        plans = [merging.Merge(*plan) for plan in queries.planned(conn, CITY, 1)]
        merging.merge(conn, CITY, 1, plans, "a load", None, NOW)
    told = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in found.seconds.items())
    return (
        f"{values['places']:,} places stored in {stored:.1f} s; {found.candidates:,} candidates, {found.merged:,}"
        f" merged, {found.bridged:,} keep the id of another source, {found.asked:,} asked; {told}"
    )


if __name__ == "__main__":
    main()
