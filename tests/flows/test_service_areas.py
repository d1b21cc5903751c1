"""Merchants run their service areas over HTTP: drawings, versions, reviews, what the next search finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.audit.actions import audit_data
from app.core.clock import system_clock
from app.core.db import open_database
from app.core.ids import new_city_id
from app.core.settings import Settings
from app.factory import create_app
from tests.conftest import MakeDatabase
from tests.factories.desks import code_of, fault_of, made
from tests.factories.drawers import EAST, NORTH, Drawer, around, square
from tests.factories.loops import LAT, LON, plant_loop


@pytest.fixture(scope="module")
def drawer(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Drawer]:
    """One world for the whole file; what the audit finds in it at the end stands in no test's way until then."""
    url = make_database(migrated_template)
    settings = settings_for(url)
    engine, opened = sa.create_engine(url), open_database(settings)
    yield Drawer(plant_loop(create_app(settings, database=opened), engine))
    with engine.connect() as conn:
        results = audit_data(conn, system_clock() + timedelta(seconds=1), allow_unsafe=True)
    opened.dispose()
    engine.dispose()
    assert {each.rule: each.violations[:2] for each in results if each.violations} == {}


# the life of an area


def test_a_drawing_serves_nobody_until_it_is_published_and_stays_in_the_history(drawer: Drawer) -> None:
    first = drawer.drawn("life", priority=3, fee={"amount_minor": 500, "currency": "CNY"}, tags=["lunch"],
                         metadata={"zone": 7, "hot": True})  # fmt: skip
    assert (first["state"], first["published"], first["waiting"]["version"]) == ("validated", None, 1)
    assert first["waiting"]["geometry"] == around()
    assert first["waiting"]["fee"] == {"amount_minor": 500, "currency": "CNY"}
    assert (first["waiting"]["tags"], first["waiting"]["metadata"]) == (["lunch"], {"zone": 7, "hot": True})
    assert first["service_area_id"] not in {each["service_area_id"] for each in drawer.serving(LON, LAT)}
    published = drawer.acted(first, "publish")
    assert (published["state"], published["waiting"], published["published"]["version"]) == ("published", None, 1)
    assert first["service_area_id"] in {each["service_area_id"] for each in drawer.serving(LON, LAT)}
    # a second drawing elsewhere waits, and what is in force stays
    moved = drawer.drawn("life", etag=published["etag"], geometry=around(lon=LON + 0.1))
    assert (moved["state"], moved["published"]["version"], moved["waiting"]["version"]) == ("published", 1, 2)
    assert first["service_area_id"] in {each["service_area_id"] for each in drawer.serving(LON, LAT)}
    second = drawer.acted(moved, "publish")
    assert first["service_area_id"] not in {each["service_area_id"] for each in drawer.serving(LON, LAT)}
    assert first["service_area_id"] in {each["service_area_id"] for each in drawer.serving(LON + 0.1, LAT)}
    # back to the first, as version 3
    back = drawer.acted(second, "revert", {"version": 1})
    assert (back["published"]["version"], back["published"]["based_on"], back["published"]["priority"]) == (3, 1, 3)
    assert first["service_area_id"] in {each["service_area_id"] for each in drawer.serving(LON, LAT)}
    versions = drawer.send("GET", drawer.path("life") + "/versions").get_json()
    assert [(each["version"], each["state"]) for each in versions["items"]] == [
        (3, "published"),
        (2, "superseded"),
        (1, "superseded"),
    ]
    assert versions["items"][2]["geometry"] == around()
    assert drawer.ends(back).status_code == 204
    gone = drawer.area("life")
    assert (gone["state"], gone["published"], gone["next_actions"]) == ("archived", None, ["edit", "revert"])
    assert drawer.ends(gone).status_code == 204  # once more is as good as once
    assert first["service_area_id"] not in {each["service_area_id"] for each in drawer.serving(LON, LAT)}
    again = drawer.acted(gone, "revert", {"version": 2})
    assert again["service_area_id"] == first["service_area_id"]
    assert drawer.told_of(first) == [
        (1, "published"), (2, "published"), (3, "published"), (4, "archived"), (5, "published")
    ]  # fmt: skip
    drawer.ends(again)


