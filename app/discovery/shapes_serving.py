"""Answers about who serves a point."""

from __future__ import annotations

from marshmallow import Schema, fields

from app.discovery.shapes import MoneySchema, TotalSchema, datum, names, nullable
from app.discovery.shapes_details import AppliedToListSchema, AppliedToPointSchema
from app.http.fields import Choice
from app.service_areas.types import KINDS

CONFIDENCES = ("low", "medium", "high")


def _confidence() -> fields.Field:  # type: ignore[type-arg]
    said = "low: the border lies within `accuracy_m`; medium: within three times it; high: beyond; null without it"
    return fields.String(required=True, allow_none=True, metadata={"enum": [*CONFIDENCES, None], "description": said})


class CoveringAreaSchema(Schema):
    """A service area that covers the point; ``why`` says what decided among the areas of its place."""

    service_area_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    place_id = fields.UUID(required=True)
    merchant_id = fields.UUID(required=True)
    kind = Choice(*KINDS, required=True)
    name = fields.String(required=True)
    lang = fields.String(required=True)
    names = names()
    fee = fields.Nested(MoneySchema, required=True)
    min_order = fields.Nested(MoneySchema, required=True)
    priority = fields.Integer(required=True)
    winner = fields.Boolean(required=True)
    why = Choice("only", "priority", "area", "newest", "id", required=True)
    schedule_state = Choice("open", "unknown", required=True)
    border_distance_m = fields.Float(required=True, metadata={"description": "to the nearest border; negative inside"})
    confidence = _confidence()


class NearestAreaSchema(Schema):
    """The area whose border is nearest to a point that it does not serve, within 50 km."""

    service_area_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    place_id = fields.UUID(required=True)
    kind = Choice(*KINDS, required=True)
    border_distance_m = fields.Float(required=True)
    confidence = _confidence()


class OtherPlaceSchema(Schema):
    """A place that serves the point in the stead of the one asked about; ``same`` is what both have in common."""

    place_id = fields.UUID(required=True)
    service_area_id = fields.UUID(required=True)
    kind = Choice(*KINDS, required=True)
    same = fields.String(required=True, allow_none=True, metadata={"enum": ["merchant", "brand", "category", None]})
    distance_m = fields.Float(required=True)


class AppliedToAreasSchema(AppliedToPointSchema):
    """The point and the instant asked."""

    at = fields.DateTime(required=True)


class CoveringAreasSchema(Schema):
    """Service areas at a point by place, the winner of each first."""

    items = fields.List(fields.Nested(CoveringAreaSchema), required=True)
    next_cursor = nullable()
    total = fields.Nested(TotalSchema, required=True)
    applied = fields.Nested(AppliedToAreasSchema, required=True)
    served = fields.Boolean(required=True)
    nearest = fields.Nested(NearestAreaSchema, required=True, allow_none=True)
    others = fields.List(fields.Nested(OtherPlaceSchema), required=True)


class PointFaultSchema(Schema):
    """What is wrong with one point of many."""

    code = fields.String(required=True)
    detail = fields.String(required=True)
    pointer = fields.String(required=True)
    hint = nullable()


class CheckedPointSchema(Schema):
    """Who serves one point: its first twenty areas, and how many there are; ``given`` is the point as it came."""

    given = fields.Dict(required=True)
    areas = fields.List(fields.Nested(CoveringAreaSchema), required=True)
    total = fields.Nested(TotalSchema, required=True)
    served = fields.Boolean(required=True, allow_none=True)
    nearest = fields.Nested(NearestAreaSchema, required=True, allow_none=True)
    others = fields.List(fields.Nested(OtherPlaceSchema), required=True)
    error = fields.Nested(PointFaultSchema, required=True, allow_none=True)


class AppliedToCheckSchema(AppliedToListSchema):
    """The datum and the instant asked."""

    datum = datum()
    at = fields.DateTime(required=True)


class CheckedPointsSchema(Schema):
    """One answer a point, in the order of the points."""

    items = fields.List(fields.Nested(CheckedPointSchema), required=True)
    applied = fields.Nested(AppliedToCheckSchema, required=True)
