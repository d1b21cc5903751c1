"""One place or one coupon with everything readers are told about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, any_, literal, or_, select, true
from sqlalchemy import Uuid as UuidType
from sqlalchemy.dialects.postgresql import ARRAY

from app.coupons.queries import current_terms
from app.coupons.tables import coupon_places, coupon_versions, coupons
from app.discovery.queries_coupons import coupon_columns, coupon_of
from app.discovery.queries_places import FACTS, OF_HOURS, OF_OPERATOR, place_of
from app.discovery.types import CouponFacts, PlaceFacts
from app.merchants.tables import place_operators
from app.places.tables import hours_patterns, place_facts

MAX_PLACES = 1000

# What a coupon's terms say beside what its list entry shows; how its cost is shared is not public.
TERM_COLUMNS = (
    "list_price_minor",
    "claim_from",
    "claim_until",
    "use_from",
    "use_until",
    "valid_days_after_claim",
    "blackout_dates",
    "use_hours",
    "scope_kind",
    "claim_within_m",
    "claim_in_area",
    "party_min",
    "party_max",
    "quota",
    "per_day",
    "per_member",
    "per_member_day",
    "per_device",
    "units",
    "group_deadline_s",
    "stacking",
    "stack_group",
    "reversal_window_s",
    "refund_policy",
    "refund_below_min_spend",
    "rounding_rule",
    "offline_allowed",
)


@dataclass(frozen=True, slots=True)
class PlaceDetail:
    """Everything the version in force states about one place."""

    facts: PlaceFacts
    brand_id: str | None
    alternate_category_ids: tuple[str, ...]
    phone: str | None
    website: str | None
    attributes: Mapping[str, Any]
    closed: bool
    source_key: str


@dataclass(frozen=True, slots=True)
class CouponDetail:
    """A coupon with all of its public terms by column."""

    coupon: CouponFacts
    terms: Mapping[str, Any]


def place_by_id(conn: Connection, city_id: int, version: int, place_id: UUID) -> PlaceDetail | None:
    """A place of a city's version, closed or not."""
    row = conn.execute(
        select(
            *FACTS,
            place_facts.c.brand_id,
            place_facts.c.alternate_category_ids,
            place_facts.c.phone,
            place_facts.c.website,
            place_facts.c.attributes,
            place_facts.c.closed,
            place_facts.c.source_key,
        )
        .select_from(place_facts)
        .outerjoin(hours_patterns, OF_HOURS)
        .outerjoin(place_operators, OF_OPERATOR)
        .where(
            place_facts.c.city_id == city_id,
            place_facts.c.version == version,
            place_facts.c.place_id == place_id,
        )
    ).one_or_none()
    if row is None:
        return None
    return PlaceDetail(
        facts=place_of(row),
        brand_id=row.brand_id,
        alternate_category_ids=tuple(row.alternate_category_ids),
        phone=row.phone,
        website=row.website,
        attributes=row.attributes,
        closed=row.closed,
        source_key=row.source_key,
    )


def _visible_to(merchant_ids: Collection[UUID], sees_all: bool) -> ColumnElement[bool]:
    """Drafts are for the merchant's own people; what was published once stays readable with its state."""
    if sees_all:
        return true()
    own = coupons.c.merchant_id == any_(literal(list(merchant_ids), ARRAY(UuidType)))
    return or_(coupons.c.state != "draft", own)


def coupon_by_id(
    conn: Connection,
    city_id: int,
    places_version: int,
    coupon_id: UUID,
    *,
    merchant_ids: Collection[UUID],
    sees_all: bool,
) -> CouponDetail | None:
    """A coupon under the terms in force; None when it is missing, or a draft of a merchant not named."""
    row = conn.execute(
        select(
            *coupon_columns(places_version),
            *(coupon_versions.c[name].label(f"term_{name}") for name in TERM_COLUMNS),
        )
        .select_from(coupons)
        .join(coupon_versions, current_terms())
        .where(coupons.c.city_id == city_id, coupons.c.coupon_id == coupon_id, _visible_to(merchant_ids, sees_all))
    ).one_or_none()
    if row is None:
        return None
    terms = {name: getattr(row, f"term_{name}") for name in TERM_COLUMNS}
    return CouponDetail(coupon_of(row), terms)


def places_of_coupon(conn: Connection, city_id: int, version: int, coupon_id: UUID) -> tuple[PlaceFacts, ...]:
    """Live places of a city's version where a coupon can be used, by id; at most ``MAX_PLACES``."""
    rows = conn.execute(
        select(*FACTS)
        .select_from(coupon_places)
        .join(
            place_facts,
            and_(
                place_facts.c.city_id == coupon_places.c.city_id,
                place_facts.c.version == version,
                place_facts.c.place_id == coupon_places.c.place_id,
            ),
        )
        .outerjoin(hours_patterns, OF_HOURS)
        .outerjoin(place_operators, OF_OPERATOR)
        .where(
            coupon_places.c.city_id == city_id,
            coupon_places.c.coupon_id == coupon_id,
            place_facts.c.closed.is_(False),
        )
        .order_by(place_facts.c.place_id)
        .limit(MAX_PLACES)
    ).all()
    return tuple(place_of(row) for row in rows)
