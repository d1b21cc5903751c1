"""Stored answers: the same key gives the same answer, whatever was lost on the way.

The key belongs to a principal and an operation, and to a city where the request is about a thing of a city. Its row
is written first in the transaction of the effect, so that of two equal requests the second waits for the first and
then reads its answer.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import orjson
from flask import request
from sqlalchemy import ColumnElement, Connection, Table, and_, delete, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.core.errors import AppError
from app.http.answers import Answer
from app.http.tables import caller_idempotency_keys, idempotency_keys

KEPT_FOR = timedelta(days=7)
LOCKED_FOR = timedelta(seconds=30)
KEY_PATTERN = "^[!-~]{1,255}$"
_KEY = re.compile(KEY_PATTERN)


class KeyMissing(AppError):
    """The route wants an Idempotency-Key."""

    code: ClassVar[str] = "idempotency-key-missing"
    title: ClassVar[str] = "This route wants an Idempotency-Key"


class KeyInvalid(AppError):
    """The key is empty, too long or not printable."""

    code: ClassVar[str] = "idempotency-key-invalid"
    title: ClassVar[str] = "An Idempotency-Key has 1 to 255 printable ASCII characters"


class KeyMismatch(AppError):
    """The key came before with another body."""

    code: ClassVar[str] = "idempotency-key-mismatch"
    title: ClassVar[str] = "The key was used with another body"


class KeyInFlight(AppError):
    """The first request with this key has not ended."""

    code: ClassVar[str] = "idempotency-key-in-flight"
    title: ClassVar[str] = "The first request is still running"


class KeyTaken(Exception):
    """A statement that takes the key itself met a key that was used before; the runner looks at its answer."""


@dataclass(frozen=True, slots=True)
class KeyScope:
    """Where a key counts; ``request_hash`` is that of the body, ``city_id`` None for requests about no city."""

    city_id: int | None
    principal: str
    operation: str
    key: str
    request_hash: bytes


def key_from_header(*, required: bool) -> str | None:
    """The Idempotency-Key of the request in hand."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        if required:
            raise KeyMissing("send Idempotency-Key: a fresh random value for each intent, the same for retries")
        return None
    if not _KEY.fullmatch(key):
        raise KeyInvalid
    return key


def body_hash(body: Any) -> bytes:
    """SHA-256 of a JSON value written canonically, so that spacing and member order do not matter."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()


def _row(scope: KeyScope) -> tuple[Table, dict[str, Any], ColumnElement[bool]]:
    table = caller_idempotency_keys if scope.city_id is None else idempotency_keys
    values: dict[str, Any] = {"principal": scope.principal, "operation": scope.operation, "key": scope.key}
    if scope.city_id is not None:
        values = {"city_id": scope.city_id} | values
    return table, values, and_(*(table.c[name] == value for name, value in values.items()))


def begin(conn: Connection, scope: KeyScope, now: datetime) -> Answer | None:
    """Takes the key and returns None, or returns the stored answer; KeyMismatch and KeyInFlight where they apply."""
    table, values, here = _row(scope)
    taken = conn.execute(
        pg_insert(table)
        .values(
            **values,
            request_hash=scope.request_hash,
            state="running",
            locked_until=now + LOCKED_FOR,
            created_at=now,
            expires_at=now + KEPT_FOR,
        )
        .on_conflict_do_nothing()
    )
    if taken.rowcount == 1:
        return None
    row = conn.execute(
        select(
            table.c.request_hash,
            table.c.state,
            table.c.status_code,
            table.c.media_type,
            table.c.body,
            table.c.locked_until,
        )
        .where(here)
        .with_for_update()
    ).one_or_none()
    if row is None:  # the first request failed between our two statements and gave the key back
        raise KeyInFlight("the first request just failed; send this one again", retry_after_s=1)
    if bytes(row.request_hash) != scope.request_hash:
        raise KeyMismatch("use a new Idempotency-Key for a new intent")
    if row.state == "done":
        return Answer(
            bytes(row.body),
            row.status_code,
            {"Idempotency-Replayed": "true"},
            media_type=row.media_type or "application/json",
        )
    if row.locked_until > now:
        wait = max(1, round((row.locked_until - now).total_seconds()))
        raise KeyInFlight("wait for the first request, then ask again with the same key", retry_after_s=min(wait, 5))
    conn.execute(update(table).where(here).values(locked_until=now + LOCKED_FOR))
    return None


def finish(conn: Connection, scope: KeyScope, answer: Answer, now: datetime) -> None:
    """Stores the answer under the key."""
    table, _, here = _row(scope)
    conn.execute(
        update(table)
        .where(here)
        .values(
            state="done",
            status_code=answer.status,
            media_type=answer.media_type,
            body=answer.encoded(),
            expires_at=now + KEPT_FOR,
        )
    )


def release(conn: Connection, scope: KeyScope) -> None:
    """Gives a running key back."""
    table, _, here = _row(scope)
    conn.execute(delete(table).where(here, table.c.state == "running"))


def purge(conn: Connection, now: datetime, limit: int) -> int:
    """Removes stored answers past their time, ``limit`` at most of each kind; how many there were."""
    removed = 0
    for table in (idempotency_keys, caller_idempotency_keys):
        keys = tuple(table.primary_key.columns)
        old = (
            select(*keys)
            .prefix_with("/* cross-city */")
            .where(table.c.expires_at <= now)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        removed += conn.execute(delete(table).where(tuple_(*keys).in_(old))).rowcount
    return removed
