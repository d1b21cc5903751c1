"""Signals of abuse by staff: found at their limit and not below, once a day, told once, listed for whom it concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from app.core.clock import system_clock
from app.core.settings import Settings
from app.fraud.actions import look
from app.fraud.cli import fraud
from app.fraud.rules import score
from app.fraud.types import Finding
from app.worker import Worker
from tests.conftest import MakeDatabase
from tests.factories.loops import CITY, LAT, LON
from tests.factories.parties import Party, open_party
from tests.factories.shops import Who


@pytest.fixture(scope="module")
def party(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Party]:
    url = make_database(migrated_template)
    found, engine = open_party(url, settings_for(url))
    yield found
    hours = ("hours-", "import-", "search-", "facts-")  # a place that a test gave hours to
    assert [fault for fault in found.broken() if not fault.startswith(hours)] == []
    found.database.dispose()
    engine.dispose()


def staff(party: Party) -> Who:
    """Somebody new at the merchant's first two places."""
    return party.loop.employee("staff", party.loop.merchant, party.loop.places[:2]), "staff"


def codes(party: Party, count: int, member: Who | None = None, **claim: Any) -> list[str]:
    """Codes of one member, or each of somebody new."""
    coupon = party.shop.coupon(stock=500)
    found = []
    for _ in range(count):
        who = member or (party.loop.member(), "member")
        found.append(party.loop.code(party.loop.claim(coupon, who[0], **claim)["claim_id"], who[0]))
    return found


def used(party: Party, who: Who, code: str) -> str:
    return party.shop.used(code, by=who)


def flags(party: Party, who: Who) -> list[Any]:
    """Flags of an account after one look."""
    with party.database.write() as conn:
        look(conn, CITY, party.settings, system_clock())
        conn.commit()
    return party.loop.rows("SELECT * FROM fraud_flags WHERE staff_id = :s ORDER BY flag_id", s=f"{who[1]}:{who[0]}")


def test_five_reversals_within_a_day(party: Party) -> None:
    who = staff(party)

    def reverse() -> None:
        done = used(party, who, codes(party, 1)[0])
        answer = party.loop.post(f"/v1/redemptions/{done}/reverse", {"reason": "wrong table"}, by=who)
        assert answer.status_code == 200

    for _ in range(4):
        reverse()
    assert flags(party, who) == []
    reverse()
    (flag,) = flags(party, who)
    assert (flag.rule, flag.count, flag.state, flag.merchant_id) == ("many_reversals", 5, "open", party.loop.merchant)
    reverse()
    (again,) = flags(party, who)
    assert (again.flag_id, again.count) == (flag.flag_id, 6)
    events = party.loop.rows("SELECT type, data FROM outbox_events WHERE aggregate_id = :f", f=flag.flag_id)
    assert [(row.type, row.data["rule"], row.data["count"], row.data["score"]) for row in events] == [
        ("fujin.fraud.flagged.v1", "many_reversals", 5, 40)
    ]
    assert str(who[0]) not in str(events[0].data)
    refs = party.loop.rows(
        "SELECT DISTINCT data->>'staff_ref' FROM outbox_events WHERE type = 'fujin.redemption.reversed.v1'"
    )
    assert events[0].data["staff_ref"] in {row[0] for row in refs}


def test_five_uses_of_one_member_by_one_account(party: Party) -> None:
    who, other, friend = staff(party), staff(party), party.people(1)[0]
    own = codes(party, 5, friend)
    for code in own[:4]:
        used(party, who, code)
    used(party, other, own[4])  # the fifth by somebody else
    assert (flags(party, who), flags(party, other)) == ([], [])
    used(party, who, codes(party, 1, friend)[0])
    (flag,) = flags(party, who)
    assert (flag.rule, flag.count, flag.about) == ("same_member", 5, friend[0])
    party.shop.write(
        "UPDATE redemptions SET committed_at = committed_at - interval '8 days',"
        " reverse_before = reverse_before - interval '8 days' WHERE staff_id = :s",
        s=f"staff:{who[0]}",
    )
    party.shop.write("DELETE FROM fraud_flags WHERE flag_id = :f", f=flag.flag_id)
    party.shop.write("DELETE FROM outbox_events WHERE aggregate_id = :f", f=flag.flag_id)
    assert flags(party, who) == []


def test_a_code_that_is_used_within_seconds_far_from_where_it_was_claimed(party: Party) -> None:
    near_by, far_off = staff(party), staff(party)
    coupon = party.loop.coupon(
        claim_within_m=50_000, per_member=9, min_spend_minor=0, face_value_minor=1000, places=party.loop.places[:1]
    )

    def claimed(**given: Any) -> str:
        member = party.loop.member()
        fix = {"lat": LAT, "lon": LON, "accuracy_m": 20, "at": system_clock().isoformat(), **given}
        return party.loop.code(party.loop.claim(coupon, member, location=fix)["claim_id"], member)

    used(party, near_by, claimed(lat=LAT + 0.01))  # a square further: 1.7 km at most, less the doubt
    done = used(party, far_off, claimed(lat=LAT + 0.05))  # 5.6 km
    assert flags(party, near_by) == []
    (flag,) = flags(party, far_off)
    assert (flag.rule, flag.count, str(flag.about)) == ("soon_and_far", 1, done)
    slow = staff(party)
    code = claimed(lat=LAT + 0.05)
    party.shop.write(
        "UPDATE claims SET claimed_at = claimed_at - interval '121 seconds' WHERE coupon_id = :c", c=coupon
    )
    used(party, slow, code)
    assert flags(party, slow) == []


