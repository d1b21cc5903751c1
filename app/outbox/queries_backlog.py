"""Statements for operators: what waits, and what was given up."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, func, null, select, union_all

from app.outbox.tables import deliveries, outbox_events, outbox_positions
from app.outbox.types import Backlog, DeadLetter

_WAITS = and_(outbox_events.c.position.is_(None), outbox_events.c.dead_at.is_(None))
_UNTOLD = and_(outbox_events.c.position.is_(None), outbox_events.c.dead_at.is_not(None))


def backlog(conn: Connection) -> tuple[Backlog, ...]:
    """Cities with their last position and what waits or is dead in each."""
    positions = {
        row.city_id: row.position
        for row in conn.execute(
            select(outbox_positions.c.city_id, outbox_positions.c.position)
            .prefix_with("/* cross-city */")
            .order_by(outbox_positions.c.city_id)
            .limit(10_000)
        )
    }
    events = {
        row.city_id: row
        for row in conn.execute(
            select(
                outbox_events.c.city_id,
                func.count().filter(_WAITS).label("waiting"),
                func.min(outbox_events.c.occurred_at).filter(_WAITS).label("since"),
                func.count().filter(_UNTOLD).label("dead"),
            )
            .prefix_with("/* cross-city */")
            .where(outbox_events.c.position.is_(None))
            .group_by(outbox_events.c.city_id)
        )
    }
    sent = {
        row.city_id: row
        for row in conn.execute(
            select(
                deliveries.c.city_id,
                func.count().filter(deliveries.c.state == "due").label("due"),
                func.min(deliveries.c.created_at).filter(deliveries.c.state == "due").label("since"),
                func.count().filter(deliveries.c.state == "dead").label("dead"),
            )
            .prefix_with("/* cross-city */")
            .where(deliveries.c.state.in_(("due", "dead")))
            .group_by(deliveries.c.city_id)
        )
    }
    found = []
    for city_id in sorted({*positions, *events, *sent}):
        event, delivery = events.get(city_id), sent.get(city_id)
        found.append(
            Backlog(
                city_id,
                positions.get(city_id, 0),
                event.waiting if event else 0,
                event.since if event else None,
                delivery.due if delivery else 0,
                delivery.since if delivery else None,
                event.dead if event else 0,
                delivery.dead if delivery else 0,
            )
        )
    return tuple(found)


def dead_letters(conn: Connection, city_id: int | None, limit: int) -> Sequence[DeadLetter]:
    """Events that could not be told and deliveries that were given up, the latest first."""
    untold = select(
        outbox_events.c.city_id,
        outbox_events.c.event_id,
        null().label("endpoint_id"),
        outbox_events.c.type,
        outbox_events.c.merchant_id,
        outbox_events.c.dead_reason.label("reason"),
        outbox_events.c.dead_at.label("since"),
    ).where(_UNTOLD)
    undelivered = (
        select(
            deliveries.c.city_id,
            deliveries.c.event_id,
            deliveries.c.endpoint_id,
            outbox_events.c.type,
            deliveries.c.merchant_id,
            deliveries.c.last_error.label("reason"),
            deliveries.c.done_at.label("since"),
        )
        .join(
            outbox_events,
            and_(outbox_events.c.city_id == deliveries.c.city_id, outbox_events.c.event_id == deliveries.c.event_id),
        )
        .where(deliveries.c.state == "dead")
    )
    if city_id is not None:
        untold = untold.where(outbox_events.c.city_id == city_id)
        undelivered = undelivered.where(deliveries.c.city_id == city_id)
    both = union_all(untold, undelivered).subquery("dead")
    rows = conn.execute(
        select(both.c.city_id, both.c.event_id, both.c.endpoint_id, both.c.type, both.c.merchant_id)
        .add_columns(both.c.reason, both.c.since)
        .prefix_with("/* cross-city */")
        .order_by(both.c.since.desc(), both.c.event_id)
        .limit(limit)
    )
    return tuple(
        DeadLetter(row.city_id, row.event_id, row.endpoint_id, row.type, row.merchant_id, row.reason or "", row.since)
        for row in rows
    )
