"""Merchants run their coupons over HTTP: drafts, versions, stock, budgets, shares, stacking, and what searches find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.audit.actions import audit_data
from app.core.clock import system_clock
from app.core.db import open_database
from app.core.settings import Settings
from app.factory import create_app
from tests.conftest import MakeDatabase
from tests.factories.desks import Desk, Json, code_of, fault_of, made
from tests.factories.loops import plant_loop

ORDER = {"gross_minor": 5000, "currency": "CNY"}


@pytest.fixture(scope="module")
def desk(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Desk]:
    """One world for the whole file; what the audit finds in it at the end stands in no test's way until then."""
    url = make_database(migrated_template)
    settings = settings_for(url)
    engine, opened = sa.create_engine(url), open_database(settings)
    yield Desk(plant_loop(create_app(settings, database=opened), engine))
    with engine.connect() as conn:
        results = audit_data(conn, system_clock() + timedelta(seconds=1), allow_unsafe=True)
    opened.dispose()
    engine.dispose()
    assert {each.rule: each.violations[:2] for each in results if each.violations} == {}


# drafts and publication


def test_a_draft_is_seen_by_nobody_until_it_is_published_and_gone_when_it_is_paused(desk: Desk) -> None:
    draft = desk.draft()
    path = f"/v1/coupons/{draft['coupon_id']}"
    assert (draft["state"], draft["version"], draft["terms"], draft["stock"]) == ("draft", None, None, None)
    assert draft["draft"]["titles"] == {"en": "Ten off", "zh-Hans": "减十元"}
    assert (draft["draft"]["currency"], draft["draft"]["time_zone"]) == ("CNY", "Asia/Shanghai")
    assert draft["coupon_id"] not in desk.nearby()
    assert desk.loop.client.get(path).status_code == 404
    assert code_of(desk.claims(draft)) == (404, "not-found")
    published = desk.done(draft, "publish")
    assert (published["state"], published["version"], published["draft"]) == ("published", 1, None)
    assert published["stock"] == {"quota": 100, "taken": 0, "left": 100, "bounded_by": "quota"}
    assert published["next_actions"] == ["edit", "pause", "stock", "end"]
    assert published["coupon_id"] in desk.nearby()
    assert published["coupon_id"] in desk.nearby("amount_off")
    assert published["coupon_id"] not in desk.nearby("gift")
    assert len(desk.loop.client.get(path).get_json()["places"]) == 3
    paused = desk.done(published, "pause")
    assert published["coupon_id"] not in desk.nearby()
    assert desk.loop.client.get(path).get_json()["state"] == "paused"
    assert code_of(desk.claims(draft)) == (409, "claim-window-closed")
    assert desk.done(paused, "pause")["revision"] == paused["revision"]
    resumed = desk.done(paused, "resume")
    assert published["coupon_id"] in desk.nearby()
    claim_id, code = desk.claimed(resumed)
    ended = desk.done(resumed, "end")
    assert (ended["state"], ended["next_actions"], desk.does(ended, "end").status_code) == ("ended", [], 200)
    assert published["coupon_id"] not in desk.nearby()
    assert code_of(desk.claims(draft)) == (409, "claim-window-closed")
    for what in ("publish", "resume", "pause"):
        assert code_of(desk.does(ended, what)) == (409, "coupon-ended")
    assert desk.use(code).status_code == 201  # what was claimed stays good
    told = ["published", "paused", "resumed", "ended"]
    assert desk.told(draft) == list(enumerate(told, 1))
    assert desk.loop.one("SELECT state FROM claims WHERE claim_id = :c", c=claim_id) == "redeemed"


def test_a_package_stands_in_the_lane_of_its_kind_until_it_ends(desk: Desk) -> None:
    coupon = desk.published(kind="package", face_value_minor=..., price_minor=3000, list_price_minor=4500)
    assert coupon["coupon_id"] in desk.nearby("package")
    desk.done(coupon, "end")
    assert coupon["coupon_id"] not in desk.nearby("package")


def test_the_second_editor_is_told_that_the_coupon_changed(desk: Desk) -> None:
    first = desk.draft()
    second = made(desk.edits(first, quota=7), 200)
    late = desk.edits(first, quota=9)
    assert code_of(late) == (412, "precondition-failed")
    assert code_of(desk.does(first, "publish")) == (412, "precondition-failed")
    assert code_of(desk.edits({"coupon_id": first["coupon_id"]}, quota=9)) == (428, "precondition-required")
    assert desk.seen(first)["draft"]["quota"] == 7
    desk.done(second, "publish")
    with ThreadPoolExecutor(8) as pool:
        seen = desk.seen(first)
        answers = list(pool.map(lambda n: desk.edits(seen, per_member=n).status_code, range(1, 9)))
    assert sorted(answers) == [200] + [412] * 7


