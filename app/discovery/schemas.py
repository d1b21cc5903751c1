"""Query strings of the read side become frozen values here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, post_load, pre_load

from app.discovery.masks import FieldMask
from app.http.fields import Choice, Id, Text, WholeNumber, fault, latitude, longitude
from app.regions.types import REGION_KINDS
from geo.coordinates import LonLat
from geo.grid_shift import Datum, to_wgs84

DEFAULT_LIMIT = 20
MAX_LIMIT = 100


class Cursor(Text):
    """A cursor as an answer gave it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(longest=4096, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> str:
        try:
            return super()._deserialize(value, attr, data, **options)
        except ValidationError:
            raise fault("take the cursor from the answer to the same query, unchanged", "invalid-cursor") from None


F = TypeVar("F", bound="fields.Field[Any]")


def told(field: F, description: str, example: Any = None) -> F:
    """The field with words, and a value that works in the demo data, for the API document."""
    words = {"description": description} if example is None else {"description": description, "example": example}
    field.metadata = {**field.metadata, **words}
    return field


def _datum() -> Choice:
    said = "datum of positions given and shown; GeoJSON answers show WGS 84 whatever it says"
    return told(Choice("wgs84", "gcj02", "bd09", load_default="wgs84"), said, "wgs84")


def limit_field(default: int) -> WholeNumber:
    return told(WholeNumber(low=1, high=MAX_LIMIT, load_default=default), "how many at most on a page", default)


def cursor_field() -> Cursor:
    said = "`next_cursor` of the page before, with the other parameters unchanged; valid for 15 minutes"
    return told(Cursor(load_default=None), said)


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


class PointQuery(Schema):
    """A point, in a datum."""

    lat = told(latitude(required=True), "latitude in degrees; rounded to 7 decimals", 30.25)
    lon = told(longitude(required=True), "longitude in degrees; rounded to 7 decimals", 120.16)
    datum = _datum()

    @pre_load
    def _say_when_swapped(self, data: Any, **_: Any) -> Any:
        lat, lon = _number(data.get("lat")), _number(data.get("lon"))
        if lat is not None and lon is not None and 90 < abs(lat) <= 180 and abs(lon) <= 90:
            said = "lat is not within -90..90; lat and lon look swapped"
            raise ValidationError({"lat": {"detail": said, "code": "invalid-coordinate", "hint": "swapped"}})
        return data


def point_of(data: Mapping[str, Any]) -> tuple[LonLat, LonLat, Datum]:
    """The point as given and in WGS 84, both with seven decimals, and the datum."""
    datum = Datum(data["datum"])
    given = LonLat(data["lon"], data["lat"]).rounded()
    return given, to_wgs84(given, datum).rounded(), datum


@dataclass(frozen=True, slots=True)
class PlaceView:
    """In which datum to show one thing, and which of its members."""

    datum: Datum
    fields: FieldMask | None = None


class DatumQuery(Schema):
    """``GET /v1/coupons/{id}``."""

    datum = _datum()

    @post_load
    def _view(self, data: dict[str, Any], **_: Any) -> PlaceView:
        return PlaceView(Datum(data["datum"]))


@dataclass(frozen=True, slots=True)
class PointSearch:
    """What lies at a point: as given, and in WGS 84."""

    given: LonLat
    origin: LonLat
    datum: Datum


class LookupQuery(PointQuery):
    """``GET /v1/regions/lookup``."""

    @post_load
    def _search(self, data: dict[str, Any], **_: Any) -> PointSearch:
        return PointSearch(*point_of(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionsSearch:
    """A list of areas; ``city`` is a slug or an id."""

    city: str | None
    kind: str | None
    parent_id: UUID | None
    limit: int
    cursor: str | None


class RegionsQuery(Schema):
    """``GET /v1/regions``."""

    city = told(Text(longest=60, load_default=None), "slug or id from /v1/cities; all cities when left out", "hangzhou")
    kind = told(Choice(*REGION_KINDS, load_default=None), "only areas of this kind", "district")
    parent = told(Id(load_default=None), "id of an area: only those directly beneath it")
    limit = limit_field(DEFAULT_LIMIT)
    cursor = cursor_field()

    @post_load
    def _search(self, data: dict[str, Any], **_: Any) -> RegionsSearch:
        return RegionsSearch(
            city=data["city"],
            kind=data["kind"],
            parent_id=data["parent"],
            limit=data["limit"],
            cursor=data["cursor"],
        )


@dataclass(frozen=True, slots=True)
class CategoriesSearch:
    """A part of the category tree: what lies beneath a category, and how many levels of it."""

    parent_id: str | None
    depth: int


class CategoriesQuery(Schema):
    """``GET /v1/categories``."""

    parent = told(Text(longest=60, load_default=None), "id of a category: only what lies beneath it", "food")
    depth = told(WholeNumber(low=1, high=6, load_default=6), "how many levels", 1)

    @post_load
    def _search(self, data: dict[str, Any], **_: Any) -> CategoriesSearch:
        return CategoriesSearch(data["parent"], data["depth"])
