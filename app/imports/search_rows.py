"""The search rows of a whole version, written while nobody reads it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from app.cities import queries as cities
from app.cities.types import WORLD_CITY_ID
from app.coupons.search_rows import put_coupon_lanes
from app.imports import search_waiting
from app.imports.copying import copy_rows
from app.imports.queries import places_extent, refresh_statistics
from app.imports.tally import batches
from app.imports.types import Progress
from app.places.queries import taxonomy
from app.places.queries_links import show_links
from app.places.search_rows import live_places
from app.postings import queries
from app.postings.actions import put
from app.postings.charts import slot_of
from app.postings.tables import postings, search_facets
from app.postings.types import FacetKey, Listed

MOST_NUMBERS: Final = 200_000


def build(conn: Connection, city_id: int, version: int, now: datetime, progress: Progress | None = None) -> None:
    """Writes the search rows of a version of a city's places by COPY, in the place of what its slot held.

    The caller commits; until then readers find what was there before.
    """
    queries.clear_slot(conn, city_id, slot_of(version))
    tree = taxonomy(conn, cities.world_versions(conn).categories)
    numbers: dict[FacetKey, int] = {}
    for batch in live_places(conn, city_id, version, tree):
        if len(numbers) > MOST_NUMBERS:
            numbers.clear()  # whole names are facets too: a nation has millions
        _copy_batch(conn, city_id, version, batch, numbers)
        if progress is not None:
            progress(len(batch))
    queries.mark_slot(conn, city_id, version, now)
    refresh_statistics(conn, postings)


def begin(conn: Connection, city_id: int, version: int) -> bool:
    """Empties the slot of a version that is about to be loaded, and keeps it for that until the transaction ends.

    False when others work on the slot, or readers see what it holds: search rows are then built when it is shown.
    """
    slot = slot_of(version)
    if not queries.take_slot(conn, city_id, slot):
        return False
    active = cities.active_version(conn, city_id, "places")
    if active is not None and slot_of(active.version) == slot:
        return False
    queries.clear_slot(conn, city_id, slot)
    return True


def finish(conn: Connection, city_id: int, version: int, now: datetime) -> None:
    """Search rows of a version that is loaded: those written while it was read, made true to what became of places."""
    refresh_statistics(conn, postings, search_facets)
    tree = taxonomy(conn, cities.world_versions(conn).categories)
    for some in batches(search_waiting.gone(conn, city_id, version)):
        queries.delete_rows(conn, city_id, version, some)
    for some in batches(search_waiting.otherwise(conn, city_id, version)):
        for batch in live_places(conn, city_id, version, tree, some):
            put(conn, city_id, version, batch)
    for some in batches(search_waiting.left_out(conn, city_id, version)):
        for batch in live_places(conn, city_id, version, tree, some):
            _copy_batch(conn, city_id, version, batch, {})
    extent, live = places_extent(conn, city_id, version)
    queries.mark_slot(conn, city_id, version, now, live_places=live, extent=extent)


def _copy_batch(
    conn: Connection, city_id: int, version: int, batch: Sequence[Listed], numbers: dict[FacetKey, int]
) -> None:
    """Search rows of some places that have none, by COPY; ``numbers`` are those of facets met so far, and grow."""
    fresh = {key for place in batch for key in place.facets} - numbers.keys()
    numbers |= queries.number_facets(conn, city_id, fresh)
    rows = (row for place in batch for row in queries.rows_of(city_id, version, place, numbers))
    copy_rows(conn, postings, queries.COLUMNS, rows)


def ensure_built(conn: Connection, city_id: int, version: int, now: datetime) -> bool:
    """Builds the search rows of a version whose slot another took, or that stand in lanes of an older category tree.

    False when they were there as they should be.
    """
    built_at = queries.built_at(conn, city_id, version)
    tree = cities.active_version(conn, WORLD_CITY_ID, "categories")
    if built_at is not None and (tree is None or tree.activated_at is None or tree.activated_at <= built_at):
        return False
    build(conn, city_id, version, now)
    return True


def after_activation(conn: Connection, city_id: int, version: int, now: datetime) -> None:
    """Search rows of the version that readers are about to see: all there, in the lanes of today's coupons."""
    ensure_built(conn, city_id, version, now)
    put_coupon_lanes(conn, city_id, version)


def rebuild_all(conn: Connection, now: datetime, *, only_missing: bool = False, city_id: int | None = None) -> int:
    """Search rows of every city's places that readers see, written anew (or where missing); how many cities."""
    done = 0
    for known in cities.active_datasets(conn):
        if city_id not in (None, known.city_id):
            continue
        cities.lock_versions(conn, known.city_id)
        queries.hold_rows(conn, known.city_id)
        active = cities.active_version(conn, known.city_id, "places")
        if active is None:
            continue
        show_links(conn, known.city_id, now)
        if only_missing and queries.built_at(conn, known.city_id, active.version) is not None:
            continue
        build(conn, known.city_id, active.version, now)
        put_coupon_lanes(conn, known.city_id, active.version)
        done += 1
    return done
