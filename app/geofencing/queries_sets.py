"""Statements about what a city's fences are now, and which fences fixes meet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import shapely
from shapely import MultiPolygon
from sqlalchemy import Connection, Row, select, text

from app.core.spatial import as_wkb
from app.geofencing.tables import geofence_sets, geofence_versions, geofences
from app.geofencing.types import Fence, FenceSet, Rules
from app.places.opening_hours import HoursPattern
from geo.coordinates import LonLat
from geo.geofence import Circle

MOST_CITIES = 10_000
MOST_TOUCHED = 20_000

FENCE = (
    geofences.c.city_id,
    geofences.c.geofence_id,
    geofences.c.merchant_id,
    geofences.c.external_id,
    geofences.c.state,
    geofences.c.current_version,
    geofences.c.epoch,
    geofences.c.expires_at,
    as_wkb(geofence_versions.c.boundary).label("boundary"),
    geofence_versions.c.center_lon,
    geofence_versions.c.center_lat,
    geofence_versions.c.radius_m,
    geofence_versions.c.enter_after_s,
    geofence_versions.c.dwell_s,
    geofence_versions.c.exit_after_s,
    geofence_versions.c.exit_buffer_m,
    geofence_versions.c.max_accuracy_m,
    geofence_versions.c.cooldown_s,
    geofence_versions.c.reorder_s,
    geofence_versions.c.schedule,
    geofence_versions.c.time_zone,
)
CURRENT = (
    (geofence_versions.c.city_id == geofences.c.city_id)
    & (geofence_versions.c.geofence_id == geofences.c.geofence_id)
    & (geofence_versions.c.version == geofences.c.current_version)
)

# Each way is a point, or the line from the fix before; one index probe each.
_TOUCHED = text("""
    SELECT way.no, fence.geofence_id
    FROM unnest(CAST(:shapes AS text[])) WITH ORDINALITY AS way (shape, no)
    JOIN geofences fence ON fence.city_id = :city AND fence.state = 'active'
                        AND st_intersects(fence.outline, CAST(way.shape AS geometry))
    ORDER BY way.no, fence.geofence_id LIMIT :limit
""")
_BUMP = text("""
    INSERT INTO geofence_sets AS mine (city_id, epoch, fence_count, west, south, east, north, reorders)
    VALUES (:city, 1, greatest(:more, 0), :west, :south, :east, :north, CAST(:reorders AS integer[]))
    ON CONFLICT (city_id) DO UPDATE SET
        epoch = mine.epoch + 1, fence_count = mine.fence_count + :more,
        west = least(mine.west, :west), south = least(mine.south, :south),
        east = greatest(mine.east, :east), north = greatest(mine.north, :north),
        reorders = CASE WHEN mine.reorders @> CAST(:reorders AS integer[]) THEN mine.reorders
                        ELSE mine.reorders || CAST(:reorders AS integer[]) END
    RETURNING epoch
""")
_SETS = (
    select(
        geofence_sets.c.city_id,
        geofence_sets.c.epoch,
        geofence_sets.c.fence_count,
        geofence_sets.c.west,
        geofence_sets.c.south,
        geofence_sets.c.east,
        geofence_sets.c.north,
        geofence_sets.c.reorders,
    )
    .prefix_with("/* cross-city: says whose fences a fix may meet */")
    .order_by(geofence_sets.c.city_id)
    .limit(MOST_CITIES)
)


def fence_sets(conn: Connection) -> tuple[FenceSet, ...]:
    """What the fences of every city are now; one small look over all of them."""
    rows = conn.execute(_SETS)
    return tuple(FenceSet(*row[:7], reorders=tuple(sorted(set(row[7])))) for row in rows)


def next_epoch(conn: Connection, city_id: int, outline: MultiPolygon, reorder_s: int, more: int) -> int:
    """The number of a change of a city's fences, which take turns by it; ``more`` fences are there than before."""
    west, south, east, north = (float(edge) for edge in outline.bounds)
    box = {"west": west, "south": south, "east": east, "north": north}
    given = {"city": city_id, "more": more, "reorders": [reorder_s], **box}
    return int(conn.execute(_BUMP, given).scalar_one())


