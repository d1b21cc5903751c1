"""Groups that fail: the moment of the deadline, money that is late, and refunds that survive a crash at any point."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.core.settings import Settings
from app.flow.embedded import group_ends, refunds
from app.flow.embedded.refunds import Refunds
from app.groups import actions
from app.payments.types import RefundRefused
from tests.conftest import MakeDatabase
from tests.factories.parties import Party, open_party
from tests.factories.paying import at_once
from tests.servers import Worker as WorkerProcess


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


class Killed(BaseException):
    """The process ends here."""


def settled(party: Party, group: dict[str, Any]) -> None:
    """Rounds of sweeping and of jobs until the group is closed."""
    for _ in range(8):
        party.sweep()
        party.settle()
        if party.state(group) == "closed":
            return
    raise AssertionError(f"it is {party.state(group)} with seats {party.seats(group)}")


def test_a_group_without_its_target_fails_at_its_deadline_and_everybody_is_paid_back_once(party: Party) -> None:
    group, people = party.gathered(2)
    idle = party.seated(party.people(1)[0], group)
    party.sweep()
    assert party.state(group) == "open"
    party.over(group)
    party.sweep()
    assert (party.state(group), party.events(group)) == ("failed", ["joined", "joined", "failed"])
    claim = party.seen(people[1], group)["claim"]
    assert (claim["state"], claim["next_actions"]) == ("refunded", [])
    code = party.loop.get(f"/v1/claims/{claim['claim_id']}/code", by=people[1])
    assert (code.status_code, code.get_json()["code"]) == (410, "code-revoked")
    pay = party.shop.pay("claim", idle["claim"]["claim_id"], (idle_member(party, idle), "member"))
    assert pay.status_code in (201, 409)
    party.unpaid_in_time(group)
    settled(party, group)
    assert party.given_back(group) == [(2000, 2000)] * len(party.given_back(group))
    assert party.seats(group) == ["left", "refunded", "refunded"]
    assert party.events(group) == ["joined", "joined", "failed", "closed"]
    numbers = party.loop.rows(
        "SELECT r.refund_no FROM refunds r JOIN payments p USING (city_id, payment_id) WHERE r.cause = 'group'"
        " AND r.cause_id = :g ORDER BY 1", g=group["group_id"],
    )  # fmt: skip
    assert [row[0] for row in numbers] == sorted(f"group:{group['group_id']}:{who[0]}" for who in people)


def idle_member(party: Party, seat: dict[str, Any]) -> Any:
    return party.loop.one("SELECT member_id FROM claims WHERE claim_id = :c", c=seat["claim"]["claim_id"])


def late_seat(party: Party) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    """A group that lacks one, whose payment nobody knows the end of; its deadline is over. The wallet has the money."""
    group, _ = party.gathered(2)
    last = party.people(1)[0]
    seat = party.seated(last, group)
    payment = party.pay(last, seat, lost_answers=2, notices=0)
    assert payment["state"] == "unknown"
    party.over(group)
    return group, last, payment


def test_money_that_was_under_way_at_the_deadline_counts_for_five_minutes(party: Party) -> None:
    group, last, _ = late_seat(party)
    party.sweep()
    assert party.state(group) == "open"
    party.settle()  # asks once more in vain: the second answer is lost too
    party.settle()
    assert (party.state(group), party.seats(group)) == ("succeeded", ["joined"] * 3)
    assert party.seen(last, group)["next_actions"][0] == "show_code"


def test_money_that_comes_after_that_is_stray_and_goes_back(party: Party) -> None:
    group, _last, payment = late_seat(party)
    party.over(group, timedelta(minutes=5, seconds=1))
    party.sweep()
    assert party.state(group) == "failed"
    party.settle()
    party.settle()
    found = party.loop.one("SELECT state FROM payments WHERE payment_id = :p", p=payment["payment_id"])
    assert found == "stray"
    party.unpaid_in_time(group)
    settled(party, group)
    assert party.given_back(group) == [(2000, 2000)] * 3
    assert party.events(group) == ["joined", "joined", "failed", "closed"]


@pytest.mark.parametrize("round_", range(2))
def test_the_last_payment_and_the_deadline_meet_and_one_of_them_decides(party: Party, round_: int) -> None:
    group, _last, payment = late_seat(party)
    party.settle()
    party.over(group, timedelta(minutes=4, seconds=59, milliseconds=900 + 40 * round_))

    def resolve() -> None:
        party.settle()

    at_once(resolve, lambda: party.sweep(timedelta(milliseconds=100)), resolve)
    for _ in range(3):
        party.settle()
    state = party.state(group)
    found = party.loop.one("SELECT state FROM payments WHERE payment_id = :p", p=payment["payment_id"])
    assert (state, found) in (("succeeded", "succeeded"), ("failed", "stray"), ("open", "stray"))
    told = party.events(group)
    assert told.count("succeeded") + told.count("failed") == (state != "open")
    if state != "succeeded":
        party.unpaid_in_time(group)
        settled(party, group)
        assert party.given_back(group) == [(2000, 2000)] * 3


def die(*_args: Any, **_more: Any) -> Any:
    raise Killed


POINTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "the group's end is written, not committed": lambda patch: patch.setattr(group_ends.GroupEnds, "_decide", _after(
        group_ends.GroupEnds._decide)),
    "a refund is set aside, its seat not": lambda patch: patch.setattr(actions, "seat_refunding", die),
    "a seat is on its way back, its claim not ended": lambda patch: patch.setattr(group_ends, "_end_claim", die),
    "everything of a seat is written, not committed": lambda patch: patch.setattr(group_ends, "_end_claim", _after(
        group_ends._end_claim)),
    "the provider was not asked yet": lambda patch: patch.setattr(Refunds, "call_refund", die),
    "the provider paid, and nobody heard it": lambda patch: patch.setattr(Refunds, "call_refund", _after(
        Refunds.call_refund)),
    "the money is back, its seat is not": lambda patch: patch.setattr(actions, "seat_refunded", die),
    "the refund is done, its books are not": lambda patch: patch.setattr(refunds, "finish_refund", die),
    "the group closes, not committed": lambda patch: patch.setattr(actions, "close", _after(actions.close)),
}  # fmt: skip


def _after(inner: Any) -> Callable[..., Any]:
    """Does it, and ends the process before anybody hears."""

    def run(*args: Any, **more: Any) -> Any:
        inner(*args, **more)
        raise Killed

    return run


@pytest.mark.parametrize("point", sorted(POINTS))
def test_a_round_that_is_killed_is_taken_up_by_the_next_one(
    party: Party, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    group, people = party.gathered(2)
    party.over(group)
    monkeypatch.setattr(group_ends, "BATCH", 1)  # so that one seat is done before, one after
    deaths = 0
    for _ in range(6):
        if deaths >= 3:
            break
        with monkeypatch.context() as patch:
            POINTS[point](patch)
            for step in (party.sweep, party.settle):
                try:
                    step()
                except Killed:
                    deaths += 1
        if deaths:
            party.sweep()  # the next worker gets a little further, and dies at the same point again
    assert deaths > 0
    settled(party, group)
    assert party.given_back(group) == [(2000, 2000)] * 2
    assert party.seats(group) == ["refunded"] * 2
    assert party.events(group) == ["joined"] * 2 + ["failed", "closed"]
    claims = {party.seen(who, group)["claim"]["state"] for who in people}
    assert claims == {"refunded"}


def test_a_group_is_not_closed_while_money_of_a_seat_that_was_given_up_is_on_its_way(
    party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, people = party.gathered(1)
    claim = party.seen(people[0], group)["claim"]["claim_id"]
    with monkeypatch.context() as patch:
        patch.setattr(Refunds, "call_refund", die)
        with pytest.raises(Killed):
            party.loop.post(f"/v1/claims/{claim}/cancel", {}, by=people[0])
        party.over(group)
        party.sweep()
        party.sweep()
    assert (party.state(group), party.seats(group)) == ("failed", ["left"])
    settled(party, group)
    assert party.given_back(group) == [(2000, 2000)]
    assert party.events(group)[-2:] == ["failed", "closed"]


def test_a_worker_that_is_killed_in_the_middle_pays_nobody_twice(party: Party, tmp_path: Path) -> None:
    group, _ = party.gathered(6, group_target=8, group_seats=8)
    party.over(group)
    worker = WorkerProcess(party.settings, tmp_path / "worker.log", tmp_path / "worker.pid")
    worker.start()
    seen = "SELECT count(*) FROM refunds WHERE cause = 'group' AND cause_id = :g"
    end = time.monotonic() + 20
    while party.loop.one(seen, g=group["group_id"]) < 6:
        assert time.monotonic() < end, "the worker began no refund in time"
        time.sleep(0.01)
    worker.kill()
    party.shop.write("UPDATE jobs SET run_at = :now, lease_until = NULL WHERE state = 'due'", now=party.loop.now)
    settled(party, group)
    assert party.given_back(group) == [(2000, 2000)] * 6
    assert party.events(group) == ["joined"] * 6 + ["failed", "closed"]


def test_a_refund_that_the_provider_refuses_is_asked_for_again_later(
    party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, _ = party.gathered(1)
    party.over(group)
    with monkeypatch.context() as patch:
        patch.setattr(Refunds, "call_refund", lambda _self, _refund: RefundRefused("come back later"))
        party.sweep()
        party.settle()
    assert (party.state(group), party.seats(group)) == ("failed", ["joined"])
    party.sweep(timedelta(minutes=4))
    assert party.seats(group) == ["joined"]
    party.sweep(timedelta(minutes=6))
    assert party.seats(group) == ["refunding"]
    settled(party, group)
    assert party.given_back(group) == [(2000, 2000)]
    assert party.loop.one("SELECT count(*) FROM refunds WHERE cause_id = :g", g=group["group_id"]) == 1


def test_what_a_merchant_gave_back_before_is_not_given_twice(party: Party) -> None:
    group, people = party.gathered(2)
    claim = party.seen(people[0], group)["claim"]["claim_id"]
    payment = party.loop.one("SELECT payment_id::text FROM payments WHERE purpose_id = :c", c=claim)
    assert party.shop.refund(payment, 500, by=party.shop.owner)().status_code == 201
    party.over(group, timedelta(minutes=1))
    settled(party, group)
    assert party.given_back(group) == [(2000, 2000)] * 2
