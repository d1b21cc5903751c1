"""What lies in a ring around a point, by id: for answers that tell bands in place of distances."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.discovery.queries_coupons_near import CouponsAsked, NearCoupon
from app.discovery.queries_near import NearPlace, NearQuestion, call, parameters

_EVERY: Final = 2_000_000_000
_PLACES = call(
    "places_within",
    "place_id, distance_mm",
    "cap",
    around="""
        SELECT w.place_id FROM ({}) AS w
        WHERE w.distance_mm >= :low AND (CAST(:past AS uuid) IS NULL OR w.place_id > CAST(:past AS uuid))
        ORDER BY w.place_id LIMIT :page
    """,
)
_COUPONS = call(
    "coupons_near",
    "coupon_id, place_id, distance_mm",
    *("kinds", "group_deal", "served", "at", "after_mm", "after_id", "limit", "first", "budget", "shut"),
    around="""
        SELECT w.coupon_id, w.place_id FROM ({}) AS w
        WHERE w.distance_mm >= :low AND (CAST(:past AS uuid) IS NULL OR w.coupon_id > CAST(:past AS uuid))
        ORDER BY w.coupon_id LIMIT :page
    """,
)


def places_in_ring(conn: Connection, asked: NearQuestion, low_mm: int, past: UUID | None, page: int) -> list[NearPlace]:
    """Places of one city from ``low_mm`` to the radius of the question, by id past one; their distance is the low."""
    given = parameters(asked) | {"cap": _EVERY, "low": low_mm, "past": None if past is None else str(past)}
    rows = conn.execute(_PLACES, given | {"page": page})
    return [NearPlace(low_mm, asked.reach.city_id, row.place_id) for row in rows]


def coupons_in_ring(
    conn: Connection, asked: NearQuestion, coupons: CouponsAsked, low_mm: int, past: UUID | None, page: int
) -> list[NearCoupon]:
    """Coupons of one city whose nearest place lies in the ring, by id past one; their distance is the low."""
    given = parameters(asked) | {
        "kinds": list(coupons.kinds) or None,
        "group_deal": coupons.group_deal,
        "served": coupons.served,
        "at": coupons.at,
        "after_mm": None,
        "after_id": None,
        "limit": 1_000_000,
        "first": 4_096,
        "budget": 0,
        "shut": list(coupons.shut),
        "low": low_mm,
        "past": None if past is None else str(past),
        "page": page,
    }
    rows = conn.execute(_COUPONS, given)
    return [NearCoupon(low_mm, asked.reach.city_id, row.coupon_id, row.place_id) for row in rows]
