"""Statements about partners' own ids of coupons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from app.flow.tables import partner_coupon_versions, partner_coupons


@dataclass(frozen=True, slots=True)
class Mapped:
    """The coupon behind a partner's id."""

    external_key: str
    city_id: int
    coupon_id: UUID
    merchant_id: UUID


@dataclass(frozen=True, slots=True)
class MappedVersion:
    """What a partner's version became."""

    external_version: int
    coupon_version: int
    terms_hash: bytes


def mapped(conn: Connection, external_key: str, *, lock: bool) -> Mapped | None:
    """The coupon of an id; locked, publications under the id take turns."""
    wanted = select(*(partner_coupons.c[name] for name in Mapped.__dataclass_fields__)).where(
        partner_coupons.c.external_key == external_key
    )
    row = conn.execute(wanted.with_for_update() if lock else wanted).one_or_none()
    return None if row is None else Mapped(**row._mapping)


def add_mapping(conn: Connection, fresh: Mapped, now: datetime) -> bool:
    """False when somebody took the id at the same moment."""
    added = conn.execute(
        upsert(partner_coupons)
        .values(
            external_key=fresh.external_key,
            city_id=fresh.city_id,
            coupon_id=fresh.coupon_id,
            merchant_id=fresh.merchant_id,
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["external_key"])
    )
    return added.rowcount == 1


def mapped_version(conn: Connection, external_key: str, version: int | None) -> MappedVersion | None:
    """What a version became; without a number the newest one."""
    wanted = select(*(partner_coupon_versions.c[name] for name in MappedVersion.__dataclass_fields__)).where(
        partner_coupon_versions.c.external_key == external_key
    )
    if version is not None:
        wanted = wanted.where(partner_coupon_versions.c.external_version == version)
    row = conn.execute(wanted.order_by(partner_coupon_versions.c.external_version.desc()).limit(1)).one_or_none()
    return None if row is None else MappedVersion(row.external_version, row.coupon_version, bytes(row.terms_hash))


def add_version(conn: Connection, external_key: str, fresh: MappedVersion, now: datetime) -> None:
    """Writes down what a version became."""
    conn.execute(
        insert(partner_coupon_versions).values(
            external_key=external_key,
            external_version=fresh.external_version,
            coupon_version=fresh.coupon_version,
            terms_hash=fresh.terms_hash,
            published_at=now,
        )
    )
