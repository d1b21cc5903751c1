"""Regions, base maps and the world's vocabularies into the rows of a version that nobody sees yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.cities.tables import basemap_features
from app.imports import lines, queries
from app.imports.copying import copy_rows
from app.imports.staging import Tally, Target, batches
from app.imports.types import (
    BasemapRecord,
    BrandRecord,
    CategoryRecord,
    HolidayRecord,
    RegionRecord,
    RowFault,
)
from app.places.tables import brands, categories, category_aliases, holidays
from app.regions.tables import region_facts, region_sources, regions

MAX_CATEGORY_DEPTH = 6


def stage_regions(conn: Connection, target: Target, items: Iterable[RegionRecord | RowFault]) -> Tally:
    """Stores areas; refuses a source key that came before and a parent that isn't in the file."""
    tally = Tally()
    found: dict[str, RegionRecord] = {}
    for record in tally.accepted(items):
        if record.source_key in found:
            tally.refuse(RowFault(record.row, record.source_key, "this source key came before in the file"))
        else:
            found[record.source_key] = record
    city_id = target.territory.city_id
    earlier = [key for record in found.values() for key in record.successor_of]
    ids: dict[str, UUID] = queries.ids_of_sources(conn, region_sources, "region_id", city_id, [*found, *earlier])
    _drop_unknown_heirs(found, ids, tally)
    _drop_orphans(found, tally)
    heirs = lines.Heirs(conn, city_id, ids)
    created = [key for key in found if key not in ids]
    ids |= {key: target.make_id(city_id, key) for key in created}
    copy_rows(
        conn, regions, ("city_id", "region_id", "created_at"), ((city_id, ids[key], target.now) for key in created)
    )
    copy_rows(
        conn, region_sources, ("city_id", "source_key", "region_id"), ((city_id, key, ids[key]) for key in created)
    )
    columns = (
        "city_id", "version", "region_id", "kind", "admin_level", "region_code", "names", "parent_id", "boundary",
        "area_m2", "extend_m", "note", "demo", "successor_of",
    )  # fmt: skip
    rows = (
        (
            city_id,
            target.version,
            ids[record.source_key],
            record.kind,
            record.admin_level,
            record.region_code,
            record.names,
            ids[record.parent_key] if record.parent_key else None,
            record.boundary,
            record.area_m2,
            record.extend_m,
            record.note,
            record.demo,
            heirs.of(ids[record.source_key], record.successor_of),
        )
        for record in found.values()
    )
    tally.stored = copy_rows(conn, region_facts, columns, rows)
    tally.created = len(created)
    for record in found.values():
        for code in record.remarks:
            tally.notes.setdefault(code, []).append((record.row, record.source_key))
    return tally


def _drop_unknown_heirs(found: dict[str, RegionRecord], ids: dict[str, UUID], tally: Tally) -> None:
    """Refuses areas that follow one which no version ever held."""
    for key, record in list(found.items()):
        unknown = [earlier for earlier in record.successor_of if earlier not in ids]
        if unknown:
            tally.refuse(RowFault(record.row, key, f"successor_of names {unknown[0]}, which no version ever held"))
            del found[key]


def _drop_orphans(found: dict[str, RegionRecord], tally: Tally) -> None:
    """Refuses areas whose chain of parents leaves the file or comes back to itself."""
    for key, record in list(found.items()):
        seen = {key}
        above = record.parent_key
        while above is not None and above in found and above not in seen:
            seen.add(above)
            above = found[above].parent_key
        if above is not None:
            tally.refuse(RowFault(record.row, key, f"the parent {above} is not in the file, or below this area"))
    refused = {fault.source_key for fault in tally.faults}
    for key in [key for key in found if key in refused]:
        del found[key]


def stage_basemap(conn: Connection, target: Target, items: Iterable[BasemapRecord | RowFault]) -> Tally:
    """Stores what is drawn under the map."""
    tally = Tally()
    columns = ("city_id", "version", "feature_no", "layer", "feature_class", "name", "min_zoom", "shape")
    for batch in batches(tally.accepted(items)):
        rows = (
            (
                target.territory.city_id,
                target.version,
                item.row,
                item.layer,
                item.feature_class,
                item.name,
                item.min_zoom,
                item.shape,
            )
            for item in batch
        )
        tally.stored += copy_rows(conn, basemap_features, columns, rows)
    return tally


def stage_categories(conn: Connection, target: Target, items: Iterable[CategoryRecord | RowFault]) -> Tally:
    """Stores the taxonomy; a category stands after its parent."""
    tally = Tally()
    depths: dict[str, int] = {}
    codes: set[tuple[str, str]] = set()
    rows: list[tuple[Any, ...]] = []
    aliases: list[tuple[Any, ...]] = []
    for item in tally.accepted(items):
        depth = 1 if item.parent_id is None else depths.get(item.parent_id, MAX_CATEGORY_DEPTH) + 1
        clash = codes & set(item.aliases)
        reason = (
            "this category came before in the file"
            if item.category_id in depths
            else "the parent does not stand before it, or is too deep"
            if depth > MAX_CATEGORY_DEPTH
            else f"the alias {':'.join(min(clash))} belongs to another category"
            if clash
            else None
        )
        if reason is not None:
            tally.refuse(RowFault(item.row, item.category_id, reason))
            continue
        depths[item.category_id] = depth
        codes |= set(item.aliases)
        rows.append((target.version, item.category_id, item.parent_id, item.names, depth, item.row))
        aliases += [(target.version, scheme, code, item.category_id) for scheme, code in item.aliases]
    columns = ("version", "category_id", "parent_id", "names", "depth", "sort_order")
    tally.stored = copy_rows(conn, categories, columns, rows)
    copy_rows(conn, category_aliases, ("version", "scheme", "code", "category_id"), aliases)
    return tally


def stage_brands(conn: Connection, target: Target, items: Iterable[BrandRecord | RowFault]) -> Tally:
    """Stores the chains."""
    tally = Tally()
    found: dict[str, BrandRecord] = {}
    for item in tally.accepted(items):
        if item.brand_id in found:
            tally.refuse(RowFault(item.row, item.brand_id, "this brand came before in the file"))
        else:
            found[item.brand_id] = item
    rows = ((target.version, item.brand_id, item.names, item.wikidata) for item in found.values())
    tally.stored = copy_rows(conn, brands, ("version", "brand_id", "names", "wikidata"), rows)
    return tally


def stage_holidays(conn: Connection, target: Target, items: Iterable[HolidayRecord | RowFault]) -> Tally:
    """Stores the special dates of all calendars."""
    tally = Tally()
    found: dict[tuple[str, Any], HolidayRecord] = {}
    for item in tally.accepted(items):
        key = (item.calendar, item.on_date)
        if key in found:
            tally.refuse(RowFault(item.row, f"{key[0]} {key[1]}", "this date came before in the calendar"))
        else:
            found[key] = item
    columns = ("version", "calendar", "on_date", "kind", "as_weekday", "names")
    rows = (
        (target.version, item.calendar, item.on_date, item.kind, item.as_weekday, item.names) for item in found.values()
    )
    tally.stored = copy_rows(conn, holidays, columns, rows)
    return tally
