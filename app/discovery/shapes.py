"""Answers of the read side as the API document shows them; they describe, they don't write."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema, fields

from app.coupons.tables import COUPON_KINDS
from app.discovery.redeemable import CLOSED, REASONS
from app.http.fields import Choice
from app.service_areas.types import KINDS as AREA_KINDS


def nullable(kind: type[fields.Field[Any]] = fields.String, **options: Any) -> fields.Field[Any]:
    """A member that is always there and may be null."""
    return kind(required=True, allow_none=True, **options)


def datum() -> Choice:
    """The datum of positions; a list's says how the point was read too."""
    return Choice("wgs84", "gcj02", "bd09", required=True)


class MoneySchema(Schema):
    """An amount in minor units of an ISO 4217 currency."""

    amount_minor = fields.Integer(required=True)
    currency = fields.String(required=True)


class LonLatSchema(Schema):
    """A position in degrees, in the datum asked for."""

    lon = fields.Float(required=True)
    lat = fields.Float(required=True)


class TotalSchema(Schema):
    """``eq``: exactly so many; ``gte``: at least so many."""

    value = fields.Integer(required=True)
    relation = Choice("eq", "gte", required=True)


def names() -> fields.Dict:
    """Names by language tag; ``local`` is the one on the sign."""
    return fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class CategoryRefSchema(Schema):
    """A category by id and name."""

    category_id = fields.String(required=True)
    name = fields.String(required=True)


class AddressSchema(Schema):
    """What is known of an address, and one line to show."""

    street = nullable()
    house_number = nullable()
    postcode = nullable()
    city = nullable()
    text = fields.String(required=True)


class HoursSchema(Schema):
    """Open, closed or unknown at ``as_of``; when that changes."""

    state = Choice("open", "closed", "unknown", required=True)
    next_change_at = nullable(fields.DateTime)


class MerchantRefSchema(Schema):
    """A merchant by id and name."""

    merchant_id = fields.UUID(required=True)
    name = fields.String(required=True)


class CouponBriefSchema(Schema):
    """A coupon as a place lists it."""

    coupon_id = fields.UUID(required=True)
    kind = Choice(*COUPON_KINDS, required=True)
    title = fields.String(required=True)
    badge = fields.String(required=True)


class PlaceSchema(Schema):
    """A place as lists show it."""

    place_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    name = fields.String(required=True)
    lang = fields.String(required=True)
    names = names()
    category = fields.Nested(CategoryRefSchema, required=True)
    location = fields.Nested(LonLatSchema, required=True)
    address = fields.Nested(AddressSchema, required=True)
    hours = fields.Nested(HoursSchema, required=True)
    price_level = nullable(fields.Integer)
    merchant = nullable(fields.Nested, nested=MerchantRefSchema)
    coupons = fields.List(fields.Nested(CouponBriefSchema), required=True)
    coupon_count = fields.Integer(required=True)


class DistanceBandSchema(Schema):
    """In place of a distance: from so many metres up to, but not including, so many; null is no end."""

    from_m = fields.Integer(required=True)
    to_m = nullable(fields.Integer)


class ScorePartsSchema(Schema):
    """What a score is made from, each from 0 to 1."""

    distance = fields.Float(required=True)
    rating = fields.Float(required=True)
    popularity = fields.Float(required=True)
    coupon = fields.Float(required=True)


class ScoreSchema(Schema):
    """Millionths; ``missing`` names the parts that stand for a median because nothing is known."""

    value = fields.Integer(required=True)
    parts = fields.Nested(ScorePartsSchema, required=True)
    missing = fields.List(Choice("rating", "popularity"), required=True)


class BucketSchema(Schema):
    """How many places a value of a facet has."""

    key = fields.String(required=True)
    name = fields.String(required=True)
    count = fields.Integer(required=True)


