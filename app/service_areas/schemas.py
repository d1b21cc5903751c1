"""Bodies, queries and answers about areas as their merchants run them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from app.http.fields import Choice, DecimalNumber, Flag, Instant, Text, WholeNumber
from app.service_areas.drafts import MOST_METADATA, MOST_TAGS, Circle, Draft, Travel
from app.service_areas.isochrones import MODES, MOST_MINUTES
from app.service_areas.shapes import MAX_RADIUS_M, MIN_RADIUS_M
from app.service_areas.types import KINDS, STATES
from geo.coordinates import LonLat
from geo.grid_shift import Datum

MOST_MINOR = 100_000_000_000
SHAPES = ("geometry", "radius_m", "travel_minutes")


class Names(fields.Field[Mapping[str, str]]):
    """A name by language tag."""

    def __init__(self, **options: Any) -> None:
        text = {"type": "string", "minLength": 1, "maxLength": 100}
        metadata = {"type": "object", "additionalProperties": text, "example": {"en": "Delivery", "zh-Hans": "配送"}}
        super().__init__(metadata=metadata, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, str]:
        if not isinstance(value, dict) or not 1 <= len(value) <= 20:
            raise ValidationError('give an object of 1 to 20 names by language, such as {"en": "Delivery"}')
        wrong = {
            language: ["give text of 1 to 100 characters without control characters"]
            for language, words in value.items()
            if not isinstance(words, str) or not 1 <= len(words) <= 100 or any(ord(char) < 32 for char in words)
        }
        if wrong:
            raise ValidationError(wrong)
        return dict(value)


class JsonObject(fields.Field[Mapping[str, Any]]):
    """A JSON object that is looked into later."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("give an object")
        return value


