"""Where coupons can be used: scopes held against what is there, and worked out to places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, select, text

from app.coupons.tables import coupon_places

# Scope kind → which of the asked ids are a merchant's own and there.
_KNOWN: Final = {
    "places": text("""
        SELECT o.place_id FROM place_operators o
        JOIN active_dataset a ON a.city_id = :city AND a.kind = 'places'
        JOIN place_facts f ON f.city_id = :city AND f.version = a.version AND f.place_id = o.place_id AND NOT f.closed
        WHERE o.city_id = :city AND o.merchant_id = :merchant AND o.place_id = ANY (CAST(:ids AS uuid[]))
    """),
    "service_areas": text("""
        SELECT s.service_area_id FROM service_areas s
        WHERE s.city_id = :city AND s.merchant_id = :merchant AND s.service_area_id = ANY (CAST(:ids AS uuid[]))
          AND EXISTS (SELECT 1 FROM service_area_versions v
                      WHERE v.city_id = :city AND v.service_area_id = s.service_area_id AND v.state = 'published')
    """),
    "regions": text("""
        SELECT r.region_id FROM region_facts r
        JOIN active_dataset a ON a.city_id = :city AND a.kind = 'regions' AND a.version = r.version
        WHERE r.city_id = :city AND r.region_id = ANY (CAST(:ids AS uuid[]))
    """),
}
_GONE: Final = text("""
    DELETE FROM coupon_places WHERE city_id = :city AND coupon_id = :coupon RETURNING place_id
""")
# The places of one version of one coupon, as the loads work all of them out; an area of the highest priority stands
# for its place, then the smallest. An area that is no more lives on in those that followed it.
_PLACES: Final = text("""
    INSERT INTO coupon_places (city_id, coupon_id, place_id, service_area_id)
    SELECT DISTINCT ON (f.place_id) :city, v.coupon_id, f.place_id, a.service_area_id
    FROM coupon_versions v
    JOIN active_dataset d ON d.city_id = :city AND d.kind = 'places'
    JOIN place_operators o ON o.city_id = :city AND o.merchant_id = :merchant
    JOIN place_facts f ON f.city_id = :city AND f.version = d.version AND f.place_id = o.place_id
    LEFT JOIN coupon_scopes s ON s.city_id = :city AND s.coupon_id = v.coupon_id AND s.version = v.version
    LEFT JOIN service_areas a ON v.scope_kind = 'service_areas' AND a.city_id = :city
          AND a.service_area_id = s.scope_id AND a.place_id = f.place_id
    LEFT JOIN service_area_versions w ON w.city_id = :city AND w.service_area_id = a.service_area_id
          AND w.state = 'published'
    LEFT JOIN active_dataset e ON v.scope_kind = 'regions' AND e.city_id = :city AND e.kind = 'regions'
    LEFT JOIN region_facts r ON r.city_id = :city AND r.version = e.version
          AND (r.region_id = s.scope_id OR s.scope_id = ANY (r.successor_of) AND NOT EXISTS (
               SELECT 1 FROM region_facts h
               WHERE h.city_id = :city AND h.version = e.version AND h.region_id = s.scope_id))
    WHERE v.city_id = :city AND v.coupon_id = :coupon AND v.version = :version
      AND CASE v.scope_kind
          WHEN 'all_places' THEN true
          WHEN 'places' THEN s.scope_id = f.place_id
          WHEN 'service_areas' THEN w.version IS NOT NULL
          ELSE r.region_id IS NOT NULL AND st_covers(r.boundary, f.location::geometry) END
    ORDER BY f.place_id, w.priority DESC, w.area_m2, a.service_area_id
    RETURNING place_id
