"""Which coupons' lanes a place stands in; called whenever a coupon's state, terms or places change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from app.coupons.tables import COUPON_KINDS
from app.postings.charts import LANE_M, lane_y, slot_of
from app.postings.queries import hold_rows, number_facets
from app.postings.types import FacetKey

ANY_COUPON: FacetKey = ("coupon", "")
GROUP_DEAL: FacetKey = ("coupon", "group_deal")

_WANTED = """
    WITH wanted AS (
        SELECT DISTINCT cp.place_id, f.facet
        FROM coupon_places cp
        JOIN coupons c ON c.city_id = :city AND c.coupon_id = cp.coupon_id AND c.state = 'published'
        JOIN coupon_versions v ON v.city_id = :city AND v.coupon_id = c.coupon_id AND v.version = c.current_version
        JOIN search_facets f ON f.city_id = :city AND f.kind = 'coupon'
          AND (f.key IN ('', v.kind) OR f.key = 'group_deal' AND v.group_price_minor IS NOT NULL)
        WHERE cp.city_id = :city AND (CAST(:places AS uuid[]) IS NULL OR cp.place_id = ANY (CAST(:places AS uuid[]))))
"""
_REMOVE_OF_PLACES = text(f"""
    {_WANTED}
    DELETE FROM postings p
    USING search_facets f
    WHERE p.city_id = :city AND p.slot = :slot AND f.city_id = :city AND f.kind = 'coupon' AND p.facet = f.facet
      AND p.place_id = ANY (CAST(:places AS uuid[]))
      AND (p.place_id, p.facet) NOT IN (SELECT w.place_id, w.facet FROM wanted w)
""")
# Of a whole city only the lane of a facet is read, where it lies on the chart.
_REMOVE_OF_LANE = text(f"""
    {_WANTED}
    DELETE FROM postings p
    WHERE p.city_id = :city AND p.slot = :slot AND p.facet = :facet
      AND p.spot <@ box(point(:west, :south), point(:west + {LANE_M!r}, :south + {LANE_M!r}))
      AND p.place_id NOT IN (SELECT w.place_id FROM wanted w WHERE w.facet = :facet)
""")
_ADD = text(f"""
    {_WANTED}
    INSERT INTO postings (city_id, slot, facet, place_id, image, spot, signature, lon7, lat7, hours_no, price_level)
    SELECT p.city_id, p.slot, w.facet, p.place_id, p.image, point(p.spot[0] + w.facet * 1e8, p.spot[1]), p.signature,
           p.lon7, p.lat7, p.hours_no, p.price_level
    FROM wanted w
    JOIN postings p ON p.city_id = :city AND p.slot = :slot AND p.place_id = w.place_id AND p.facet = 0
    ON CONFLICT DO NOTHING
""")
# Coupons of some places by regions of their scope, or by those that followed them: where they count now; returns places
# for which that is new.
_REGIONS = text("""
    WITH inside AS (
        SELECT DISTINCT c.coupon_id, o.place_id
        FROM place_operators o
        JOIN coupons c ON c.city_id = :city AND c.merchant_id = o.merchant_id
        JOIN coupon_versions v ON v.city_id = :city AND v.coupon_id = c.coupon_id AND v.version = c.current_version
         AND v.scope_kind = 'regions'
        JOIN coupon_scopes s ON s.city_id = :city AND s.coupon_id = c.coupon_id AND s.version = c.current_version
        JOIN active_dataset a ON a.city_id = :city AND a.kind = 'regions'
        JOIN region_facts r ON r.city_id = :city AND r.version = a.version
         AND (r.region_id = s.scope_id OR s.scope_id = ANY (r.successor_of) AND NOT EXISTS (
              SELECT 1 FROM region_facts h
              WHERE h.city_id = :city AND h.version = a.version AND h.region_id = s.scope_id))
        JOIN place_facts f ON f.city_id = :city AND f.version = :version AND f.place_id = o.place_id
        WHERE o.city_id = :city AND o.place_id = ANY (CAST(:places AS uuid[]))
          AND st_covers(r.boundary, f.location::geometry)),
    gone AS (
        DELETE FROM coupon_places cp USING coupons c, coupon_versions v
        WHERE cp.city_id = :city AND cp.place_id = ANY (CAST(:places AS uuid[]))
          AND c.city_id = :city AND c.coupon_id = cp.coupon_id
          AND v.city_id = :city AND v.coupon_id = c.coupon_id AND v.version = c.current_version
          AND v.scope_kind = 'regions'
          AND NOT EXISTS (SELECT 1 FROM inside i WHERE (i.coupon_id, i.place_id) = (cp.coupon_id, cp.place_id))
        RETURNING cp.place_id),
    fresh AS (
        INSERT INTO coupon_places (city_id, coupon_id, place_id, service_area_id)
        SELECT :city, i.coupon_id, i.place_id, NULL FROM inside i
        ON CONFLICT DO NOTHING RETURNING place_id)
    SELECT place_id FROM gone UNION SELECT place_id FROM fresh
""")


def coupon_kind(kind: str) -> FacetKey:
    """The lane of the coupons of one kind."""
    return ("coupon", kind)


def put_coupon_lanes(conn: Connection, city_id: int, version: int, place_ids: Sequence[UUID] | None = None) -> None:
    """Puts the places of published coupons (all, or some) into the lanes of coupons, and takes the others out.

    A coupon's window is not looked at: searches test it at their own time. Waits for edits of the city's places, and
    makes them wait until the transaction ends: a place that moves meanwhile would leave a row where it was.
    """
    hold_rows(conn, city_id)
    _put_lanes(conn, city_id, version, place_ids)


def follow_places(conn: Connection, city_id: int, version: int, moved: Sequence[UUID], back: Sequence[UUID]) -> None:
    """What coupons do after an edit of places, in its transaction: they may have left a region or come into one.

    ``back`` are places that had no search rows. The edit shares the city's search rows and has locked the places.
    """
    values = {"city": city_id, "version": version, "places": [*moved, *back]}
    changed = conn.execute(_REGIONS, values).scalars().all() if moved or back else []
    places = [*dict.fromkeys((*changed, *back))]
    if places:
        _put_lanes(conn, city_id, version, places)


def _put_lanes(conn: Connection, city_id: int, version: int, place_ids: Sequence[UUID] | None) -> None:
    numbers = number_facets(conn, city_id, [ANY_COUPON, GROUP_DEAL, *map(coupon_kind, COUPON_KINDS)])
    values: dict[str, Any] = {
        "city": city_id,
        "slot": slot_of(version),
        "places": None if place_ids is None else list(place_ids),
    }
    if place_ids is not None:
        conn.execute(_REMOVE_OF_PLACES, values)
    else:
        south = lane_y(city_id, slot_of(version)) - LANE_M / 2
        for facet in sorted(numbers.values()):
            conn.execute(_REMOVE_OF_LANE, values | {"facet": facet, "west": (facet - 0.5) * LANE_M, "south": south})
    conn.execute(_ADD, values)
