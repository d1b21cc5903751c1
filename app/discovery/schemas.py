"""Query strings of the read side become frozen values here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, post_load, pre_load

from app.coupons.tables import COUPON_KINDS
from app.discovery.types import CouponSearch, NearbySearch
from app.http.fields import Choice, DecimalNumber, Flag, Id, Instant, Text, WholeNumber, fault, latitude, longitude
from app.regions.tables import REGION_KINDS
from geo.coordinates import LonLat
from geo.grid_shift import Datum, to_wgs84

MAX_RADIUS_M = 50_000
DEFAULT_RADIUS_M = 3_000
DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_CATEGORIES = 50


class RadiusMetres(DecimalNumber):
    """A radius in metres, whole millimetres."""

    def __init__(self, **options: Any) -> None:
        super().__init__(low=1, high=MAX_RADIUS_M, code="invalid-radius", unit=" metres", **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> float:
        number = super()._deserialize(value, attr, data, **options)
        if abs(number * 1000 - round(number * 1000)) > 1e-6:
            raise fault("give at most three decimals", self.code)
        return number


class Cursor(Text):
    """A cursor as an answer gave it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(longest=4096, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> str:
        try:
            return super()._deserialize(value, attr, data, **options)
        except ValidationError:
            raise fault("take the cursor from the answer to the same query, unchanged", "invalid-cursor") from None


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


class PointQuery(Schema):
    """A point, in a datum."""

    lat = latitude(required=True)
    lon = longitude(required=True)
    datum = Choice("wgs84", "gcj02", "bd09", load_default="wgs84")

    @pre_load
    def _say_when_swapped(self, data: Any, **_: Any) -> Any:
        lat, lon = _number(data.get("lat")), _number(data.get("lon"))
        if lat is not None and lon is not None and 90 < abs(lat) <= 180 and abs(lon) <= 90:
            said = "lat is not within -90..90; lat and lon look swapped"
            raise ValidationError({"lat": {"detail": said, "code": "invalid-coordinate", "hint": "swapped"}})
        return data


def _point(data: Mapping[str, Any]) -> tuple[LonLat, LonLat, Datum]:
    """The point as given and in WGS 84, both with seven decimals, and the datum."""
    datum = Datum(data["datum"])
    given = LonLat(data["lon"], data["lat"]).rounded()
    return given, to_wgs84(given, datum).rounded(), datum


class AroundQuery(PointQuery):
    """What both searches around a point take."""

    radius_m = RadiusMetres(load_default=float(DEFAULT_RADIUS_M))
    category = fields.List(Text(longest=60), load_default=list)
    region = Id(load_default=None)
    limit = WholeNumber(low=1, high=MAX_LIMIT, load_default=DEFAULT_LIMIT)
    cursor = Cursor(load_default=None)


def _around(data: Mapping[str, Any]) -> dict[str, Any]:
    given, origin, datum = _point(data)
    if len(data["category"]) > MAX_CATEGORIES:
        raise ValidationError({"category": {"detail": f"give at most {MAX_CATEGORIES}", "code": "invalid-parameter"}})
    return {
        "given": given,
        "origin": origin,
        "datum": datum,
        "radius_mm": round(data["radius_m"] * 1000),
        "categories": tuple(dict.fromkeys(data["category"])),
        "region_id": data["region"],
        "limit": data["limit"],
        "cursor": data["cursor"],
    }


class PlacesNearbyQuery(AroundQuery):
    """``GET /v1/places/nearby``."""

    open_now = Flag(load_default=False)
    include_unknown = Flag(load_default=False)
    has_coupon = Flag(load_default=False)

    @post_load
    def _search(self, data: dict[str, Any], **_: Any) -> NearbySearch:
        return NearbySearch(
            open_now=data["open_now"],
            include_unknown=data["include_unknown"],
            has_coupon=data["has_coupon"],
            **_around(data),
        )


class CouponsNearbyQuery(AroundQuery):
    """``GET /v1/coupons/nearby``."""

    kind = fields.List(Choice(*COUPON_KINDS), load_default=list)
    group_deal = Flag(load_default=None)
    in_service_area = Flag(load_default=False)

    @post_load
    def _search(self, data: dict[str, Any], **_: Any) -> CouponSearch:
        return CouponSearch(
            kinds=tuple(dict.fromkeys(data["kind"])),
            group_deal=data["group_deal"],
            in_service_area=data["in_service_area"],
            **_around(data),
        )


@dataclass(frozen=True, slots=True)
class PlaceView:
    """In which datum to show one thing."""

    datum: Datum


class DatumQuery(Schema):
    """``GET /v1/places/{id}`` and ``/v1/coupons/{id}``."""

    datum = Choice("wgs84", "gcj02", "bd09", load_default="wgs84")

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
        return PointSearch(*_point(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainingSearch:
    """Service areas at a point and an instant (None: now)."""

    given: LonLat
    origin: LonLat
    datum: Datum
    at: datetime | None
    limit: int
    cursor: str | None


class ContainingQuery(PointQuery):
    """``GET /v1/service-areas/containing``."""

    at = Instant(load_default=None)
    limit = WholeNumber(low=1, high=MAX_LIMIT, load_default=MAX_LIMIT)
    cursor = Cursor(load_default=None)

    @post_load
    def _search(self, data: dict[str, Any], **_: Any) -> ContainingSearch:
        given, origin, datum = _point(data)
        return ContainingSearch(
            given=given, origin=origin, datum=datum, at=data["at"], limit=data["limit"], cursor=data["cursor"]
        )


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

    city = Text(longest=60, load_default=None)
    kind = Choice(*REGION_KINDS, load_default=None)
    parent = Id(load_default=None)
    limit = WholeNumber(low=1, high=MAX_LIMIT, load_default=DEFAULT_LIMIT)
    cursor = Cursor(load_default=None)

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

    parent = Text(longest=60, load_default=None)
    depth = WholeNumber(low=1, high=6, load_default=6)

    @post_load
    def _search(self, data: dict[str, Any], **_: Any) -> CategoriesSearch:
        return CategoriesSearch(data["parent"], data["depth"])
