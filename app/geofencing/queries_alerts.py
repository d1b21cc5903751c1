"""Statements about saved areas, and whom a new coupon, a new place or an event of a fence concerns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import shapely
from shapely import MultiPolygon
from sqlalchemy import Connection, Row, TextClause, delete, or_, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from app.core.ids import new_city_id
from app.core.spatial import from_wkb, geojson
from app.geofencing.tables_alerts import alert_cursors, area_watches, geofence_offers, member_alerts, saved_areas
from app.places.queries_changes import Arrival

MOST_SAVED = 20
EVENTS_A_TURN = 1_000
AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Saved:
    """A place, circle or area that a member saved; ``boundary`` is GeoJSON text."""

    saved_id: str
    name: str
    place_id: UUID | None
    boundary: str | None
    center_lon: float | None
    center_lat: float | None
    radius_m: float | None
    watch: list[str]
    price_below_minor: int | None
    currency: str | None
    expires_at: datetime | None
    cities: list[int]
    row_version: int
    changed_at: datetime


_SAVED = tuple(
    geojson(saved_areas.c.boundary).label(name) if name == "boundary" else saved_areas.c[name]
    for name in Saved.__dataclass_fields__
)


def _watched(place: str) -> str:
    """Whether the watch of w holds a geography."""
    return f"""
        st_covers(w.outline, CAST({place} AS geometry)) AND (w.radius_m IS NULL OR st_dwithin({place}, CAST(
            st_setsrid(st_makepoint(w.center_lon, w.center_lat), 4326) AS geography), w.radius_m, false))
    """


# Whose watches hold a place where a coupon on offer can be used, and who was not told of it; the first saved by name.
_CONCERNED = text(f"""
    SELECT DISTINCT ON (w.member_id) w.member_id, w.saved_id,
           CASE WHEN 'new_coupon' = ANY (w.watch) THEN 'new_coupon' ELSE 'price_below' END AS kind, f.place_id,
           c.merchant_id, v.claim_until, l.time_zone, l.quiet_from_min, l.quiet_until_min
    FROM coupons c
    JOIN coupon_versions v ON v.city_id = :city AND v.coupon_id = c.coupon_id AND v.version = c.current_version
    JOIN coupon_places p ON p.city_id = :city AND p.coupon_id = c.coupon_id
    JOIN active_dataset a ON a.city_id = :city AND a.kind = 'places'
    JOIN place_facts f ON f.city_id = :city AND f.version = a.version AND f.place_id = p.place_id AND NOT f.closed
    JOIN area_watches w ON w.city_id = :city AND {_watched("f.location")}
        AND (w.place_id IS NULL OR w.place_id = f.place_id)
        AND (w.expires_at IS NULL OR w.expires_at > :now)
        AND ('new_coupon' = ANY (w.watch)
             OR ('price_below' = ANY (w.watch) AND w.currency = v.currency AND v.price_minor < w.price_below_minor))
    LEFT JOIN location_choices l ON l.member_id = w.member_id
    WHERE c.city_id = :city AND c.coupon_id = :coupon AND c.state = 'published' AND v.claim_until > :now
      AND NOT EXISTS (SELECT 1 FROM member_alerts m WHERE m.city_id = :city AND m.member_id = w.member_id
                      AND m.coupon_id = c.coupon_id AND m.kind IN ('new_coupon', 'price_below'))
    ORDER BY w.member_id, 'new_coupon' = ANY (w.watch) DESC, w.saved_id, f.place_id
    LIMIT :limit