def test_the_same_key_makes_one_coupon(desk: Desk) -> None:
    first = desk.creates(key="one-coupon")
    again = desk.creates(key="one-coupon")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.get_json() == first.get_json()
    assert code_of(desk.creates(key="one-coupon", quota=3)) == (422, "idempotency-key-mismatch")


def test_a_draft_that_is_given_up_leaves_nothing_and_new_terms_leave_those_in_force(desk: Desk) -> None:
    draft = desk.draft()
    gone = desk.send("DELETE", f"/v1/coupons/{draft['coupon_id']}/draft", If_Match=draft["etag"])
    assert gone.status_code == 204
    assert code_of(desk.send("GET", f"/v1/coupons/{draft['coupon_id']}/management")) == (404, "not-found")
    coupon = desk.published()
    edited = made(desk.edits(coupon, titles={"en": "Other"}), 200)
    assert (edited["terms"]["titles"]["en"], edited["draft"]["titles"]) == ("Ten off", {"en": "Other"})
    path = f"/v1/coupons/{coupon['coupon_id']}/draft"
    assert desk.send("DELETE", path, If_Match=edited["etag"]).status_code == 204
    seen = desk.seen(coupon)
    assert (seen["draft"], seen["terms"]["titles"]["en"]) == (None, "Ten off")
    assert code_of(desk.does(seen, "publish")) == (409, "nothing-to-publish")


# who may


def test_a_foreign_owner_reaches_nothing_and_staff_only_look(desk: Desk) -> None:
    coupon = desk.published()
    merchant = f"/v1/merchants/{desk.loop.merchant}/coupons"
    for what in ("pause", "publish", "resume", "end"):
        assert code_of(desk.does(coupon, what, by=desk.rival)) == (404, "not-found")
        assert code_of(desk.does(coupon, what, by=desk.staff)) == (403, "forbidden")
        assert code_of(desk.does(coupon, what, by=desk.member)) == (403, "forbidden")
    assert code_of(desk.edits(coupon, by=desk.rival, quota=1)) == (404, "not-found")
    assert code_of(desk.uploads(coupon, "ABCDEF1", by=desk.rival)) == (404, "not-found")
    assert code_of(desk.creates(by=desk.rival, merchant_id=str(desk.loop.merchant))) == (404, "not-found")
    assert code_of(desk.send("GET", merchant, by=desk.rival)) == (404, "not-found")
    management = f"/v1/coupons/{coupon['coupon_id']}/management"
    assert code_of(desk.send("GET", management, by=desk.rival)) == (404, "not-found")
    assert code_of(desk.send("GET", management, by=desk.foreign_operator)) == (404, "not-found")
    assert desk.seen(coupon, by=desk.staff)["revision"] == coupon["revision"]
    assert desk.send("GET", merchant, by=desk.staff).get_json()["items"][0]["coupon_id"] == coupon["coupon_id"]
    assert desk.seen(coupon)["state"] == "published"


def test_a_merchants_coupons_are_listed_newest_first_in_pages(desk: Desk) -> None:
    rival = desk.rival
    ids = [made(desk.creates(by=rival, titles={"en": f"No {n}"}), 201)["coupon_id"] for n in range(3)]
    path = f"/v1/merchants/{desk.loop.rival}/coupons?limit=2"
    first = desk.send("GET", path, by=rival).get_json()
    second = desk.send("GET", f"{path}&cursor={first['next_cursor']}", by=rival).get_json()
    assert [each["coupon_id"] for each in (*first["items"], *second["items"])] == ids[::-1]
    assert (first["total"], second["next_cursor"]) == ({"value": 3, "relation": "eq"}, None)
    assert desk.send("GET", f"{path}&state=ended", by=rival).get_json()["items"] == []


