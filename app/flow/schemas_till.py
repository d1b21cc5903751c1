"""Bodies, queries and answers of tills."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from marshmallow import Schema, ValidationError, fields, validates_schema

from app.flow.schemas_claims import CLAIM_STATES, MoneyAnswer
from app.http.fields import Choice, Id, Text, WholeNumber
from app.redemption.types import MAX_CODES, MAX_UNITS

MAX_AMOUNT: Final = 10**12
REQUEST_NO: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,99}", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_REASONS: Final = (
    "claim-unpaid",
    "already-redeemed",
    "code-revoked",
    "code-expired",
    "not-yet-usable",
    "wrong-store",
    "blackout-time",
    "hold-by-other",
    "unit-exhausted",
    "min-spend-not-met",
    "currency-mismatch",
)


class _Fitting(Text):
    """Text that fits a pattern as a whole."""

    def __init__(self, pattern: re.Pattern[str], said: str, **options: Any) -> None:
        super().__init__(longest=100, metadata={"pattern": f"^{pattern.pattern}$", "description": said}, **options)
        self.pattern, self.said = pattern, said

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str) or not self.pattern.fullmatch(value):
            raise ValidationError(f"give {self.said}")
        return value


class LookupOrderBody(Schema):
    """What the till rang up, before any discount."""

    gross_minor = WholeNumber(low=0, high=MAX_AMOUNT, required=True)
    currency = _Fitting(_CURRENCY, "an ISO 4217 code such as CNY", required=True)


class OrderBody(LookupOrderBody):
    """The order with the till's own number for it."""

    pos_order_no = Text(longest=100)


class _OneCode(Schema):
    """Exactly one of ``code`` and ``qr``."""

    EXACTLY_ONE: ClassVar[tuple[str, str]] = ("code", "qr")

    code = Text(
        longest=60,
        metadata={"description": "the twelve digits, or the merchant's own code; spaces and dashes do not matter"},
    )
    qr = Text(longest=200, metadata={"description": "what the scanner read, instead of code"})

    @validates_schema(skip_on_field_errors=True)
    def names_one(self, data: Mapping[str, Any], **_: Any) -> None:
        """A code or a QR, not both."""
        if ("code" in data) == ("qr" in data):
            raise ValidationError({"code": ["give exactly one of code and qr"]})


class LookupBody(_OneCode):
    """A code at a place, with the order where it is known."""

    place_id = Id(required=True)
    order = fields.Nested(LookupOrderBody)


class OfferedCodeBody(_OneCode):
    """A code and how many of its units to use."""

    units = WholeNumber(low=1, high=MAX_UNITS, load_default=1)


