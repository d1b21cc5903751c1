"""Queries, bodies and answers about versions of regional data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from marshmallow import Schema, ValidationError, fields, validate

from app.cities.tables import DATASET_STATES
from app.http.fields import Choice, Flag, Text
from app.imports.tables_jobs import OUTCOMES, STAGES, TASKS

MOST_MAPPED = 64
LONGEST_NAME = 200
WEB_ADDRESS = "^https?://[!-~]+$"
VERDICTS = ("open", "note", "second_person", "blocked")


class Day(fields.Date):
    """A date such as 2026-10-01."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> Any:
        if not isinstance(value, str) or len(value) != 10:
            raise ValidationError("give a date such as 2026-10-01")
        try:
            return super()._deserialize(value, attr, data, **more)
        except ValidationError:
            raise ValidationError("give a date such as 2026-10-01") from None


class Mapping_(fields.Field[Mapping[str, str]]):  # noqa: N801 - Mapping is a word of typing
    """Our properties and the columns of the file that hold them; ``as_text``: a JSON object written as text."""

    def __init__(self, *, as_text: bool = False, **options: Any) -> None:
        shape: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}
        if as_text:
            shape = {"type": "string", "maxLength": 4000, "example": '{"name":"shop_name"}'}
        super().__init__(metadata={**shape, "description": "our property → column of the file"}, **options)
        self._as_text = as_text

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, str]:
        refused = ValidationError('give an object of column names by property, such as {"name": "shop_name"}')
        if self._as_text:
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                raise refused from None
        if not isinstance(value, dict) or len(value) > MOST_MAPPED:
            raise refused
        for name, column in value.items():
            if (
                not isinstance(column, str)
                or not 1 <= len(column) <= LONGEST_NAME
                or not 1 <= len(name) <= LONGEST_NAME
            ):
                raise refused
            if not (name + column).isprintable():
                raise refused
        return dict(value)


class DeclaredSchema(Schema):
    """What a sender declares of a file; what is left out is read from the file itself, or refused."""

    datum = Choice("wgs84", "gcj02", "bd09")
    crs = Text(longest=40, metadata={"description": "authority and code, such as EPSG:4490"})
    encoding = Text(longest=40, metadata={"description": "of the file's text, such as GB18030"})
    layer = Text(longest=LONGEST_NAME, metadata={"description": "which table of a file with several"})


class UploadQuery(DeclaredSchema):
    """What the file is, where it comes from and on what terms."""

    filename = Text(longest=LONGEST_NAME, required=True, metadata={"description": "its name; only its ending counts"})
    source_name = Text(longest=300, required=True, metadata={"description": "who made the data"})
    licence = Text(longest=300, required=True, metadata={"description": "on what terms it may be used"})
    attribution = Text(longest=300, required=True, metadata={"description": "what has to be shown to readers"})
    source_url = Text(
        longest=2000,
        validate=validate.Regexp(WEB_ADDRESS, error="begin with https:// or http://, without spaces"),
        metadata={"description": "where it came from", "pattern": WEB_ADDRESS},
    )
    retrieved_on = Day(metadata={"description": "the day it was fetched"})
    mapping = Mapping_(as_text=True)
    dry_run = Flag(metadata={"description": "go the whole way, tell everything, keep nothing"})


class ReloadBody(DeclaredSchema):
    """Other declarations for a kept file; what is left out stays as it was."""

    mapping = Mapping_()


class NoteBody(Schema):
    """Why it may be done; kept in the version's history."""

    note = Text(longest=500, required=True)


class MayNoteBody(Schema):
    """A note, where there is something to say."""

    note = Text(longest=500)


class OriginSchema(Schema):
    """Where the data comes from and on what terms."""

    source_name = fields.String(required=True)
    licence = fields.String(required=True)
    attribution = fields.String(required=True)
    source_url = fields.String(required=True, allow_none=True)
    retrieved_on = fields.String(required=True, allow_none=True)


