"""Statements of the relay and of the feed: events get positions, and are read by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Connection, Row, Uuid, case, column, exists, func, select, update, values
from sqlalchemy.dialects.postgresql import insert as upsert

from app.outbox.tables import deliveries, outbox_events, outbox_positions
from app.outbox.types import StoredEvent

_EVENT = (
    outbox_events.c.city_id,
    outbox_events.c.event_id,
    outbox_events.c.aggregate_id,
    outbox_events.c.seq,
    outbox_events.c.type,
    outbox_events.c.merchant_id,
    outbox_events.c.data,
    outbox_events.c.trace,
    outbox_events.c.occurred_at,
    outbox_events.c.position,
    outbox_events.c.tries,
)
_WAITS = (outbox_events.c.position.is_(None), outbox_events.c.dead_at.is_(None))
MAX_CITIES = 10_000


def cities_with_waiting_events(conn: Connection) -> Sequence[int]:
    """Cities where events wait for a position; one unlocked look over all of them."""
    return (
        conn.execute(
            select(outbox_events.c.city_id)
            .prefix_with("/* cross-city */")
            .where(*_WAITS)
            .distinct()
            .order_by(outbox_events.c.city_id)
            .limit(MAX_CITIES)
        )
        .scalars()
        .all()
    )


def lock_position(conn: Connection, city_id: int) -> int | None:
    """The last position of a city under its lock, the relay's lease; None when another relay holds it."""
    conn.execute(
        upsert(outbox_positions)
        .values(city_id=city_id, position=0)
        .on_conflict_do_nothing(constraint="outbox_positions_pk")
    )
    return conn.execute(
        select(outbox_positions.c.position)
        .where(outbox_positions.c.city_id == city_id)
        .with_for_update(skip_locked=True)
    ).scalar_one_or_none()


def waiting_events(conn: Connection, city_id: int, limit: int) -> tuple[StoredEvent, ...]:
    """The oldest ``limit`` events without a position, and those of the same aggregates that must not follow them."""
    here = outbox_events.c.city_id == city_id
    oldest = select(outbox_events.c.aggregate_id).where(here, *_WAITS).order_by(outbox_events.c.event_id).limit(limit)
    aggregates = set(conn.execute(oldest).scalars())
    if not aggregates:
        return ()
    rows = conn.execute(
        select(*_EVENT)
        .where(here, *_WAITS, outbox_events.c.aggregate_id.in_(aggregates))
        .order_by(outbox_events.c.aggregate_id, outbox_events.c.seq)
    )
    return tuple(_event(row) for row in rows)


def stamp(
    conn: Connection, city_id: int, stamped: Sequence[tuple[UUID, int, bool]], holder: str, now: datetime
) -> None:
    """Gives events their positions (id, position, whether nobody is to be told) and moves the city's counter there."""
    given = values(
        column("event_id", Uuid), column("position", BigInteger), column("untold", Boolean), name="given"
    ).data(list(stamped))
    conn.execute(
        update(outbox_events)
        .where(outbox_events.c.city_id == city_id, outbox_events.c.event_id == given.c.event_id)
        .values(position=given.c.position, done_at=case((given.c.untold, now)))
    )
    conn.execute(
        update(outbox_positions)
        .where(outbox_positions.c.city_id == city_id)
        .values(position=max(position for _, position, _ in stamped), relayed_at=now, relayed_by=holder)
    )


def count_try(conn: Connection, event: StoredEvent, reason: str, dead: bool, now: datetime) -> None:
    """An event could not be written as a message; when ``dead`` it is left alone from now on."""
    conn.execute(
        update(outbox_events)
        .where(outbox_events.c.city_id == event.city_id, outbox_events.c.event_id == event.event_id)
        .values(tries=event.tries + 1, dead_at=now if dead else None, dead_reason=reason[:500] if dead else None)
    )


def event_by_id(
    conn: Connection, city_id: int, event_id: UUID, merchant_ids: Sequence[UUID] | None, *, lock: bool = False
) -> StoredEvent | None:
    """An event of some merchants (None: of anyone)."""
    statement = select(*_EVENT).where(outbox_events.c.city_id == city_id, outbox_events.c.event_id == event_id)
    if merchant_ids is not None:
        statement = statement.where(outbox_events.c.merchant_id.in_(list(merchant_ids)))
    row = conn.execute(statement.with_for_update() if lock else statement).one_or_none()
    return None if row is None else _event(row)


