"""A group from its beginning to its end on the partitioned stand-in: each statement stays in one city."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from app.core.clock import system_clock
from app.core.settings import Settings
from app.fraud.actions import look
from tests.conftest import MakeDatabase
from tests.factories.loops import CITY, LAT, LON
from tests.factories.migrating import make_standin
from tests.factories.parties import GROUP, Party, open_party
from tests.plans.guard import one_city_a_statement


@pytest.fixture
def party(make_database: MakeDatabase, settings_for: Callable[[str], Settings]) -> Iterator[Party]:
    """A party on the stand-in."""
    url = make_standin(make_database)
    found, engine = open_party(url, settings_for(url))
    yield found
    found.database.dispose()
    engine.dispose()


def test_groups_and_guarded_claims_stay_in_one_city_a_statement(party: Party) -> None:
    first, second = party.people(2)
    coupon = party.loop.coupon(**GROUP | {"claim_within_m": 300, "group_target": 2})
    fix = {"lat": LAT, "lon": LON, "accuracy_m": 20, "at": system_clock().isoformat()}
    engines = (party.database.primary, party.database.reading)
    with one_city_a_statement(party.loop.engine, *engines) as recording:
        group = party.start(first, coupon, location=fix).get_json()
        party.pay(first, group)
        refused = party.join(second, group, location=fix | {"accuracy_m": 900})
        assert refused.get_json()["code"] == "location-inaccurate"
        seat = party.join(second, group, location=fix).get_json()
        assert party.pay(second, seat)["state"] == "succeeded"
        assert party.seen(second, group)["state"] == "succeeded"
        assert party.shop.use(party.loop.code(seat["claim"]["claim_id"], second[0]), order=None).status_code == 201
        lonely = party.start(second, party.coupon()).get_json()
        party.pay(second, lonely)
        party.over(lonely)
        party.sweep()
        party.settle()
        party.sweep(timedelta(minutes=1))
        assert party.state(lonely) == "closed"
        with party.database.write() as conn:
            look(conn, CITY, party.settings, system_clock())
            conn.commit()
    assert len(recording.explained()) > 60