# what is wrong is told


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"face_value_minor": ...}, ["/face_value_minor"]),
        ({"kind": "percent_off", "percent_off_bp": ...}, ["/percent_off_bp", "/face_value_minor"]),
        ({"titles": {}}, ["/titles"]),
        ({"titles": {"english": "x", "en": " "}}, ["/titles/en", "/titles/english"]),
        ({"currency": "EUR"}, ["/currency"]),
        ({"time_zone": "Mars/Olympus"}, ["/time_zone"]),
        ({"claim_until": "2020-01-01T00:00:00+08:00"}, ["/claim_until"]),
        ({"use_until": ...}, ["/use_until"]),
        ({"use_hours": "whenever"}, ["/use_hours"]),
        ({"scope_kind": "places"}, ["/scope_ids"]),
        ({"scope_kind": "all_places", "scope_ids": ["0190163d-8694-739b-aea5-966c26f8ad91"]}, ["/scope_ids"]),
        ({"stacking": "within_group"}, ["/stack_group"]),
        ({"claim_in_area": True}, ["/claim_in_area"]),
        ({"per_member": 2, "per_member_day": 3}, ["/per_member_day"]),
        ({"group_target": 3}, ["/group_price_minor", "/group_seats", "/group_deadline_s"]),
        ({"platform_share_bp": 1}, ["/budget_minor"]),
        ({"budget_minor": 999}, ["/budget_minor"]),
        ({"quota": -1}, ["/quota"]),
        ({"price_minor": 1.5}, ["/price_minor"]),
        ({"commission_bp": 0}, ["/commission_bp"]),
        ({"colour": "red"}, ["/colour"]),
    ],
)
def test_every_fault_of_terms_says_where_it_is(desk: Desk, given: Json, pointers: list[str]) -> None:
    before = desk.loop.one("SELECT count(*) FROM coupons")
    answer = desk.creates(**given)
    assert fault_of(answer) == (422, pointers), answer.get_json()
    assert all(each["detail"] for each in answer.get_json()["errors"])
    assert desk.loop.one("SELECT count(*) FROM coupons") == before


def test_a_scope_names_places_and_areas_of_ones_own(desk: Desk) -> None:
    loop = desk.loop
    answer = desk.creates(scope_kind="places", scope_ids=sorted([str(loop.places[0]), str(loop.rival_place)]))
    where = sorted([str(loop.places[0]), str(loop.rival_place)]).index(str(loop.rival_place))
    assert fault_of(answer) == (422, [f"/scope_ids/{where}"])
    some = desk.published(scope_kind="places", scope_ids=[str(loop.places[1])])
    assert [each["place_id"] for each in loop.client.get(f"/v1/coupons/{some['coupon_id']}").get_json()["places"]] == [
        str(loop.places[1])
    ]
    square = "POLYGON((120.1 30.2, 120.2 30.2, 120.2 30.3, 120.1 30.3, 120.1 30.2))"
    area = loop.world.service_area(2, loop.places[2], loop.merchant, square)
    served = desk.published(scope_kind="service_areas", scope_ids=[str(area)], fulfilment="delivery")
    rows = loop.rows("SELECT place_id, service_area_id FROM coupon_places WHERE coupon_id = :c", c=served["coupon_id"])
    assert [tuple(row) for row in rows] == [(loop.places[2], area)]
    hidden = loop.world.service_area(2, loop.places[2], loop.merchant, square, state="draft")
    assert fault_of(desk.creates(scope_kind="service_areas", scope_ids=[str(hidden)])) == (422, ["/scope_ids/0"])


def test_times_that_are_over_keep_a_coupon_from_being_published(desk: Desk) -> None:
    past = (desk.loop.now - timedelta(hours=1)).isoformat()
    draft = desk.draft(claim_until=past)
    assert fault_of(desk.does(draft, "publish")) == (422, ["/claim_until"])
    assert desk.seen(draft)["state"] == "draft"


def test_what_claims_rely_on_stays_as_it_was_published(desk: Desk) -> None:
    coupon = desk.published()
    answer = desk.edits(coupon, kind="voucher", code_source="merchant")
    assert fault_of(answer) == (422, ["/kind", "/code_source"])


# versions


def test_an_old_claim_is_redeemed_under_the_terms_it_was_granted_under(desk: Desk) -> None:
    first = desk.published(face_value_minor=1000)
    old_id, old = desk.claimed(first)
    elsewhere = str(desk.loop.places[1])
    second = desk.renewed(first, face_value_minor=300, scope_kind="places", scope_ids=[elsewhere])
    assert (second["version"], second["stock"]["taken"], second["stock"]["left"]) == (2, 1, 99)
    new_id, new = desk.claimed(second)
    versions = "SELECT coupon_version FROM claims WHERE claim_id = :c"
    assert [desk.loop.one(versions, c=each) for each in (old_id, new_id)] == [1, 2]
    assert code_of(desk.use(new)) == (409, "wrong-store")
    redeemed = desk.use(old).get_json()  # where the new terms do not reach
    assert redeemed["split"]["discount"]["amount_minor"] == 1000
    assert desk.use(new, place_id=elsewhere).get_json()["split"]["discount"]["amount_minor"] == 300


