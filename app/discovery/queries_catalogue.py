"""Small reads beside the searches: which versions are kept, how many coupons are live."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, case, exists, func, or_, select

from app.cities.tables import datasets
from app.coupons.queries import current_terms, live_at
from app.coupons.tables import coupon_places, coupon_versions, coupons
from app.places.tables import place_facts
from app.regions.tables import region_facts

VersionKey = tuple[int, str, int]


def kept_versions(conn: Connection, wanted: Collection[VersionKey]) -> set[VersionKey]:
    """Those of some (city, kind, version) whose rows can still be read."""
    rows_there = case(
        (
            datasets.c.kind == "places",
            exists(
                select(1).where(
                    place_facts.c.city_id == datasets.c.city_id, place_facts.c.version == datasets.c.version
                )
            ),
        ),
        else_=exists(
            select(1).where(region_facts.c.city_id == datasets.c.city_id, region_facts.c.version == datasets.c.version)
        ),
    )
    named = or_(
        *(
            and_(datasets.c.city_id == city_id, datasets.c.kind == kind, datasets.c.version == version)
            for city_id, kind, version in wanted
        )
    )
    rows = conn.execute(
        select(datasets.c.city_id, datasets.c.kind, datasets.c.version)
        .where(named, or_(datasets.c.rows_stored == 0, rows_there))
        .limit(len(wanted))
    )
    return {(row.city_id, row.kind, row.version) for row in rows}


def live_coupon_counts(conn: Connection, versions: Mapping[int, int], instant: datetime) -> Mapping[int, int]:
    """How many coupons of each city can be claimed at an instant and used at a live place; cross-city.

    ``versions`` are those of the places by city: the same coupons count that a search around a point can find.
    """
    if not versions:
        return {}
    in_versions = or_(
        *(
            and_(place_facts.c.city_id == city_id, place_facts.c.version == version)
            for city_id, version in sorted(versions.items())
        )
    )
    usable = exists(
        select(1)
        .select_from(coupon_places)
        .join(
            place_facts,
            and_(place_facts.c.city_id == coupon_places.c.city_id, place_facts.c.place_id == coupon_places.c.place_id),
        )
        .where(
            coupon_places.c.city_id == coupons.c.city_id,
            coupon_places.c.coupon_id == coupons.c.coupon_id,
            in_versions,
            place_facts.c.closed.is_(False),
        )
    )
    rows: Any = conn.execute(
        select(coupons.c.city_id, func.count().label("number"))
        .prefix_with("/* cross-city */")
        .join(coupon_versions, current_terms())
        .where(live_at(instant), usable)
        .group_by(coupons.c.city_id)
        .limit(10_000)
    )
    return {row.city_id: row.number for row in rows}
