"""Claims in any state, written as a grant would have left them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.claims.codes import CodeKeys, new_code
from app.core.ids import city_of, new_city_id
from tests.factories.worlds import World


@dataclass(frozen=True)
class PlantedClaim:
    """A claim with what its owner would show at a till."""

    claim_id: UUID
    member_id: UUID
    code: str
    qr: str


def plant_claim(
    world: World,
    keys: CodeKeys,
    coupon_id: UUID,
    member_id: UUID,
    now: datetime,
    *,
    state: str = "active",
    code: str | None = None,
    member_no: int = 1,
    **given: Any,
) -> PlantedClaim:
    """One claim of a coupon under its first version; good from yesterday until tomorrow unless said otherwise."""
    city_id, claim_id = city_of(coupon_id), new_city_id(city_of(coupon_id))
    digits = code or new_code()
    terms = world.rows(
        "SELECT c.merchant_id, v.units, v.price_minor, v.currency FROM coupon_versions v"
        " JOIN coupons c USING (city_id, coupon_id) WHERE v.city_id = :city AND v.coupon_id = :coupon AND version = 1",
        city=city_id,
        coupon=coupon_id,
    )[0]
    ended = state in ("redeemed", "released", "cancelled", "expired", "refunded")
    values = {
        "city_id": city_id,
        "claim_id": claim_id,
        "coupon_id": coupon_id,
        "coupon_version": 1,
        "merchant_id": terms[0],
        "member_id": member_id,
        "state": state,
        "bucket": 0,
        "member_no": member_no,
        "claimed_on": now.date(),
        "day_limited": False,
        "units": terms[1],
        "price_minor": terms[2],
        "currency": terms[3],
        "valid_from": now - timedelta(days=1),
        "valid_until": now + timedelta(days=1),
        "pay_until": now + timedelta(minutes=15) if state == "pending_payment" else None,
        "code_key": keys.key_of(city_id, digits),
        "code_sealed": keys.seal(claim_id, digits),
        "code_tail": digits[-4:],
        "seq": 1,
        "claimed_at": now - timedelta(hours=1),
        "ended_at": now if ended else None,
    } | given
    names = ", ".join(values)
    world.run(f"INSERT INTO claims ({names}) VALUES ({', '.join(f':{name}' for name in values)})", values)
    world.run(
        "UPDATE coupon_stock SET taken = taken + 1 WHERE city_id = :city AND coupon_id = :coupon AND bucket = 0",
        {"city": city_id, "coupon": coupon_id},
    )
    return PlantedClaim(claim_id, member_id, digits, keys.qr_payload(claim_id))
