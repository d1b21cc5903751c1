"""The next delivery to an endpoint is read off an index in its order, however many wait behind it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.core.ids import new_id
from app.outbox.queries_deliveries import take_one
from app.outbox.queries_endpoints import endpoints_of
from app.outbox.types import Target
from tests.conftest import MakeDatabase
from tests.factories.worlds import NOW, World

WAITING = 40_000
CITY = 2
EVENTS = """
    INSERT INTO outbox_events (city_id, event_id, aggregate_id, seq, type, merchant_id, data, occurred_at, position)
    SELECT 2, gen_random_uuid(), ('00000000-0000-0000-0000-' || lpad((n / 5)::text, 12, '0'))::uuid, n % 5 + 1,
           'fujin.claim.granted.v1', :merchant, '{}', :now, n + 1
    FROM generate_series(0, :last) AS n
"""
DELIVERIES = """
    INSERT INTO deliveries (city_id, endpoint_id, event_id, merchant_id, aggregate_id, position, state, attempt,
                            attempts_before, next_at, created_at)
    SELECT 2, :endpoint, event_id, :merchant, aggregate_id, position, 'due', 0, 0, :now, :now FROM outbox_events
"""


def test_the_next_delivery_is_not_sorted_out_of_all_that_wait(
    make_database: MakeDatabase, migrated_template: str
) -> None:
    engine = sa.create_engine(make_database(migrated_template))
    world = World(engine)
    world.basics()
    world.city(CITY, "here")
    merchant, endpoint = world.merchant(CITY), new_id()
    world.run(
        "INSERT INTO webhook_endpoints (merchant_id, endpoint_id, url, types, secret_sealed, slot, state, failures,"
        " row_version, created_by, created_at) VALUES (:merchant, :endpoint, 'https://192.0.2.1/hook', '{*}', '\\x00',"
        " 1, 'enabled', 0, 1, 'test', :now)",
        {"merchant": merchant, "endpoint": endpoint, "now": NOW},
    )
    world.run(EVENTS, {"merchant": merchant, "now": NOW, "last": WAITING - 1})
    world.run(DELIVERIES, {"merchant": merchant, "now": NOW, "endpoint": endpoint})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql("ANALYZE")
    said: list[str] = []

    def note(_conn: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        said.append(cursor.mogrify(statement, parameters).decode())

    target = Target(CITY, merchant, endpoint, NOW, WAITING)
    with engine.connect() as conn:
        (there,) = endpoints_of(conn, [merchant])
        for _ in range(3):
            sa.event.listen(conn, "before_cursor_execute", note)
            parcel = take_one(conn, target, there, NOW, timedelta(seconds=60))
            sa.event.remove(conn, "before_cursor_execute", note)
            assert parcel is not None
            assert parcel.event.seq == 1
        plan = conn.exec_driver_sql(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {said[0]}").scalars().all()
        conn.rollback()
    engine.dispose()
    words = "\n".join(plan)
    assert "deliveries_due_ix" in words, words
    assert "Sort" not in words, words
