"""What hangs on things that a version takes away or moves: places, service areas, coupons, merchants, members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.core import spatial
from app.coupons.tables import coupon_places, coupon_scopes, coupon_versions, coupons
from app.imports.diff.queries_places import Pairs
from app.imports.diff.types import Impact
from app.merchants.tables import place_operators
from app.places.tables import place_facts
from app.service_areas.tables import service_area_versions, service_areas

# Loads may not read claims nor what people saved, which tell who was where; the views for audits count for them.
claim = table(
    "claim", column("city_id", Integer), column("coupon_id", Uuid), column("member_id", Uuid), column("state", Text),
    schema="audit",
)  # fmt: skip

saved = table("saved_place", column("city_id", Integer), column("place_id", Uuid), schema="audit")

LIVE_CLAIMS: Final = ("pending_payment", "active")
LIVE_COUPONS: Final = ("published", "paused")


def of_places(conn: Connection, city_id: int, version: int, against: int, far_m: float) -> Impact:
    """What hangs on the places that would vanish or move by more than ``far_m``."""
    pairs = Pairs(city_id, version, against)
    touched = (
        select(pairs.old.c.place_id)
        .select_from(pairs.joined)
        .where(or_(pairs.removed, and_(pairs.kept, pairs.distance_m > far_m)))
        .cte("touched")
    )
    places = select(touched.c.place_id)
    used = (
        select(coupon_places.c.coupon_id)
        .where(coupon_places.c.city_id == city_id, coupon_places.c.place_id.in_(places))
        .distinct()
    )
    return _counted(
        conn,
        city_id,
        places,
        _areas_of(city_id, service_areas.c.place_id.in_(places)),
        used,
    )


def of_land(
    conn: Connection, city_id: int, places_version: int | None, land: Sequence[bytes], region_ids: Sequence[UUID]
) -> Impact:
    """What hangs on land that changes hands (polygons as WKB), and on the areas it belongs to.

    Coupons are those whose scope names one of the areas; a place or service area counts when it lies on the land.
    """
    pieces = select(spatial.shapes_of(land).label("shape")).cte("pieces")
    placed = (
        select(place_facts.c.place_id)
        .join(pieces, spatial.on_land(place_facts.c.location, pieces.c.shape))
        .where(
            place_facts.c.city_id == city_id,
            place_facts.c.version == (places_version or 0),
            place_facts.c.closed.is_(False),
        )
        .distinct()
        .cte("placed")
    )
    crossing = select(literal(1, Integer)).where(spatial.meets(service_area_versions.c.boundary, pieces.c.shape))
    areas = select(func.count(func.distinct(service_area_versions.c.service_area_id))).where(
        service_area_versions.c.city_id == city_id,
        service_area_versions.c.state == "published",
        crossing.exists(),
    )
    used = (
        select(coupon_scopes.c.coupon_id)
        .join(
            coupon_versions,
            and_(
                coupon_versions.c.city_id == coupon_scopes.c.city_id,
                coupon_versions.c.coupon_id == coupon_scopes.c.coupon_id,
                coupon_versions.c.version == coupon_scopes.c.version,
            ),
        )
        .where(
            coupon_scopes.c.city_id == city_id,
            coupon_versions.c.scope_kind == "regions",
            coupon_scopes.c.scope_id == func.any(cast(literal(list(region_ids)), ARRAY(Uuid))),
        )
        .distinct()
    )
    places = select(placed.c.place_id)
    return _counted(
        conn,
        city_id,
        places,
        areas,
        used,
    )


def _areas_of(city_id: int, condition: ColumnElement[bool]) -> Select[Any]:
    return (
        select(func.count(func.distinct(service_areas.c.service_area_id)))
        .join(
            service_area_versions,
            and_(
                service_area_versions.c.city_id == service_areas.c.city_id,
                service_area_versions.c.service_area_id == service_areas.c.service_area_id,
            ),
        )
        .where(service_areas.c.city_id == city_id, service_area_versions.c.state == "published", condition)
    )


def _counted(conn: Connection, city_id: int, places: Select[Any], areas: Select[Any], used: Select[Any]) -> Impact:
    """One statement for all counts; ``places`` are ids, ``areas`` is a count.

    ``used`` are the coupons, whose live ones count with those who hold a claim.
    """
    merchants = select(func.count(func.distinct(place_operators.c.merchant_id))).where(
        place_operators.c.city_id == city_id, place_operators.c.place_id.in_(places)
    )
    live = select(coupons.c.coupon_id).where(
        coupons.c.city_id == city_id, coupons.c.state.in_(LIVE_COUPONS), coupons.c.coupon_id.in_(used)
    )
    row = conn.execute(
        select(
            select(func.count()).select_from(places.subquery("counted")).scalar_subquery().label("places"),
            areas.scalar_subquery().label("areas"),
            select(func.count()).select_from(live.subquery("live")).scalar_subquery().label("coupons"),
            merchants.scalar_subquery().label("merchants"),
            select(func.count(func.distinct(claim.c.member_id)))
            .where(claim.c.city_id == city_id, claim.c.state.in_(LIVE_CLAIMS), claim.c.coupon_id.in_(used))
            .scalar_subquery()
            .label("members"),
            select(func.count())
            .where(saved.c.city_id == city_id, saved.c.place_id.in_(places))
            .scalar_subquery()
            .label("saved"),
        )
    ).one()
    return Impact(row.places, row.areas, row.coupons, row.merchants, row.members, row.saved)
