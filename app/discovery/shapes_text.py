"""Answers of searches by words as the API document shows them."""

from __future__ import annotations

from marshmallow import Schema, fields

from app.discovery.shapes import MaskedPlaceSchema, PlaceSchema, TotalSchema, datum, nullable
from app.http.fields import Choice


class MatchSchema(Schema):
    """How a place was found: by its number, by its whole name (a branch in brackets aside), or by all words.

    ``score``: millionths, where near ones come first: 1,000,000 for a name, 500,000 for words, halved with each
    kilometre; null where nearness does not count.
    """

    by = Choice("phone", "name", "words", required=True)
    score = nullable(fields.Integer)


class PlaceFoundSchema(PlaceSchema):
    """A place, how it was found, and its distance where the caller gave a point."""

    distance_m = nullable(fields.Float)
    match = nullable(fields.Nested, nested=MatchSchema)


class WhereSchema(Schema):
    """What the search kept to, or put first; ``lat`` and ``lon`` as they were given."""

    kind = Choice("bias", "circle", "box", "polygon", "region", "city", required=True)
    lat = nullable(fields.Float)
    lon = nullable(fields.Float)
    radius_m = nullable(fields.Float)
    bbox = nullable(fields.List, cls_or_instance=fields.Float())
    region = nullable(fields.UUID)
    include_fringe = fields.Boolean(required=True)


class AppliedToTextSchema(Schema):
    """What the search did; the time and the versions are the first page's."""

    q = nullable()
    city = nullable()
    where = fields.Nested(WhereSchema, required=True)
    datum = datum()
    as_of = fields.DateTime(required=True)
    categories = fields.List(fields.String(), required=True)
    excluded_categories = fields.List(fields.String(), required=True)
    brands = fields.List(fields.String(), required=True)
    attributes = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), required=True)
    price_min = nullable(fields.Integer)
    price_max = nullable(fields.Integer)
    open_now = fields.Boolean(required=True)
    open_at = nullable(fields.DateTime)
    include_unknown = fields.Boolean(required=True)
    has_coupon = fields.Boolean(required=True)
    mask = nullable(fields.List, cls_or_instance=fields.String(), data_key="fields")
    versions = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    attribution = fields.List(fields.String(), required=True)


class PlacesFoundSchema(Schema):
    """A page of places found by words."""

    items = fields.List(fields.Nested(PlaceFoundSchema), required=True)
    next_cursor = nullable()
    total = fields.Nested(TotalSchema, required=True)
    applied = fields.Nested(AppliedToTextSchema, required=True)


class MaskedPlacesFoundSchema(PlacesFoundSchema):
    """A page of places of which ``fields`` names the members."""

    items = fields.List(fields.Nested(MaskedPlaceSchema), required=True)


class ShapeRemarkSchema(Schema):
    """What of a drawn shape was changed before it was searched."""

    code = fields.String(required=True)
    detail = fields.String(required=True)
    pointer = fields.String(required=True)


class PlacesWithinSchema(PlacesFoundSchema):
    """A page of places in drawn shapes."""

    remarks = fields.List(fields.Nested(ShapeRemarkSchema), required=True)


class MaskedPlacesWithinSchema(MaskedPlacesFoundSchema):
    """A page of them of which ``fields`` names the members."""

    remarks = fields.List(fields.Nested(ShapeRemarkSchema), required=True)
