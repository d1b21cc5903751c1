"""Claims as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.languages import pick_name
from app.core.money import Money
from app.flow.types import Capabilities, ClaimView


def money_json(money: Money) -> dict[str, Any]:
    """An amount with its currency."""
    return {"amount_minor": money.amount_minor, "currency": money.currency}


def claim_json(view: ClaimView, wanted: Sequence[str]) -> dict[str, Any]:
    """A claim, its title in the first wanted language that is there."""
    title, lang = pick_name(view.titles, wanted, "en")
    merchant = None
    if view.merchant_names:
        name, _ = pick_name(view.merchant_names, wanted, "local")
        merchant = {"merchant_id": str(view.merchant_id), "name": name}
    return {
        "claim_id": str(view.claim_id),
        "city_id": view.city_id,
        "coupon_id": str(view.coupon_id),
        "coupon_version": view.coupon_version,
        "merchant": merchant,
        "title": title,
        "lang": lang,
        "kind": view.kind,
        "state": view.state,
        "units": view.units,
        "units_left": view.units_left,
        "price": money_json(view.price),
        "code_tail": view.code_tail,
        "claimed_at": view.claimed_at,
        "valid_from": view.valid_from,
        "valid_until": view.valid_until,
        "time_zone": view.time_zone,
        "pay_until": view.pay_until,
        "use_hours": view.use_hours,
        "blackout_dates": list(view.blackout_dates),
        "refund_policy": view.refund_policy,
        "distance_m": view.distance_m,
        "group_id": None if view.group_id is None else str(view.group_id),
        "next_actions": list(view.next_actions),
    }


def flow_json(found: Capabilities) -> dict[str, Any]:
    """What the flow can do."""
    return {
        "version": found.version,
        "capabilities": {
            "hold": found.hold,
            "multi_unit": found.multi_unit,
            "partial_refund": found.partial_refund,
            "reverse_window_s": found.reverse_window_s,
            "offline": found.offline,
            "rotating_code": found.rotating_code,
            "group": found.group,
            "points": found.points,
            "partner_users": found.partner_users,
            "caller_claim_ids": found.caller_claim_ids,
            "partner_coupons": found.partner_coupons,
            "test_provider": found.test_provider,
            "providers": list(found.providers),
            "currencies": list(found.currencies),
        },
    }
