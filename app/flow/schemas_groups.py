"""Bodies, queries and answers about groups."""

from __future__ import annotations

from marshmallow import Schema, fields

from app.flow.schemas_claims import ClaimAnswer, FixBody, MerchantBriefAnswer, MoneyAnswer, PlaceCodeBody
from app.http.fields import Id, Text

GROUP_STATES = ("open", "succeeded", "failed", "closed")
SEAT_STATES = ("reserved", "joined", "left", "refunding", "refunded")
GROUP_ACTIONS = ("join", "pay", "show_code", "cancel", "invite")


class Invitation(Text):
    """What an invitation's link says beside the group's id."""

    def __init__(self) -> None:
        super().__init__(longest=100, metadata={"description": "from invite_url; who is in the group needs none"})


class StartGroupBody(Schema):
    """The coupon whose group deal is begun; ``location``, ``place_code`` and ``device_id`` as for a claim."""

    coupon_id = Id(required=True)
    location = fields.Nested(FixBody)
    place_code = fields.Nested(PlaceCodeBody)
    device_id = Text(longest=100)


class JoinGroupBody(Schema):
    """The invitation; ``location``, ``place_code`` and ``device_id`` as for a claim."""

    invite = Invitation()
    location = fields.Nested(FixBody)
    place_code = fields.Nested(PlaceCodeBody)
    device_id = Text(longest=100)


class GroupQuery(Schema):
    """The invitation."""

    invite = Invitation()


class GroupAnswer(Schema):
    """A group: how far it is, until when, and the caller's own seat."""

    group_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    coupon_id = fields.UUID(required=True)
    merchant = fields.Nested(MerchantBriefAnswer, required=True, allow_none=True)
    title = fields.String(required=True)
    lang = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": list(GROUP_STATES)})
    target = fields.Integer(required=True, metadata={"description": "so many paid seats make the deal"})
    seats = fields.Integer(required=True, metadata={"description": "so many there are"})
    joined = fields.Integer(required=True, metadata={"description": "seats that are paid for"})
    missing = fields.Integer(required=True, metadata={"description": "paid seats that the deal still needs"})
    seats_left = fields.Integer(required=True, metadata={"description": "seats that nobody has, paid or not"})
    price = fields.Nested(MoneyAnswer, required=True)
    single_price = fields.Nested(MoneyAnswer, required=True, metadata={"description": "what it costs without a group"})
    deadline = fields.DateTime(required=True, metadata={"description": "the first instant at which it is over"})
    time_zone = fields.String(required=True)
    claim_within_m = fields.Integer(required=True, allow_none=True)
    wants_position = fields.Boolean(required=True)
    wants_device = fields.Boolean(required=True)
    refund_policy = fields.String(required=True)
    invite = fields.String(required=True, allow_none=True)
    invite_url = fields.String(required=True, allow_none=True, metadata={"description": "the page to join"})
    seat = fields.String(required=True, allow_none=True, metadata={"enum": [*SEAT_STATES, None]})
    claim = fields.Nested(ClaimAnswer, required=True, allow_none=True)
    next_actions = fields.List(fields.String(metadata={"enum": list(GROUP_ACTIONS)}), required=True)
    created_at = fields.DateTime(required=True)
    decided_at = fields.DateTime(
        required=True, allow_none=True, metadata={"description": "when the deal was made, or failed"}
    )
