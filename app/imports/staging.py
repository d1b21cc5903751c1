"""Places that wait into a version that nobody sees yet, by statements over a part of the file at a time.

Known source keys keep their ids, each distinct way of being open becomes one row of hours_patterns, and places that
people opened by hand come along from the version that readers see. What a part needs of the parts before it is looked
up row by row through indexes: the planner knows nothing of rows that the same transaction brought.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, text

from app.imports.queries import refresh_statistics
from app.imports.tally import Tally as Tally
from app.imports.tally import Target as Target
from app.imports.tally import batches as batches
from app.imports.types import RowFault
from app.places.edits import OWN_KEY
from app.places.queries_edits import Stated
from app.places.tables import place_sources
from geo.coordinates import LonLat

PLACE_FACTS: Final = (
    "city_id", "version", "place_id", "location", "name", "names", "category_id", "alternate_category_ids", "brand_id",
    "address", "phone", "website", "hours_no", "price_level", "attributes", "closed", "source_key", "source_datum",
    "source_lon", "source_lat",
)  # fmt: skip
HOURS: Final = (
    "city_id", "version", "hours_no", "opening_hours", "time_zone", "calendar", "workday_calendar", "parsed",
)  # fmt: skip
SHOWN: Final = 10_000

# A part of the file: rows s with numbers in (after, upto].
_PART: Final = "s.city_id = :city AND s.version = :version AND s.row_no > :after AND s.row_no <= :upto"
# The place k that a row's key means, if the key is known: its own, also where that was merged into another.
KNOWN: Final = """
    CROSS JOIN LATERAL (
        SELECT coalesce(p.merged_from, p.place_id) AS place_id FROM place_sources p
        WHERE p.city_id = :city AND p.source_key = s.source_key OFFSET 0) AS k
"""
# Rows whose place an earlier part of the file had; f is what that said.
_BEFORE: Final = f"""
    SELECT s.row_no FROM place_staging s {KNOWN}
    CROSS JOIN LATERAL (
        SELECT f.source_key FROM place_facts f
        WHERE f.city_id = :city AND f.version = :version AND f.place_id = k.place_id OFFSET 0) AS f
    WHERE {_PART}
"""
# Rows whose key, or whose place, an earlier row has: two keys mean one place where somebody merged them by hand.
_AGAIN_KEYS: Final = f"""
    SELECT g.row_no FROM (
        SELECT s.row_no, row_number() OVER (PARTITION BY s.source_key ORDER BY s.row_no) AS nth
        FROM place_staging s
        WHERE {_PART} AND s.source_key IN (
            SELECT s.source_key FROM place_staging s WHERE {_PART} GROUP BY s.source_key HAVING count(*) > 1)) AS g
    WHERE g.nth > 1
    UNION {_BEFORE} AND f.source_key = s.source_key
"""
_AGAIN_PLACES: Final = f"""
    SELECT g.row_no FROM (
        SELECT s.row_no, row_number() OVER (PARTITION BY k.place_id ORDER BY s.row_no) AS nth
        FROM place_staging s {KNOWN} WHERE {_PART}) AS g
    WHERE g.nth > 1
    UNION {_BEFORE}
"""
_TOLD: Final = f"""
    SELECT s.row_no, s.source_key, st_x(s.location::geometry) AS lon, st_y(s.location::geometry) AS lat
    FROM place_staging s
    WHERE {_PART} AND s.row_no IN ({{again}})
    ORDER BY s.row_no LIMIT :shown
"""
_OUT: Final = f"DELETE FROM place_staging s WHERE {_PART} AND s.row_no IN ({{again}})"
# All keys are looked up before the first is put (the count): by whichever index, none passes the rows put before it.
_IDENTITIES = text(f"""
    WITH fresh AS MATERIALIZED (
        SELECT s.source_key, s.new_id FROM place_staging s
        WHERE {_PART} AND (SELECT true FROM place_sources k
                           WHERE k.city_id = :city AND k.source_key = s.source_key) IS NULL),
    identity AS (
        INSERT INTO places (city_id, place_id, created_at) SELECT :city, new_id, :now FROM fresh)
    INSERT INTO place_sources (city_id, source_key, place_id) SELECT :city, source_key, new_id FROM fresh
    WHERE (SELECT count(*) FROM fresh) > 0
