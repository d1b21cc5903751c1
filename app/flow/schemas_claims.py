"""Bodies, queries and answers about claims."""

from __future__ import annotations

from marshmallow import Schema, fields

from app.http.fields import Choice, DecimalNumber, Digits, Flag, Id, Instant, Text, WholeNumber, latitude, longitude

STATE_GROUPS = ("usable", "used", "ended")
CLAIM_STATES = ("pending_payment", "active", "redeemed", "released", "cancelled", "expired", "refunded")


class MoneyAnswer(Schema):
    """An amount in minor units of its currency."""

    amount_minor = fields.Integer(required=True)
    currency = fields.String(required=True)


class FixBody(Schema):
    """Where the phone is: WGS 84 degrees, the accuracy in metres, and when it measured."""

    lat = latitude(required=True)
    lon = longitude(required=True)
    accuracy_m = DecimalNumber(low=0, high=100_000, unit=" m", required=True)
    at = Instant(required=True)
    mock = Flag(load_default=False, metadata={"description": "the phone says that the position is simulated"})


class PlaceCodeBody(Schema):
    """The digits that a place's till shows, in place of a position: whoever reads them stands there."""

    place_id = Id(required=True)
    code = Digits(6, required=True)


class ClaimBody(Schema):
    """What a member wants: ``location`` where the place counts, ``device_id`` where devices are limited."""

    coupon_id = Id(required=True)
    claim_id = Id(
        metadata={
            "description": "from partners' clients alone: their own id of the claim, a UUIDv7 whose low 20 bits are"
            " those of the coupon's city; the same id for the same user and coupon is the same claim, whatever the key"
        }
    )
    location = fields.Nested(FixBody)
    place_code = fields.Nested(PlaceCodeBody)
    device_id = Text(longest=100)


class CancelClaimBody(Schema):
    """Why a claim is given back."""

    reason = Text(longest=200)


class ClaimsQuery(Schema):
    """A page of one's claims."""

    state = Choice(*STATE_GROUPS)
    limit = WholeNumber(low=1, high=100, load_default=20)
    cursor = Text(longest=4096)


class MerchantBriefAnswer(Schema):
    """Whose coupon it is."""

    merchant_id = fields.UUID(required=True)
    name = fields.String(required=True)


class ClaimAnswer(Schema):
    """A claim as its owner sees it; no code stands in it."""

    claim_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    coupon_id = fields.UUID(required=True)
    coupon_version = fields.Integer(required=True)
    merchant = fields.Nested(MerchantBriefAnswer, required=True, allow_none=True)
    title = fields.String(required=True)
    lang = fields.String(required=True)
    kind = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": list(CLAIM_STATES)})
    units = fields.Integer(required=True)
    units_left = fields.Integer(required=True)
    price = fields.Nested(MoneyAnswer, required=True)
    code_tail = fields.String(required=True, metadata={"description": "the last four digits of the code"})
    claimed_at = fields.DateTime(required=True)
    valid_from = fields.DateTime(required=True)
    valid_until = fields.DateTime(required=True, metadata={"description": "the first instant at which it is over"})
    time_zone = fields.String(required=True)
    pay_until = fields.DateTime(required=True, allow_none=True)
    use_hours = fields.String(required=True, allow_none=True)
    blackout_dates = fields.List(fields.Date(), required=True)
    refund_policy = fields.String(required=True)
    distance_m = fields.Integer(required=True, allow_none=True)
    group_id = fields.UUID(required=True, allow_none=True, metadata={"description": "the group that it is a seat of"})
    next_actions = fields.List(fields.String(metadata={"enum": ["pay", "show_code", "cancel"]}), required=True)


class ClaimsTotalAnswer(Schema):
    """How many there are in all."""

    value = fields.Integer(required=True)
    relation = fields.String(required=True, metadata={"enum": ["eq"]})


class ClaimsAppliedAnswer(Schema):
    """What the list was asked with."""

    state = fields.String(required=True, allow_none=True)
    limit = fields.Integer(required=True)


class ClaimsAnswer(Schema):
    """A page of one's claims, newest first."""

    items = fields.List(fields.Nested(ClaimAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    total = fields.Nested(ClaimsTotalAnswer, required=True)
    applied = fields.Nested(ClaimsAppliedAnswer, required=True)


class CodeAnswer(Schema):
    """A code, for its owner's eyes: to be read out in groups of four, or scanned."""

    claim_id = fields.UUID(required=True)
    human_code = fields.String(
        required=True,
        metadata={"description": "twelve digits as 0000 0000 0000, or the merchant's own code as it was brought"},
    )
    qr_payload = fields.String(required=True)
    valid_until = fields.DateTime(required=True)
    rotates_every_s = fields.Integer(required=True, allow_none=True)
    state = fields.String(required=True)
