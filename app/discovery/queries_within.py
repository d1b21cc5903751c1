"""Places of merchants all of whose places in a city lie in a drawn shape; stays in one city."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, LargeBinary, bindparam, text

from app.discovery.queries_near import NearPlace
from app.discovery.types import TOTAL_CAP, CityPage, Position, Reach
from geo.coordinates import LonLat

MOST_MERCHANTS: Final = 20_000

# Merchants with a place in a circle around the shape; of these the ones with no place outside of it.
_WHOLE: Final = text("""
    WITH drawn AS MATERIALIZED (
        SELECT st_setsrid(st_geomfromwkb(:area), 4326) AS shape,
               st_setsrid(st_makepoint(:lon, :lat), 4326)::geography AS middle),
    near AS MATERIALIZED (
        SELECT DISTINCT o.merchant_id FROM drawn d
        JOIN place_facts f ON f.city_id = :city AND f.version = :version AND f.closed IS false
         AND st_dwithin(f.location, d.middle, :radius_m, false)
        JOIN place_operators o ON o.city_id = :city AND o.place_id = f.place_id
        LIMIT :merchants),
    run AS MATERIALIZED (
        SELECT o.merchant_id, f.place_id, round(st_distance(f.location, d.middle, false) * 1000)::bigint AS mm,
               st_covers(d.shape, f.location::geometry) AS inside
        FROM near n
        JOIN place_operators o ON o.city_id = :city AND o.merchant_id = n.merchant_id
        JOIN place_facts f ON f.city_id = :city AND f.version = :version AND f.place_id = o.place_id
         AND f.closed IS false
        CROSS JOIN drawn d),
    whole AS (SELECT r.merchant_id FROM run r GROUP BY r.merchant_id HAVING bool_and(r.inside))
    SELECT r.place_id, r.mm, (SELECT count(*) FROM run JOIN whole USING (merchant_id)) AS total
    FROM run r JOIN whole w ON w.merchant_id = r.merchant_id
    WHERE CAST(:after_mm AS bigint) IS NULL OR (r.mm, r.place_id) > (:after_mm, CAST(:after_id AS uuid))
    ORDER BY r.mm, r.place_id
    LIMIT :limit
""").bindparams(bindparam("area", type_=LargeBinary))


def places_of_whole_merchants(
    conn: Connection,
    reach: Reach,
    area: bytes,
    around: tuple[LonLat, float],
    after: Position | None,
    limit: int,
) -> CityPage[NearPlace]:
    """The nearest to the middle of a circle (point, metres) around the shape; all of the city's are counted."""
    middle, radius_m = around
    given = {
        "city": reach.city_id,
        "version": reach.version,
        "area": area,
        "lon": middle.lon,
        "lat": middle.lat,
        "radius_m": radius_m,
        "merchants": MOST_MERCHANTS,
        "limit": limit,
        "after_mm": None if after is None else after[0],
        "after_id": None if after is None else str(after[1]),
    }
    rows = conn.execute(_WHOLE, given).all()
    hits = [NearPlace(row.mm, reach.city_id, row.place_id) for row in rows]
    return CityPage(hits, min(rows[0].total, TOTAL_CAP + 1) if rows else 0)