def touched(conn: Connection, city_id: int, ways: Sequence[shapely.Geometry]) -> list[tuple[int, UUID]]:
    """Which fences (by id) the ways touch: pairs of the way's number and the fence, by the database's index."""
    shapes = [str(one) for one in shapely.to_wkb(shapely.set_srid(list(ways), 4326), hex=True, include_srid=True)]
    rows = conn.execute(_TOUCHED, {"shapes": shapes, "city": city_id, "limit": MOST_TOUCHED})
    return [(int(row.no) - 1, row.geofence_id) for row in rows]


def fences_by_id(conn: Connection, city_id: int, geofence_ids: Sequence[UUID]) -> list[Fence]:
    """Fences that are there, of those named."""
    if not geofence_ids:
        return []
    rows = conn.execute(
        select(*FENCE)
        .join_from(geofences, geofence_versions, CURRENT)
        .where(
            geofences.c.city_id == city_id,
            geofences.c.geofence_id.in_(list(geofence_ids)),
            geofences.c.state == "active",
        )
        .order_by(geofences.c.geofence_id)
        .limit(MOST_TOUCHED)
    )
    return [fence_of(row) for row in rows]


def fences_after(conn: Connection, city_id: int, after: UUID | None, limit: int) -> list[Fence]:
    """A page of the fences that are there, by id."""
    wanted = (
        select(*FENCE)
        .join_from(geofences, geofence_versions, CURRENT)
        .where(geofences.c.city_id == city_id, geofences.c.state == "active")
    )
    if after is not None:
        wanted = wanted.where(geofences.c.geofence_id > after)
    rows = conn.execute(wanted.order_by(geofences.c.geofence_id).limit(limit)).all()
    drawn = shapely.from_wkb([None if row.boundary is None else bytes(row.boundary) for row in rows])
    return [fence_of(row, shape) for row, shape in zip(rows, drawn, strict=True)]


def changed_since(conn: Connection, city_id: int, epoch: int, limit: int) -> list[tuple[UUID, Fence | None]]:
    """What changed among a city's fences after an epoch: fences as they are now, None for those that are over."""
    rows = conn.execute(
        select(*FENCE)
        .join_from(geofences, geofence_versions, CURRENT)
        .where(geofences.c.city_id == city_id, geofences.c.epoch > epoch)
        .order_by(geofences.c.epoch, geofences.c.geofence_id)
        .limit(limit)
    )
    return [(row.geofence_id, fence_of(row) if row.state == "active" else None) for row in rows]


def fence_of(row: Row[*tuple[Any, ...]], drawn: Any = None) -> Fence:
    """A fence from the columns ``FENCE``; ``drawn`` is its drawing where that is read already."""
    if isinstance(drawn, MultiPolygon):
        shape: Circle | MultiPolygon = drawn
    elif row.radius_m is not None:
        shape = Circle(LonLat(row.center_lon, row.center_lat), row.radius_m)
    else:
        shape = area_of(bytes(row.boundary))
    return Fence(
        city_id=row.city_id,
        geofence_id=row.geofence_id,
        merchant_id=row.merchant_id,
        external_id=row.external_id,
        version=row.current_version,
        shape=shape,
        rules=_rules(
            row.enter_after_s,
            tuple(row.dwell_s),
            row.exit_after_s,
            row.exit_buffer_m,
            row.max_accuracy_m,
            row.cooldown_s,
            row.reorder_s,
        ),
        hours=None if row.schedule is None else _hours(row.schedule, row.time_zone),
        expires_at=row.expires_at,
    )


def area_of(wkb: bytes) -> MultiPolygon:
    """A stored drawing."""
    found = shapely.from_wkb(wkb)
    if isinstance(found, shapely.Polygon):
        return MultiPolygon([found])
    assert isinstance(found, MultiPolygon)
    return found


@lru_cache(maxsize=10_000)
def _rules(*given: Any) -> Rules:
    """Fences with the same rules share them."""
    return Rules(*given)


@lru_cache(maxsize=10_000)
def _hours(schedule: str, time_zone: str) -> HoursPattern:
    return HoursPattern(0, schedule, time_zone, None, workday_calendar=False, parsed=True)
