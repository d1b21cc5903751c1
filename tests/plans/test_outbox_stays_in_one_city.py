"""Events on their way, on the partitioned stand-in: each statement stays in one city or says that it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core.clock import system_clock
from app.core.db import Database, open_database
from app.core.ids import new_city_id
from app.core.settings import Settings
from app.factory import create_app
from app.outbox import actions
from app.outbox.queries import append
from app.outbox.relay import relay_once
from app.outbox.sender import Sender
from app.outbox.types import Event
from tests.conftest import MakeDatabase
from tests.factories.loops import CITY, Loop, plant_loop
from tests.factories.migrating import make_standin
from tests.plans.guard import one_city_a_statement

FAR = 3
NOBODY = "https://192.0.2.1/hook"  # RFC 5737; it is refused at each attempt, before anyone is asked


@pytest.fixture
def standin(
    make_database: MakeDatabase, settings_for: Callable[[str], Settings]
) -> Iterator[tuple[Loop, Database, Settings]]:
    """A loop in two cities on the stand-in."""
    url = make_standin(make_database)
    owner, settings = sa.create_engine(url), settings_for(url)
    database = open_database(settings)
    loop = plant_loop(create_app(settings, database=database), owner)
    loop.world.city(FAR, "there", time_zone="Europe/Berlin", currency="EUR")
    yield loop, database, settings
    database.dispose()
    owner.dispose()


def test_an_events_whole_way_stays_in_one_city_a_statement(standin: tuple[Loop, Database, Settings]) -> None:
    loop, database, settings = standin
    owner: tuple[UUID, str] = (loop.employee("owner", loop.merchant), "owner")
    loop.world.run(
        "INSERT INTO webhook_endpoints (merchant_id, endpoint_id, url, types, secret_sealed, slot, state, failures,"
        " row_version, created_by, created_at) VALUES (:merchant, gen_random_uuid(), :url, '{*}', '\\x00', 1,"
        " 'enabled', 0, 1, 'test', :now)",
        {"merchant": loop.merchant, "url": NOBODY, "now": loop.now},
    )

    def get(path: str) -> Any:
        answer = loop.get(path, by=owner)
        assert answer.status_code == 200, answer.get_json()
        return answer.get_json()

    sender = Sender(database, settings, lambda: system_clock() + ahead[0])
    ahead = [timedelta()]
    with one_city_a_statement(loop.engine, database.primary, database.reading) as recording:
        with database.write() as conn:
            for city_id in (CITY, FAR):
                kind = "fujin.claim.granted.v1"
                append(conn, Event(city_id, new_city_id(city_id), 1, kind, loop.merchant, {}, loop.now))
            conn.commit()
        assert relay_once(database, system_clock, "test") == 2
        for _ in range(22):  # a receiver that failed gets one delivery at a time
            sender.run_once()
            assert sender.wait_idle(20)
            ahead[0] += timedelta(hours=30)
        page = get("/v1/events?limit=1&type=fujin.claim.*")
        assert get(f"/v1/events?type=fujin.claim.*&after={page['next_cursor']}")["items"]
        listed = get("/v1/deliveries?state=dead&limit=1")
        assert get(f"/v1/deliveries?state=dead&limit=1&cursor={listed['next_cursor']}")["items"]
        event = listed["items"][0]["event_id"]
        assert len(get(f"/v1/deliveries/{event}/attempts")["items"]) == 10
        assert loop.post(f"/v1/events/{event}/redeliver", {}, by=owner).status_code == 202
        loop.world.run("UPDATE webhook_endpoints SET state = 'disabled'", {})
        sender.run_once()
        with database.write() as conn:
            assert len(actions.requeue(conn, UUID(event), None, system_clock())) == 1
            conn.commit()
    assert sender.stop(5)
    assert len(recording.explained()) > 100
