"""Statements about codes that merchants bring."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, delete, func, select, text, update

from app.coupons.tables import coupon_codes
from app.coupons.types import CodeCount, Owned, SealedCode

# One statement for a batch whatever its size: a list of rows would be composed anew for each.
_ADD: Final = text("""
    INSERT INTO coupon_codes (city_id, code_id, coupon_id, merchant_id, code_key, code_sealed, code_tail, uploaded_at)
    SELECT :city, g.code_id, :coupon, :merchant, g.code_key, g.code_sealed, g.code_tail, :now
    FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS bytea[]), CAST(:sealed AS bytea[]), CAST(:tails AS text[]))
        AS g (code_id, code_key, code_sealed, code_tail)
    ON CONFLICT ON CONSTRAINT coupon_codes_key_uq DO NOTHING
    RETURNING code_key
""")


def add_codes(conn: Connection, coupon: Owned, codes: Sequence[SealedCode], now: datetime) -> frozenset[bytes]:
    """Writes codes; the keys of those that the merchant had not brought before, for any of its coupons."""
    if not codes:
        return frozenset()
    added = conn.execute(
        _ADD,
        {
            "city": coupon.city_id,
            "coupon": coupon.coupon_id,
            "merchant": coupon.merchant_id,
            "ids": [each.code_id for each in codes],
            "keys": [each.key for each in codes],
            "sealed": [each.sealed for each in codes],
            "tails": [each.tail for each in codes],
            "now": now,
        },
    )
    return frozenset(bytes(key) for key in added.scalars())


def count_codes(conn: Connection, city_id: int, coupon_id: UUID) -> CodeCount:
    """How many codes a coupon has, and how many nobody has yet."""
    row = conn.execute(
        select(
            func.count().label("uploaded"),
            func.count().filter(coupon_codes.c.claim_id.is_(None)).label("left"),
        ).where(coupon_codes.c.city_id == city_id, coupon_codes.c.coupon_id == coupon_id)
    ).one()
    return CodeCount(row.uploaded, row.left)


def count_free(conn: Connection, city_id: int, coupon_id: UUID) -> int:
    """How many codes of a coupon nobody has; by index."""
    return conn.execute(
        select(func.count()).where(
            coupon_codes.c.city_id == city_id,
            coupon_codes.c.coupon_id == coupon_id,
            coupon_codes.c.claim_id.is_(None),
        )
    ).scalar_one()


def take_code(conn: Connection, city_id: int, coupon_id: UUID) -> tuple[UUID, bytes, bytes, str] | None:
    """(id, key, sealed, tail) of a code that nobody has, locked until the transaction ends; None when all are taken.

    Codes that others are about to take are left to them, unless there is no other: then this waits for what becomes
    of one.
    """
    wanted = (
        select(coupon_codes.c.code_id, coupon_codes.c.code_key, coupon_codes.c.code_sealed, coupon_codes.c.code_tail)
        .where(
            coupon_codes.c.city_id == city_id,
            coupon_codes.c.coupon_id == coupon_id,
            coupon_codes.c.claim_id.is_(None),
        )
        .order_by(coupon_codes.c.code_id)
        .limit(1)
    )
    for statement in (wanted.with_for_update(skip_locked=True), wanted.with_for_update()):
        row = conn.execute(statement).one_or_none()
        if row is not None:
            return row.code_id, bytes(row.code_key), bytes(row.code_sealed), row.code_tail
    return None


def hand_out(conn: Connection, city_id: int, code_id: UUID, claim_id: UUID) -> None:
    """A locked code is a claim's from now on."""
    conn.execute(
        update(coupon_codes)
        .where(coupon_codes.c.city_id == city_id, coupon_codes.c.code_id == code_id, coupon_codes.c.claim_id.is_(None))
        .values(claim_id=claim_id)
    )


def brings_codes(conn: Connection, city_id: int, merchant_id: UUID) -> bool:
    """True when a merchant brought codes of its own to a city."""
    some = (
        select(coupon_codes.c.code_id)
        .where(coupon_codes.c.city_id == city_id, coupon_codes.c.merchant_id == merchant_id)
        .limit(1)
    )
    return conn.execute(some).first() is not None


def delete_codes(conn: Connection, city_id: int, coupon_id: UUID) -> None:
    """Removes the codes of a coupon that was never published."""
    conn.execute(delete(coupon_codes).where(coupon_codes.c.city_id == city_id, coupon_codes.c.coupon_id == coupon_id))
