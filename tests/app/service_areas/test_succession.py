"""Versions that begin later stand beside the one in force until then: under a clock that the tests turn."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from app.audit.actions import audit_data
from app.core.clock import system_clock
from app.core.settings import Settings
from app.coupons.area_changes import follow_areas
from app.geofencing.actions_fences import follow_sources
from app.outbox.relay import relay_once
from app.service_areas import actions, queries_owned
from app.service_areas.drafts import Draft
from app.service_areas.drawing import drawn
from app.service_areas.errors import NothingWaits, TerritoryOverlaps
from app.service_areas.isochrones import EmbeddedIsochrones
from app.service_areas.queries import Asked, areas_at, shown_at, shown_of
from app.service_areas.succession import Author, switch
from app.service_areas.types import Area
from app.service_areas.views import area_json
from geo.coordinates import LonLat
from geo.grid_shift import Datum
from tests.app.geofencing.fenced import Fenced, open_fenced
from tests.conftest import MakeDatabase
from tests.factories.loops import CITY, LAT, LON

DAY = timedelta(days=1)
HERE = LonLat(LON, LAT)


@dataclass
class Turning:
    """A merchant's areas at a place, and the time at which its next step is taken."""

    fenced: Fenced
    begin: datetime
    now: datetime

    def at(self, day: float) -> datetime:
        return self.begin + DAY * day

    def turn(self, day: float) -> None:
        self.now = self.at(day)

    def do(self, step: Callable[[Connection, Author], Any]) -> Any:
        with self.fenced.database.write() as conn:
            done = step(conn, Author(self.fenced.owner[0], self.now, None, follow_areas))
            conn.commit()
        return done

    def save(self, name: str, *, day: float | None = None, until: float | None = None, west: float = 0.0,
             kind: str = "delivery", place: int = 0, fee: int = 0) -> Area:  # fmt: skip
        """A square of 0.02° around the place, moved to the west by some degrees."""
        lon, half = LON - west, 0.01
        ring = [[lon - half, LAT - half], [lon + half, LAT - half], [lon + half, LAT + half], [lon - half, LAT + half]]
        draft = Draft(
            kind=kind, names={"en": name}, geometry={"type": "Polygon", "coordinates": [[*ring, ring[0]]]}, circle=None,
            travel=None, datum=Datum.WGS84, schedule=None, priority=0, currency=None, fee_minor=fee, min_order_minor=0,
            tags=(), metadata={}, effective_from=None if day is None else self.at(day),
            effective_until=None if until is None else self.at(until), unfinished=False,
        )  # fmt: skip
        shape = drawn(draft, HERE, "CNY", EmbeddedIsochrones(), repair=False)

        def step(conn: Connection, by: Author) -> Area:
            here = queries_owned.place_run_by(conn, CITY, self.fenced.loop.places[place], None)
            assert here is not None
            there = queries_owned.area_of(conn, CITY, here.place_id, name) is not None
            return actions.save(conn, here, name, shape, (lambda _: True) if there else None, by).area

        area: Area = self.do(step)
        return area

    def act(self, what: Callable[..., Area], name: str, *more: Any, place: int = 0) -> Area:
        def step(conn: Connection, by: Author) -> Area:
            here = queries_owned.place_run_by(conn, CITY, self.fenced.loop.places[place], None)
            assert here is not None
            return what(conn, here, name, *more, lambda _: True, by)

        area: Area = self.do(step)
        return area

    def publish(self, name: str, **given: Any) -> Area:
        self.save(name, **given)
        return self.act(actions.publish, name, place=given.get("place", 0))

    def switch(self) -> int:
        with self.fenced.database.write() as conn:
            done = switch(conn, CITY, self.now, follow_areas)
            conn.commit()
        return done

    def seen(self, area: Area) -> dict[str, Any]:
        with self.fenced.database.read_primary() as conn:
            current = queries_owned.area_of(conn, CITY, area.place_id, area.external_id)
            assert current is not None
            return area_json(conn, current, Datum.WGS84, self.now)

    def fees(self, area: Area, days: Sequence[float]) -> list[int | None]:
        """The fee of what serves the place on each day by an area; None where that does not."""
        asked = [Asked(number, HERE, self.at(day)) for number, day in enumerate(days)]
        with self.fenced.database.read_primary() as conn:
            found = areas_at(conn, CITY, 1, asked, None)
            shown = shown_of(conn, CITY, [area.service_area_id]).get(area.service_area_id, ())
        return [
            shown_at(shown, self.at(day)).fee_minor
            if any(each.service_area_id == area.service_area_id for each in found[number])
            else None
            for number, day in enumerate(days)
        ]


