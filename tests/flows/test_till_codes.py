"""Wrong codes at a till: all kinds of them answer alike, and a day has room for so many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.claims.codes import new_code
from app.core.ids import new_city_id, new_id
from app.members.hashing import client_secret_hash
from tests.factories.tills import Counter
from tests.plans.guard import recorded


def counted(counter: Counter) -> dict[str, int]:
    """Wrong codes by terminal; the whole merchant's under a star."""
    return {row[0]: row[1] for row in counter.loop.rows("SELECT terminal, wrong_count FROM wrong_codes")}


def lock(counter: Counter, terminal: str, count: int, since: datetime) -> None:
    counter.loop.world.run(
        "INSERT INTO wrong_codes VALUES (2, :merchant, :terminal, :count, :since)",
        {"merchant": counter.loop.merchant, "terminal": terminal, "count": count, "since": since},
    )


def partner(counter: Counter, *scopes: str, merchants: list[UUID] | None = None) -> tuple[Any, str]:
    client_id = f"client-{new_id()}"
    counter.loop.world.run(
        "INSERT INTO api_clients VALUES (:id, :hash, 'P', :scopes, CAST(:merchants AS uuid[]), true, :now)",
        {
            "id": client_id,
            "hash": client_secret_hash("s"),
            "scopes": list(scopes),
            "merchants": [str(each) for each in merchants or [counter.loop.merchant]],
            "now": counter.loop.now,
        },
    )
    return client_id, "partner"


@pytest.mark.parametrize("way", ["look_up", "send"])
def test_unknown_foreign_and_forged_codes_answer_alike_to_the_byte(counter: Counter, way: str) -> None:
    loop = counter.loop
    rival_coupon = loop.coupon(merchant_id=loop.rival, places=[loop.rival_place], min_spend_minor=0)
    foreign = counter.claim(rival_coupon)
    good = counter.claim()
    forged = f"{good.qr[:-1]}{'0' if good.qr[-1] != '0' else '1'}"
    elsewhere = counter.keys.qr_payload(new_city_id(3))
    wrong: list[dict[str, Any]] = [
        {"code": new_code()},
        {"code": foreign.code},
        {"qr": foreign.qr},
        {"qr": forged},
        {"qr": elsewhere},
    ]
    bodies = set()
    for each in wrong:
        if way == "send":
            answer = counter.send(each)
        else:
            answer = loop.post(
                "/v1/codes/lookup", {**each, "place_id": str(counter.place)}, by=(counter.staff, "staff")
            )
        body = answer.get_json()
        assert (answer.status_code, body["code"]) == (404, "code-unknown")
        bodies.add(answer.data.replace(body["request_id"].encode(), b""))
    assert len(bodies) == 1
    assert counted(counter) == {f"staff:{counter.staff}@{counter.place}": 5, "*": 5}


def test_unknown_and_foreign_codes_take_the_same_statements(counter: Counter) -> None:
    loop = counter.loop
    foreign = counter.claim(loop.coupon(merchant_id=loop.rival, places=[loop.rival_place]))
    forged = f"{foreign.qr[:-1]}{'0' if foreign.qr[-1] != '0' else '1'}"
    counter.look_up(new_code())  # what is remembered between requests is read now

    def statements(code: str, **body: Any) -> list[str]:
        with recorded(counter.database.primary) as recording:
            assert counter.look_up(code, **body).status_code == 404
        return [words for words, _ in recording.statements]

    assert statements(new_code()) == statements(foreign.code)
    assert statements("", qr=forged) == statements("", qr=foreign.qr)


def test_typing_errors_are_told_and_never_counted(counter: Counter) -> None:
    code = counter.claim().code
    swapped = next(code[:n] + code[n + 1] + code[n] + code[n + 2 :] for n in range(11) if code[n] != code[n + 1])
    for wrong in (swapped, code[:-1], f"{code}0", "eleven digits"):
        for answer in (counter.look_up(wrong), counter.send(wrong)):
            assert (answer.status_code, answer.get_json()["code"]) == (422, "code-mistyped")
    answer = counter.look_up("", qr="https://example.org/")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "code-mistyped")
    assert counter.send(code, swapped).get_json()["errors"][0]["pointer"] == "/codes/1/code"
    assert counted(counter) == {}
    spaced = f" {code[:4]}-{code[4:8]} {code[8:]} "
    assert counter.look_up(spaced).get_json()["usable"] is True


def test_exactly_one_of_code_and_qr_is_taken(counter: Counter) -> None:
    claim = counter.claim()
    for body in ({"code": claim.code, "qr": claim.qr}, {}):
        answer = counter.loop.post(
            "/v1/codes/lookup", {**body, "place_id": str(counter.place)}, by=(counter.staff, "staff")
        )
        assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/code")
    for wrong in ({}, {"code": claim.code, "qr": claim.qr}):
        assert counter.send(wrong).get_json()["errors"][0]["pointer"] == "/codes/0/code"
    assert counter.send(*([claim.code] * 11)).get_json()["errors"][0]["pointer"] == "/codes"


def test_a_locked_terminal_looks_nothing_up_and_says_until_when(counter: Counter) -> None:
    claim, began = counter.claim(), datetime.now(UTC) - timedelta(hours=1)
    terminal = f"staff:{counter.staff}@{counter.place}"
    lock(counter, terminal, 20, began)
    for answer in (counter.look_up(claim.code), counter.look_up(new_code()), counter.send(claim.code, key="k")):
        assert (answer.status_code, answer.get_json()["code"]) == (429, "staff-locked")
        assert 23 * 3600 - 60 <= int(answer.headers["Retry-After"]) <= 23 * 3600
    assert counted(counter) == {terminal: 20}
    assert counter.look_up(claim.code, by=(counter.owner, "owner")).status_code == 200
    counter.loop.world.run(
        "UPDATE wrong_codes SET counted_from = :old", {"old": datetime.now(UTC) - timedelta(hours=24, seconds=1)}
    )
    assert counter.send(claim.code, key="k").status_code == 201
    assert counter.look_up(new_code()).status_code == 404
    assert counted(counter)[terminal] == 1


def test_a_locked_merchant_locks_every_terminal_of_it_and_no_others(counter: Counter) -> None:
    claim, loop = counter.claim(), counter.loop
    lock(counter, "*", 100, datetime.now(UTC))
    for by in ((counter.staff, "staff"), (counter.owner, "owner")):
        assert counter.look_up(claim.code, by=by).get_json()["code"] == "staff-locked"
    rival = loop.employee("owner", loop.rival)
    answer = counter.look_up(claim.code, by=(rival, "owner"), place_id=str(loop.rival_place))
    assert answer.get_json()["code"] == "code-unknown"


def test_a_partner_needs_the_scope_and_the_merchant(counter: Counter) -> None:
    claim = counter.claim()
    without = counter.look_up(claim.code, by=partner(counter, "claims:read"))
    assert (without.status_code, without.get_json()["code"]) == (403, "scope-missing")
    other = counter.look_up(claim.code, by=partner(counter, "redemptions:write", merchants=[counter.loop.rival]))
    assert (other.status_code, other.get_json()["code"]) == (404, "not-found")
    with_scope = partner(counter, "redemptions:write")
    assert counter.look_up(claim.code, by=with_scope).get_json()["usable"] is True
    assert counter.send(claim.code, by=with_scope).status_code == 201
    member = counter.loop.member()
    assert counter.look_up(claim.code, by=(member, "member")).get_json()["code"] == "forbidden"
