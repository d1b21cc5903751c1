"""Coupons by id under the terms in force."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Integer,
    and_,
    func,
    literal,
    select,
)

from app.coupons.queries import stock_left
from app.coupons.tables import coupon_places, coupon_versions, coupons
from app.discovery.queries_places import (
    TERMS,
    AnyRow,
    terms_of,
)
from app.discovery.types import CouponFacts, GroupDeal
from app.places.tables import place_facts


def coupon_columns(places_version: int) -> list[Any]:
    """Columns of a coupon under the terms in force; places are counted in a version of the city."""
    there = place_facts.alias("there")
    usable = (
        select(func.count())
        .select_from(coupon_places)
        .join(
            there,
            and_(
                there.c.city_id == coupon_places.c.city_id,
                there.c.version == literal(places_version, Integer),
                there.c.place_id == coupon_places.c.place_id,
            ),
        )
        .where(
            coupon_places.c.city_id == coupons.c.city_id,
            coupon_places.c.coupon_id == coupons.c.coupon_id,
            there.c.closed.is_(False),
        )
        .correlate(coupons)
        .scalar_subquery()
    )
    return [
        coupons.c.coupon_id,
        coupons.c.city_id.label("coupon_city_id"),
        coupons.c.merchant_id.label("coupon_merchant_id"),
        coupons.c.state.label("coupon_state"),
        coupon_versions.c.version.label("coupon_version"),
        *TERMS,
        coupon_versions.c.titles,
        coupon_versions.c.summaries,
        coupon_versions.c.time_zone.label("coupon_time_zone"),
        coupon_versions.c.claim_until,
        coupon_versions.c.use_until,
        coupon_versions.c.group_target,
        coupon_versions.c.group_seats,
        coupon_versions.c.group_price_minor,
        coupon_versions.c.fulfilment,
        stock_left().label("stock_left"),
        usable.label("place_count"),
    ]


def coupon_of(row: AnyRow) -> CouponFacts:
    """A coupon from a row of ``coupon_columns``."""
    group = None
    if row.group_price_minor is not None:
        group = GroupDeal(row.group_target, row.group_seats, row.group_price_minor)
    return CouponFacts(
        city_id=row.coupon_city_id,
        coupon_id=row.coupon_id,
        version=row.coupon_version,
        merchant_id=row.coupon_merchant_id,
        state=row.coupon_state,
        terms=terms_of(row),
        titles=row.titles,
        summaries=row.summaries,
        time_zone=row.coupon_time_zone,
        claim_until=row.claim_until,
        use_until=row.use_until,
        stock_left=row.stock_left,
        group_deal=group,
        fulfilment=row.fulfilment,
        place_count=row.place_count,
    )