@pytest.fixture(scope="module")
def turning(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Turning]:
    """What the audit finds at the end stands in no test's way until then."""
    url = make_database(migrated_template)
    fenced, engine = open_fenced(url, settings_for(url))
    begin = system_clock() - 90 * DAY
    yield Turning(fenced, begin, begin)
    while relay_once(fenced.database, system_clock, "test"):
        pass
    with engine.connect() as conn:
        results = audit_data(conn, system_clock() + timedelta(seconds=1), allow_unsafe=True)
    fenced.database.dispose()
    engine.dispose()
    assert {each.rule: each.violations[:2] for each in results if each.violations} == {}


def test_what_begins_later_stands_beside_what_is_in_force(turning: Turning) -> None:
    turning.turn(0)
    area = turning.publish("later", fee=1)
    turning.publish("later", fee=2, day=10, until=20)
    seen = turning.seen(area)
    assert (seen["published"]["version"], seen["scheduled"]["version"], seen["waiting"]) == (1, 2, None)
    assert seen["published"]["in_force_until"] == seen["scheduled"]["effective"]["from"] == turning.at(10)
    assert (seen["published"]["effective"]["until"], seen["scheduled"]["in_force_until"]) == (None, turning.at(20))
    assert "discard" in seen["next_actions"]
    moments = [0, 9.999, 10, 19.999, 20]
    assert turning.fees(area, moments) == [1, 1, 2, 2, None]
    turning.turn(9.999)
    assert turning.switch() == 0
    turning.turn(10)
    seen = turning.seen(area)  # nobody tidied up yet
    assert (seen["published"]["version"], seen["scheduled"]) == (2, None)
    revision = turning.seen(area)["revision"]
    assert (turning.switch(), turning.switch()) == (1, 0)
    assert turning.seen(area)["revision"] == revision + 1
    assert turning.fees(area, moments) == [None, None, 2, 2, None]
    ended = turning.fenced.loop.rows(
        "SELECT state, ended_at FROM service_area_versions WHERE service_area_id = :a AND version = 1",
        a=area.service_area_id,
    )
    assert [tuple(each) for each in ended] == [("superseded", turning.at(10))]
    back = turning.act(actions.revert, "later", 1)  # what was cut short comes back for as long as it was said to last
    assert turning.seen(back)["published"]["effective"]["until"] is None
    turning.act(actions.archive, "later")


def test_what_was_to_begin_later_can_be_taken_back_and_replaced(turning: Turning) -> None:
    turning.turn(0)
    area = turning.publish("back", fee=1, until=50)
    turning.publish("back", fee=2, day=10)
    turning.publish("back", fee=3, day=20)  # in place of the second
    assert turning.fees(area, [0, 10, 19, 20, 60]) == [1, 1, 1, 3, 3]
    turning.turn(5)
    turning.publish("back", fee=4)  # at once: what is to begin later stays
    assert turning.fees(area, [5, 19, 20, 60]) == [4, 4, 3, 3]
    assert turning.seen(area)["published"]["version"] == 4
    turning.act(actions.discard, "back")
    assert turning.fees(area, [5, 20, 60]) == [4, 4, 4]
    with pytest.raises(NothingWaits):
        turning.act(actions.discard, "back")
    told = turning.fenced.loop.rows(
        "SELECT type, data->>'version' AS version FROM outbox_events WHERE aggregate_id = :a ORDER BY seq",
        a=area.service_area_id,
    )
    assert [(each.type.split(".")[2], each.version) for each in told] == [
        ("published", "1"), ("published", "2"), ("withdrawn", "2"), ("published", "3"), ("published", "4"),
        ("withdrawn", "3"),
    ]  # fmt: skip
    turning.publish("back", fee=5, day=30)
    turning.act(actions.archive, "back")
    assert turning.fees(area, [5, 30, 60]) == [None, None, None]


