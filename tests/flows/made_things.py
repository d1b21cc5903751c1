"""Things made through HTTP on the seeded server: claims, redemptions, a payment, a refund, endpoints, an event."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

Tokens = dict[str, dict[str, str]]

_COUPON = """
    SELECT c.coupon_id, p.place_id FROM coupons c
    JOIN coupon_versions v ON (v.city_id, v.coupon_id, v.version) = (c.city_id, c.coupon_id, c.current_version)
    JOIN coupon_places p ON (p.city_id, p.coupon_id) = (c.city_id, c.coupon_id)
    WHERE c.city_id = 2 AND c.merchant_id = :merchant AND c.state = 'published' AND v.kind = ANY (:kinds)
      AND v.price_minor = 0 AND v.claim_from < now() AND v.claim_until > now() AND v.claim_within_m IS NULL
      AND v.use_hours IS NULL AND v.blackout_dates = '{}' AND v.per_device IS NULL
      AND CAST(p.place_id AS text) = ANY (:places)
    ORDER BY c.coupon_id, p.place_id LIMIT 1
"""


_MANY = """
    SELECT c.coupon_id FROM coupons c JOIN coupon_versions v USING (city_id, coupon_id)
    WHERE c.city_id = 2 AND c.state = 'published' AND v.kind = 'gift' AND v.per_member = 10
"""
_OTHERS = """
    SELECT c.coupon_id FROM coupons c JOIN coupon_versions v USING (city_id, coupon_id)
    WHERE c.city_id = 2 AND v.kind = 'percent_off' AND c.state = 'published' AND c.merchant_id <> :merchant
      AND v.price_minor = 0 AND v.claim_within_m IS NULL AND v.per_device IS NULL ORDER BY 1 LIMIT 2
"""


@dataclass(frozen=True)
class Made:
    """Ids of what one merchant's people and one member made; ``active_claim`` is not used, ``use`` is the request that
    ``redemption`` came from."""

    merchant: str
    place: str
    coupon: str
    many: str
    active_claim: str
    active_code: str
    spare_claim: str
    used_code: str
    redemption: str
    use: dict[str, Any]
    request_no: str
    payment: str
    refund: str
    endpoint: str
    other_endpoint: str
    event: str


def send(url: str, method: str, path: str, token: str, body: Any = None) -> tuple[int, Any]:
    """Status and JSON of a request with a fresh key."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    if method == "POST":
        headers["Idempotency-Key"] = secrets.token_hex(12)
    data = None if body is None else json.dumps(body).encode()
    call = urllib.request.Request(url + path, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(call, timeout=30) as answer:
            raw = answer.read()
            return answer.status, json.loads(raw) if raw else None
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


def make_things(url: str, engine: sa.Engine, tokens: Tokens, member: str, till: str, owner: str) -> Made:
    """Walks the loop once as ``member`` and ``till``; ``owner`` registers an endpoint."""
    merchant = tokens[owner]["merchant_id"]

    def done(who: str, path: str, body: Any) -> Any:
        status, found = send(url, "POST", path, tokens[who]["token"], body)
        assert status in (200, 201), (path, found)
        return found

    with engine.connect() as conn:
        given = tokens[till].get("place_ids")
        run = "SELECT place_id FROM place_operators WHERE city_id = 2 AND merchant_id = :merchant"
        places = given or [str(row[0]) for row in conn.execute(sa.text(run), {"merchant": merchant})]
        values = {"merchant": merchant, "places": list(places), "kinds": ["amount_off", "percent_off"]}
        coupon, place = conn.execute(sa.text(_COUPON), values).one()
        many = conn.execute(sa.text(_MANY)).scalar_one()
        others = conn.execute(sa.text(_OTHERS), {"merchant": merchant}).scalars().all()
    active, spare = (done(member, "/v1/claims", {"coupon_id": str(other)})["claim_id"] for other in others)
    used = done(member, "/v1/claims", {"coupon_id": str(coupon)})["claim_id"]
    _, code = send(url, "GET", f"/v1/claims/{used}/code", tokens[member]["token"])
    _, active_code = send(url, "GET", f"/v1/claims/{active}/code", tokens[member]["token"])
    number = f"made-{secrets.token_hex(6)}"
    body = {"codes": [{"code": code["human_code"]}], "place_id": str(place), "request_no": number, "mode": "hold"}
    use = body | {"order": {"gross_minor": 50_000, "currency": "CNY"}}
    held = done(till, "/v1/redemptions", use)["redemption_id"]
    pay = {"purpose": "redemption", "purpose_id": held, "provider": "test_wallet", "method": "user_scans"}
    payment = done(till, "/v1/payments", pay)["payment_id"]
    amount = {"amount_minor": 100, "currency": "CNY"}
    refund = {"refund_no": "made-1", "amount": amount, "reason": "a cold soup"}
    hook = {"merchant_id": merchant, "url": "https://93.184.215.14/hook", "types": ["*"]}
    with engine.connect() as conn:
        told = "SELECT event_id FROM outbox_events WHERE city_id = 2 AND aggregate_id = :claim ORDER BY seq LIMIT 1"
        event = conn.execute(sa.text(told), {"claim": used}).scalar_one()
    return Made(
        merchant=merchant,
        place=str(place),
        coupon=str(coupon),
        many=str(many),
        active_claim=active,
        active_code=active_code["human_code"],
        spare_claim=spare,
        used_code=code["human_code"],
        redemption=held,
        use=use,
        request_no=number,
        payment=payment,
        refund=done(till, f"/v1/payments/{payment}/refunds", refund)["refund_id"],
        endpoint=done(owner, "/v1/webhook-endpoints", hook)["endpoint_id"],
        other_endpoint=done(owner, "/v1/webhook-endpoints", hook)["endpoint_id"],
        event=str(event),
    )
