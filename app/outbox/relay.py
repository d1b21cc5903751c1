"""Gives events their place in their city's order, and puts up deliveries for the endpoints that want them.

Ids are made before their transactions commit, so the order of ids is not the order of commits: a reader who remembers
an id would miss what committed late. The relay therefore gives every event that it can see the next *position*, in a
transaction of its own and under the lock of the city's one counter row. Positions are dense, and an event that commits
late gets a later one.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.core.clock import Clock
from app.core.db import Database
from app.outbox import relay_queries as queries
from app.outbox.envelope import Unrenderable, event_body
from app.outbox.types import Endpoint, StoredEvent

log = logging.getLogger("fujin.relay")

BATCH: Final = 500
LEASE: Final = timedelta(seconds=10)
TEST_TYPE: Final = "fujin.webhook.test.v1"


def relay_once(database: Database, clock: Clock, holder: str) -> int:
    """One round over the cities with events that wait; how many events were given their place."""
    with database.read_primary() as conn:
        cities = queries.cities_with_waiting_events(conn)
    return sum(relay_city(database, city_id, clock(), holder) for city_id in cities)


def relay_city(database: Database, city_id: int, now: datetime, holder: str) -> int:
    """Events of one city, a batch at most, in one transaction; 0 when another relay is at work there."""
    with database.write() as conn:
        last = queries.take_counter(conn, city_id, holder, now, now + LEASE)
        if last is None:
            conn.rollback()
            return 0
        waiting = in_order(queries.waiting_events(conn, city_id, BATCH))
        placed = [(event, last + number) for number, event in enumerate(waiting, 1)]
        _place(conn, city_id, placed, now)
        queries.set_counter(conn, city_id, last + len(placed))
        conn.commit()
    return len(placed)


def in_order(waiting: Iterable[StoredEvent]) -> Sequence[StoredEvent]:
    """By time, but of one aggregate always by its own numbers: clocks of two processes may differ, those may not.

    The events of an aggregate take the places that they hold together, in the order of their numbers.
    """
    by_time = sorted(waiting, key=lambda event: (event.occurred_at, event.event_id))
    own: dict[UUID, list[StoredEvent]] = defaultdict(list)
    for event in by_time:
        own[event.aggregate_id].append(event)
    for events in own.values():
        events.sort(key=lambda event: -event.seq)  # taken from the end
    return [own[event.aggregate_id].pop() for event in by_time]


def wants(endpoint: Endpoint, event: StoredEvent) -> bool:
    """True when an endpoint is to be told of an event; a test event is for the endpoint that it names alone."""
    if event.type == TEST_TYPE:
        return event.data.get("endpoint_id") == str(endpoint.endpoint_id)
    return any(
        kind in ("*", event.type) or (kind.endswith(".*") and event.type.startswith(kind[:-1]))
        for kind in endpoint.types
    )


def _place(conn: Connection, city_id: int, placed: Sequence[tuple[StoredEvent, int]], now: datetime) -> None:
    """Writes positions and deliveries; an event that can't be written is dead with its reason, and the rest goes on."""
    if not placed:
        return
    endpoints = queries.enabled_endpoints(conn, sorted({event.merchant_id for event, _ in placed}))
    deliveries: list[tuple[StoredEvent, int, UUID]] = []
    dead: dict[UUID, str] = {}
    for event, position in placed:
        told = [endpoint for endpoint in endpoints.get(event.merchant_id, ()) if wants(endpoint, event)]
        try:
            event_body(event)
        except Unrenderable as error:
            dead[event.event_id] = str(error)
            log.error("an event can't be sent", extra={"event_id": str(event.event_id), "reason": str(error)})
            continue
        deliveries += [(event, position, endpoint.endpoint_id) for endpoint in told]
    queries.set_positions(conn, city_id, {event.event_id: position for event, position in placed})
    _finish(conn, city_id, placed, deliveries, dead, now)
    queries.put_deliveries(conn, city_id, deliveries, now)


def _finish(
    conn: Connection,
    city_id: int,
    placed: Sequence[tuple[StoredEvent, int]],
    deliveries: Sequence[tuple[StoredEvent, int, UUID]],
    dead: Mapping[UUID, str],
    now: datetime,
) -> None:
    """Events that nobody is to be told of are done."""
    told = {event.event_id for event, _, _ in deliveries}
    done = [event.event_id for event, _ in placed if event.event_id not in told and event.event_id not in dead]
    queries.mark_done(conn, city_id, done, now)
    for event_id, reason in dead.items():
        queries.mark_dead(conn, city_id, event_id, reason, now)
