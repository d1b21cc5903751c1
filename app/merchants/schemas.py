"""Queries and answers about merchants."""

from __future__ import annotations

from marshmallow import Schema, fields

from app.http.fields import Text, WholeNumber
from app.merchants.queries import MAX_STAFF


class PlaceCountAnswer(Schema):
    """Places run in a city."""

    city_id = fields.Integer(required=True)
    place_count = fields.Integer(required=True)


class MerchantAnswer(Schema):
    """What anyone may know of a merchant."""

    merchant_id = fields.UUID(required=True)
    name = fields.String(required=True)
    lang = fields.String(required=True)
    names = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    home_city_id = fields.Integer(required=True)
    place_count = fields.Integer(required=True)
    place_counts = fields.List(fields.Nested(PlaceCountAnswer), required=True)


class PlacesQuery(Schema):
    """A page of a merchant's places."""

    limit = WholeNumber(low=1, high=100, load_default=20)
    cursor = Text(longest=4096)


class PlaceRunAnswer(Schema):
    """A place that the merchant runs; ``GET /v1/places/{place_id}`` tells the rest."""

    place_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)


class StaffQuery(Schema):
    """A page of a merchant's people."""

    limit = WholeNumber(low=1, high=MAX_STAFF, load_default=20)
    cursor = Text(longest=4096)


class StaffMemberAnswer(Schema):
    """Someone who works for a merchant."""

    member_id = fields.UUID(required=True)
    role = fields.String(required=True, metadata={"enum": ["owner", "staff"]})
    display_name = fields.String(required=True, allow_none=True)
    place_ids = fields.List(fields.UUID(), required=True)
    created_at = fields.DateTime(required=True)


class TotalAnswer(Schema):
    """How many there are in all."""

    value = fields.Integer(required=True)
    relation = fields.String(required=True, metadata={"enum": ["eq", "gte"]})


class StaffAppliedAnswer(Schema):
    """What the list was asked with."""

    merchant_id = fields.UUID(required=True)
    limit = fields.Integer(required=True)


class StaffAnswer(Schema):
    """A page of a merchant's people, by member."""

    items = fields.List(fields.Nested(StaffMemberAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    total = fields.Nested(TotalAnswer, required=True)
    applied = fields.Nested(StaffAppliedAnswer, required=True)


class PlacesAnswer(Schema):
    """A page of the places that a merchant runs, by place."""

    items = fields.List(fields.Nested(PlaceRunAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    total = fields.Nested(TotalAnswer, required=True)
    applied = fields.Nested(StaffAppliedAnswer, required=True)
