"""Keys of requests, misused: another body, none, odd ones, of a request that still runs, of somebody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.factories.digests import loop_contents
from tests.factories.loops import Loop
from tests.factories.shops import ORDER, Shop, Who, refused


@pytest.fixture
def shop(loop: Loop) -> Shop:
    """A shop over an empty world."""
    return Shop(loop)


def keyed(shop: Shop) -> list[tuple[str, Who, dict[str, Any], dict[str, Any]]]:
    """Path, caller, a body that works and another one, of each write that takes a key."""
    many, voucher = str(shop.coupon()), {"kind": "voucher", "price_minor": 800}
    unpaid = shop.loop.claim(shop.coupon(**voucher), shop.member[0])["claim_id"]
    kept_claim, _ = shop.claim()
    _, code = shop.claim()
    holds = [shop.used(shop.claim()[1], mode="hold") for _ in range(3)]
    done = shop.used(shop.claim()[1])
    payment = shop.paid("redemption", holds[2], shop.staff)
    use = {"codes": [{"code": code}], "place_id": shop.place, "mode": "redeem", "order": ORDER, "request_no": "keyed"}
    pay = {"purpose": "claim", "purpose_id": unpaid, "provider": "test_wallet", "method": "online"}
    refund = {"refund_no": "keyed", "amount": {"amount_minor": 1, "currency": "CNY"}, "reason": "cold"}
    week = {"claim_from": shop.loop.now.isoformat(), "claim_until": (shop.loop.now + timedelta(days=7)).isoformat()}
    coupon = {"kind": "gift", "titles": {"en": "Tea"}, "quota": 5, "valid_days_after_claim": 3} | week
    hook = {"merchant_id": str(shop.loop.merchant), "url": "https://93.184.215.14/hook"}
    step = "/v1/redemptions/{}/{}"
    deal = {"price_minor": 900, "group_price_minor": 800, "group_target": 2, "group_seats": 9, "group_deadline_s": 600}
    group, other = (str(shop.coupon(kind="package", face_value_minor=None, **deal)) for _ in range(2))
    inviting: Who = (shop.loop.member(), "member")
    begun = shop.loop.post("/v1/groups", {"coupon_id": group}, by=inviting).get_json()
    join = {"invite": begun["invite"]}
    return [
        ("/v1/groups", shop.member, {"coupon_id": other}, {"coupon_id": group}),
        (f"/v1/groups/{begun['group_id']}/join", shop.member, join, join | {"device_id": "d"}),
        ("/v1/claims", shop.member, {"coupon_id": many}, {"coupon_id": many, "device_id": "d"}),
        (f"/v1/claims/{kept_claim}/cancel", shop.member, {}, {"reason": "other"}),
        ("/v1/redemptions", shop.staff, use, use | {"order": ORDER | {"gross_minor": 4999}}),
        (step.format(holds[0], "void"), shop.staff, {}, {"reason": "other"}),
        (step.format(done, "reverse"), shop.staff, {"reason": "one"}, {"reason": "other"}),
        ("/v1/payments", shop.member, pay, pay | {"method": "user_scans"}),
        (f"/v1/payments/{payment}/refunds", shop.staff, refund, refund | {"reason": "other"}),
        ("/v1/coupons", shop.owner, coupon, coupon | {"quota": 6}),
        ("/v1/webhook-endpoints", shop.owner, hook, hook | {"description": "other"}),
    ]


def misuse(shop: Shop, key: str, path: str, who: Who, body: dict[str, Any], other: dict[str, Any]) -> None:
    """Uses a key once, and then in every way that is wrong; then as a retry, whose first request runs or has ended."""
    loop = shop.loop
    bare = {"Authorization": f"Bearer {loop.token(*who)}"}
    first = loop.post(path, body, by=who, key=key)
    assert first.status_code in (200, 201), (path, first.get_json())
    refused(
        loop,
        (path, lambda: loop.post(path, other, by=who, key=key), 422, "idempotency-key-mismatch"),
        (path, lambda: loop.client.post(path, json=body, headers=bare), 400, "idempotency-key-missing"),
        (path, lambda: loop.post(path, body, by=who, key="k" * 256), 400, "idempotency-key-invalid"),
        (path, lambda: loop.post(path, body, by=who, key="a b"), 400, "idempotency-key-invalid"),
    )
    before = loop_contents(loop.engine)
    again = loop.post(path, body, by=who, key=key)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (first.status_code, "true"), path
    table = "caller_idempotency_keys" if "webhook" in path else "idempotency_keys"
    running = "state = 'running', status_code = NULL, media_type = NULL, body = NULL, locked_until = :until"
    shop.write(f"UPDATE {table} SET {running} WHERE key = :k", k=key, until=loop.now + timedelta(hours=1))
    refused(loop, (path, lambda: loop.post(path, body, by=who, key=key), 409, "idempotency-key-in-flight"))
    assert loop.post(path, body, by=who, key=key).headers["Retry-After"] == "5"
    assert loop_contents(loop.engine) == before


def test_a_key_with_another_body_none_an_odd_one_and_one_in_flight(shop: Shop) -> None:
    for number, (path, who, body, other) in enumerate(keyed(shop)):
        misuse(shop, f"key-{number}", path, who, body, other)


def test_a_key_of_another_member_is_another_key(shop: Shop) -> None:
    """Nobody gets what somebody else's key brought, nor learns that it was used."""
    loop, coupon = shop.loop, str(shop.coupon())
    stranger: Who = (loop.member(), "member")
    first, second = (loop.post("/v1/claims", {"coupon_id": coupon}, by=who, key="k") for who in (shop.member, stranger))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_json()["claim_id"] != second.get_json()["claim_id"]
    assert "Idempotency-Replayed" not in second.headers
    path = f"/v1/claims/{first.get_json()['claim_id']}/cancel"
    assert loop.post(path, {}, by=shop.member, key="c").status_code == 200
    refused(loop, ("a stranger's cancel", lambda: loop.post(path, {}, by=stranger, key="c"), 404, "not-found"))
