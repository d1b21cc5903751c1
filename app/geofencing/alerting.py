"""From events to alerts: coupons that are published, places that are new, fences that offer a coupon.

A city's events are read by position, like the feed, behind a cursor of its own; what was looked at twice makes nothing
twice, since a member is alerted to a coupon and to a place once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.cities.queries import active_version
from app.geofencing import queries_alerts
from app.geofencing.quiet import quiet_until
from app.places.queries_changes import take_arrivals

PUBLISHED: Final = ("fujin.coupon.published.v1", "fujin.coupon.resumed.v1")
MET: Final = ("fujin.geofence.entered.v1", "fujin.geofence.dwelled.v1")
OFFER_WITHIN: Final = timedelta(minutes=10)
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
OFFERS_A_DAY: Final = 3
PLACE_KEPT: Final = timedelta(days=30)


def alert_city(conn: Connection, city_id: int, now: datetime) -> int:
    """Looks at what happened in a city since the last time; how many alerts are new."""
    cursor = queries_alerts.lock_cursor(conn, city_id)
    if cursor is None:
        return 0
    position, version = cursor
    made = 0
    for row in queries_alerts.told_after(conn, city_id, position):
        position = row.position
        if row.type in PUBLISHED:
            made += alert_to_coupon(conn, city_id, row.aggregate_id, now)
        elif row.type in MET:
            made += offer(conn, city_id, row.event_id, now)
    active = active_version(conn, city_id, "places")
    if active is not None:
        current, seen = active.version, version
        if seen and current != seen:
            made += alert_to_places(
                conn, city_id, lambda: queries_alerts.new_places(conn, city_id, seen, current, now), now
            )
        version = current
        if arrivals := take_arrivals(conn, city_id):
            made += alert_to_places(
                conn, city_id, lambda: queries_alerts.arrived_places(conn, city_id, current, arrivals, now), now
            )
    if (position, version) != cursor:
        queries_alerts.move_cursor(conn, city_id, position, version)
    return made


def alert_to_coupon(conn: Connection, city_id: int, coupon_id: UUID, now: datetime) -> int:
    """Members whose saved areas hold a place where a coupon on offer can be used."""

    def alerts() -> list[Mapping[str, Any]]:
        return [
            {
                "member_id": row.member_id,
                "kind": row.kind,
                "coupon_id": coupon_id,
                "place_id": row.place_id,
                "merchant_id": row.merchant_id,
                "saved_id": row.saved_id,
                "expires_at": row.claim_until,
                **_delivered(row, now),
            }
            for row in queries_alerts.concerned(conn, city_id, coupon_id, now)
        ]

    return _all_of(conn, city_id, alerts)


def alert_to_places(conn: Connection, city_id: int, found: Callable[[], Iterable[Any]], now: datetime) -> int:
    """Members in whose saved areas places came into sight."""

    def alerts() -> list[Mapping[str, Any]]:
        return [
            {
                "member_id": row.member_id,
                "kind": "new_place",
                "coupon_id": None,
                "place_id": row.place_id,
                "merchant_id": None,
                "saved_id": row.saved_id,
                "expires_at": now + PLACE_KEPT,
                **_delivered(row, now),
            }
            for row in found()
        ]

    return _all_of(conn, city_id, alerts)


def _all_of(conn: Connection, city_id: int, alerts: Callable[[], list[Mapping[str, Any]]]) -> int:
    """Asks for those who were not told until there are no more; how many alerts."""
    made = 0
    while (batch := alerts()) and (fresh := queries_alerts.put_alerts(conn, city_id, batch)):
        made += fresh
    return made


def offer(conn: Connection, city_id: int, event_id: UUID, now: datetime) -> int:
    """The coupon that a fence offers to whoever has just entered or dwelled: not in quiet hours, and seldom."""
    row = queries_alerts.offered(conn, city_id, event_id, now, now - OFFER_WITHIN, now - DAY, now - WEEK)
    if row is None or row.of_the_coupon or row.of_the_merchant or row.of_the_day >= OFFERS_A_DAY:
        return 0
    if quiet_until(now, row.time_zone, row.quiet_from_min, row.quiet_until_min) is not None:
        return 0
    alert: Mapping[str, Any] = {
        "member_id": row.member_id,
        "kind": "offer",
        "coupon_id": row.coupon_id,
        "place_id": None,
        "merchant_id": row.merchant_id,
        "saved_id": None,
        "expires_at": min(row.claim_until, now + DAY),
        "deliver_at": now,
        "digest": 0,
        "created_at": now,
    }
    return queries_alerts.put_alerts(conn, city_id, [alert])


def _delivered(row: Any, now: datetime) -> dict[str, Any]:
    """When an alert is seen: at once, or with the others when quiet hours are over."""
    later = quiet_until(now, row.time_zone, row.quiet_from_min, row.quiet_until_min)
    return {"deliver_at": later or now, "digest": int(later is not None), "created_at": now}
