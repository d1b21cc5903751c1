"""Bodies, queries and answers about saved areas, alerts and offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.geofencing.schemas import FencePointAnswer, FencePointBody, told
from app.http.fields import Choice, DecimalNumber, Id, Instant, Text, WholeNumber

WATCHES: Final = ("new_coupon", "new_place", "price_below")
KINDS: Final = ("new_coupon", "price_below", "new_place", "offer")
SHAPES: Final = ("place_id", "circle", "geometry")


class SavedCircleBody(Schema):
    """A point and how far around it."""

    center = fields.Nested(FencePointBody, required=True)
    radius_m = DecimalNumber(low=50, high=50_000, unit=" metres", code="invalid-body", required=True)


class SavedPriceBody(Schema):
    """A price."""

    amount_minor = WholeNumber(low=1, high=100_000_000_000, required=True)
    currency = Text(longest=3, shortest=3, required=True, metadata={"pattern": "^[A-Z]{3}$"})


class SavedBody(Schema):
    """A place, a circle or an area, and what there is worth an alert."""

    name = Text(longest=100, required=True)
    place_id = told(Id(), "a live place")
    circle = fields.Nested(SavedCircleBody)
    geometry = told(fields.Dict(), "a GeoJSON Polygon or MultiPolygon of 2,000 points and 5,000 km² at most")
    watch = fields.List(
        Choice(*WATCHES),
        required=True,
        validate=validate.Length(min=1, max=3, error="give one to three"),
        metadata={"uniqueItems": True},
    )
    price_below = told(fields.Nested(SavedPriceBody), "with `price_below`: coupons that cost less")
    expires_at = told(Instant(allow_none=True, load_default=None), "when it ends by itself")

    @validates_schema
    def fits(self, data: Mapping[str, Any], **_: Any) -> None:
        """One shape, each watch once, and a price where one is watched."""
        given = [name for name in SHAPES if name in data]
        if len(given) != 1:
            raise ValidationError({given[1] if given else "circle": "give one of place_id, circle and geometry"})
        watch = data.get("watch", ())
        if len(set(watch)) != len(watch):
            raise ValidationError({"watch": "name each once"})
        if ("price_below" in watch) != ("price_below" in data):
            raise ValidationError({"price_below": "give it where watch has price_below, and nowhere else"})


class SavedCircleAnswer(Schema):
    """A point and how far around it."""

    center = fields.Nested(FencePointAnswer, required=True)
    radius_m = fields.Float(required=True)


class SavedPriceAnswer(Schema):
    """A price."""

    amount_minor = fields.Integer(required=True)
    currency = fields.String(required=True)


class SavedAnswer(Schema):
    """What a member saved; exactly one shape is not null."""

    saved_id = fields.String(required=True)
    name = fields.String(required=True)
    place_id = fields.UUID(required=True, allow_none=True)
    circle = fields.Nested(SavedCircleAnswer, required=True, allow_none=True)
    geometry = fields.Dict(required=True, allow_none=True)
    watch = fields.List(fields.String(metadata={"enum": list(WATCHES)}), required=True)
    price_below = fields.Nested(SavedPriceAnswer, required=True, allow_none=True)
    expires_at = fields.DateTime(required=True, allow_none=True)
    changed_at = fields.DateTime(required=True)


class SavedListAnswer(Schema):
    """Everything that a member saved, by their names; twenty at most."""

    items = fields.List(fields.Nested(SavedAnswer), required=True)


class AlertsQuery(Schema):
    """A page of alerts."""

    limit = WholeNumber(low=1, high=100, load_default=20)
    cursor = Text(longest=4096)


class AlertAnswer(Schema):
    """An alert; ``digest``: it waited for the end of quiet hours with others of the same ``deliver_at``."""

    alert_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    coupon_id = fields.UUID(required=True, allow_none=True)
    place_id = fields.UUID(required=True, allow_none=True)
    saved_id = fields.String(required=True, allow_none=True)
    digest = fields.Boolean(required=True)
    deliver_at = fields.DateTime(required=True)
    created_at = fields.DateTime(required=True)
    expires_at = fields.DateTime(required=True, allow_none=True)


class AlertsTotalAnswer(Schema):
    """How many there are at least."""

    value = fields.Integer(required=True)
    relation = fields.String(required=True, metadata={"enum": ["eq", "gte"]})


class AlertsAppliedAnswer(Schema):
    """What the list was asked with."""

    limit = fields.Integer(required=True)


class AlertsAnswer(Schema):
    """A page of a member's alerts, newest first."""

    items = fields.List(fields.Nested(AlertAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    total = fields.Nested(AlertsTotalAnswer, required=True)
    applied = fields.Nested(AlertsAppliedAnswer, required=True)


class OfferBody(Schema):
    """Which coupon a fence offers, and when."""

    coupon_id = told(Id(required=True), "a published coupon of the fence's merchant and city")
    on = Choice("entered", "dwelled", load_default="entered")


class OfferAnswer(Schema):
    """What a fence offers; who got it is told to nobody."""

    geofence_id = fields.UUID(required=True)
    coupon_id = fields.UUID(required=True)
    on = fields.String(required=True, metadata={"enum": ["entered", "dwelled"]})
    created_at = fields.DateTime(required=True)
