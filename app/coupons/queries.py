"""Which coupons a reader may see, and conditions on them that searches share."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, ScalarSelect, and_, exists, func, select

from app.coupons.tables import coupon_stock, coupon_versions, coupons


def current_terms() -> ColumnElement[bool]:
    """Joins a coupon with the terms in force."""
    return and_(
        coupon_versions.c.city_id == coupons.c.city_id,
        coupon_versions.c.coupon_id == coupons.c.coupon_id,
        coupon_versions.c.version == coupons.c.current_version,
    )


def live_at(instant: datetime) -> ColumnElement[bool]:
    """Published, claimable at the instant, stock left; over coupons joined with ``current_terms``."""
    in_stock = exists(
        select(1).where(
            coupon_stock.c.city_id == coupons.c.city_id,
            coupon_stock.c.coupon_id == coupons.c.coupon_id,
            coupon_stock.c.taken < coupon_stock.c.quota,
        )
    )
    return and_(
        coupons.c.state == "published",
        coupon_versions.c.claim_from <= instant,
        coupon_versions.c.claim_until > instant,
        in_stock,
    )


def stock_left() -> ScalarSelect[int]:
    """Units not yet taken, over all buckets of a coupon; 0 without any."""
    left = func.sum(coupon_stock.c.quota - coupon_stock.c.taken)
    return (
        select(func.coalesce(left, 0, type_=BigInteger))
        .where(coupon_stock.c.city_id == coupons.c.city_id, coupon_stock.c.coupon_id == coupons.c.coupon_id)
        .correlate(coupons)
        .scalar_subquery()
    )
