"""Statements of the relay and of the feed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Connection, Row, Uuid, column, insert, or_, select, update, values
from sqlalchemy.dialects.postgresql import insert as upsert

from app.outbox.tables import deliveries, outbox_events, outbox_positions, webhook_endpoints
from app.outbox.types import Endpoint, StoredEvent

_EVENT = tuple(outbox_events.c[name] for name in StoredEvent.__dataclass_fields__)


def cities_with_waiting_events(conn: Connection) -> Sequence[int]:
    """Cities with events that have no position; one unlocked look over all of them, by the index of those alone."""
    return (
        conn.execute(
            select(outbox_events.c.city_id)
            .prefix_with("/* cross-city */")
            .where(outbox_events.c.position.is_(None))
            .distinct()
            .order_by(outbox_events.c.city_id)
            .limit(10_000)
        )
        .scalars()
        .all()
    )


def take_counter(conn: Connection, city_id: int, holder: str, now: datetime, until: datetime) -> int | None:
    """The city's last position, its row locked; None when another relay has it at this moment."""
    conn.execute(
        upsert(outbox_positions).values(city_id=city_id, position=0).on_conflict_do_nothing(index_elements=["city_id"])
    )
    last = conn.execute(
        select(outbox_positions.c.position)
        .where(
            outbox_positions.c.city_id == city_id,
            or_(
                outbox_positions.c.lease_until.is_(None),
                outbox_positions.c.lease_until <= now,
                outbox_positions.c.lease_holder == holder,
            ),
        )
        .with_for_update(skip_locked=True)
    ).scalar_one_or_none()
    if last is not None:
        conn.execute(
            update(outbox_positions)
            .where(outbox_positions.c.city_id == city_id)
            .values(lease_holder=holder, lease_until=until)
        )
    return last


def set_counter(conn: Connection, city_id: int, position: int) -> None:
    """The city's last position; the lease ends with the work."""
    conn.execute(
        update(outbox_positions)
        .where(outbox_positions.c.city_id == city_id)
        .values(position=position, lease_until=None, lease_holder=None)
    )


def waiting_events(conn: Connection, city_id: int, limit: int) -> tuple[StoredEvent, ...]:
    """Events without a position, those with the oldest ids."""
    rows = conn.execute(
        select(*_EVENT)
        .where(outbox_events.c.city_id == city_id, outbox_events.c.position.is_(None))
        .order_by(outbox_events.c.event_id)
        .limit(limit)
    )
    return tuple(_event(row) for row in rows)


def set_positions(conn: Connection, city_id: int, positions: Mapping[UUID, int]) -> None:
    """Gives events their positions, in one statement."""
    given = values(column("event_id", Uuid), column("position", BigInteger), name="given").data(list(positions.items()))
    conn.execute(
        update(outbox_events)
        .where(outbox_events.c.city_id == city_id, outbox_events.c.event_id == given.c.event_id)
        .values(position=given.c.position)
    )


def mark_done(conn: Connection, city_id: int, event_ids: Sequence[UUID], now: datetime) -> None:
    """Nothing is left to do for these events."""
    if event_ids:
        conn.execute(
            update(outbox_events)
            .where(outbox_events.c.city_id == city_id, outbox_events.c.event_id.in_(list(event_ids)))
            .values(done_at=now)
        )


def mark_dead(conn: Connection, city_id: int, event_id: UUID, reason: str, now: datetime) -> None:
    """An event that can't be sent, with its reason."""
    conn.execute(
        update(outbox_events)
        .where(outbox_events.c.city_id == city_id, outbox_events.c.event_id == event_id)
        .values(dead_at=now, dead_reason=reason[:500])
    )


def enabled_endpoints(conn: Connection, merchant_ids: Sequence[UUID]) -> Mapping[UUID, tuple[Endpoint, ...]]:
    """Where merchants want to be told, by merchant."""
    rows = conn.execute(
        select(webhook_endpoints.c.merchant_id, webhook_endpoints.c.endpoint_id, webhook_endpoints.c.types)
        .where(webhook_endpoints.c.merchant_id.in_(list(merchant_ids)), webhook_endpoints.c.state == "enabled")
        .order_by(webhook_endpoints.c.merchant_id, webhook_endpoints.c.endpoint_id)
    )
    found: dict[UUID, list[Endpoint]] = defaultdict(list)
    for row in rows:
        found[row.merchant_id].append(Endpoint(row.endpoint_id, tuple(row.types)))
    return {merchant_id: tuple(endpoints) for merchant_id, endpoints in found.items()}


def put_deliveries(
    conn: Connection, city_id: int, wanted: Sequence[tuple[StoredEvent, int, UUID]], now: datetime
) -> None:
    """Deliveries that are due at once: (event, its position, endpoint)."""
    if not wanted:
        return
    conn.execute(
        insert(deliveries),
        [
            {
                "city_id": city_id,
                "endpoint_id": endpoint_id,
                "event_id": event.event_id,
                "merchant_id": event.merchant_id,
                "aggregate_id": event.aggregate_id,
                "position": position,
                "state": "due",
                "attempt": 0,
                "next_at": now,
                "created_at": now,
            }
            for event, position, endpoint_id in wanted
        ],
    )


def events_after(
    conn: Connection,
    city_id: int,
    merchant_ids: Sequence[UUID],
    position: int,
    kinds: Sequence[str],
    limit: int,
) -> tuple[StoredEvent, ...]:
    """Merchants' events of a city behind a position, in order."""
    wanted = (
        select(*_EVENT)
        .where(
            outbox_events.c.city_id == city_id,
            outbox_events.c.position > position,
            outbox_events.c.merchant_id.in_(list(merchant_ids)),
        )
        .order_by(outbox_events.c.position)
        .limit(limit)
    )
    if kinds:
        wanted = wanted.where(outbox_events.c.type.in_(list(kinds)))
    return tuple(_event(row) for row in conn.execute(wanted))


def positions(conn: Connection) -> Mapping[int, int]:
    """The last position given in each city; one row a city."""
    rows = conn.execute(
        select(outbox_positions.c.city_id, outbox_positions.c.position)
        .prefix_with("/* cross-city */")
        .order_by(outbox_positions.c.city_id)
    )
    return {row.city_id: row.position for row in rows}


def _event(row: Row[Any]) -> StoredEvent:
    return StoredEvent(*tuple(row))
