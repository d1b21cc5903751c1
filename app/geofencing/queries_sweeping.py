"""Statements of the worker: where something is due, fences whose time is over, what is too old to keep."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, select, text, tuple_, union, update

from app.geofencing.tables import geofences
from app.geofencing.tables_following import followed_fixes, followed_lanes, followed_pairs, geofence_events

MOST_CITIES = 10_000
MOST_SOURCES = 500

# Fences that follow a region or a service area whose drawing in force is not the one that they were made from.
_BEHIND = text("""
    SELECT g.geofence_id, g.source, g.source_id, d.version AS source_version, d.boundary IS NULL AS gone,
           st_asbinary(d.boundary) AS boundary
    FROM geofences g
    JOIN geofence_versions v ON v.city_id = :city AND v.geofence_id = g.geofence_id AND v.version = g.current_version
    LEFT JOIN LATERAL (
        SELECT s.version, s.boundary FROM service_area_versions s
        WHERE g.source = 'service_area' AND s.city_id = :city AND s.service_area_id = g.source_id
          AND s.state = 'published' AND s.effective_from <= :now
          AND (s.effective_until IS NULL OR s.effective_until > :now)
        UNION ALL
        SELECT f.version, f.boundary FROM active_dataset a
        JOIN region_facts f ON f.city_id = :city AND f.version = a.version AND f.region_id = g.source_id
        WHERE g.source = 'region' AND a.city_id = :city AND a.kind = 'regions'
        LIMIT 1
    ) d ON true
    WHERE g.city_id = :city AND g.state = 'active' AND g.source <> 'drawn'
      AND d.version IS DISTINCT FROM v.source_version
    ORDER BY g.geofence_id LIMIT :limit
""")


def cities_with_work(conn: Connection, now: datetime) -> Sequence[int]:
    """Cities where a timer, a held fix or the end of a fence is due; one unlocked look over all of them."""
    due = union(
        select(followed_pairs.c.city_id).where(followed_pairs.c.due_at <= now),
        select(followed_lanes.c.city_id).where(followed_lanes.c.release_at <= now),
        select(geofences.c.city_id).where(geofences.c.state == "active", geofences.c.expires_at <= now),
    ).subquery("due")
    return (
        conn.execute(
            select(due.c.city_id)
            .prefix_with("/* cross-city: says where the worker has something to do */")
            .order_by(due.c.city_id)
            .limit(MOST_CITIES)
        )
        .scalars()
        .all()
    )


def forget_due(conn: Connection, city_id: int, keys: Sequence[tuple[UUID, UUID]]) -> None:
    """Pairs whose fence is over have no timers; the work of the fence lets them out."""
    if keys:
        conn.execute(
            update(followed_pairs)
            .where(
                followed_pairs.c.city_id == city_id,
                tuple_(followed_pairs.c.subject_id, followed_pairs.c.geofence_id).in_(list(keys)),
            )
            .values(due_at=None, revision=followed_pairs.c.revision + 1)
        )


def fences_over(conn: Connection, city_id: int, now: datetime, limit: int) -> Sequence[UUID]:
    """Fences whose time is over and that are still there."""
    return (
        conn.execute(
            select(geofences.c.geofence_id)
            .where(geofences.c.city_id == city_id, geofences.c.state == "active", geofences.c.expires_at <= now)
            .order_by(geofences.c.expires_at, geofences.c.geofence_id)
            .limit(limit)
        )
        .scalars()
        .all()
    )


def fences_behind(conn: Connection, city_id: int, now: datetime) -> list[Row[*tuple[Any, ...]]]:
    """Fences whose service area or region is drawn otherwise now, or is ``gone``."""
    return list(conn.execute(_BEHIND, {"city": city_id, "now": now, "limit": MOST_SOURCES}))


def purge_positions(conn: Connection, city_id: int, before: datetime, limit: int) -> int:
    """Removes fixes that came before an instant, so many at a time; how many went."""
    old = (
        select(followed_fixes.c.subject_id, followed_fixes.c.occurred_at)
        .where(followed_fixes.c.city_id == city_id, followed_fixes.c.received_at < before)
        .order_by(followed_fixes.c.received_at)
        .limit(limit)
    )
    here = tuple_(followed_fixes.c.subject_id, followed_fixes.c.occurred_at)
    done = conn.execute(delete(followed_fixes).where(followed_fixes.c.city_id == city_id, here.in_(old)))
    return done.rowcount


def forget_last_fixes(conn: Connection, city_id: int, before: datetime) -> int:
    """Lanes not seen since an instant forget where their subject was."""
    done = conn.execute(
        update(followed_lanes)
        .where(
            followed_lanes.c.city_id == city_id,
            followed_lanes.c.seen_at < before,
            followed_lanes.c.last_lon.is_not(None),
        )
        .values(last_lon=None, last_lat=None)
    )
    return done.rowcount


def purge_events(conn: Connection, city_id: int, before_id: UUID, limit: int) -> int:
    """Removes what was told before an instant (the id that it would make); the messages stay as long as others do."""
    old = (
        select(geofence_events.c.event_id)
        .where(geofence_events.c.city_id == city_id, geofence_events.c.event_id < before_id)
        .order_by(geofence_events.c.event_id)
        .limit(limit)
    )
    done = conn.execute(
        delete(geofence_events).where(geofence_events.c.city_id == city_id, geofence_events.c.event_id.in_(old))
    )
    return done.rowcount


# everything that is kept of a member in a city


def subjects_of(conn: Connection, city_id: int, member_id: UUID) -> Sequence[tuple[UUID, int]]:
    """A member's subjects and windows in a city."""
    rows = conn.execute(
        select(followed_lanes.c.subject_id, followed_lanes.c.reorder_s)
        .where(followed_lanes.c.city_id == city_id, followed_lanes.c.member_id == member_id)
        .order_by(followed_lanes.c.subject_id, followed_lanes.c.reorder_s)
        .limit(1000)
    )
    return [(row.subject_id, row.reorder_s) for row in rows]


