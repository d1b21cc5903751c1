"""Events as a feed and their deliveries: for those who poll, or who were told and want to be sure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.core.errors import NotFound
from app.core.ids import city_of
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in_with
from app.http.caching import NO_STORE
from app.http.keyed import KEY_HEADER, KEY_PROBLEMS, key_scope
from app.http.services import services
from app.http.steps import Plan, run_plan
from app.outbox import actions, queries_deliveries, queries_events
from app.outbox.envelope import message
from app.outbox.rules import merged
from app.outbox.schemas import (
    AttemptsAnswer,
    AttemptsQuery,
    DeliveriesAnswer,
    DeliveriesQuery,
    EventsAnswer,
    EventsQuery,
    RedeliverAnswer,
    RedeliverBody,
)
from app.outbox.types import Delivery, StoredEvent

blueprint = Blueprint("events", __name__, description="What happened, in order, and who was told")

READ, WRITE = "events:read", "webhooks:write"
MINE = allow("owner", "partner", owner="outbox_events.merchant_id is one of the principal's merchants")
_FEED, _DELIVERIES = "events", "deliveries"


@blueprint.get(
    "/v1/events", policy=MINE, query=EventsQuery, answer=EventsAnswer, problems=("invalid-cursor", "scope-missing")
)
def events(query: dict[str, Any]) -> Answer:
    """The events of one's merchants behind a cursor. Nothing is missed: an event that commits late comes later."""
    actor, parts = signed_in_with(READ), services()
    now, reader = parts.clock(), {"reader": actor.key}
    seen: dict[int, int] = {}
    if "after" in query:
        seen = queries_events.positions(parts.cursors.decode(_FEED, reader, query["after"], now, parameter="after"))
    with parts.database.read_primary() as conn:
        page, has_more = _page(conn, actor.merchant_ids, seen, query.get("type"), query["limit"])
    seen |= {event.city_id: event.position or 0 for event in page}
    places = {str(city_id): position for city_id, position in seen.items()}
    body = {
        "items": [message(event, parts.settings.public_url) for event in page],
        "next_cursor": parts.cursors.encode(_FEED, reader, places, now, lasting=True),
        "has_more": has_more,
        "applied": {"type": query.get("type"), "limit": query["limit"]},
    }
    return Answer(body, headers=NO_STORE)


def _page(
    conn: Connection, merchant_ids: Sequence[UUID], seen: dict[int, int], kind: str | None, limit: int
) -> tuple[Sequence[StoredEvent], bool]:
    """The next events of all cities, the earliest first, each city's in the order of its positions."""
    pages = {
        city_id: queries_events.events_after(conn, city_id, merchant_ids, seen.get(city_id, 0), kind, limit + 1)
        for city_id in queries_events.cities_of(conn, merchant_ids)
    }
    line = merged(pages, limit + 1)
    return line[:limit], len(line) > limit


@blueprint.get(
    "/v1/deliveries",
    policy=MINE,
    query=DeliveriesQuery,
    answer=DeliveriesAnswer,
    problems=("invalid-cursor", "expired-cursor", "scope-missing"),
)
def deliveries(query: dict[str, Any]) -> Answer:
    """How far events are on their way to one's endpoints: city by city, newest first."""
    actor, parts, limit = signed_in_with(READ), services(), query["limit"]
    now = parts.clock()
    filters = {"endpoint_id": query.get("endpoint_id"), "state": query.get("state")}
    asked = {"reader": actor.key, **{name: str(value) for name, value in filters.items()}}
    begin: tuple[int, int, UUID] | None = None
    if "cursor" in query:
        city_id, position, endpoint_id = parts.cursors.decode(_DELIVERIES, asked, query["cursor"], now)
        begin = (int(city_id), int(position), UUID(endpoint_id))
    with parts.database.read_primary() as conn:
        cities = sorted(queries_events.cities_of(conn, actor.merchant_ids))
        found: list[Delivery] = []
        for city in cities:
            if len(found) > limit or (begin and city < begin[0]):
                continue
            before = begin[1:] if begin and city == begin[0] else None
            found += queries_deliveries.deliveries_before(
                conn, city, actor.merchant_ids, filters, before, limit + 1 - len(found)
            )
        counts = [queries_deliveries.count_deliveries(conn, city, actor.merchant_ids, filters) for city in cities]
    page, more = found[:limit], len(found) > limit
    over = any(count > queries_deliveries.COUNTED for count in counts)
    cursor = None
    if more:
        last = page[-1]
        cursor = parts.cursors.encode(_DELIVERIES, asked, [last.city_id, last.position, str(last.endpoint_id)], now)
    body = {
        "items": [_delivery_json(each) for each in page],
        "next_cursor": cursor,
        "total": {"value": sum(counts), "relation": "gte" if over else "eq"},
        "applied": {
            "endpoint_id": None if filters["endpoint_id"] is None else str(filters["endpoint_id"]),
            "state": filters["state"],
            "limit": limit,
        },
    }
    return Answer(body, headers=NO_STORE)


def _delivery_json(found: Delivery) -> dict[str, Any]:
    return {
        "event_id": str(found.event_id),
        "endpoint_id": str(found.endpoint_id),
        "type": found.type,
        "subject": str(found.aggregate_id),
        "state": found.state,
        "attempts": found.attempt,
        "next_at": found.next_at if found.state == "due" else None,
        "last_error": found.last_error,
        "created_at": found.created_at,
        "done_at": found.done_at,
    }


@blueprint.get(
    "/v1/deliveries/<uuid:event_id>/attempts",
    policy=MINE,
    query=AttemptsQuery,
    answer=AttemptsAnswer,
    problems=("not-found", "scope-missing"),
)
def delivery_attempts(event_id: UUID, query: dict[str, Any]) -> Answer:
    """What the attempts to deliver an event met, the latest first."""
    actor, city_id = signed_in_with(READ), city_of(event_id)
    with services().database.read_primary() as conn:
        if queries_events.event_by_id(conn, city_id, event_id, actor.merchant_ids) is None:
            raise NotFound("there is no such event")
        found = queries_deliveries.attempts_of(conn, city_id, event_id, query.get("endpoint_id"))
    items = [
        {
            "endpoint_id": str(each.endpoint_id),
            "attempt": each.attempt,
            "at": each.at,
            "took_ms": each.took_ms,
            "ok": each.ok,
            "status": each.status,
            "error": each.error,
        }
        for each in found
    ]
    return Answer({"items": items}, headers=NO_STORE)


@blueprint.post(
    "/v1/events/<uuid:event_id>/redeliver",
    policy=MINE,
    body=RedeliverBody,
    answer=RedeliverAnswer,
    status=202,
    takes=KEY_HEADER,
    problems=(*KEY_PROBLEMS, "scope-missing", "not-found", "endpoint-refused"),
)
def redeliver_event(event_id: UUID, body: dict[str, Any]) -> Answer:
    """Sends an event again, under the same id: to one endpoint, or to all that were told."""
    actor, parts = signed_in_with(WRITE), services()
    scope = key_scope(f"redeliver_event {event_id}", city_of(event_id), body)

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        due = actions.redeliver(conn, event_id, actor.merchant_ids, body.get("endpoint_id"), parts.clock())
        return Answer({"event_id": str(event_id), "endpoint_ids": [str(each) for each in due]}, 202, NO_STORE)

    return run_plan(Plan(lambda _conn: None, settle), scope)
