"""Works out what a version changes against another, keeps it, and reads it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import shapely
from sqlalchemy import Connection

from app.cities import queries as cities
from app.imports import comparing
from app.imports.checks.types import Limits
from app.imports.diff import queries, queries_impact, queries_places, regions, small
from app.imports.diff.regions import Areas, RegionsDiff
from app.imports.diff.rules import thresholds_of
from app.imports.diff.types import LAYERS, Diff, Impact

PIECES: Final = 20_000
"""Land that changes hands is handed to the database in at most so many pieces."""

DEFAULTS: Final = Limits()


def diff_of(
    conn: Connection,
    city_id: int,
    kind: str,
    version: int,
    against: int | None,
    now: datetime,
    limits: Limits = DEFAULTS,
) -> Diff:
    """What changes for readers when a version takes the place of ``against`` (None: nobody sees anything yet).

    It is kept with its first things in the place of what was known of the two; the caller commits. One statement or
    a few over both versions: seconds at a million places, so requests read what was kept.
    """
    if against == version:
        against = None
    queries.forget(conn, city_id, kind, version, against or 0)
    if against is None:
        table = comparing.table_of(kind)
        after = comparing.compare(conn, table, city_id, kind, version, None).after
        counts = {"added": after, "removed": 0, "kept": 0}
        found = Diff(city_id, kind, version, None, 0, after, counts)
        queries.keep(conn, found, now)
        return found
    if kind == "places":
        return _of_places(conn, city_id, version, against, now, limits)
    if kind == "regions":
        old, new = (queries.region_rows(conn, city_id, number) for number in (against, version))
        return of_regions(conn, city_id, version, against, regions.compare(old, new), now, limits)
    return _of_lists(conn, city_id, kind, version, against, now, limits)


def of_regions(
    conn: Connection, city_id: int, version: int, against: int, compared: RegionsDiff, now: datetime, limits: Limits
) -> Diff:
    """The difference of two versions of areas that were compared already, kept."""
    counts = {layer: compared.counts.get(layer, 0) for layer in (*LAYERS, "kept")}
    before, after = compared.counts["before"], compared.counts["after"]
    thresholds = thresholds_of("regions", before, after, counts, Diff(0, "", 0, 0, 0, 0, {}).moves, limits)
    places = cities.active_version(conn, city_id, "places")
    impact = Impact()
    if compared.touched or compared.land:
        pieces = _pieces(compared)
        impact = queries_impact.of_land(
            conn, city_id, None if places is None else places.version, pieces, compared.touched
        )
    found = Diff(
        city_id, "regions", version, against, before, after, counts, compared.fields,
        items=tuple(compared.items), impact=impact, thresholds=thresholds,
    )  # fmt: skip
    queries.keep(conn, found, now)
    queries.keep_items(conn, found, compared.items)
    return found


def areas_of(conn: Connection, city_id: int, version: int) -> Areas:
    """The areas of a version, to be compared."""
    return queries.region_rows(conn, city_id, version)


def _pieces(compared: RegionsDiff) -> list[bytes]:
    """The land as polygons of few points, since one wide outline would be held against every place of a city."""
    land = shapely.get_parts(shapely.union_all(shapely.make_valid(compared.land)))
    polygons = [part for part in land if shapely.get_type_id(part) == 3 and part.area > 0]
    return [shapely.to_wkb(part) for part in polygons[:PIECES]]


def _of_places(conn: Connection, city_id: int, version: int, against: int, now: datetime, limits: Limits) -> Diff:
    with queries.planned_for_bulk(conn):
        counts, moves = queries_places.summary(conn, city_id, version, against, limits.moved_m)
        before, after = counts.pop("before"), counts.pop("after")
        fields = {name: counts.pop(name) for name in queries_places.COMPARED}
        fields = {name: count for name, count in fields.items() if count}
        thresholds = thresholds_of("places", before, after, counts, moves, limits)
        found = Diff(city_id, "places", version, against, before, after, counts, fields, moves, thresholds=thresholds)
        differ = sum(counts[layer] for layer in ("added", "removed", "moved", "renamed", "changed"))
        if counts["removed"] or moves.far:
            found = replace(found, impact=queries_impact.of_places(conn, city_id, version, against, limits.moved_m))
        queries.keep(conn, found, now)
        if not differ:
            return found
        queries_places.keep_items(conn, city_id, version, against)
        items = [item for layer in LAYERS for item in _first(conn, found, layer)]
        found = replace(found, items=tuple(items))
        queries.keep(conn, found, now)
    return found


def _first(conn: Connection, found: Diff, layer: str) -> tuple[Any, ...]:
    return queries.items_of(conn, found.city_id, found.kind, found.version, found.against or 0, layer, limit=100)


def _of_lists(
    conn: Connection, city_id: int, kind: str, version: int, against: int, now: datetime, limits: Limits
) -> Diff:
    """Lists of the world by identity; the base map has none and is counted."""
    if kind in queries.SMALL:
        old, new = (queries.small_rows(conn, kind, number) for number in (against, version))
        counts, fields, items = small.compare(old, new, queries.SMALL[kind][2])
    else:
        change = comparing.compare(conn, comparing.table_of(kind), city_id, kind, version, against)
        counts = {"before": change.before, "after": change.after, "kept": change.kept}
        counts |= {"added": change.new, "removed": change.removed}
        fields, items = {}, []
    before, after = counts.pop("before"), counts.pop("after")
    thresholds = thresholds_of(kind, before, after, counts, Diff(0, "", 0, 0, 0, 0, {}).moves, limits)
    found = Diff(
        city_id, kind, version, against, before, after, counts, fields, items=tuple(items), thresholds=thresholds
    )
    queries.keep(conn, found, now)
    queries.keep_items(conn, found, items)
    return found