def test_the_second_of_two_editors_is_told_and_nothing_is_lost(drawer: Drawer) -> None:
    first = drawer.drawn("two-editors")
    assert code_of(drawer.draws("two-editors")) == (428, "precondition-required")
    second = drawer.drawn("two-editors", etag=first["etag"], priority=5)
    assert code_of(drawer.draws("two-editors", etag=first["etag"], priority=9)) == (412, "precondition-failed")
    assert code_of(drawer.acts(first, "publish")) == (412, "precondition-failed")
    assert code_of(drawer.ends(first)) == (412, "precondition-failed")
    assert drawer.area("two-editors")["waiting"]["priority"] == 5
    seen = drawer.acted(second, "publish")
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(
                lambda n: drawer.draws("two-editors", etag=seen["etag"], priority=n).status_code,
                range(1, 7),
            )
        )
    assert sorted(answers) == [200] + [412] * 5
    with ThreadPoolExecutor(4) as pool:
        fresh = list(pool.map(lambda n: drawer.draws("born-twice", priority=n).status_code, range(4)))
    assert sorted(fresh)[0] == 201
    assert set(fresh) <= {201, 412, 428}
    assert fresh.count(201) == 1


def test_a_version_that_waits_is_given_up_or_stands_in_the_way_of_going_back(drawer: Drawer) -> None:
    area = drawer.published_area("waits")
    edited = drawer.drawn("waits", etag=area["etag"], priority=2)
    assert code_of(drawer.acts(edited, "revert", {"version": 1})) == (409, "version-waits")
    assert drawer.ends(edited, "/draft").status_code == 204
    now = drawer.area("waits")
    assert (now["waiting"], now["published"]["version"]) == (None, 1)
    assert code_of(drawer.acts(now, "publish")) == (409, "no-version-waits")
    assert code_of(drawer.ends(now, "/draft")) == (409, "no-version-waits")
    assert code_of(drawer.acts(now, "revert", {"version": 9})) == (404, "not-found")
    assert code_of(drawer.draws("waits", etag=now["etag"], kind="visit")) == (422, "invalid-body")
    drawer.ends(now)


