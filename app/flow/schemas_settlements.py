"""Queries and answers about statements."""

from __future__ import annotations

from marshmallow import Schema, fields

from app.flow.schemas_claims import MoneyAnswer
from app.http.fields import Choice, Id, Text, WholeNumber

STATES = ("draft", "closed", "paid", "disputed")
HAPPENINGS = ("sale", "payment", "refund", "reversal")


class SettlementsQuery(Schema):
    """A page of statements, newest first."""

    merchant_id = Id(metadata={"description": "one of the caller's merchants; all of them when left out"})
    state = Choice(*STATES)
    limit = WholeNumber(low=1, high=100, load_default=20)
    cursor = Text(longest=4096)


class SettlementLinesQuery(Schema):
    """A page of lines, in the order of their numbers."""

    limit = WholeNumber(low=1, high=100, load_default=20)
    cursor = Text(longest=4096)


def _money(words: str) -> fields.Nested:
    return fields.Nested(MoneyAnswer, required=True, metadata={"description": words})


class SettlementAmountsAnswer(Schema):
    """Who paid and gave what, from the merchant's side: gross + unused = merchant_discount + platform_discount + paid;
    net = paid - paid_to_merchant + platform_discount - platform_fee."""

    gross = _money("what was rung up")
    unused = _money("what was paid for coupons beyond what they took off")
    merchant_discount = _money("what the merchant gave")
    platform_discount = _money("what the platform gave")
    paid = _money("what the customers paid, when they claimed and at the till")
    paid_to_merchant = _money("the part of it that the merchant took at its own till")
    provider_fee = _money("what payment providers kept; the platform bears it")
    platform_fee = _money("the platform's commission")
    tax_base = _money("what the merchant got for its goods: paid and platform_discount")
    net = _money("what the platform owes the merchant")


class SettlementFileAnswer(Schema):
    """The file of a closed statement."""

    sha256 = fields.String(required=True)
    rows = fields.Integer(required=True, metadata={"description": "lines behind the row of names"})
    href = fields.String(required=True)


class SettlementAnswer(Schema):
    """A statement: opening + net + receivable - recovered = payout + carried."""

    settlement_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    merchant_id = fields.UUID(required=True)
    number = fields.Integer(required=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    currency = fields.String(required=True)
    period_from = fields.DateTime(required=True)
    period_to = fields.DateTime(required=True)
    line_count = fields.Integer(required=True)
    amounts = fields.Nested(SettlementAmountsAnswer, required=True)
    opening = _money("what the statement before carried on; 0 or less")
    receivable = _money("what lies below the floor and is asked of the merchant otherwise")
    recovered = _money("what is held back for what was receivable before")
    payout = _money("what is paid out")
    carried = _money("what the next statement begins with; 0 or less")
    file = fields.Nested(SettlementFileAnswer, required=True, allow_none=True)
    created_at = fields.DateTime(required=True)
    closed_at = fields.DateTime(required=True, allow_none=True)
    paid_at = fields.DateTime(required=True, allow_none=True)
    payout_ref = fields.String(required=True, allow_none=True)
    disputed_at = fields.DateTime(required=True, allow_none=True)
    dispute_reason = fields.String(required=True, allow_none=True)


class SettlementTotalAnswer(Schema):
    """How many there are."""

    value = fields.Integer(required=True)
    relation = fields.String(required=True, metadata={"enum": ["eq"]})


class SettlementsAppliedAnswer(Schema):
    """What the list was asked with."""

    merchant_id = fields.UUID(required=True, allow_none=True)
    state = fields.String(required=True, allow_none=True)
    limit = fields.Integer(required=True)


class SettlementsAnswer(Schema):
    """A page of statements, newest first."""

    items = fields.List(fields.Nested(SettlementAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    total = fields.Nested(SettlementTotalAnswer, required=True)
    applied = fields.Nested(SettlementsAppliedAnswer, required=True)


class SettlementLineAnswer(Schema):
    """A sale, a payment that came after it, a refund, or the reversal of the sale."""

    line_no = fields.Integer(required=True)
    happening = fields.String(required=True, metadata={"enum": list(HAPPENINGS)})
    happened_at = fields.DateTime(required=True)
    redemption_id = fields.UUID(required=True)
    payment_id = fields.UUID(required=True, allow_none=True)
    refund_id = fields.UUID(required=True, allow_none=True)
    place_id = fields.UUID(required=True)
    request_no = fields.String(required=True)
    pos_order_no = fields.String(required=True, allow_none=True)
    amounts = fields.Nested(SettlementAmountsAnswer, required=True)


class SettlementLinesAppliedAnswer(Schema):
    """What the list was asked with."""

    limit = fields.Integer(required=True)


class SettlementLinesAnswer(Schema):
    """A page of the lines of a statement."""

    items = fields.List(fields.Nested(SettlementLineAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    total = fields.Nested(SettlementTotalAnswer, required=True)
    applied = fields.Nested(SettlementLinesAppliedAnswer, required=True)
