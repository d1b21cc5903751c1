"""Regions, base maps and the world's vocabularies into the rows of a version that nobody sees yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, text

from app.imports import lines, queries
from app.imports.copying import copy_rows
from app.imports.tally import Tally, Target
from app.imports.types import BrandRecord, CategoryRecord, HolidayRecord, RowFault
from app.places.tables import brands, categories, category_aliases, holidays
from app.regions.tables import region_sources

MAX_CATEGORY_DEPTH: Final = 6
SHOWN: Final = 10_000

_AGAIN: Final = """
    SELECT g.row_no FROM (SELECT s.row_no, row_number() OVER (PARTITION BY s.source_key ORDER BY s.row_no) AS nth
                          FROM region_staging s WHERE s.city_id = :city AND s.version = :version) AS g
    WHERE g.nth > 1
"""
# Areas that no chain of parents leads up from to an area without one: it leaves the file, or comes back to itself.
_LOST: Final = """
    SELECT s.row_no FROM region_staging s
    WHERE s.city_id = :city AND s.version = :version AND s.source_key NOT IN (
        WITH RECURSIVE held AS (
            SELECT t.source_key FROM region_staging t
            WHERE t.city_id = :city AND t.version = :version AND t.parent_key IS NULL
            UNION ALL
            SELECT t.source_key FROM held h
            JOIN region_staging t ON t.city_id = :city AND t.version = :version AND t.parent_key = h.source_key)
        SELECT h.source_key FROM held h)
"""
_TOLD: Final = """
    SELECT s.row_no, s.source_key, s.parent_key,
           (SELECT min(e.source_key) FROM unnest(s.successor_of) AS e (source_key) WHERE NOT EXISTS (
                SELECT 1 FROM region_sources k WHERE k.city_id = :city AND k.source_key = e.source_key)) AS unheard
    FROM region_staging s
    WHERE s.city_id = :city AND s.version = :version AND s.row_no IN ({out}) ORDER BY s.row_no LIMIT :shown
"""
_OUT: Final = "DELETE FROM region_staging s WHERE s.city_id = :city AND s.version = :version AND s.row_no IN ({out})"
_IDENTITIES = text("""
    WITH fresh AS MATERIALIZED (
        SELECT s.source_key, s.new_id FROM region_staging s
        WHERE s.city_id = :city AND s.version = :version AND NOT EXISTS (
            SELECT 1 FROM region_sources k WHERE k.city_id = :city AND k.source_key = s.source_key)),
    identity AS (
        INSERT INTO regions (city_id, region_id, created_at) SELECT :city, new_id, :now FROM fresh)
    INSERT INTO region_sources (city_id, source_key, region_id) SELECT :city, source_key, new_id FROM fresh
""")
_FACTS = text("""
    INSERT INTO region_facts
        (city_id, version, region_id, kind, admin_level, region_code, names, parent_id, boundary, area_m2, extend_m,
         note, demo, successor_of)
    SELECT :city, :version, k.region_id, s.kind, s.admin_level, s.region_code, s.names, p.region_id, s.boundary,
           s.area_m2, s.extend_m, s.note, s.demo, '{}'
    FROM region_staging s
    JOIN region_sources k ON k.city_id = :city AND k.source_key = s.source_key
    LEFT JOIN region_sources p ON p.city_id = :city AND p.source_key = s.parent_key
    WHERE s.city_id = :city AND s.version = :version
    ORDER BY s.row_no
""")
# Areas that follow one which no version ever held, with its key.
_UNHEARD: Final = """
    SELECT s.row_no FROM region_staging s CROSS JOIN LATERAL unnest(s.successor_of) AS e (source_key)
    WHERE s.city_id = :city AND s.version = :version AND NOT EXISTS (
        SELECT 1 FROM region_sources k WHERE k.city_id = :city AND k.source_key = e.source_key)
"""
_HEIRS = text("""
    UPDATE region_facts f SET successor_of = CAST(:earlier AS uuid[])
    WHERE f.city_id = :city AND f.version = :version AND f.region_id = :region
""")
_NAMED = text("""
    SELECT s.source_key, s.successor_of FROM region_staging s
    WHERE s.city_id = :city AND s.version = :version ORDER BY s.row_no
""")
_NOTES = text("""
    SELECT s.row_no, s.source_key, r.code
    FROM region_staging s CROSS JOIN LATERAL unnest(s.remarks) AS r (code)
    WHERE s.city_id = :city AND s.version = :version ORDER BY s.row_no, r.code
