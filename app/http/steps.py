"""Runs plans: prepare(conn) → call() → settle(conn), with the caller's key and the stored answer.

A plan without ``call`` is one transaction: key, effect and answer commit together. With a ``call``, prepare commits
the row and the key as running; the call has no transaction; settle commits effect and answer. The effect runs in a
savepoint: a refusal rolls back to it, and the key commits with the refusal as its final answer. Answers of our own
failures (5xx) are never stored.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from app.core.errors import AppError
from app.http.answers import Answer
from app.http.idempotency import KeyScope, begin, finish, release
from app.http.problems import MEDIA_TYPE, problem_body, request_id
from app.http.services import services
from app.http.transaction import refuse_on_skew

RETRIED_STATES = ("40001", "40P01")  # serialization failure, deadlock
MAX_TRIES = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """One flow operation: what is written before, what is asked of a partner, what is written after.

    ``prepare(conn)`` returns what the call and settle need; ``call(prepared)`` returns the partner's outcome and
    knows no transaction; ``settle(conn, prepared, outcome)`` returns the answer (outcome is None without a call).
    """

    prepare: Callable[[Connection], Any]
    settle: Callable[[Connection, Any, Any], Answer]
    call: Callable[[Any], Any] | None = None


def run_plan(plan: Plan, scope: KeyScope | None) -> Answer:
    """The plan's answer, or the stored one of the first request with the same key."""
    for attempt in range(1, MAX_TRIES + 1):
        try:
            return _run_once(plan, scope)
        except DBAPIError as error:
            if getattr(error.orig, "pgcode", None) not in RETRIED_STATES or attempt == MAX_TRIES or plan.call:
                raise
            time.sleep(random.uniform(0.005, 0.02) * attempt)  # noqa: S311 - jitter
    raise AssertionError("unreachable")


def _run_once(plan: Plan, scope: KeyScope | None) -> Answer:
    parts = services()
    with parts.database.write() as conn:
        refuse_on_skew(conn)
        if scope is not None:
            stored = begin(conn, scope, parts.clock())
            if stored is not None:
                conn.commit()
                return stored
        try:
            with conn.begin_nested():
                prepared = plan.prepare(conn)
                answer = None if plan.call else plan.settle(conn, prepared, None)
        except AppError as refusal:
            return _refused(conn, scope, refusal)
        if answer is not None:
            return _done(conn, scope, answer)
        conn.commit()
    assert plan.call is not None
    try:
        outcome = plan.call(prepared)
    except BaseException:
        _forget(scope)
        raise
    with parts.database.write() as conn:
        try:
            with conn.begin_nested():
                answer = plan.settle(conn, prepared, outcome)
        except AppError as refusal:
            return _refused(conn, scope, refusal)
        return _done(conn, scope, answer)


def _done(conn: Connection, scope: KeyScope | None, answer: Answer) -> Answer:
    if scope is not None:
        finish(conn, scope, answer, services().clock())
    conn.commit()
    return answer


def _refused(conn: Connection, scope: KeyScope | None, refusal: AppError) -> Answer:
    status, body = problem_body(refusal, request_id())
    if scope is None or status >= 500 or status in (401, 429):
        conn.rollback()
        raise refusal
    answer = Answer(orjson.dumps(body), status, media_type=MEDIA_TYPE)
    return _done(conn, scope, answer)


def _forget(scope: KeyScope | None) -> None:
    """After a failed call the key is free again, so that the same request can be sent anew."""
    if scope is None:
        return
    with services().database.write() as conn:
        release(conn, scope)
        conn.commit()
