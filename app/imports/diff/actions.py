"""Works out what a version changes against another, keeps it, and reads it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Final

import shapely
from sqlalchemy import Connection

from app.cities import queries as cities
from app.imports import comparing
from app.imports.checks.types import Limits
from app.imports.diff import queries, queries_impact, queries_places, regions, small
from app.imports.diff.regions import Areas, RegionsDiff
from app.imports.diff.rules import thresholds_of
from app.imports.diff.types import LAYERS, MAX_FIRST, MAX_ITEMS, Diff, Impact, Item, Moves

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
    if kind == "places" and against is not None:
        return _keep_places(conn, city_id, version, against, now, limits)
    return keep(conn, worked_out(conn, city_id, kind, version, against, limits), now)


def worked_out(
    conn: Connection,
    city_id: int,
    kind: str,
    version: int,
    against: int | None,
    limits: Limits = DEFAULTS,
) -> Diff:
    """The same without keeping it."""
    if against is None:
        after = comparing.compare(conn, comparing.table_of(kind), city_id, kind, version, None).after
        counts = {"added": after, "removed": 0, "kept": 0}
        return Diff(city_id, kind, version, None, 0, after, counts, items=all_new(conn, city_id, kind, version))
    if kind == "places":
        return _of_places(conn, city_id, version, against, limits, keep=False)
    if kind == "regions":
        old, new = (areas_of(conn, city_id, number) for number in (against, version))
        return of_regions(conn, city_id, version, against, regions.compare(old, new), limits)
    return _of_lists(conn, city_id, kind, version, against, limits)


def all_new(conn: Connection, city_id: int, kind: str, version: int) -> tuple[Item, ...]:
    """The first things of a version before which there was none, for the map."""
    if kind == "places":
        return queries_places.first_places(conn, city_id, version, MAX_ITEMS)
    if kind == "regions":
        return tuple(regions.compare({}, areas_of(conn, city_id, version)).items[:MAX_ITEMS])
    return ()


def areas_of(conn: Connection, city_id: int, version: int) -> Areas:
    """The areas of a version, to be compared."""
    return queries.region_rows(conn, city_id, version)


def keep(conn: Connection, found: Diff, now: datetime) -> Diff:
    """Writes a difference and the things that came with it, in the place of what was known of the two versions."""
    queries.forget(conn, found.city_id, found.kind, found.version, found.against or 0)
    queries.keep(conn, found, now)
    queries.keep_items(conn, found, found.items)
    return found


def _keep_places(conn: Connection, city_id: int, version: int, against: int, now: datetime, limits: Limits) -> Diff:
    """Places by the hundred thousand: the first things go into the table without leaving the database."""
    queries.forget(conn, city_id, "places", version, against)
    queries.keep(conn, Diff(city_id, "places", version, against, 0, 0, {}), now)
    found = _of_places(conn, city_id, version, against, limits, keep=True)
    items = (queries.items_of(conn, city_id, "places", version, against, layer, MAX_FIRST) for layer in LAYERS)
    found = replace(found, items=tuple(chain.from_iterable(items)))
    queries.keep(conn, found, now)
    return found


def of_regions(
    conn: Connection, city_id: int, version: int, against: int, compared: RegionsDiff, limits: Limits
) -> Diff:
    """The difference of two versions of areas that were compared already."""
    counts = {layer: compared.counts.get(layer, 0) for layer in (*LAYERS, "kept")}
    before, after = compared.counts["before"], compared.counts["after"]
    places = cities.active_version(conn, city_id, "places")
    impact = Impact()
    if compared.land or compared.touched:
        shown = None if places is None else places.version
        impact = queries_impact.of_land(conn, city_id, shown, _pieces(compared), compared.touched)
    return Diff(
        city_id, "regions", version, against, before, after, counts, compared.fields, items=tuple(compared.items),
        impact=impact, thresholds=thresholds_of("regions", before, after, counts, Moves(), limits),
    )  # fmt: skip


def _pieces(compared: RegionsDiff) -> list[bytes]:
    """The land that changes hands as polygons, each with a box of its own for the index."""
    land = shapely.get_parts(shapely.union_all(shapely.make_valid(compared.land)))
    polygons = [part for part in land if shapely.get_type_id(part) == 3 and part.area > 0]
    return [shapely.to_wkb(part) for part in polygons[:PIECES]]


def _of_places(conn: Connection, city_id: int, version: int, against: int, limits: Limits, *, keep: bool) -> Diff:
    with queries.planned_for_bulk(conn):
        counts, moves = queries_places.summary(conn, city_id, version, against, limits.moved_m, keep=keep)
        before, after = counts.pop("before"), counts.pop("after")
        fields = {name: count for name in queries_places.COMPARED if (count := counts.pop(name))}
        impact = Impact()
        if counts["removed"] or moves.far:
            impact = queries_impact.of_places(conn, city_id, version, against, limits.moved_m)
        items = [
            item
            for layer in LAYERS
            if not keep and counts.get(layer, 0)
            for item in queries_places.layer_items(conn, city_id, version, against, layer, MAX_FIRST)
        ]
    return Diff(
        city_id, "places", version, against, before, after, counts, fields, moves, tuple(items), impact,
        thresholds_of("places", before, after, counts, moves, limits),
    )  # fmt: skip


def _of_lists(conn: Connection, city_id: int, kind: str, version: int, against: int, limits: Limits) -> Diff:
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
    return Diff(
        city_id, kind, version, against, before, after, counts, fields, items=tuple(items),
        thresholds=thresholds_of(kind, before, after, counts, Moves(), limits),
    )  # fmt: skip