def test_the_same_key_publishes_once(drawer: Drawer) -> None:
    area = drawer.drawn("once")
    first, again = (drawer.acts(area, "publish", key="publish-once") for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert drawer.told_of(area) == [(1, "published")]
    drawer.ends(made(first, 200))


def test_an_unfinished_drawing_is_kept_with_what_stands_against_it(drawer: Drawer) -> None:
    beyond = square(EAST - 0.01, LAT, EAST + 0.01, LAT + 0.01)
    area = drawer.drawn("unfinished", geometry=beyond, draft=True)
    assert area["waiting"]["state"] == "draft"
    (fault,) = area["faults"]
    assert (fault["code"], fault["pointer"]) == ("area-outside-city", "/geometry")
    assert fault["location"]["lon"] > EAST
    assert code_of(drawer.acts(area, "publish")) == (422, "area-outside-city")
    mended = drawer.drawn("unfinished", etag=area["etag"], geometry=square(EAST - 0.01, LAT, EAST, LAT + 0.01))
    assert (mended["waiting"]["state"], mended["waiting"]["version"], mended["faults"]) == ("validated", 1, [])


# who may


def test_a_foreign_owner_reaches_nothing_and_others_only_look(drawer: Drawer) -> None:
    area = drawer.published_area("mine")
    path = drawer.path("mine")
    for what in ("publish", "revert"):
        assert drawer.acts(area, what, {"version": 1} if what == "revert" else {}, by=drawer.rival).status_code == 404
        assert code_of(drawer.acts(area, what, by=drawer.staff)) == (403, "forbidden")
    assert code_of(drawer.draws("mine", by=drawer.rival, etag=area["etag"])) == (404, "not-found")
    assert code_of(drawer.draws("fresh", by=drawer.rival)) == (404, "not-found")
    assert code_of(drawer.draws("fresh", place=drawer.loop.rival_place)) == (404, "not-found")
    assert code_of(drawer.draws("fresh", place=new_city_id(2))) == (404, "not-found")
    assert code_of(drawer.ends(area, by=drawer.rival)) == (404, "not-found")
    for ending in ("", "/versions"):
        assert drawer.send("GET", path + ending, by=drawer.rival).status_code == 404
        assert drawer.send("GET", path + ending, by=drawer.foreign_operator).status_code == 404
        assert drawer.send("GET", path + ending, by=drawer.member).status_code == 403
        assert drawer.send("GET", path + ending, by=drawer.staff).status_code == 200
        assert drawer.send("GET", path + ending, by=drawer.operator).status_code == 200
    assert drawer.area("mine")["revision"] == area["revision"]
    drawer.ends(area)


def test_areas_of_a_place_are_listed_and_drawn(drawer: Drawer) -> None:
    place = drawer.loop.places[2]
    area = drawer.published_area("listed", place=place, radius_m=800)
    drawer.drawn("also-listed", place=place)
    path = f"/v1/places/{place}/service-areas"
    found = drawer.send("GET", path)
    assert [each["external_id"] for each in found.get_json()["items"]] == ["listed", "also-listed"]
    drawn = drawer.send("GET", path, Accept="application/geo+json").get_json()
    assert [each["geometry"]["type"] for each in drawn["features"]] == ["Polygon", "Polygon"]
    one = drawer.send("GET", drawer.path("listed", place), Accept="application/geo+json").get_json()
    assert (one["type"], one["properties"]["external_id"]) == ("Feature", "listed")
    gcj = drawer.send("GET", drawer.path("listed", place) + "?datum=gcj02").get_json()["published"]["geometry"]
    ours = area["published"]["geometry"]["coordinates"][0][0]
    shift = [there - here for there, here in zip(gcj["coordinates"][0][0], ours, strict=True)]
    assert 0.003 < shift[0] < 0.007  # Hangzhou is shown some 460 m to the east and 220 m to the south
    assert -0.004 < shift[1] < -0.001


def test_the_id_of_a_former_merchants_area_is_taken(drawer: Drawer) -> None:
    place = drawer.loop.places[1]
    area = drawer.drawn("former", place=place)
    statement = "UPDATE service_areas SET merchant_id = :m WHERE service_area_id = :a"
    drawer.write(statement, m=drawer.loop.rival, a=area["service_area_id"])
    assert code_of(drawer.draws("former", place=place)) == (409, "external-id-taken")
    assert code_of(drawer.draws("former", place=place, etag=area["etag"])) == (409, "external-id-taken")
    assert code_of(drawer.send("GET", drawer.path("former", place))) == (404, "not-found")
    drawer.write(statement, m=drawer.loop.merchant, a=area["service_area_id"])


# reviews


def test_where_the_plan_wants_it_an_operator_looks_first(drawer: Drawer) -> None:
    plan = f"/v1/merchants/{drawer.loop.merchant}/service-area-plan"
    assert drawer.send("GET", plan).get_json()["max_area_km2"] == 1000
    wanted = {"max_area_km2": 2000, "review": True}
    assert code_of(drawer.send("PUT", plan, wanted)) == (403, "forbidden")
    assert code_of(drawer.send("PUT", plan, wanted, by=drawer.foreign_operator)) == (404, "not-found")
    assert drawer.send("PUT", plan, wanted, by=drawer.operator).status_code == 200
    waiting = drawer.acted(drawer.drawn("reviewed"), "publish")
    assert (waiting["state"], waiting["published"]) == ("pending_review", None)
    listed = drawer.send("GET", "/v1/service-areas/reviews?city=here", by=drawer.operator).get_json()
    assert [each["external_id"] for each in listed["items"]] == ["reviewed"]
    assert listed["total"]["value"] == 1
    assert drawer.send("GET", "/v1/service-areas/reviews?city=here", by=drawer.foreign_operator).status_code == 404
    assert code_of(drawer.acts(waiting, "approve")) == (403, "forbidden")
    assert code_of(drawer.acts(waiting, "approve", by=drawer.foreign_operator)) == (404, "not-found")
    assert fault_of(drawer.acts(waiting, "reject", by=drawer.operator)) == (422, ["/note"])
    back = drawer.acted(waiting, "reject", {"note": "too close to the river"}, by=drawer.operator)
    assert (back["waiting"]["state"], back["waiting"]["review"]["note"]) == ("draft", "too close to the river")
    assert code_of(drawer.acts(back, "approve", by=drawer.operator)) == (409, "not-in-review")
    mended = drawer.drawn("reviewed", etag=back["etag"], geometry=around(0.01))
    again = drawer.acted(mended, "publish")
    done = drawer.acted(again, "approve", by=drawer.operator)
    assert (done["state"], done["published"]["version"], done["waiting"]) == ("published", 1, None)
    assert done["service_area_id"] in {each["service_area_id"] for each in drawer.serving(LON, LAT)}
    # a later drawing waits while the one before serves on
    later = drawer.acted(drawer.drawn("reviewed", etag=done["etag"], geometry=around(lon=LON + 0.1)), "publish")
    assert (later["published"]["version"], later["waiting"]["state"]) == (1, "pending_review")
    assert done["service_area_id"] in {each["service_area_id"] for each in drawer.serving(LON, LAT)}
    assert drawer.told_of(done) == [(1, "submitted"), (2, "rejected"), (3, "submitted"), (4, "published"),
                                    (5, "submitted")]  # fmt: skip
    drawer.send("PUT", plan, {"max_area_km2": 1000, "review": False}, by=drawer.operator)
    drawer.ends(later)


# exclusive territories


def test_territories_of_one_brand_share_no_ground_and_may_share_a_border(drawer: Drawer) -> None:
    first, second = drawer.loop.places[:2]
    west, east = square(LON - 0.1, LAT, LON, LAT + 0.05), square(LON, LAT, LON + 0.1, LAT + 0.05)
    left = drawer.published_area("left", kind="territory", geometry=west, place=first)
    right = drawer.published_area("right", kind="territory", geometry=east, place=second)
    over = square(LON - 0.0001, LAT, LON + 0.1, LAT + 0.05)
    answer = drawer.draws("right", kind="territory", geometry=over, place=second, etag=right["etag"])
    assert code_of(answer) == (409, "territory-overlaps")
    (fault,) = answer.get_json()["errors"]
    assert "left" in fault["detail"]
    assert LON - 0.0001 <= fault["location"]["lon"] <= LON
    rival = drawer.published_area("theirs", kind="territory", geometry=over, place=drawer.loop.rival_place,
                                  by=drawer.rival)  # fmt: skip
    for area in (left, right):
        drawer.ends(area)
    drawer.ends(rival, by=drawer.rival)


def test_of_two_overlapping_territories_published_at_once_one_is_refused(drawer: Drawer) -> None:
    boxes = [square(LON - 0.1 + n * 0.001, LAT - 0.1, LON + n * 0.001, LAT - 0.05) for n in range(4)]
    places = [drawer.loop.places[n % 3] for n in range(4)]
    # drawn as drafts, since each alone is good while none is in force
    areas = [drawer.drawn(f"race-{n}", kind="territory", geometry=boxes[n], place=places[n]) for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda area: drawer.acts(area, "publish"), areas))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    for area in areas:
        drawer.ends(drawer.area(area["external_id"], place=UUID(area["place_id"])))