def test_three_uses_while_the_place_is_surely_closed(party: Party) -> None:
    who = party.loop.employee("staff", party.loop.merchant, party.loop.places[1:2]), "staff"
    place = str(party.loop.places[1])
    hour = (system_clock().astimezone(ZoneInfo("Asia/Shanghai")).hour + 12) % 24
    party.loop.world.hours(CITY, 1, 7, f"Mo-Su {hour:02}:00-{hour:02}:30")
    three = codes(party, 3)
    for code in three[:2]:
        party.shop.used(code, by=who, place_id=place)
    party.shop.write("UPDATE place_facts SET hours_no = 7 WHERE place_id = :p", p=place)
    assert flags(party, who) == []
    party.shop.used(three[2], by=who, place_id=place)
    (flag,) = flags(party, who)
    assert (flag.rule, flag.count, str(flag.place_id)) == ("out_of_hours", 3, place)
    party.shop.write("UPDATE place_facts SET hours_no = NULL WHERE place_id = :p", p=place)


def test_a_partners_client_acts_for_many_and_is_not_flagged(party: Party) -> None:
    friend = party.people(1)[0]
    who = staff(party)
    for code in codes(party, 5, friend):
        used(party, who, code)
    party.shop.write("UPDATE redemptions SET staff_id = 'partner:pos' WHERE staff_id = :s", s=f"staff:{who[0]}")
    flags(party, who)
    assert party.loop.one("SELECT count(*) FROM fraud_flags WHERE staff_id = 'partner:pos'") == 0


def test_owners_and_operators_see_what_concerns_them(party: Party) -> None:
    everything = party.loop.one("SELECT count(*) FROM fraud_flags")
    assert everything >= 3
    mine = party.loop.get("/v1/flags", by=party.shop.owner).get_json()
    assert (len(mine["items"]), mine["total"]) == (everything, {"value": everything, "relation": "eq"})
    assert {each["rule"] for each in mine["items"]} >= {"many_reversals", "soon_and_far", "out_of_hours"}
    assert {each["staff_name"] for each in mine["items"]} == {"林晓"}
    first = party.loop.get("/v1/flags?limit=1", by=party.shop.owner).get_json()
    rest = party.loop.get(f"/v1/flags?state=open&cursor={first['next_cursor']}", by=party.shop.owner)
    assert rest.status_code == 400  # a cursor belongs to its query
    second = party.loop.get(f"/v1/flags?limit=1&cursor={first['next_cursor']}", by=party.shop.owner).get_json()
    assert [first["items"][0], second["items"][0]] == mine["items"][:2]
    assert party.loop.get("/v1/flags", by=party.shop.rival).get_json()["items"] == []
    path = f"/v1/flags?merchant_id={party.loop.merchant}"
    assert party.loop.get(path, by=party.shop.rival).status_code == 404
    assert party.loop.get("/v1/flags", by=party.shop.staff).status_code == 403
    assert party.loop.get("/v1/flags", by=party.shop.member).status_code == 403


def test_commands_look_list_and_settle(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: str) -> Any:
        with party.loop.app.app_context():
            return CliRunner().invoke(fraud, arguments)

    assert run("look").output == "0 new\n"
    flag = str(party.loop.one("SELECT flag_id FROM fraud_flags WHERE rule = 'soon_and_far'"))
    assert flag in run("list", "--state", "open").output
    done = run("settle", flag, "--as", "dismissed", "--by", "ops", "--note", "a stand at the fair")
    assert (done.exit_code, "dismissed" in done.output) == (0, True)
    twice = run("settle", flag, "--as", "confirmed", "--by", "ops")
    assert (twice.exit_code, "no open signal" in twice.output) == (1, True)
    assert flag not in run("list", "--state", "open", "--json").output
    shown = party.loop.get("/v1/flags?state=dismissed", by=party.shop.owner).get_json()["items"]
    assert [(each["flag_id"], each["note"]) for each in shown] == [(flag, "a stand at the fair")]


def test_the_worker_looks_by_itself(party: Party) -> None:
    who, friend = staff(party), party.people(1)[0]
    for code in codes(party, 5, friend):
        used(party, who, code)
    worker = Worker(party.loop.app)
    worker.look_for_abuse()
    worker.stop()
    found = party.loop.rows("SELECT rule FROM fraud_flags WHERE staff_id = :s", s=f"staff:{who[0]}")
    assert [row.rule for row in found] == ["same_member"]


def test_a_score_grows_with_what_is_beyond_the_limit() -> None:
    now = system_clock()

    def finding(rule: Any, count: int) -> Finding:
        return Finding(rule, UUID(int=1), "s", None, UUID(int=2), count, now - timedelta(hours=1), now)

    assert [score(finding("many_reversals", count)) for count in (5, 6, 50)] == [40, 45, 100]
    assert score(finding("soon_and_far", 1)) == 80
