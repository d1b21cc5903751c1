"""Bodies and answers about payments and refunds."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from app.flow.schemas_claims import MoneyAnswer
from app.http.fields import Choice, DecimalNumber, Flag, Id, Text, WholeNumber

PAYMENT_STATES = ("created", "pending", "unknown", "succeeded", "failed", "cancelling", "cancelled", "stray")
REFUND_STATES = ("requested", "pending", "succeeded", "failed")
MAX_AMOUNT_MINOR = 10**15


class WalletBody(Schema):
    """What the test wallet is told to do with the payment; by default it pays at once and says so once."""

    outcome = Choice("pay", "decline", "wait", load_default="pay")
    delay_s = DecimalNumber(low=0, high=30, unit=" s", load_default=0.0)
    settles_after_s = DecimalNumber(low=0, high=86_400, unit=" s", load_default=None, allow_none=True)
    lost_answers = WholeNumber(low=0, high=5, load_default=0)
    notices = WholeNumber(low=0, high=20, load_default=1)
    notice_delay_s = DecimalNumber(low=0, high=3_600, unit=" s", load_default=0.0)
    wrong_amount = Flag(load_default=False)


class PaymentBody(Schema):
    """A claim or a redemption is to be paid through a provider; its amount is what the purpose costs."""

    purpose = Choice("claim", "redemption", required=True)
    purpose_id = Id(required=True)
    provider = Text(longest=40, required=True)
    method = Choice("online", "user_scans", "merchant_scans", "cash", required=True)
    auth_code = Text(
        longest=64,
        load_only=True,
        metadata={"description": "scanned off the payer's phone, or a card's token (Stripe `pm_…`); never kept"},
    )
    wallet = fields.Nested(WalletBody, metadata={"description": "for the provider test_wallet alone"})

    @validates_schema
    def wallet_is_told_alone(self, data: dict[str, Any], **_: Any) -> None:
        """``wallet`` goes with the test wallet only."""
        if "wallet" in data and data.get("provider") != "test_wallet":
            raise ValidationError("only the provider test_wallet is told what to do", "wallet")


class MoneyBody(Schema):
    """An amount in minor units of its currency."""

    amount_minor = WholeNumber(low=1, high=MAX_AMOUNT_MINOR, required=True)
    currency = Text(shortest=3, longest=3, required=True, metadata={"pattern": "^[A-Z]{3}$"})

    @validates_schema
    def currency_is_a_code(self, data: dict[str, Any], **_: Any) -> None:
        """Three capital letters."""
        code = data.get("currency", "")
        if code and not (code.isascii() and code.isalpha() and code.isupper()):
            raise ValidationError("give an ISO 4217 code, such as CNY", "currency")


class NothingBody(Schema):
    """An empty object."""


class RefundBody(Schema):
    """An amount of a payment is to go back; ``refund_no`` is the caller's own number, once a payment."""

    refund_no = Text(longest=100, required=True)
    amount = fields.Nested(MoneyBody, required=True)
    reason = Text(longest=200, required=True)
    return_coupon = Flag(load_default=False)


class RefundAnswer(Schema):
    """A refund."""

    refund_id = fields.UUID(required=True)
    payment_id = fields.UUID(required=True)
    refund_no = fields.String(required=True)
    amount = fields.Nested(MoneyAnswer, required=True)
    cause = fields.String(required=True, metadata={"enum": ["asked", "stray", "reversal", "claim", "group"]})
    reason = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": list(REFUND_STATES)})
    failure = fields.String(required=True, allow_none=True)
    created_at = fields.DateTime(required=True)


class PaymentAnswer(Schema):
    """A payment with its refunds."""

    payment_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    purpose = fields.String(required=True, metadata={"enum": ["claim", "redemption"]})
    purpose_id = fields.UUID(required=True)
    provider = fields.String(required=True)
    method = fields.String(required=True)
    trade_no = fields.String(required=True, metadata={"description": "under which the provider knows it"})
    amount = fields.Nested(MoneyAnswer, required=True)
    captured = fields.Nested(MoneyAnswer, required=True)
    refunding = fields.Nested(MoneyAnswer, required=True)
    refunded = fields.Nested(MoneyAnswer, required=True)
    fee = fields.Nested(MoneyAnswer, required=True)
    state = fields.String(required=True, metadata={"enum": list(PAYMENT_STATES)})
    failure = fields.String(required=True, allow_none=True)
    pay_url = fields.String(required=True, allow_none=True, metadata={"description": "where the payer goes on"})
    pay_until = fields.DateTime(required=True, metadata={"description": "then it is cancelled at the provider"})
    refunds = fields.List(fields.Nested(RefundAnswer), required=True)
    next_actions = fields.List(fields.String(metadata={"enum": ["cancel", "resolve", "refund"]}), required=True)
    created_at = fields.DateTime(required=True)
    succeeded_at = fields.DateTime(required=True, allow_none=True)
