"""Places around a point: one statement a city, exact order, the region and the hours decided in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.core.spatial import covers, distance_mm, from_wkb, latitude, longitude, near
from app.coupons.queries import current_terms, live_at
from app.coupons.tables import coupon_places, coupon_versions, coupons
from app.discovery.types import (
    TOTAL_CAP,
    CityPage,
    CouponBrief,
    PatternsAt,
    PlaceFacts,
    PlaceHit,
    Position,
    Reach,
    RegionFilter,
    SourcePoint,
    Terms,
)
from app.merchants.tables import place_operators
from app.places.opening_hours import HoursPattern
from app.places.tables import hours_patterns, place_facts
from app.regions.tables import region_facts
from geo.coordinates import LonLat

AnyRow = Row[*tuple[Any, ...]]
COUPONS_SHOWN = 3

FACTS = (
    place_facts.c.city_id,
    place_facts.c.place_id,
    longitude(place_facts.c.location).label("lon"),
    latitude(place_facts.c.location).label("lat"),
    place_facts.c.source_datum,
    place_facts.c.source_lon,
    place_facts.c.source_lat,
    place_facts.c.names,
    place_facts.c.category_id,
    place_facts.c.address,
    place_facts.c.hours_no,
    hours_patterns.c.opening_hours,
    hours_patterns.c.time_zone,
    hours_patterns.c.calendar,
    hours_patterns.c.workday_calendar,
    hours_patterns.c.parsed,
    place_operators.c.merchant_id,
)
OF_HOURS = and_(
    hours_patterns.c.city_id == place_facts.c.city_id,
    hours_patterns.c.version == place_facts.c.version,
    hours_patterns.c.hours_no == place_facts.c.hours_no,
)
OF_OPERATOR = and_(
    place_operators.c.city_id == place_facts.c.city_id, place_operators.c.place_id == place_facts.c.place_id
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacesQuestion:
    """One city's part of a search: filters worked out to what the tables hold; None filters nothing.

    ``open_at`` keeps open places, with ``include_unknown`` also those whose hours are not known.
    """

    reach: Reach
    origin: LonLat
    radius_mm: int
    as_of: datetime
    category_ids: tuple[str, ...] | None
    region: RegionFilter | None
    open_at: PatternsAt | None
    include_unknown: bool
    has_coupon: bool
    after: Position | None
    limit: int
    count: bool


def places_around(conn: Connection, asked: PlacesQuestion) -> CityPage[PlaceHit]:
    """The first ``limit`` places of one city past ``after``, nearest first, ties by id."""
    measured = (
        select(place_facts.c.place_id, distance_mm(place_facts.c.location, asked.origin).label("distance_mm"))
        .where(*_wanted(asked))
        .subquery("measured")
    )
    around = select(measured).where(measured.c.distance_mm <= literal(asked.radius_mm, BigInteger)).cte("around")
    page = select(around)
    if asked.after is not None:
        page = page.where(past(around.c.distance_mm, around.c.place_id, asked.after))
    nearest = page.order_by(around.c.distance_mm, around.c.place_id).limit(asked.limit).subquery("nearest")
    statement = (
        select(nearest.c.distance_mm, bounded_count(around, asked.count).label("total"), *FACTS)
        .select_from(nearest)
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
        .order_by(nearest.c.distance_mm, nearest.c.place_id)
    )
    rows = conn.execute(statement).all()
    hits = [PlaceHit(row.distance_mm, place_of(row)) for row in rows]
    return CityPage(hits, rows[0].total if rows else 0)


def _wanted(asked: PlacesQuestion) -> list[ColumnElement[bool]]:
    conditions = place_conditions(asked.reach, asked.category_ids, asked.region)
    conditions.append(near(place_facts.c.location, asked.origin, asked.radius_mm / 1000))
    if asked.open_at is not None:
        numbers = asked.open_at.opened + (asked.open_at.unknown if asked.include_unknown else ())
        known = place_facts.c.hours_no == any_(literal(list(numbers), ARRAY(Integer)))
        conditions.append(or_(known, place_facts.c.hours_no.is_(None)) if asked.include_unknown else known)
    if asked.has_coupon:
        conditions.append(_with_live_coupon(asked.as_of))
    return conditions


def place_conditions(
    reach: Reach, category_ids: Sequence[str] | None, region: RegionFilter | None
) -> list[ColumnElement[bool]]:
    """Live places of a city's version, of some categories, within an area."""
    conditions = [
        place_facts.c.city_id == reach.city_id,
        place_facts.c.version == reach.version,
        place_facts.c.closed.is_(False),
    ]
    if category_ids is not None:
        wanted = literal(list(category_ids), ARRAY(Text))
        others = place_facts.c.alternate_category_ids.overlap(wanted)
        conditions.append(or_(place_facts.c.category_id == any_(wanted), others))
    if region is not None:
        conditions.append(_within(reach, region))
    return conditions