""")
_HOURS = text(f"""
    INSERT INTO hours_patterns
        (city_id, version, hours_no, opening_hours, time_zone, calendar, workday_calendar, parsed)
    SELECT :city, :version, row_number() OVER (ORDER BY min(s.row_no)) + coalesce((
               SELECT max(m.hours_no) FROM hours_patterns m WHERE m.city_id = :city AND m.version = :version), 0),
           s.opening_hours, :zone, :calendar, s.workday_calendar, bool_and(s.hours_parsed)
    FROM place_staging s
    WHERE {_PART} AND s.opening_hours IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM hours_patterns n WHERE n.city_id = :city AND n.version = :version
                      AND n.opening_hours = s.opening_hours AND n.workday_calendar = s.workday_calendar)
    GROUP BY s.opening_hours, s.workday_calendar
""")
_UNREADABLE = text(f"SELECT count(*) FROM place_staging s WHERE {_PART} AND s.hours_parsed IS FALSE")
_FACTS = text(f"""
    INSERT INTO place_facts
        (city_id, version, place_id, location, name, names, category_id, alternate_category_ids, brand_id, address,
         phone, website, hours_no, price_level, attributes, closed, source_key, source_datum, source_lon, source_lat)
    SELECT :city, :version, k.place_id, s.location, s.name, s.names, s.category_id,
           s.alternate_category_ids, s.brand_id, s.address, s.phone, s.website, h.hours_no, s.price_level, s.attributes,
           s.closed, s.source_key, s.source_datum, s.source_lon, s.source_lat
    FROM place_staging s {KNOWN}
    LEFT JOIN hours_patterns h ON h.city_id = :city AND h.version = :version AND h.opening_hours = s.opening_hours
         AND h.workday_calendar = s.workday_calendar
    WHERE {_PART}
""")
_SPREAD = text("""
    SELECT count(*) AS waiting, max(row_no) AS last FROM place_staging
    WHERE city_id = :city AND version = :version AND row_no > :after
""")
_OPENED = text("""
    SELECT EXISTS (
        SELECT 1 FROM place_facts f WHERE f.city_id = :city AND f.version = :before AND starts_with(f.source_key, :own))
""")
# What people opened by hand in the version that readers see and the new one doesn't state, as the place that its key
# means by now; as the one it was, where that is stated by another key.
_CARRIED = """
    SELECT DISTINCT ON (o.own_id) o.own_id, f.* FROM place_facts f
    JOIN place_sources k ON k.city_id = :city AND k.source_key = f.source_key
    CROSS JOIN LATERAL (SELECT coalesce(k.merged_from, k.place_id) AS meant_id) AS m
    CROSS JOIN LATERAL (
        SELECT CASE WHEN EXISTS (
            SELECT 1 FROM place_facts n WHERE n.city_id = :city AND n.version = :version AND n.place_id = m.meant_id)
        THEN f.place_id ELSE m.meant_id END AS own_id) AS o
    WHERE f.city_id = :city AND f.version = :before AND starts_with(f.source_key, :own)
      AND f.source_key NOT IN (SELECT n.source_key FROM place_facts n
                               WHERE n.city_id = :city AND n.version = :version AND starts_with(n.source_key, :own))
      AND NOT EXISTS (
        SELECT 1 FROM place_facts n WHERE n.city_id = :city AND n.version = :version AND n.place_id = o.own_id)
    ORDER BY o.own_id, o.own_id = m.meant_id DESC
"""
_CARRIED_HOURS = text(f"""
    INSERT INTO hours_patterns
        (city_id, version, hours_no, opening_hours, time_zone, calendar, workday_calendar, parsed)
    SELECT :city, :version, row_number() OVER (ORDER BY min(h.hours_no)) + coalesce((
               SELECT max(m.hours_no) FROM hours_patterns m WHERE m.city_id = :city AND m.version = :version), 0),
           h.opening_hours, :zone, :calendar, h.workday_calendar, bool_and(h.parsed)
    FROM ({_CARRIED}) AS f
    JOIN hours_patterns h ON h.city_id = :city AND h.version = :before AND h.hours_no = f.hours_no
    WHERE NOT EXISTS (SELECT 1 FROM hours_patterns n WHERE n.city_id = :city AND n.version = :version
                      AND n.opening_hours = h.opening_hours AND n.workday_calendar = h.workday_calendar)
    GROUP BY h.opening_hours, h.workday_calendar
