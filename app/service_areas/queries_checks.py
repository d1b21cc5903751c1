"""What a boundary is held against: the city that its place belongs to, and other territories of its brand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import shapely
from sqlalchemy import Connection, bindparam, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import DateTime, LargeBinary

from app.service_areas.tables import territory_locks
from app.service_areas.types import Area, Version
from geo.coordinates import LonLat

SLACK_M2: Final = 1.0
"""Less ground than this over a border is how the border was drawn."""

# A city's ground: regions of the territory's own kind; where it has none, what stands for it as an extract; where there
# is neither, its regions of the highest level. Only what lies around the boundary is looked at.
_OUTSIDE: Final = text("""
    WITH drawn AS (SELECT st_setsrid(st_geomfromwkb(:boundary), 4326) AS shape),
    known AS (
        SELECT r.boundary, CASE WHEN r.kind = c.kind THEN 0 WHEN r.kind = 'extract' THEN 1
                                WHEN r.kind IN ('country', 'region', 'city') THEN 99
                                ELSE 2 + r.admin_level END AS rank
        FROM region_facts r
        JOIN active_dataset a ON a.city_id = :city AND a.kind = 'regions' AND a.version = r.version
        JOIN cities c ON c.city_id = :city
        WHERE r.city_id = :city),
    ground AS (
        SELECT st_union(CASE WHEN st_covers(k.boundary, d.shape) THEN d.shape
                             ELSE st_intersection(k.boundary, st_envelope(d.shape)) END) AS shape, count(*) AS regions
        FROM known k, drawn d
        WHERE k.rank = (SELECT min(rank) FROM known) AND k.boundary && d.shape),
    outside AS (
        SELECT CASE WHEN g.shape IS NULL THEN d.shape ELSE st_difference(d.shape, g.shape) END AS shape,
               CASE WHEN g.shape IS NULL THEN NULL ELSE st_intersection(d.shape, g.shape) END AS inside
        FROM drawn d, ground g)
    SELECT st_area(o.shape::geography) AS m2, st_x(p.spot) AS lon, st_y(p.spot) AS lat,
           st_asbinary(st_collectionextract(o.inside, 3)) AS inside
    FROM outside o, LATERAL (SELECT st_pointonsurface(o.shape) AS spot) p
    WHERE EXISTS (SELECT 1 FROM known) AND NOT st_isempty(o.shape)
""").bindparams(bindparam("boundary", type_=LargeBinary))


@dataclass(frozen=True, slots=True)
class Beyond:
    """What of a boundary lies out of its city: how much, a place there, and what lies inside (None: nothing)."""

    m2: float
    place: LonLat
    inside: shapely.Geometry | None


def beyond_city(conn: Connection, city_id: int, boundary: shapely.Geometry) -> Beyond | None:
    """What of a boundary lies outside the city's active regions; None where nothing does or the city has none."""
    row = conn.execute(_OUTSIDE, {"city": city_id, "boundary": shapely.to_wkb(boundary)}).one_or_none()
    if row is None or row.m2 <= SLACK_M2:
        return None
    inside = None if row.inside is None else shapely.from_wkb(bytes(row.inside))
    return Beyond(float(row.m2), LonLat(row.lon, row.lat), None if inside is None or inside.is_empty else inside)


def hold_territories(conn: Connection, city_id: int, brand_key: str) -> None:
    """Whoever publishes a territory of a brand in a city waits here for who does so already."""
    conn.execute(upsert(territory_locks).values(city_id=city_id, brand_key=brand_key).on_conflict_do_nothing())
    conn.execute(
        select(territory_locks.c.brand_key)
        .where(territory_locks.c.city_id == city_id, territory_locks.c.brand_key == brand_key)
        .with_for_update()
    )


_OVERLAPPING: Final = text("""
    SELECT s.place_id, s.external_id, s.merchant_id, v.version, o.m2, st_x(o.spot) AS lon, st_y(o.spot) AS lat
    FROM service_area_versions v
    JOIN service_areas s ON s.city_id = :city AND s.service_area_id = v.service_area_id
    CROSS JOIN LATERAL (SELECT st_setsrid(st_geomfromwkb(:boundary), 4326) AS shape) d
    CROSS JOIN LATERAL (
        SELECT st_area(x.shape::geography) AS m2, st_pointonsurface(x.shape) AS spot
        FROM (SELECT st_collectionextract(st_intersection(v.boundary, d.shape), 3) AS shape) x) o
    WHERE v.city_id = :city AND v.state = 'published' AND v.brand_key = :brand AND v.service_area_id <> :area
      AND v.boundary && d.shape AND st_intersects(v.boundary, d.shape)
      AND v.effective_from < coalesce(CAST(:until AS timestamptz), 'infinity')
      AND coalesce(v.effective_until, 'infinity') > CAST(:begins AS timestamptz)
      AND o.m2 > :slack
    ORDER BY o.m2 DESC, v.service_area_id
    LIMIT 5
""").bindparams(
    bindparam("boundary", type_=LargeBinary),
    bindparam("until", type_=DateTime(timezone=True)),
    bindparam("begins", type_=DateTime(timezone=True)),
)


@dataclass(frozen=True, slots=True)
class Overlap:
    """A published territory that shares ground with another, and a place where."""

    place_id: UUID
    external_id: str
    merchant_id: UUID
    m2: float
    place: LonLat


def overlapping(conn: Connection, area: Area, version: Version) -> tuple[Overlap, ...]:
    """Published territories of the same brand that share more than a square metre with a version, at the same time."""
    rows: Any = conn.execute(
        _OVERLAPPING,
        {
            "city": area.city_id,
            "boundary": shapely.to_wkb(version.boundary),
            "brand": version.brand_key,
            "area": area.service_area_id,
            "until": version.effective_until,
            "begins": version.effective_from,
            "slack": SLACK_M2,
        },
    )
    return tuple(
        Overlap(row.place_id, row.external_id, row.merchant_id, float(row.m2), LonLat(row.lon, row.lat)) for row in rows
    )
