"""Stored answers of requests that must not happen twice."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, DateTime, Index, Integer, LargeBinary, PrimaryKeyConstraint, Text
from sqlalchemy.schema import SchemaItem

from app.core.schema import declare


def _stored_answer() -> list[SchemaItem]:
    return [
        Column("principal", Text, nullable=False),
        Column("operation", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("request_hash", LargeBinary, nullable=False),
        Column("state", Text, nullable=False),
        Column("status_code", Integer),
        Column("media_type", Text),
        Column("body", LargeBinary),
        Column("locked_until", DateTime(timezone=True), nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("expires_at", DateTime(timezone=True), nullable=False),
        CheckConstraint("state in ('running', 'done')", name="state"),
        CheckConstraint("length(key) between 1 and 255", name="key_length"),
        CheckConstraint("(state = 'done') = (status_code is not null and body is not null)", name="answer"),
    ]


idempotency_keys = declare(
    "idempotency_keys",
    "city",
    "One stored answer a principal, operation and caller's key, for requests about things of a city.",
    *_stored_answer(),
    PrimaryKeyConstraint("city_id", "principal", "operation", "key", name="idempotency_keys_pk"),
)
Index("idempotency_keys_expires_ix", idempotency_keys.c.expires_at)

caller_idempotency_keys = declare(
    "caller_idempotency_keys",
    "directory",
    "One stored answer a principal, operation and caller's key, for requests that belong to no city.",
    *_stored_answer(),
    PrimaryKeyConstraint("principal", "operation", "key", name="caller_idempotency_keys_pk"),
)
Index("caller_idempotency_keys_expires_ix", caller_idempotency_keys.c.expires_at)
