"""Shapes of what operators read about dataset versions."""

from __future__ import annotations

from marshmallow import Schema, fields


class DatasetVersionSchema(Schema):
    """One loaded version of one kind of data of one city."""

    dataset_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    kind = fields.String(required=True)
    version = fields.Integer(required=True)
    state = fields.String(required=True)
    active = fields.Boolean(required=True)
    source_name = fields.String(required=True)
    source_sha256 = fields.String(required=True)
    rows_declared = fields.Integer(required=True)
    rows_stored = fields.Integer(required=True)
    rows_refused = fields.Integer(required=True)
    created_at = fields.DateTime(required=True)
    activated_at = fields.DateTime(required=True, allow_none=True)


class DatasetVersionListSchema(Schema):
    """All versions that are kept, newest first."""

    items = fields.List(fields.Nested(DatasetVersionSchema), required=True)
