"""Coupons that can be used here and now: the filter, what it tells, and both against brute force."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.claims.codes import code_keys
from app.core.ids import new_id
from app.members.principals import MemberPrincipals
from tests.app.discovery.conftest import Planted
from tests.factories.claims import plant_claim
from tests.factories.worlds import NOW

COUPONS = "/v1/coupons/nearby"
LON = 120.0
SHANGHAI = ZoneInfo("Asia/Shanghai")
# What each text means, by hand: weekdays (Monday 0) and hours of the day.
TEXTS: dict[str, tuple[range, range]] = {
    "Mo-Fr 11:00-14:00": (range(5), range(11, 14)),
    "Sa,Su 10:00-20:00": (range(5, 7), range(10, 20)),
    "Mo-Su 17:00-22:00": (range(7), range(17, 22)),
}


@dataclass
class Made:
    """A planted coupon and the hours text of its one place."""

    coupon_id: str
    given: dict[str, Any]
    place_hours: str | None


def in_hours(text: str | None, at: datetime) -> bool:
    if text is None:
        return True
    local, (days, hours) = at.astimezone(SHANGHAI), TEXTS[text]
    return local.weekday() in days and local.hour in hours


@pytest.fixture(scope="module")
def made(planted: Planted) -> list[Made]:
    """150 coupons at 40 places of two cities that lie side by side."""
    draw, world = random.Random(5), planted.world
    found = []
    today = NOW.astimezone(SHANGHAI).date()
    for city_id, side in ((2, -1), (3, 1)):
        hours = [None, *TEXTS]
        world.city(city_id, f"city-{city_id}")
        world.dataset(city_id, "places", 1)
        for number, text in enumerate(TEXTS, 1):
            world.hours(city_id, 1, number, text)
        there = [{"lon": LON + side * 0.0004 * (n + 1), "lat": 30, "hours_no": n % 4 or None} for n in range(20)]
        ids = world.places(city_id, 1, there)
        world.activate(city_id, "places", 1)
        merchant = world.merchant(city_id)
        reaching = world.service_area(city_id, ids[0], merchant, "POLYGON((119 29, 121 29, 121 31, 119 31, 119 29))")
        assert reaching
        for _ in range(75):
            number = draw.randrange(20)
            given: dict[str, Any] = {
                "use_from": draw.choice((None, None, NOW + timedelta(hours=30))),
                "use_until": draw.choice((NOW + timedelta(hours=50), NOW + timedelta(days=20))),
                "valid_days_after_claim": draw.choice((None, 1, 3)),
                "blackout_dates": [today + timedelta(days=draw.randrange(4))] if draw.random() < 0.3 else [],
                "use_hours": draw.choice((None, *TEXTS)),
                "party_min": draw.choice((None, 2)),
                "party_max": draw.choice((None, 4)),
                "fulfilment": draw.choice(("in_store", "in_store", "delivery")),
            }
            coupon_id = world.coupon(city_id, merchant, [ids[number]], **given)
            given["served"] = number == 0
            found.append(Made(str(coupon_id), given, hours[number % 4]))
    return found


def usable(coupon: Made, at: datetime, party: int | None) -> bool:
    """Brute force: claimed now (or at ``at`` when that is earlier), used at ``at``."""
    given = coupon.given
    ends = [given["use_until"]]
    if given["valid_days_after_claim"] is not None:
        last = min(at, NOW).astimezone(SHANGHAI).date() + timedelta(days=given["valid_days_after_claim"] + 1)
        ends.append(datetime(last.year, last.month, last.day, tzinfo=SHANGHAI))
    return (
        (given["use_from"] is None or given["use_from"] <= at)
        and at < min(ends)
        and at.astimezone(SHANGHAI).date() not in given["blackout_dates"]
        and in_hours(given["use_hours"], at)
        and in_hours(coupon.place_hours, at)
        and (party is None or (given["party_min"] or 1) <= party <= (given["party_max"] or party))
        and (given["fulfilment"] != "delivery" or given["served"])
    )


@pytest.mark.parametrize("sort", ["distance", "price"])
@pytest.mark.parametrize("party", [None, 1, 3, 6])
@pytest.mark.parametrize("hours", [0, 2, 17, 19, 26, 44, 52, 100])
def test_only_what_can_be_used_then_is_listed_and_the_rest_is_explained(
    planted: Planted, made: list[Made], hours: int, party: int | None, sort: str
) -> None:
    at = NOW + timedelta(hours=hours)
    asked: dict[str, Any] = {"lat": 30, "lon": LON, "at": at.isoformat(), "sort": sort}
    asked |= {} if party is None else {"party": party}
    expected = {coupon.coupon_id for coupon in made if usable(coupon, at, party)}
    listed = planted.walk(COUPONS, **asked, redeemable="now", limit=11)
    assert len(listed) == len({item["coupon_id"] for item in listed})
    assert {item["coupon_id"] for item in listed} == expected
    assert planted.get(COUPONS, **asked, redeemable="now")["total"] == {"value": len(expected), "relation": "eq"}
    assert all(item["redeemable"]["now"] and not item["redeemable"]["reasons"] for item in listed)
    explained = planted.walk(COUPONS, **asked, redeemable="explain", limit=50)
    assert {item["coupon_id"] for item in explained} == {coupon.coupon_id for coupon in made}
    assert {item["coupon_id"] for item in explained if item["redeemable"]["now"]} == expected
    assert all(bool(item["redeemable"]["reasons"]) != item["redeemable"]["now"] for item in explained)


def test_now_is_the_default_time_and_nothing_is_told_unless_asked(planted: Planted, made: list[Made]) -> None:
    at = {"lat": 30, "lon": LON, "limit": 100}
    listed = planted.walk(COUPONS, **at, redeemable="now")
    assert {item["coupon_id"] for item in listed} == {coupon.coupon_id for coupon in made if usable(coupon, NOW, None)}
    plain = planted.get(COUPONS, **at)
    assert "redeemable" not in plain["items"][0]
    assert (plain["applied"]["redeemable"], plain["applied"]["at"]) == (None, None)
    assert planted.get(COUPONS, **at, redeemable="now")["applied"]["at"] == NOW.isoformat()


def spot(planted: Planted, city_id: int, places: int = 1, **given: Any) -> tuple[float, list[str], UUID]:
    """A city far from all others: its longitude, its places, a merchant."""
    lon = 2.0 * city_id
    there = [
        {"lon": lon + 0.001 * n, "lat": 0, "hours_no": n + 1 if given.get("hours") else None} for n in range(places)
    ]
    ids = planted.plant(city_id, there, **given)
    return lon, ids, planted.world.merchant(city_id)


def verdict(planted: Planted, lon: float, **query: Any) -> dict[str, Any]:
    (item,) = planted.get(COUPONS, lat=0, lon=lon, redeemable="explain", **query)["items"]
    return dict(item["redeemable"])


def test_the_nearest_place_that_is_open_counts(planted: Planted) -> None:
    # Sunday 17:30 in Shanghai: the first place is closed, the second open, the third further off.
    hours = {1: "Mo-Fr 11:00-14:00", 2: "Mo-Su 17:00-22:00", 3: "24/7"}
    lon, ids, merchant = spot(planted, 10, 3, hours=hours)
    planted.world.coupon(10, merchant, ids)
    (item,) = planted.get(COUPONS, lat=0, lon=lon, redeemable="now")["items"]
    assert item["place"]["place_id"] == ids[1]
    (item,) = planted.get(COUPONS, lat=0, lon=lon, redeemable="explain")["items"]
    assert item["place"]["place_id"] == ids[0]
    assert item["redeemable"] == {
        "now": False,
        "reasons": ["place-closed"],
        "unknown": [],
        "next_redeemable_at": "2026-11-23T11:00:00+08:00",
    }
    assert planted.get(COUPONS, lat=0, lon=lon, redeemable="now", open_at="2026-11-23T04:00:00Z")["items"] != []
    night = planted.get(COUPONS, lat=0, lon=lon, redeemable="now", at="2026-11-22T15:00:00Z")["items"]
    assert [entry["place"]["place_id"] for entry in night] == [ids[2]]


def test_unknown_hours_are_told(planted: Planted) -> None:
    lon, ids, merchant = spot(planted, 11)
    planted.world.coupon(11, merchant, ids)
    assert verdict(planted, lon)["unknown"] == ["place-hours"]
    (item,) = planted.get(COUPONS, lat=0, lon=lon, redeemable="now")["items"]
    assert item["redeemable"] == {"now": True, "reasons": [], "unknown": ["place-hours"], "next_redeemable_at": None}


def test_holidays_of_the_citys_calendar_count(planted: Planted) -> None:
    world = planted.world
    world.dataset(1, "holidays", 1)
    world.run(
        "INSERT INTO holidays (version, calendar, on_date, kind, names) VALUES (1, 'XX', :on, 'holiday', '{}')",
        {"on": date(2026, 11, 22)},
    )
    world.activate(1, "holidays", 1)
    for city_id, calendar, now in ((12, "XX", False), (13, None, True)):
        lon, ids, merchant = spot(planted, city_id, calendar=calendar)
        world.coupon(city_id, merchant, ids, use_hours="Mo-Su 10:00-20:00; PH off")
        assert verdict(planted, lon)["now"] is now
        assert len(planted.get(COUPONS, lat=0, lon=lon, redeemable="now")["items"]) == now


def test_what_is_delivered_must_be_delivered_here(planted: Planted) -> None:
    world = planted.world
    lon, ids, merchant = spot(planted, 14, 2)
    ring = f"POLYGON(({lon} -1, {lon + 0.01} -1, {lon + 0.01} 1, {lon} 1, {lon} -1))"
    visits = world.service_area(14, ids[0], merchant, ring, kind="visit")
    world.service_area(14, ids[1], merchant, ring)
    by_place = str(world.coupon(14, merchant, ids, fulfilment="delivery"))
    scoped = {"fulfilment": "delivery", "scope_kind": "service_areas"}
    by_area = str(world.coupon(14, merchant, [ids[0]], scopes=[visits], **scoped))

    def found(at: float) -> dict[str, str]:
        items = planted.get(COUPONS, lat=0, lon=at, redeemable="now")["items"]
        return {item["coupon_id"]: item["place"]["place_id"] for item in items}

    assert found(lon) == {by_place: ids[1], by_area: ids[0]}  # the border counts; visits deliver nothing
    assert found(lon - 0.001) == {}


def test_a_day_that_is_sold_out_passes(planted: Planted) -> None:
    lon, ids, merchant = spot(planted, 15)
    coupon = planted.world.coupon(15, merchant, ids, per_day=3)
    row = {"city": 15, "coupon": coupon, "on": date(2026, 11, 22)}
    planted.world.run("INSERT INTO coupon_day_stock VALUES (:city, :coupon, :on, 0, 3, 2)", row)
    assert verdict(planted, lon)["now"] is True
    planted.world.run("UPDATE coupon_day_stock SET taken = 3 WHERE coupon_id = :coupon", row)
    found = verdict(planted, lon)
    assert (found["reasons"], found["next_redeemable_at"]) == (["sold-out-today"], "2026-11-23T00:00:00+08:00")
    assert planted.get(COUPONS, lat=0, lon=lon, redeemable="now")["items"] == []


def test_a_member_is_told_of_limits_and_of_claims_that_can_be_used(planted: Planted) -> None:
    world, people = planted.world, planted.app.extensions["fujin"].principals
    assert isinstance(people, MemberPrincipals)
    lon, ids, merchant = spot(planted, 16)
    coupon = world.coupon(16, merchant, ids)
    member = new_id()
    world.run(
        "INSERT INTO members (member_id, state, row_version, created_at) VALUES (:id, 'active', 1, :now)",
        {"id": member, "now": NOW},
    )
    token = people.parts.issuer.issue(str(member), "member", NOW, session_id=None).token
    signed_in = {"headers": {"Authorization": f"Bearer {token}"}}
    keys = code_keys("pepper" * 8, "secret" * 8)

    def seen(**query: Any) -> tuple[list[str], int]:
        listed = planted.get(COUPONS, lat=0, lon=lon, redeemable="now", **query)["items"]
        return verdict(planted, lon, **query)["reasons"], len(listed)

    assert seen(**signed_in) == ([], 1)
    claim = plant_claim(world, keys, coupon, member, NOW)
    assert seen(**signed_in) == ([], 1)  # the limit is reached, yet the claim can be used
    assert seen(**signed_in, at=(NOW + timedelta(days=1)).isoformat()) == (["member-limit"], 0)
    world.run(
        "UPDATE claims SET state = 'redeemed', ended_at = :now WHERE claim_id = :id", {"id": claim.claim_id, "now": NOW}
    )
    assert seen(**signed_in) == (["member-limit"], 0)
    assert seen() == ([], 1)  # nobody is signed in
    cursorless = planted.get(COUPONS, lat=0, lon=lon, **signed_in)
    assert len(cursorless["items"]) == 1


@pytest.mark.parametrize(
    ("wrong", "parameter"),
    [
        ({"party": 2}, "party"),
        ({"at": "2026-11-22T15:00:00Z"}, "at"),
        ({"redeemable": "later"}, "redeemable"),
        ({"redeemable": "true"}, "redeemable"),
        ({"redeemable": "now", "party": 0}, "party"),
        ({"redeemable": "now", "party": 1001}, "party"),
        ({"redeemable": "now", "at": "2026-11-22"}, "at"),
        ({"redeemable": "now", "at": "2026-11-22T15:00:00"}, "at"),
    ],
)
def test_what_makes_no_sense_is_refused(planted: Planted, wrong: dict[str, Any], parameter: str) -> None:
    answer = planted.client.get(COUPONS, query_string={"lat": 0, "lon": 0} | wrong)
    assert answer.status_code == 400
    assert [fault["parameter"] for fault in answer.get_json(force=True)["errors"]] == [parameter]
