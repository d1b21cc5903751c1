"""Coupons around a point: the distance is to the nearest place where one can be used; one statement a city."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Connection,
    FromClause,
    Integer,
    ScalarSelect,
    Text,
    and_,
    any_,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on

from app.core.spatial import covers_point, distance_mm, near
from app.coupons.queries import current_terms, live_at, stock_left
from app.coupons.tables import coupon_places, coupon_scopes, coupon_versions, coupons
from app.discovery.queries_places import (
    FACTS,
    OF_HOURS,
    OF_OPERATOR,
    TERMS,
    AnyRow,
    bounded_count,
    past,
    place_conditions,
    place_of,
    terms_of,
)
from app.discovery.types import CityPage, CouponFacts, CouponHit, GroupDeal, Position, Reach, RegionFilter
from app.merchants.tables import place_operators
from app.places.tables import hours_patterns, place_facts
from app.service_areas.queries import in_force
from app.service_areas.tables import service_area_versions
from geo.coordinates import LonLat


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponsQuestion:
    """One city's part of a search for coupons; None filters nothing.

    Categories and region choose among the places where a coupon can be used.
    """

    reach: Reach
    origin: LonLat
    radius_mm: int
    as_of: datetime
    category_ids: tuple[str, ...] | None
    region: RegionFilter | None
    kinds: tuple[str, ...]
    group_deal: bool | None
    in_service_area: bool
    after: Position | None
    limit: int
    count: bool


def coupons_around(conn: Connection, asked: CouponsQuestion) -> CityPage[CouponHit]:
    """The first ``limit`` coupons of one city past ``after``, nearest first, ties by id."""
    around = _nearest_places(asked).cte("around")
    page = select(around)
    if asked.after is not None:
        page = page.where(past(around.c.distance_mm, around.c.coupon_id, asked.after))
    nearest = page.order_by(around.c.distance_mm, around.c.coupon_id).limit(asked.limit).subquery("nearest")
    statement = (
        select(
            nearest.c.distance_mm,
            bounded_count(around, asked.count).label("total"),
            covering_area(asked.origin, asked.as_of).label("service_area_id"),
            *coupon_columns(asked.reach.version),
            *FACTS,
        )
        .select_from(nearest)
        .join(coupons, and_(coupons.c.city_id == asked.reach.city_id, coupons.c.coupon_id == nearest.c.coupon_id))
        .join(coupon_versions, current_terms())
        .join(
            place_facts,
            and_(
                place_facts.c.city_id == asked.reach.city_id,
                place_facts.c.version == asked.reach.version,
                place_facts.c.place_id == nearest.c.place_id,
            ),
        )
        .outerjoin(hours_patterns, OF_HOURS)
        .outerjoin(place_operators, OF_OPERATOR)
        .order_by(nearest.c.distance_mm, nearest.c.coupon_id)
    )
    rows = conn.execute(statement).all()
    return CityPage([_hit(row) for row in rows], rows[0].total if rows else 0)


def _nearest_places(asked: CouponsQuestion) -> Any:
    """Each live coupon with the nearest of its places that meets the filters, within the radius."""
    conditions = place_conditions(asked.reach, asked.category_ids, asked.region)
    conditions += [near(place_facts.c.location, asked.origin, asked.radius_mm / 1000), live_at(asked.as_of)]
    if asked.kinds:
        conditions.append(coupon_versions.c.kind == any_(literal(list(asked.kinds), ARRAY(Text))))
    if asked.group_deal is not None:
        group = coupon_versions.c.group_price_minor
        conditions.append(group.is_not(None) if asked.group_deal else group.is_(None))
    if asked.in_service_area:
        conditions.append(covering_area(asked.origin, asked.as_of).is_not(None))
    measured = (
        select(
            coupons.c.coupon_id,
            place_facts.c.place_id,
            distance_mm(place_facts.c.location, asked.origin).label("distance_mm"),
        )
        .select_from(_usable_at(place_facts))
        .where(*conditions)
        .subquery("measured")
    )
    return (
        select(measured)
        .where(measured.c.distance_mm <= literal(asked.radius_mm, BigInteger))
        .ext(distinct_on(measured.c.coupon_id))
        .order_by(measured.c.coupon_id, measured.c.distance_mm, measured.c.place_id)
    )


def _usable_at(found: FromClause) -> FromClause:
    """Places joined with the coupons that can be used there, and their terms in force."""
    return (
        found.join(
            coupon_places,
            and_(
                coupon_places.c.city_id == place_facts.c.city_id,
                coupon_places.c.place_id == place_facts.c.place_id,
            ),
        )
        .join(
            coupons,
            and_(coupons.c.city_id == coupon_places.c.city_id, coupons.c.coupon_id == coupon_places.c.coupon_id),
        )
        .join(coupon_versions, current_terms())
    )


def covering_area(point: LonLat, instant: datetime) -> ScalarSelect[UUID]:
    """The published area of a coupon's scope that covers a point: highest priority, smallest, newest, lowest id."""
    areas = service_area_versions
    return (
        select(areas.c.service_area_id)
        .select_from(coupon_scopes)
        .join(
            areas,
            and_(areas.c.city_id == coupon_scopes.c.city_id, areas.c.service_area_id == coupon_scopes.c.scope_id),
        )
        .where(
            coupon_versions.c.scope_kind == "service_areas",
            coupon_scopes.c.city_id == coupons.c.city_id,
            coupon_scopes.c.coupon_id == coupons.c.coupon_id,
            coupon_scopes.c.version == coupons.c.current_version,
            *in_force(instant),
            covers_point(areas.c.boundary, point),
        )
        .order_by(areas.c.priority.desc(), areas.c.area_m2, areas.c.created_at.desc(), areas.c.service_area_id)
        .limit(1)
        .correlate(coupons, coupon_versions)
        .scalar_subquery()
    )


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


def _hit(row: AnyRow) -> CouponHit:
    return CouponHit(row.distance_mm, coupon_of(row), place_of(row), row.service_area_id)
