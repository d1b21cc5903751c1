"""Queries and answers about a merchant's ledger lines."""

from __future__ import annotations

from marshmallow import Schema, fields

from app.http.fields import Id, Text, WholeNumber
from app.ledger.rules import MERCHANT_KINDS

MAX_LINES = 100


class LedgerQuery(Schema):
    """A page of lines, newest first."""

    merchant_id = Id(metadata={"description": "one of the caller's merchants; all of them when left out"})
    limit = WholeNumber(low=1, high=MAX_LINES, load_default=20)
    cursor = Text(longest=4096)


class LineMoneyAnswer(Schema):
    """An amount in minor units, negative for what the merchant gives."""

    amount_minor = fields.Integer(required=True)
    currency = fields.String(required=True)


class LineEventAnswer(Schema):
    """The business event that moved the money."""

    type = fields.String(required=True, metadata={"enum": ["payment", "refund", "redemption_unit", "settlement"]})
    id = fields.UUID(required=True)


class LineAnswer(Schema):
    """One transfer, from the merchant's side: what the platform owes it grows with a positive amount."""

    transfer_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    merchant_id = fields.UUID(required=True)
    kind = fields.String(required=True, metadata={"enum": sorted(MERCHANT_KINDS)})
    amount = fields.Nested(LineMoneyAnswer, required=True)
    funded_by = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "enum": ["customer", "platform", "merchant", None],
            "description": "whose money it is before it is the merchant's; null where a statement was settled",
        },
    )
    event = fields.Nested(LineEventAnswer, required=True)
    redemption_id = fields.UUID(required=True, allow_none=True)
    place_id = fields.UUID(required=True, allow_none=True)
    coupon_id = fields.UUID(required=True, allow_none=True)
    claim_id = fields.UUID(required=True, allow_none=True)
    settlement_id = fields.UUID(
        required=True, allow_none=True, metadata={"description": "the statement that has it; null while none has"}
    )
    posted_at = fields.DateTime(required=True)


class LinesTotalAnswer(Schema):
    """How many lines there are in all."""

    value = fields.Integer(required=True)
    relation = fields.String(required=True, metadata={"enum": ["eq", "gte"]})


class LinesAppliedAnswer(Schema):
    """What the list was asked with."""

    merchant_id = fields.UUID(required=True, allow_none=True)
    limit = fields.Integer(required=True)


class LedgerAnswer(Schema):
    """A page of a merchant's lines, newest first."""

    items = fields.List(fields.Nested(LineAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    total = fields.Nested(LinesTotalAnswer, required=True)
    applied = fields.Nested(LinesAppliedAnswer, required=True)
