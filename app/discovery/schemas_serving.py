"""Query strings and bodies of lookups in service areas become frozen values here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, post_load, validate

from app.core.errors import Fault
from app.discovery.schemas import MAX_LIMIT, PointQuery, cursor_field, limit_field, point_of, told
from app.http.fields import Choice, DecimalNumber, Id, Instant
from app.service_areas.types import KINDS
from geo.coordinates import LonLat
from geo.grid_shift import Datum, to_wgs84

MOST_POINTS: Final = 100
MOST_MEMBERS: Final = 24
MAX_ACCURACY_M: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainingSearch:
    """Service areas at a point and an instant (None: now); of some kinds, and asked about one place, where said."""

    given: LonLat
    origin: LonLat
    datum: Datum
    at: datetime | None
    kinds: tuple[str, ...] | None
    place_id: UUID | None
    accuracy_m: float | None
    limit: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class PointAsked:
    """A point in WGS 84, when, and how accurately it is known."""

    origin: LonLat
    at: datetime
    accuracy_m: float | None


@dataclass(frozen=True, slots=True)
class PointGiven:
    """One point of many; ``at`` None: as the body says."""

    origin: LonLat
    at: datetime | None
    accuracy_m: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingCheck:
    """Many points; what is wrong with one stands in its place. ``given`` are the points as they came."""

    points: tuple[PointGiven | Fault, ...]
    given: tuple[Mapping[str, Any], ...]
    datum: Datum
    at: datetime | None
    kinds: tuple[str, ...] | None
    place_id: UUID | None


def _kind(**options: Any) -> Any:
    return told(
        fields.List(Choice(*KINDS), load_default=None, **options),
        "only areas of these kinds; any of them",
        ["delivery"],
    )


def _accuracy(**options: Any) -> Any:
    return told(
        DecimalNumber(low=0, high=MAX_ACCURACY_M, code="invalid-parameter", unit=" metres", **options),
        "how accurate the fix is, metres; `confidence` says what that means at the border",
        20,
    )


def _place() -> Any:
    return told(
        Id(load_default=None),
        "whether this place serves the point: `served` and `nearest` are about it alone, `others` serve in its stead",
    )


class ContainingQuery(PointQuery):
    """``GET /v1/service-areas/containing``."""

    at = told(
        Instant(load_default=None),
        "areas in force, and open by their schedule, at this time; RFC 3339 with offset, now when left out",
        "2026-11-22T18:30:00+08:00",
    )
    kind = _kind()
    place_id = _place()
    accuracy_m = _accuracy(load_default=None)
    limit = limit_field(MAX_LIMIT)
    cursor = cursor_field()

    @post_load
    def _search(self, data: dict[str, Any], **_: Any) -> ContainingSearch:
        given, origin, datum = point_of(data)
        return ContainingSearch(
            given=given,
            origin=origin,
            datum=datum,
            at=data["at"],
            kinds=tuple(dict.fromkeys(data["kind"])) if data["kind"] else None,
            place_id=data["place_id"],
            accuracy_m=data["accuracy_m"],
            limit=data["limit"],
            cursor=data["cursor"],
        )


class _Point(Schema):
    lon = DecimalNumber(low=-180, high=180, code="invalid-coordinate", unit=" degrees", required=True)
    lat = DecimalNumber(low=-90, high=90, code="invalid-coordinate", unit=" degrees", required=True)
    at = Instant(load_default=None)
    accuracy_m = _accuracy(load_default=None, allow_none=True)


class PointsGiven(fields.Field[Any]):
    """Points with whatever else their sender wants to find again; a bad one does not spoil the others."""

    def __init__(self, **options: Any) -> None:
        point = {"type": "object", "maxProperties": MOST_MEMBERS}
        said = (
            "answered in this order; each with `lon` and `lat`, maybe `at` and `accuracy_m`, and members of your own,"
            " which come back in `given`. What is wrong with one is told in its place, as `error`"
        )
        example = [{"lon": 120.16, "lat": 30.25, "order": "A-1"}]
        metadata = {"type": "array", "minItems": 1, "maxItems": MOST_POINTS, "items": point, "description": said}
        metadata["example"] = example
        super().__init__(metadata=metadata, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not 1 <= len(value) <= MOST_POINTS:
            raise ValidationError(f"give 1 to {MOST_POINTS} points")
        wrong = {
            index: ["give an object with lon and lat, and members of your own if you like"]
            for index, each in enumerate(value)
            if not isinstance(each, dict) or len(each) > MOST_MEMBERS
        }
        if wrong:
            raise ValidationError(wrong)
        return value


class ServingCheckBody(Schema):
    """``POST /v1/service-areas/check``."""

    points = PointsGiven(required=True)
    datum = Choice("wgs84", "gcj02", "bd09", load_default="wgs84")
    at = Instant(load_default=None)
    kind = fields.List(Choice(*KINDS), load_default=None, validate=validate.Length(1, len(KINDS)))
    place_id = Id(load_default=None)

    @post_load
    def _check(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        datum = Datum(data["datum"])
        points = tuple(_point(each, index, datum) for index, each in enumerate(data["points"]))
        check = ServingCheck(
            points=points,
            given=tuple(data["points"]),
            datum=datum,
            at=data["at"],
            kinds=tuple(dict.fromkeys(data["kind"])) if data["kind"] else None,
            place_id=data["place_id"],
        )
        return {"check": check}


_ONE: Final = _Point()


def _point(given: Mapping[str, Any], index: int, datum: Datum) -> PointGiven | Fault:
    try:
        known = _ONE.load({name: given[name] for name in _ONE.fields if name in given})
    except ValidationError as error:
        messages: Any = error.messages
        name = next(iter(messages))
        first = messages[name]
        first = first[0] if isinstance(first, list) else first
        told_so = str(first["detail"]) if isinstance(first, dict) else str(first)
        if told_so == "Missing data for required field.":
            told_so = "this member is required"
        code = first.get("code", "invalid-body") if isinstance(first, dict) else "invalid-body"
        swapped = name == "lat" and _swapped(given)
        return Fault(told_so, pointer=f"/points/{index}/{name}", code=code, hint="swapped" if swapped else None)
    origin = to_wgs84(LonLat(known["lon"], known["lat"]).rounded(), datum).rounded()
    return PointGiven(origin, known["at"], known["accuracy_m"])


def _swapped(given: Mapping[str, Any]) -> bool:
    lon, lat = given.get("lon"), given.get("lat")
    if not isinstance(lon, int | float) or not isinstance(lat, int | float):
        return False
    return 90 < abs(lat) <= 180 and abs(lon) <= 90
