"""The relay: gives each event the next position of its city and says who is to be told.

The order of ids is not the order of commits: a transaction that stays open and commits later simply gets later
positions. Since one relay at a time works on a city, under the lock of its counter until the commit, positions become
visible in order, and whoever reads behind a position misses nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from app.core.clock import Clock
from app.core.db import Database
from app.outbox import queries_deliveries, queries_events
from app.outbox.envelope import LONGEST_ADDRESS, render
from app.outbox.events import TEST_TYPE
from app.outbox.queries_endpoints import endpoints_of
from app.outbox.rules import in_order, wants
from app.outbox.types import Endpoint, StoredEvent

BATCH: Final = 500
MAX_TRIES: Final = 5

log = logging.getLogger("fujin.outbox")


def relay_once(database: Database, clock: Clock, holder: str) -> int:
    """Relays a batch of every city with waiting events; how many events got a position.

    A city whose relay fails is left for the next time; the others go on.
    """
    with database.read_primary() as conn:
        cities = queries_events.cities_with_waiting_events(conn)
    relayed = 0
    for city_id in cities:
        try:
            relayed += relay_city(database, city_id, clock, holder)
        except SQLAlchemyError:
            log.exception("the relay of a city failed", extra={"city_id": city_id})
    return relayed


def relay_city(database: Database, city_id: int, clock: Clock, holder: str) -> int:
    """Gives up to 500 events of a city their positions, in one transaction with their deliveries; how many."""
    now = clock()
    with database.write() as conn:
        last = queries_events.lock_position(conn, city_id)
        if last is None:
            return 0
        waiting = queries_events.waiting_events(conn, city_id, BATCH)
        line = _tellable(conn, in_order(waiting), now)[:BATCH]
        if line:
            _tell(conn, city_id, line, last, holder, now)
        conn.commit()
    return len(line)


def _tell(conn: Connection, city_id: int, line: Sequence[StoredEvent], last: int, holder: str, now: datetime) -> None:
    endpoints = _by_merchant(conn, {event.merchant_id for event in line})
    told: list[tuple[StoredEvent, int, UUID]] = []
    stamped: list[tuple[UUID, int, bool]] = []
    for position, event in enumerate(line, last + 1):
        wanting = [each.endpoint_id for each in endpoints.get(event.merchant_id, ()) if _wants(each, event)]
        told += [(event, position, endpoint_id) for endpoint_id in wanting]
        stamped.append((event.event_id, position, not wanting))
    queries_events.stamp(conn, city_id, stamped, holder, now)
    queries_deliveries.add_deliveries(conn, told, now)


def _by_merchant(conn: Connection, merchant_ids: Iterable[UUID]) -> dict[UUID, list[Endpoint]]:
    found: dict[UUID, list[Endpoint]] = {}
    for endpoint in endpoints_of(conn, list(merchant_ids)):
        if endpoint.state == "enabled":
            found.setdefault(endpoint.merchant_id, []).append(endpoint)
    return found


def _wants(endpoint: Endpoint, event: StoredEvent) -> bool:
    """A test goes to the endpoint that is tested, whatever types that wants."""
    if event.type == TEST_TYPE:
        return bool(event.data.get("endpoint_id") == str(endpoint.endpoint_id))
    return wants(endpoint.types, event.type)


def _tellable(conn: Connection, line: Sequence[StoredEvent], now: datetime) -> list[StoredEvent]:
    """The events that can be written as messages.

    One that can't is tried five times and then left dead with its reason; while it is tried, later events of its
    aggregate wait with it.
    """
    good: list[StoredEvent] = []
    held: set[UUID] = set()
    for event in line:
        if event.aggregate_id in held:
            continue
        try:
            render(event, LONGEST_ADDRESS)
        except Exception as error:
            dead = event.tries + 1 >= MAX_TRIES
            if not dead:
                held.add(event.aggregate_id)
            queries_events.count_try(conn, event, str(error) or type(error).__name__, dead, now)
            log.warning(
                "an event can't be told",
                extra={"event_id": str(event.event_id), "type": event.type, "dead": dead, "reason": str(error)},
            )
        else:
            good.append(event)
    return good
