"""Statements about tries, verdicts and last positions; those about tries and verdicts stay in one city."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Connection, Double, cast, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from app.claims.gates import Cell, Seen
from app.claims.tables_guard import claim_tries, claim_verdicts, last_fixes
from app.core.spatial import area_distance_m
from app.coupons.tables import coupon_scopes
from app.service_areas.tables import service_area_versions
from geo.coordinates import LonLat


def count_try(conn: Connection, city_id: int, whose: str, subject: bytes, hour: datetime, most: int) -> bool:
    """One more try within the hour; False when as many as are allowed were counted. Parallel ones take turns."""
    fresh = insert(claim_tries).values(city_id=city_id, whose=whose, subject=subject, hour=hour, tries=1, most=most)
    counted = conn.execute(
        fresh.on_conflict_do_update(
            constraint="claim_tries_pk",
            set_={"tries": claim_tries.c.tries + 1},
            where=claim_tries.c.tries < claim_tries.c.most,
        )
    )
    return counted.rowcount == 1


def add_verdict(conn: Connection, values: Mapping[str, Any]) -> None:
    """Keeps a verdict."""
    conn.execute(insert(claim_verdicts).values(dict(values)))


def lock_last_fix(conn: Connection, member_id: UUID, cell: Cell, at: datetime) -> Seen | None:
    """Where the member claimed last, locked, so that two claims far apart see each other; None when this is the first,
    which is noted then."""
    fresh = insert(last_fixes).values(member_id=member_id, lon_cell=cell.lon, lat_cell=cell.lat, measured_at=at)
    if conn.execute(fresh.on_conflict_do_nothing()).rowcount == 1:
        return None
    row = conn.execute(
        select(last_fixes.c.lon_cell, last_fixes.c.lat_cell, last_fixes.c.measured_at)
        .where(last_fixes.c.member_id == member_id)
        .with_for_update()
    ).one_or_none()
    return None if row is None else Seen(Cell(row.lon_cell, row.lat_cell), row.measured_at)


def put_last_fix(conn: Connection, member_id: UUID, cell: Cell, at: datetime) -> None:
    """The member claimed here now."""
    fresh = insert(last_fixes).values(member_id=member_id, lon_cell=cell.lon, lat_cell=cell.lat, measured_at=at)
    moved = {name: fresh.excluded[name] for name in ("lon_cell", "lat_cell", "measured_at")}
    conn.execute(fresh.on_conflict_do_update(constraint="last_fixes_pk", set_=moved))


def nearest_area_mm(
    conn: Connection, city_id: int, coupon_id: UUID, version: int, point: LonLat, now: datetime
) -> int | None:
    """Distance to the nearest area in force that the terms name, whole millimetres, 0 inside; None without any."""
    areas = service_area_versions
    metres = func.min(area_distance_m(areas.c.boundary, point), type_=Double)
    return conn.execute(
        select(cast(func.round(metres * 1000), BigInteger))
        .select_from(coupon_scopes)
        .join(
            areas,
            (areas.c.city_id == coupon_scopes.c.city_id) & (areas.c.service_area_id == coupon_scopes.c.scope_id),
        )
        .where(
            coupon_scopes.c.city_id == city_id,
            coupon_scopes.c.coupon_id == coupon_id,
            coupon_scopes.c.version == version,
            areas.c.city_id == city_id,
            areas.c.state == "published",
            areas.c.effective_from <= now,
            areas.c.effective_until.is_(None) | (areas.c.effective_until > now),
        )
    ).scalar_one()


def forget_old(conn: Connection, city_id: int, tries: datetime, verdicts: datetime, fixes: datetime, limit: int) -> int:
    """Removes what is older than the given instants, at most so many rows of each; how many went."""
    gone = 0
    for table, column, keys, before in (
        (claim_tries, claim_tries.c.hour, ("whose", "subject", "hour"), tries),
        (claim_verdicts, claim_verdicts.c.judged_at, ("verdict_id",), verdicts),
    ):
        columns = [table.c[name] for name in keys]
        old = select(*columns).where(table.c.city_id == city_id, column < before).limit(limit)
        gone += conn.execute(delete(table).where(table.c.city_id == city_id, tuple_(*columns).in_(old))).rowcount
    stale = select(last_fixes.c.member_id).where(last_fixes.c.measured_at < fixes).limit(limit)
    return gone + conn.execute(delete(last_fixes).where(last_fixes.c.member_id.in_(stale))).rowcount