def delete_positions(conn: Connection, city_id: int, subjects: Sequence[UUID]) -> int:
    """Every fix of some subjects."""
    return conn.execute(
        delete(followed_fixes).where(
            followed_fixes.c.city_id == city_id, followed_fixes.c.subject_id.in_(list(subjects))
        )
    ).rowcount


def delete_pairs(conn: Connection, city_id: int, subjects: Sequence[UUID]) -> int:
    """Where some subjects stood."""
    return conn.execute(
        delete(followed_pairs).where(
            followed_pairs.c.city_id == city_id, followed_pairs.c.subject_id.in_(list(subjects))
        )
    ).rowcount


def delete_lanes(conn: Connection, city_id: int, subjects: Sequence[UUID]) -> int:
    """How far some subjects were looked at."""
    return conn.execute(
        delete(followed_lanes).where(
            followed_lanes.c.city_id == city_id, followed_lanes.c.subject_id.in_(list(subjects))
        )
    ).rowcount


def detach_events(conn: Connection, city_id: int, member_id: UUID) -> int:
    """What was told stays, and nobody can tell of whom."""
    done = conn.execute(
        update(geofence_events)
        .where(geofence_events.c.city_id == city_id, geofence_events.c.member_id == member_id)
        .values(member_id=None, lon_cell=None, lat_cell=None)
    )
    return done.rowcount


def pairs_inside(conn: Connection, city_id: int, subjects: Sequence[UUID]) -> list[tuple[UUID, UUID, int]]:
    """Subject, fence and window where some subjects are or may be inside."""
    rows = conn.execute(
        select(followed_pairs.c.subject_id, followed_pairs.c.geofence_id, followed_pairs.c.reorder_s)
        .where(
            followed_pairs.c.city_id == city_id,
            followed_pairs.c.subject_id.in_(list(subjects)),
            followed_pairs.c.phase != "out",
        )
        .order_by(followed_pairs.c.subject_id, followed_pairs.c.geofence_id)
        .limit(5000)
    )
    return [(row.subject_id, row.geofence_id, row.reorder_s) for row in rows]
