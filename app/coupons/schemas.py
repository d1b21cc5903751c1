"""Bodies, queries and answers about coupons as their merchants run them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from app.coupons.rules import LONGEST_SUMMARY, LONGEST_TITLE, MOST_BLACKOUT_DATES, MOST_SCOPE_IDS
from app.coupons.tables import COUPON_KINDS
from app.http.fields import Choice, Flag, Id, Instant, Text, WholeNumber

MOST_MINOR = 100_000_000_000
MOST_QUOTA = 10_000_000
STATES = ("draft", "published", "paused", "ended")


class Texts(fields.Field[Mapping[str, str]]):
    """Text by language tag."""

    def __init__(self, *, longest: int, **options: Any) -> None:
        shape = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1, "maxLength": longest}}
        super().__init__(metadata={**shape, "example": {"en": "Two off", "zh-Hans": "减两元"}}, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, str]:
        if not isinstance(value, dict):
            raise ValidationError('give an object of texts by language, such as {"en": "Two off"}')
        wrong = {
            language: ["give text without control characters"]
            for language, words in value.items()
            if not isinstance(words, str) or any(ord(char) < 32 for char in words)
        }
        if wrong:
            raise ValidationError(wrong)
        return dict(value)


class Day(fields.Date):
    """A date such as 2026-10-01."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> Any:
        if not isinstance(value, str) or len(value) != 10:
            raise ValidationError("give a date such as 2026-10-01")
        try:
            return super()._deserialize(value, attr, data, **more)
        except ValidationError:
            raise ValidationError("give a date such as 2026-10-01") from None


def _minor(**options: Any) -> WholeNumber:
    return WholeNumber(low=0, high=MOST_MINOR, **options)


def _maybe_minor(low: int = 0) -> WholeNumber:
    return WholeNumber(low=low, high=MOST_MINOR, allow_none=True)


def _maybe(low: int, high: int) -> WholeNumber:
    return WholeNumber(low=low, high=high, allow_none=True)


class TermsBody(Schema):
    """Terms of a coupon, as far as they are to be otherwise; null takes a value away."""

    kind = Choice(*COUPON_KINDS)
    titles = Texts(longest=LONGEST_TITLE)
    summaries = Texts(longest=LONGEST_SUMMARY)
    currency = Text(shortest=3, longest=3)
    price_minor = _minor()
    list_price_minor = _maybe_minor()
    face_value_minor = _maybe_minor(1)
    percent_off_bp = _maybe(1, 10_000)
    cap_minor = _maybe_minor(1)
    min_spend_minor = _minor()
    time_zone = Text(longest=64)
    claim_from = Instant()
    claim_until = Instant()
    use_from = Instant(allow_none=True)
    use_until = Instant(allow_none=True)
    valid_days_after_claim = _maybe(1, 1095)
    blackout_dates = fields.List(Day(), validate=validate.Length(0, MOST_BLACKOUT_DATES))
    use_hours = Text(longest=2000, allow_none=True)
    scope_kind = Choice("all_places", "places", "service_areas", "regions")
    scope_ids = fields.List(Id(), validate=validate.Length(0, MOST_SCOPE_IDS))
    claim_within_m = _maybe(1, 50_000)
    claim_in_area = Flag()
    fulfilment = Choice("in_store", "pickup", "delivery", "pre_order")
    party_min = _maybe(1, 1000)
    party_max = _maybe(1, 1000)
    quota = WholeNumber(low=0, high=MOST_QUOTA)
    per_day = _maybe(1, MOST_QUOTA)
    per_member = WholeNumber(low=1, high=100)
    per_member_day = _maybe(1, 100)
    per_device = _maybe(1, 100)
    units = WholeNumber(low=1, high=50)
    group_price_minor = _maybe_minor()
    group_target = _maybe(2, 1000)
    group_seats = _maybe(2, 1000)
    group_deadline_s = _maybe(60, 2_592_000)
    stacking = Choice("exclusive", "with_others", "within_group")
    stack_group = Text(longest=60, allow_none=True)
    reversal_window_s = WholeNumber(low=0, high=2_592_000)
    refund_policy = Choice("none", "unused", "unused_and_expired")
    refund_below_min_spend = Choice("keep", "claw_back")
    rounding_rule = Choice("floor", "half_even")
    budget_minor = _maybe_minor()
    platform_share_bp = WholeNumber(low=0, high=10_000)
    code_source = Choice("generated", "merchant")


