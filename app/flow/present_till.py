"""Look-ups and redemptions as JSON; no code stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.languages import pick_name
from app.core.money import Money
from app.flow.present_claims import money_json
from app.flow.types import Conflict, LookupView, PaymentBrief, PriceSplit, RedemptionView


def lookup_json(view: LookupView, wanted: Sequence[str]) -> dict[str, Any]:
    """What a code is good for, in the first wanted language that is there."""
    title, lang = pick_name(view.titles, wanted, view.default_language)
    usable = view.reason is None
    return {
        "claim_id": str(view.claim_id),
        "coupon_id": str(view.coupon_id),
        "title": title,
        "lang": lang,
        "kind": view.kind,
        "state": view.state,
        "units": view.units,
        "units_left": view.units_left,
        "usable": usable,
        "reason": view.reason,
        "detail": view.detail,
        "conflict": _conflict_json(view.conflict),
        "valid_from": view.valid_from,
        "valid_until": view.valid_until,
        "needs_order": view.needs_order,
        "price": None if view.split is None else split_json(view.split),
        "places": [
            {"place_id": str(place.place_id), "name": pick_name(place.names, wanted, view.default_language)[0]}
            for place in view.places
        ],
        "customer_hint": view.customer_hint,
        "code_tail": view.code_tail,
        "terms": _terms_json(view),
        "next_actions": ["redeem", "hold"] if usable else [],
    }


def redemption_json(view: RedemptionView, wanted: Sequence[str]) -> dict[str, Any]:
    """A redemption, its titles in the first wanted language that is there."""
    return {
        "redemption_id": str(view.redemption_id),
        "request_no": view.request_no,
        "city_id": view.city_id,
        "merchant_id": str(view.merchant_id),
        "place_id": str(view.place_id),
        "state": view.state,
        "units": [
            {
                "claim_id": str(unit.claim_id),
                "unit_no": unit.unit_no,
                "coupon_id": str(unit.coupon_id),
                "title": pick_name(unit.titles, wanted, view.default_language)[0],
                "code_tail": unit.code_tail,
                "split": split_json(unit.split),
            }
            for unit in view.units
        ],
        "split": split_json(view.split),
        "lease_until": view.lease_until,
        "committed_at": view.committed_at,
        "reverse_before": view.reverse_before,
        "ended_at": view.ended_at,
        "reason": view.reason,
        "reversal_pending": view.reversal_pending,
        "payment": _payment_json(view.payment),
        "next_actions": list(view.next_actions),
        "created_at": view.created_at,
    }


def split_json(split: PriceSplit) -> dict[str, Any]:
    """Who pays what, each part with its currency."""
    parts = {
        "gross": split.gross_minor,
        "discount": split.discount_minor,
        "platform_share": split.platform_share_minor,
        "merchant_share": split.merchant_share_minor,
        "prepaid": split.prepaid_minor,
        "commission": split.commission_minor,
        "payable": split.payable_minor,
    }
    return {name: _money(amount_minor, split.currency) for name, amount_minor in parts.items()}


def _terms_json(view: LookupView) -> dict[str, Any]:
    return {
        "min_spend": _money(view.min_spend_minor, view.currency),
        "cap": None if view.cap_minor is None else _money(view.cap_minor, view.currency),
        "face_value": None if view.face_value_minor is None else _money(view.face_value_minor, view.currency),
        "percent_off_bp": view.percent_off_bp,
        "use_hours": view.use_hours,
        "blackout_dates": list(view.blackout_dates),
        "party_min": view.party_min,
        "party_max": view.party_max,
    }


def _conflict_json(conflict: Conflict | None) -> dict[str, Any] | None:
    if conflict is None:
        return None
    return {"at": conflict.at, "place_id": None if conflict.place_id is None else str(conflict.place_id)}


def _payment_json(payment: PaymentBrief | None) -> dict[str, Any] | None:
    if payment is None:
        return None
    return {
        "payment_id": str(payment.payment_id),
        "state": payment.state,
        "amount": money_json(payment.amount),
        "provider": payment.provider,
    }


def _money(amount_minor: int, currency: str) -> dict[str, Any]:
    return money_json(Money(amount_minor, currency))
