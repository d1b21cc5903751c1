"""Statements about claims; all but the wallet's stay in one city."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, and_, func, select, text, update

from app.cities.tables import active_dataset
from app.claims.tables import claims, coupon_day_stock
from app.claims.types import Claim, Slot
from app.core.spatial import distance_mm
from app.coupons.queries import current_terms
from app.coupons.tables import coupon_places, coupon_stock, coupon_versions, coupons
from app.places.tables import place_facts
from geo.coordinates import LonLat

_CLAIM = tuple(claims.c[name] for name in Claim.__dataclass_fields__)


def read_claim(conn: Connection, city_id: int, claim_id: UUID) -> Claim | None:
    """A claim as it is."""
    return _one(conn, _claims().where(claims.c.city_id == city_id, claims.c.claim_id == claim_id))


def lock_claim(conn: Connection, city_id: int, claim_id: UUID) -> Claim | None:
    """A claim, locked until the transaction ends."""
    return _one(conn, _claims().where(claims.c.city_id == city_id, claims.c.claim_id == claim_id).with_for_update())


def lock_claims(conn: Connection, city_id: int, claim_ids: Sequence[UUID]) -> dict[UUID, Claim]:
    """Claims by id, locked in the order of their ids so that two tills never wait for each other."""
    rows = conn.execute(
        _claims()
        .where(claims.c.city_id == city_id, claims.c.claim_id.in_(list(claim_ids)))
        .order_by(claims.c.claim_id)
        .with_for_update()
    )
    return {row.claim_id: _claim(row) for row in rows}


def merchant_claim_by_code(conn: Connection, city_id: int, merchant_id: UUID, code_key: bytes) -> Claim | None:
    """The claim of a code at a merchant; another merchant's is as good as missing."""
    return _one(
        conn,
        _claims().where(
            claims.c.city_id == city_id, claims.c.code_key == code_key, claims.c.merchant_id == merchant_id
        ),
    )


def merchant_claim(conn: Connection, city_id: int, merchant_id: UUID, claim_id: UUID) -> Claim | None:
    """A claim at a merchant, likewise."""
    return _one(
        conn,
        _claims().where(
            claims.c.city_id == city_id, claims.c.claim_id == claim_id, claims.c.merchant_id == merchant_id
        ),
    )


def read_claims(conn: Connection, city_id: int, claim_ids: Sequence[UUID]) -> dict[UUID, Claim]:
    """Claims by id, as they are."""
    rows = conn.execute(_claims().where(claims.c.city_id == city_id, claims.c.claim_id.in_(list(claim_ids))))
    return {row.claim_id: _claim(row) for row in rows}


def member_claim(conn: Connection, city_id: int, claim_id: UUID, member_id: UUID) -> Claim | None:
    """A claim of a member; another's is as good as missing."""
    return _one(
        conn,
        _claims().where(claims.c.city_id == city_id, claims.c.claim_id == claim_id, claims.c.member_id == member_id),
    )


def sealed_code(conn: Connection, city_id: int, claim_id: UUID, member_id: UUID) -> bytes | None:
    """The sealed code of a member's claim."""
    found = conn.execute(
        select(claims.c.code_sealed).where(
            claims.c.city_id == city_id, claims.c.claim_id == claim_id, claims.c.member_id == member_id
        )
    ).scalar_one_or_none()
    return None if found is None else bytes(found)


def member_claims(
    conn: Connection, member_id: UUID, states: Sequence[str] | None, before: UUID | None, limit: int
) -> tuple[Claim, ...]:
    """A page of a member's claims over all cities, newest first (ids are made in the order of time)."""
    wanted = _claims().prefix_with("/* cross-city */").where(claims.c.member_id == member_id)
    if states:
        wanted = wanted.where(claims.c.state.in_(list(states)))
    if before is not None:
        wanted = wanted.where(claims.c.claim_id < before)
    return tuple(_claim(row) for row in conn.execute(wanted.order_by(claims.c.claim_id.desc()).limit(limit)))


def count_member_claims(conn: Connection, member_id: UUID, states: Sequence[str] | None) -> int:
    """How many claims a member has over all cities."""
    wanted = select(func.count()).prefix_with("/* cross-city */").where(claims.c.member_id == member_id)
    if states:
        wanted = wanted.where(claims.c.state.in_(list(states)))
    return conn.execute(wanted).scalar_one()