def _within(reach: Reach, region: RegionFilter) -> ColumnElement[bool]:
    if reach.city_id != region.city_id:
        return covers(from_wkb(region.boundary), place_facts.c.location)
    return exists(
        select(1).where(
            region_facts.c.city_id == region.city_id,
            region_facts.c.version == region.version,
            region_facts.c.region_id == region.region_id,
            covers(region_facts.c.boundary, place_facts.c.location),
        )
    )


def _with_live_coupon(as_of: datetime) -> ColumnElement[bool]:
    return exists(
        select(1)
        .select_from(coupon_places)
        .join(
            coupons,
            and_(coupons.c.city_id == coupon_places.c.city_id, coupons.c.coupon_id == coupon_places.c.coupon_id),
        )
        .join(coupon_versions, current_terms())
        .where(
            coupon_places.c.city_id == place_facts.c.city_id,
            coupon_places.c.place_id == place_facts.c.place_id,
            live_at(as_of),
        )
    )


def past(distance: ColumnElement[int], thing_id: ColumnElement[UUID], after: Position) -> ColumnElement[bool]:
    """Rows behind a position in the order (distance, id)."""
    mm, last = literal(after[0], BigInteger), literal(after[1], Uuid)
    return or_(distance > mm, and_(distance == mm, thing_id > last))


def bounded_count(rows: Any, wanted: bool) -> ColumnElement[int]:
    """How many rows a common table expression holds, counted to one past the cap; 0 when not wanted."""
    if not wanted:
        return literal(0, Integer)
    some = select(literal(1, Integer).label("one")).select_from(rows).limit(TOTAL_CAP + 1).subquery("some")
    return select(func.count()).select_from(some).scalar_subquery()


def place_of(row: AnyRow) -> PlaceFacts:
    """Facts from a row of the columns ``FACTS``."""
    hours = None
    if row.hours_no is not None:
        hours = HoursPattern(
            row.hours_no, row.opening_hours, row.time_zone, row.calendar, row.workday_calendar, row.parsed
        )
    return PlaceFacts(
        city_id=row.city_id,
        place_id=row.place_id,
        location=LonLat(row.lon, row.lat),
        source=SourcePoint(row.source_datum, row.source_lon, row.source_lat),
        names=row.names,
        category_id=row.category_id,
        address=row.address,
        hours=hours,
        merchant_id=row.merchant_id,
    )


def coupons_at(
    conn: Connection, city_id: int, place_ids: Sequence[UUID], as_of: datetime, shown: int = COUPONS_SHOWN
) -> Mapping[UUID, tuple[int, tuple[CouponBrief, ...]]]:
    """For each of some places of a city: how many live coupons it has, and the newest of them."""
    if not place_ids:
        return {}
    numbered = _live_at_places(city_id, place_ids, as_of).subquery("numbered")
    rows = conn.execute(
        select(numbered)
        .where(numbered.c.rank <= shown)
        .order_by(numbered.c.place_id, numbered.c.rank)
        .limit(len(place_ids) * shown)
    ).all()
    found: dict[UUID, tuple[int, list[CouponBrief]]] = {}
    for row in rows:
        brief = CouponBrief(row.coupon_id, row.kind, row.titles, terms_of(row))
        found.setdefault(row.place_id, (row.coupon_count, []))[1].append(brief)
    return {place_id: (count, tuple(briefs)) for place_id, (count, briefs) in found.items()}


def _live_at_places(city_id: int, place_ids: Sequence[UUID], as_of: datetime) -> Select[Any]:
    at_place = coupon_places.c.place_id
    newest_first = (coupons.c.published_at.desc(), coupons.c.coupon_id)
    return (
        select(
            at_place,
            coupons.c.coupon_id,
            coupon_versions.c.titles,
            *TERMS,
            func.count().over(partition_by=at_place).label("coupon_count"),
            func.row_number().over(partition_by=at_place, order_by=newest_first).label("rank"),
        )
        .select_from(coupon_places)
        .join(
            coupons,
            and_(coupons.c.city_id == coupon_places.c.city_id, coupons.c.coupon_id == coupon_places.c.coupon_id),
        )
        .join(coupon_versions, current_terms())
        .where(
            coupon_places.c.city_id == city_id,
            at_place == any_(literal(list(place_ids), ARRAY(Uuid))),
            live_at(as_of),
        )
    )


TERMS = (
    coupon_versions.c.kind,
    coupon_versions.c.currency,
    coupon_versions.c.price_minor,
    coupon_versions.c.list_price_minor,
    coupon_versions.c.face_value_minor,
    coupon_versions.c.percent_off_bp,
    coupon_versions.c.cap_minor,
    coupon_versions.c.min_spend_minor,
)


def terms_of(row: AnyRow) -> Terms:
    """Terms from a row of the columns ``TERMS``."""
    return Terms(
        kind=row.kind,
        currency=row.currency,
        price_minor=row.price_minor,
        list_price_minor=row.list_price_minor,
        face_value_minor=row.face_value_minor,
        percent_off_bp=row.percent_off_bp,
        cap_minor=row.cap_minor,
        min_spend_minor=row.min_spend_minor,
    )
