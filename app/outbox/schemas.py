"""Bodies, queries and answers about events, webhook endpoints and deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from re import compile as pattern
from typing import Any, ClassVar

from marshmallow import Schema, fields, validate

from app.http.fields import Choice, Id, Text, WholeNumber, fault
from app.outbox.guard import MAX_URL
from app.outbox.rules import TYPE_PATTERN

_TYPE = pattern(TYPE_PATTERN)
STATES = ("enabled", "disabled")


class TypePattern(Text):
    """``*``, one type of event, or a beginning such as ``fujin.claim.*``."""

    def __init__(self, **options: Any) -> None:
        given = {"pattern": f"^({TYPE_PATTERN})$", "example": "fujin.claim.*"}
        super().__init__(longest=100, metadata=given, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        text = super()._deserialize(value, attr, data)
        if not _TYPE.fullmatch(text):
            raise fault(
                "give *, a type such as fujin.claim.granted.v1, or a beginning such as fujin.claim.*",
                "invalid-parameter",
            )
        return text


def _types(**options: Any) -> fields.List[Any]:
    return fields.List(TypePattern(), validate=validate.Length(1, 20), **options)


class EventsQuery(Schema):
    """Where to go on, and which events."""

    after = Text(longest=4096, metadata={"description": "`next_cursor` of the last answer; without it, from the first"})
    type = TypePattern()
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
    dataschema = fields.Url(required=True, metadata={"description": "the JSON Schema of `data`; see /schemas/events"})
    sequence = fields.String(required=True, metadata={"description": "counts the events of the subject from 1"})
    traceparent = fields.String()
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


class EndpointBody(Schema):
    """Where one of the caller's merchants wants to be told, and of what."""

    merchant_id = Id(required=True)
    url = Text(longest=MAX_URL, shortest=8, required=True, metadata={"example": "https://hooks.example.org/fujin"})
    types = _types(load_default=("*",))
    description = Text(longest=200)


class EndpointChangeBody(Schema):
    """What can be changed of an endpoint."""

    NOT_EMPTY: ClassVar[bool] = True

    url = Text(longest=MAX_URL, shortest=8)
    types = _types()
    description = Text(longest=200, allow_none=True)
    state = Choice(*STATES)


class NoMembersBody(Schema):
    """An empty object."""


class EndpointAnswer(Schema):
    """Where a merchant is told; without its secret."""

    endpoint_id = fields.UUID(required=True)
    merchant_id = fields.UUID(required=True)
    url = fields.String(required=True)
    types = fields.List(fields.String(), required=True)
    description = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    disabled_reason = fields.String(required=True, allow_none=True)
    failures = fields.Integer(required=True, metadata={"description": "failed attempts since the last success"})
    old_secret_until = fields.DateTime(required=True, allow_none=True)
    created_at = fields.DateTime(required=True)


class EndpointSecretAnswer(EndpointAnswer):
    """The endpoint with its secret, which is shown this once."""

    secret = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "whsec_…; null when the request is repeated: rotate the secret if it was lost"},
    )


class EndpointsAnswer(Schema):
    """The endpoints of one's merchants."""

    items = fields.List(fields.Nested(EndpointAnswer), required=True)


class QueuedAnswer(Schema):
    """What is on its way."""

    subject = fields.UUID(required=True, metadata={"description": "the subject of the event that will arrive"})


class DeliveriesQuery(Schema):
    """A page of deliveries."""

    endpoint_id = Id()
    state = Choice("due", "done", "dead")
    limit = WholeNumber(low=1, high=100, load_default=20)
    cursor = Text(longest=4096)


class DeliveryAnswer(Schema):
    """How far an event is on its way to an endpoint."""

    event_id = fields.UUID(required=True)
    endpoint_id = fields.UUID(required=True)
    type = fields.String(required=True)
    subject = fields.UUID(required=True)
    state = fields.String(required=True, metadata={"enum": ["due", "done", "dead"]})
    attempts = fields.Integer(required=True)
    next_at = fields.DateTime(required=True, allow_none=True)
    last_error = fields.String(required=True, allow_none=True)
    created_at = fields.DateTime(required=True)
    done_at = fields.DateTime(required=True, allow_none=True)


class DeliveriesTotalAnswer(Schema):
    """How many there are in all."""

    value = fields.Integer(required=True)
    relation = fields.String(required=True, metadata={"enum": ["eq", "gte"]})


class DeliveriesAppliedAnswer(Schema):
    """What was asked."""

    endpoint_id = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, allow_none=True)
    limit = fields.Integer(required=True)


class DeliveriesAnswer(Schema):
    """Deliveries, newest first."""

    items = fields.List(fields.Nested(DeliveryAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    total = fields.Nested(DeliveriesTotalAnswer, required=True)
    applied = fields.Nested(DeliveriesAppliedAnswer, required=True)


class AttemptsQuery(Schema):
    """Attempts for one endpoint, or for all."""

    endpoint_id = Id()


class AttemptAnswer(Schema):
    """What one attempt met."""

    endpoint_id = fields.UUID(required=True)
    attempt = fields.Integer(required=True)
    at = fields.DateTime(required=True)
    took_ms = fields.Integer(required=True)
    ok = fields.Boolean(required=True)
    status = fields.Integer(required=True, allow_none=True)
    error = fields.String(required=True, allow_none=True)


class AttemptsAnswer(Schema):
    """Attempts, the latest first."""

    items = fields.List(fields.Nested(AttemptAnswer), required=True)


class RedeliverBody(Schema):
    """Which endpoint is to get the event again; all that were told, without it."""

    endpoint_id = Id()


class RedeliverAnswer(Schema):
    """Endpoints that the event is on its way to."""

    event_id = fields.UUID(required=True)
    endpoint_ids = fields.List(fields.UUID(), required=True)
