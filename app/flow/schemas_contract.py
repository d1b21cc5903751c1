"""Answers about the contract itself."""

from __future__ import annotations

from marshmallow import Schema, fields

from app.outbox.kinds import DIALECT


class CapabilitiesAnswer(Schema):
    """What the flow can do, by name."""

    hold = fields.Boolean(required=True)
    multi_unit = fields.Boolean(required=True)
    partial_refund = fields.Boolean(required=True)
    reverse_window_s = fields.Integer(required=True)
    offline = fields.Boolean(required=True)
    rotating_code = fields.Boolean(required=True)
    group = fields.Boolean(required=True)
    points = fields.Boolean(required=True)
    partner_users = fields.Boolean(
        required=True, metadata={"description": "a partner's client acts for its own users, named in Fujin-User"}
    )
    caller_claim_ids = fields.Boolean(
        required=True, metadata={"description": "a partner's client makes the ids of its users' claims"}
    )
    partner_coupons = fields.Boolean(
        required=True, metadata={"description": "a partner's client publishes coupons under ids of its own"}
    )
    test_provider = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "the payment provider that does what it is told, for trials; null: none is on offer"},
    )
    providers = fields.List(fields.String(), required=True)
    currencies = fields.List(fields.String(), required=True)


class EventsOfferAnswer(Schema):
    """Where what happens is told."""

    feed = fields.Url(required=True)
    schemas = fields.Url(required=True)
    types = fields.List(fields.String(), required=True)


class FlowAnswer(Schema):
    """The flow behind this installation."""

    version = fields.String(
        required=True, metadata={"description": "the contract's; it grows by additions alone while this stays"}
    )
    capabilities = fields.Nested(CapabilitiesAnswer, required=True)
    openapi = fields.Url(required=True)
    events = fields.Nested(EventsOfferAnswer, required=True)


class EventTypeAnswer(Schema):
    """One type of event."""

    type = fields.String(required=True)
    subject = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "the member of the data that the event is about; null: it is about itself"},
    )
    says = fields.String(required=True)
    dataschema = fields.Url(required=True)


class EventTypesAnswer(Schema):
    """Every type of event."""

    items = fields.List(fields.Nested(EventTypeAnswer), required=True)


class EventSchemaAnswer(Schema):
    """A JSON Schema."""

    dialect = fields.String(required=True, data_key="$schema", metadata={"const": DIALECT})
    address = fields.Url(required=True, data_key="$id")
    title = fields.String(required=True)
    description = fields.String(required=True)
    type = fields.String(required=True, metadata={"const": "object"})
    required = fields.List(fields.String(), required=True)
    properties = fields.Dict(keys=fields.String(), required=True)
