"""Bodies and answers about coupons of partners."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from app.coupons.rules import MOST_SCOPE_IDS
from app.coupons.schemas import MOST_QUOTA, NewCouponBody
from app.http.fields import Id, WholeNumber


class PartnerTermsBody(NewCouponBody):
    """A version of the terms, all of it, and where it can be used."""

    class Meta:
        """What the platform, the merchant's own pages or the path say instead."""

        exclude = ("city_id", "scope_kind", "scope_ids", "platform_share_bp", "code_source")

    merchant_id = Id(metadata={"description": "may be left out by a client of one merchant alone"})
    place_ids = fields.List(
        Id(),
        required=True,
        validate=validate.Length(1, MOST_SCOPE_IDS),
        metadata={"description": "places of the merchant, all of one city"},
    )


class StockBody(Schema):
    """How many may be claimed in all."""

    quota = WholeNumber(low=0, high=MOST_QUOTA, required=True)


class EndBody(Schema):
    """Nothing to say."""


class PartnerStockAnswer(Schema):
    """How many were taken and how many can still be."""

    taken = fields.Integer(required=True)
    left = fields.Integer(required=True)


class PartnerCouponAnswer(Schema):
    """A partner's coupon as the flow has it."""

    external_id = fields.String(required=True)
    version = fields.Integer(required=True, metadata={"description": "the partner's newest number"})
    coupon_id = fields.UUID(required=True)
    coupon_version = fields.Integer(required=True, metadata={"description": "the flow's own number of it"})
    city_id = fields.Integer(required=True)
    merchant_id = fields.UUID(required=True)
    state = fields.String(required=True, metadata={"enum": ["draft", "published", "paused", "ended"]})
    stock = fields.Nested(PartnerStockAnswer, required=True)
