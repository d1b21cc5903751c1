"""What merchants do with fences, and what time and new drawings do to them; none of it commits.

A change takes the next number of the city's fences, bumps their epoch, and leaves work behind that sees to those who
are inside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import shapely
from shapely import MultiPolygon
from sqlalchemy import Connection

from app.core.errors import NotFound, PreconditionFailed
from app.core.ids import new_city_id
from app.geofencing import queries_fences, queries_sets, queries_sweeping
from app.geofencing.errors import FenceExists, FenceLimit, FenceOver
from app.geofencing.sights import outline
from app.geofencing.types import FenceRow, FenceVersion, Rules, Wanted
from app.outbox.queries import put_job
from geo.coordinates import LonLat
from geo.geofence import Circle

MOST_FENCES: Final = 10_000
LET_OUT: Final = "geofence.let_out"
BY_ITSELF: Final = "fujin"


@dataclass(frozen=True, slots=True)
class Author:
    """Who acts, for which merchants, and when."""

    key: str
    merchant_ids: tuple[UUID, ...]
    now: datetime


def own_fence(conn: Connection, city_id: int, geofence_id: UUID, author: Author, *, lock: bool = False) -> FenceRow:
    """A fence of one of the author's merchants; NotFound."""
    found = queries_fences.fence_row(conn, city_id, geofence_id, lock=lock)
    if found is None or found.merchant_id not in author.merchant_ids:
        raise NotFound("there is no such fence")
    return found


def create(conn: Connection, city_id: int, merchant_id: UUID, external_id: str, wanted: Wanted, by: Author) -> FenceRow:
    """A fence; one that was there before under the same name is the same one again. FenceExists, FenceLimit."""
    before = queries_fences.fence_by_external_id(conn, city_id, merchant_id, external_id, lock=True)
    if before is not None and before.state == "active":
        said = f"change {before.geofence_id} instead, or delete it first"
        raise FenceExists(said, extra={"geofence_id": str(before.geofence_id)})
    if queries_fences.fence_count(conn, city_id, merchant_id, MOST_FENCES) >= MOST_FENCES:
        raise FenceLimit("delete a fence first")
    if before is not None:
        return _redrawn(conn, before, wanted, by.key, by.now, more=1)
    geofence_id = new_city_id(city_id)
    epoch = _next_epoch(conn, city_id, wanted, 1)
    queries_fences.insert_fence(conn, city_id, geofence_id, merchant_id, external_id, wanted, epoch, by.now)
    queries_fences.insert_version(conn, city_id, geofence_id, 1, wanted, by.key, by.now)
    found = queries_fences.fence_row(conn, city_id, geofence_id)
    assert found is not None
    return found


def change(conn: Connection, row: FenceRow, wanted: Wanted, by: Author) -> FenceRow:
    """A new version; the same words and drawing change nothing. FenceOver, PreconditionFailed."""
    if row.state != "active":
        raise FenceOver("create it anew under the same external_id")
    if _said(queries_fences.versions_of(conn, row.city_id, row.geofence_id, 1)[0], row) == _said_of(wanted):
        return row
    return _redrawn(conn, row, wanted, by.key, by.now, more=0)


def delete(conn: Connection, row: FenceRow, now: datetime) -> FenceRow:
    """The fence is over, and those inside are let out; again is as good as once. PreconditionFailed."""
    if row.state == "deleted":
        return row
    return _over(conn, row, "deleted", now)


def expire_due(conn: Connection, city_id: int, now: datetime) -> int:
    """Ends fences whose time is over; how many."""
    due = queries_sweeping.fences_over(conn, city_id, now, 100)
    for geofence_id in due:
        row = queries_fences.fence_row(conn, city_id, geofence_id, lock=True)
        if row is not None and row.state == "active" and row.expires_at is not None and row.expires_at <= now:
            _over(conn, row, "expired", now, ended_at=row.expires_at)
    return len(due)


