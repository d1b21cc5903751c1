"""Shapes of reviews, corrections and reports."""

from __future__ import annotations

from marshmallow import Schema, fields

from app.http.fields import Choice, Id, Instant, Text, WholeNumber
from app.imports.conflation.deciding import DECISIONS
from app.places.overlay_fields import FIELDS
from app.places.tables_overlays import KINDS, REVIEW_STATES, STATES

_VALUE = {"description": "what is right; its form depends on the field, see docs/corrections.md"}


class ReviewsQuery(Schema):
    """Which reviews of a city."""

    city = Text(longest=60, required=True)
    state = Choice(*REVIEW_STATES, load_default="open")
    kind = Choice(*KINDS)
    limit = WholeNumber(low=1, high=100, load_default=20)
    cursor = Text(longest=4096)


class DecisionBody(Schema):
    """A decision; ``value`` only where a report is accepted with another value than most reported."""

    decision = Choice(*DECISIONS, required=True)
    note = Text(longest=500)
    value = fields.Raw(metadata=_VALUE)


class OverlaysQuery(Schema):
    """Which corrections of a city."""

    city = Text(longest=60, required=True)
    state = Choice(*STATES)
    place_id = Id()
    limit = WholeNumber(low=1, high=100, load_default=20)
    cursor = Text(longest=4096)


class OverlayBody(Schema):
    """A correction of one field of a place; with ``expires_at`` it ends by itself."""

    place_id = Id(required=True)
    field = Choice(*FIELDS, required=True)
    value = fields.Raw(required=True, allow_none=True, metadata=_VALUE)
    reason = Text(longest=500, required=True)
    evidence = Text(longest=2000, allow_none=True)
    expires_at = Instant(allow_none=True)


class WithdrawBody(Schema):
    """Why a correction is taken back."""

    note = Text(longest=500)


class ReportBody(Schema):
    """What is wrong with a place: the field, and what would be right."""

    field = Choice(*FIELDS, required=True)
    value = fields.Raw(required=True, allow_none=True, metadata=_VALUE)


class SpotAnswer(Schema):
    """A position, WGS 84."""

    lon = fields.Float(required=True)
    lat = fields.Float(required=True)


class ReviewedPlaceAnswer(Schema):
    """A place as it is stated now, or was last; null members where nothing is known."""

    place_id = fields.UUID(required=True)
    name = fields.String(required=True, allow_none=True)
    location = fields.Nested(SpotAnswer, required=True, allow_none=True)
    category = fields.String(required=True, allow_none=True)
    address = fields.Dict(keys=fields.String(), required=True)
    phone = fields.String(required=True, allow_none=True)
    website = fields.String(required=True, allow_none=True)
    opening_hours = fields.String(required=True, allow_none=True)
    closed = fields.Boolean(required=True)
    source_key = fields.String(required=True, allow_none=True)
    stated = fields.Boolean(required=True, metadata={"description": "whether readers see a version that states it"})


class OverlayAnswer(Schema):
    """A correction of a field of a place."""

    overlay_id = fields.UUID(required=True)
    place_id = fields.UUID(required=True)
    field = fields.String(required=True, metadata={"enum": list(FIELDS)})
    value = fields.Raw(required=True, allow_none=True, metadata=_VALUE)
    old_value = fields.Raw(required=True, allow_none=True, metadata={"description": "what the source said then"})
    reason = fields.String(required=True)
    evidence = fields.String(required=True, allow_none=True)
    author_id = fields.UUID(required=True)
    created_at = fields.DateTime(required=True)
    expires_at = fields.DateTime(required=True, allow_none=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    ended_at = fields.DateTime(required=True, allow_none=True)


class ReviewAnswer(Schema):
    """Something that waits for a person's decision, or was decided."""

    review_id = fields.UUID(required=True)
    city = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    state = fields.String(required=True, metadata={"enum": list(REVIEW_STATES)})
    priority = fields.Integer(required=True, metadata={"description": "0 to 2, the most urgent first"})
    score = fields.Float(required=True, allow_none=True)
    field = fields.String(required=True, allow_none=True)
    place = fields.Nested(ReviewedPlaceAnswer, required=True)
    other = fields.Nested(ReviewedPlaceAnswer, required=True, allow_none=True)
    overlay = fields.Nested(OverlayAnswer, required=True, allow_none=True)
    evidence = fields.Dict(keys=fields.String(), required=True)
    version = fields.Integer(required=True, allow_none=True)
    decisions = fields.List(fields.String(metadata={"enum": list(DECISIONS)}), required=True)
    decision = fields.String(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = fields.DateTime(required=True, allow_none=True)
    created_at = fields.DateTime(required=True)


class ReviewsAnswer(Schema):
    """A page of reviews: the most urgent first, then the oldest."""

    items = fields.List(fields.Nested(ReviewAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    applied = fields.Dict(keys=fields.String(), required=True)


class ListedOverlayAnswer(OverlayAnswer):
    """A correction with its place's name; null where readers see no such place."""

    place_name = fields.String(required=True, allow_none=True)


class OverlaysAnswer(Schema):
    """A page of corrections, newest first."""

    items = fields.List(fields.Nested(ListedOverlayAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    applied = fields.Dict(keys=fields.String(), required=True)


class ReportAnswer(Schema):
    """A report was taken; a person looks at it."""

    report_id = fields.UUID(required=True)
    place_id = fields.UUID(required=True)
    field = fields.String(required=True, metadata={"enum": list(FIELDS)})
    value = fields.Raw(required=True, allow_none=True, metadata=_VALUE)
