"""Explanations as the API document shows them."""

from __future__ import annotations

from marshmallow import Schema, fields

from app.discovery.shapes import VerdictSchema, nullable


class WhyNotSchema(Schema):
    """Why a place is in a list, and where, or why it is not; ``first`` is the first verdict that says no."""

    place_id = fields.UUID(required=True)
    listed = fields.Boolean(required=True)
    position = nullable(fields.Integer)
    first = nullable(fields.Nested, nested=VerdictSchema)
    verdicts = fields.List(fields.Nested(VerdictSchema), required=True)
    as_of = fields.DateTime(required=True)
    versions = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
