"""Positions: dense, in the order of commits, each aggregate in its own order; and readers who miss nothing."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core.clock import system_clock
from app.core.db import Database
from app.core.ids import new_city_id, new_id
from app.outbox.queries import append
from app.outbox.relay import relay_city, relay_once
from app.outbox.rules import in_order
from app.outbox.types import Event, StoredEvent
from tests.factories.loops import CITY, Loop

NOW = system_clock()


def event(merchant: UUID, aggregate: UUID | None = None, seq: int = 1, **data: Any) -> Event:
    return Event(CITY, aggregate or new_city_id(CITY), seq, "fujin.claim.granted.v1", merchant, data, NOW)


def write(database: Database, *events: Event) -> None:
    with database.write() as conn:
        append(conn, *events)
        conn.commit()


def placed(loop: Loop) -> list[tuple[int, int]]:
    return [tuple(row) for row in loop.rows("SELECT position, seq FROM outbox_events ORDER BY position")]


def endpoint(loop: Loop, *types: str, state: str = "enabled") -> UUID:
    endpoint_id = new_id()
    loop.world.run(
        "INSERT INTO webhook_endpoints (merchant_id, endpoint_id, url, types, secret_sealed, slot, state, failures,"
        " row_version, created_by, created_at) SELECT :merchant, :id, 'https://example.org/', :types, '\\x00',"
        " count(*) + 1, :state, 0, 1, 'test', :now FROM webhook_endpoints",
        {"merchant": loop.merchant, "id": endpoint_id, "types": list(types), "state": state, "now": NOW},
    )
    return endpoint_id


def test_positions_are_dense_whatever_batches_they_come_in(loop: Loop, database: Database) -> None:
    write(database, *(event(loop.merchant) for _ in range(7)))
    assert relay_once(database, system_clock, "r") == 7
    write(database, *(event(loop.merchant) for _ in range(3)))
    assert relay_once(database, system_clock, "r") == 3
    assert [position for position, _ in placed(loop)] == list(range(1, 11))
    assert loop.one("SELECT position FROM outbox_positions WHERE city_id = :c", c=CITY) == 10
    assert loop.one("SELECT count(*) FROM outbox_events WHERE done_at IS NULL") == 0


def test_an_aggregates_events_keep_their_order_when_clocks_differ() -> None:
    first, other = new_city_id(CITY), new_city_id(CITY)

    def stored(aggregate: UUID, seq: int, seconds: int) -> StoredEvent:
        at = NOW + timedelta(seconds=seconds)
        return StoredEvent(CITY, new_city_id(CITY), aggregate, seq, "t", new_id(), {}, None, at, None, 0)

    # the second event of the first aggregate was written by a machine whose clock is three seconds behind
    mixed = [stored(first, 2, 0), stored(other, 1, 1), stored(first, 1, 3)]
    assert [(each.aggregate_id, each.seq) for each in in_order(mixed)] == [(first, 1), (other, 1), (first, 2)]


def test_two_relays_at_once_give_each_position_once(loop: Loop, database: Database) -> None:
    write(database, *(event(loop.merchant) for _ in range(300)))
    threads = [
        threading.Thread(target=lambda n=n: [relay_city(database, CITY, system_clock, f"r{n}") for _ in range(5)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    relay_once(database, system_clock, "last")
    assert [position for position, _ in placed(loop)] == list(range(1, 301))


def test_a_city_whose_counter_is_locked_is_left_to_the_relay_that_has_it(loop: Loop, database: Database) -> None:
    write(database, event(loop.merchant))
    relay_once(database, system_clock, "first")
    write(database, event(loop.merchant))
    with loop.engine.begin() as other:
        other.exec_driver_sql("SELECT 1 FROM outbox_positions FOR UPDATE")
        assert relay_city(database, CITY, system_clock, "second") == 0
    assert relay_city(database, CITY, system_clock, "second") == 1


def test_endpoints_are_told_of_the_types_that_they_want(loop: Loop, database: Database) -> None:
    everything, claims, other, off = (
        endpoint(loop, "*"),
        endpoint(loop, "fujin.claim.*"),
        endpoint(loop, "fujin.payment.succeeded.v1"),
        endpoint(loop, "*", state="disabled"),
    )
    write(database, event(loop.merchant), event(loop.rival))
    relay_once(database, system_clock, "r")
    told = {row[0] for row in loop.rows("SELECT endpoint_id FROM deliveries")}
    assert told == {everything, claims}
    assert not told & {other, off}
    done = loop.rows("SELECT merchant_id FROM outbox_events WHERE done_at IS NOT NULL")
    assert [row[0] for row in done] == [loop.rival]


def test_an_event_that_cannot_be_sent_is_tried_then_dead_with_its_reason_and_the_rest_goes_on(
    loop: Loop, database: Database
) -> None:
    endpoint(loop, "*")
    write(database, event(loop.merchant, note="x" * 30_000), event(loop.merchant))
    assert relay_once(database, system_clock, "r") == 1
    for _ in range(4):
        assert relay_once(database, system_clock, "r") == 0
    dead = loop.rows("SELECT dead_reason, position FROM outbox_events WHERE dead_at IS NOT NULL")
    assert len(dead) == 1
    assert dead[0][0].endswith("20000 at most can be sent")
    assert loop.one("SELECT count(*) FROM deliveries") == 1
    assert loop.rows("SELECT position FROM outbox_events WHERE position IS NOT NULL") == [(1,)]


@pytest.fixture
def reader(loop: Loop) -> tuple[UUID, str]:
    return loop.employee("owner", loop.merchant), "owner"


def read_on(loop: Loop, reader: tuple[UUID, str], cursor: str | None) -> tuple[list[str], str]:
    """Every event behind a cursor, by pages of ten, and the cursor to go on from."""
    seen: list[str] = []
    while True:
        path = "/v1/events?limit=10" + (f"&after={cursor}" if cursor else "")
        answer = loop.get(path, by=reader)
        assert answer.status_code == 200, answer.get_json()
        page = answer.get_json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return seen, str(cursor)


def test_a_reader_misses_nothing_while_one_transaction_stays_open_and_a_hundred_later_ones_commit(
    loop: Loop, database: Database, owner: sa.Engine, reader: tuple[UUID, str]
) -> None:
    """The late transaction's event has the oldest id of all; a reader by id would have gone past it."""
    with database.write() as late:
        append(late, event(loop.merchant, note="late"))
        late_id = str(late.exec_driver_sql("SELECT event_id FROM outbox_events").scalar_one())
        seen: list[str] = []
        cursor: str | None = None
        for number in range(100):
            write(database, event(loop.merchant, number=number))
            if number % 7 == 0:
                relay_once(database, system_clock, "r")
                more, cursor = read_on(loop, reader, cursor)
                seen += more
        relay_once(database, system_clock, "r")
        more, cursor = read_on(loop, reader, cursor)
        seen += more
        assert len(seen) == 100
        assert late_id not in seen
        late.commit()
    relay_once(database, system_clock, "r")
    more, _ = read_on(loop, reader, cursor)
    assert more == [late_id]
    assert late_id < min(seen)
    everything = [str(row[0]) for row in loop.rows("SELECT event_id FROM outbox_events")]
    assert sorted([*seen, late_id]) == sorted(everything)
    assert len(set(seen)) == 100


def test_the_feed_shows_ones_own_merchants_events_alone(
    loop: Loop, database: Database, reader: tuple[UUID, str]
) -> None:
    write(database, event(loop.merchant, mine=True), event(loop.rival, mine=False))
    relay_once(database, system_clock, "r")
    items = loop.get("/v1/events", by=reader).get_json()["items"]
    assert [item["data"]["mine"] for item in items] == [True]
    assert (items[0]["specversion"], items[0]["sequence"], items[0]["source"]) == ("1.0", "1", "/flow/fujin")
    rival = loop.employee("owner", loop.rival), "owner"
    cursor = loop.get("/v1/events", by=reader).get_json()["next_cursor"]
    stolen = loop.get(f"/v1/events?after={cursor}", by=rival)
    assert (stolen.status_code, stolen.get_json()["code"]) == (400, "invalid-cursor")
    assert loop.get("/v1/events", by=(loop.member(), "member")).status_code == 403
