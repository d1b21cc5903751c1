"""Differences as they are kept and read back, and rows of small kinds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
import shapely
from sqlalchemy import Connection, Table, delete, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from app.core import spatial
from app.imports.diff.tables import dataset_diff_items, dataset_diffs
from app.imports.diff.types import MAX_ITEMS, Impact, Item
from app.places.tables import brands, categories, holidays
from app.regions.tables import region_facts, region_sources

SMALL: Final[dict[str, tuple[Table, tuple[str, ...], str]]] = {
    "categories": (categories, ("category_id",), "names"),
    "brands": (brands, ("brand_id",), "names"),
    "holidays": (holidays, ("calendar", "on_date"), "names"),
}
"""Table, identity and names of what has few rows."""


@contextmanager
def planned_for_bulk(conn: Connection) -> Iterator[None]:
    """Statements over whole versions: hash and merge joins alone, memory for them, and JIT left out.

    Rows that were just copied in have no statistics, and a role that doesn't own the table can't make them: the
    planner then takes a million places for one and joins them by a loop. Until the end of the block.
    """
    wanted = {"enable_nestloop": "off", "work_mem": "'128MB'", "jit": "off"}
    for name, value in wanted.items():
        conn.execute(text(f"SET LOCAL {name} = {value}"))
    yield
    for name in wanted:
        conn.execute(text(f"SET LOCAL {name} TO DEFAULT"))


def forget(conn: Connection, city_id: int, kind: str, version: int, against: int | None = None) -> None:
    """Takes the differences of a version away, or the one against one other."""
    for table in (dataset_diff_items, dataset_diffs):
        statement = delete(table).where(table.c.city_id == city_id, table.c.kind == kind, table.c.version == version)
        conn.execute(statement if against is None else statement.where(table.c.against == against))


def keep(conn: Connection, found: Any, now: datetime) -> None:
    """Writes a difference down, in the place of what was known of these two versions."""
    row: dict[str, Any] = {"diff": found.as_json(), "made_at": now}
    statement = upsert(dataset_diffs).values(
        city_id=found.city_id, kind=found.kind, version=found.version, against=found.against or 0, **row
    )
    keys = ["city_id", "kind", "version", "against"]
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=row))


def keep_items(conn: Connection, found: Any, items: Iterable[Item]) -> None:
    """Writes the first things of each layer; places have a way of their own."""
    numbers: dict[str, int] = {}
    rows = []
    for item in items:
        number = numbers[item.layer] = numbers.get(item.layer, 0) + 1
        if number > MAX_ITEMS:
            continue
        rows.append(
            {
                "city_id": found.city_id,
                "kind": found.kind,
                "version": found.version,
                "against": found.against or 0,
                "layer": item.layer,
                "item_no": number,
                "thing_id": item.thing_id,
                "source_key": item.source_key,
                "name": item.name,
                "lon": item.lon,
                "lat": item.lat,
                "more": dict(item.more),
            }
        )
    if rows:
        conn.execute(insert(dataset_diff_items), rows)


def kept_diff(conn: Connection, city_id: int, kind: str, version: int, against: int) -> dict[str, Any] | None:
    """A difference that was worked out before, as it is shown; what was not counted then is nothing."""
    found = conn.execute(
        select(dataset_diffs.c.diff).where(
            dataset_diffs.c.city_id == city_id,
            dataset_diffs.c.kind == kind,
            dataset_diffs.c.version == version,
            dataset_diffs.c.against == against,
        )
    ).scalar_one_or_none()
    return None if found is None else {**found, "impact": Impact().as_json() | found["impact"]}


def items_of(
    conn: Connection, city_id: int, kind: str, version: int, against: int, layer: str, limit: int = MAX_ITEMS
) -> tuple[Item, ...]:
    """The first things of a layer, in order."""
    table = dataset_diff_items
    rows = conn.execute(
        select(table.c.thing_id, table.c.source_key, table.c.name, table.c.lon, table.c.lat, table.c.more)
        .where(
            table.c.city_id == city_id,
            table.c.kind == kind,
            table.c.version == version,
            table.c.against == against,
            table.c.layer == layer,
        )
        .order_by(table.c.item_no)
        .limit(limit)
    )
    return tuple(Item(layer, row.thing_id, row.source_key, row.name, row.lon, row.lat, row.more) for row in rows)


def small_rows(conn: Connection, kind: str, version: int) -> dict[tuple[str, ...], dict[str, Any]]:
    """Every row of a version of one of the world's lists, by its identity."""
    table, identity, _ = SMALL[kind]
    columns = [column for column in table.c if column.name not in ("version", "city_id")]
    rows = conn.execute(select(*columns).where(table.c.version == version))
    return {tuple(str(row._mapping[name]) for name in identity): dict(row._mapping) for row in rows}


def region_rows(conn: Connection, city_id: int, version: int) -> dict[UUID, dict[str, Any]]:
    """Every area of a version by its id, its outline as a geometry and one of its source keys."""
    keys = (
        select(region_sources.c.region_id, func.min(region_sources.c.source_key).label("source_key"))
        .where(region_sources.c.city_id == city_id)
        .group_by(region_sources.c.region_id)
        .subquery("keys")
    )
    rows = conn.execute(
        select(
            region_facts.c.region_id,
            keys.c.source_key,
            region_facts.c.kind,
            region_facts.c.admin_level,
            region_facts.c.region_code,
            region_facts.c.names,
            region_facts.c.parent_id,
            region_facts.c.extend_m,
            region_facts.c.note,
            region_facts.c.demo,
            region_facts.c.area_m2,
            region_facts.c.successor_of,
            spatial.as_wkb(region_facts.c.boundary).label("boundary"),
        )
        .outerjoin(keys, keys.c.region_id == region_facts.c.region_id)
        .where(region_facts.c.city_id == city_id, region_facts.c.version == version)
        .order_by(region_facts.c.admin_level, region_facts.c.region_code, region_facts.c.region_id)
    )
    found = {}
    for row in rows:
        facts = dict(row._mapping)
        facts["boundary"] = shapely.from_wkb(bytes(row.boundary))
        found[row.region_id] = facts
    return found


def region_shapes(
    conn: Connection, city_id: int, version: int, ids: Iterable[UUID], tolerance: float
) -> dict[UUID, Any]:
    """Outlines of some areas of a version as GeoJSON, simplified to a tolerance in degrees."""
    rows = conn.execute(
        select(region_facts.c.region_id, spatial.geojson(spatial.simplified(region_facts.c.boundary, tolerance), 6))
        .where(
            region_facts.c.city_id == city_id,
            region_facts.c.version == version,
            region_facts.c.region_id == func.any(list(ids)),
        )
        .limit(MAX_ITEMS)
    )
    return {row[0]: orjson.loads(row[1]) for row in rows if row[1] is not None}
