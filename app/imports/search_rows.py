"""The search rows of a whole version, written while nobody reads it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.cities import queries as cities
from app.coupons.search_rows import put_coupon_lanes
from app.imports.copying import copy_rows
from app.imports.queries import refresh_statistics
from app.imports.types import Progress
from app.places.queries import taxonomy
from app.places.search_rows import live_places
from app.postings import queries
from app.postings.charts import slot_of
from app.postings.tables import postings
from app.postings.types import FacetKey


def build(conn: Connection, city_id: int, version: int, now: datetime, progress: Progress | None = None) -> None:
    """Writes the search rows of a version of a city's places by COPY, in the place of what its slot held.

    The caller commits; until then readers find what was there before.
    """
    queries.clear_slot(conn, city_id, slot_of(version))
    tree = taxonomy(conn, cities.world_versions(conn).categories)
    numbers: dict[FacetKey, int] = {}

    def rows() -> Iterator[tuple[Any, ...]]:
        for place in batch:
            yield from queries.rows_of(city_id, version, place, numbers)

    for batch in live_places(conn, city_id, version, tree):
        fresh = {key for place in batch for key in place.facets} - numbers.keys()
        numbers |= queries.number_facets(conn, city_id, fresh)
        copy_rows(conn, postings, queries.COLUMNS, rows())
        if progress is not None:
            progress(len(batch))
    queries.mark_slot(conn, city_id, version, now)
    refresh_statistics(conn, postings)


def ensure_built(conn: Connection, city_id: int, version: int, now: datetime) -> bool:
    """Builds the search rows of a version whose slot another took; False when they were there."""
    if queries.version_in_slot(conn, city_id, slot_of(version)) == version:
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
    for city in cities.active_datasets(conn):
        version = city.places_version
        if version is None or city_id not in (None, city.city_id):
            continue
        cities.lock_versions(conn, city.city_id)
        if only_missing and queries.version_in_slot(conn, city.city_id, slot_of(version)) == version:
            continue
        build(conn, city.city_id, version, now)
        put_coupon_lanes(conn, city.city_id, version)
        done += 1
    return done