""")


def _arrivals(came: str) -> TextClause:
    """Likewise for places that came into sight, ``was`` where they stood before (null: nowhere), and who was not told.

    A place that moved concerns those who saved where it is and not where it was.
    """
    return text(f"""
        SELECT w.member_id, min(w.saved_id) AS saved_id, f.place_id, l.time_zone, l.quiet_from_min, l.quiet_until_min
        FROM ({came}) AS n
        JOIN place_facts f ON f.city_id = :city AND f.version = :version AND f.place_id = n.place_id AND NOT f.closed
        JOIN area_watches w ON w.city_id = :city AND {_watched("f.location")}
            AND w.place_id IS NULL AND 'new_place' = ANY (w.watch) AND (w.expires_at IS NULL OR w.expires_at > :now)
            AND (n.was IS NULL OR NOT ({_watched("n.was")}))
        LEFT JOIN location_choices l ON l.member_id = w.member_id
        WHERE NOT EXISTS (SELECT 1 FROM member_alerts m WHERE m.city_id = :city AND m.member_id = w.member_id
                          AND m.place_id = f.place_id AND m.kind = 'new_place')
        GROUP BY w.member_id, f.place_id, l.time_zone, l.quiet_from_min, l.quiet_until_min
        ORDER BY w.member_id, f.place_id LIMIT :limit
    """)


_ACTIVATED = _arrivals("""
    SELECT g.place_id, CASE WHEN NOT o.closed THEN o.location END AS was
    FROM place_facts g
    LEFT JOIN place_facts o ON o.city_id = :city AND o.version = :before AND o.place_id = g.place_id
    WHERE g.city_id = :city AND g.version = :version AND NOT g.closed
      AND (o.place_id IS NULL OR o.closed OR NOT CAST(g.location AS geometry) = CAST(o.location AS geometry))
""")
_EDITED = _arrivals("""
    SELECT g.place_id, CAST(st_setsrid(st_makepoint(g.lon, g.lat), 4326) AS geography) AS was
    FROM unnest(CAST(:places AS uuid[]), CAST(:lons AS double precision[]), CAST(:lats AS double precision[]))
        AS g (place_id, lon, lat)
""")
# Who entered or dwelled where a coupon is offered, and what they had lately.
_OFFERED = text("""
    SELECT e.event_id, e.member_id, o.coupon_id, c.merchant_id, v.claim_until, l.time_zone, l.quiet_from_min,
           l.quiet_until_min,
           (SELECT count(*) FROM member_alerts a WHERE a.city_id = :city AND a.member_id = e.member_id
              AND a.kind = 'offer' AND a.created_at > :day) AS of_the_day,
           (SELECT count(*) FROM member_alerts a WHERE a.city_id = :city AND a.member_id = e.member_id
              AND a.kind = 'offer' AND a.created_at > :day AND a.merchant_id = c.merchant_id) AS of_the_merchant,
           (SELECT count(*) FROM member_alerts a WHERE a.city_id = :city AND a.member_id = e.member_id
              AND a.kind = 'offer' AND a.created_at > :week AND a.coupon_id = c.coupon_id) AS of_the_coupon
    FROM geofence_events e
    JOIN geofence_offers o ON o.city_id = :city AND o.geofence_id = e.geofence_id AND o.on_what = e.what
    JOIN coupons c ON c.city_id = :city AND c.coupon_id = o.coupon_id AND c.state = 'published'
    JOIN coupon_versions v ON v.city_id = :city AND v.coupon_id = c.coupon_id AND v.version = c.current_version
        AND v.claim_from <= :now AND v.claim_until > :now
    JOIN location_choices l ON l.member_id = e.member_id AND l.offers_at IS NOT NULL AND l.positions_at IS NOT NULL
    WHERE e.city_id = :city AND e.event_id = :event AND e.occurred_at > :fresh
