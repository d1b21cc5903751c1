"""Fences, positions, timers, alerts and a withdrawal on the partitioned stand-in: each statement stays in one city."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from app.core.clock import system_clock
from app.core.settings import Settings
from app.geofencing.actions_fences import follow_sources
from app.geofencing.alerting import alert_city
from app.geofencing.sweeping import purge
from app.outbox.queries import append
from app.outbox.relay import relay_once
from app.outbox.types import Event
from tests.app.geofencing.fenced import Fenced, fix, open_fenced
from tests.conftest import MakeDatabase
from tests.factories.loops import CITY, LAT, LON
from tests.factories.migrating import make_standin
from tests.plans.guard import one_city_a_statement


@pytest.fixture
def fenced(make_database: MakeDatabase, settings_for: Callable[[str], Settings]) -> Iterator[Fenced]:
    """Fences on the stand-in."""
    url = make_standin(make_database)
    found, engine = open_fenced(url, settings_for(url))
    yield found
    found.database.dispose()
    engine.dispose()


def test_whatever_fences_do_stays_in_one_city_a_statement(fenced: Fenced) -> None:
    engines = (fenced.database.primary, fenced.database.reading)
    coupon = fenced.loop.coupon(places=fenced.loop.places[:1])
    with one_city_a_statement(fenced.loop.engine, *engines) as recording:
        fence = fenced.fence(dwell_s=[30])
        fenced.fence(reorder_s=10)
        path = f"/v1/geofences/{fence['geofence_id']}"
        assert fenced.ask("PUT", f"{path}/offer", fenced.owner, {"coupon_id": str(coupon)}).status_code == 200
        who = fenced.member(offers=True)
        circle = {"center": {"lon": LON, "lat": LAT}, "radius_m": 300}
        saved = {"name": "Home", "circle": circle, "watch": ["new_coupon", "new_place"]}
        assert fenced.ask("PUT", "/v1/me/saved/home", who, saved).status_code == 200
        _look(fenced)
        fenced.send(who, fix(60, 500), fix(50), fix(40))
        fenced.work(timedelta(seconds=20))
        with fenced.database.write() as conn:
            append(conn, Event(CITY, coupon, 1, "fujin.coupon.published.v1", fenced.loop.merchant, {}, system_clock()))
            conn.commit()
        _look(fenced)
        kinds = {each["kind"] for each in fenced.ask("GET", "/v1/me/alerts", who).get_json()["items"]}
        assert kinds == {"offer", "new_coupon"}
        assert fenced.change(fence, circle={**circle, "center": {"lon": LON + 0.02, "lat": LAT}}).status_code == 200
        fenced.work(timedelta(seconds=40))
        assert fenced.ask("GET", "/v1/geofences", fenced.owner).status_code == 200
        event = fenced.loop.one("SELECT event_id FROM geofence_events ORDER BY 1 LIMIT 1")
        assert fenced.ask("GET", f"/v1/geofence-events/{event}", fenced.owner).status_code == 200
        assert fenced.ask("DELETE", "/v1/me/positions", who).get_json()["positions"] == 3
        fenced.delete(fence)
        with fenced.database.write() as conn:
            follow_sources(conn, CITY, system_clock())
            purge(conn, CITY, system_clock())
            conn.commit()
    assert len(recording.explained()) > 80


def _look(fenced: Fenced) -> None:
    while relay_once(fenced.database, system_clock, "test"):
        pass
    with fenced.database.write() as conn:
        alert_city(conn, CITY, system_clock())
        conn.commit()
