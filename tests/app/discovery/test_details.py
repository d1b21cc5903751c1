"""One place, one coupon: what is told, to whom, and in which language."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.core.ids import new_city_id
from app.http.principals import Principal, Role
from tests.app.discovery.conftest import Planted


@pytest.fixture(scope="module", autouse=True)
def scenes(planted: Planted) -> None:
    world = planted.world
    square = "POLYGON((0 0, 1 0, 1 1, 0 1, 0 0))"
    planted.scenes["places"] = planted.plant(
        2,
        [
            {
                "lon": 0.5,
                "lat": 0.5,
                "category": "hotpot",
                "hours_no": 1,
                "names": {"local": "小龙坎", "zh-Hans": "小龙坎", "en": "Xiaolongkan"},
                "address": {"street": "湖滨路", "house_number": "28", "city": "杭州市"},
                "phone": "+86 571 1",
            },
            {"lon": 0.6, "lat": 0.5},
            {"lon": 0.7, "lat": 0.5},
        ],
        hours={1: "Mo-Fr 11:00-14:00,17:00-02:00; Sa 00:00-24:00"},
    )
    world.dataset(2, "regions", 1)
    city = world.region(2, 1, square, kind="city", level=5, code="1", name="市")
    planted.scenes["district"] = str(
        world.region(2, 1, "POLYGON((0 0, 0.55 0, 0.55 1, 0 1, 0 0))", level=6, code="11", parent=city, name="区")
    )
    planted.scenes["city"] = str(city)
    world.activate(2, "regions", 1)
    first, second, third = planted.scenes["places"]
    world.run("UPDATE places SET moved_to = :to WHERE place_id = :id", {"to": first, "id": second})
    world.run("DELETE FROM place_facts WHERE place_id = :id", {"id": second})
    world.run("UPDATE place_facts SET closed = true WHERE place_id = :id", {"id": third})
    merchant = world.merchant(2, "商户", [UUID(first)])
    planted.scenes["merchant"] = merchant
    for state in ("published", "draft", "paused", "ended"):
        planted.scenes[state] = str(world.coupon(2, merchant, [UUID(first)], state=state))


def test_a_place_tells_all(planted: Planted) -> None:
    first = planted.scenes["places"][0]
    place = planted.get(f"/v1/places/{first}", headers={"Accept-Language": "en-GB, de;q=0.5"})
    assert (place["name"], place["lang"]) == ("Xiaolongkan", "en")
    assert place["address"]["text"] == "杭州市湖滨路28号"
    assert place["hours"]["state"] == "closed"
    assert place["hours"]["next_change_at"] == "2026-11-23T11:00:00+08:00"
    assert place["hours"]["next_open_at"] == "2026-11-23T11:00:00+08:00"
    assert (place["hours"]["next_close_at"], place["hours"]["always_open"]) == (None, False)
    assert (place["hours"]["special_days"], place["hours"]["secondary"]) == ([], {})
    day = [{"from": "11:00", "until": "14:00"}, {"from": "17:00", "until": "02:00"}]
    assert place["hours"]["week"] == [day, day, day, day, day, [{"from": "00:00", "until": "24:00"}], []]
    assert [node["category_id"] for node in place["categories"]] == [
        "food",
        "restaurant",
        "chinese_restaurant",
        "hotpot",
    ]
    assert [region["region_id"] for region in place["regions"]] == [planted.scenes["city"], planted.scenes["district"]]
    assert place["merchant"]["name"] == "商户 Ltd"
    assert [coupon["coupon_id"] for coupon in place["coupons"]] == [planted.scenes["published"]]
    assert place["source"] == {
        "name": "test",
        "licence": "CC0-1.0",
        "attribution": "© places of 2",
        "key": f"test:{first}",
        "retrieved_on": None,
        "datum": "wgs84",
        "lon": 0.5,
        "lat": 0.5,
        "method": "as_given",
    }
    assert (place["dataset_version"], place["time_zone"], place["brand"]) == (1, "Asia/Shanghai", None)


def test_a_place_tells_how_old_its_data_are(planted: Planted) -> None:
    planted.world.run(
        "UPDATE datasets SET retrieved_on = :day WHERE city_id = 2 AND kind = 'places'", {"day": "2026-11-20"}
    )
    try:
        assert planted.get(f"/v1/places/{planted.scenes['places'][0]}")["source"]["retrieved_on"] == "2026-11-20"
    finally:
        planted.world.run("UPDATE datasets SET retrieved_on = NULL WHERE city_id = :c", {"c": 2})


def test_other_kinds_of_hours_stand_beside_the_place_s_own(planted: Planted) -> None:
    first = planted.scenes["places"][0]
    kitchen = '{"opening_hours:kitchen": "Mo-Su 12:00-19:00", "opening_hours:drive_through": "24/7"}'
    change = "UPDATE place_facts SET attributes = CAST(:a AS jsonb) WHERE place_id = :id"
    planted.world.run(change, {"a": kitchen, "id": first})
    try:
        others = planted.get(f"/v1/places/{first}")["hours"]["secondary"]
    finally:
        planted.world.run(change, {"a": "{}", "id": first})
    assert others["drive_through"]["always_open"] is True
    assert (others["kitchen"]["state"], others["kitchen"]["next_close_at"]) == ("open", "2026-11-22T19:00:00+08:00")


def test_a_place_that_was_merged_says_where_to(planted: Planted) -> None:
    first, second, third = planted.scenes["places"]
    assert planted.get(f"/v1/places/{second}") == {"moved_to": first}
    assert planted.refused(f"/v1/places/{third}") == (410, "gone")


def test_missing_ids_answer_alike(planted: Planted) -> None:
    for missing in (new_city_id(2), new_city_id(77), UUID(int=0), UUID(int=2**128 - 1)):
        for kind in ("places", "coupons", "regions"):
            assert planted.refused(f"/v1/{kind}/{missing}") == (404, "not-found")


def test_what_a_caller_holds_is_not_sent_again(planted: Planted) -> None:
    for path in (
        f"/v1/places/{planted.scenes['places'][0]}",
        f"/v1/coupons/{planted.scenes['published']}",
        f"/v1/regions/{planted.scenes['district']}",
        "/v1/cities",
        "/v1/categories",
    ):
        tag = planted.client.get(path).headers["ETag"]
        again = planted.client.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")


def test_a_coupon_tells_its_terms_and_places(planted: Planted) -> None:
    coupon = planted.get(f"/v1/coupons/{planted.scenes['published']}", headers={"Accept-Language": "en"})
    assert (coupon["title"], coupon["badge"], coupon["summary"]) == ("20 off", "−¥20", "¥20 off, from ¥100 spent")
    assert coupon["min_spend"] == {"amount_minor": 10000, "currency": "CNY"}
    assert coupon["claim_until"] == "2026-12-02T17:30:00+08:00"
    assert [place["place_id"] for place in coupon["places"]] == planted.scenes["places"][:1]
    assert coupon["terms"]["per_member"] == 1
    assert "platform_share_bp" not in coupon["terms"]
    assert coupon["stock_left"] == 10


def test_a_coupon_tells_the_week_in_which_it_can_be_used(planted: Planted) -> None:
    first, merchant = UUID(planted.scenes["places"][0]), planted.scenes["merchant"]
    lunch = [{"from": "11:00", "until": "14:00"}]
    late = [{"from": "22:00", "until": "02:00"}]
    for text, week in (
        ("Mo-Fr 11:00-14:00; Sa 22:00-02:00", [lunch] * 5 + [late, []]),
        ("whenever you like", None),
        (None, None),
    ):
        made = planted.world.coupon(2, merchant, [first], state="paused", use_hours=text)
        terms = planted.get(f"/v1/coupons/{made}", datum="gcj02")["terms"]
        assert (terms["use_hours"], terms["use_week"]) == (text, week)


def test_a_coupon_says_the_datum_of_its_places(planted: Planted) -> None:
    path = f"/v1/coupons/{planted.scenes['published']}"
    assert planted.get(path)["datum"] == "wgs84"
    assert planted.get(path, datum="bd09")["datum"] == "bd09"


def test_what_was_published_stays_readable_with_its_state(planted: Planted) -> None:
    for state in ("paused", "ended"):
        assert planted.get(f"/v1/coupons/{planted.scenes[state]}")["state"] == state


@pytest.mark.parametrize(
    ("role", "own", "status"),
    [
        ("owner", True, 200),
        ("staff", True, 200),
        ("partner", True, 200),
        ("admin", False, 200),
        ("owner", False, 404),
        ("member", False, 404),
        ("operator", False, 404),
        (None, False, 404),
    ],
)
def test_a_draft_is_for_its_merchants_people(
    planted: Planted, monkeypatch: pytest.MonkeyPatch, role: Role | None, own: bool, status: int
) -> None:
    caller = None
    if role is not None:
        merchants = (planted.scenes["merchant"],) if own else ()
        until = datetime(2030, 1, 1, tzinfo=UTC)
        caller = Principal("someone", role, None, (2,), merchants, (), (), "token", until)
    monkeypatch.setattr("app.discovery.routes_details.current_principal", lambda: caller)
    answer = planted.client.get(f"/v1/coupons/{planted.scenes['draft']}")
    assert answer.status_code == status
    if status == 404:
        missing = planted.client.get(f"/v1/coupons/{new_city_id(2)}")
        told = [{**each.get_json(force=True), "request_id": ""} for each in (answer, missing)]
        assert told[0] == told[1]
    else:
        assert answer.headers["Cache-Control"].startswith("private")
