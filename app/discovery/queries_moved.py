"""What moved or closed since the first page of a search, by the snapshot that page saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PGUUID

from app.discovery.types import Reach

# Whether the place ``near.place_id`` moved or closed after a search's first page; false while there is none.
MOVED_SINCE: Final = """
    CASE WHEN CAST(:seen AS pg_snapshot) IS NULL THEN false ELSE coalesce((
        SELECT NOT pg_visible_in_snapshot(m.moved_in, CAST(:seen AS pg_snapshot)) FROM place_moves m
        WHERE m.city_id = :city AND m.version = :version AND m.place_id = near.place_id), false) END
"""

_PLACES_MOVED = text("""
    SELECT m.place_id FROM place_moves m
    WHERE m.city_id = :city AND m.version = :version AND m.place_id = ANY (:places)
      AND NOT pg_visible_in_snapshot(m.moved_in, CAST(:seen AS pg_snapshot))
""").bindparams(bindparam("places", type_=ARRAY(PGUUID(as_uuid=True))))
_COUPONS_MOVED = text("""
    SELECT DISTINCT cp.coupon_id FROM coupon_places cp
    JOIN place_moves m ON m.city_id = :city AND m.version = :version AND m.place_id = cp.place_id
    WHERE cp.city_id = :city AND cp.coupon_id = ANY (:coupons)
      AND NOT pg_visible_in_snapshot(m.moved_in, CAST(:seen AS pg_snapshot))
""").bindparams(bindparam("coupons", type_=ARRAY(PGUUID(as_uuid=True))))


def places_moved(conn: Connection, reach: Reach, place_ids: Sequence[UUID], seen: str | None) -> frozenset[UUID]:
    """Those of some places that moved or closed after what ``seen`` saw; none before there is a first page."""
    if seen is None or not place_ids:
        return frozenset()
    given = {"city": reach.city_id, "version": reach.version, "places": list(place_ids), "seen": seen}
    return frozenset(conn.execute(_PLACES_MOVED, given).scalars())


def coupons_moved(conn: Connection, reach: Reach, coupon_ids: Sequence[UUID], seen: str) -> frozenset[UUID]:
    """Those of some coupons of which a place moved or closed after what ``seen`` saw."""
    given = {"city": reach.city_id, "version": reach.version, "coupons": list(coupon_ids), "seen": seen}
    return frozenset(conn.execute(_COUPONS_MOVED, given).scalars())


def current_snapshot(conn: Connection) -> str:
    """What this transaction sees, as PostgreSQL writes it."""
    return str(conn.execute(text("SELECT pg_current_snapshot()::text")).scalar_one())