def test_what_an_old_claim_gives_back_is_given_out_under_the_new_terms(desk: Desk) -> None:
    first = desk.published(quota=1)
    claim_id, _ = desk.claimed(first)
    second = desk.renewed(first, face_value_minor=300)
    assert code_of(desk.claims(second)) == (409, "sold-out")
    assert desk.loop.post(f"/v1/claims/{claim_id}/cancel", {}, by=desk.member).status_code == 200
    assert desk.seen(second)["stock"] == {"quota": 1, "taken": 0, "left": 1, "bounded_by": "quota"}
    assert desk.claims(second).get_json()["coupon_version"] == 2


# stock


def test_stock_is_given_and_taken_back_but_never_below_what_is_claimed(desk: Desk) -> None:
    coupon = desk.published(quota=2)
    for _ in range(2):
        assert desk.claims(coupon).status_code == 201
    assert code_of(desk.claims(coupon)) == (409, "sold-out")
    more = desk.done(coupon, "stock", {"quota": 3})
    assert more["stock"] == {"quota": 3, "taken": 2, "left": 1, "bounded_by": "quota"}
    assert (more["version"], desk.claims(more).status_code) == (1, 201)
    answer = desk.does(more, "stock", {"quota": 2})
    assert fault_of(answer) == (422, ["/quota"])
    assert "3 or more" in answer.get_json()["errors"][0]["detail"]
    assert code_of(desk.does(desk.draft(), "stock", {"quota": 2})) == (409, "coupon-not-published")
    assert [what for _, what in desk.told(coupon)] == ["published", "stock_changed"]


def test_a_big_stock_lies_in_buckets_and_none_of_it_is_lost(desk: Desk) -> None:
    coupon = desk.published(quota=10_007)
    found = desk.loop.rows("SELECT quota, version FROM coupon_stock WHERE coupon_id = :c", c=coupon["coupon_id"])
    assert (len(found), sum(row[0] for row in found), {row[1] for row in found}) == (16, 10_007, {1})


def test_sold_out_is_told_once_the_last_unit_is_taken(desk: Desk) -> None:
    coupon = desk.published(quota=2)
    desk.claims(coupon)
    desk.work()
    assert [what for _, what in desk.told(coupon)] == ["published"]
    desk.claims(coupon)
    desk.work()
    desk.work()
    assert [what for _, what in desk.told(coupon)] == ["published", "sold_out"]


# money


def test_eight_claims_at_once_on_the_last_of_a_budget_never_exceed_it(desk: Desk) -> None:
    """A budget of 35.00 covers three claims of 10.00, though the stock is a hundred."""
    coupon = desk.published(budget_minor=3500, face_value_minor=1000)
    assert coupon["stock"] == {"quota": 100, "taken": 0, "left": 3, "bounded_by": "budget"}
    people: list[UUID] = desk.loop.members(8)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda who: desk.claims(coupon, (who, "member")), people))
    assert sorted(each.status_code for each in answers) == [201] * 3 + [409] * 5
    assert {each.get_json()["code"] for each in answers if each.status_code == 409} == {"sold-out"}
    assert desk.seen(coupon)["budget"] == {"budget_minor": 3500, "reserved_minor": 3000}
    more = desk.renewed(coupon, budget_minor=5000, face_value_minor=500)
    assert more["stock"]["left"] == 4  # 20.00 are left, for 5.00 each
    assert fault_of(desk.does(made(desk.edits(more, budget_minor=2999), 200), "publish")) == (422, ["/budget_minor"])


def test_a_claim_that_is_given_up_frees_its_part_of_the_budget_under_the_same_terms_alone(desk: Desk) -> None:
    coupon = desk.published(budget_minor=1000, face_value_minor=1000)
    claim_id, _ = desk.claimed(coupon)
    assert code_of(desk.claims(coupon)) == (409, "sold-out")
    desk.loop.post(f"/v1/claims/{claim_id}/cancel", {}, by=desk.member)
    claim_id, _ = desk.claimed(coupon)
    dearer = desk.renewed(coupon, budget_minor=2500, face_value_minor=1500)
    assert dearer["stock"]["left"] == 1
    desk.loop.post(f"/v1/claims/{claim_id}/cancel", {}, by=desk.member)
    assert desk.seen(dearer)["stock"]["left"] == 1  # 10.00 came back, and one more would cost 15.00
    assert desk.claims(dearer).status_code == 201
    assert code_of(desk.claims(dearer)) == (409, "sold-out")


