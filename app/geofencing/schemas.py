"""Bodies, queries and answers about fences and their events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.geofencing.types import Cause, Confidence, What
from app.http.fields import Choice, DecimalNumber, Id, Instant, Text, WholeNumber, latitude, longitude
from app.places.opening_hours import parse_ok
from geo.errors import GeoError

STATES: Final = ("active", "expired", "deleted")
SHAPES: Final = ("geometry", "circle", "follows")
MOST_TAGS: Final = 20
EXTERNAL_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9._:~-]*$"
RULES: Final = (
    "enter_after_s",
    "dwell_s",
    "exit_after_s",
    "exit_buffer_m",
    "max_accuracy_m",
    "cooldown_s",
    "reorder_s",
)


def told(field: Any, description: str) -> Any:
    """A field with words."""
    field.metadata["description"] = description
    return field


def fault_at(pointer: str, error: GeoError) -> ValidationError:
    """A fault of geometry under its JSON pointer."""
    at = error.location
    detail = error.detail if at is None else f"{error.detail} It is at lon {at.lon}, lat {at.lat}."
    said: Any = {"detail": detail, "code": error.code, "hint": error.hint}
    for step in reversed((pointer + error.pointer).split("/")[1:]):
        said = {step: said}
    return ValidationError(said)


class DwellTimes(fields.List[Any]):
    """Up to three times in ascending order."""

    def __init__(self, **options: Any) -> None:
        said = {"description": "seconds after which it is told that somebody is still there: up to three, ascending"}
        options = {"validate": validate.Length(max=3, error="give three at most"), "metadata": said, **options}
        super().__init__(WholeNumber(low=1, high=86_400), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> list[Any]:
        found: list[Any] = super()._deserialize(value, attr, data, **more)
        if sorted(set(found)) != found:
            raise ValidationError("give each time once, the shortest first")
        return found


class Schedule(Text):
    """Hours in OpenStreetMap's notation, which must be readable."""

    def __init__(self, **options: Any) -> None:
        said = "hours in OpenStreetMap's notation; outside them nothing begins, and who is inside is let out as always"
        super().__init__(longest=1000, metadata={"description": said, "example": "Mo-Fr 07:00-22:00"}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> str:
        found = super()._deserialize(value, attr, data, **more)
        if not parse_ok(found):
            raise ValidationError('write hours like "Mo-Fr 07:00-22:00; Sa 09:00-18:00"')
        return found


class FencePointBody(Schema):
    """A position of WGS 84."""

    lon = longitude(required=True)
    lat = latitude(required=True)


class FenceCircleBody(Schema):
    """A circle."""

    center = fields.Nested(FencePointBody, required=True)
    radius_m = DecimalNumber(low=20, high=50_000, unit=" metres", code="invalid-body", required=True)


class FenceFollowsBody(Schema):
    """What a fence follows; when that is drawn anew, the fence is too."""

    service_area_id = told(Id(), "a published service area of the merchant's own")
    region_id = told(Id(), "a region or business district in force")

    @validates_schema
    def one_of_them(self, data: Mapping[str, Any], **_: Any) -> None:
        """Exactly one."""
        if len(data) != 1:
            raise ValidationError("give exactly one of service_area_id and region_id")


class FenceTermsBody(Schema):
    """What can be said of a fence; a change names what it changes."""

    name = Text(longest=100)
    geometry = told(
        fields.Dict(), "a GeoJSON Polygon or MultiPolygon: 2,000 points, 1,000 m² at least, 5,000 km² at most"
    )
    circle = fields.Nested(FenceCircleBody)
    follows = fields.Nested(FenceFollowsBody)
    enter_after_s = told(WholeNumber(low=0, high=3600), "seconds inside before it counts as entered")
    dwell_s = DwellTimes()
    exit_after_s = told(WholeNumber(low=0, high=3600), "seconds outside before it counts as left")
    exit_buffer_m = told(
        DecimalNumber(low=0, high=1000, unit=" metres", code="invalid-body"),
        "metres beyond the border within which nobody has left",
    )
    max_accuracy_m = told(
        DecimalNumber(low=1, high=1000, unit=" metres", code="invalid-body"), "less accurate fixes change nothing"
    )
    cooldown_s = told(WholeNumber(low=0, high=604_800), "seconds after leaving in which nobody enters anew")
    reorder_s = told(
        WholeNumber(low=0, high=300), "seconds that a fix waits for earlier ones that come later; 0: seen at once"
    )
    schedule = Schedule(allow_none=True)
    expires_at = told(Instant(allow_none=True), "when the fence ends by itself")
    tags = fields.List(
        Text(longest=50), validate=validate.Length(max=MOST_TAGS, error=f"give {MOST_TAGS} tags at most")
    )

    @validates_schema
    def one_shape(self, data: Mapping[str, Any], **_: Any) -> None:
        """One drawing at most."""
        given = [name for name in SHAPES if name in data]
        if len(given) > 1:
            raise ValidationError(dict.fromkeys(given[1:], "give one of geometry, circle and follows"))


class NewFenceBody(FenceTermsBody):
    """A new fence."""

    merchant_id = told(Id(), "whose fence it is; may be left out by who has one merchant")
    city_id = told(WholeNumber(low=1, high=1_048_575), "id from /v1/cities; the merchant's home city when left out")
    external_id = told(
        Text(longest=100, required=True, validate=validate.Regexp(EXTERNAL_ID, error="letters, digits and . _ : ~ -")),
        "the merchant's own name of the fence; a fence that comes back under it is the same one",
    )
    name = Text(longest=100, required=True)

    @validates_schema
    def has_a_shape(self, data: Mapping[str, Any], **_: Any) -> None:
        """A drawing, or something that has one."""
        if not any(name in data for name in SHAPES):
            raise ValidationError({"geometry": "give geometry, circle or follows"})


class FencesQuery(Schema):
    """A page of fences."""

    merchant_id = Id()
    state = Choice(*STATES)
    limit = WholeNumber(low=1, high=100, load_default=20)
    cursor = Text(longest=4096)


class FencePointAnswer(Schema):
    """A position."""

    lon = fields.Float(required=True)
    lat = fields.Float(required=True)


class FenceCircleAnswer(Schema):
    """A circle."""

    center = fields.Nested(FencePointAnswer, required=True)
    radius_m = fields.Float(required=True)


class FenceFollowsAnswer(Schema):
    """What a fence follows, and the version of it that it is drawn after."""

    service_area_id = fields.UUID()
    region_id = fields.UUID()
    version = fields.Integer(required=True)


def _null(kind: Any, **options: Any) -> Any:
    return kind(required=True, allow_none=True, **options)


class FenceVersionAnswer(Schema):
    """What one version of a fence says."""

    version = fields.Integer(required=True)
    name = fields.String(required=True)
    geometry = _null(fields.Dict)
    circle = _null(fields.Nested, nested=FenceCircleAnswer)
    enter_after_s = fields.Integer(required=True)
    dwell_s = fields.List(fields.Integer(), required=True)
    exit_after_s = fields.Integer(required=True)
    exit_buffer_m = fields.Float(required=True)
    max_accuracy_m = fields.Float(required=True)
    cooldown_s = fields.Integer(required=True)
    reorder_s = fields.Integer(required=True)
    schedule = _null(fields.String)
    tags = fields.List(fields.String(), required=True)
    created_at = fields.DateTime(required=True)


class FenceAnswer(Schema):
    """A fence with its version in force."""

    geofence_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    merchant_id = fields.UUID(required=True)
    external_id = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    follows = _null(fields.Nested, nested=FenceFollowsAnswer)
    expires_at = _null(fields.DateTime)
    created_at = fields.DateTime(required=True)
    changed_at = fields.DateTime(required=True)
    ended_at = _null(fields.DateTime)
    terms = fields.Nested(FenceVersionAnswer, required=True)


class FencesTotalAnswer(Schema):
    """How many there are at least."""

    value = fields.Integer(required=True)
    relation = fields.String(required=True, metadata={"enum": ["eq", "gte"]})


class FencesAppliedAnswer(Schema):
    """What the list was asked with."""

    merchant_id = _null(fields.UUID)
    state = _null(fields.String)
    limit = fields.Integer(required=True)


class FencesAnswer(Schema):
    """A page of fences, newest first."""

    items = fields.List(fields.Nested(FenceAnswer), required=True)
    next_cursor = _null(fields.String)
    total = fields.Nested(FencesTotalAnswer, required=True)
    applied = fields.Nested(FencesAppliedAnswer, required=True)


class FenceVersionsAnswer(Schema):
    """A fence's versions, newest first, a hundred at most."""

    items = fields.List(fields.Nested(FenceVersionAnswer), required=True)


class FenceEventFixAnswer(Schema):
    """The fix that an event is known by; ``cell``, its square of a hundredth of a degree, is for operators alone."""

    at = fields.DateTime(required=True)
    accuracy_m = _null(fields.Integer)
    border_m = fields.Integer(
        required=True, allow_none=True, metadata={"description": "metres to the border, negative inside"}
    )
    cell = _null(fields.List, cls_or_instance=fields.Integer())


class FenceEventAnswer(Schema):
    """Why an event was told: the version of the fence, its rules then, and the fix."""

    event_id = fields.UUID(required=True)
    geofence_id = fields.UUID(required=True)
    external_id = fields.String(required=True)
    pair_id = fields.UUID(required=True)
    seq = fields.Integer(required=True)
    what = fields.String(required=True, metadata={"enum": list(get_args(What))})
    cause = fields.String(required=True, metadata={"enum": list(get_args(Cause))})
    dwell_s = _null(fields.Integer)
    confidence = fields.String(required=True, metadata={"enum": list(get_args(Confidence))})
    late = fields.Boolean(required=True)
    replayed = fields.Boolean(required=True)
    occurred_at = fields.DateTime(required=True)
    detected_at = fields.DateTime(required=True)
    fix = _null(fields.Nested, nested=FenceEventFixAnswer)
    fence_version = fields.Nested(FenceVersionAnswer, required=True)
