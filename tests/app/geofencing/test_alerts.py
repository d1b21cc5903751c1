"""Standing alerts and offers: who is told of what, once, at the right hour, and who is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.clock import system_clock
from app.core.ids import new_city_id, new_id
from app.core.settings import Settings
from app.coupons.search_rows import follow_places
from app.geofencing import queries_alerts
from app.geofencing.alerting import alert_city
from app.outbox.queries import append
from app.outbox.relay import relay_once
from app.outbox.types import Event
from app.places import edits, overlays
from app.places.actions import apply
from app.places.queries_edits import Author
from geo.coordinates import LonLat
from tests.app.geofencing.fenced import Fenced, fix, open_fenced
from tests.conftest import MakeDatabase
from tests.factories.loops import CITY, LAT, LON
from tests.factories.shops import Who

ALL_DAY_QUIET = {"begins": "00:00", "ends": "23:59"}


@pytest.fixture(scope="module")
def fenced(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Fenced]:
    url = make_database(migrated_template)
    found, engine = open_fenced(url, settings_for(url))
    look(found)
    yield found
    found.database.dispose()
    engine.dispose()


def look(fenced: Fenced) -> int:
    """What the worker does: the relay, then the alerts."""
    while relay_once(fenced.database, system_clock, "test"):
        pass
    with fenced.database.write() as conn:
        made = alert_city(conn, CITY, system_clock())
        conn.commit()
    return made


def publish(fenced: Fenced, **terms: Any) -> UUID:
    """A coupon at the first place (120.16, 30.25), told of as published."""
    coupon = fenced.loop.coupon(places=fenced.loop.places[:1], **terms)
    now = system_clock()
    with fenced.database.write() as conn:
        append(conn, Event(CITY, coupon, 1, "fujin.coupon.published.v1", fenced.loop.merchant, {}, now))
        conn.commit()
    return coupon


def save(fenced: Fenced, who: Who, name: str = "home", **body: Any) -> dict[str, Any]:
    given = {"name": name, "watch": ["new_coupon"], **body}
    if not {"place_id", "geometry"} & given.keys():
        given.setdefault("circle", {"center": {"lon": LON, "lat": LAT}, "radius_m": 300})
    answer = fenced.ask("PUT", f"/v1/me/saved/{name}", who, given)
    assert answer.status_code == 200, answer.get_json()
    found: dict[str, Any] = answer.get_json()
    return found


def alerts(fenced: Fenced, who: Who) -> list[tuple[str, str | None]]:
    items = fenced.ask("GET", "/v1/me/alerts", who).get_json()["items"]
    return [(each["kind"], each["coupon_id"]) for each in items]


def test_a_new_coupon_in_a_saved_area_is_told_once_to_each_member(fenced: Fenced) -> None:
    inside, both, beside, other, over = (fenced.member() for _ in range(5))
    save(fenced, inside)
    save(fenced, both, "home")
    save(fenced, both, "work", place_id=str(fenced.loop.places[0]))
    save(fenced, beside, circle={"center": {"lon": LON + 0.005, "lat": LAT}, "radius_m": 300})
    save(fenced, other, watch=["new_place"])
    save(fenced, over, expires_at=(system_clock() + timedelta(hours=1)).isoformat())
    fenced.loop.world.run(
        "UPDATE area_watches SET expires_at = :now WHERE member_id = :m", {"now": system_clock(), "m": over[0]}
    )
    coupon = publish(fenced)
    assert look(fenced) == 2
    assert alerts(fenced, inside) == alerts(fenced, both) == [("new_coupon", str(coupon))]
    assert [alerts(fenced, who) for who in (beside, other, over)] == [[], [], []]
    fenced.loop.world.run("UPDATE alert_cursors SET position = 0", {})
    look(fenced)  # the same events again
    assert alerts(fenced, both) == [("new_coupon", str(coupon))]


def test_a_price_is_watched(fenced: Fenced) -> None:
    who = fenced.member()
    price = {"amount_minor": 900, "currency": "CNY"}
    save(fenced, who, watch=["price_below"], price_below=price)
    publish(fenced, price_minor=900, list_price_minor=1000)
    cheap = publish(fenced, price_minor=899, list_price_minor=1000)
    look(fenced)
    assert alerts(fenced, who) == [("price_below", str(cheap))]


def test_alerts_of_quiet_hours_are_seen_together_when_those_are_over(fenced: Fenced) -> None:
    who = fenced.member(time_zone="UTC", quiet=ALL_DAY_QUIET)
    save(fenced, who)
    for _ in range(2):
        publish(fenced)
    look(fenced)
    rows = fenced.loop.rows("SELECT deliver_at, digest FROM member_alerts WHERE member_id = :m", m=who[0])
    if system_clock().strftime("%H:%M") != "23:59":
        assert len({row.deliver_at for row in rows}) == 1
        assert [row.digest for row in rows] == [1, 1]
        assert rows[0].deliver_at.strftime("%H:%M:%S") == "23:59:00"
        assert alerts(fenced, who) == []
    fenced.loop.world.run("UPDATE member_alerts SET deliver_at = created_at WHERE member_id = :m", {"m": who[0]})
    assert len(alerts(fenced, who)) == 2


def test_new_places_of_the_next_version(fenced: Fenced) -> None:
    who = fenced.member()
    save(fenced, who, watch=["new_place"])
    world = fenced.loop.world
    world.dataset(CITY, "places", 2)
    kept = [{"lon": LON + n * 0.01, "lat": LAT, "place_id": place} for n, place in enumerate(fenced.loop.places)]
    kept.append({"lon": LON + 0.03, "lat": LAT, "place_id": fenced.loop.rival_place})
    fresh = [{"lon": LON, "lat": LAT + 0.001}, {"lon": LON, "lat": LAT + 0.02}]
    ids = world.places(CITY, 2, [*kept, *fresh])
    world.activate(CITY, "places", 2)
    assert look(fenced) > 0
    items = fenced.ask("GET", "/v1/me/alerts", who).get_json()["items"]
    assert [(each["kind"], each["place_id"], each["saved_id"]) for each in items] == [
        ("new_place", str(ids[4]), "home")
    ]


def edit(fenced: Fenced, *wanted: edits.Edit) -> None:
    """What an operator does to places, between two versions of the city."""
    with fenced.loop.engine.begin() as conn:
        apply(conn, CITY, wanted, Author(new_id(), "seen there"), system_clock(), follow=follow_places)


def told_places(fenced: Fenced, who: Who) -> list[str]:
    look(fenced)
    return [each["place_id"] for each in reversed(fenced.ask("GET", "/v1/me/alerts", who).get_json()["items"])]


def test_places_that_come_into_sight_between_two_versions_are_told(fenced: Fenced) -> None:
    here, there = fenced.member(), fenced.member()
    save(fenced, here, watch=["new_place"])
    save(fenced, there, watch=["new_place"], circle={"center": {"lon": LON + 0.025, "lat": LAT}, "radius_m": 300})
    look(fenced)
    near, far = new_city_id(CITY), new_city_id(CITY)
    edit(
        fenced,
        edits.Open(near, LonLat(LON + 0.0005, LAT), {"local": "新开的店"}, "cafe"),
        edits.Open(far, LonLat(LON + 0.025, LAT), {"local": "远处的店"}, "cafe"),
    )
    assert told_places(fenced, here) == [str(near)]
    assert told_places(fenced, there) == [str(far)]
    edit(fenced, edits.Change(near, names={"local": "改名"}), edits.Move(near, LonLat(LON + 0.0006, LAT)))
    assert told_places(fenced, here) == [str(near)]  # it was there before
    edit(fenced, edits.Move(far, LonLat(LON + 0.0007, LAT)))
    assert told_places(fenced, here) == [str(near), str(far)]
    edit(fenced, edits.Move(far, LonLat(LON + 0.025, LAT)))
    assert told_places(fenced, there) == [str(far)]  # a place is told once
    edit(fenced, edits.Close(far))
    late = fenced.member()
    save(fenced, late, watch=["new_place"], circle={"center": {"lon": LON + 0.025, "lat": LAT}, "radius_m": 300})
    assert told_places(fenced, late) == []
    edit(fenced, edits.Reopen(far))
    assert told_places(fenced, late) == [str(far)]
    assert fenced.loop.one("SELECT count(*) FROM place_arrivals") == 0


def test_a_correction_that_is_taken_back_brings_a_place_into_sight(fenced: Fenced) -> None:
    place, now = new_city_id(CITY), system_clock()
    edit(fenced, edits.Open(place, LonLat(LON + 0.015, LAT), {"local": "店"}, "cafe"))
    look(fenced)
    with fenced.loop.engine.begin() as conn:
        shut = overlays.correct(conn, CITY, place, "closed", True, Author(new_id(), "shut"), now, follow_places)
    who = fenced.member()
    save(fenced, who, watch=["new_place"], circle={"center": {"lon": LON + 0.015, "lat": LAT}, "radius_m": 300})
    assert told_places(fenced, who) == []
    with fenced.loop.engine.begin() as conn:
        overlays.withdraw(conn, CITY, shut.overlay_id, now, follow_places)
    assert told_places(fenced, who) == [str(place)]


def test_a_price_that_falls_later_is_told_and_nobody_is_told_twice(fenced: Fenced) -> None:
    watching, both = fenced.member(), fenced.member()
    below = {"price_below": {"amount_minor": 500, "currency": "CNY"}}
    save(fenced, watching, watch=["price_below"], **below)
    save(fenced, both, watch=["price_below", "new_coupon"], **below)
    coupon = publish(fenced, price_minor=700, list_price_minor=1000)
    look(fenced)
    assert (alerts(fenced, watching), alerts(fenced, both)) == ([], [("new_coupon", str(coupon))])
    fenced.loop.world.run("UPDATE coupon_versions SET price_minor = 499 WHERE coupon_id = :c", {"c": coupon})
    with fenced.database.write() as conn:
        append(conn, Event(CITY, coupon, 2, "fujin.coupon.published.v1", fenced.loop.merchant, {}, system_clock()))
        conn.commit()
    look(fenced)
    assert alerts(fenced, watching) == [("price_below", str(coupon))]
    assert alerts(fenced, both) == [("new_coupon", str(coupon))]


def test_more_are_told_than_are_asked_for_at_once(fenced: Fenced, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries_alerts, "AT_ONCE", 2)
    people = [fenced.member() for _ in range(5)]
    for who in people:
        save(fenced, who, circle={"center": {"lon": LON, "lat": LAT}, "radius_m": 60})
    coupon = publish(fenced)
    look(fenced)
    assert [alerts(fenced, who) for who in people] == [[("new_coupon", str(coupon))]] * 5


def test_what_is_saved_can_be_read_changed_and_forgotten(fenced: Fenced) -> None:
    who, other = fenced.member(), fenced.member()
    square = {
        "type": "Polygon",
        "coordinates": [[[LON, LAT], [LON + 0.01, LAT], [LON + 0.01, LAT + 0.01], [LON, LAT]]],
    }
    saved = save(fenced, who, "area-1", geometry=square, watch=["new_coupon", "new_place"])
    assert (saved["geometry"]["type"], saved["circle"], saved["place_id"]) == ("MultiPolygon", None, None)
    path = "/v1/me/saved/area-1"
    tag = fenced.ask("GET", path, who).headers["ETag"]
    assert fenced.ask("GET", path, other).status_code == 404
    assert fenced.ask("DELETE", path, other).status_code == 404
    save(fenced, who, "area-1")
    assert fenced.ask("DELETE", path, who, **{"If-Match": tag}).status_code == 412
    assert [each["saved_id"] for each in fenced.ask("GET", "/v1/me/saved", who).get_json()["items"]] == ["area-1"]
    assert fenced.ask("DELETE", path, who).status_code == 204
    assert fenced.loop.one("SELECT count(*) FROM area_watches WHERE member_id = :m", m=who[0]) == 0
    for wrong, pointer in (
        ({"watch": ["price_below"]}, "/price_below"),
        ({"watch": ["new_coupon", "new_coupon"]}, "/watch"),
        ({"watch": ["new_coupon"], "place_id": str(new_city_id(CITY))}, "/place_id"),
    ):
        body = {"name": "x", **wrong}
        if "place_id" not in wrong:
            body["circle"] = {"center": {"lon": LON, "lat": LAT}, "radius_m": 300}
        answer = fenced.ask("PUT", path, who, body)
        assert answer.status_code == 422, answer.get_json()
        assert answer.get_json()["errors"][0]["pointer"].startswith(pointer)
    for number in range(20):
        save(fenced, who, f"n{number}")
    body = {"name": "x", "watch": ["new_place"], "circle": {"center": {"lon": LON, "lat": LAT}, "radius_m": 300}}
    assert fenced.ask("PUT", path, who, body).get_json()["code"] == "saved-limit"


def test_a_fence_offers_a_coupon_to_who_wants_offers_and_seldom(fenced: Fenced) -> None:
    fence = fenced.fence()
    coupon = fenced.loop.coupon(places=fenced.loop.places[:1])
    path = f"/v1/geofences/{fence['geofence_id']}/offer"
    assert fenced.ask("GET", path, fenced.owner).status_code == 404
    assert fenced.ask("PUT", path, fenced.owner, {"coupon_id": str(new_city_id(CITY))}).status_code == 404
    foreign = fenced.loop.coupon(merchant_id=fenced.loop.rival, places=[fenced.loop.rival_place])
    assert fenced.ask("PUT", path, fenced.owner, {"coupon_id": str(foreign)}).status_code == 404
    assert fenced.ask("PUT", path, fenced.owner, {"coupon_id": str(coupon)}).status_code == 200
    wants, hates, sleeps = (
        fenced.member(offers=True),
        fenced.member(),
        fenced.member(offers=True, quiet=ALL_DAY_QUIET),
    )
    for who in (wants, hates, sleeps):
        fenced.send(who, fix(5))
    look(fenced)
    assert alerts(fenced, wants) == [("offer", str(coupon))]
    assert alerts(fenced, hates) == []
    if system_clock().strftime("%H:%M") != "23:59":
        assert alerts(fenced, sleeps) == []
    fenced.send(wants, fix(4, 500), fix(3))  # out and in again: the same coupon within a week
    look(fenced)
    another = fenced.loop.coupon(places=fenced.loop.places[:1])
    fenced.ask("PUT", path, fenced.owner, {"coupon_id": str(another)})
    fenced.send(wants, fix(2, 500), fix(1))  # another one of the same merchant within a day
    look(fenced)
    assert alerts(fenced, wants) == [("offer", str(coupon))]
    events = fenced.loop.rows("SELECT data FROM outbox_events WHERE type NOT LIKE 'fujin.geofence.%'")
    assert all(str(wants[0]) not in str(row.data) for row in events)
    assert fenced.ask("DELETE", "/v1/me/positions", wants).status_code == 200
    assert alerts(fenced, wants) == []  # an offer tells where somebody was
    assert fenced.ask("DELETE", path, fenced.owner).status_code == 204
    assert fenced.ask("DELETE", path, fenced.owner).status_code == 404
