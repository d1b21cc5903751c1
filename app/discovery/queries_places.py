"""Facts of places by id, and the coupons that can be used there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Row,
    and_,
)

from app.core.spatial import latitude, longitude
from app.coupons.tables import coupon_versions
from app.discovery.types import (
    PlaceFacts,
    SourcePoint,
    Terms,
)
from app.merchants.tables import place_operators
from app.places.opening_hours import HoursPattern
from app.places.tables import hours_patterns, place_facts
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
    place_facts.c.price_level,
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
        price_level=row.price_level,
        hours=hours,
        merchant_id=row.merchant_id,
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
