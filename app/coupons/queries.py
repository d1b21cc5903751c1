"""Which coupons a reader may see, conditions on them that searches share, and their terms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Connection, ScalarSelect, and_, exists, func, select, tuple_

from app.core.kept import Kept
from app.coupons.queries_scope import earlier_usable_at
from app.coupons.tables import coupon_places, coupon_stock, coupon_versions, coupons
from app.coupons.types import Standing, Terms


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


TermsKey = tuple[int, UUID, int]  # city, coupon, version
_TERMS = tuple(coupon_versions.c[name] for name in Terms.__dataclass_fields__ if name in coupon_versions.c)


def standing_of(conn: Connection, city_id: int, coupon_id: UUID) -> Standing | None:
    """State and version in force of a coupon; None when there is none."""
    row = conn.execute(
        select(coupons.c.state, coupons.c.current_version).where(
            coupons.c.city_id == city_id, coupons.c.coupon_id == coupon_id
        )
    ).one_or_none()
    return None if row is None else Standing(row.state, row.current_version)


def read_terms(conn: Connection, keys: Sequence[TermsKey]) -> dict[TermsKey, Terms]:
    """Terms by (city, coupon, version), at most a page of them; all of one city a statement."""
    found: dict[TermsKey, Terms] = {}
    for city_id in sorted({key[0] for key in keys}):
        wanted = [(coupon_id, version) for city, coupon_id, version in keys if city == city_id]
        rows = conn.execute(
            select(*_TERMS, coupons.c.merchant_id)
            .join(
                coupons,
                and_(
                    coupons.c.city_id == coupon_versions.c.city_id, coupons.c.coupon_id == coupon_versions.c.coupon_id
                ),
            )
            .where(
                coupon_versions.c.city_id == city_id,
                tuple_(coupon_versions.c.coupon_id, coupon_versions.c.version).in_(wanted),
            )
        )
        for row in rows:
            values = dict(row._mapping)
            values["blackout_dates"] = tuple(values["blackout_dates"])
            terms = Terms(**values)
            found[city_id, terms.coupon_id, terms.version] = terms
    return found


class TermsCache:
    """Terms that this process has read; they never change, so they are kept until room is needed."""

    def __init__(self, room: int = 20_000) -> None:
        self._kept: Kept[TermsKey, Terms] = Kept(room)

    def many(self, conn: Connection, keys: Sequence[TermsKey]) -> dict[TermsKey, Terms]:
        """Terms by (city, coupon, version); unknown ones are left out."""
        return self._kept.many(keys, lambda missing: read_terms(conn, missing))

    def one(self, conn: Connection, city_id: int, coupon_id: UUID, version: int) -> Terms:
        """Terms that must be there, since a claim points at them; LookupError."""
        return self.many(conn, [(city_id, coupon_id, version)])[city_id, coupon_id, version]


def usable_places(conn: Connection, city_id: int, coupon_id: UUID, limit: int) -> tuple[UUID, ...]:
    """Places where a coupon can be used now, by id."""
    return tuple(
        conn.execute(
            select(coupon_places.c.place_id)
            .where(coupon_places.c.city_id == city_id, coupon_places.c.coupon_id == coupon_id)
            .order_by(coupon_places.c.place_id)
            .limit(limit)
        ).scalars()
    )


def usable_at(
    conn: Connection, city_id: int, versions: Sequence[tuple[UUID, int]], place_id: UUID
) -> frozenset[tuple[UUID, int]]:
    """Those of some (coupon, version) that can be used at a place: each claim by the scope it was granted under."""
    here = exists(
        select(1).where(
            coupon_places.c.city_id == city_id,
            coupon_places.c.coupon_id == coupons.c.coupon_id,
            coupon_places.c.place_id == place_id,
        )
    )
    rows = conn.execute(
        select(coupons.c.coupon_id, coupons.c.current_version, here.label("here")).where(
            coupons.c.city_id == city_id, coupons.c.coupon_id.in_([coupon_id for coupon_id, _ in versions])
        )
    )
    in_force = {row.coupon_id: (row.current_version, row.here) for row in rows}
    found = {key for key in versions if in_force.get(key[0]) == (key[1], True)}
    earlier = [key for key in versions if key[0] in in_force and in_force[key[0]][0] != key[1]]
    return frozenset(found | earlier_usable_at(conn, city_id, earlier, place_id) if earlier else found)