class JsonNumber(DecimalNumber):
    """A number of JSON, no text."""

    def __init__(self, *, low: float, high: float, unit: str, **options: Any) -> None:
        super().__init__(low=low, high=high, code="invalid-body", unit=unit, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> float:
        return super()._deserialize(None if isinstance(value, str) else value, attr, data, **options)


class AreaPositionBody(Schema):
    """A position in the datum of the body."""

    lon = JsonNumber(low=-180, high=180, unit=" degrees", required=True)
    lat = JsonNumber(low=-90, high=90, unit=" degrees", required=True)


class AreaAmountBody(Schema):
    """An amount in the money of the city."""

    amount_minor = WholeNumber(low=0, high=MOST_MINOR, required=True)
    currency = Text(shortest=3, longest=3, required=True)


class AreaEffectiveBody(Schema):
    """When an area is in force, half-open."""

    from_ = Instant(allow_none=True, load_default=None, data_key="from")
    until = Instant(allow_none=True, load_default=None)


_GEOJSON = {
    "type": "object",
    "required": ["type", "coordinates"],
    "properties": {
        "type": {"type": "string", "enum": ["Polygon", "MultiPolygon"]},
        "coordinates": {"type": "array", "items": {"type": "array", "items": {}}},
    },
    "description": "GeoJSON, closed rings, at most 2,000 points and 500 rings; holes are left out of the area",
}


class AreaBody(Schema):
    """An area, whole: what is left out is as if it had never been said. One of geometry, radius_m, travel_minutes."""

    kind = Choice(*KINDS, required=True)
    names = Names(load_default=None)
    geometry = JsonObject(metadata=_GEOJSON)
    center = fields.Nested(
        AreaPositionBody, metadata={"description": "the middle of a circle; the place when left out"}
    )
    radius_m = JsonNumber(low=MIN_RADIUS_M, high=MAX_RADIUS_M, unit=" metres")
    travel_minutes = WholeNumber(low=1, high=MOST_MINUTES)
    mode = Choice(*MODES)
    datum = Choice("wgs84", "gcj02", "bd09", load_default="wgs84")
    schedule = Text(longest=1000, allow_none=True, load_default=None)
    priority = WholeNumber(low=-1000, high=1000, load_default=0)
    fee = fields.Nested(AreaAmountBody, allow_none=True, load_default=None)
    min_order = fields.Nested(AreaAmountBody, allow_none=True, load_default=None)
    tags = fields.List(Text(longest=60), validate=validate.Length(0, MOST_TAGS), load_default=list)
    metadata = JsonObject(
        load_default=dict,
        metadata={
            "type": "object",
            "maxProperties": MOST_METADATA,
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "description": "whatever the merchant wants to find again; shown to its own people alone",
        },
    )
    effective = fields.Nested(AreaEffectiveBody, allow_none=True, load_default=None)
    draft = Flag(
        load_default=False, metadata={"description": "keep it though the city, the plan or others stand against"}
    )

    @validates_schema
    def _one_shape(self, data: Mapping[str, Any], **_: Any) -> None:
        given = [name for name in SHAPES if name in data]
        if len(given) != 1:
            name = given[1] if len(given) > 1 else "geometry"
            raise ValidationError({name: ["say where the area is in one way: geometry, radius_m or travel_minutes"]})
        if "mode" in data and given != ["travel_minutes"]:
            raise ValidationError({"mode": ["this goes with travel_minutes alone"]})
        if "travel_minutes" in data and "mode" not in data:
            raise ValidationError({"mode": ["say how one travels: walk, bike or drive"]})
        if "center" in data and given == ["geometry"]:
            raise ValidationError({"center": ["this goes with radius_m or travel_minutes"]})
        money = [data[name]["currency"] for name in ("fee", "min_order") if data.get(name)]
        if len(set(money)) > 1:
            raise ValidationError({"min_order": {"currency": ["give both amounts in one currency"]}})

    @post_load
    def _draft(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        center = LonLat(data["center"]["lon"], data["center"]["lat"]) if "center" in data else None
        effective = data["effective"] or {}
        money = data["fee"] or data["min_order"]
        draft = Draft(
            kind=data["kind"],
            names=data["names"] or {},
            geometry=data.get("geometry"),
            circle=Circle(center, data["radius_m"]) if "radius_m" in data else None,
            travel=Travel(center, data["travel_minutes"], data["mode"]) if "travel_minutes" in data else None,
            datum=Datum(data["datum"]),
            schedule=data["schedule"],
            priority=data["priority"],
            currency=money["currency"] if money else None,
            fee_minor=data["fee"]["amount_minor"] if data["fee"] else 0,
            min_order_minor=data["min_order"]["amount_minor"] if data["min_order"] else 0,
            tags=tuple(data["tags"]),
            metadata=data["metadata"],
            effective_from=effective.get("from_"),
            effective_until=effective.get("until"),
            unfinished=data["draft"],
        )
        return {"draft": draft}


class AreaDatumQuery(Schema):
    """In which datum drawings are shown."""

    datum = Choice("wgs84", "gcj02", "bd09", load_default="wgs84")


class AreaPutQuery(AreaDatumQuery):
    """Whether a drawing may be mended."""

    repair = Flag(
        load_default=False, metadata={"description": "close open rings and mend what crosses itself; remarks tell"}
    )


class AreaHistoryQuery(AreaDatumQuery):
    """A page of versions."""

    limit = WholeNumber(low=1, high=100, load_default=20)
    cursor = Text(longest=4096)


class AreaReviewsQuery(AreaHistoryQuery):
    """What waits for a review in a city."""

    city = Text(longest=60, required=True, metadata={"description": "slug or id", "example": "hangzhou"})


class AreaStepBody(Schema):
    """Nothing to say."""


class AreaRevertBody(Schema):
    """Which version is to be in force again."""

    version = WholeNumber(low=1, high=1_000_000, required=True)


class AreaNoteBody(Schema):
    """A word to the merchant, if there is one."""

    note = Text(longest=500, allow_none=True, load_default=None)


class AreaReasonBody(Schema):
    """What the merchant has to change."""

    note = Text(longest=500, required=True)


class AreaPlanBody(Schema):
    """What a merchant's areas may be."""

    max_area_km2 = WholeNumber(low=1000, high=5000, required=True)
    review = Flag(required=True)


class AreaPlanAnswer(Schema):
    """What a merchant's areas may be, and whether an operator looks at each first."""

    merchant_id = fields.UUID(required=True)
    max_area_km2 = fields.Integer(required=True)
    review = fields.Boolean(required=True)


def _null(field: type[fields.Field[Any]], **options: Any) -> Any:
    return field(required=True, allow_none=True, **options)


class AreaAmountAnswer(Schema):
    """An amount."""

    amount_minor = fields.Integer(required=True)
    currency = fields.String(required=True)


class AreaEffectiveAnswer(Schema):
    """When a version is in force while it is published, half-open."""

    from_ = fields.DateTime(required=True, data_key="from")
    until = _null(fields.DateTime)


class AreaReviewAnswer(Schema):
    """What an operator said."""

    at = fields.DateTime(required=True)
    note = _null(fields.String)


class AreaDrawingAnswer(Schema):
    """A GeoJSON Polygon or MultiPolygon."""

    type = fields.String(required=True, metadata={"enum": ["Polygon", "MultiPolygon"]})
    coordinates = fields.List(fields.Raw(), required=True)


class AreaVersionAnswer(Schema):
    """One drawing with its terms; ``outline`` says how it came about where nobody drew it.

    ``effective`` is as its merchant said it; what follows may end it earlier, at ``in_force_until``.
    """

    version = fields.Integer(required=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    names = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    geometry = fields.Nested(AreaDrawingAnswer, required=True)
    outline = _null(fields.Dict)
    source_datum = fields.String(required=True)
    area_m2 = fields.Float(required=True)
    point_count = fields.Integer(required=True)
    schedule = _null(fields.String)
    priority = fields.Integer(required=True)
    fee = fields.Nested(AreaAmountAnswer, required=True)
    min_order = fields.Nested(AreaAmountAnswer, required=True)
    tags = fields.List(fields.String(), required=True)
    metadata = fields.Dict(required=True)
    effective = fields.Nested(AreaEffectiveAnswer, required=True)
    in_force_until = _null(fields.DateTime)
    based_on = _null(fields.Integer)
    edited_at = fields.DateTime(required=True)
    published_at = _null(fields.DateTime)
    ended_at = _null(fields.DateTime)
    review = _null(fields.Nested, nested=AreaReviewAnswer)


class AreaAnswer(Schema):
    """An area as its merchant runs it: what is in force, what is published to begin later, and what waits."""

    service_area_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    place_id = fields.UUID(required=True)
    merchant_id = fields.UUID(required=True)
    external_id = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    revision = fields.Integer(required=True)
    created_at = fields.DateTime(required=True)
    published = _null(fields.Nested, nested=AreaVersionAnswer)
    scheduled = _null(fields.Nested, nested=AreaVersionAnswer)
    waiting = _null(fields.Nested, nested=AreaVersionAnswer)
    next_actions = fields.List(fields.String(), required=True)
    datum = fields.String(required=True)


class AreaRemarkAnswer(Schema):
    """What of a drawing was changed so that it could be kept."""

    code = fields.String(required=True)
    detail = fields.String(required=True)
    pointer = fields.String(required=True)


class AreaFaultAnswer(Schema):
    """What stands against an unfinished drawing."""

    detail = fields.String(required=True)
    pointer = _null(fields.String)
    code = _null(fields.String)
    hint = _null(fields.String)
    location = _null(fields.Nested, nested=AreaPositionBody)


class SavedAreaAnswer(AreaAnswer):
    """An area after an edit."""

    remarks = fields.List(fields.Nested(AreaRemarkAnswer), required=True)
    faults = fields.List(fields.Nested(AreaFaultAnswer), required=True)


class AreaCountAnswer(Schema):
    """How many there are in all."""

    value = fields.Integer(required=True)
    relation = fields.String(required=True, metadata={"enum": ["eq", "gte"]})


class AreasApplied(Schema):
    """What the list was asked with."""

    place_id = fields.UUID(required=True)
    datum = fields.String(required=True)


class AreasAnswer(Schema):
    """A place's areas, whole."""

    items = fields.List(fields.Nested(AreaAnswer), required=True)
    next_cursor = _null(fields.String)
    total = fields.Nested(AreaCountAnswer, required=True)
    applied = fields.Nested(AreasApplied, required=True)


class AreaHistoryApplied(Schema):
    """What the history was asked with."""

    place_id = fields.UUID(required=True)
    external_id = fields.String(required=True)
    limit = fields.Integer(required=True)
    datum = fields.String(required=True)


class AreaHistoryAnswer(Schema):
    """A page of an area's versions, newest first."""

    items = fields.List(fields.Nested(AreaVersionAnswer), required=True)
    next_cursor = _null(fields.String)
    total = fields.Nested(AreaCountAnswer, required=True)
    applied = fields.Nested(AreaHistoryApplied, required=True)


class AreaReviewsApplied(Schema):
    """What the list was asked with."""

    city_id = fields.Integer(required=True)
    limit = fields.Integer(required=True)
    datum = fields.String(required=True)


class AreaReviewsAnswer(Schema):
    """A page of what waits for a review, the oldest first."""

    items = fields.List(fields.Nested(AreaAnswer), required=True)
    next_cursor = _null(fields.String)
    total = fields.Nested(AreaCountAnswer, required=True)
    applied = fields.Nested(AreaReviewsApplied, required=True)