def test_a_percentage_with_a_budget_has_a_cap_and_counts_it_for_each_unit(desk: Desk) -> None:
    terms: dict[str, Any] = {"kind": "percent_off", "face_value_minor": ..., "percent_off_bp": 2000, "units": 2}
    assert fault_of(desk.creates(**terms, budget_minor=5000)) == (422, ["/cap_minor"])
    coupon = desk.published(**terms, budget_minor=5000, cap_minor=800)
    assert (coupon["terms"]["most_given_minor"], coupon["stock"]["left"]) == (1600, 3)


def test_a_voucher_that_is_paid_for_costs_what_it_is_worth_beyond_its_price(desk: Desk) -> None:
    coupon = desk.published(kind="voucher", price_minor=800, face_value_minor=1000, budget_minor=1000)
    assert (coupon["terms"]["most_given_minor"], coupon["stock"]["left"]) == (200, 5)


def test_the_platform_pays_a_share_only_of_terms_that_its_operator_agreed_to(desk: Desk) -> None:
    draft = desk.draft(platform_share_bp=4000, budget_minor=10_000)
    assert code_of(desk.does(draft, "publish")) == (409, "platform-consent-needed")
    share = {"platform_share_bp": 4000, "commission_bp": 500}
    assert code_of(desk.does(draft, "platform-terms", share)) == (403, "forbidden")
    assert code_of(desk.does(draft, "platform-terms", share, by=desk.foreign_operator)) == (404, "not-found")
    other = {"platform_share_bp": 5000}
    assert fault_of(desk.does(draft, "platform-terms", other, by=desk.operator)) == (422, ["/platform_share_bp"])
    agreed = desk.done(draft, "platform-terms", share, by=desk.operator)
    assert agreed["draft"]["agreed"]["platform_share_bp"] == 4000
    edited = made(desk.edits(agreed, budget_minor=20_000), 200)
    assert edited["draft"]["agreed"] is None
    assert code_of(desk.does(edited, "publish")) == (409, "platform-consent-needed")
    coupon = desk.done(desk.done(edited, "platform-terms", share, by=desk.operator), "publish")
    _, code = desk.claimed(coupon)
    split = desk.use(code).get_json()["split"]
    assert [split[part]["amount_minor"] for part in ("discount", "platform_share", "merchant_share", "commission")] == [
        1000, 400, 600, 200,
    ]  # fmt: skip
    assert fault_of(desk.edits(coupon, budget_minor=30_000)) == (422, ["/budget_minor"])


# combining


def test_coupons_are_used_together_as_their_terms_say(desk: Desk) -> None:
    def code(**given: Any) -> str:
        return desk.claimed(desk.published(**given))[1]

    alone = code()
    lunch, dinner = ({"stacking": "within_group", "stack_group": name} for name in ("lunch", "dinner"))
    assert code_of(desk.use(alone, code(stacking="with_others"))) == (409, "not-stackable")
    assert code_of(desk.use(code(**lunch), code(**dinner))) == (409, "not-stackable")
    assert code_of(desk.use(code(**lunch), code(stacking="with_others"))) == (409, "not-stackable")
    both = desk.use(code(**lunch), code(**lunch)).get_json()
    assert both["split"]["discount"]["amount_minor"] == 2000
    assert desk.use(code(stacking="with_others"), code(stacking="with_others")).status_code == 201
    assert desk.use(alone).status_code == 201


def test_an_order_that_is_redeemed_in_two_requests_is_still_one_order(desk: Desk) -> None:
    def code(**given: Any) -> str:
        return desk.claimed(desk.published(**given))[1]

    def order(number: str) -> Json:
        return {"order": ORDER | {"pos_order_no": number}}

    first = desk.used(code(), **order("A-1"))
    second = code(stacking="with_others")
    assert code_of(desk.use(second, **order("A-1"))) == (409, "not-stackable")
    assert code_of(desk.use(code(), **order("A-1"), mode="hold")) == (409, "not-stackable")
    elsewhere = order("A-1") | {"place_id": str(desk.loop.places[1])}
    assert desk.use(code(), **elsewhere).status_code == 201
    assert desk.step(first, "reverse", reason="wrong order")().status_code == 200
    assert desk.use(second, **order("A-1")).status_code == 201
    assert desk.use(code(stacking="with_others"), **order("A-1")).status_code == 201
    twice = code(units=2)
    for number in ("A-2", "A-2"):  # two uses of one coupon are no two coupons
        assert desk.use(twice, **order(number)).status_code == 201