def test_a_border_between_two_territories_moves_only_when_both_are_published_at_once(drawer: Drawer) -> None:
    place = drawer.loop.places[1]
    west = [square(LON - 0.1, LAT - 0.2, edge, LAT - 0.15) for edge in (LON, LON + 0.05)]
    east = [square(edge, LAT - 0.2, LON + 0.1, LAT - 0.15) for edge in (LON, LON + 0.05)]
    left = drawer.published_area("moves-w", kind="territory", geometry=west[0], place=place)
    right = drawer.published_area("moves-e", kind="territory", geometry=east[0], place=place)
    drawer.drawn("moves-w", kind="territory", geometry=west[1], place=place, etag=left["etag"], draft=True)
    drawer.drawn("moves-e", kind="territory", geometry=east[1], place=place, etag=right["etag"])
    wider = drawer.area("moves-w", place=place)
    assert code_of(drawer.acts(wider, "publish")) == (409, "territory-overlaps")
    tag = drawer.send("GET", f"/v1/places/{place}/service-areas").headers["ETag"]
    together = f"/v1/places/{place}/publish-service-areas"
    assert code_of(drawer.send("POST", together, {}, If_Match='"old"')) == (412, "precondition-failed")
    done = drawer.send("POST", together, {}, If_Match=tag)
    assert done.status_code == 200, done.get_json()
    found = {each["external_id"]: each for each in done.get_json()["items"] if each["published"]}
    assert found["moves-w"]["published"]["geometry"] == west[1]
    assert found["moves-e"]["published"]["geometry"] == east[1]
    for external_id in ("moves-w", "moves-e"):
        drawer.ends(drawer.area(external_id, place=place))


