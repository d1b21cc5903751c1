"""Differences for readers: what was kept, or worked out at once where both versions are small; nothing is written."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.core.errors import AppError
from app.imports import comparing
from app.imports.diff import actions, queries, queries_places
from app.imports.diff.types import MAX_ITEMS, Item

Json = dict[str, Any]

SMALL: Final = 100_000
"""So many rows in the two versions together are compared while somebody waits."""
TOLERANCE_DEG: Final = 0.00005
"""Outlines on the map are simplified to about five metres."""


class DiffNotReady(AppError):
    """The two versions are too large to be compared while somebody waits, and nobody did it before."""

    code = "diff-not-ready"
    title = "The difference has not been worked out yet"


def shown_diff(conn: Connection, city_id: int, kind: str, version: int, against: int | None) -> Json:
    """The difference of a version; raises DiffNotReady."""
    if against == version:
        against = None
    kept = queries.kept_diff(conn, city_id, kind, version, against or 0)
    if kept is not None:
        return kept
    _refuse_large(conn, city_id, kind, version, against)
    return actions.worked_out(conn, city_id, kind, version, against).as_json()


def layer_features(
    conn: Connection, city_id: int, kind: str, version: int, against: int | None, layer: str
) -> list[Json]:
    """Features of a layer for the map, at most 5,000: points, lines from old to new, outlines before and after."""
    if against == version:
        against = None
    items = queries.items_of(conn, city_id, kind, version, against or 0, layer)
    if not items:
        kept = queries.kept_diff(conn, city_id, kind, version, against or 0)
        if kept is None or kept["counts"].get(layer, 0):
            _refuse_large(conn, city_id, kind, version, against)
            items = _worked_out(conn, city_id, kind, version, against, layer)
    if kind == "regions":
        return _outlines(conn, city_id, version, against, layer, items)
    return [_feature(item, _geometry(item)) for item in items if item.lon is not None]


def _worked_out(
    conn: Connection, city_id: int, kind: str, version: int, against: int | None, layer: str
) -> tuple[Item, ...]:
    if against is None:
        return actions.all_new(conn, city_id, kind, version) if layer == "added" else ()
    if kind == "places":
        with queries.planned_for_bulk(conn):
            return queries_places.layer_items(conn, city_id, version, against, layer, MAX_ITEMS)
    found = actions.worked_out(conn, city_id, kind, version, against)
    return tuple(item for item in found.items if item.layer == layer)[:MAX_ITEMS]


def too_large(conn: Connection, city_id: int, kind: str, version: int, against: int | None) -> bool:
    """True when two versions hold too many rows to be compared while somebody waits; areas never do."""
    if kind == "regions":
        return False
    return comparing.rows_of(conn, city_id, kind, [version, against or version]) > SMALL


def _refuse_large(conn: Connection, city_id: int, kind: str, version: int, against: int | None) -> None:
    gone = comparing.without_rows(conn, city_id, kind, [version, against or version])
    if gone:
        raise DiffNotReady(f"version {gone[0]} of {kind} holds no rows to compare with")
    if too_large(conn, city_id, kind, version, against):
        raise DiffNotReady(
            f"versions {against} and {version} are too large to be compared while you wait; whoever runs the server"
            f" can do it: fujin datasets diff CITY {kind} {version} --against {against}"
        )


def _geometry(item: Item) -> Json:
    here = [item.lon, item.lat]
    if item.layer == "moved" and "from_lon" in item.more:
        return {"type": "LineString", "coordinates": [[item.more["from_lon"], item.more["from_lat"]], here]}
    return {"type": "Point", "coordinates": here}


def _outlines(
    conn: Connection, city_id: int, version: int, against: int | None, layer: str, items: tuple[Item, ...]
) -> list[Json]:
    ids = [item.thing_id for item in items if item.thing_id is not None]
    sides = {"removed": ("old",), "added": ("new",)}.get(layer, ("old", "new"))
    drawn: dict[str, dict[UUID, Json]] = {
        side: queries.region_shapes(conn, city_id, (against or 0) if side == "old" else version, ids, TOLERANCE_DEG)
        for side in sides
    }
    return [
        _feature(item, drawn[side][item.thing_id], side=side)
        for item in items
        for side in sides
        if item.thing_id is not None and item.thing_id in drawn[side]
    ][:MAX_ITEMS]


def _feature(item: Item, geometry: Json, **more: Any) -> Json:
    shown = {name: value for name, value in item.as_json().items() if name not in ("lon", "lat")}
    return {
        "type": "Feature",
        "id": shown["id"],
        "geometry": geometry,
        "properties": {**shown, "layer": item.layer, **more},
    }
