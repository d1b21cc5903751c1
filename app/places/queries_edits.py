"""Statements of an edit: the version in force, places under a lock, their facts, corrections, hours, the pointer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, func, select, text

from app.cities import queries as cities
from app.places.facts import Facts
from app.places.opening_hours import parse_ok
from app.places.types import Category, Taxonomy
from geo.bbox import Bbox
from geo.coordinates import LonLat

MOVES_KEPT: Final = timedelta(hours=1)
_HOURS_LOCK: Final = 0x66756A68  # first half of the advisory lock under which hours get numbers; the city is the second


@dataclass(frozen=True, slots=True)
class Stated:
    """A version of a city's places, what edits need, the box of what readers see, whether search rows exist."""

    city_id: int
    version: int
    extent: Bbox | None
    categories_version: int
    brands_version: int
    time_zone: str
    calendar: str | None
    country: str | None
    searchable: bool


@dataclass(frozen=True, slots=True)
class Author:
    """Who corrects, why, by what evidence, and how long that is to hold."""

    author_id: UUID
    reason: str
    evidence: str | None = None
    expires_at: datetime | None = None


_STATED = text("""
    /* cross-city: the versions of the world's lists */
    SELECT v.version, a.extent_west, a.extent_south, a.extent_east, a.extent_north,
           c.time_zone, c.calendar, c.country_code,
           coalesce((SELECT w.version FROM active_dataset w WHERE w.city_id = 1 AND w.kind = 'categories'), 0) AS tree,
           coalesce((SELECT w.version FROM active_dataset w WHERE w.city_id = 1 AND w.kind = 'brands'), 0) AS brands,
           EXISTS (SELECT 1 FROM search_slots s WHERE s.city_id = :city AND s.version = v.version) AS searchable
    FROM cities c LEFT JOIN active_dataset a ON a.city_id = :city AND a.kind = 'places'
    CROSS JOIN LATERAL (SELECT coalesce(CAST(:version AS integer), a.version) AS version) AS v
    WHERE c.city_id = :city AND v.version IS NOT NULL
""")
_LOCK = text("""
    SELECT place_id FROM places WHERE city_id = :city AND place_id = ANY (CAST(:places AS uuid[]))
    ORDER BY place_id FOR NO KEY UPDATE
""")
_FACTS = text("""
    SELECT f.place_id, st_x(f.location::geometry) AS lon, st_y(f.location::geometry) AS lat, f.name, f.names,
           f.category_id, f.alternate_category_ids, f.brand_id, f.address, f.phone, f.website, h.opening_hours,
           coalesce(h.workday_calendar, false) AS workday_calendar, f.hours_no, f.price_level, f.attributes, f.closed,
           f.source_key, f.source_datum, f.source_lon, f.source_lat
    FROM place_facts f
    LEFT JOIN hours_patterns h ON h.city_id = :city AND h.version = :version AND h.hours_no = f.hours_no
    WHERE f.city_id = :city AND f.version = :version AND f.place_id = ANY (CAST(:places AS uuid[]))
""")
_GIVEN = """
    SELECT place_id, st_setsrid(st_makepoint(lon, lat), 4326)::geography AS location, name, names::jsonb AS names,
           category_id, ARRAY(SELECT jsonb_array_elements_text(alternates::jsonb)) AS alternate_category_ids, brand_id,
           address::jsonb AS address, phone, website, hours_no, price_level, attributes::jsonb AS attributes, closed,
           source_key, source_datum, source_lon, source_lat
    FROM unnest(CAST(:place_id AS uuid[]), CAST(:lon AS double precision[]), CAST(:lat AS double precision[]),
        CAST(:name AS text[]), CAST(:names AS text[]), CAST(:category_id AS text[]), CAST(:alternates AS text[]),
        CAST(:brand_id AS text[]), CAST(:address AS text[]), CAST(:phone AS text[]), CAST(:website AS text[]),
        CAST(:hours_no AS integer[]), CAST(:price_level AS smallint[]), CAST(:attributes AS text[]),
        CAST(:closed AS boolean[]), CAST(:source_key AS text[]), CAST(:source_datum AS text[]),
        CAST(:source_lon AS double precision[]), CAST(:source_lat AS double precision[]))
        AS g (place_id, lon, lat, name, names, category_id, alternates, brand_id, address, phone, website, hours_no,
              price_level, attributes, closed, source_key, source_datum, source_lon, source_lat)
"""
_COLUMNS = (
    "location", "name", "names", "category_id", "alternate_category_ids", "brand_id", "address", "phone", "website",
    "hours_no", "price_level", "attributes", "closed", "source_key", "source_datum", "source_lon", "source_lat",
)  # fmt: skip
_UPDATE = text(f"""
    UPDATE place_facts f SET {", ".join(f"{name} = g.{name}" for name in _COLUMNS)}
    FROM ({_GIVEN}) AS g WHERE f.city_id = :city AND f.version = :version AND f.place_id = g.place_id
""")
_INSERT = text(f"""
    INSERT INTO place_facts (city_id, version, place_id, {", ".join(_COLUMNS)})
    SELECT :city, :version, place_id, {", ".join(_COLUMNS)} FROM ({_GIVEN}) AS g
""")
_IDENTITIES = text("""
    WITH fresh AS (INSERT INTO places (city_id, place_id, created_at)
                   SELECT :city, unnest(CAST(:places AS uuid[])), :now)
    INSERT INTO place_sources (city_id, source_key, place_id)
    SELECT :city, k, p FROM unnest(CAST(:keys AS text[]), CAST(:places AS uuid[])) AS g (k, p)
""")
# Old moves of other places go; those that somebody else is removing are left to them.
_MOVES = text("""
    WITH old AS (
        DELETE FROM place_moves m USING (
            SELECT o.version, o.place_id FROM place_moves o
            WHERE o.city_id = :city AND o.moved_at < :old AND o.place_id <> ALL (CAST(:places AS uuid[]))
            LIMIT 200 FOR UPDATE SKIP LOCKED) AS o
        WHERE m.city_id = :city AND m.version = o.version AND m.place_id = o.place_id)
    INSERT INTO place_moves (city_id, version, place_id, moved_at, moved_in)
    SELECT :city, :version, p, :now, pg_current_xact_id() FROM unnest(CAST(:places AS uuid[])) AS g (p)
    ON CONFLICT (city_id, version, place_id) DO UPDATE
    SET moved_at = excluded.moved_at, moved_in = excluded.moved_in
""")
_NUMBERS = text("""
    SELECT hours_no, opening_hours, workday_calendar FROM hours_patterns
    WHERE city_id = :city AND version = :version AND time_zone = :zone AND calendar IS NOT DISTINCT FROM :calendar
      AND opening_hours = ANY (CAST(:texts AS text[]))
""")
_NEW_HOURS = text("""
    INSERT INTO hours_patterns
        (city_id, version, hours_no, opening_hours, time_zone, calendar, workday_calendar, parsed)
    SELECT :city, :version, coalesce((SELECT max(hours_no) FROM hours_patterns
                                      WHERE city_id = :city AND version = :version), 0) + n,
           hours, :zone, :calendar, workdays, parsed
    FROM unnest(CAST(:texts AS text[]), CAST(:workdays AS boolean[]), CAST(:parsed AS boolean[])) WITH ORDINALITY
         AS g (hours, workdays, parsed, n)
""")
_CHAINS = text("""
    WITH RECURSIVE up AS (
        SELECT c.category_id, c.parent_id, c.depth FROM categories c
        WHERE c.version = :tree AND c.category_id = ANY (CAST(:ids AS text[]))
        UNION
        SELECT c.category_id, c.parent_id, c.depth FROM up JOIN categories c
          ON c.version = :tree AND c.category_id = up.parent_id)
    SELECT category_id, parent_id, depth FROM up
""")
_BRANDS = text("SELECT brand_id FROM brands WHERE version = :version AND brand_id = ANY (CAST(:ids AS text[]))")
_EXTENT = text("""
    SELECT extent_west, extent_south, extent_east, extent_north FROM active_dataset
    WHERE city_id = :city AND kind = 'places' FOR UPDATE
""")
_WIDEN = text("""
    UPDATE active_dataset SET extent_west = :west, extent_south = :south, extent_east = :east, extent_north = :north
    WHERE city_id = :city AND kind = 'places'
""")
_COUNT = text(
    "UPDATE active_dataset SET row_count = row_count + :more WHERE city_id = :city AND kind = 'places' AND :more <> 0"
)


