"""What merchants do with endpoints and events. Each takes a connection, the present and typed values; none commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.core.errors import NotFound, PreconditionFailed
from app.core.ids import city_of, new_id
from app.outbox import queries_deliveries, queries_endpoints, queries_events
from app.outbox.errors import EndpointLimit, EndpointRefused
from app.outbox.events import TEST_TYPE
from app.outbox.queries import append
from app.outbox.signing import OLD_SECRET_GOOD_FOR, EndpointSecrets
from app.outbox.types import Endpoint, Event

TEST_CITY_ID: Final = 1  # the territory "world": a test belongs to no city


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """What a merchant asks for."""

    merchant_id: UUID
    url: str
    types: tuple[str, ...]
    description: str | None


def own_endpoint(conn: Connection, endpoint_id: UUID, merchant_ids: Sequence[UUID], *, lock: bool = False) -> Endpoint:
    """An endpoint of one of the merchants; NotFound."""
    found = queries_endpoints.endpoint_by_id(conn, endpoint_id, merchant_ids, lock=lock)
    if found is None:
        raise NotFound("there is no such endpoint")
    return found


def create_endpoint(
    conn: Connection, wanted: NewEndpoint, secrets: EndpointSecrets, created_by: str, now: datetime
) -> Endpoint:
    """A new endpoint with a fresh secret; EndpointLimit. Its address was checked before."""
    endpoint_id = new_id()
    endpoint = Endpoint(
        merchant_id=wanted.merchant_id,
        endpoint_id=endpoint_id,
        url=wanted.url,
        types=wanted.types,
        description=wanted.description,
        state="enabled",
        disabled_reason=None,
        failures=0,
        resting_until=None,
        secret_sealed=secrets.make(endpoint_id),
        old_secret_sealed=None,
        old_secret_until=None,
        row_version=1,
        created_at=now,
    )
    if not queries_endpoints.insert_endpoint(conn, endpoint, created_by):
        raise EndpointLimit("delete an endpoint first")
    return endpoint


def change_endpoint(conn: Connection, endpoint: Endpoint, changes: dict[str, Any]) -> Endpoint:
    """Writes what differs; one that is enabled again starts without its failures. PreconditionFailed."""
    columns = {name: value for name, value in changes.items() if value != getattr(endpoint, name)}
    if "types" in columns:
        columns["types"] = list(columns["types"])
    if columns.get("state") == "enabled":
        columns |= {"disabled_reason": None, "failures": 0, "resting_until": None}
    elif columns.get("state") == "disabled":
        columns["disabled_reason"] = "switched off"
    return _written(conn, endpoint, columns) if columns else endpoint


def delete_endpoint(conn: Connection, endpoint: Endpoint) -> None:
    """The endpoint is gone with its secrets; what is due for it is given up."""
    _written(
        conn,
        endpoint,
        {
            "state": "deleted",
            "slot": None,
            "secret_sealed": b"",
            "old_secret_sealed": None,
            "old_secret_until": None,
        },
    )


def rotate_secret(conn: Connection, endpoint: Endpoint, secrets: EndpointSecrets, now: datetime) -> Endpoint:
    """A fresh secret; the one before is good for another day, the one before that no longer."""
    return _written(
        conn,
        endpoint,
        {
            "secret_sealed": secrets.make(endpoint.endpoint_id),
            "old_secret_sealed": endpoint.secret_sealed,
            "old_secret_until": now + OLD_SECRET_GOOD_FOR,
        },
    )


def _written(conn: Connection, endpoint: Endpoint, columns: dict[str, Any]) -> Endpoint:
    changed = queries_endpoints.update_endpoint(conn, endpoint, columns)
    if changed is None and columns.get("state") != "deleted":
        raise PreconditionFailed("read it again and send the change with the new ETag")
    return changed or replace(endpoint, state="deleted")


def queue_test(conn: Connection, endpoint: Endpoint, now: datetime, trace: str | None) -> UUID:
    """An event that goes to this endpoint alone, by the same road as all others; its aggregate, under a fresh id."""
    if endpoint.state != "enabled":
        raise EndpointRefused("the endpoint is disabled; enable it first")
    test_id = new_id()
    data = {"endpoint_id": str(endpoint.endpoint_id), "merchant_id": str(endpoint.merchant_id)}
    append(conn, Event(TEST_CITY_ID, test_id, 1, TEST_TYPE, endpoint.merchant_id, data, now, trace))
    return test_id


def redeliver(
    conn: Connection, event_id: UUID, merchant_ids: Sequence[UUID], endpoint_id: UUID | None, now: datetime
) -> Sequence[UUID]:
    """Makes an event due again; which endpoints get it.

    With an endpoint named it is that one, even when it did not exist or did not want the type then; otherwise all
    that were told. NotFound; EndpointRefused when it is disabled.
    """
    city_id = city_of(event_id)
    event = queries_events.event_by_id(conn, city_id, event_id, merchant_ids, lock=True)
    if event is None:
        raise NotFound("there is no such event")
    enabled = [each for each in queries_endpoints.endpoints_of(conn, [event.merchant_id]) if each.state == "enabled"]
    if endpoint_id is not None:
        if own_endpoint(conn, endpoint_id, [event.merchant_id]).state != "enabled":
            raise EndpointRefused("the endpoint is disabled; enable it first")
        enabled = [each for each in enabled if each.endpoint_id == endpoint_id]
    if event.position is None or not enabled:
        return ()
    asked = [each.endpoint_id for each in enabled]
    due = list(queries_deliveries.make_due(conn, event, asked, now))
    if endpoint_id is not None and not due:
        queries_deliveries.add_deliveries(conn, [(event, event.position, endpoint_id)], now)
        due = [endpoint_id]
    if due:
        queries_events.reopen_event(conn, city_id, event_id)
    return sorted(due)


def requeue(conn: Connection, event_id: UUID, endpoint_id: UUID | None, now: datetime) -> Sequence[UUID | None]:
    """An operator tries again what is dead: an event that could not be told (None), or deliveries given up."""
    city_id = city_of(event_id)
    event = queries_events.event_by_id(conn, city_id, event_id, None, lock=True)
    if event is None:
        raise NotFound("there is no such event")
    if event.position is None:
        queries_events.reopen_event(conn, city_id, event_id)
        return (None,)
    dead = queries_deliveries.endpoints_told(conn, city_id, event_id, dead_only=True)
    again = [each for each in dead if endpoint_id in (None, each)]
    if again:
        queries_deliveries.make_due(conn, event, again, now)
        queries_events.reopen_event(conn, city_id, event_id)
    return again