class FacetsSchema(Schema):
    """The facets asked for; ``approximate``: more than 10,000 places matched, the nearest of them are counted."""

    category = fields.List(fields.Nested(BucketSchema))
    price = fields.List(fields.Nested(BucketSchema))
    coupon_kind = fields.List(fields.Nested(BucketSchema))
    district = fields.List(fields.Nested(BucketSchema))
    distance = fields.List(fields.Nested(BucketSchema))
    approximate = fields.Boolean(required=True)


class VerdictSchema(Schema):
    """A filter's word on a place, with the values that it looked at."""

    class Meta:
        """Each filter has values of its own."""

        unknown = INCLUDE

    filter = fields.String(required=True)
    ok = fields.Boolean(required=True)


class ExplanationSchema(Schema):
    """The word of each filter on a place, under what was asked; null for a place that is not the caller's."""

    dataset_version = fields.Integer(required=True)
    verdicts = fields.List(fields.Nested(VerdictSchema), required=True)


class PlanSchema(Schema):
    """How a city was asked: what its groups of facets are of, and the one that led.

    ``lead`` is null where nothing could match; ``rows`` of it lie around, 400 standing for any larger number.
    """

    city_id = fields.Integer(required=True)
    lead = nullable()
    lanes = fields.Integer(required=True)
    rows = nullable(fields.Integer)
    groups = fields.List(fields.String(), required=True)


class PlaceHitSchema(PlaceSchema):
    """A place with its distance; ``outside_requested`` when only a wider search than the one asked found it."""

    distance_m = nullable(fields.Float)
    distance_band = fields.Nested(DistanceBandSchema)
    score = nullable(fields.Nested, nested=ScoreSchema)
    outside_requested = fields.Boolean()
    explain = fields.Nested(ExplanationSchema, allow_none=True)


FLAGS = ("outside_requested", "explain")
"""Members that say something of the search; no mask hides them."""


class MaskedPlaceSchema(Schema):
    """The members of a place that ``fields`` names, each in its usual shape; its id is always there."""

    class Meta:
        """Other members are named by the caller."""

        unknown = INCLUDE

    place_id = fields.UUID(required=True)


class AppliedSchema(Schema):
    """What the search did; the time and the versions are the first page's."""

    lat = fields.Float(required=True)
    lon = fields.Float(required=True)
    cell = nullable()
    radius_m = fields.Float(required=True)
    datum = datum()
    as_of = fields.DateTime(required=True)
    categories = fields.List(fields.String(), required=True)
    excluded_categories = fields.List(fields.String(), required=True)
    brands = fields.List(fields.String(), required=True)
    attributes = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), required=True)
    price_min = nullable(fields.Integer)
    price_max = nullable(fields.Integer)
    q = nullable()
    open_at = nullable(fields.DateTime)
    region = nullable(fields.UUID)
    include_fringe = fields.Boolean(required=True)
    versions = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    attribution = fields.List(fields.String(), required=True)


class ServesSchema(Schema):
    """The point that places were to serve, in the datum of the request, and by which kinds of area; none: any."""

    lat = fields.Float(required=True)
    lon = fields.Float(required=True)
    kinds = fields.List(Choice(*AREA_KINDS), required=True)


class AppliedToPlacesSchema(AppliedSchema):
    """As for every search around a point, and the filters of places."""

    serves = nullable(fields.Nested, nested=ServesSchema)
    open_now = fields.Boolean(required=True)
    include_unknown = fields.Boolean(required=True)
    has_coupon = fields.Boolean(required=True)
    relaxed = fields.List(Choice("radius", "open_now"), required=True)
    sort = Choice("distance", "blend", "popularity", required=True)
    weights = nullable(fields.Dict, keys=fields.String(), values=fields.Float())
    distance_bucket_m = nullable(fields.Integer)
    rank_snapshots = nullable(fields.Dict, keys=fields.String(), values=fields.String(allow_none=True))
    collapse = Choice("none", "merchant", required=True)
    mask = nullable(fields.List, cls_or_instance=fields.String(), data_key="fields")