""")


def region_rows(conn: Connection, target: Target, tally: Tally) -> None:
    """Facts of a version from the areas that wait; refuses a key that came before and a parent that isn't there."""
    values: dict[str, Any] = {"city": target.city_id, "version": target.version, "now": target.now}
    _refuse(conn, values, tally, _AGAIN, "duplicate-key", "this source key came before in the file")
    unheard = "successor_of names {unheard}, which no version ever held"
    _refuse(conn, values, tally, _UNHEARD, "unknown-predecessor", unheard)
    lost = "the parent {parent} is not in the file, or below this area"
    _refuse(conn, values, tally, _LOST, "unknown-parent", lost)
    tally.created = conn.execute(_IDENTITIES, values).rowcount
    tally.stored = conn.execute(_FACTS, values).rowcount
    _put_heirs(conn, values)
    for row in conn.execute(_NOTES, values):
        tally.notes.setdefault(row.code, []).append((row.row_no, row.source_key))


def _put_heirs(conn: Connection, values: dict[str, Any]) -> None:
    """Says of each area which earlier ones it follows, by the file and by earlier versions."""
    named = {row.source_key: row.successor_of for row in conn.execute(_NAMED, values)}
    keys = [*named, *(key for earlier in named.values() for key in earlier)]
    ids = queries.ids_of_sources(conn, region_sources, "region_id", values["city"], keys)
    heirs = lines.Heirs(conn, values["city"], ids)
    for key, earlier in named.items():
        if found := heirs.of(ids[key], earlier):
            conn.execute(_HEIRS, values | {"region": ids[key], "earlier": found})


def clear_regions(conn: Connection, city_id: int, version: int) -> None:
    """Takes the rows that waited out again."""
    conn.execute(
        text("DELETE FROM region_staging WHERE city_id = :city AND version = :version"),
        {"city": city_id, "version": version},
    )


def _refuse(conn: Connection, values: dict[str, Any], tally: Tally, out: str, code: str, reason: str) -> None:
    told = conn.execute(text(_TOLD.format(out=out)), values | {"shown": SHOWN}).all()
    if not told:
        return
    for row in told:
        said = reason.format(parent=row.parent_key, unheard=row.unheard)
        tally.refuse(RowFault(row.row_no, row.source_key, said, code))
    tally.refuse_more(code, conn.execute(text(_OUT.format(out=out)), values).rowcount - len(told))


def stage_categories(conn: Connection, target: Target, items: Iterable[CategoryRecord], tally: Tally) -> None:
    """Stores the taxonomy; a category stands after its parent."""
    depths: dict[str, int] = {}
    codes: set[tuple[str, str]] = set()
    rows: list[tuple[Any, ...]] = []
    aliases: list[tuple[Any, ...]] = []
    for item in items:
        depth = 1 if item.parent_id is None else depths.get(item.parent_id, MAX_CATEGORY_DEPTH) + 1
        clash = codes & set(item.aliases)
        reason = (
            ("this category came before in the file", "duplicate-key")
            if item.category_id in depths
            else ("the parent does not stand before it, or is too deep", "unknown-parent")
            if depth > MAX_CATEGORY_DEPTH
            else (f"the alias {':'.join(min(clash))} belongs to another category", "duplicate-alias")
            if clash
            else None
        )
        if reason is not None:
            tally.refuse(RowFault(item.row, item.category_id, *reason))
            continue
        depths[item.category_id] = depth
        codes |= set(item.aliases)
        rows.append((target.version, item.category_id, item.parent_id, item.names, depth, item.row))
        aliases += [(target.version, scheme, code, item.category_id) for scheme, code in item.aliases]
    columns = ("version", "category_id", "parent_id", "names", "depth", "sort_order")
    tally.stored = copy_rows(conn, categories, columns, rows)
    copy_rows(conn, category_aliases, ("version", "scheme", "code", "category_id"), aliases)


def stage_brands(conn: Connection, target: Target, items: Iterable[BrandRecord], tally: Tally) -> None:
    """Stores the chains."""
    found: dict[str, BrandRecord] = {}
    for item in items:
        if item.brand_id in found:
            tally.refuse(RowFault(item.row, item.brand_id, "this brand came before in the file", "duplicate-key"))
        else:
            found[item.brand_id] = item
    rows = ((target.version, item.brand_id, item.names, item.wikidata) for item in found.values())
    tally.stored = copy_rows(conn, brands, ("version", "brand_id", "names", "wikidata"), rows)


def stage_holidays(conn: Connection, target: Target, items: Iterable[HolidayRecord], tally: Tally) -> None:
    """Stores the special dates of all calendars."""
    found: dict[tuple[str, Any], HolidayRecord] = {}
    for item in items:
        key = (item.calendar, item.on_date)
        if key in found:
            said = f"{key[0]} {key[1]}"
            tally.refuse(RowFault(item.row, said, "this date came before in the calendar", "duplicate-key"))
        else:
            found[key] = item
    columns = ("version", "calendar", "on_date", "kind", "as_weekday", "names")
    rows = (
        (target.version, item.calendar, item.on_date, item.kind, item.as_weekday, item.names) for item in found.values()
    )
    tally.stored = copy_rows(conn, holidays, columns, rows)
