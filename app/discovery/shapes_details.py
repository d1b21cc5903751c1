"""Answers about one thing and of the catalogue, as the API document shows them."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from app.discovery.shapes import (
    CouponPlaceSchema,
    CouponSchema,
    HoursSchema,
    LonLatSchema,
    MoneySchema,
    PlaceSchema,
    TotalSchema,
    datum,
    names,
    nullable,
)
from app.http.fields import Choice
from app.regions.types import REGION_KINDS


class OpenSpanSchema(Schema):
    """Open from, until; an end before the start is on the next day."""

    start = fields.String(required=True, data_key="from")
    until = fields.String(required=True)


def week() -> fields.Field[Any]:
    """Seven days, Monday first; a day partly unknown is null."""
    return nullable(fields.List, cls_or_instance=fields.List(fields.Nested(OpenSpanSchema), allow_none=True))


class OutlookSchema(HoursSchema):
    """The state now, when it changes, and when the place next opens or closes for sure; 14 days are looked ahead."""

    next_open_at = nullable(fields.DateTime)
    next_close_at = nullable(fields.DateTime)
    always_open = fields.Boolean(required=True)


class SpecialDaySchema(Schema):
    """A date that differs from its weekday; ``spans`` is null when a part of it is unknown."""

    on = fields.Date(required=True)
    kind = Choice("holiday", "makeup_workday", "dated", required=True)
    spans = nullable(fields.List, cls_or_instance=fields.Nested(OpenSpanSchema))


class HoursOfWeekSchema(OutlookSchema):
    """The state now, the week (seven days, Monday first; a day partly unknown is null), and the days that differ.

    ``secondary`` holds other kinds of hours by name, such as ``kitchen``.
    """

    week = week()
    special_days = fields.List(fields.Nested(SpecialDaySchema), required=True)
    secondary = fields.Dict(keys=fields.String(), values=fields.Nested(OutlookSchema), required=True)


class BrandSchema(Schema):
    """A chain."""

    brand_id = fields.String(required=True)
    name = fields.String(required=True)
    lang = fields.String(required=True)
    names = names()


class CategorySchema(Schema):
    """A node of the category tree."""

    category_id = fields.String(required=True)
    parent_id = nullable()
    name = fields.String(required=True)
    lang = fields.String(required=True)
    names = names()
    has_children = fields.Boolean(required=True)


class RegionSchema(Schema):
    """An area without its drawing."""

    region_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    kind = Choice(*REGION_KINDS, required=True)
    admin_level = fields.Integer(required=True)
    region_code = fields.String(required=True)
    name = fields.String(required=True)
    lang = fields.String(required=True)
    names = names()
    parent_id = nullable(fields.UUID)
    note = nullable()
    demo = fields.Boolean(required=True)


class SourceSchema(Schema):
    """Where a place's data come from, on what terms, its key there, and when they were taken from there.

    ``lon`` and ``lat`` are the source's own digits in its ``datum``; ``method`` says how WGS 84 was made of them.
    """

    name = fields.String(required=True)
    licence = fields.String(required=True)
    attribution = fields.String(required=True)
    key = fields.String(required=True)
    retrieved_on = nullable(fields.Date)
    datum = datum()
    lon = fields.Float(required=True)
    lat = fields.Float(required=True)
    method = Choice("as_given", "gcj02_inverse", "bd09_inverse", required=True)


class PlaceDetailSchema(PlaceSchema):
    """A place with everything that is known of it."""

    datum = datum()
    hours = fields.Nested(HoursOfWeekSchema, required=True)
    phone = nullable()
    website = nullable()
    opening_hours = nullable()
    time_zone = fields.String(required=True)
    price_level = nullable(fields.Integer)
    attributes = fields.Dict(keys=fields.String(), required=True)
    brand = nullable(fields.Nested, nested=BrandSchema)
    categories = fields.List(fields.Nested(CategorySchema), required=True)
    regions = fields.List(fields.Nested(RegionSchema), required=True)
    source = nullable(fields.Nested, nested=SourceSchema)
    dataset_version = fields.Integer(required=True)


class MovedSchema(Schema):
    """The place was merged into another."""

    moved_to = fields.UUID(required=True)


class TermsSchema(Schema):
    """The full terms of a coupon; times are half-open, from and until."""

    list_price = nullable(fields.Nested, nested=MoneySchema)
    claim_from = fields.DateTime(required=True)
    claim_until = fields.DateTime(required=True)
    use_from = nullable(fields.DateTime)
    use_until = nullable(fields.DateTime)
    valid_days_after_claim = nullable(fields.Integer)
    blackout_dates = fields.List(fields.Date(), required=True)
    use_hours = nullable()
    use_week = week()
    scope_kind = Choice("all_places", "places", "service_areas", "regions", required=True)
    claim_within_m = nullable(fields.Integer)
    claim_in_area = fields.Boolean(required=True)
    party_min = nullable(fields.Integer)
    party_max = nullable(fields.Integer)
    quota = fields.Integer(required=True)
    per_day = nullable(fields.Integer)
    per_member = fields.Integer(required=True)
    per_member_day = nullable(fields.Integer)
    per_device = nullable(fields.Integer)
    units = fields.Integer(required=True)
    group_deadline_s = nullable(fields.Integer)
    stacking = Choice("exclusive", "with_others", "within_group", required=True)
    stack_group = nullable()
    reversal_window_s = fields.Integer(required=True)
    refund_policy = Choice("none", "unused", "unused_and_expired", required=True)
    refund_below_min_spend = Choice("keep", "claw_back", required=True)
    rounding_rule = Choice("floor", "half_even", required=True)
    offline_allowed = fields.Boolean(required=True)


class CouponDetailSchema(CouponSchema):
    """A coupon with its full terms and all places where it can be used."""

    datum = datum()
    place = nullable(fields.Nested, nested=CouponPlaceSchema)
    places = fields.List(fields.Nested(CouponPlaceSchema), required=True)
    terms = fields.Nested(TermsSchema, required=True)


class CitySchema(Schema):
    """A territory with live places."""

    city_id = fields.Integer(required=True)
    slug = fields.String(required=True)
    kind = Choice("city", "country", required=True)
    name = fields.String(required=True)
    lang = fields.String(required=True)
    names = names()
    centre = fields.Nested(LonLatSchema, required=True)
    zoom = fields.Integer(required=True)
    bbox = fields.List(fields.Float(), required=True)
    time_zone = fields.String(required=True)
    currency = nullable()
    attribution = fields.List(fields.String(), required=True)
    place_count = fields.Integer(required=True)
    coupon_count = fields.Integer(required=True)


class AppliedToListSchema(Schema):
    """Versions by city that the list shows, and whom to name."""

    versions = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    attribution = fields.List(fields.String(), required=True)


class AppliedToPointSchema(AppliedToListSchema):
    """The point asked, and the versions that answered."""

    lat = fields.Float(required=True)
    lon = fields.Float(required=True)
    datum = datum()


class CitiesSchema(Schema):
    """All territories."""

    items = fields.List(fields.Nested(CitySchema), required=True)
    next_cursor = nullable()
    total = fields.Nested(TotalSchema, required=True)
    applied = fields.Nested(AppliedToListSchema, required=True)


class CategoriesSchema(Schema):
    """A part of the category tree, depth first."""

    items = fields.List(fields.Nested(CategorySchema), required=True)
    next_cursor = nullable()
    total = fields.Nested(TotalSchema, required=True)
    applied = fields.Nested(AppliedToListSchema, required=True)


class RegionsSchema(Schema):
    """A page of areas."""

    items = fields.List(fields.Nested(RegionSchema), required=True)
    next_cursor = nullable()
    total = fields.Nested(TotalSchema, required=True)
    applied = fields.Nested(AppliedToListSchema, required=True)


class LookupSchema(Schema):
    """The chain of areas at a point, outermost first; ``ambiguous`` on a shared border."""

    items = fields.List(fields.Nested(RegionSchema), required=True)
    next_cursor = nullable()
    total = fields.Nested(TotalSchema, required=True)
    applied = fields.Nested(AppliedToPointSchema, required=True)
    ambiguous = fields.Boolean(required=True)


class GeometrySchema(Schema):
    """A GeoJSON Polygon or MultiPolygon."""

    type = Choice("Polygon", "MultiPolygon", required=True)
    coordinates = fields.List(fields.Raw(), required=True)


class RegionDetailSchema(RegionSchema):
    """An area with its drawing."""

    boundary = fields.Nested(GeometrySchema, required=True)
    area_m2 = fields.Float(required=True)
    attribution = fields.List(fields.String(), required=True)
    dataset_version = fields.Integer(required=True)


class FollowedRegionSchema(Schema):
    """An area that is no more, and those that followed it."""

    region_id = fields.UUID(required=True)
    successors = fields.List(fields.Nested(RegionSchema), required=True)


class TileLayerSchema(Schema):
    """A layer of a vector tile and its attributes."""

    id = fields.String(required=True)
    description = fields.String(required=True)
    attributes = fields.Dict(keys=fields.String(), values=fields.String(), required=True, data_key="fields")


class TileJsonSchema(Schema):
    """TileJSON 3.0."""

    tilejson = fields.String(required=True)
    name = fields.String(required=True)
    tiles = fields.List(fields.String(), required=True)
    scheme = fields.String(required=True)
    minzoom = fields.Integer(required=True)
    maxzoom = fields.Integer(required=True)
    bounds = fields.List(fields.Float(), required=True)
    attribution = fields.String(required=True)
    version = fields.String(required=True)
    vector_layers = fields.List(fields.Nested(TileLayerSchema), required=True)
