"""Shapes of what operators read about their territories."""

from __future__ import annotations

from marshmallow import Schema, fields


class CentreSchema(Schema):
    """A position in degrees, WGS 84."""

    lon = fields.Float(required=True)
    lat = fields.Float(required=True)


class SeenVersionSchema(Schema):
    """The version of one kind that readers see."""

    kind = fields.String(required=True)
    version = fields.Integer(required=True)
    row_count = fields.Integer(required=True)
    activated_at = fields.DateTime(required=True)


class RunTerritorySchema(Schema):
    """A territory and what readers see there; ``active`` is empty while nothing is."""

    city = fields.String(required=True, metadata={"description": "the slug that paths name it by"})
    city_id = fields.Integer(required=True)
    kind = fields.String(required=True, metadata={"enum": ["world", "country", "city"]})
    name = fields.String(required=True)
    lang = fields.String(required=True)
    centre = fields.Nested(CentreSchema, required=True)
    zoom = fields.Integer(required=True)
    time_zone = fields.String(required=True)
    active = fields.List(fields.Nested(SeenVersionSchema), required=True)


class RunTerritoryListSchema(Schema):
    """The territories of an operator, by id."""

    items = fields.List(fields.Nested(RunTerritorySchema), required=True)