class NewCouponBody(TermsBody):
    """A new coupon: whose, of which city, and its terms."""

    merchant_id = Id(metadata={"description": "may be left out by who owns one merchant alone"})
    city_id = WholeNumber(low=1, high=1_048_575)
    kind = Choice(*COUPON_KINDS, required=True)
    titles = Texts(longest=LONGEST_TITLE, required=True)
    claim_from = Instant(required=True)
    claim_until = Instant(required=True)
    quota = WholeNumber(low=0, high=MOST_QUOTA, required=True)


class NoTermsBody(Schema):
    """Nothing to say."""


class QuotaBody(Schema):
    """How many may be claimed in all, those included that were."""

    quota = WholeNumber(low=0, high=MOST_QUOTA, required=True)


class PlatformTermsBody(Schema):
    """What the platform agrees to pay of each discount, and what it takes of each payment."""

    platform_share_bp = WholeNumber(low=0, high=10_000, required=True)
    commission_bp = WholeNumber(low=0, high=10_000)


class CodesQuery(Schema):
    """Whether codes are to be kept, or only looked at."""

    check_only = fields.Boolean(truthy={"true"}, falsy={"false"}, load_default=False)


class CouponsQuery(Schema):
    """A page of a merchant's coupons."""

    state = Choice(*STATES)
    limit = WholeNumber(low=1, high=100, load_default=20)
    cursor = Text(longest=4096)


def _null(field: type[fields.Field[Any]], **options: Any) -> Any:
    return field(required=True, allow_none=True, **options)


class TermsAnswer(Schema):
    """Terms of a coupon; amounts in minor units of ``currency``, times half-open."""

    kind = fields.String(required=True)
    titles = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    summaries = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    currency = fields.String(required=True)
    price_minor = fields.Integer(required=True)
    list_price_minor = _null(fields.Integer)
    face_value_minor = _null(fields.Integer)
    percent_off_bp = _null(fields.Integer)
    cap_minor = _null(fields.Integer)
    min_spend_minor = fields.Integer(required=True)
    time_zone = fields.String(required=True)
    claim_from = fields.DateTime(required=True)
    claim_until = fields.DateTime(required=True)
    use_from = _null(fields.DateTime)
    use_until = _null(fields.DateTime)
    valid_days_after_claim = _null(fields.Integer)
    blackout_dates = fields.List(fields.Date(), required=True)
    use_hours = _null(fields.String)
    scope_kind = fields.String(required=True)
    scope_ids = fields.List(fields.UUID(), required=True)
    claim_within_m = _null(fields.Integer)
    claim_in_area = fields.Boolean(required=True)
    fulfilment = fields.String(required=True)
    party_min = _null(fields.Integer)
    party_max = _null(fields.Integer)
    quota = fields.Integer(required=True)
    per_day = _null(fields.Integer)
    per_member = fields.Integer(required=True)
    per_member_day = _null(fields.Integer)
    per_device = _null(fields.Integer)
    units = fields.Integer(required=True)
    group_price_minor = _null(fields.Integer)
    group_target = _null(fields.Integer)
    group_seats = _null(fields.Integer)
    group_deadline_s = _null(fields.Integer)
    stacking = fields.String(required=True)
    stack_group = _null(fields.String)
    reversal_window_s = fields.Integer(required=True)
    refund_policy = fields.String(required=True)
    refund_below_min_spend = fields.String(required=True)
    rounding_rule = fields.String(required=True)
    budget_minor = _null(fields.Integer)
    platform_share_bp = fields.Integer(required=True)
    code_source = fields.String(required=True)
    commission_bp = fields.Integer(required=True, metadata={"description": "set by the platform"})
    most_given_minor = _null(
        fields.Integer, metadata={"description": "the most that one claim can cost; null: nothing bounds it"}
    )


