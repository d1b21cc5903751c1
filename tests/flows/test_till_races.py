"""Many tills at once: of one code one wins, of wrong codes exactly so many are answered."""

from __future__ import annotations

import threading
from collections import Counter as Tally
from typing import Any

import pytest

from app.claims.codes import new_code
from tests.factories.claims import PlantedClaim
from tests.factories.tills import Counter


def race(senders: list[Any]) -> list[Any]:
    """Answers of calls that start together."""
    barrier, answers = threading.Barrier(len(senders)), []

    def run(send: Any) -> None:
        barrier.wait()
        answers.append(send())

    threads = [threading.Thread(target=run, args=(send,)) for send in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _busy(answers: list[Any]) -> int:
    """How many were turned away since sixteen callers share a pool of eight connections; they may ask again."""
    return sum(answer.status_code == 503 for answer in answers)


@pytest.mark.parametrize("mode", ["redeem", "hold"])
def test_m9_of_sixteen_tills_on_one_code_one_wins(counter: Counter, mode: str) -> None:
    claim = counter.claim()
    answers = race([lambda: counter.send(claim.code, mode=mode)] * 16)
    told = Tally((answer.status_code, answer.get_json().get("code")) for answer in answers if answer.status_code != 503)
    loser = "already-redeemed" if mode == "redeem" else "hold-by-other"
    assert told == {(201, None): 1, (409, loser): 15 - _busy(answers)}
    won = next(answer.get_json() for answer in answers if answer.status_code == 201)
    at = won["committed_at"] or won["created_at"]
    assert all(answer.get_json()["conflict"]["at"] == at for answer in answers if answer.status_code == 409)
    assert counter.loop.one("SELECT count(*) FROM redemption_units WHERE live") == 1


def test_m9_a_double_tap_under_one_number_is_one_redemption(counter: Counter) -> None:
    claim = counter.claim()
    answers = race([lambda: counter.send(claim.code, request_no="tap-1")] * 8)
    assert {answer.status_code for answer in answers} <= {201, 503}
    assert len({answer.data for answer in answers if answer.status_code == 201}) == 1
    assert counter.loop.one("SELECT count(*) FROM redemptions") == 1


def test_tills_that_share_codes_in_other_orders_never_wait_for_each_other_for_ever(counter: Counter) -> None:
    claims = [counter.claim(counter.coupon(stacking="with_others")) for _ in range(4)]

    def sender(first: PlantedClaim, second: PlantedClaim) -> Any:
        return lambda: counter.send(first.code, second.code)

    answers = race(
        [sender(claims[n % 4], claims[(n * 3 + 1) % 4]) for n in (0, 1, 2, 3, 4, 5) if n % 4 != (n * 3 + 1) % 4]
    )
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    used = counter.loop.rows("SELECT claim_id, count(*) FROM redemption_units WHERE live GROUP BY claim_id")
    assert all(count == 1 for _, count in used)


def test_parallel_guesses_at_one_terminal_are_answered_exactly_twenty_times(counter: Counter) -> None:
    told: Tally[tuple[int, str]] = Tally()
    for _ in range(4):
        answers = race([lambda: counter.look_up(new_code())] * 8)
        told.update((answer.status_code, answer.get_json()["code"]) for answer in answers)
    while told[404, "code-unknown"] < 20 and told[503, "unavailable"]:  # those who were turned away ask again
        answer = counter.look_up(new_code())
        told.update([(answer.status_code, answer.get_json()["code"])])
        told[503, "unavailable"] -= 1
    assert told[404, "code-unknown"] == 20
    assert set(told) <= {(404, "code-unknown"), (429, "staff-locked"), (503, "unavailable")}
    counted = dict(tuple(row) for row in counter.loop.rows("SELECT terminal, wrong_count FROM wrong_codes"))
    assert counted == {f"staff:{counter.staff}@{counter.place}": 20, "*": 20}


def test_guesses_at_many_terminals_are_answered_exactly_a_hundred_times(counter: Counter) -> None:
    """Twelve members of staff with twenty guesses each; the last ten of the hundred are raced for."""
    loop = counter.loop
    people = [loop.employee("staff", loop.merchant, loop.places[:1]) for _ in range(12)]
    loop.world.run(
        "INSERT INTO wrong_codes VALUES (2, :merchant, '*', 90, :now)", {"merchant": loop.merchant, "now": loop.now}
    )
    told: Tally[str] = Tally()

    def guess(person: Any) -> Any:
        return lambda: counter.send(new_code(), by=(person, "staff"))

    for _ in range(3):
        told.update(answer.get_json()["code"] for answer in race([guess(person) for person in people]))
    while told["code-unknown"] < 10:
        told.update([guess(people[0])().get_json()["code"]])
    assert told["code-unknown"] == 10
    assert set(told) <= {"code-unknown", "staff-locked", "unavailable"}
    assert guess(people[1])().get_json()["code"] == "staff-locked"
    rows = loop.rows("SELECT sum(wrong_count) FILTER (WHERE terminal <> '*'), max(wrong_count) FROM wrong_codes")
    assert tuple(rows[0]) == (10, 100)
