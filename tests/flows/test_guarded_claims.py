"""Claiming where the place counts, over HTTP: verdicts and their answers, evidence, areas, and limits under a crowd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core.clock import system_clock
from app.core.db import open_database
from app.core.settings import Settings
from app.factory import create_app
from app.flow.embedded.gates import Gates
from tests.conftest import MakeDatabase
from tests.factories.loops import CITY, LAT, LON, plant_loop
from tests.factories.parties import GROUP, Party
from tests.factories.paying import at_once
from tests.factories.shops import Shop

MEMBER_TRIES, DEVICE_TRIES, ADDRESS_TRIES = 6, 3, 200


@pytest.fixture(scope="module")
def party(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Party]:
    url = make_database(migrated_template)
    settings = replace(
        settings_for(url),
        claim_tries_per_member=MEMBER_TRIES,
        claim_tries_per_device=DEVICE_TRIES,
        claim_tries_per_address=ADDRESS_TRIES,
    )
    engine = sa.create_engine(url)
    database = open_database(settings)
    found = Party(Shop(plant_loop(create_app(settings, database=database), engine)), settings, database)
    yield found
    planted = ("import-", "active-", "extent-", "search-")  # places that a test put beside their load
    assert [fault for fault in found.broken() if not fault.startswith(planted)] == []
    database.dispose()
    engine.dispose()


@pytest.fixture(autouse=True)
def fresh_hour(party: Party) -> None:
    """No test counts the tries of another."""
    party.shop.write("DELETE FROM claim_tries")


def fix(**given: Any) -> dict[str, Any]:
    """A good position at the first place, measured now."""
    return {"lat": LAT, "lon": LON, "accuracy_m": 20, "at": system_clock().isoformat(), **given}


def near(party: Party, **given: Any) -> str:
    """A coupon that is claimed within 300 m."""
    return str(party.loop.coupon(**{"claim_within_m": 300, "per_member": 100, "stock": 100} | given))


def claim(party: Party, coupon: str, member: UUID, **body: Any) -> Any:
    """The answer to a claim."""
    return party.loop.post("/v1/claims", {"coupon_id": coupon, **body}, by=(member, "member"))


def verdicts(party: Party, member: UUID) -> list[Any]:
    """Verdicts on a member, in order."""
    return party.loop.rows("SELECT * FROM claim_verdicts WHERE member_id = :m ORDER BY judged_at, verdict_id", m=member)


def test_a_refusal_says_what_answers_it_and_leaves_its_evidence(party: Party) -> None:
    coupon, member = near(party), party.loop.member()
    far = claim(party, coupon, member, location=fix(lat=LAT + 0.01))
    assert (far.status_code, far.get_json()["code"], far.get_json()["verdict"]) == (403, "outside-geofence", "deny")
    assert far.get_json()["answer_with"] == []
    vague = claim(party, coupon, member, location=fix(accuracy_m=900))
    assert (vague.get_json()["verdict"], vague.get_json()["answer_with"]) == ("challenge", ["fresh_fix", "place_code"])
    good = claim(party, coupon, member, location=fix(lat=LAT + 0.001), device_id="phone-1")
    assert good.status_code == 201
    kept = verdicts(party, member)
    assert [(row.verdict, row.code, row.distance_m) for row in kept] == [
        ("deny", "outside-geofence", 1112),
        ("challenge", "location-inaccurate", 0),
        ("allow", None, 111),
    ]
    assert (kept[2].lon_cell, kept[2].lat_cell, str(kept[2].claim_id)) == (12016, 3025, good.get_json()["claim_id"])
    assert [row.device_key is None for row in kept] == [True, True, False]
    assert len(kept[0].address_key) == 32
    # nothing that is kept says more than a kilometre, or who it was to whoever has the table alone
    text = " ".join(str(row) for row in kept)
    assert "127.0.0.1" not in text
    assert "phone-1" not in text
    assert str(LAT + 0.001) not in text


def test_a_coupon_without_a_condition_counts_and_keeps_nothing(party: Party) -> None:
    member = party.loop.member()
    coupon = str(party.loop.coupon(per_member=100, stock=100))
    for _ in range(MEMBER_TRIES + 2):
        assert claim(party, coupon, member, location=fix()).status_code == 201
    assert verdicts(party, member) == []


def test_the_digits_of_the_till_stand_for_a_position(party: Party) -> None:
    coupon, member, place = near(party), party.loop.member(), party.shop.place
    shown = party.loop.get(f"/v1/places/{place}/presence-code", by=party.shop.staff)
    digits = shown.get_json()["code"]
    assert (shown.status_code, shown.headers["Cache-Control"], len(digits)) == (200, "no-store", 6)
    wrong = f"{(int(digits) + 1) % 10**6:06d}"
    refused = claim(party, coupon, member, place_code={"place_id": place, "code": wrong})
    assert (refused.status_code, refused.get_json()["code"]) == (403, "place-code-wrong")
    assert refused.get_json()["answer_with"] == ["place_code", "fresh_fix"]
    # of a place where the coupon is not used
    other = str(party.loop.places[2])
    theirs = party.loop.get(f"/v1/places/{other}/presence-code", by=party.shop.owner).get_json()["code"]
    elsewhere = claim(party, coupon, member, place_code={"place_id": other, "code": theirs})
    assert elsewhere.get_json()["code"] == "place-code-wrong"
    given = {"place_id": place, "code": digits}
    good = claim(party, coupon, member, location=fix(accuracy_m=5000, lat=LAT + 1), place_code=given)
    assert good.status_code == 201
    assert [row.place_id and str(row.place_id) for row in verdicts(party, member)] == [None, None, place]
    assert claim(party, coupon, member, place_code={"place_id": place, "code": "12345"}).status_code == 422


def test_digits_change_and_the_last_ones_are_good_a_little_longer(party: Party) -> None:
    gates: Gates = party.flow._gates  # type: ignore[attr-defined]
    now, place = system_clock(), UUID(party.shop.place)
    _, until = gates.code_at(place, now)
    before, _ = gates.code_at(place, until - timedelta(seconds=301))
    older, _ = gates.code_at(place, until - timedelta(seconds=601))
    coupon, member = near(party), party.loop.member()
    answers = [
        claim(party, coupon, member, place_code={"place_id": party.shop.place, "code": code}).status_code
        for code in (before, older)
    ]
    assert answers == [201, 403]


def test_only_the_places_own_people_see_its_digits(party: Party) -> None:
    path = f"/v1/places/{party.shop.place}/presence-code"
    assert party.loop.get(path, by=party.shop.rival).status_code == 404
    assert party.loop.get(path, by=party.shop.member).status_code == 403
    assert party.loop.client.get(path).status_code == 401


def test_a_coupon_of_an_area_is_claimed_inside_it(party: Party) -> None:
    square = "POLYGON((120.2 30.2, 120.22 30.2, 120.22 30.22, 120.2 30.22, 120.2 30.2))"
    area = party.loop.world.service_area(CITY, party.loop.places[0], party.loop.merchant, square)
    coupon = str(
        party.loop.world.coupon(
            CITY,
            party.loop.merchant,
            party.loop.places[:1],
            scopes=[area],
            scope_kind="service_areas",
            claim_in_area=True,
            claim_until=party.loop.now + timedelta(days=1),
            use_until=party.loop.now + timedelta(days=2),
            per_member=9,
        )
    )
    party.shop.write("UPDATE coupon_places SET service_area_id = :a WHERE coupon_id = :c", a=area, c=coupon)

    def tried(**given: Any) -> tuple[int, int | None]:
        member = party.loop.member()
        status = claim(party, coupon, member, location=fix(**given)).status_code
        return status, verdicts(party, member)[0].distance_m

    assert tried(lon=120.21, lat=30.21) == (201, 0)
    # 0.0005° of longitude at 30.21° N is 48 m
    assert tried(lon=120.2205, lat=30.21, accuracy_m=50) == (201, 48)
    assert tried(lon=120.2205, lat=30.21, accuracy_m=40) == (403, 48)
    assert tried()[0] == 403  # at the place itself, which lies elsewhere


def test_nobody_is_in_two_cities_within_an_hour(party: Party) -> None:
    member = party.loop.member()
    here = near(party)
    away = party.loop.world.places(CITY, 1, [{"lon": LON + 1.3, "lat": LAT + 1, "name": "远"}])[0]
    there = near(party, places=[away])
    assert claim(party, here, member, location=fix()).status_code == 201
    far = claim(party, there, member, location=fix(lon=LON + 1.3, lat=LAT + 1))
    assert (far.status_code, far.get_json()["code"], far.get_json()["verdict"]) == (403, "location-suspect", "deny")
    assert verdicts(party, member)[1].speed_kmh > 300
    # about 167 km: an hour later that is a fast train, whose passenger reads the till's digits
    hour = timedelta(hours=1)
    party.shop.write("UPDATE last_fixes SET measured_at = :at WHERE member_id = :m", at=system_clock() - hour, m=member)
    train = claim(party, there, member, location=fix(lon=LON + 1.3, lat=LAT + 1)).get_json()
    assert (train["code"], train["verdict"], train["answer_with"]) == ("location-suspect", "challenge", ["place_code"])
    party.shop.write(
        "UPDATE last_fixes SET measured_at = :at WHERE member_id = :m", at=system_clock() - 2 * hour, m=member
    )
    assert claim(party, there, member, location=fix(lon=LON + 1.3, lat=LAT + 1)).status_code == 201
    kept = party.loop.rows("SELECT lon_cell, lat_cell FROM last_fixes WHERE member_id = :m", m=member)[0]
    assert tuple(kept) == (12146, 3125)


def test_two_claims_far_apart_at_the_same_moment_see_each_other(party: Party) -> None:
    member = party.loop.member()
    here = near(party)
    away = party.loop.world.places(CITY, 1, [{"lon": LON - 1.3, "lat": LAT + 1, "name": "西"}])[0]
    there = near(party, places=[away])
    found = at_once(
        lambda: claim(party, here, member, location=fix()).status_code,
        lambda: claim(party, there, member, location=fix(lon=LON - 1.3, lat=LAT + 1)).status_code,
    )
    assert sorted(found) == [201, 403]


@pytest.mark.parametrize(
    ("whose", "most", "body"),
    [("member", MEMBER_TRIES, {}), ("device", DEVICE_TRIES, {"device_id": "one phone for all"})],
)
def test_eight_at_once_get_as_far_as_the_limit_and_no_further(
    party: Party, whose: str, most: int, body: dict[str, Any]
) -> None:
    coupon, one = near(party), party.loop.member()
    members = [one] * 8 if whose == "member" else party.loop.members(8)
    answers = at_once(*[lambda who=who: claim(party, coupon, who, location=fix(), **body) for who in members])
    found = Counter((answer.status_code, answer.get_json().get("code")) for answer in answers)
    assert found == {(201, None): most, (429, "velocity-limit"): 8 - most}
    late = next(answer for answer in answers if answer.status_code == 429)
    assert 0 < int(late.headers["Retry-After"]) <= 3601
    assert late.get_json()["retryable"] is True
    assert party.loop.one("SELECT tries FROM claim_tries WHERE whose = :w ORDER BY tries DESC LIMIT 1", w=whose) == most
    taken = party.loop.one("SELECT sum(taken) FROM coupon_stock WHERE coupon_id = :c", c=coupon)
    assert taken == most


def test_refused_tries_count_too_so_that_nobody_feels_their_way_in(party: Party) -> None:
    coupon, member = near(party), party.loop.member()
    codes = [
        claim(party, coupon, member, location=fix(lat=LAT + 0.1 - n * 0.001)).get_json()["code"]
        for n in range(MEMBER_TRIES + 1)
    ]
    assert codes == ["outside-geofence"] * MEMBER_TRIES + ["velocity-limit"]
    assert len(verdicts(party, member)) == MEMBER_TRIES
    party.shop.write("UPDATE claim_tries SET hour = hour - interval '1 hour'")
    assert claim(party, coupon, member, location=fix()).status_code == 201


def test_a_seat_of_a_group_is_guarded_like_any_claim(party: Party) -> None:
    coupon = party.loop.coupon(**GROUP | {"claim_within_m": 300})
    first, second = party.people(2)
    far = party.start(first, coupon, location=fix(lat=LAT + 0.1))
    assert (far.status_code, far.get_json()["code"]) == (403, "outside-geofence")
    group = party.start(first, coupon, location=fix()).get_json()
    assert party.join(second, group).get_json()["code"] == "location-needed"
    digits = party.loop.get(f"/v1/places/{party.shop.place}/presence-code", by=party.shop.staff).get_json()["code"]
    joined = party.join(second, group, place_code={"place_id": party.shop.place, "code": digits})
    assert joined.status_code == 201
    assert [row.verdict for row in verdicts(party, first[0])] == ["deny", "allow"]
    assert [row.verdict for row in verdicts(party, second[0])] == ["challenge", "allow"]


def test_what_was_kept_long_enough_is_removed(party: Party) -> None:
    coupon, member = near(party), party.loop.member()
    assert claim(party, coupon, member, location=fix()).status_code == 201
    days = {"claim_tries": ("hour", 1), "claim_verdicts": ("judged_at", 30), "last_fixes": ("measured_at", 1)}
    count = "SELECT (SELECT count(*) FROM claim_tries), (SELECT count(*) FROM claim_verdicts WHERE member_id = :m)," \
            " (SELECT count(*) FROM last_fixes WHERE member_id = :m)"  # fmt: skip
    party.sweep()
    assert tuple(party.loop.rows(count, m=member)[0]) == (2, 1, 1)
    for table, (column, kept) in days.items():
        party.shop.write(f"UPDATE {table} SET {column} = {column} - make_interval(days => {kept}, hours => 2)")
    party.sweep()
    assert tuple(party.loop.rows(count, m=member)[0]) == (0, 0, 0)
