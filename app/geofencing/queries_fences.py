"""Statements about fences as merchants run them: one, a page, versions, and the drawings that a fence can follow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import shapely
from sqlalchemy import Connection, Row, and_, func, insert, literal, or_, select, update
from sqlalchemy.types import DateTime

from app.cities.tables import active_dataset
from app.core.spatial import as_wkb, from_wkb, geojson
from app.geofencing.queries_sets import CURRENT, FENCE, fence_of
from app.geofencing.sights import outline
from app.geofencing.tables import geofence_versions, geofences
from app.geofencing.tables_following import geofence_events
from app.geofencing.types import Fence, FenceRow, FenceVersion, Wanted
from app.regions.tables import region_facts
from app.service_areas.tables import service_area_versions, service_areas
from geo.geofence import Circle

MOST_VERSIONS = 100
_ROW = tuple(geofences.c[name] for name in FenceRow.__dataclass_fields__)
_VERSION = tuple(
    geojson(geofence_versions.c.boundary).label(name) if name == "boundary" else geofence_versions.c[name]
    for name in FenceVersion.__dataclass_fields__
)


def fence_row(conn: Connection, city_id: int, geofence_id: UUID, *, lock: bool = False) -> FenceRow | None:
    """A fence of anyone."""
    wanted = select(*_ROW).where(geofences.c.city_id == city_id, geofences.c.geofence_id == geofence_id)
    row = conn.execute(wanted.with_for_update() if lock else wanted).one_or_none()
    return None if row is None else FenceRow(*row)


def fence_by_external_id(
    conn: Connection, city_id: int, merchant_id: UUID, external_id: str, *, lock: bool = False
) -> FenceRow | None:
    """A merchant's fence by the merchant's own name of it, whatever became of it."""
    wanted = select(*_ROW).where(
        geofences.c.city_id == city_id, geofences.c.merchant_id == merchant_id, geofences.c.external_id == external_id
    )
    row = conn.execute(wanted.with_for_update() if lock else wanted).one_or_none()
    return None if row is None else FenceRow(*row)


def fences_page(
    conn: Connection, merchant_ids: Sequence[UUID], states: Sequence[str], before: UUID | None, limit: int
) -> list[FenceRow]:
    """Fences of merchants in every city, newest first."""
    wanted = (
        select(*_ROW)
        .prefix_with("/* cross-city: a merchant's own list */")
        .where(geofences.c.merchant_id.in_(list(merchant_ids)), geofences.c.state.in_(list(states)))
    )
    if before is not None:
        wanted = wanted.where(geofences.c.geofence_id < before)
    rows = conn.execute(wanted.order_by(geofences.c.geofence_id.desc()).limit(limit))
    return [FenceRow(*row) for row in rows]


def fence_count(conn: Connection, city_id: int, merchant_id: UUID, most: int) -> int:
    """How many fences a merchant has in a city, ``most`` at most."""
    some = (
        select(literal(1).label("one"))
        .where(geofences.c.city_id == city_id, geofences.c.merchant_id == merchant_id, geofences.c.state == "active")
        .limit(most)
        .subquery()
    )
    return int(conn.execute(select(func.count()).select_from(some)).scalar_one())


def versions_of(conn: Connection, city_id: int, geofence_id: UUID, limit: int = MOST_VERSIONS) -> list[FenceVersion]:
    """What a fence's versions say, newest first."""
    rows = conn.execute(
        select(*_VERSION)
        .where(geofence_versions.c.city_id == city_id, geofence_versions.c.geofence_id == geofence_id)
        .order_by(geofence_versions.c.version.desc())
        .limit(limit)
    )
    return [FenceVersion(*row) for row in rows]


def versions_in_force(conn: Connection, rows: Sequence[FenceRow]) -> dict[UUID, FenceVersion]:
    """The current versions of some fences, by fence; one statement a city."""
    found: dict[UUID, FenceVersion] = {}
    for city_id in sorted({row.city_id for row in rows}):
        ids = [row.geofence_id for row in rows if row.city_id == city_id]
        here = (geofences.c.city_id == city_id, geofences.c.geofence_id.in_(ids))
        columns = (geofences.c.geofence_id, *_VERSION)
        wanted = select(*columns).join_from(geofences, geofence_versions, CURRENT).where(*here)
        for row in conn.execute(wanted.order_by(geofences.c.geofence_id).limit(len(ids))):
            found[row[0]] = FenceVersion(*row[1:])
    return found


def version_in_force(conn: Connection, city_id: int, geofence_id: UUID) -> Fence:
    """The current version of a fence as fixes meet it, whatever became of the fence; it must be there."""
    row = conn.execute(
        select(*FENCE)
        .join_from(geofences, geofence_versions, CURRENT)
        .where(geofences.c.city_id == city_id, geofences.c.geofence_id == geofence_id)
    ).one()
    return fence_of(row)


def insert_fence(
    conn: Connection, city_id: int, geofence_id: UUID, merchant_id: UUID, external_id: str, wanted: Wanted,
    epoch: int, now: datetime,
) -> None:  # fmt: skip
    """A new fence; its first version is put beside it."""
    conn.execute(
        insert(geofences).values(
            city_id=city_id,
            geofence_id=geofence_id,
            merchant_id=merchant_id,
            external_id=external_id,
            state="active",
            current_version=1,
            revision=1,
            epoch=epoch,
            source=wanted.source,
            source_id=wanted.source_id,
            outline=from_wkb(shapely.to_wkb(outline(wanted.shape))),
            expires_at=wanted.expires_at,
            created_at=now,
            changed_at=now,
        )
    )