def test_any_order_of_steps_gives_what_a_calendar_on_paper_gives(turning: Turning) -> None:
    """The calendar has a cell for each day; a step writes over the cells from its day on."""
    draw, days = random.Random(4), 45
    turning.turn(0)
    area = turning.publish("calendar", fee=100)
    cells: list[int | None] = [100] * days
    current, later = (100, days), None  # fee and first day without it, as said; the same with its first day

    def written(fee: int, begins: int, until: int, below: int = 45) -> None:
        cells[begins:below] = [fee if day < until else None for day in range(begins, below)]

    for step in range(1, 18):
        today = step
        turning.turn(today)
        if later is not None and later[2] <= today:
            current, later = later[:2], None
        if draw.random() < 0.5:
            turning.switch()
        fee, until = 100 + step, draw.choice((days, today + draw.randint(12, 40)))
        what = draw.choice(("at once", "later", "later", "back"))
        if what == "at once":
            turning.publish("calendar", fee=fee, until=None if until == days else until)
            written(fee, today, until, days if later is None else later[2])
            current = (fee, until)
        elif what == "later":
            begins = today + draw.randint(1, 8)
            turning.publish("calendar", fee=fee, day=begins, until=None if until == days else until)
            written(*current[:1], today, current[1])
            written(fee, begins, until)
            later = (fee, until, begins)
        elif later is not None:
            turning.act(actions.discard, "calendar")
            written(current[0], today, current[1])
            later = None
        assert turning.fees(area, range(today, days)) == cells[today:], (step, what)
    turning.act(actions.archive, "calendar")


def test_territories_may_take_turns_and_never_share_a_day(turning: Turning) -> None:
    turning.turn(0)
    west = turning.publish("west", kind="territory")
    turning.publish("west", kind="territory", day=10, west=0.1)  # moves away
    with pytest.raises(TerritoryOverlaps):
        turning.publish("east", kind="territory", place=1, day=9)
    east = turning.publish("east", kind="territory", place=1, day=10)
    with pytest.raises(TerritoryOverlaps):  # the ground is given away from the tenth day on
        turning.act(actions.discard, "west")
    assert turning.fees(west, [9.9, 10]) == [0, None]
    assert turning.fees(east, [9.9, 10]) == [None, 0]
    for name, place in (("west", 0), ("east", 1)):
        turning.act(actions.archive, name, place=place)


def test_fences_and_coupons_follow_at_the_switch(turning: Turning) -> None:
    """The square moves away from the place by its own width; the fence is drawn anew when the time comes."""
    turning.turn(88)
    loop = turning.fenced.loop
    area = turning.publish("followed", fee=1)
    claimable = {"claim_from": loop.now - DAY, "claim_until": loop.now + DAY, "use_until": loop.now + 2 * DAY}
    terms = {"fulfilment": "delivery", "scope_kind": "service_areas", "scopes": [area.service_area_id]}
    coupon = loop.world.coupon(CITY, loop.merchant, loop.places[:1], **claimable, **terms)
    loop.world.run("UPDATE coupon_places SET service_area_id = :a WHERE coupon_id = :c",
                   {"a": area.service_area_id, "c": coupon})  # fmt: skip
    fence = turning.fenced.fence(follows={"service_area_id": str(area.service_area_id)})
    turning.publish("followed", fee=2, day=92, west=0.05)

    def drawn_from(day: float) -> tuple[int, int]:
        turning.turn(day)
        turning.switch()
        with turning.fenced.database.write() as conn:
            done = follow_sources(conn, CITY, turning.now)
            conn.commit()
        row = loop.rows(
            "SELECT v.source_version FROM geofences g JOIN geofence_versions v ON v.geofence_id = g.geofence_id"
            " AND v.version = g.current_version WHERE g.geofence_id = :g",
            g=fence["geofence_id"],
        )
        return done, row[0].source_version

    asked = {"lat": LAT, "lon": LON, "radius_m": 5000, "limit": 100, "in_service_area": "true"}
    answer = loop.client.get("/v1/coupons/nearby", query_string=asked).get_json()
    assert str(coupon) in {each["coupon_id"] for each in answer["items"]}
    assert drawn_from(91.999) == (0, 1)
    assert drawn_from(92) == (1, 2)
    loop.world.run(  # the same days, six earlier, so that the switch lies behind the application's clock
        "UPDATE service_area_versions SET effective_from = effective_from - interval '6 days',"
        " effective_until = effective_until - interval '6 days', ended_at = ended_at - interval '6 days',"
        " published_at = published_at - interval '6 days' WHERE service_area_id = :a",
        {"a": area.service_area_id},
    )
    away = loop.client.get("/v1/coupons/nearby", query_string=asked).get_json()
    assert str(coupon) not in {each["coupon_id"] for each in away["items"]}
    there = asked | {"serves": f"{LAT},{LON - 0.05}", "serves_kind": "delivery"}
    moved = loop.client.get("/v1/coupons/nearby", query_string=there).get_json()
    assert str(coupon) in {each["coupon_id"] for each in moved["items"]}
