"""Runs plans: prepare(conn) → call() → settle(conn), with the caller's key and the stored answer.

A plan without ``call`` is one transaction: key, effect and answer commit together. With a ``call``, prepare commits
the row and the key as running; the call has no transaction; settle commits effect and answer. The effect runs in a
savepoint where anything stays of a refusal: that rolls back to it, then what the plan wants kept of a refusal (a wrong
code counted) and the key with the refusal as its final answer commit. Answers of our own failures (5xx) and refusals
that pass by themselves are never stored.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from app.core.errors import AppError
from app.http.answers import Answer
from app.http.idempotency import KeyInFlight, KeyScope, KeyTaken, begin, finish, release
from app.http.problems import MEDIA_TYPE, problem_body, request_id
from app.http.services import services
from app.http.transaction import refuse_on_skew

# serialization failure, deadlock, and what our own functions raise when they lost a race and want to begin anew
RETRIED_STATES = ("40001", "40P01", "FJ001")
MAX_TRIES = 5

Present = Callable[[Any], Answer]


@dataclass(frozen=True, slots=True)
class Plan:
    """One flow operation: what is written before, what is asked of a partner, what is written after.

    ``prepare(conn)`` returns what the call and settle need; ``call(prepared)`` returns the partner's outcome and
    knows no transaction; ``settle(conn, prepared, outcome)`` returns the value that the route presents (outcome is
    None without a call). ``refused(conn, refusal)`` writes what stays of a refusal, and may raise another one.

    ``keyed(conn, scope, present)`` takes the place of all three where one statement does everything, the caller's key
    included: it returns the answer that it stored, or the refusal for which it holds the key; a refusal that it
    raises leaves the key to the runner, and KeyTaken says that the key was used before.
    """

    prepare: Callable[[Connection], Any]
    settle: Callable[[Connection, Any, Any], Any]
    call: Callable[[Any], Any] | None = None
    refused: Callable[[Connection, AppError], None] | None = None
    keyed: Callable[[Connection, KeyScope, Present], Answer | AppError] | None = None


def as_it_is(value: Any) -> Answer:
    """For plans whose value is the answer."""
    assert isinstance(value, Answer)
    return value


def run_plan(plan: Plan, scope: KeyScope | None, present: Present = as_it_is) -> Answer:
    """The plan's answer, or the stored one of the first request with the same key."""
    for attempt in range(1, MAX_TRIES + 1):
        try:
            if plan.keyed is not None and scope is not None:
                return _run_keyed(plan, scope, present)
            return _run_once(plan, scope, present)
        except DBAPIError as error:
            if getattr(error.orig, "pgcode", None) not in RETRIED_STATES or attempt == MAX_TRIES or plan.call:
                raise
            time.sleep(random.uniform(0.005, 0.02) * attempt)  # noqa: S311 - jitter
    raise AssertionError("unreachable")


def run_job(plan: Plan) -> Any:
    """The plan's value, for work that nobody waits for; a refusal is raised after what stays of it is written."""
    found: list[Any] = []

    def keep(value: Any) -> Answer:
        found.append(value)
        return Answer(b"")

    run_plan(plan, None, keep)
    return found[-1]


def _run_once(plan: Plan, scope: KeyScope | None, present: Present) -> Answer:
    parts = services()
    with parts.database.write() as conn:
        refuse_on_skew(conn)
        if scope is not None:
            stored = begin(conn, scope, parts.clock())
            if stored is not None:
                conn.commit()
                return stored
        try:
            with _effect(conn, plan, scope):
                prepared = plan.prepare(conn)
                answer = None if plan.call else present(plan.settle(conn, prepared, None))
        except AppError as refusal:
            return _refused(conn, plan, scope, refusal)
        if answer is not None:
            return _done(conn, scope, answer)
        conn.commit()
    assert plan.call is not None
    said_no: AppError | None = None
    outcome = None
    try:
        outcome = plan.call(prepared)
    except AppError as refusal:
        said_no = refusal
    except BaseException:
        _forget(scope)
        raise
    with parts.database.write() as conn:
        if said_no is not None:
            return _refused(conn, plan, scope, said_no)
        try:
            with _effect(conn, plan, scope):
                answer = present(plan.settle(conn, prepared, outcome))
        except AppError as refusal:
            return _refused(conn, plan, scope, refusal)
        return _done(conn, scope, answer)


def _run_keyed(plan: Plan, scope: KeyScope, present: Present) -> Answer:
    parts = services()
    assert plan.keyed is not None
    try:
        with parts.database.write() as conn:
            refuse_on_skew(conn)
            answer = plan.keyed(conn, scope, present)
            if isinstance(answer, AppError):
                return _refused(conn, plan, scope, answer)
            conn.commit()
            return answer
    except KeyTaken:
        refusal = None
    except AppError as raised:
        refusal = raised
    with parts.database.write() as conn:
        stored = begin(conn, scope, parts.clock())
        if stored is not None:
            conn.commit()
            return stored
        if refusal is None:  # the first request gave the key back between our two looks
            raise KeyInFlight("the first request just failed; send this one again", retry_after_s=1)
        return _refused(conn, plan, scope, refusal)


def _done(conn: Connection, scope: KeyScope | None, answer: Answer) -> Answer:
    if scope is not None:
        finish(conn, scope, answer, services().clock())
    conn.commit()
    return answer


def _keeps_refusals(plan: Plan, scope: KeyScope | None) -> bool:
    return scope is not None or plan.refused is not None


@contextmanager
def _effect(conn: Connection, plan: Plan, scope: KeyScope | None) -> Iterator[None]:
    """Around what a refusal undoes: a savepoint, or the whole transaction where nothing stays of a refusal."""
    if not _keeps_refusals(plan, scope):
        yield
        return
    with conn.begin_nested():
        yield


def _refused(conn: Connection, plan: Plan, scope: KeyScope | None, refusal: AppError) -> Answer:
    if not _keeps_refusals(plan, scope):
        conn.rollback()
        raise refusal
    if plan.refused is not None:
        try:
            plan.refused(conn, refusal)
        except AppError as other:
            refusal = other
    status, body = problem_body(refusal, request_id())
    # A refusal that passes by itself is not final: the same key tries again, as its problem advises.
    if scope is None or status >= 500 or status in (401, 429) or body["retryable"]:
        if scope is not None:
            release(conn, scope)
        conn.commit()
        raise refusal
    return _done(conn, scope, refusal_answer(refusal))


def refusal_answer(refusal: AppError) -> Answer:
    """A refusal as it is stored under a key."""
    status, body = problem_body(refusal, request_id())
    return Answer(orjson.dumps(body), status, media_type=MEDIA_TYPE)


def _forget(scope: KeyScope | None) -> None:
    """After a failed call the key is free again, so that the same request can be sent anew."""
    if scope is None:
        return
    with services().database.write() as conn:
        release(conn, scope)
        conn.commit()