def stated(conn: Connection, city_id: int, version: int | None = None) -> Stated | None:
    """A version of a city's places, the one that readers see unless said; None without one."""
    row = conn.execute(_STATED, {"city": city_id, "version": version}).one_or_none()
    if row is None:
        return None
    return Stated(
        city_id, row.version, _box(row), row.tree, row.brands, row.time_zone, row.calendar, row.country_code,
        bool(row.searchable),
    )  # fmt: skip


def lock_places(conn: Connection, city_id: int, place_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Locks those places that exist until the transaction ends, in order of id."""
    rows = conn.execute(_LOCK, {"city": city_id, "places": list(place_ids)})
    return frozenset(rows.scalars())


def facts_of(conn: Connection, city_id: int, version: int, place_ids: Iterable[UUID]) -> dict[UUID, Facts]:
    """What a version states about some places."""
    rows = conn.execute(_FACTS, {"city": city_id, "version": version, "places": list(place_ids)})
    return {
        row[0]: Facts(row[0], LonLat(row[1], row[2]), row[3], row[4], row[5], tuple(row[6]), *row[7:]) for row in rows
    }


def update_facts(conn: Connection, place: Stated, facts: Sequence[Facts]) -> None:
    """Writes what is known now of places that the version states."""
    if facts:
        conn.execute(_UPDATE, _given(place, facts))


def insert_places(conn: Connection, place: Stated, facts: Sequence[Facts], now: datetime) -> None:
    """Adds places that no load brought."""
    if facts:
        ids, keys = [one.place_id for one in facts], [one.source_key for one in facts]
        conn.execute(_IDENTITIES, {"city": place.city_id, "places": ids, "keys": keys, "now": now})
        conn.execute(_INSERT, _given(place, facts))


def note_moves(conn: Connection, place: Stated, place_ids: Sequence[UUID], now: datetime) -> None:
    """Lets pages of searches that began before leave out places that moved or closed."""
    if place_ids:
        values = {"city": place.city_id, "version": place.version, "places": list(place_ids)}
        conn.execute(_MOVES, values | {"now": now, "old": now - MOVES_KEPT})


def number_hours(
    conn: Connection, place: Stated, wanted: Iterable[tuple[str, bool]]
) -> tuple[dict[tuple[str, bool], int], bool]:
    """Numbers of opening hours (text, workday calendar) in the version, and whether any of them is new there."""
    pairs = sorted(set(wanted))
    values: dict[str, Any] = {
        "city": place.city_id,
        "version": place.version,
        "zone": place.time_zone,
        "calendar": place.calendar,
        "texts": [hours for hours, _ in pairs],
    }
    found = _numbers(conn, values)
    if not set(pairs) - found.keys():
        return found, False
    conn.execute(select(func.pg_advisory_xact_lock(_HOURS_LOCK, place.city_id)))
    missing = sorted(set(pairs) - _numbers(conn, values).keys())
    if missing:
        texts = [hours for hours, _ in missing]
        more = {"workdays": [flag for _, flag in missing], "parsed": [parse_ok(hours) for hours in texts]}
        conn.execute(_NEW_HOURS, values | {"texts": texts} | more)
    return _numbers(conn, values), bool(missing)


def chains_of(conn: Connection, version: int, category_ids: Iterable[str]) -> Taxonomy:
    """The part of a version's tree that leads down to some categories; without names."""
    rows = conn.execute(_CHAINS, {"tree": version, "ids": sorted(set(category_ids))})
    return Taxonomy(version, {row[0]: Category(row[0], row[1], {}, row[2]) for row in rows}, {})


def known_brands(conn: Connection, version: int, brand_ids: Iterable[str]) -> frozenset[str]:
    """Those of the brands that a version has."""
    wanted = sorted(set(brand_ids))
    if not wanted:
        return frozenset()
    return frozenset(conn.execute(_BRANDS, {"version": version, "ids": wanted}).scalars())


def count_live(conn: Connection, city_id: int, more: int) -> None:
    """Makes the pointer count so many live places more, or less."""
    if more:
        conn.execute(_COUNT, {"city": city_id, "more": more})


def widen_extent(conn: Connection, city_id: int, points: Sequence[LonLat]) -> bool:
    """Makes the city's box hold some places, over 180° when that is narrower; True when it did not hold them yet."""
    box = _box(conn.execute(_EXTENT, {"city": city_id}).one())
    if box is not None and all(box.contains(point) for point in points):
        return False
    here = Bbox.of_points(points)
    wide = here if box is None else box.union(here)
    sides = {"west": wide.west, "south": wide.south, "east": wide.east, "north": wide.north}
    conn.execute(_WIDEN, {"city": city_id, **sides})
    return True


def tell_readers(conn: Connection) -> None:
    """Lets every reader read the pointer and the hours again."""
    cities.next_epoch(conn)


def _numbers(conn: Connection, values: Mapping[str, Any]) -> dict[tuple[str, bool], int]:
    rows = conn.execute(_NUMBERS, dict(values))
    return {(row.opening_hours, row.workday_calendar): row.hours_no for row in rows}


def _box(row: Any) -> Bbox | None:
    if row.extent_west is None:
        return None
    return Bbox(row.extent_west, row.extent_south, row.extent_east, row.extent_north)


def _given(place: Stated, facts: Sequence[Facts]) -> dict[str, Any]:
    return {
        "city": place.city_id,
        "version": place.version,
        "place_id": [one.place_id for one in facts],
        "lon": [one.location.lon for one in facts],
        "lat": [one.location.lat for one in facts],
        "name": [one.name for one in facts],
        "names": [json.dumps(dict(one.names)) for one in facts],
        "category_id": [one.category_id for one in facts],
        "alternates": [json.dumps(one.alternate_category_ids) for one in facts],
        "brand_id": [one.brand_id for one in facts],
        "address": [json.dumps(dict(one.address)) for one in facts],
        "phone": [one.phone for one in facts],
        "website": [one.website for one in facts],
        "hours_no": [one.hours_no for one in facts],
        "price_level": [one.price_level for one in facts],
        "attributes": [json.dumps(dict(one.attributes)) for one in facts],
        "closed": [one.closed for one in facts],
        "source_key": [one.source_key for one in facts],
        "source_datum": [one.source_datum for one in facts],
        "source_lon": [one.source_lon for one in facts],
        "source_lat": [one.source_lat for one in facts],
    }
