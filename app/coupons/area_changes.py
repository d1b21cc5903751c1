"""What coupons do when published drawings of service areas come, change or go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text

from app.coupons import queries_scope
from app.coupons.search_rows import put_coupon_lanes

# Coupons whose terms in force name one of some areas.
_NAMING: Final = text("""
    SELECT DISTINCT c.coupon_id, c.merchant_id, c.current_version
    FROM service_areas a
    JOIN coupons c ON c.city_id = :city AND c.merchant_id = a.merchant_id AND c.state <> 'draft'
    JOIN coupon_versions v ON v.city_id = :city AND v.coupon_id = c.coupon_id AND v.version = c.current_version
     AND v.scope_kind = 'service_areas'
    JOIN coupon_scopes s ON s.city_id = :city AND s.coupon_id = c.coupon_id AND s.version = c.current_version
     AND s.scope_id = a.service_area_id
    WHERE a.city_id = :city AND a.service_area_id = ANY (CAST(:areas AS uuid[]))
    ORDER BY c.coupon_id
""")


def follow_areas(conn: Connection, city_id: int, area_ids: Sequence[UUID]) -> None:
    """Works out anew where coupons that name the areas can be used, and which lanes those places stand in.

    In the transaction of whoever changed the areas, who holds the city's search rows.
    """
    places: set[UUID] = set()
    for row in conn.execute(_NAMING, {"city": city_id, "areas": list(area_ids)}).all():
        before, after = queries_scope.replace_places(conn, city_id, row.merchant_id, row.coupon_id, row.current_version)
        places |= before | after
    version = queries_scope.searched_version(conn, city_id)
    if version is not None and places:
        put_coupon_lanes(conn, city_id, version, sorted(places))