""")


def saved_of(conn: Connection, member_id: UUID) -> list[Saved]:
    """What a member saved, by name of their own."""
    rows = conn.execute(
        select(*_SAVED).where(saved_areas.c.member_id == member_id).order_by(saved_areas.c.saved_id).limit(MOST_SAVED)
    )
    return [Saved(**dict(row._mapping)) for row in rows]


def saved_by_id(conn: Connection, member_id: UUID, saved_id: str, *, lock: bool = False) -> Saved | None:
    """One of them."""
    wanted = select(*_SAVED).where(saved_areas.c.member_id == member_id, saved_areas.c.saved_id == saved_id)
    row = conn.execute(wanted.with_for_update() if lock else wanted).one_or_none()
    return None if row is None else Saved(**dict(row._mapping))


def put_saved(conn: Connection, member_id: UUID, saved_id: str, columns: Mapping[str, Any], now: datetime) -> None:
    """Saves it, or says it anew; ``boundary`` is a drawing."""
    boundary: MultiPolygon | None = columns.get("boundary")
    written = {
        **columns,
        "boundary": None if boundary is None else from_wkb(shapely.to_wkb(boundary)),
        "changed_at": now,
    }
    fresh = upsert(saved_areas).values(member_id=member_id, saved_id=saved_id, row_version=1, **written)
    grown = saved_areas.c.row_version + 1
    conn.execute(fresh.on_conflict_do_update(constraint="saved_areas_pk", set_={**written, "row_version": grown}))


def put_watch(
    conn: Connection, city_id: int, member_id: UUID, saved_id: str, outline: MultiPolygon, columns: Mapping[str, Any]
) -> None:
    """The copy that a city looks at."""
    written = {**columns, "outline": from_wkb(shapely.to_wkb(outline))}
    fresh = upsert(area_watches).values(
        city_id=city_id, watch_id=new_city_id(city_id), member_id=member_id, saved_id=saved_id, **written
    )
    conn.execute(fresh.on_conflict_do_update(constraint="area_watches_saved_uq", set_=written))


def delete_watch(conn: Connection, city_id: int, member_id: UUID, saved_id: str) -> None:
    """The city looks no more."""
    conn.execute(
        delete(area_watches).where(
            area_watches.c.city_id == city_id,
            area_watches.c.member_id == member_id,
            area_watches.c.saved_id == saved_id,
        )
    )


def delete_saved(conn: Connection, member_id: UUID, saved_id: str) -> None:
    """Forgets it."""
    conn.execute(delete(saved_areas).where(saved_areas.c.member_id == member_id, saved_areas.c.saved_id == saved_id))


def place_spot(conn: Connection, city_id: int, place_id: UUID) -> tuple[float, float] | None:
    """Where a live place is."""
    row = conn.execute(
        text(
            "SELECT st_x(CAST(f.location AS geometry)) AS lon, st_y(CAST(f.location AS geometry)) AS lat"
            " FROM active_dataset a JOIN place_facts f ON f.city_id = :city AND f.version = a.version"
            " AND f.place_id = :place AND NOT f.closed WHERE a.city_id = :city AND a.kind = 'places'"
        ),
        {"city": city_id, "place": place_id},
    ).one_or_none()
    return None if row is None else (row.lon, row.lat)


def lock_cursor(conn: Connection, city_id: int) -> tuple[int, int] | None:
    """Position and version of places up to which a city was looked at, under its lock; None when somebody is at it.

    A city that nobody looked at begins with what is there now.
    """
    conn.execute(
        text(
            "INSERT INTO alert_cursors (city_id, position, places_version) SELECT :city,"
            " coalesce((SELECT position FROM outbox_positions WHERE city_id = :city), 0),"
            " coalesce((SELECT version FROM active_dataset WHERE city_id = :city AND kind = 'places'), 0)"
            " ON CONFLICT DO NOTHING"
        ),
        {"city": city_id},
    )
    row = conn.execute(
        select(alert_cursors.c.position, alert_cursors.c.places_version)
        .where(alert_cursors.c.city_id == city_id)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    return None if row is None else (row.position, row.places_version)


def move_cursor(conn: Connection, city_id: int, position: int, places_version: int) -> None:
    """What was looked at; needs ``lock_cursor``."""
    conn.execute(
        text("UPDATE alert_cursors SET position = :position, places_version = :version WHERE city_id = :city"),
        {"city": city_id, "position": position, "version": places_version},
    )


def told_after(conn: Connection, city_id: int, position: int) -> list[Row[*tuple[Any, ...]]]:
    """The next events of a city by position: type, subject, id."""
    return list(
        conn.execute(
            text(
                "SELECT position, type, aggregate_id, event_id FROM outbox_events"
                " WHERE city_id = :city AND position > :position ORDER BY position LIMIT :limit"
            ),
            {"city": city_id, "position": position, "limit": EVENTS_A_TURN},
        )
    )


def concerned(conn: Connection, city_id: int, coupon_id: UUID, now: datetime) -> list[Row[*tuple[Any, ...]]]:
    """Members whose saved areas a coupon on offer concerns and who were not told, with their quiet hours; the first."""
    given = {"city": city_id, "coupon": coupon_id, "now": now, "limit": AT_ONCE}
    return list(conn.execute(_CONCERNED, given))


def new_places(conn: Connection, city_id: int, before: int, version: int, now: datetime) -> list[Row[*tuple[Any, ...]]]:
    """Members and places that are new in their saved areas with a version; the first who were not told."""
    given = {"city": city_id, "before": before, "version": version, "now": now, "limit": AT_ONCE}
    return list(conn.execute(_ACTIVATED, given))


def arrived_places(
    conn: Connection, city_id: int, version: int, arrivals: Sequence[Arrival], now: datetime
) -> list[Row[*tuple[Any, ...]]]:
    """Likewise for places that edits brought."""
    before = [each.was for each in arrivals]
    given = {
        "city": city_id,
        "version": version,
        "now": now,
        "limit": AT_ONCE,
        "places": [each.place_id for each in arrivals],
        "lons": [None if was is None else was.lon for was in before],
        "lats": [None if was is None else was.lat for was in before],
    }
    return list(conn.execute(_EDITED, given))


def offered(
    conn: Connection, city_id: int, event_id: UUID, now: datetime, fresh: datetime, day: datetime, week: datetime
) -> Row[*tuple[Any, ...]] | None:
    """The coupon that an event's fence offers, to a member who wants offers, with what they had lately."""
    given = {"city": city_id, "event": event_id, "now": now, "fresh": fresh, "day": day, "week": week}
    return conn.execute(_OFFERED, given).one_or_none()


