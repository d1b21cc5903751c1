"""Fixes over HTTP become events: what counts, what does not and why, timers, changes of fences, and privacy."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from math import floor
from typing import Any

import pytest

from app.core.clock import system_clock
from app.core.ids import new_city_id
from app.core.settings import Settings
from app.geofencing.actions_fences import follow_sources
from app.geofencing.sweeping import purge
from tests.app.geofencing.fenced import RADIUS_M, Fenced, fix, open_fenced, schema_faults
from tests.conftest import MakeDatabase
from tests.factories.loops import CITY, LAT, LON

INSIDE, OUTSIDE = 0.0, 500.0


@pytest.fixture(scope="module")
def fenced(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Fenced]:
    url = make_database(migrated_template)
    found, engine = open_fenced(url, settings_for(url))
    yield found
    assert schema_faults(engine) == []
    found.database.dispose()
    engine.dispose()


@pytest.fixture(autouse=True)
def nothing_is_left(fenced: Fenced) -> Iterator[None]:
    yield
    for row in fenced.loop.rows("SELECT geofence_id FROM geofences WHERE state = 'active'"):
        fenced.delete({"geofence_id": row[0]})
    fenced.work()


def test_nobody_is_followed_who_did_not_agree(fenced: Fenced) -> None:
    fenced.fence()
    stranger = (fenced.loop.member(), "member")
    answer = fenced.ask("POST", "/v1/positions", stranger, {"fixes": [fix(0)]})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "consent-required")
    refused = fenced.member(positions=False)
    assert fenced.ask("POST", "/v1/positions", refused, {"fixes": [fix(0)]}).status_code == 409
    kept = "SELECT count(*) FROM followed_fixes WHERE subject_id = ANY(:m)"
    assert fenced.loop.one(kept, m=[stranger[0], refused[0]]) == 0


def test_coming_staying_and_leaving(fenced: Fenced) -> None:
    fence = fenced.fence(dwell_s=[60], exit_buffer_m=30)
    who = fenced.member()
    answer = fenced.send(who, fix(300, OUTSIDE), fix(200), fix(100, RADIUS_M + 20), fix(10, OUTSIDE))
    assert [each["outcome"] for each in answer["items"]] == ["counted"] * 4
    assert (answer["counted"], answer["events"]) == (4, 3)
    assert fenced.told(who) == [("entered", "fix"), ("dwelled", "timer"), ("exited", "fix")]
    rows = fenced.loop.rows("SELECT data FROM outbox_events WHERE data->>'geofence_id' = :f", f=fence["geofence_id"])
    said = json.dumps([row.data for row in rows])
    assert str(who[0]) not in said
    assert not any(word in said for word in ('"lon', '"lat"', "member", "subject"))


def test_a_batch_that_is_sent_again_changes_nothing(fenced: Fenced) -> None:
    fenced.fence()
    who = fenced.member()
    fixes = [fix(20 - number, [OUTSIDE, INSIDE][number // 5 % 2]) for number in range(20)]
    first = fenced.send(who, *fixes)
    before = fenced.told(who)
    assert first["events"] == len(before) == 3
    again = fenced.send(who, *fixes)
    assert {each["outcome"] for each in again["items"]} == {"duplicate"}
    assert (again["events"], fenced.told(who)) == (0, before)
    keyed = {"Idempotency-Key": "batch-1"}
    fresh = {"fixes": [fix(0, OUTSIDE)]}
    one = fenced.ask("POST", "/v1/positions", who, fresh, **keyed)
    two = fenced.ask("POST", "/v1/positions", who, fresh, **keyed)
    assert (one.get_json(), two.headers["Idempotency-Replayed"]) == (two.get_json(), "true")
    other = fenced.ask("POST", "/v1/positions", who, {"fixes": [fix(0)]}, **keyed)
    assert other.get_json()["code"] == "idempotency-key-mismatch"


def test_fixes_that_do_not_count_say_why(fenced: Fenced) -> None:
    fenced.fence(max_accuracy_m=50)
    who = fenced.member()
    odd = [
        fix(50, mock=True),
        fix(40, accuracy_m=2000),
        fix(-120),
        fix(90_000),
        fix(30, accuracy_m=60),
    ]
    answer = fenced.send(who, *odd, odd[-1])
    found = [(each["outcome"], each["inaccurate_for"]) for each in answer["items"]]
    assert found == [
        ("mock", 0),
        ("inaccurate", 0),
        ("ahead", 0),
        ("too_old", 0),
        ("counted", 1),
        ("duplicate", 0),
    ]
    assert all(each["why"] for each in answer["items"] if each["outcome"] != "counted")
    assert fenced.told(who) == []


def test_a_late_fix_is_kept_and_changes_nothing(fenced: Fenced) -> None:
    fenced.fence()
    who = fenced.member()
    fenced.send(who, fix(10, OUTSIDE))
    answer = fenced.send(who, fix(20))
    assert (answer["items"][0]["outcome"], answer["items"][0]["late"], answer["events"]) == ("late", True, 0)
    assert fenced.told(who) == []
    assert fenced.loop.rows("SELECT outcome FROM followed_fixes WHERE subject_id = :s ORDER BY 1", s=who[0]) == [
        ("counted",),
        ("late",),
    ]


def test_timers_speak_without_a_fix(fenced: Fenced) -> None:
    fenced.fence(enter_after_s=30, dwell_s=[60, 120], exit_after_s=30)
    who = fenced.member()
    fenced.send(who, fix(0))
    fenced.work(timedelta(seconds=29))
    assert fenced.told(who) == []
    fenced.work(timedelta(seconds=31))
    assert fenced.told(who) == [("entered", "timer")]
    fenced.work(timedelta(seconds=300))
    assert fenced.whats(who) == ["entered", "dwelled", "dwelled"]
    fenced.work(timedelta(seconds=301))
    assert len(fenced.told(who)) == 3
    fenced.send(who, fix(-5, OUTSIDE))
    fenced.work(timedelta(seconds=36))
    assert fenced.told(who)[-1] == ("exited", "timer")


@pytest.mark.parametrize("cause", ["fence_changed", "expired", "deleted"])
def test_those_inside_leave_when_the_fence_does(fenced: Fenced, cause: str) -> None:
    """T15."""
    fence = fenced.fence(expires_at=(system_clock() + timedelta(hours=1)).isoformat())
    who, beside = fenced.member(), fenced.member()
    fenced.send(who, fix(5))
    fenced.send(beside, fix(5, OUTSIDE))
    later = timedelta()
    if cause == "fence_changed":
        away = {"center": {"lon": LON + 0.01, "lat": LAT}, "radius_m": 50}
        assert fenced.change(fence, circle=away).status_code == 200
    elif cause == "expired":
        later = timedelta(hours=2)
    else:
        fenced.delete(fence)
    fenced.work(later)
    assert fenced.told(who) == [("entered", "fix"), ("exited", cause)]
    assert fenced.told(beside) == []
    versions = fenced.loop.rows("SELECT fence_version FROM geofence_events WHERE member_id = :m ORDER BY seq", m=who[0])
    assert [row[0] for row in versions] == [1, 2 if cause == "fence_changed" else 1]
    assert fenced.loop.one("SELECT count(*) FROM followed_pairs WHERE member_id = :m AND phase <> 'out'", m=who[0]) == 0


def test_a_fence_that_grows_keeps_who_is_inside(fenced: Fenced) -> None:
    fence = fenced.fence()
    who = fenced.member()
    fenced.send(who, fix(5))
    wider = {"center": {"lon": LON, "lat": LAT}, "radius_m": 300}
    assert fenced.change(fence, circle=wider).get_json()["terms"]["version"] == 2
    fenced.work()
    fenced.send(who, fix(1, RADIUS_M + 50))
    assert fenced.whats(who) == ["entered"]
    fenced.send(who, fix(0, 400))
    assert fenced.whats(who) == ["entered", "exited"]


def test_a_fence_that_comes_back_is_the_same_one(fenced: Fenced) -> None:
    fence = fenced.fence("back", cooldown_s=3600)
    who = fenced.member()
    fenced.send(who, fix(5))
    fenced.delete(fence)
    back = fenced.fence("back", cooldown_s=3600)
    assert (back["geofence_id"], back["terms"]["version"]) == (fence["geofence_id"], 2)
    fenced.work()  # nobody saw to the deletion in between: whoever was inside still is
    fenced.send(who, fix(4), fix(3))
    assert fenced.whats(who) == ["entered"]
    fenced.delete(back)
    fenced.work()
    fenced.fence("back", cooldown_s=3600)
    fenced.send(who, fix(2))  # the pair remembers that it has just left
    assert fenced.told(who) == [("entered", "fix"), ("exited", "deleted")]


@pytest.mark.parametrize("seed", range(3))
def test_any_order_within_the_window_makes_the_same_events(fenced: Fenced, seed: int) -> None:
    """T16: 200 fixes of half a minute, as they are and shuffled, in batches of any size."""
    fenced.fence(reorder_s=30, enter_after_s=2, dwell_s=[3], exit_after_s=1, exit_buffer_m=20)
    draw = random.Random(seed)
    start, now = 31.0, system_clock()
    fixes = [fix(start - number * 0.15, draw.uniform(-400, 400), now=now) for number in range(200)]
    made = []
    for shuffled in (False, True, True):
        who = fenced.member()
        order = list(fixes)
        if shuffled:
            draw.shuffle(order)
        while order:
            size = draw.randint(1, 100)
            fenced.send(who, *order[:size])
            order = order[size:]
        assert fenced.told(who) == []
        fenced.work(timedelta(seconds=60))
        made.append(
            fenced.loop.rows(
                "SELECT what, cause, occurred_at, seq, dwell_s, confidence FROM geofence_events"
                " WHERE member_id = :m ORDER BY seq",
                m=who[0],
            )
        )
    assert made[0] == made[1] == made[2]
    assert len(made[0]) > 2


def test_a_region_and_a_service_area_can_be_fences_and_are_drawn_anew_with_them(fenced: Fenced) -> None:

    area, now = new_city_id(CITY), system_clock()
    square = "ST_Multi(ST_MakeEnvelope(:w, 30.24, :e, 30.26, 4326))"
    put = (
        "INSERT INTO service_area_versions (city_id, service_area_id, version, state, names, boundary, area_m2,"
        " priority, currency, fee_minor, min_order_minor, effective_from, created_at)"
        f" VALUES (:c, :a, :v, 'published', '{{}}', {square}, 1000, 1, 'CNY', 0, 0, :now, :now)"
    )
    run = fenced.loop.world.run
    run(
        "INSERT INTO service_areas VALUES (:c, :a, :p, :m, 'x', 'delivery', :now)",
        {"c": CITY, "a": area, "p": fenced.loop.places[0], "m": fenced.loop.merchant, "now": now},
    )
    run(put, {"c": CITY, "a": area, "v": 1, "w": LON - 0.01, "e": LON + 0.01, "now": now})
    fence = fenced.fence(follows={"service_area_id": str(area)})
    assert fence["follows"] == {"service_area_id": str(area), "version": 1}
    who = fenced.member()
    fenced.send(who, fix(5))
    run("UPDATE service_area_versions SET state = 'superseded' WHERE service_area_id = :a", {"a": area})
    run(put, {"c": CITY, "a": area, "v": 2, "w": LON + 0.005, "e": LON + 0.01, "now": now})
    with fenced.database.write() as conn:
        assert follow_sources(conn, CITY, system_clock()) == 1
        assert follow_sources(conn, CITY, system_clock()) == 0
        conn.commit()
    fenced.work()
    assert fenced.told(who) == [("entered", "fix"), ("exited", "fence_changed")]
    run("UPDATE service_area_versions SET state = 'archived' WHERE service_area_id = :a", {"a": area})
    with fenced.database.write() as conn:
        follow_sources(conn, CITY, system_clock())
        conn.commit()
    found = fenced.ask("GET", f"/v1/geofences/{fence['geofence_id']}", fenced.owner).get_json()
    assert (found["state"], found["terms"]["version"]) == ("deleted", 2)


def test_an_event_is_explained_by_the_version_and_the_fix(fenced: Fenced) -> None:
    fence = fenced.fence()
    who = fenced.member()
    fenced.send(who, fix(5, 100))
    event = fenced.loop.one("SELECT event_id FROM geofence_events WHERE member_id = :m", m=who[0])
    answer = fenced.ask("GET", f"/v1/geofence-events/{event}", fenced.owner)
    found: dict[str, Any] = answer.get_json()
    assert (found["what"], found["cause"], found["fence_version"]["version"]) == ("entered", "fix", 1)
    assert found["fence_version"]["circle"]["radius_m"] == RADIUS_M
    assert found["fix"] | {"at": ""} == {"at": "", "accuracy_m": 10, "border_m": -100, "cell": None}
    assert found["confidence"] == "high"
    rival = (fenced.loop.employee("owner", fenced.loop.rival), "owner")
    assert fenced.ask("GET", f"/v1/geofence-events/{event}", rival).status_code == 404
    admin = fenced.loop.member()
    fenced.loop.world.run(
        "INSERT INTO role_grants VALUES (:m, 'operator', :c, :now)", {"m": admin, "c": CITY, "now": system_clock()}
    )
    seen = fenced.ask("GET", f"/v1/geofence-events/{event}", (admin, "operator")).get_json()
    assert seen["fix"]["cell"] == [floor(LON * 100 + 0.1), floor(LAT * 100 - 1e-9)]
    assert fenced.ask("GET", f"/v1/geofences/{fence['geofence_id']}", rival).status_code == 404


def test_a_member_is_forgotten_at_once(fenced: Fenced) -> None:
    fenced.fence()
    who = fenced.member()
    fenced.send(who, fix(6, OUTSIDE), fix(5))
    fenced.send(who, fix(5), device_id="watch")
    answer = fenced.ask("DELETE", "/v1/me/positions", who)
    assert answer.get_json() == {"positions": 3, "pairs": 2, "events": 4}  # two entered, two that they left
    for table in ("followed_lanes", "followed_pairs", "geofence_events"):
        assert fenced.loop.one(f"SELECT count(*) FROM {table} WHERE member_id = :m", m=who[0]) == 0
    assert fenced.loop.one("SELECT count(*) FROM followed_fixes WHERE subject_id = :m", m=who[0]) == 0
    causes = "SELECT data->>'cause' FROM outbox_events WHERE type LIKE '%.exited.v1' ORDER BY event_id DESC LIMIT 2"
    assert [row[0] for row in fenced.loop.rows(causes)] == ["withdrawn", "withdrawn"]
    assert fenced.ask("DELETE", "/v1/me/positions", who).get_json() == {"positions": 0, "pairs": 0, "events": 0}
    fenced.send(who, fix(4))  # consent still stands
    fenced.ask("PUT", "/v1/me/location", who, {"positions": False, "offers": False})
    assert fenced.loop.one("SELECT count(*) FROM followed_fixes WHERE subject_id = :m", m=who[0]) == 0
    consents = "SELECT purpose, given FROM location_consents WHERE member_id = :m ORDER BY at, consent_id"
    assert fenced.loop.rows(consents, m=who[0]) == [("positions", True), ("positions", False)]


def test_yesterdays_fixes_are_purged_by_the_worker(fenced: Fenced) -> None:

    fenced.fence()
    who = fenced.member()
    fenced.send(who, fix(5, OUTSIDE))
    now = system_clock()
    with fenced.database.write() as conn:
        purge(conn, CITY, now + timedelta(hours=23, minutes=59))
        conn.commit()
    assert fenced.loop.one("SELECT count(*) FROM followed_fixes WHERE subject_id = :m", m=who[0]) == 1
    with fenced.database.write() as conn:
        assert purge(conn, CITY, now + timedelta(hours=24, minutes=1)) > 0
        conn.commit()
    assert fenced.loop.one("SELECT count(*) FROM followed_fixes") == 0
    assert fenced.loop.one("SELECT count(*) FROM followed_lanes WHERE last_lon IS NOT NULL") == 0


def test_fences_are_run_by_their_merchant_alone(fenced: Fenced) -> None:
    fence = fenced.fence("a", tags=["x"], schedule="Mo-Su 00:00-24:00")
    path = f"/v1/geofences/{fence['geofence_id']}"
    rival = (fenced.loop.employee("owner", fenced.loop.rival), "owner")
    for method in ("GET", "DELETE"):
        assert fenced.ask(method, path, rival).status_code == 404
    assert fenced.ask("PATCH", path, rival, {"name": "mine"}, **{"If-Match": "*"}).status_code == 404
    assert fenced.ask("PATCH", path, fenced.owner, {"name": "b"}).status_code == 428
    assert fenced.change(fence, name="a").get_json()["terms"]["version"] == 1  # nothing new
    assert fenced.change(fence, name="b").status_code == 200
    assert fenced.change(fence, name="c").status_code == 412
    again = fenced.loop.post(
        "/v1/geofences",
        {"external_id": "a", "name": "a", "circle": {"center": {"lon": LON, "lat": LAT}, "radius_m": 50}},
        by=fenced.owner,
    )
    assert (again.status_code, again.get_json()["code"]) == (409, "geofence-exists")
    versions = fenced.ask("GET", f"{path}/versions", fenced.owner).get_json()["items"]
    assert [(each["version"], each["name"]) for each in versions] == [(2, "b"), (1, "a")]
    listed = fenced.ask("GET", "/v1/geofences", fenced.owner).get_json()
    assert [each["external_id"] for each in listed["items"]] == ["a"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"circle": {"center": {"lon": 1, "lat": 1}, "radius_m": 5}}, "/circle/radius_m"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}}, "/geometry"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1e-5, 0], [0, 1e-5], [0, 0]]]}}, "/geometry"),
        ({"circle": {"center": {"lon": 1, "lat": 1}, "radius_m": 50}, "dwell_s": [60, 30]}, "/dwell_s"),
        ({"circle": {"center": {"lon": 1, "lat": 1}, "radius_m": 50}, "schedule": "whenever"}, "/schedule"),
        ({"follows": {"region_id": "01890000-0000-7000-8000-000000000002"}}, "/follows/region_id"),
        ({}, "/geometry"),
    ],
)
def test_a_wrong_drawing_is_refused_where_it_is_wrong(fenced: Fenced, body: dict[str, Any], pointer: str) -> None:
    answer = fenced.loop.post("/v1/geofences", {"external_id": "z", "name": "z", **body}, by=fenced.owner)
    found = answer.get_json()
    assert answer.status_code == 422, found
    assert any(each["pointer"].startswith(pointer) for each in found["errors"]), found
