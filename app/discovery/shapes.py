"""Answers of the read side as the API document shows them; they describe, they don't write."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from app.coupons.tables import COUPON_KINDS
from app.http.fields import Choice


def nullable(kind: type[fields.Field[Any]] = fields.String, **options: Any) -> fields.Field[Any]:
    """A member that is always there and may be null."""
    return kind(required=True, allow_none=True, **options)


class MoneyShape(Schema):
    """An amount in minor units of an ISO 4217 currency."""

    amount_minor = fields.Integer(required=True)
    currency = fields.String(required=True)


class LonLatShape(Schema):
    """A position in degrees, in the datum asked for."""

    lon = fields.Float(required=True)
    lat = fields.Float(required=True)


class TotalShape(Schema):
    """``eq``: exactly so many; ``gte``: at least so many."""

    value = fields.Integer(required=True)
    relation = Choice("eq", "gte", required=True)


def names() -> fields.Dict:
    """Names by language tag; ``local`` is the one on the sign."""
    return fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class CategoryRefShape(Schema):
    """A category by id and name."""

    category_id = fields.String(required=True)
    name = fields.String(required=True)


class AddressShape(Schema):
    """What is known of an address, and one line to show."""

    street = nullable()
    house_number = nullable()
    postcode = nullable()
    city = nullable()
    text = fields.String(required=True)


class HoursShape(Schema):
    """Open, closed or unknown at ``as_of``; when that changes."""

    state = Choice("open", "closed", "unknown", required=True)
    next_change_at = nullable(fields.DateTime)


class MerchantRefShape(Schema):
    """A merchant by id and name."""

    merchant_id = fields.UUID(required=True)
    name = fields.String(required=True)


class CouponBriefShape(Schema):
    """A coupon as a place lists it."""

    coupon_id = fields.UUID(required=True)
    kind = Choice(*COUPON_KINDS, required=True)
    title = fields.String(required=True)
    badge = fields.String(required=True)


class PlaceShape(Schema):
    """A place as lists show it."""

    place_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    name = fields.String(required=True)
    lang = fields.String(required=True)
    names = names()
    category = fields.Nested(CategoryRefShape, required=True)
    location = fields.Nested(LonLatShape, required=True)
    address = fields.Nested(AddressShape, required=True)
    hours = fields.Nested(HoursShape, required=True)
    merchant = nullable(fields.Nested, nested=MerchantRefShape)
    coupons = fields.List(fields.Nested(CouponBriefShape), required=True)
    coupon_count = fields.Integer(required=True)


class PlaceHitShape(PlaceShape):
    """A place with its distance."""

    distance_m = fields.Float(required=True)


class AppliedShape(Schema):
    """What the search did; the time and the versions are the first page's."""

    lat = fields.Float(required=True)
    lon = fields.Float(required=True)
    radius_m = fields.Float(required=True)
    datum = Choice("wgs84", "gcj02", "bd09", required=True)
    as_of = fields.DateTime(required=True)
    categories = fields.List(fields.String(), required=True)
    region = nullable(fields.UUID)
    versions = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    attribution = fields.List(fields.String(), required=True)


class AppliedToPlacesShape(AppliedShape):
    """As for every search around a point, and the filters of places."""

    open_now = fields.Boolean(required=True)
    include_unknown = fields.Boolean(required=True)
    has_coupon = fields.Boolean(required=True)


class AppliedToCouponsShape(AppliedShape):
    """As for every search around a point, and the filters of coupons."""

    kinds = fields.List(fields.String(), required=True)
    group_deal = nullable(fields.Boolean)
    in_service_area = fields.Boolean(required=True)


class PlacesShape(Schema):
    """A page of places."""

    items = fields.List(fields.Nested(PlaceHitShape), required=True)
    next_cursor = nullable()
    total = fields.Nested(TotalShape, required=True)
    applied = fields.Nested(AppliedToPlacesShape, required=True)


class GroupDealShape(Schema):
    """A price for several who join."""

    target = fields.Integer(required=True)
    seats = fields.Integer(required=True)
    price = fields.Nested(MoneyShape, required=True)


class CouponShape(Schema):
    """A coupon as lists show it."""

    coupon_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    version = fields.Integer(required=True)
    state = Choice("draft", "published", "paused", "ended", required=True)
    kind = Choice(*COUPON_KINDS, required=True)
    title = fields.String(required=True)
    lang = fields.String(required=True)
    summary = fields.String(required=True)
    badge = fields.String(required=True)
    price = fields.Nested(MoneyShape, required=True)
    face_value = nullable(fields.Nested, nested=MoneyShape)
    percent_off_bp = nullable(fields.Integer)
    min_spend = nullable(fields.Nested, nested=MoneyShape)
    cap = nullable(fields.Nested, nested=MoneyShape)
    claim_until = fields.DateTime(required=True)
    use_until = nullable(fields.DateTime)
    stock_left = fields.Integer(required=True)
    group_deal = nullable(fields.Nested, nested=GroupDealShape)
    fulfilment = Choice("in_store", "pickup", "delivery", "pre_order", required=True)
    merchant = nullable(fields.Nested, nested=MerchantRefShape)
    place_count = fields.Integer(required=True)


class CouponPlaceShape(Schema):
    """A place where a coupon can be used."""

    place_id = fields.UUID(required=True)
    name = fields.String(required=True)
    location = fields.Nested(LonLatShape, required=True)
    category = fields.Nested(CategoryRefShape, required=True)
    hours = fields.Nested(HoursShape, required=True)
    address = fields.Nested(AddressShape, required=True)


class CouponHitShape(CouponShape):
    """A coupon with the nearest place where it can be used."""

    distance_m = fields.Float(required=True)
    place = fields.Nested(CouponPlaceShape, required=True)
    service_area_id = nullable(fields.UUID)


class CouponsShape(Schema):
    """A page of coupons."""

    items = fields.List(fields.Nested(CouponHitShape), required=True)
    next_cursor = nullable()
    total = fields.Nested(TotalShape, required=True)
    applied = fields.Nested(AppliedToCouponsShape, required=True)
