"""Statements of the feed of changes: what two versions state otherwise in a window of ids, and what was edited."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, TextClause, select, text

from app.cities.tables import datasets
from app.places.tables_changes import change_positions

WINDOW = 2_000
"""So many ids of each version are compared at once."""
LAST = UUID(int=(1 << 128) - 1)

_PLACE = (
    "name", "names", "category_id", "alternate_category_ids", "brand_id", "address", "phone", "website", "price_level",
    "attributes",
)  # fmt: skip
_REGION = ("kind", "admin_level", "region_code", "names", "parent_id", "extend_m", "note", "demo", "boundary")


def _ids(table: str, key: str, version: str) -> str:
    return (
        f"(SELECT {key} AS id FROM {table} WHERE city_id = :city AND version = :{version} AND {key} > :after"
        f" ORDER BY {key} LIMIT {WINDOW})"
    )


def _upto(table: str, key: str) -> TextClause:
    """The last id of the window behind ``after`` over both versions, and whether the window was full."""
    return text(f"""
        SELECT max(w.id::text)::uuid AS upto, count(*) = {WINDOW} AS whole
        FROM (SELECT id FROM ({_ids(table, key, "old")} UNION {_ids(table, key, "new")}) AS u
              ORDER BY id LIMIT {WINDOW}) AS w
    """)


def _side(version: str) -> str:
    return f"""
        SELECT f.place_id AS id, f.location::geometry AS location, {", ".join(f"f.{name}" for name in _PLACE)},
               h.opening_hours, coalesce(h.workday_calendar, false) AS workday_calendar
        FROM place_facts f
        LEFT JOIN hours_patterns h ON h.city_id = :city AND h.version = :{version} AND h.hours_no = f.hours_no
        WHERE f.city_id = :city AND f.version = :{version} AND NOT f.closed AND f.place_id > :after
          AND f.place_id <= :upto
    """


def _compared(columns: Collection[str]) -> str:
    one, other = (", ".join(f"{side}.{name}" for name in columns) for side in "ab")
    return f"({one}) IS DISTINCT FROM ({other})"


_PLACES_UPTO = _upto("place_facts", "place_id")
_PLACES_DIFFER = text(f"""
    WITH a AS ({_side("old")}), b AS ({_side("new")})
    SELECT coalesce(a.id, b.id) AS id FROM a FULL JOIN b ON a.id = b.id
    WHERE a.id IS NULL OR b.id IS NULL
       OR {_compared((*_PLACE, "location", "opening_hours", "workday_calendar"))}
    UNION
    SELECT c.place_id FROM place_changes c
    WHERE c.city_id = :city AND c.version = :old AND c.position >= :position AND c.place_id > :after
      AND c.place_id <= :upto
    ORDER BY id LIMIT :limit
""")
_REGIONS_UPTO = _upto("region_facts", "region_id")
_REGIONS_DIFFER = text(f"""
    WITH a AS (SELECT region_id AS id, {", ".join(_REGION)} FROM region_facts WHERE city_id = :city AND version = :old
                 AND region_id > :after AND region_id <= :upto),
         b AS (SELECT region_id AS id, {", ".join(_REGION)} FROM region_facts WHERE city_id = :city AND version = :new
                 AND region_id > :after AND region_id <= :upto)
    SELECT coalesce(a.id, b.id) AS id FROM a FULL JOIN b ON a.id = b.id
    WHERE a.id IS NULL OR b.id IS NULL OR {_compared(_REGION)}
    ORDER BY id LIMIT :limit
""")
_EDITED = text("""
    SELECT c.position, c.place_id FROM place_changes c
    WHERE c.city_id = :city AND c.version = :version AND (c.position, c.place_id) > (:position, CAST(:after AS uuid))
    ORDER BY c.position, c.place_id LIMIT :limit
