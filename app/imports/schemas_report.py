"""Shapes of reports and differences of dataset versions."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import Schema, fields, validate

from app.http.fields import Choice, WholeNumber
from app.imports.checks.types import NEEDS
from app.imports.diff.types import DRAWN_LAYERS, LAYERS

SEVERITIES = ("file", "row", "warning", "info")
MAX_VERSION = 2**31 - 1


class ReportSampleSchema(Schema):
    """One row or thing that a check met; ``row`` counts from 1 in the file."""

    row = fields.Integer(required=True, allow_none=True)
    source_key = fields.String(required=True, allow_none=True)
    id = fields.UUID(required=True, allow_none=True)
    reason = fields.String(required=True)
    lon = fields.Float(required=True, allow_none=True)
    lat = fields.Float(required=True, allow_none=True)


class ReportCheckSchema(Schema):
    """What one check found: how severe, how many, how to mend it, and the first hundred."""

    check = fields.String(required=True)
    severity = fields.String(required=True, validate=validate.OneOf(SEVERITIES))
    needs = fields.String(required=True, validate=validate.OneOf(NEEDS))
    count = fields.Integer(required=True)
    title = fields.String(required=True)
    detail = fields.String(required=True)
    hint = fields.String(required=True)
    first = fields.List(fields.Nested(ReportSampleSchema), required=True)


class ReportReasonSchema(Schema):
    """Why a version may not simply be shown."""

    code = fields.String(required=True)
    detail = fields.String(required=True)
    needs = fields.String(required=True, validate=validate.OneOf(NEEDS))


class ThresholdSchema(Schema):
    """One measured change against its limit."""

    code = fields.String(required=True)
    value = fields.Float(required=True)
    limit = fields.Float(required=True)
    exceeded = fields.Boolean(required=True)
    needs = fields.String(required=True, validate=validate.OneOf(NEEDS))
    detail = fields.String(required=True)


class VersionReportSchema(Schema):
    """The report of a version: the verdict with its reasons, row counts, and every check that found something."""

    city_id = fields.Integer(required=True)
    kind = fields.String(required=True)
    version = fields.Integer(required=True)
    against = fields.Integer(required=True, allow_none=True)
    made_at = fields.DateTime(required=True)
    verdict = fields.String(required=True, validate=validate.OneOf(NEEDS))
    reasons = fields.List(fields.Nested(ReportReasonSchema), required=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    thresholds = fields.List(fields.Nested(ThresholdSchema), required=True)
    checks = fields.List(fields.Nested(ReportCheckSchema), required=True)


class MoveBarSchema(Schema):
    """How many things moved by more than one length and at most another, metres."""

    from_m = fields.Float(required=True)
    to_m = fields.Float(required=True, allow_none=True)
    count = fields.Integer(required=True)


class TowardsSchema(Schema):
    """The median way of those that moved, metres."""

    east_m = fields.Float(required=True)
    north_m = fields.Float(required=True)


class ImpactSchema(Schema):
    """What hangs on the things that differ."""

    places = fields.Integer(required=True)
    service_areas = fields.Integer(required=True)
    coupons = fields.Integer(required=True)
    merchants = fields.Integer(required=True)
    members = fields.Integer(required=True)
    saved_places = fields.Integer(required=True)


class VersionDiffSchema(Schema):
    """What a version (``to``) changes against another (``from``, null before the first)."""

    class Meta:
        include: ClassVar[dict[str, Any]] = {"from": fields.Integer(required=True, allow_none=True)}

    city_id = fields.Integer(required=True)
    kind = fields.String(required=True)
    to = fields.Integer(required=True)
    before = fields.Integer(required=True)
    after = fields.Integer(required=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    changed_fields = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    moved_histogram = fields.List(fields.Nested(MoveBarSchema), required=True)
    moved_median_m = fields.Float(required=True)
    moved_towards = fields.Nested(TowardsSchema, required=True)
    thresholds = fields.List(fields.Nested(ThresholdSchema), required=True)
    first = fields.Dict(
        keys=fields.String(validate=validate.OneOf(LAYERS)),
        values=fields.List(fields.Dict(keys=fields.String())),
        required=True,
    )
    impact = fields.Nested(ImpactSchema, required=True)


class DiffQuery(Schema):
    """Against which version; the one that readers see when left out."""

    against = WholeNumber(low=1, high=MAX_VERSION, load_default=None)


class DiffLayerQuery(DiffQuery):
    """Which layer of the difference."""

    layer = Choice(*DRAWN_LAYERS, required=True)
