"""Events as a feed, for those who poll instead of being told, or who were told and want to be sure."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in
from app.http.fields import Text, WholeNumber
from app.http.services import services
from app.outbox.envelope import event_json
from app.outbox.feed import feed_page

blueprint = Blueprint("events", __name__, description="What happened, in order")

_FEED = "events"
MINE = allow("owner", "partner", owner="outbox_events.merchant_id is one of the principal's merchants")


class EventsQuery(Schema):
    """Where to go on, and which events."""

    after = Text(longest=4096, metadata={"description": "`next_cursor` of the last answer; without it, from the first"})
    type = Text(longest=100, metadata={"example": "fujin.claim.granted.v1"})
    limit = WholeNumber(low=1, high=100, load_default=20)


class EventAnswer(Schema):
    """A CloudEvents 1.0 event; a webhook has the same members."""

    specversion = fields.String(required=True)
    id = fields.String(required=True)
    source = fields.String(required=True)
    type = fields.String(required=True)
    subject = fields.String(required=True)
    time = fields.DateTime(required=True)
    timestamp = fields.DateTime(required=True)
    datacontenttype = fields.String(required=True)
    sequence = fields.String(required=True, metadata={"description": "counts the events of the subject from 1"})
    traceid = fields.String()
    data = fields.Dict(keys=fields.String(), required=True)


class EventsAppliedAnswer(Schema):
    """What was asked."""

    type = fields.String(required=True, allow_none=True)
    limit = fields.Integer(required=True)


class EventsAnswer(Schema):
    """Events in order; ``next_cursor`` is always there, to go on from at any later time."""

    items = fields.List(fields.Nested(EventAnswer), required=True)
    next_cursor = fields.String(required=True)
    has_more = fields.Boolean(required=True)
    applied = fields.Nested(EventsAppliedAnswer, required=True)


@blueprint.get("/v1/events", policy=MINE, query=EventsQuery, answer=EventsAnswer, problems=("invalid-cursor",))
def events(query: dict[str, Any]) -> Answer:
    """The events of one's merchants behind a cursor. Nothing is missed: an event that commits late comes later."""
    principal, parts = signed_in(), services()
    now, reader = parts.clock(), {"reader": principal.key}
    seen: dict[int, int] = {}
    if "after" in query:
        seen = {
            int(city): position for city, position in parts.cursors.decode(_FEED, reader, query["after"], now).items()
        }
    kinds = [query["type"]] if "type" in query else []
    with parts.database.read_primary() as conn:
        page = feed_page(conn, principal.merchant_ids, seen, kinds, query["limit"])
    body = {
        "items": [event_json(event) for event in page.events],
        "next_cursor": parts.cursors.encode(
            _FEED, reader, {str(city): position for city, position in page.seen.items()}, now, lifetime_s=None
        ),
        "has_more": page.has_more,
        "applied": {"type": query.get("type"), "limit": query["limit"]},
    }
    return Answer(body, headers={"Cache-Control": "no-store"})