""")
_PLACES = text(f"""
    SELECT f.place_id, st_x(f.location::geometry) AS lon, st_y(f.location::geometry) AS lat,
           {", ".join(f"f.{name}" for name in _PLACE)}, h.opening_hours
    FROM place_facts f
    LEFT JOIN hours_patterns h ON h.city_id = :city AND h.version = :version AND h.hours_no = f.hours_no
    WHERE f.city_id = :city AND f.version = :version AND NOT f.closed AND f.place_id = ANY (CAST(:ids AS uuid[]))
    ORDER BY f.place_id LIMIT :limit
""")
_REGIONS = text("""
    SELECT region_id, kind, admin_level, region_code, names, parent_id, area_m2, extend_m, note, demo
    FROM region_facts WHERE city_id = :city AND version = :version AND region_id = ANY (CAST(:ids AS uuid[]))
    ORDER BY region_id LIMIT :limit
""")
_MOVED = text("""
    SELECT place_id, moved_to FROM places
    WHERE city_id = :city AND place_id = ANY (CAST(:ids AS uuid[])) AND moved_to IS NOT NULL
    ORDER BY place_id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Window:
    """Ids that differ, in order; behind ``upto`` nothing was compared yet, ``last`` says that nothing is there."""

    ids: tuple[UUID, ...]
    upto: UUID
    last: bool


def position_of(conn: Connection, city_id: int) -> int:
    """The last position of a city's changes."""
    found = conn.execute(select(change_positions.c.position).where(change_positions.c.city_id == city_id))
    return found.scalar_one_or_none() or 0


def still_kept(conn: Connection, city_id: int, kind: str, version: int) -> bool:
    """Whether a version that was shown still has its rows."""
    found = conn.execute(
        select(datasets.c.dataset_id).where(
            datasets.c.city_id == city_id,
            datasets.c.kind == kind,
            datasets.c.version == version,
            datasets.c.state.in_(["active", "retired"]),
            datasets.c.purged_at.is_(None),
        )
    )
    return found.first() is not None


def differing(
    conn: Connection, kind: str, city_id: int, old: int, new: int, after: UUID, position: int, limit: int
) -> Window:
    """Things that two versions state otherwise, in the next window of ids; 0 stands for a version without things.

    Of places also those that were edited in the old version from ``position`` on: a copy may hold what they were.
    """
    places = kind == "places"
    given: dict[str, Any] = {"city": city_id, "old": old, "new": new, "after": after}
    end = conn.execute(_PLACES_UPTO if places else _REGIONS_UPTO, given).one()
    # The last window has no end: the old version may have lost places whose ids lie behind all that is left.
    upto = end.upto if end.whole else LAST
    given |= {"upto": upto, "limit": limit}
    if places:
        given["position"] = position
    found = tuple(conn.execute(_PLACES_DIFFER if places else _REGIONS_DIFFER, given).scalars())
    if len(found) == limit:  # the rest of the window is for the next page
        return Window(found, found[-1], last=False)
    return Window(found, upto, last=not end.whole)


def edited(
    conn: Connection, city_id: int, version: int, position: int, after: UUID, limit: int
) -> Sequence[tuple[int, UUID]]:
    """(position, place) of changes behind a position and, within it, behind an id; in their order."""
    given = {"city": city_id, "version": version, "position": position, "after": after, "limit": limit}
    return [(row.position, row.place_id) for row in conn.execute(_EDITED, given)]


def stated(conn: Connection, kind: str, city_id: int, version: int, ids: Sequence[UUID]) -> dict[UUID, Any]:
    """What readers of a version see of things, by id; what they don't see is left out."""
    if not ids:
        return {}
    given = {"city": city_id, "version": version, "ids": list(ids), "limit": len(ids)}
    rows = conn.execute(_PLACES if kind == "places" else _REGIONS, given)
    return {row[0]: row for row in rows}


def moved(conn: Connection, city_id: int, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Places that were merged into others."""
    if not ids:
        return {}
    rows = conn.execute(_MOVED, {"city": city_id, "ids": list(ids), "limit": len(ids)})
    return {row.place_id: row.moved_to for row in rows}