def cities_of(conn: Connection, merchant_ids: Sequence[UUID]) -> Sequence[int]:
    """Cities where merchants have events with a position; one look over all of them, by index."""
    told = exists().where(
        outbox_events.c.city_id == outbox_positions.c.city_id,
        outbox_events.c.merchant_id.in_(list(merchant_ids)),
        outbox_events.c.position.is_not(None),
    )
    return (
        conn.execute(
            select(outbox_positions.c.city_id)
            .prefix_with("/* cross-city */")
            .where(told)
            .order_by(outbox_positions.c.city_id)
            .limit(MAX_CITIES)
        )
        .scalars()
        .all()
    )


def events_after(
    conn: Connection, city_id: int, merchant_ids: Sequence[UUID], position: int, event_type: str | None, limit: int
) -> tuple[StoredEvent, ...]:
    """Events of merchants in a city behind a position, in order; ``event_type`` may end in ``*``."""
    statement = select(*_EVENT).where(
        outbox_events.c.city_id == city_id,
        outbox_events.c.merchant_id.in_(list(merchant_ids)),
        outbox_events.c.position > position,
    )
    if event_type is not None and event_type.endswith("*"):
        statement = statement.where(outbox_events.c.type.startswith(event_type[:-1], autoescape=True))
    elif event_type is not None:
        statement = statement.where(outbox_events.c.type == event_type)
    rows = conn.execute(statement.order_by(outbox_events.c.position).limit(limit))
    return tuple(_event(row) for row in rows)


def end_of_event(conn: Connection, city_id: int, event_ids: Sequence[UUID], now: datetime) -> None:
    """Events whose deliveries have all ended are done, or dead when one was given up; needs their rows locked."""
    due, dead = (
        exists().where(
            deliveries.c.city_id == city_id,
            deliveries.c.event_id == outbox_events.c.event_id,
            deliveries.c.state == state,
        )
        for state in ("due", "dead")
    )
    here = (outbox_events.c.city_id == city_id, outbox_events.c.event_id.in_(list(event_ids)), ~due)
    conn.execute(update(outbox_events).where(*here, ~dead).values(done_at=now, dead_at=None, dead_reason=None))
    reason = (
        select(func.concat("not delivered to ", deliveries.c.endpoint_id, ": ", deliveries.c.last_error))
        .where(
            deliveries.c.city_id == city_id,
            deliveries.c.event_id == outbox_events.c.event_id,
            deliveries.c.state == "dead",
        )
        .order_by(deliveries.c.done_at.desc(), deliveries.c.endpoint_id)
        .limit(1)
        .correlate(outbox_events)
        .scalar_subquery()
    )
    conn.execute(update(outbox_events).where(*here, dead).values(dead_at=now, dead_reason=reason))


def lock_events(conn: Connection, city_id: int, event_ids: Sequence[UUID]) -> None:
    """Locks events in the order of their ids, so that of two deliveries that end the second sees the first."""
    conn.execute(
        select(outbox_events.c.event_id)
        .where(outbox_events.c.city_id == city_id, outbox_events.c.event_id.in_(list(event_ids)))
        .order_by(outbox_events.c.event_id)
        .with_for_update()
    )


def reopen_event(conn: Connection, city_id: int, event_id: UUID) -> None:
    """The event is under way again: it waits for a position, or for deliveries that were made due."""
    conn.execute(
        update(outbox_events)
        .where(outbox_events.c.city_id == city_id, outbox_events.c.event_id == event_id)
        .values(done_at=None, dead_at=None, dead_reason=None, tries=None)
    )


def positions(cursor: Mapping[str, Any]) -> dict[int, int]:
    """A cursor's map of city to position."""
    return {int(city_id): int(position) for city_id, position in cursor.items()}


def _event(row: Row[*tuple[Any, ...]]) -> StoredEvent:
    return StoredEvent(
        row.city_id,
        row.event_id,
        row.aggregate_id,
        row.seq,
        row.type,
        row.merchant_id,
        row.data,
        row.trace,
        row.occurred_at,
        row.position,
        row.tries or 0,
    )