def update_fence(conn: Connection, row: FenceRow, columns: dict[str, Any], wanted: Wanted | None) -> FenceRow | None:
    """Changes a fence that is still as it was read; ``wanted`` draws it anew."""
    changes = dict(columns) | {"revision": row.revision + 1}
    if wanted is not None:
        changes |= {
            "outline": from_wkb(shapely.to_wkb(outline(wanted.shape))),
            "expires_at": wanted.expires_at,
            "source": wanted.source,
            "source_id": wanted.source_id,
        }
    found = conn.execute(
        update(geofences)
        .where(
            geofences.c.city_id == row.city_id,
            geofences.c.geofence_id == row.geofence_id,
            geofences.c.revision == row.revision,
        )
        .values(changes)
        .returning(*_ROW)
    ).one_or_none()
    return None if found is None else FenceRow(*found)


def insert_version(
    conn: Connection, city_id: int, geofence_id: UUID, version: int, wanted: Wanted, created_by: str, now: datetime
) -> None:
    """What a version says, for good."""
    circle = wanted.shape if isinstance(wanted.shape, Circle) else None
    conn.execute(
        insert(geofence_versions).values(
            city_id=city_id,
            geofence_id=geofence_id,
            version=version,
            name=wanted.name,
            boundary=None if isinstance(wanted.shape, Circle) else from_wkb(shapely.to_wkb(wanted.shape)),
            center_lon=circle and circle.center.lon,
            center_lat=circle and circle.center.lat,
            radius_m=circle and circle.radius_m,
            enter_after_s=wanted.rules.enter_after_s,
            dwell_s=list(wanted.rules.dwell_s),
            exit_after_s=wanted.rules.exit_after_s,
            exit_buffer_m=wanted.rules.exit_buffer_m,
            max_accuracy_m=wanted.rules.max_accuracy_m,
            cooldown_s=wanted.rules.cooldown_s,
            reorder_s=wanted.rules.reorder_s,
            schedule=wanted.schedule,
            time_zone=wanted.time_zone,
            tags=list(wanted.tags),
            source_version=wanted.source_version,
            created_by=created_by,
            created_at=now,
        )
    )


def service_area_drawing(
    conn: Connection, city_id: int, service_area_id: UUID, merchant_ids: Sequence[UUID], now: datetime
) -> tuple[int, bytes] | None:
    """Version and drawing of a published service area of one of the merchants."""
    at = literal(now, DateTime(timezone=True))
    drawings = service_area_versions
    row = conn.execute(
        select(drawings.c.version, as_wkb(drawings.c.boundary).label("boundary"))
        .join_from(
            service_areas,
            drawings,
            and_(
                drawings.c.city_id == service_areas.c.city_id,
                drawings.c.service_area_id == service_areas.c.service_area_id,
            ),
        )
        .where(
            service_areas.c.city_id == city_id,
            service_areas.c.service_area_id == service_area_id,
            service_areas.c.merchant_id.in_(list(merchant_ids)),
            drawings.c.state == "published",
            drawings.c.effective_from <= at,
            or_(drawings.c.effective_until.is_(None), drawings.c.effective_until > at),
        )
        .limit(1)
    ).one_or_none()
    return None if row is None else (row.version, bytes(row.boundary))


def region_drawing(conn: Connection, city_id: int, region_id: UUID) -> tuple[int, bytes] | None:
    """Version and drawing of a region in force; business districts are regions."""
    row = conn.execute(
        select(region_facts.c.version, as_wkb(region_facts.c.boundary).label("boundary"))
        .join_from(
            active_dataset,
            region_facts,
            and_(
                region_facts.c.city_id == active_dataset.c.city_id, region_facts.c.version == active_dataset.c.version
            ),
        )
        .where(
            active_dataset.c.city_id == city_id,
            active_dataset.c.kind == "regions",
            region_facts.c.region_id == region_id,
        )
    ).one_or_none()
    return None if row is None else (row.version, bytes(row.boundary))


def event_row(conn: Connection, city_id: int, event_id: UUID) -> Row[*tuple[Any, ...]] | None:
    """What was told, with whose fence it is."""
    return conn.execute(
        select(
            geofence_events.c.event_id,
            geofence_events.c.geofence_id,
            geofence_events.c.pair_id,
            geofence_events.c.seq,
            geofence_events.c.what,
            geofence_events.c.cause,
            geofence_events.c.fence_version,
            geofence_events.c.occurred_at,
            geofence_events.c.detected_at,
            geofence_events.c.confidence,
            geofence_events.c.late,
            geofence_events.c.replayed,
            geofence_events.c.dwell_s,
            geofence_events.c.fix_at,
            geofence_events.c.fix_accuracy_m,
            geofence_events.c.border_m,
            geofence_events.c.lon_cell,
            geofence_events.c.lat_cell,
            geofences.c.city_id,
            geofences.c.merchant_id,
            geofences.c.external_id,
        )
        .join_from(
            geofence_events,
            geofences,
            and_(
                geofences.c.city_id == geofence_events.c.city_id,
                geofences.c.geofence_id == geofence_events.c.geofence_id,
            ),
        )
        .where(geofence_events.c.city_id == city_id, geofence_events.c.event_id == event_id)
    ).one_or_none()


def version_numbered(conn: Connection, city_id: int, geofence_id: UUID, version: int) -> FenceVersion | None:
    """What one version of a fence said."""
    row = conn.execute(
        select(*_VERSION).where(
            geofence_versions.c.city_id == city_id,
            geofence_versions.c.geofence_id == geofence_id,
            geofence_versions.c.version == version,
        )
    ).one_or_none()
    return None if row is None else FenceVersion(*row)
