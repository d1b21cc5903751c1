"""Queries and answers about signals of abuse."""

from __future__ import annotations

from marshmallow import Schema, fields

from app.fraud.types import RULES
from app.http.fields import Choice, Id, Text, WholeNumber

STATES = ("open", "dismissed", "confirmed")


class FlagsQuery(Schema):
    """A page of signals."""

    merchant_id = Id()
    state = Choice(*STATES)
    limit = WholeNumber(low=1, high=100, load_default=20)
    cursor = Text(longest=4096)


class FlagAnswer(Schema):
    """A signal: what was seen of which account, how often, first and last."""

    flag_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    rule = fields.String(required=True, metadata={"enum": list(RULES)})
    merchant_id = fields.UUID(required=True)
    place_id = fields.UUID(required=True)
    staff_id = fields.String(required=True, metadata={"description": "role and id of the account"})
    staff_name = fields.String(required=True, allow_none=True)
    redemption_id = fields.UUID(required=True, allow_none=True)
    count = fields.Integer(required=True)
    first_at = fields.DateTime(required=True)
    last_at = fields.DateTime(required=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    settled_at = fields.DateTime(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    created_at = fields.DateTime(required=True)


class FlagsTotalAnswer(Schema):
    """How many there are at least."""

    value = fields.Integer(required=True)
    relation = fields.String(required=True, metadata={"enum": ["eq", "gte"]})


class FlagsAppliedAnswer(Schema):
    """What the list was asked with."""

    merchant_id = fields.UUID(required=True, allow_none=True)
    state = fields.String(required=True, allow_none=True)
    limit = fields.Integer(required=True)


class FlagsAnswer(Schema):
    """A page of signals, newest first."""

    items = fields.List(fields.Nested(FlagAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    total = fields.Nested(FlagsTotalAnswer, required=True)
    applied = fields.Nested(FlagsAppliedAnswer, required=True)