def put_alerts(conn: Connection, city_id: int, alerts: Sequence[Mapping[str, Any]]) -> int:
    """Alerts that are not there yet; how many were new."""
    if not alerts:
        return 0
    rows = [{"city_id": city_id, "alert_id": new_city_id(city_id), **each} for each in alerts]
    return conn.execute(upsert(member_alerts).values(rows).on_conflict_do_nothing()).rowcount


def alerts_of(conn: Connection, member_id: UUID, now: datetime, before: UUID | None, limit: int) -> list[Any]:
    """A member's alerts in every city that may be seen now, newest first."""
    wanted = (
        select(
            member_alerts.c.alert_id,
            member_alerts.c.city_id,
            member_alerts.c.kind,
            member_alerts.c.coupon_id,
            member_alerts.c.place_id,
            member_alerts.c.saved_id,
            member_alerts.c.digest,
            member_alerts.c.deliver_at,
            member_alerts.c.created_at,
            member_alerts.c.expires_at,
        )
        .prefix_with("/* cross-city: a member's own list */")
        .where(member_alerts.c.member_id == member_id, member_alerts.c.deliver_at <= now)
        .where(or_(member_alerts.c.expires_at.is_(None), member_alerts.c.expires_at > now))
    )
    if before is not None:
        wanted = wanted.where(member_alerts.c.alert_id < before)
    return list(conn.execute(wanted.order_by(member_alerts.c.alert_id.desc()).limit(limit)))


def forget_offers(conn: Connection, city_id: int, member_id: UUID) -> None:
    """Offers tell where somebody was."""
    conn.execute(
        delete(member_alerts).where(
            member_alerts.c.city_id == city_id, member_alerts.c.member_id == member_id, member_alerts.c.kind == "offer"
        )
    )


def offer_of(conn: Connection, city_id: int, geofence_id: UUID) -> Row[*tuple[Any, ...]] | None:
    """The coupon that a fence offers."""
    return conn.execute(
        select(geofence_offers.c.coupon_id, geofence_offers.c.on_what, geofence_offers.c.created_at).where(
            geofence_offers.c.city_id == city_id, geofence_offers.c.geofence_id == geofence_id
        )
    ).one_or_none()


def put_offer(
    conn: Connection, city_id: int, geofence_id: UUID, coupon_id: UUID, on_what: str, by: str, now: datetime
) -> None:
    """A fence offers a coupon from now on."""
    said = {"coupon_id": coupon_id, "on_what": on_what, "created_by": by, "created_at": now}
    fresh = upsert(geofence_offers).values(city_id=city_id, geofence_id=geofence_id, **said)
    conn.execute(fresh.on_conflict_do_update(constraint="geofence_offers_pk", set_=said))


def delete_offer(conn: Connection, city_id: int, geofence_id: UUID) -> bool:
    """A fence offers nothing any more; False when it did not."""
    done = conn.execute(
        delete(geofence_offers).where(
            geofence_offers.c.city_id == city_id, geofence_offers.c.geofence_id == geofence_id
        )
    )
    return done.rowcount == 1
