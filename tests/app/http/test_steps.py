"""Plans run once a key, whatever is refused, lost or sent twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from flask import Flask, g

from app.core.db import Database
from app.core.errors import AppError, NotFound
from app.http.answers import Answer
from app.http.idempotency import KeyInFlight, KeyMismatch, KeyScope, begin, body_hash
from app.http.steps import Plan, run_plan

COUNT = sa.text("SELECT count(*) FROM effects")
EFFECT = sa.text("INSERT INTO effects (note) VALUES (:note)")


@pytest.fixture(autouse=True)
def effects(owner: sa.Engine) -> None:
    """A table in which an effect leaves a row."""
    with owner.begin() as conn:
        conn.execute(sa.text("CREATE TABLE effects (note text)"))
        conn.execute(sa.text("GRANT ALL ON effects TO fujin_app"))


def scope(key: str = "k1", body: Any = None, principal: str = "member:1") -> KeyScope:
    return KeyScope(2, principal, "POST /v1/things", key, body_hash(body))


def plan(note: str = "done", refusal: AppError | None = None, **parts: Any) -> Plan:
    def settle(conn: sa.Connection, prepared: Any, outcome: Any) -> Answer:
        conn.execute(EFFECT, {"note": note})
        if refusal is not None:
            raise refusal
        return Answer({"note": note, "prepared": prepared, "outcome": outcome}, 201)

    return Plan(**{"prepare": lambda _conn: "p", "settle": settle, **parts})


def count(owner: sa.Engine) -> int:
    with owner.connect() as conn:
        return int(conn.execute(COUNT).scalar_one())


@contextmanager
def request(app: Flask) -> Iterator[None]:
    with app.test_request_context("/"):
        g.request_id = "test-request"
        yield


def test_the_same_key_gives_the_same_answer_and_one_effect(app: Flask, owner: sa.Engine) -> None:
    with request(app):
        first = run_plan(plan(), scope())
        again = run_plan(plan("another"), scope())
    assert (first.status, again.status) == (201, 201)
    assert again.encoded() == first.encoded()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert count(owner) == 1


def test_another_principal_operation_or_city_is_another_key(app: Flask, owner: sa.Engine) -> None:
    scopes = [
        scope(),
        scope(principal="member:2"),
        KeyScope(3, "member:1", "POST /v1/things", "k1", b""),
        KeyScope(None, "member:1", "POST /v1/things", "k1", b""),
        KeyScope(2, "member:1", "POST /v1/others", "k1", b""),
    ]
    with request(app):
        for each in scopes:
            run_plan(plan(), each)
    assert count(owner) == len(scopes)


def test_a_key_with_another_body_is_refused_and_changes_nothing(app: Flask, owner: sa.Engine) -> None:
    with request(app):
        run_plan(plan(), scope(body={"a": 1, "b": 2}))
        run_plan(plan(), scope(body={"b": 2, "a": 1}))
        with pytest.raises(KeyMismatch):
            run_plan(plan(), scope(body={"a": 2, "b": 2}))
    assert count(owner) == 1


def test_a_refusal_takes_its_effect_back_and_is_the_final_answer(app: Flask, owner: sa.Engine) -> None:
    with request(app):
        refused = run_plan(plan(refusal=NotFound("no such coupon")), scope())
        again = run_plan(plan(), scope())
    assert refused.status == 404
    assert again.encoded() == refused.encoded()
    assert count(owner) == 0


class Broken(AppError):
    code: ClassVar[str] = "internal-error"


def test_a_failure_of_ours_is_not_stored_and_the_key_stays_free(app: Flask, owner: sa.Engine) -> None:
    with request(app):
        with pytest.raises(Broken):
            run_plan(plan(refusal=Broken()), scope())
        with pytest.raises(ZeroDivisionError):
            run_plan(plan(prepare=lambda _conn: 1 / 0), scope())
        assert run_plan(plan(), scope()).status == 201
    assert count(owner) == 1


class Passing(AppError):
    """A refusal whose problem advises to retry with the same key."""

    code: ClassVar[str] = "hold-by-other"


def test_a_refusal_that_passes_by_itself_leaves_the_key_free(app: Flask, owner: sa.Engine) -> None:
    with request(app):
        with pytest.raises(Passing):
            run_plan(plan(refusal=Passing()), scope())
        assert count(owner) == 0
        assert run_plan(plan(), scope()).status == 201
    assert count(owner) == 1


def test_a_call_runs_outside_any_transaction_with_the_preparation_committed(app: Flask, owner: sa.Engine) -> None:
    seen: list[int] = []

    def prepare(conn: sa.Connection) -> str:
        conn.execute(EFFECT, {"note": "prepared"})
        return "p"

    def call(prepared: str) -> str:
        seen.append(count(owner))
        with owner.connect() as conn:
            busy = conn.execute(
                sa.text(
                    "SELECT count(*) FROM pg_stat_activity WHERE usename = 'fujin_app' AND state <> 'idle'"
                    " AND datname = current_database()"
                )
            ).scalar_one()
        assert busy == 0
        return f"called with {prepared}"

    with request(app):
        answer = run_plan(plan(prepare=prepare, call=call), scope())
    assert seen == [1]
    assert answer.body["outcome"] == "called with p"
    assert count(owner) == 2


def test_a_call_that_fails_leaves_the_key_free(app: Flask) -> None:
    def call(_prepared: Any) -> Any:
        raise TimeoutError("partner")

    with request(app):
        with pytest.raises(TimeoutError):
            run_plan(plan(call=call), scope())
        assert run_plan(plan(call=lambda _prepared: "ok"), scope()).status == 201


def test_a_key_in_flight_tells_to_wait_and_is_taken_over_after_its_lock(app: Flask, database: Database) -> None:
    now = datetime.now(UTC)
    with database.write() as conn:
        assert begin(conn, scope(), now) is None
        conn.commit()
    with database.write() as conn, pytest.raises(KeyInFlight) as caught:
        begin(conn, scope(), now + timedelta(seconds=29))
    assert caught.value.retry_after_s == 1
    with request(app), pytest.raises(KeyInFlight):
        run_plan(plan(), scope())
    with database.write() as conn:
        assert begin(conn, scope(), now + timedelta(seconds=31)) is None
        conn.rollback()


def test_twenty_parallel_requests_with_one_key_have_one_effect_and_one_body(app: Flask, owner: sa.Engine) -> None:
    bodies: list[bytes] = []
    waits: list[int | None] = []
    gate = threading.Barrier(8)

    def send() -> None:
        with request(app):
            gate.wait()
            try:
                bodies.append(run_plan(plan(), scope()).encoded())
            except KeyInFlight as busy:
                waits.append(busy.retry_after_s)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bodies) + len(waits) == 8
    assert len(set(bodies)) == 1
    assert all(waits)
    assert count(owner) == 1


def test_a_clock_two_seconds_off_refuses_writes(app_settings: Any, database: Database) -> None:
    from app.factory import create_app
    from app.http.transaction import ClockSkew

    late = create_app(app_settings, database=database, clock=lambda: datetime.now(UTC) - timedelta(seconds=3))
    with request(late), pytest.raises(ClockSkew):
        run_plan(plan(), scope())
    response = late.test_client().get("/readyz")
    assert response.status_code == 503
    assert "clock" in response.get_json()["errors"][0]["detail"]
