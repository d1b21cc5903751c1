"""Groups as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.languages import pick_name
from app.flow.present_claims import claim_json, money_json
from app.flow.types_groups import GroupView


def group_json(view: GroupView, wanted: Sequence[str], public_url: str) -> dict[str, Any]:
    """A group, its title in the first wanted language that is there; nobody's name stands in it."""
    title, lang = pick_name(view.titles, wanted, "en")
    merchant = None
    if view.merchant_names:
        name, _ = pick_name(view.merchant_names, wanted, "local")
        merchant = {"merchant_id": str(view.merchant_id), "name": name}
    invite = view.invite
    return {
        "group_id": str(view.group_id),
        "city_id": view.city_id,
        "coupon_id": str(view.coupon_id),
        "merchant": merchant,
        "title": title,
        "lang": lang,
        "state": view.state,
        "target": view.target,
        "seats": view.seats,
        "joined": view.joined,
        "missing": max(0, view.target - view.joined) if view.state == "open" else 0,
        "seats_left": view.seats_left,
        "price": money_json(view.price),
        "single_price": money_json(view.single_price),
        "deadline": view.deadline,
        "time_zone": view.time_zone,
        "claim_within_m": view.claim_within_m,
        "wants_position": view.wants_position,
        "wants_device": view.per_device,
        "refund_policy": view.refund_policy,
        "invite": invite,
        "invite_url": None if invite is None else f"{public_url}/group/{view.group_id}?invite={invite}",
        "seat": view.seat,
        "claim": None if view.claim is None else claim_json(view.claim, wanted),
        "next_actions": list(view.next_actions),
        "created_at": view.created_at,
        "decided_at": view.decided_at,
    }
