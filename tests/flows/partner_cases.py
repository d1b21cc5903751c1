"""A partner's coupons for tests that call every operation: terms, spares to use up, first requests that work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.core.ids import new_id
from tests.flows.area_cases import area_first, area_paths, area_questions
from tests.flows.coupon_cases import COUPON_FIRST, coupon_paths, coupon_spares, coupon_terms

EXTERNAL = "/v1/flow/coupons/{external_id}"
VERSION = f"{EXTERNAL}/versions/{{version}}"
STEPS = (f"PUT {EXTERNAL}/stock", f"POST {EXTERNAL}/end")
FIRST = COUPON_FIRST
__all__ = ["FIRST", "area_questions", "merchant_paths", "merchant_spares", "partner_calls", "publish_spares"]
Send = Callable[[str, Any], tuple[int, Any]]


def partner_terms(merchant: str, place: str) -> dict[str, Any]:
    """A coupon of 5.00 off at a place, as a partner publishes it."""
    return coupon_terms(merchant, place_ids=[place])


def partner_paths() -> dict[str, list[dict[str, str]]]:
    """Path values: a schema that is there; what only its partner reaches gets ids of nothing."""
    nothing = [{"external_id": "nothing"}]
    return {
        "/schemas/events/{name}": [{"name": "fujin.claim.granted.v1.json"}],
        **dict.fromkeys((f"GET {EXTERNAL}", *STEPS), nothing),
        f"PUT {VERSION}": [{"external_id": "nothing", "version": "1"}],
    }


def publish_spares(put: Send, merchant: str, place: str) -> dict[str, str]:
    """Coupons that the partner published: one to read and give stock, one to end."""
    found = {f"partner_{name}": f"{name}-{new_id()}" for name in ("kept", "end")}
    for external_id in found.values():
        status, answer = put(f"/v1/flow/coupons/{external_id}/versions/1", partner_terms(merchant, place))
        assert status == 200, answer
    return found | {"partner_merchant": merchant, "partner_place": place}


def partner_spares(ids: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Path values and first requests by operation, for who has spares; empty for everybody else."""
    if "partner_kept" not in ids:
        return {}, {}
    stock, end = STEPS
    kept, over = {"external_id": ids["partner_kept"]}, {"external_id": ids["partner_end"]}
    fresh = {"external_id": f"first-{ids['partner_kept']}", "version": "1"}
    paths: dict[str, Any] = {f"GET {EXTERNAL}": [kept], stock: [kept], end: [over], f"PUT {VERSION}": [fresh]}
    terms = partner_terms(ids["partner_merchant"], ids["partner_place"])
    return paths, {stock: {"body": {"quota": 12}}, end: {"body": {}}, f"PUT {VERSION}": {"body": terms}}


def partner_calls(merchant: str, place: str) -> dict[str, tuple[str, str, Any]]:
    """What a partner does with a coupon of its own, in an order in which each works."""
    mine, (stock, end) = f"/v1/flow/coupons/own-{new_id()}", STEPS
    return {
        f"PUT {VERSION}": ("PUT", f"{mine}/versions/1", partner_terms(merchant, place)),
        stock: ("PUT", f"{mine}/stock", {"quota": 11}),
        end: ("POST", f"{mine}/end", {}),
    }


def merchant_paths(merchant: str, coupon: str, place: str, area: str) -> dict[str, list[dict[str, str]]]:
    """Path values of a merchant's coupons and areas, and of a partner's coupons."""
    return coupon_paths(merchant, coupon) | partner_paths() | area_paths(merchant, place, area)


def merchant_spares(ids: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Spares of all kinds."""
    paths: dict[str, Any] = {}
    first: dict[str, Any] = {}
    for more_paths, more_first in (coupon_spares(ids), partner_spares(ids), area_first(ids)):
        paths, first = paths | more_paths, first | more_first
    return paths, first
