"""Statements about webhook endpoints; each is about some merchants' endpoints alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.outbox.tables import webhook_endpoints
from app.outbox.types import Endpoint

MAX_ENDPOINTS = 10

_ENDPOINT = (
    webhook_endpoints.c.merchant_id,
    webhook_endpoints.c.endpoint_id,
    webhook_endpoints.c.url,
    webhook_endpoints.c.types,
    webhook_endpoints.c.description,
    webhook_endpoints.c.state,
    webhook_endpoints.c.disabled_reason,
    webhook_endpoints.c.failures,
    webhook_endpoints.c.resting_until,
    webhook_endpoints.c.secret_sealed,
    webhook_endpoints.c.old_secret_sealed,
    webhook_endpoints.c.old_secret_until,
    webhook_endpoints.c.row_version,
    webhook_endpoints.c.created_at,
)
_THERE = webhook_endpoints.c.state != "deleted"


def endpoints_of(conn: Connection, merchant_ids: Sequence[UUID]) -> tuple[Endpoint, ...]:
    """The endpoints of merchants, oldest first; deleted ones are gone."""
    rows = conn.execute(
        select(*_ENDPOINT)
        .where(webhook_endpoints.c.merchant_id.in_(list(merchant_ids)), _THERE)
        .order_by(webhook_endpoints.c.endpoint_id)
        .limit(MAX_ENDPOINTS * max(1, len(merchant_ids)))
    )
    return tuple(_endpoint(row) for row in rows)


def endpoint_by_id(
    conn: Connection, endpoint_id: UUID, merchant_ids: Sequence[UUID], *, lock: bool = False
) -> Endpoint | None:
    """An endpoint of one of the merchants."""
    statement = select(*_ENDPOINT).where(
        webhook_endpoints.c.merchant_id.in_(list(merchant_ids)),
        webhook_endpoints.c.endpoint_id == endpoint_id,
        _THERE,
    )
    row = conn.execute(statement.with_for_update() if lock else statement).one_or_none()
    return None if row is None else _endpoint(row)


def insert_endpoint(conn: Connection, endpoint: Endpoint, created_by: str) -> bool:
    """Adds an endpoint in a free slot of its merchant; False when all ten are taken."""
    taken = set(
        conn.execute(
            select(webhook_endpoints.c.slot).where(
                webhook_endpoints.c.merchant_id == endpoint.merchant_id, webhook_endpoints.c.slot.is_not(None)
            )
        ).scalars()
    )
    free = (slot for slot in range(1, MAX_ENDPOINTS + 1) if slot not in taken)
    return any(_insert(conn, endpoint, created_by, slot) for slot in free)


def _insert(conn: Connection, endpoint: Endpoint, created_by: str, slot: int) -> bool:
    added = conn.execute(
        upsert(webhook_endpoints)
        .values(
            merchant_id=endpoint.merchant_id,
            endpoint_id=endpoint.endpoint_id,
            url=endpoint.url,
            types=list(endpoint.types),
            description=endpoint.description,
            secret_sealed=endpoint.secret_sealed,
            slot=slot,
            state=endpoint.state,
            failures=0,
            row_version=1,
            created_by=created_by,
            created_at=endpoint.created_at,
        )
        .on_conflict_do_nothing(constraint="webhook_endpoints_slot_uq")
    )
    return added.rowcount == 1


def update_endpoint(conn: Connection, endpoint: Endpoint, changes: dict[str, Any]) -> Endpoint | None:
    """Changes columns of an endpoint that is still at its ``row_version``; None when it is not."""
    row = conn.execute(
        update(webhook_endpoints)
        .where(
            webhook_endpoints.c.merchant_id == endpoint.merchant_id,
            webhook_endpoints.c.endpoint_id == endpoint.endpoint_id,
            webhook_endpoints.c.row_version == endpoint.row_version,
            _THERE,
        )
        .values(**changes, row_version=webhook_endpoints.c.row_version + 1)
        .returning(*_ENDPOINT)
    ).one_or_none()
    return None if row is None else _endpoint(row)


def count_success(conn: Connection, endpoint: Endpoint) -> None:
    """The endpoint took an event; a row that says so already is left alone."""
    conn.execute(
        update(webhook_endpoints)
        .where(
            webhook_endpoints.c.merchant_id == endpoint.merchant_id,
            webhook_endpoints.c.endpoint_id == endpoint.endpoint_id,
            webhook_endpoints.c.failures > 0,
        )
        .values(failures=0, resting_until=None)
    )


def count_failure(conn: Connection, endpoint: Endpoint) -> int:
    """Failures in a row, this one included."""
    return (
        conn.execute(
            update(webhook_endpoints)
            .where(
                webhook_endpoints.c.merchant_id == endpoint.merchant_id,
                webhook_endpoints.c.endpoint_id == endpoint.endpoint_id,
            )
            .values(failures=webhook_endpoints.c.failures + 1)
            .returning(webhook_endpoints.c.failures)
        ).scalar_one_or_none()
        or 1
    )


def rest(conn: Connection, endpoint: Endpoint, until: datetime) -> None:
    """Nothing is sent to the endpoint before ``until``."""
    conn.execute(
        update(webhook_endpoints)
        .where(
            webhook_endpoints.c.merchant_id == endpoint.merchant_id,
            webhook_endpoints.c.endpoint_id == endpoint.endpoint_id,
        )
        .values(resting_until=until)
    )


def disable(conn: Connection, endpoint: Endpoint, reason: str) -> None:
    """The receiver said that it is gone."""
    conn.execute(
        update(webhook_endpoints)
        .where(
            webhook_endpoints.c.merchant_id == endpoint.merchant_id,
            webhook_endpoints.c.endpoint_id == endpoint.endpoint_id,
            webhook_endpoints.c.state == "enabled",
        )
        .values(state="disabled", disabled_reason=reason, row_version=webhook_endpoints.c.row_version + 1)
    )


def _endpoint(row: Row[*tuple[Any, ...]]) -> Endpoint:
    return Endpoint(
        row.merchant_id,
        row.endpoint_id,
        row.url,
        tuple(row.types),
        row.description,
        row.state,
        row.disabled_reason,
        row.failures,
        row.resting_until,
        bytes(row.secret_sealed),
        bytes(row.old_secret_sealed) if row.old_secret_sealed is not None else None,
        row.old_secret_until,
        row.row_version,
        row.created_at,
    )