def follow_sources(conn: Connection, city_id: int, now: datetime) -> int:
    """Draws fences anew whose service area or region is drawn otherwise now; one that is gone ends them. How many."""
    behind = queries_sweeping.fences_behind(conn, city_id, now)
    for found in behind:
        row = queries_fences.fence_row(conn, city_id, found.geofence_id, lock=True)
        if row is None or row.state != "active":
            continue
        if found.gone:
            _over(conn, row, "deleted", now)
            continue
        last = queries_fences.versions_of(conn, city_id, row.geofence_id, 1)[0]
        zone = queries_fences.version_in_force(conn, city_id, row.geofence_id).hours
        kept = wanted_again(last, row, zone.time_zone if zone else "UTC")
        drawn = replace(kept, shape=queries_sets.area_of(bytes(found.boundary)), source_version=found.source_version)
        _redrawn(conn, row, drawn, BY_ITSELF, now, more=0)
    return len(behind)


def wanted_again(version: FenceVersion, row: FenceRow, time_zone: str) -> Wanted:
    """A version as it would be wanted once more."""
    if version.radius_m is not None and version.center_lon is not None and version.center_lat is not None:
        shape: Circle | MultiPolygon = Circle(LonLat(version.center_lon, version.center_lat), version.radius_m)
    else:
        drawn = shapely.from_geojson(version.boundary)
        assert isinstance(drawn, MultiPolygon)
        shape = drawn
    return Wanted(
        name=version.name,
        shape=shape,
        rules=Rules(
            version.enter_after_s,
            tuple(version.dwell_s),
            version.exit_after_s,
            version.exit_buffer_m,
            version.max_accuracy_m,
            version.cooldown_s,
            version.reorder_s,
        ),
        schedule=version.schedule,
        time_zone=time_zone,
        tags=tuple(version.tags),
        expires_at=row.expires_at,
        source=row.source,
        source_id=row.source_id,
        source_version=version.source_version,
    )


def _said(version: FenceVersion, row: FenceRow) -> tuple[Any, ...]:
    return _said_of(wanted_again(version, row, ""))


def _said_of(wanted: Wanted) -> tuple[Any, ...]:
    shape = wanted.shape
    drawn = shape if isinstance(shape, Circle) else shapely.normalize(shapely.set_precision(shape, 1e-7)).wkb
    return (
        drawn,
        *(getattr(wanted, name) for name in Wanted.__dataclass_fields__ if name not in ("shape", "time_zone")),
    )


def _redrawn(conn: Connection, row: FenceRow, wanted: Wanted, by: str, now: datetime, *, more: int) -> FenceRow:
    version = row.current_version + 1
    queries_fences.insert_version(conn, row.city_id, row.geofence_id, version, wanted, by, now)
    columns = {
        "state": "active",
        "ended_at": None,
        "current_version": version,
        "epoch": _next_epoch(conn, row.city_id, wanted, more),
        "changed_at": now,
    }
    return _written(conn, row, columns, wanted, now)


def _over(conn: Connection, row: FenceRow, state: str, now: datetime, ended_at: datetime | None = None) -> FenceRow:
    shape = queries_fences.version_in_force(conn, row.city_id, row.geofence_id).shape
    epoch = queries_sets.next_epoch(conn, row.city_id, outline(shape), 0, -1 if row.state == "active" else 0)
    columns = {"state": state, "ended_at": ended_at or row.ended_at or now, "epoch": epoch, "changed_at": now}
    return _written(conn, row, columns, None, now)


def _written(
    conn: Connection, row: FenceRow, columns: dict[str, Any], wanted: Wanted | None, now: datetime
) -> FenceRow:
    changed = queries_fences.update_fence(conn, row, columns, wanted)
    if changed is None:
        raise PreconditionFailed("read it again and send the change with the new ETag")
    put_job(conn, row.city_id, LET_OUT, row.geofence_id, now, now)
    return changed


def _next_epoch(conn: Connection, city_id: int, wanted: Wanted, more: int) -> int:
    return queries_sets.next_epoch(conn, city_id, outline(wanted.shape), wanted.rules.reorder_s, more)