""")
_CARRY = text(f"""
    INSERT INTO place_facts
        (city_id, version, place_id, location, name, names, category_id, alternate_category_ids, brand_id, address,
         phone, website, hours_no, price_level, attributes, closed, source_key, source_datum, source_lon, source_lat)
    SELECT :city, :version, f.own_id, f.location, f.name, f.names, f.category_id, f.alternate_category_ids,
           f.brand_id, f.address, f.phone, f.website, n.hours_no, f.price_level, f.attributes, f.closed, f.source_key,
           f.source_datum, f.source_lon, f.source_lat
    FROM ({_CARRIED}) AS f
    LEFT JOIN hours_patterns h ON h.city_id = :city AND h.version = :before AND h.hours_no = f.hours_no
    LEFT JOIN hours_patterns n ON n.city_id = :city AND n.version = :version AND n.opening_hours = h.opening_hours
         AND n.workday_calendar = h.workday_calendar
    RETURNING place_id
""")
_CARRY_BASES = text("""
    INSERT INTO place_bases (city_id, version, place_id, field, value)
    SELECT :city, :version, n.place_id, b.field, b.value
    FROM place_facts n
    JOIN place_facts o ON o.city_id = :city AND o.version = :before AND o.source_key = n.source_key
    JOIN place_bases b ON b.city_id = :city AND b.version = :before AND b.place_id = o.place_id
    WHERE n.city_id = :city AND n.version = :version AND n.place_id = ANY (CAST(:places AS uuid[]))
""")


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a file whose numbers are in (after, upto]."""

    after: int
    upto: int


def part_after(conn: Connection, target: Target, after: int) -> tuple[Part, int]:
    """The rows that wait behind a row number, and how many they are."""
    found = conn.execute(_SPREAD, {"city": target.city_id, "version": target.version, "after": after}).one()
    return Part(after, after if found.last is None else found.last), found.waiting


def place_rows(conn: Connection, target: Target, tally: Tally, part: Part) -> None:
    """Facts of a version from a part of the rows that wait; refuses a key, and a place, that came before."""
    values = _values(target) | {"after": part.after, "upto": part.upto}
    _refuse_again(conn, values, tally, _AGAIN_KEYS, "duplicate-key", "this source key came before in the file")
    _refuse_again(conn, values, tally, _AGAIN_PLACES, "same-place", "an earlier row of the file is the same place")
    tally.created += conn.execute(_IDENTITIES, values).rowcount
    if part.after == 0:
        # Of a city without statistics the planner takes any index that begins with the city, and reads all of it.
        refresh_statistics(conn, place_sources)
    conn.execute(_HOURS, values)
    tally.unreadable_hours += conn.execute(_UNREADABLE, values).scalar_one()
    tally.stored += conn.execute(_FACTS, values).rowcount


def carry_places(conn: Connection, target: Target, tally: Tally, before: int) -> None:
    """Places that no load brought come along from ``before``, the version that readers see."""
    tally.carried = len(_carry(conn, _values(target) | {"before": before}))


def carry_late(conn: Connection, place: Stated, before: int) -> tuple[UUID, ...]:
    """Places that people opened in ``before``, the version that readers see, and that another one lacks, as they are.

    For a version about to be shown: they were opened while it waited, or after it was shown last.
    """
    values: dict[str, Any] = {"city": place.city_id, "version": place.version, "before": before, "own": OWN_KEY}
    return _carry(conn, values | {"zone": place.time_zone, "calendar": place.calendar})


def _carry(conn: Connection, values: dict[str, Any]) -> tuple[UUID, ...]:
    if not conn.execute(_OPENED, values).scalar_one():
        return ()
    conn.execute(_CARRIED_HOURS, values)
    carried = tuple(conn.execute(_CARRY, values).scalars())
    if carried:
        conn.execute(_CARRY_BASES, values | {"places": list(carried)})
    return carried


def _values(target: Target) -> dict[str, Any]:
    return {
        "city": target.city_id,
        "version": target.version,
        "now": target.now,
        "zone": target.territory.time_zone,
        "calendar": target.territory.calendar,
        "own": OWN_KEY,
    }


def clear_places(conn: Connection, city_id: int, version: int) -> None:
    """Takes the rows that waited out again."""
    conn.execute(
        text("DELETE FROM place_staging WHERE city_id = :city AND version = :version"),
        {"city": city_id, "version": version},
    )


def _refuse_again(conn: Connection, values: dict[str, Any], tally: Tally, again: str, code: str, reason: str) -> None:
    """Takes rows out that say again what an earlier one said."""
    told = conn.execute(text(_TOLD.format(again=again)), values | {"shown": SHOWN}).all()
    if not told:
        return
    for row in told:
        tally.refuse(RowFault(row.row_no, row.source_key, reason, code, LonLat(row.lon, row.lat)))
    out = conn.execute(text(_OUT.format(again=again)), values).rowcount
    tally.refuse_more(code, out - len(told))