""")
# Which of some coupons' earlier versions can be used at a place; the version in force stands in coupon_places.
_EARLIER: Final = text("""
    SELECT v.coupon_id, v.version
    FROM unnest(CAST(:coupons AS uuid[]), CAST(:versions AS integer[])) AS k (coupon_id, version)
    JOIN coupon_versions v ON v.city_id = :city AND v.coupon_id = k.coupon_id AND v.version = k.version
    JOIN coupons c ON c.city_id = :city AND c.coupon_id = v.coupon_id
    JOIN place_operators o ON o.city_id = :city AND o.place_id = :place AND o.merchant_id = c.merchant_id
    WHERE v.scope_kind = 'all_places' OR EXISTS (
        SELECT 1 FROM coupon_scopes s
        LEFT JOIN service_areas a ON a.city_id = :city AND a.service_area_id = s.scope_id AND a.place_id = :place
        LEFT JOIN active_dataset e ON v.scope_kind = 'regions' AND e.city_id = :city AND e.kind = 'regions'
        LEFT JOIN region_facts r ON r.city_id = :city AND r.version = e.version
          AND (r.region_id = s.scope_id OR s.scope_id = ANY (r.successor_of) AND NOT EXISTS (
               SELECT 1 FROM region_facts h
               WHERE h.city_id = :city AND h.version = e.version AND h.region_id = s.scope_id))
        LEFT JOIN active_dataset d ON d.city_id = :city AND d.kind = 'places'
        LEFT JOIN place_facts f ON f.city_id = :city AND f.version = d.version AND f.place_id = :place
        WHERE s.city_id = :city AND s.coupon_id = v.coupon_id AND s.version = v.version
          AND CASE v.scope_kind
              WHEN 'places' THEN s.scope_id = :place
              WHEN 'service_areas' THEN a.service_area_id IS NOT NULL
              ELSE r.region_id IS NOT NULL AND st_covers(r.boundary, f.location::geometry) END)
""")

_SEARCHED: Final = text("""
    SELECT a.version FROM active_dataset a
    JOIN search_slots s ON s.city_id = :city AND s.version = a.version
    WHERE a.city_id = :city AND a.kind = 'places'
""")


def searched_version(conn: Connection, city_id: int) -> int | None:
    """The version of a city's places that searches read; None where there are no search rows of it."""
    return conn.execute(_SEARCHED, {"city": city_id}).scalar_one_or_none()


def unknown_ids(
    conn: Connection, city_id: int, merchant_id: UUID, scope_kind: str, scope_ids: Sequence[UUID]
) -> frozenset[UUID]:
    """Those of a scope's ids that are no open place, no published area of the merchant, or no region of the city."""
    if scope_kind not in _KNOWN or not scope_ids:
        return frozenset()
    values = {"city": city_id, "merchant": merchant_id, "ids": list(scope_ids)}
    if scope_kind == "regions":
        del values["merchant"]
    return frozenset(scope_ids) - set(conn.execute(_KNOWN[scope_kind], values).scalars())


def replace_places(
    conn: Connection, city_id: int, merchant_id: UUID, coupon_id: UUID, version: int
) -> tuple[frozenset[UUID], frozenset[UUID]]:
    """Works the scope of a version out to places, in place of those before; the places before, and the places now."""
    ids = {"city": city_id, "coupon": coupon_id}
    gone = frozenset(conn.execute(_GONE, ids).scalars())
    return gone, frozenset(conn.execute(_PLACES, ids | {"merchant": merchant_id, "version": version}).scalars())


def earlier_usable_at(
    conn: Connection, city_id: int, keys: Sequence[tuple[UUID, int]], place_id: UUID
) -> frozenset[tuple[UUID, int]]:
    """Those of some (coupon, version) whose scope has a place of their merchant."""
    values = {
        "city": city_id,
        "coupons": [coupon_id for coupon_id, _ in keys],
        "versions": [version for _, version in keys],
        "place": place_id,
    }
    return frozenset((row.coupon_id, row.version) for row in conn.execute(_EARLIER, values))


def places_of(conn: Connection, city_id: int, coupon_id: UUID) -> frozenset[UUID]:
    """Where a coupon can be used."""
    found = select(coupon_places.c.place_id).where(
        coupon_places.c.city_id == city_id, coupon_places.c.coupon_id == coupon_id
    )
    return frozenset(conn.execute(found).scalars())
