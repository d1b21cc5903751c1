"""Terms with neutral defaults: 10.00 off, nothing shared, stacks with others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.coupons.types import Terms
from app.redemption.rules import Part

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def terms(**given: Any) -> Terms:
    """Terms of an amount_off coupon unless said otherwise."""
    values: dict[str, Any] = {
        "city_id": 2,
        "coupon_id": UUID(int=1),
        "version": 1,
        "merchant_id": UUID(int=2),
        "kind": "amount_off",
        "titles": {"en": "10 off"},
        "currency": "CNY",
        "price_minor": 0,
        "list_price_minor": None,
        "face_value_minor": 1000,
        "percent_off_bp": None,
        "cap_minor": None,
        "min_spend_minor": 0,
        "time_zone": "Asia/Shanghai",
        "claim_from": NOW,
        "claim_until": NOW,
        "use_from": None,
        "use_until": NOW,
        "valid_days_after_claim": None,
        "blackout_dates": (),
        "use_hours": None,
        "claim_within_m": None,
        "fulfilment": "in_store",
        "party_min": None,
        "party_max": None,
        "per_day": None,
        "per_member": 1,
        "per_member_day": None,
        "per_device": None,
        "units": 1,
        "stacking": "with_others",
        "stack_group": None,
        "reversal_window_s": 3600,
        "refund_policy": "unused",
        "rounding_rule": "floor",
        "budget_minor": None,
        "platform_share_bp": 0,
        "commission_bp": 0,
    }
    return Terms(**values | given)


def part(unit_no: int = 1, **given: Any) -> Part:
    """One unit of a claim of such terms, bought at their price."""
    own = terms(**given)
    return Part(own, own.price_minor, unit_no, own.units)