class AgreementAnswer(Schema):
    """What the platform agreed to pay of each discount."""

    platform_share_bp = fields.Integer(required=True)
    agreed_at = fields.DateTime(required=True)


class DraftAnswer(TermsAnswer):
    """Terms that wait to be published."""

    agreed = _null(fields.Nested, nested=AgreementAnswer)


class StockAnswer(Schema):
    """What is taken and left; ``bounded_by`` says what keeps it from being more."""

    quota = fields.Integer(required=True)
    taken = fields.Integer(required=True)
    left = fields.Integer(required=True)
    bounded_by = fields.String(required=True, metadata={"enum": ["quota", "budget", "codes"]})


class BudgetAnswer(Schema):
    """The most that may be given, and how much of it what was claimed can cost."""

    budget_minor = fields.Integer(required=True)
    reserved_minor = fields.Integer(required=True)


class CodeCountAnswer(Schema):
    """Codes that were brought, and how many nobody has."""

    uploaded = fields.Integer(required=True)
    left = fields.Integer(required=True)


class OwnedCouponAnswer(Schema):
    """A coupon as its merchant runs it."""

    coupon_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    merchant_id = fields.UUID(required=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    version = _null(fields.Integer)
    revision = fields.Integer(required=True)
    created_at = fields.DateTime(required=True)
    published_at = _null(fields.DateTime)
    ended_at = _null(fields.DateTime)
    terms = _null(fields.Nested, nested=TermsAnswer)
    draft = _null(fields.Nested, nested=DraftAnswer)
    stock = _null(fields.Nested, nested=StockAnswer)
    budget = _null(fields.Nested, nested=BudgetAnswer)
    codes = _null(fields.Nested, nested=CodeCountAnswer)
    next_actions = fields.List(fields.String(), required=True)


class BriefAnswer(Schema):
    """A coupon in a list."""

    coupon_id = fields.UUID(required=True)
    city_id = fields.Integer(required=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    version = _null(fields.Integer)
    kind = fields.String(required=True)
    titles = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    claim_until = fields.DateTime(required=True)
    has_draft = fields.Boolean(required=True)
    taken = fields.Integer(required=True)
    left = fields.Integer(required=True)
    created_at = fields.DateTime(required=True)


class CountAnswer(Schema):
    """How many there are in all."""

    value = fields.Integer(required=True)
    relation = fields.String(required=True, metadata={"enum": ["eq", "gte"]})


class CouponsApplied(Schema):
    """What the list was asked with."""

    merchant_id = fields.UUID(required=True)
    limit = fields.Integer(required=True)
    state = _null(fields.String)


class OwnedCouponsAnswer(Schema):
    """A page of a merchant's coupons, newest first."""

    items = fields.List(fields.Nested(BriefAnswer), required=True)
    next_cursor = _null(fields.String)
    total = fields.Nested(CountAnswer, required=True)
    applied = fields.Nested(CouponsApplied, required=True)


class RefusedRowAnswer(Schema):
    """A row of the file that gave no code, and why."""

    line = fields.Integer(required=True)
    reason = fields.String(required=True)


class CodesAnswer(Schema):
    """What became of a file of codes; ``refused`` lists the first thousand of the rows that gave none."""

    accepted = fields.Integer(required=True)
    refused_count = fields.Integer(required=True)
    refused = fields.List(fields.Nested(RefusedRowAnswer), required=True)
    check_only = fields.Boolean(required=True)
    codes = fields.Nested(CodeCountAnswer, required=True)
    stock = _null(fields.Nested, nested=StockAnswer)
