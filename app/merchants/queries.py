"""Statements about merchants, their places and their people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Uuid, and_, bindparam, exists, func, select

from app.members.types import Employment
from app.merchants.tables import merchant_staff, merchants, place_operators, staff_places
from app.merchants.types import Merchant, PlaceCount, PlaceRun, StaffMember

MAX_STAFF = 100

_MERCHANT = (merchants.c.merchant_id, merchants.c.names, merchants.c.home_city_id, merchants.c.created_at)
_PLACES = (
    select(func.array_agg(staff_places.c.place_id))
    .where(
        staff_places.c.merchant_id == merchant_staff.c.merchant_id,
        staff_places.c.member_id == merchant_staff.c.member_id,
    )
    .correlate(merchant_staff)
    .scalar_subquery()
    .label("place_ids")
)

_EMPLOYMENT = (  # built once: it runs at each request of an owner or staff member
    select(merchant_staff.c.merchant_id, merchant_staff.c.role, _PLACES)
    .join(merchants, merchants.c.merchant_id == merchant_staff.c.merchant_id)
    .where(merchant_staff.c.member_id == bindparam("member_id", type_=Uuid()), merchants.c.state == "active")
    .order_by(merchant_staff.c.merchant_id)
    .limit(MAX_STAFF)
)


def merchants_by_ids(conn: Connection, ids: Sequence[UUID]) -> dict[UUID, Merchant]:
    """Active merchants of a page by their ids; missing ones are left out."""
    if not ids:
        return {}
    rows = conn.execute(select(*_MERCHANT).where(merchants.c.merchant_id.in_(list(ids)), merchants.c.state == "active"))
    return {row.merchant_id: _merchant(row) for row in rows}


def merchant_by_id(conn: Connection, merchant_id: UUID) -> Merchant | None:
    """An active merchant."""
    return merchants_by_ids(conn, [merchant_id]).get(merchant_id)


def place_counts(conn: Connection, merchant_id: UUID, city_ids: Sequence[int]) -> tuple[PlaceCount, ...]:
    """How many places the merchant runs in each of the cities, cities without any left out."""
    rows = conn.execute(
        select(place_operators.c.city_id, func.count().label("place_count"))
        .where(place_operators.c.city_id.in_(list(city_ids)), place_operators.c.merchant_id == merchant_id)
        .group_by(place_operators.c.city_id)
        .order_by(place_operators.c.city_id)
    )
    return tuple(PlaceCount(row.city_id, row.place_count) for row in rows)


def operator_among(conn: Connection, city_id: int, place_id: UUID, merchant_ids: Sequence[UUID]) -> UUID | None:
    """Which of some merchants runs a place; None when none of them does."""
    return conn.execute(
        select(place_operators.c.merchant_id).where(
            place_operators.c.city_id == city_id,
            place_operators.c.place_id == place_id,
            place_operators.c.merchant_id.in_(list(merchant_ids)),
        )
    ).scalar_one_or_none()


def places_run_by(
    conn: Connection, merchant_id: UUID, city_ids: Sequence[int], *, after: UUID | None, limit: int
) -> tuple[PlaceRun, ...]:
    """A page of the places that a merchant runs in these cities, by place."""
    statement = select(place_operators.c.city_id, place_operators.c.place_id).where(
        place_operators.c.city_id.in_(list(city_ids)), place_operators.c.merchant_id == merchant_id
    )
    if after is not None:
        statement = statement.where(place_operators.c.place_id > after)
    rows = conn.execute(statement.order_by(place_operators.c.place_id).limit(limit))
    return tuple(PlaceRun(row.city_id, row.place_id) for row in rows)


def employment_of(conn: Connection, member_id: UUID) -> tuple[Employment, ...]:
    """For which active merchants a member works, and where; one statement over all merchants, by index."""
    rows = conn.execute(_EMPLOYMENT, {"member_id": member_id})
    return tuple(Employment(row.merchant_id, row.role, tuple(sorted(row.place_ids or ()))) for row in rows)


def _may_see_staff(owner_id: UUID | None) -> ColumnElement[bool]:
    """True for the merchant's owner; None stands for an admin, who sees all."""
    active = exists().where(
        and_(merchants.c.merchant_id == merchant_staff.c.merchant_id, merchants.c.state == "active")
    )
    if owner_id is None:
        return active
    mine = merchant_staff.alias("mine")
    return active & exists().where(
        mine.c.merchant_id == merchant_staff.c.merchant_id, mine.c.member_id == owner_id, mine.c.role == "owner"
    )


def staff_of(
    conn: Connection, merchant_id: UUID, *, owner_id: UUID | None, after: UUID | None, limit: int
) -> tuple[StaffMember, ...]:
    """A page of who works for a merchant, by member; nobody when the merchant is missing or another's."""
    statement = select(merchant_staff.c.member_id, merchant_staff.c.role, merchant_staff.c.created_at, _PLACES).where(
        merchant_staff.c.merchant_id == merchant_id, _may_see_staff(owner_id)
    )
    if after is not None:
        statement = statement.where(merchant_staff.c.member_id > after)
    rows = conn.execute(statement.order_by(merchant_staff.c.member_id).limit(limit))
    return tuple(
        StaffMember(row.member_id, row.role, tuple(sorted(row.place_ids or ())), row.created_at) for row in rows
    )


def count_staff(conn: Connection, merchant_id: UUID, *, owner_id: UUID | None) -> int:
    """How many work for a merchant; 0 when it is missing or another's."""
    return conn.execute(
        select(func.count())
        .select_from(merchant_staff)
        .where(merchant_staff.c.merchant_id == merchant_id, _may_see_staff(owner_id))
    ).scalar_one()


def _merchant(row: Row[*tuple[Any, ...]]) -> Merchant:
    return Merchant(row.merchant_id, row.names, row.home_city_id, row.created_at)
