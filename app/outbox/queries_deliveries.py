"""Statements about deliveries: who is told of an event, what is due, what an attempt left behind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, and_, exists, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.outbox.queries_events import end_of_event, event_by_id, lock_events
from app.outbox.tables import deliveries, delivery_attempts, outbox_events
from app.outbox.types import Attempt, Delivery, Endpoint, Outcome, Parcel, StoredEvent, Target

MAX_TARGETS = 1_000
BURIED_AT_ONCE = 500
COUNTED = 1_000

_EVENT_OF = and_(outbox_events.c.city_id == deliveries.c.city_id, outbox_events.c.event_id == deliveries.c.event_id)
_DELIVERY = (
    deliveries.c.city_id,
    deliveries.c.endpoint_id,
    deliveries.c.event_id,
    outbox_events.c.type,
    deliveries.c.aggregate_id,
    deliveries.c.position,
    deliveries.c.state,
    deliveries.c.attempt,
    deliveries.c.next_at,
    deliveries.c.last_error,
    deliveries.c.created_at,
    deliveries.c.done_at,
)


def add_deliveries(conn: Connection, told: Sequence[tuple[StoredEvent, int, UUID]], now: datetime) -> None:
    """Deliveries that are due: event, its position, endpoint; one that is there stays as it is."""
    if not told:
        return
    conn.execute(
        upsert(deliveries).on_conflict_do_nothing(constraint="deliveries_pk"),
        [
            {
                "city_id": event.city_id,
                "endpoint_id": endpoint_id,
                "event_id": event.event_id,
                "merchant_id": event.merchant_id,
                "aggregate_id": event.aggregate_id,
                "position": position,
                "state": "due",
                "attempt": 0,
                "attempts_before": 0,
                "next_at": now,
                "created_at": now,
            }
            for event, position, endpoint_id in told
        ],
    )


def due_targets(conn: Connection, now: datetime) -> tuple[Target, ...]:
    """Endpoints with work due, by city, longest waiting first; one unlocked look over all cities."""
    since = func.min(deliveries.c.next_at)
    rows = conn.execute(
        select(deliveries.c.city_id, deliveries.c.merchant_id, deliveries.c.endpoint_id)
        .add_columns(since.label("since"), func.count().label("due"))
        .prefix_with("/* cross-city */")
        .where(_is_due(now), _is_first())
        .group_by(deliveries.c.city_id, deliveries.c.merchant_id, deliveries.c.endpoint_id)
        .order_by(since, deliveries.c.endpoint_id, deliveries.c.city_id)
        .limit(MAX_TARGETS)
    )
    return tuple(Target(row.city_id, row.merchant_id, row.endpoint_id, row.since, row.due) for row in rows)


def _is_due(now: datetime) -> Any:
    free = or_(deliveries.c.lease_until.is_(None), deliveries.c.lease_until <= now)
    return and_(deliveries.c.state == "due", deliveries.c.next_at <= now, free)


def _is_first() -> Any:
    """No earlier event of the same aggregate is still to be delivered to the endpoint, at whatever time."""
    earlier = deliveries.alias("earlier")
    return ~exists().where(
        earlier.c.city_id == deliveries.c.city_id,
        earlier.c.endpoint_id == deliveries.c.endpoint_id,
        earlier.c.aggregate_id == deliveries.c.aggregate_id,
        earlier.c.state == "due",
        earlier.c.position < deliveries.c.position,
    )


def take_one(conn: Connection, target: Target, endpoint: Endpoint, now: datetime, lease: timedelta) -> Parcel | None:
    """The next delivery to an endpoint in a city under a lease: due, and the earliest of its aggregate."""
    row = conn.execute(
        select(deliveries.c.event_id, deliveries.c.attempt, deliveries.c.attempts_before)
        .where(
            deliveries.c.city_id == target.city_id,
            deliveries.c.endpoint_id == target.endpoint_id,
            _is_due(now),
            _is_first(),
        )
        .order_by(deliveries.c.next_at, deliveries.c.position)
        .limit(1)
        .with_for_update(of=deliveries, skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    conn.execute(
        update(deliveries)
        .where(
            deliveries.c.city_id == target.city_id,
            deliveries.c.endpoint_id == target.endpoint_id,
            deliveries.c.event_id == row.event_id,
        )
        .values(attempt=row.attempt + 1, lease_until=now + lease)
    )
    event = event_by_id(conn, target.city_id, row.event_id, None)
    assert event is not None  # a foreign key keeps it
    return Parcel(event, endpoint, row.attempt + 1, row.attempts_before)


def failed_before(conn: Connection, parcel: Parcel) -> int:
    """Failures of the delivery in its present round that were written down; who was killed amid an attempt wrote none,
    and the receiver is not to pay for that."""
    return conn.execute(
        select(func.count())
        .select_from(delivery_attempts)
        .where(
            delivery_attempts.c.city_id == parcel.event.city_id,
            delivery_attempts.c.endpoint_id == parcel.endpoint.endpoint_id,
            delivery_attempts.c.event_id == parcel.event.event_id,
            delivery_attempts.c.attempt > parcel.round_after,
            delivery_attempts.c.attempt < parcel.attempt,
            ~delivery_attempts.c.ok,
        )
    ).scalar_one()


def record(conn: Connection, parcel: Parcel, outcome: Outcome, next_at: datetime | None, now: datetime) -> None:
    """What an attempt met; ``next_at`` None after a failure gives the delivery up.

    The number of the attempt is the fence: whoever lost the lease meanwhile changes nothing but the list of attempts.
    """
    event, endpoint_id = parcel.event, parcel.endpoint.endpoint_id
    lock_events(conn, event.city_id, [event.event_id])
    here = {"city_id": event.city_id, "endpoint_id": endpoint_id, "event_id": event.event_id}
    conn.execute(
        upsert(delivery_attempts)
        .values(
            **here,
            attempt=parcel.attempt,
            at=now,
            took_ms=outcome.took_ms,
            ok=outcome.ok,
            status_code=outcome.status,
            error=outcome.error,
        )
        .on_conflict_do_nothing(constraint="delivery_attempts_pk")
    )
    if outcome.ok:
        changes: dict[str, Any] = {"state": "done", "done_at": now, "last_error": None}
    elif next_at is None:
        changes = {"state": "dead", "done_at": now, "last_error": outcome.error}
    else:
        changes = {"next_at": next_at, "last_error": outcome.error}
    conn.execute(
        update(deliveries)
        .where(
            *(deliveries.c[name] == value for name, value in here.items()),
            deliveries.c.state == "due",
            deliveries.c.attempt == parcel.attempt,
        )
        .values(**changes, lease_until=None)
    )
    if "state" in changes:
        end_of_event(conn, event.city_id, [event.event_id], now)


def bury(conn: Connection, target: Target, reason: str, now: datetime) -> int:
    """Gives up what is due for an endpoint in a city, a batch at most; how many there were."""
    here = (deliveries.c.city_id == target.city_id, deliveries.c.endpoint_id == target.endpoint_id, _is_due(now))
    found = conn.execute(
        select(deliveries.c.event_id).where(*here).order_by(deliveries.c.event_id).limit(BURIED_AT_ONCE)
    )
    event_ids = found.scalars().all()
    if not event_ids:
        return 0
    lock_events(conn, target.city_id, event_ids)
    conn.execute(
        update(deliveries)
        .where(*here, deliveries.c.event_id.in_(event_ids))
        .values(state="dead", done_at=now, lease_until=None, last_error=reason)
    )
    end_of_event(conn, target.city_id, event_ids, now)
    return len(event_ids)


def make_due(conn: Connection, event: StoredEvent, endpoint_ids: Sequence[UUID], now: datetime) -> Sequence[UUID]:
    """Deliveries of an event to some endpoints are due again, their schedule begins anew; which endpoints had one."""
    return (
        conn.execute(
            update(deliveries)
            .where(
                deliveries.c.city_id == event.city_id,
                deliveries.c.event_id == event.event_id,
                deliveries.c.endpoint_id.in_(list(endpoint_ids)),
            )
            .values(state="due", next_at=now, done_at=None, attempts_before=deliveries.c.attempt, last_error=None)
            .returning(deliveries.c.endpoint_id)
        )
        .scalars()
        .all()
    )


def endpoints_told(conn: Connection, city_id: int, event_id: UUID, *, dead_only: bool = False) -> Sequence[UUID]:
    """Endpoints that have a delivery of an event, or one that was given up."""
    statement = select(deliveries.c.endpoint_id).where(
        deliveries.c.city_id == city_id, deliveries.c.event_id == event_id
    )
    if dead_only:
        statement = statement.where(deliveries.c.state == "dead")
    return conn.execute(statement.order_by(deliveries.c.endpoint_id).limit(COUNTED)).scalars().all()


def deliveries_before(
    conn: Connection,
    city_id: int,
    merchant_ids: Sequence[UUID],
    filters: dict[str, Any],
    before: tuple[int, UUID] | None,
    limit: int,
) -> tuple[Delivery, ...]:
    """Deliveries of merchants in a city, newest first, before a position and endpoint."""
    statement = select(*_DELIVERY).join(outbox_events, _EVENT_OF).where(_listed(city_id, merchant_ids, filters))
    if before is not None:
        statement = statement.where(tuple_(deliveries.c.position, deliveries.c.endpoint_id) < tuple_(*before))
    order = (deliveries.c.position.desc(), deliveries.c.endpoint_id.desc())
    return tuple(_delivery(row) for row in conn.execute(statement.order_by(*order).limit(limit)))


def count_deliveries(conn: Connection, city_id: int, merchant_ids: Sequence[UUID], filters: dict[str, Any]) -> int:
    """How many a list has in a city, counted to a thousand and one at most."""
    some = select(deliveries.c.event_id).where(_listed(city_id, merchant_ids, filters)).limit(COUNTED + 1)
    return conn.execute(select(func.count()).select_from(some.subquery())).scalar_one()


def _listed(city_id: int, merchant_ids: Sequence[UUID], filters: dict[str, Any]) -> Any:
    asked = [deliveries.c[name] == value for name, value in filters.items() if value is not None]
    return and_(deliveries.c.city_id == city_id, deliveries.c.merchant_id.in_(list(merchant_ids)), *asked)


def attempts_of(conn: Connection, city_id: int, event_id: UUID, endpoint_id: UUID | None) -> tuple[Attempt, ...]:
    """Attempts to deliver an event, the latest first."""
    statement = select(
        delivery_attempts.c.endpoint_id,
        delivery_attempts.c.attempt,
        delivery_attempts.c.at,
        delivery_attempts.c.took_ms,
        delivery_attempts.c.ok,
        delivery_attempts.c.status_code,
        delivery_attempts.c.error,
    ).where(delivery_attempts.c.city_id == city_id, delivery_attempts.c.event_id == event_id)
    if endpoint_id is not None:
        statement = statement.where(delivery_attempts.c.endpoint_id == endpoint_id)
    order = (delivery_attempts.c.at.desc(), delivery_attempts.c.endpoint_id, delivery_attempts.c.attempt.desc())
    rows = conn.execute(statement.order_by(*order).limit(100))
    return tuple(
        Attempt(row.endpoint_id, row.attempt, row.at, row.took_ms, row.ok, row.status_code, row.error) for row in rows
    )


def _delivery(row: Row[*tuple[Any, ...]]) -> Delivery:
    return Delivery(
        row.city_id,
        row.endpoint_id,
        row.event_id,
        row.type,
        row.aggregate_id,
        row.position,
        row.state,
        row.attempt,
        row.next_at,
        row.last_error,
        row.created_at,
        row.done_at,
    )