class CodesList(fields.List[Any]):
    """At least one code, and not too many."""

    def __init__(self, **options: Any) -> None:
        bounds = {"minItems": 1, "maxItems": MAX_CODES}
        super().__init__(fields.Nested(OfferedCodeBody), metadata=bounds, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> list[Any]:
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_CODES:
            raise ValidationError(f"give 1 to {MAX_CODES} codes")
        return super()._deserialize(value, attr, data, **more)


class RedemptionBody(Schema):
    """Codes to use together. ``request_no`` is the till's own number, to be stored before it is sent."""

    codes = CodesList(required=True)
    place_id = Id(required=True)
    request_no = _Fitting(
        REQUEST_NO,
        "a number of your own, good once for ever: 1 to 100 letters, digits and . _ : ~ - after a letter or digit",
        required=True,
    )
    order = fields.Nested(OrderBody)
    mode = Choice("hold", "redeem", required=True)


class CommitBody(Schema):
    """Nothing to say."""


class VoidBody(Schema):
    """Why a hold is given up."""

    reason = Text(longest=200)


class ReverseBody(Schema):
    """Why a use is undone."""

    reason = Text(longest=200, required=True)


class ByRequestQuery(Schema):
    """The place at which the request was sent."""

    place_id = Id(required=True)


class PriceSplitAnswer(Schema):
    """Who pays what: gross = discount + payable; the discount is prepaid, the platform's and the merchant's share."""

    gross = fields.Nested(MoneyAnswer, required=True)
    discount = fields.Nested(MoneyAnswer, required=True)
    platform_share = fields.Nested(MoneyAnswer, required=True)
    merchant_share = fields.Nested(MoneyAnswer, required=True)
    prepaid = fields.Nested(MoneyAnswer, required=True)
    commission = fields.Nested(MoneyAnswer, required=True)
    payable = fields.Nested(MoneyAnswer, required=True)


class InTheWayAnswer(Schema):
    """What stood in the way: when it happened and where."""

    at = fields.DateTime(required=True)
    place_id = fields.UUID(required=True, allow_none=True)


class NamedPlaceAnswer(Schema):
    """A place by name."""

    place_id = fields.UUID(required=True)
    name = fields.String(required=True)


class TillTermsAnswer(Schema):
    """The terms that a cashier has to know."""

    min_spend = fields.Nested(MoneyAnswer, required=True)
    cap = fields.Nested(MoneyAnswer, required=True, allow_none=True)
    face_value = fields.Nested(MoneyAnswer, required=True, allow_none=True)
    percent_off_bp = fields.Integer(required=True, allow_none=True)
    use_hours = fields.String(required=True, allow_none=True)
    blackout_dates = fields.List(fields.Date(), required=True)
    party_min = fields.Integer(required=True, allow_none=True)
    party_max = fields.Integer(required=True, allow_none=True)


class LookupAnswer(Schema):
    """What a code is good for here and now; ``reason`` is the problem code that using it would meet."""

    claim_id = fields.UUID(required=True)
    coupon_id = fields.UUID(required=True)
    title = fields.String(required=True)
    lang = fields.String(required=True)
    kind = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": list(CLAIM_STATES)})
    units = fields.Integer(required=True)
    units_left = fields.Integer(required=True)
    usable = fields.Boolean(required=True)
    reason = fields.String(required=True, allow_none=True, metadata={"enum": [*_REASONS, None]})
    detail = fields.String(required=True, allow_none=True)
    conflict = fields.Nested(InTheWayAnswer, required=True, allow_none=True)
    valid_from = fields.DateTime(required=True)
    valid_until = fields.DateTime(required=True, metadata={"description": "the first instant at which it is over"})
    needs_order = fields.Boolean(required=True)
    price = fields.Nested(
        PriceSplitAnswer,
        required=True,
        allow_none=True,
        metadata={"description": "of the next unit alone; null when it can't be used or depends on an order"},
    )
    places = fields.List(
        fields.Nested(NamedPlaceAnswer),
        required=True,
        metadata={"description": "up to five places where it is used, with the reason wrong-store"},
    )
    customer_hint = fields.String(required=True, allow_none=True)
    code_tail = fields.String(required=True)
    terms = fields.Nested(TillTermsAnswer, required=True)
    next_actions = fields.List(fields.String(metadata={"enum": ["redeem", "hold"]}), required=True)


class UsedUnitAnswer(Schema):
    """One unit of a claim in a redemption."""

    claim_id = fields.UUID(required=True)
    unit_no = fields.Integer(required=True)
    coupon_id = fields.UUID(required=True)
    title = fields.String(required=True)
    code_tail = fields.String(required=True)
    split = fields.Nested(PriceSplitAnswer, required=True)


class PaymentBriefAnswer(Schema):
    """The newest payment of a redemption."""

    payment_id = fields.UUID(required=True)
    state = fields.String(required=True)
    amount = fields.Nested(MoneyAnswer, required=True)
    provider = fields.String(required=True)


class RedemptionAnswer(Schema):
    """A redemption: what it uses, who pays what, until when it is held or can be reversed, and what to do next."""

    redemption_id = fields.UUID(required=True)
    request_no = fields.String(required=True)
    city_id = fields.Integer(required=True)
    merchant_id = fields.UUID(required=True)
    place_id = fields.UUID(required=True)
    state = fields.String(required=True, metadata={"enum": ["held", "committed", "voided", "reversed"]})
    units = fields.List(fields.Nested(UsedUnitAnswer), required=True)
    split = fields.Nested(PriceSplitAnswer, required=True)
    lease_until = fields.DateTime(required=True, allow_none=True)
    committed_at = fields.DateTime(required=True, allow_none=True)
    reverse_before = fields.DateTime(required=True, allow_none=True)
    ended_at = fields.DateTime(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    reversal_pending = fields.Boolean(required=True)
    payment = fields.Nested(PaymentBriefAnswer, required=True, allow_none=True)
    next_actions = fields.List(fields.String(metadata={"enum": ["commit", "void", "pay", "reverse"]}), required=True)
    created_at = fields.DateTime(required=True)


class PresenceAnswer(Schema):
    """Six digits that prove that somebody stands at the place; new ones every few minutes."""

    place_id = fields.UUID(required=True)
    code = fields.String(required=True, metadata={"pattern": "^[0-9]{6}$"})
    valid_until = fields.DateTime(required=True, metadata={"description": "new ones are shown from then on"})
    rotates_every_s = fields.Integer(required=True)
