"""Group deals over HTTP: who gets a seat, when the deal is made, what is shown before and after, and who may look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from app.core.clock import system_clock
from app.core.ids import new_city_id
from app.core.settings import Settings
from tests.conftest import MakeDatabase
from tests.factories.loops import CITY
from tests.factories.parties import Party, open_party
from tests.factories.paying import at_once


@pytest.fixture(scope="module")
def party(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Party]:
    url = make_database(migrated_template)
    found, engine = open_party(url, settings_for(url))
    yield found
    assert found.broken() == []
    found.database.dispose()
    engine.dispose()


def patient(send: Callable[[], Any]) -> Callable[[], tuple[int, str]]:
    """Status and code of an answer; who is told to come again (they all wait for one row) comes again."""

    def decided() -> tuple[int, str]:
        for _ in range(10):
            answer = send()
            if answer.status_code != 503:
                break
        return answer.status_code, str((answer.get_json() or {}).get("code", ""))

    return decided


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def test_a_deal_is_made_by_the_seat_that_was_missing_and_codes_come_with_it(party: Party) -> None:
    first, second, third = party.people(3)
    group = party.begun(first)
    shown = [group[name] for name in ("state", "target", "seats", "joined", "seats_left")]
    assert shown == ["open", 3, 4, 0, 3]
    assert (group["price"], group["single_price"]) == (
        {"amount_minor": 2000, "currency": "CNY"},
        {"amount_minor": 3000, "currency": "CNY"},
    )
    assert (group["seat"], group["claim"]["state"], group["claim"]["price"]) == (
        "reserved",
        "pending_payment",
        {"amount_minor": 2000, "currency": "CNY"},
    )
    assert group["next_actions"] == ["pay", "cancel", "invite"]
    party.pay(first, group)
    party.paid(second, group)
    seen = party.seen(second, group)
    assert (seen["joined"], seen["missing"], seen["seat"], seen["claim"]["state"]) == (2, 1, "joined", "active")
    assert seen["next_actions"] == ["cancel", "invite"]
    claim = seen["claim"]["claim_id"]
    assert refusal(party.loop.get(f"/v1/claims/{claim}/code", by=second)) == (409, "group-open")
    assert refusal(party.loop.get(f"/v1/claims/{claim}/qr.svg", by=second)) == (409, "group-open")
    assert party.events(group) == ["joined", "joined"]
    party.paid(third, group)
    seen = party.seen(second, group)
    assert (seen["state"], seen["missing"], seen["next_actions"]) == ("succeeded", 0, ["show_code", "cancel", "invite"])
    assert party.events(group) == ["joined", "joined", "joined", "succeeded"]
    assert len(party.loop.code(claim, second[0])) == 12


def test_a_till_takes_the_code_after_the_deal_is_made_and_not_before(party: Party) -> None:
    group, people = party.gathered(2)
    claim = party.seen(people[1], group)["claim"]["claim_id"]
    # the digits that nobody was shown: the till must not take them from anyone who guesses or steals them
    keys = party.flow._claims._keys  # type: ignore[attr-defined]
    sealed = party.loop.one("SELECT code_sealed FROM claims WHERE claim_id = :c", c=claim)
    code = keys.unseal(UUID(claim), bytes(sealed))
    assert refusal(party.shop.use(code, order=None)) == (409, "not-yet-usable")
    looked = party.loop.post("/v1/codes/lookup", {"code": code, "place_id": party.shop.place}, by=party.shop.staff)
    assert (looked.get_json()["usable"], looked.get_json()["reason"]) == (False, "not-yet-usable")
    party.paid(party.people(1)[0], group)
    assert party.loop.code(claim, people[1][0]) == code
    used = party.shop.use(code, order=None)
    assert (used.status_code, used.get_json()["state"]) == (201, "committed")
    assert used.get_json()["split"]["prepaid"]["amount_minor"] == 2000


def test_only_who_was_invited_sees_a_group_and_joins_it(party: Party) -> None:
    first, stranger = party.people(2)
    group = party.begun(first)
    path = f"/v1/groups/{group['group_id']}"
    assert group["invite_url"] == f"http://127.0.0.1:8000/group/{group['group_id']}?invite={group['invite']}"
    assert refusal(party.loop.client.get(path)) == (404, "not-found")
    assert refusal(party.loop.client.get(f"{path}?invite={'0' * 24}")) == (404, "not-found")
    assert refusal(party.loop.get(path, by=stranger)) == (404, "not-found")
    assert refusal(party.loop.get(path, by=party.shop.rival)) == (404, "not-found")
    assert refusal(party.loop.post(f"{path}/join", {}, by=stranger)) == (404, "not-found")
    assert refusal(party.join(stranger, group | {"invite": group["invite"][::-1]})) == (404, "not-found")
    missing = group | {"group_id": str(new_city_id(CITY))}
    assert refusal(party.join(stranger, missing)) == (404, "not-found")
    invited = party.loop.client.get(f"{path}?invite={group['invite']}").get_json()
    assert (invited["next_actions"], invited["seat"], invited["claim"]) == (["join"], None, None)
    merchant = party.loop.get(path, by=party.shop.staff).get_json()
    assert (merchant["seats_left"], merchant["invite"], merchant["next_actions"]) == (3, None, [])
    assert party.seats(group) == ["reserved"]


def test_who_can_not_have_a_seat_is_told_why_and_nothing_is_taken(party: Party) -> None:
    people = party.people(6)
    group, coupon = party.begun(people[0]), party.coupon()
    alone = party.loop.coupon()
    other = party.start(people[5], coupon).get_json()
    for who in people[1:4]:
        party.seated(who, group)
    late = party.begun(people[4])
    party.over(late)
    before = party.loop.rows("SELECT (SELECT count(*) FROM claims), (SELECT sum(taken) FROM coupon_stock)")
    assert refusal(party.join(people[4], group)) == (409, "group-full")
    again = party.join(people[1], group)
    assert (refusal(again), again.get_json()["group_id"]) == ((409, "group-already-joined"), group["group_id"])
    second = party.start(people[5], coupon)
    assert (refusal(second), second.get_json()["group_id"]) == ((409, "group-already-joined"), other["group_id"])
    assert refusal(party.join(people[5], late)) == (409, "group-closed")
    assert refusal(party.start(people[5], alone)) == (409, "group-not-offered")
    early = party.coupon(claim_from=party.loop.now + timedelta(hours=1))
    assert refusal(party.start(people[5], early)) == (409, "claim-not-started")
    # a code that would be over before the group is complete
    hour = timedelta(hours=1)
    soon = party.coupon(use_until=party.loop.now + hour / 2, claim_until=party.loop.now + 2 * hour)
    assert refusal(party.start(people[5], soon)) == (409, "claim-window-closed")
    gone = party.coupon(stock=0, quota=0)
    assert refusal(party.start(people[5], gone)) == (409, "sold-out")
    assert party.loop.rows("SELECT (SELECT count(*) FROM claims), (SELECT sum(taken) FROM coupon_stock)") == before
    assert refusal(party.loop.post("/v1/groups", {"coupon_id": "x"}, by=people[5])) == (422, "invalid-body")


def test_a_repeated_request_gets_the_seat_that_it_got(party: Party) -> None:
    first, second = party.people(2)
    coupon = party.coupon()
    begun = party.start(first, coupon, key="k1")
    again = party.start(first, coupon, key="k1")
    assert (begun.status_code, again.data) == (201, begun.data)
    group = begun.get_json()
    joined, twice = (party.join(second, group, key="k2") for _ in range(2))
    assert (joined.status_code, twice.data, twice.headers["Idempotency-Replayed"]) == (201, joined.data, "true")
    assert party.seats(group) == ["reserved", "reserved"]


def test_sixteen_who_want_the_last_seat_make_one_of_them_happy(party: Party) -> None:
    people = party.people(18)
    group = party.begun(people[0], group_seats=3)
    party.seated(people[1], group)
    answers = at_once(*[patient(lambda who=who: party.join(who, group)) for who in people[2:]])
    assert Counter(answers) == {(201, ""): 1, (409, "group-full"): 15}
    row = party.row(group)
    assert (row.taken, row.joined, party.seats(group)) == (3, 0, ["reserved"] * 3)
    taken = party.loop.one("SELECT sum(taken) FROM coupon_stock WHERE coupon_id = :c", c=group["coupon_id"])
    assert taken == 3


def test_payments_at_the_same_moment_make_one_deal(party: Party) -> None:
    people = party.people(5)
    group = party.begun(people[0], group_target=5, group_seats=5)
    seats = [group, *(party.seated(who, group) for who in people[1:])]

    def pay(who: Any, seat: dict[str, Any]) -> Any:
        return party.shop.pay("claim", seat["claim"]["claim_id"], who)

    works = [patient(lambda pair=pair: pay(*pair)) for pair in zip(people, seats, strict=True)]
    found = at_once(*works)
    assert all(status in (201, 409) for status, _ in found), found
    party.settle()
    assert party.state(group) == "succeeded"
    told = party.events(group)
    assert (told.count("joined"), told.count("succeeded"), told[-1]) == (5, 1, "succeeded")


def test_a_seat_that_is_not_paid_for_in_time_goes_to_somebody_else(party: Party) -> None:
    first, idle, late = party.people(3)
    group = party.begun(first, group_target=2, group_seats=2)
    party.pay(first, group)
    seat = party.seated(idle, group)
    assert refusal(party.join(late, group)) == (409, "group-full")
    party.unpaid_in_time(seat)
    party.sweep()
    assert (party.row(group).taken, party.seats(group)) == (1, ["joined", "left"])
    party.paid(late, group)
    assert party.state(group) == "succeeded"


def test_who_leaves_an_open_group_is_paid_back_and_may_come_again(party: Party) -> None:
    group, (first, second) = party.gathered(2)
    claim = party.seen(second, group)["claim"]["claim_id"]
    left = party.loop.post(f"/v1/claims/{claim}/cancel", {}, by=second)
    assert (left.status_code, left.get_json()["state"]) == (200, "refunded")
    row = party.row(group)
    assert (row.taken, row.joined, row.most_joined, row.state) == (1, 1, 2, "open")
    assert party.given_back(group) == [(2000, 0), (2000, 2000)]
    assert party.seen(second, group)["next_actions"] == ["join"]
    again = party.paid(second, group)
    assert again["claim"]["claim_id"] != claim
    assert (party.row(group).joined, party.seats(group)) == (2, ["joined", "joined"])
    assert party.seen(first, group)["joined"] == 2


def test_a_made_deal_stays_made_when_somebody_leaves_and_the_seat_is_free(party: Party) -> None:
    group, people = party.gathered(3, group_seats=3)
    newcomer = party.people(1)[0]
    assert party.state(group) == "succeeded"
    assert refusal(party.join(newcomer, group)) == (409, "group-full")
    claim = party.seen(people[2], group)["claim"]["claim_id"]
    assert party.loop.post(f"/v1/claims/{claim}/cancel", {}, by=people[2]).status_code == 200
    row = party.row(group)
    assert (row.state, row.joined, row.most_joined) == ("succeeded", 2, 3)
    party.paid(newcomer, group)
    assert party.seen(newcomer, group)["next_actions"][0] == "show_code"
    assert party.events(group).count("succeeded") == 1
    party.over(group)
    assert refusal(party.join(party.people(1)[0], group)) == (409, "group-closed")
    party.sweep(timedelta(minutes=10))
    assert party.state(group) == "succeeded"


def counted(state: str) -> float:
    return REGISTRY.get_sample_value("fujin_groups_total", {"state": state}) or 0.0


def test_a_free_group_needs_no_money_and_gives_none_back(party: Party) -> None:
    first, second = party.people(2)
    before = [counted(state) for state in ("succeeded", "failed", "closed")]
    group = party.begun(first, group_price_minor=0, group_target=2, group_seats=2)
    assert (group["claim"]["state"], group["seat"], group["joined"]) == ("active", "joined", 1)
    made = party.seated(second, group)
    assert (made["state"], made["next_actions"]) == ("succeeded", ["show_code", "cancel"])
    lonely = party.begun(first, group_price_minor=0)
    party.over(lonely)
    party.sweep()
    assert (party.state(lonely), party.seats(lonely)) == ("closed", ["refunded"])
    assert party.seen(first, lonely)["claim"]["state"] == "cancelled"
    assert party.events(lonely) == ["joined", "failed", "closed"]
    assert [counted(state) for state in ("succeeded", "failed", "closed")] == [each + 1 for each in before]


def test_days_to_use_are_counted_from_the_end_of_the_group(party: Party) -> None:
    who = party.people(1)[0]
    terms = {"use_until": None, "valid_days_after_claim": 1, "group_deadline_s": 2 * 86_400}
    group = party.begun(who, claim_until=party.loop.now + timedelta(days=5), **terms)
    left = datetime.fromisoformat(group["claim"]["valid_until"]) - system_clock()
    assert timedelta(days=3) < left <= timedelta(days=4)


def test_nothing_that_events_tell_names_anybody(party: Party) -> None:
    group, people = party.gathered(1)
    data = party.loop.one("SELECT data::text FROM outbox_events WHERE aggregate_id = :g", g=group["group_id"])
    assert str(people[0][0]) not in data
    assert group["invite"] not in data