# coupons follow


def test_what_coupons_reach_follows_their_areas_in_the_same_moment(drawer: Drawer) -> None:
    place = drawer.loop.places[2]
    area = drawer.published_area("coupon-area", place=place, geometry=around(0.02))
    coupon = drawer.published(scope_kind="service_areas", scope_ids=[area["service_area_id"]], fulfilment="delivery")
    coupon_id = coupon["coupon_id"]
    asked = f"/v1/coupons/nearby?lat={LAT}&lon={LON}&radius_m=5000&limit=100"

    def found(more: str = "") -> bool:
        items = drawer.loop.client.get(asked + more).get_json()["items"]
        return coupon_id in {each["coupon_id"] for each in items}

    assert found()
    assert found("&redeemable=now")
    assert found("&in_service_area=true")
    moved = drawer.acted(
        drawer.drawn("coupon-area", place=place, etag=area["etag"], geometry=around(0.02, lon=LON + 0.1)), "publish"
    )
    assert found()
    assert not found("&redeemable=now")
    assert not found("&in_service_area=true")
    drawer.ends(moved)
    assert not found()  # no place is left where it could be used
    assert drawer.loop.one("SELECT count(*) FROM coupon_places WHERE coupon_id = :c", c=coupon_id) == 0
    back = drawer.acted(drawer.area("coupon-area", place=place), "revert", {"version": 1})
    assert found("&redeemable=now")
    drawer.ends(back)


def test_a_closed_schedule_serves_nobody(drawer: Drawer) -> None:
    place = drawer.loop.places[2]
    area = drawer.published_area("nights", place=place, geometry=around(0.02), schedule="Mo-Su 22:00-04:00")
    coupon = drawer.published(scope_kind="service_areas", scope_ids=[area["service_area_id"]], fulfilment="delivery")
    asked = f"/v1/coupons/nearby?lat={LAT}&lon={LON}&radius_m=5000&limit=100&redeemable=now"
    for clock, served in (("03:59", True), ("04:00", False), ("12:00", False), ("22:00", True)):
        at = f"{(drawer.loop.now + timedelta(days=2)).date()}T{clock}:00+08:00"
        items = drawer.loop.client.get(asked, query_string=None).get_json()["items"]
        items = drawer.loop.client.get(f"{asked}&at={at.replace('+', '%2B')}").get_json()["items"]
        assert (coupon["coupon_id"] in {each["coupon_id"] for each in items}) is served, clock
        covering = {each["service_area_id"] for each in drawer.serving(LON, LAT, at=at)}
        assert (area["service_area_id"] in covering) is served, clock
    drawer.ends(area)
    assert NORTH > LAT
