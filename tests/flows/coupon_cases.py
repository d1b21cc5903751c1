"""A merchant's own coupons for tests that call every operation: terms, spares to use up, first requests that work."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from app.core.clock import system_clock
from app.core.ids import new_city_id

COUPON = "/v1/coupons/{coupon_id}"
# What is done with coupons: the spare that it is done with first, and the body.
COUPON_WRITES: dict[str, tuple[str, Any]] = {
    f"PATCH {COUPON}": ("publish_coupon", {"quota": 12}),
    f"POST {COUPON}/publish": ("publish_coupon", {}),
    f"DELETE {COUPON}/draft": ("discard_coupon", None),
    **{f"POST {COUPON}/{step}": ("live_coupon", {}) for step in ("pause", "resume")},
    f"PUT {COUPON}/stock": ("live_coupon", {"quota": 20}),
    f"POST {COUPON}/end": ("end_coupon", {}),
}
# An operator's agreement, which works again and again.
COUPON_FIRST: dict[str, Any] = {
    f"PUT {COUPON}/platform-terms": {"headers": {"If-Match": "*"}, "body": {"platform_share_bp": 0}}
}


def coupon_terms(merchant: str, **more: Any) -> dict[str, Any]:
    """A coupon of 5.00 off, to be created."""
    now = system_clock()
    return {
        "merchant_id": merchant,
        "kind": "amount_off",
        "titles": {"en": "Five off"},
        "claim_from": now.isoformat(),
        "claim_until": (now + timedelta(days=30)).isoformat(),
        "use_until": (now + timedelta(days=60)).isoformat(),
        "quota": 10,
        "face_value_minor": 500,
    } | more


def coupon_paths(merchant: str, coupon: str) -> dict[str, list[dict[str, str]]]:
    """Path values that exist, for who only looks or agrees; what would use a coupon up gets ids of nothing."""
    return {
        "/v1/merchants/{merchant_id}/coupons": [{"merchant_id": merchant}],
        f"{COUPON}/management": [{"coupon_id": coupon}],
        f"PUT {COUPON}/platform-terms": [{"coupon_id": coupon}],
        **{label: [{"coupon_id": str(new_city_id(2))}] for label in (*COUPON_WRITES, f"POST {COUPON}/codes")},
    }


def coupon_spares(ids: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Path values and first requests by operation, for who has spare coupons; empty for everybody else."""
    if "coded_coupon" not in ids:
        return {}, {}
    codes = f"POST {COUPON}/codes"
    paths: dict[str, Any] = {codes: [{"coupon_id": ids["coded_coupon"]}]}
    fresh = {name: value for name, value in coupon_terms("").items() if name != "merchant_id"}
    first: dict[str, Any] = {
        codes: {"headers": _headers(), "body": f"FIRST{secrets.token_hex(5)}\n", "media_type": "text/csv"},
        "POST /v1/coupons": {"headers": _headers(), "body": fresh},
    }
    for label, (spare, body) in COUPON_WRITES.items():
        paths[label] = [{"coupon_id": ids[spare]}]
        first[label] = {"headers": _headers(), **({} if body is None else {"body": body})}
    return paths, first


def _headers() -> dict[str, str]:
    return {"If-Match": "*", "Idempotency-Key": secrets.token_hex(16)}