class AppliedWithMaskSchema(AppliedToPlacesSchema):
    """As for every search of places, with the members that were asked for."""

    mask = fields.List(fields.String(), required=True, data_key="fields")


class AppliedToCouponsSchema(AppliedSchema):
    """As for every search around a point, and the filters of coupons."""

    serves = nullable(fields.Nested, nested=ServesSchema)
    kinds = fields.List(fields.String(), required=True)
    group_deal = nullable(fields.Boolean)
    in_service_area = fields.Boolean(required=True)
    sort = fields.String(required=True)
    collapse = fields.String(required=True)
    redeemable = nullable()
    at = nullable(fields.DateTime)
    party = nullable(fields.Integer)


class PlacesSchema(Schema):
    """A page of places."""

    items = fields.List(fields.Nested(PlaceHitSchema), required=True)
    next_cursor = nullable()
    total = fields.Nested(TotalSchema, required=True)
    applied = fields.Nested(AppliedToPlacesSchema, required=True)
    facets = nullable(fields.Nested, nested=FacetsSchema)
    plans = fields.List(fields.Nested(PlanSchema))


class MaskedPlacesSchema(PlacesSchema):
    """A page of places of which ``fields`` names the members."""

    items = fields.List(fields.Nested(MaskedPlaceSchema), required=True)
    applied = fields.Nested(AppliedWithMaskSchema, required=True)


class GroupDealSchema(Schema):
    """A price for several who join."""

    target = fields.Integer(required=True)
    seats = fields.Integer(required=True)
    price = fields.Nested(MoneySchema, required=True)


class CouponSchema(Schema):
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
    price = fields.Nested(MoneySchema, required=True)
    face_value = nullable(fields.Nested, nested=MoneySchema)
    percent_off_bp = nullable(fields.Integer)
    min_spend = nullable(fields.Nested, nested=MoneySchema)
    cap = nullable(fields.Nested, nested=MoneySchema)
    claim_until = fields.DateTime(required=True)
    use_until = nullable(fields.DateTime)
    stock_left = fields.Integer(required=True)
    group_deal = nullable(fields.Nested, nested=GroupDealSchema)
    fulfilment = Choice("in_store", "pickup", "delivery", "pre_order", required=True)
    merchant = nullable(fields.Nested, nested=MerchantRefSchema)
    place_count = fields.Integer(required=True)


class CouponPlaceSchema(Schema):
    """A place where a coupon can be used."""

    place_id = fields.UUID(required=True)
    name = fields.String(required=True)
    location = fields.Nested(LonLatSchema, required=True)
    category = fields.Nested(CategoryRefSchema, required=True)
    hours = fields.Nested(HoursSchema, required=True)
    address = fields.Nested(AddressSchema, required=True)


class RedeemableSchema(Schema):
    """Whether a coupon can be used at the place shown at the time asked, with what is against it.

    ``unknown`` hours forbid nothing. ``next_redeemable_at`` is within 14 days; null when it can be used, or waiting
    does not help.
    """

    now = fields.Boolean(required=True)
    reasons = fields.List(Choice(*REASONS), required=True)
    not_known = fields.List(Choice(*CLOSED), required=True, data_key="unknown")
    next_redeemable_at = nullable(fields.DateTime)


class CouponHitSchema(CouponSchema):
    """A coupon with the nearest place where it can be used; ``redeemable`` only where that was asked for."""

    distance_m = nullable(fields.Float)
    distance_band = fields.Nested(DistanceBandSchema)
    place = fields.Nested(CouponPlaceSchema, required=True)
    service_area_id = nullable(fields.UUID)
    redeemable = fields.Nested(RedeemableSchema)


class CouponsSchema(Schema):
    """A page of coupons."""

    items = fields.List(fields.Nested(CouponHitSchema), required=True)
    next_cursor = nullable()
    total = fields.Nested(TotalSchema, required=True)
    applied = fields.Nested(AppliedToCouponsSchema, required=True)