_OWN = text("""
    /* cross-city: a member's claims lie in every city */
    SELECT k.coupon_id, k.state, k.member_no, k.member_day_no, k.claimed_on, k.valid_from, k.valid_until,
           v.per_member, v.per_member_day, v.time_zone
    FROM claims k
    JOIN coupons c ON c.city_id = k.city_id AND c.coupon_id = k.coupon_id
    JOIN coupon_versions v ON v.city_id = c.city_id AND v.coupon_id = c.coupon_id AND v.version = c.current_version
    WHERE k.member_id = :member AND k.state not in ('released', 'cancelled', 'refunded') AND c.state = 'published'
    ORDER BY k.claim_id DESC LIMIT :most
""")
MOST_SLOTS = 10_000


def member_slots(conn: Connection, member_id: UUID) -> tuple[Slot, ...]:
    """The slots that a member holds of coupons on offer, over all cities; at most ``MOST_SLOTS``, the newest."""
    return tuple(Slot(*row) for row in conn.execute(_OWN, {"member": member_id, "most": MOST_SLOTS}))


def move_claim(
    conn: Connection, city_id: int, claim_id: UUID, before: Sequence[str], state: str, ended_at: datetime | None
) -> Claim | None:
    """One guarded step; None when the claim is in none of the states it may start from."""
    row = conn.execute(
        update(claims)
        .where(claims.c.city_id == city_id, claims.c.claim_id == claim_id, claims.c.state.in_(list(before)))
        .values(state=state, ended_at=ended_at, seq=claims.c.seq + 1)
        .returning(*_CLAIM)
    ).one_or_none()
    return None if row is None else _claim(row)


def put_in_group(conn: Connection, city_id: int, claim_id: UUID, group_id: UUID) -> None:
    """A claim that was granted in this transaction belongs to a group."""
    conn.execute(
        update(claims)
        .where(claims.c.city_id == city_id, claims.c.claim_id == claim_id, claims.c.group_id.is_(None))
        .values(group_id=group_id)
    )


def return_stock(conn: Connection, city_id: int, coupon_id: UUID, bucket: int, day: date | None) -> None:
    """One unit goes back into its bucket, and into its day where days are limited."""
    if day is not None:
        conn.execute(
            update(coupon_day_stock)
            .where(
                coupon_day_stock.c.city_id == city_id,
                coupon_day_stock.c.coupon_id == coupon_id,
                coupon_day_stock.c.claimed_on == day,
                coupon_day_stock.c.bucket == 0,
            )
            .values(taken=coupon_day_stock.c.taken - 1)
        )
    given = conn.execute(
        update(coupon_stock)
        .where(
            coupon_stock.c.city_id == city_id,
            coupon_stock.c.coupon_id == coupon_id,
            coupon_stock.c.bucket == bucket,
        )
        .values(taken=coupon_stock.c.taken - 1)
        .returning(coupon_stock.c.version)
    ).one_or_none()
    if given is None:
        raise LookupError(f"coupon {coupon_id} of city {city_id} has no bucket {bucket}")
    if given.version is not None:
        _keep_what_is_spent(conn, city_id, coupon_id, bucket, given.version)


def _keep_what_is_spent(conn: Connection, city_id: int, coupon_id: UUID, bucket: int, version: int) -> None:
    """A unit that nobody may have again leaves the bucket for good: a merchant's own code that somebody saw, and one of
    an earlier version. The latter is given out under the version in force, unless that has a budget to reckon with."""
    terms = conn.execute(
        select(coupons.c.current_version, coupon_versions.c.code_source, coupon_versions.c.budget_minor)
        .join(coupon_versions, current_terms())
        .where(coupons.c.city_id == city_id, coupons.c.coupon_id == coupon_id)
    ).one()
    own_codes = terms.code_source == "merchant"
    if terms.current_version == version and not own_codes:
        return
    here = and_(coupon_stock.c.city_id == city_id, coupon_stock.c.coupon_id == coupon_id)
    conn.execute(
        update(coupon_stock).where(here, coupon_stock.c.bucket == bucket).values(quota=coupon_stock.c.quota - 1)
    )
    if own_codes or terms.budget_minor is not None:
        return
    first = (
        select(func.min(coupon_stock.c.bucket))
        .where(here, coupon_stock.c.version == terms.current_version)
        .scalar_subquery()
    )
    conn.execute(
        update(coupon_stock).where(here, coupon_stock.c.bucket == first).values(quota=coupon_stock.c.quota + 1)
    )