class FileSchema(Schema):
    """The file as it was sent, and what it turned out to be."""

    name = fields.String(required=True, allow_none=True)
    bytes = fields.Integer(required=True, allow_none=True)
    sha256 = fields.String(required=True)
    format = fields.String(required=True, allow_none=True)
    encoding = fields.String(required=True, allow_none=True)
    crs = fields.String(required=True, allow_none=True)
    datum = fields.String(required=True, allow_none=True)
    layer = fields.String(required=True, allow_none=True)
    kept = fields.Boolean(required=True, metadata={"description": "whether it can be loaded again"})
    kept_until = fields.DateTime(required=True, allow_none=True)


class UsedMappingSchema(Schema):
    """Which columns the file has, and which of our properties were read from which."""

    columns = fields.List(fields.String(), required=True)
    used = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    guessed = fields.List(fields.String(), required=True)
    unused = fields.List(fields.String(), required=True)


class CountsSchema(Schema):
    """Rows of the file."""

    declared = fields.Integer(required=True)
    stored = fields.Integer(required=True)
    refused = fields.Integer(required=True)
    created = fields.Integer(required=True, metadata={"description": "things that have a new id"})


class ProgressSchema(Schema):
    """How far the work on it is; ``task`` is what a worker still has to do."""

    stage = fields.String(required=True, metadata={"enum": list(STAGES)})
    done = fields.Integer(required=True)
    total = fields.Integer(required=True)
    unit = fields.String(required=True, metadata={"enum": ["bytes", "rows"]})
    task = fields.String(required=True, allow_none=True, metadata={"enum": [*TASKS, None]})
    tries = fields.Integer(required=True)


class FailureSchema(Schema):
    """Why it kept nothing, or why it could not be shown, and what to do."""

    code = fields.String(required=True)
    detail = fields.String(required=True)
    hint = fields.String(required=True)


class ReasonSchema(Schema):
    """One finding that bears on the verdict."""

    code = fields.String(required=True)
    detail = fields.String(required=True)


class GateSchema(Schema):
    """What it needs before readers may see it."""

    verdict = fields.String(required=True, metadata={"enum": list(VERDICTS)})
    reasons = fields.List(fields.Nested(ReasonSchema), required=True)


class ApprovalSchema(Schema):
    """Who agreed, why and when."""

    by = fields.String(required=True)
    note = fields.String(required=True, allow_none=True)
    at = fields.DateTime(required=True)


class HistorySchema(ApprovalSchema):
    """One thing that was done with it."""

    step = fields.String(required=True)


class DatasetVersionSchema(Schema):
    """One loaded version of one kind of data of one city."""

    dataset_id = fields.UUID(required=True)
    city = fields.String(required=True)
    city_id = fields.Integer(required=True)
    kind = fields.String(required=True)
    version = fields.Integer(required=True)
    state = fields.String(required=True, metadata={"enum": list(DATASET_STATES)})
    active = fields.Boolean(required=True)
    outcome = fields.String(required=True, allow_none=True, metadata={"enum": [*OUTCOMES, "unchanged", None]})
    origin = fields.Nested(OriginSchema, required=True)
    file = fields.Nested(FileSchema, required=True)
    mapping = fields.Nested(UsedMappingSchema, required=True)
    counts = fields.Nested(CountsSchema, required=True)
    progress = fields.Nested(ProgressSchema, required=True)
    failure = fields.Nested(FailureSchema, required=True, allow_none=True)
    gate = fields.Nested(GateSchema, required=True)
    approvals = fields.List(fields.Nested(ApprovalSchema), required=True)
    history = fields.List(fields.Nested(HistorySchema), required=True)
    remarks = fields.List(fields.String(), required=True)
    dry_run = fields.Boolean(required=True)
    created_by = fields.String(required=True, allow_none=True)
    created_at = fields.DateTime(required=True)
    activated_at = fields.DateTime(required=True, allow_none=True)
    purged_at = fields.DateTime(required=True, allow_none=True)


class DatasetVersionListSchema(Schema):
    """Versions, newest first; without their history."""

    items = fields.List(fields.Nested(DatasetVersionSchema), required=True)