def take_ending(conn: Connection, city_id: int, now: datetime, limit: int) -> tuple[Claim, ...]:
    """Active claims whose time is over, locked; those that somebody works on are left for the next round."""
    rows = conn.execute(
        _claims()
        .where(claims.c.city_id == city_id, claims.c.state == "active", claims.c.valid_until <= now)
        .order_by(claims.c.valid_until, claims.c.claim_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return tuple(_claim(row) for row in rows)


def take_unpaid(conn: Connection, city_id: int, now: datetime, limit: int) -> tuple[Claim, ...]:
    """Claims whose time to pay is over, locked likewise."""
    rows = conn.execute(
        _claims()
        .where(claims.c.city_id == city_id, claims.c.state == "pending_payment", claims.c.pay_until <= now)
        .order_by(claims.c.pay_until, claims.c.claim_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return tuple(_claim(row) for row in rows)


def _claims() -> Select[Any]:
    return select(*_CLAIM)


def _one(conn: Connection, statement: Select[Any]) -> Claim | None:
    row = conn.execute(statement).one_or_none()
    return None if row is None else _claim(row)


def _claim(row: Row[Any]) -> Claim:
    return Claim(*tuple(row))


def nearest_usable_mm(conn: Connection, city_id: int, coupon_id: UUID, point: LonLat) -> int | None:
    """Distance to the nearest live place where the coupon can be used, whole millimetres; None without any."""
    return conn.execute(
        select(func.min(distance_mm(place_facts.c.location, point)))
        .select_from(coupon_places)
        .join(
            active_dataset,
            and_(active_dataset.c.city_id == coupon_places.c.city_id, active_dataset.c.kind == "places"),
        )
        .join(
            place_facts,
            and_(
                place_facts.c.city_id == coupon_places.c.city_id,
                place_facts.c.version == active_dataset.c.version,
                place_facts.c.place_id == coupon_places.c.place_id,
            ),
        )
        .where(
            coupon_places.c.city_id == city_id,
            coupon_places.c.coupon_id == coupon_id,
            place_facts.c.closed.is_(False),
        )
    ).scalar_one()


_GRANT_TYPES = {
    "p_city": "integer",
    "p_claim": "uuid",
    "p_coupon": "uuid",
    "p_version": "integer",
    "p_merchant": "uuid",
    "p_member": "uuid",
    "p_state": "text",
    "p_units": "smallint",
    "p_price": "bigint",
    "p_currency": "text",
    "p_valid_from": "timestamptz",
    "p_valid_until": "timestamptz",
    "p_pay_until": "timestamptz",
    "p_code_key": "bytea",
    "p_code_sealed": "bytea",
    "p_code_tail": "text",
    "p_device": "bytea",
    "p_distance_m": "integer",
    "p_accuracy_m": "integer",
    "p_fix_age_s": "integer",
    "p_on": "date",
    "p_per_member": "smallint",
    "p_per_member_day": "smallint",
    "p_per_device": "smallint",
    "p_per_day": "integer",
    "p_event": "uuid",
    "p_event_data": "jsonb",
    "p_trace": "text",
    "p_now": "timestamptz",
    "p_principal": "text",
    "p_operation": "text",
    "p_key": "text",
    "p_hash": "bytea",
    "p_body": "bytea",
    "p_media_type": "text",
    "p_expires": "timestamptz",
    "p_sold_out_body": "bytea",
    "p_sold_out_media_type": "text",
    "p_sold_out_expires": "timestamptz",
}
_GRANT = "SELECT claim_coupon(" + ", ".join(f"%({name})s::{kind}" for name, kind in _GRANT_TYPES.items()) + ")"


def grant(conn: Connection, values: Mapping[str, Any]) -> str:
    """Calls the one function that takes the key, checks the limits and grants the claim; what it answered.

    ``granted``, ``key-taken``, ``stale-terms``, ``sold-out``, ``member-limit``, ``member-day-limit`` or
    ``device-limit``; with a key, the answers of ``granted`` and ``sold-out`` are stored then. Straight to the driver:
    composing this statement would cost as much as running it.
    """
    outcome: str = conn.exec_driver_sql(_GRANT, {name: values[name] for name in _GRANT_TYPES}).scalar_one()
    return outcome
