"""What an explanation reads: filters' facts of some places, a place's position, the lane that leads a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Connection, LargeBinary, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, INTEGER
from sqlalchemy.dialects.postgresql import UUID as PGUUID

from app.discovery.queries_near import FacetGroup, NearQuestion, call, parameters, places_among
from app.discovery.types import RegionFilter

MANY: Final = 400
"""So many rows around are as good as any number when a leading lane is chosen."""

_TESTED = text("""
    SELECT f.place_id, f.closed, f.category_id, f.alternate_category_ids, f.brand_id, f.names::text AS names,
           f.attributes::text AS attributes,
           CASE WHEN CAST(:area AS bytea) IS NULL THEN NULL
                WHEN st_covers(st_geomfromwkb(CAST(:area AS bytea), 4326), f.location::geometry) THEN true
                WHEN NOT :fringe THEN false
                ELSE EXISTS (
                    SELECT 1 FROM place_regions h
                    JOIN region_facts r ON r.city_id = :city AND r.version = :regions AND r.region_id = h.region_id
                    WHERE h.city_id = :city AND h.places_version = :version AND h.regions_version = :regions
                      AND h.place_id = f.place_id AND (h.region_id = :region OR :region = ANY (r.successor_of)
                        AND NOT EXISTS (SELECT 1 FROM region_facts o WHERE o.city_id = :city AND o.version = :regions
                                        AND o.region_id = :region))) END AS in_region
    FROM place_facts f
    WHERE f.city_id = :city AND f.version = :version AND f.place_id = ANY (CAST(:places AS uuid[]))
""").bindparams(
    bindparam("area", type_=LargeBinary),
    bindparam("region", type_=PGUUID(as_uuid=True)),
    bindparam("places", type_=ARRAY(PGUUID(as_uuid=True))),
)


@dataclass(frozen=True, slots=True)
class FilterFacts:
    """What beside its card the filters look at in a place; ``in_region`` None where no area was asked."""

    closed: bool
    category_ids: tuple[str, ...]
    brand_id: str | None
    names: Mapping[str, str]
    attributes: Mapping[str, Any]
    in_region: bool | None


def filter_facts(
    conn: Connection, city_id: int, version: int, place_ids: Sequence[UUID], region: RegionFilter | None
) -> dict[UUID, FilterFacts]:
    """Facts of some places of a city's version, closed ones too; what is not in it is left out."""
    given: dict[str, Any] = {"city": city_id, "version": version, "places": list(place_ids)}
    if region is None:
        given |= {"area": None, "fringe": False, "region": None, "regions": 0}
    else:
        given |= {"area": region.boundary, "region": region.region_id, "regions": region.version}
        given["fringe"] = region.fringe and region.city_id == city_id
    rows = conn.execute(_TESTED, given)
    return {
        row.place_id: FilterFacts(
            row.closed,
            (row.category_id, *row.alternate_category_ids),
            row.brand_id,
            orjson.loads(row.names),
            orjson.loads(row.attributes),
            row.in_region,
        )
        for row in rows
    }


_AHEAD = call(
    "places_within",
    "place_id, distance_mm",
    "cap",
    around="""
        SELECT count(*) FILTER (WHERE w.distance_mm < :low
                                OR w.distance_mm <= :high AND w.place_id < CAST(:place AS uuid)) AS ahead,
               count(*) FILTER (WHERE w.place_id = CAST(:place AS uuid)) AS itself
        FROM ({}) AS w
    """,
)


def places_ahead(
    conn: Connection,
    asked: NearQuestion,
    low_mm: int,
    high_mm: int,
    place_id: UUID,
    among: Sequence[UUID] | None = None,
) -> tuple[int, bool]:
    """How many places of a city stand before one, and whether it is among them itself; of all, or of some.

    Distances from ``low_mm`` to ``high_mm`` count as equal, so that ids decide.
    """
    if among is not None:
        hits = places_among(conn, asked, among, None, len(among)).hits
        ids = [hit.place_id for hit in hits if low_mm <= hit.distance_mm <= high_mm]
        nearer = sum(hit.distance_mm < low_mm for hit in hits)
        return nearer + sum(each < place_id for each in ids), place_id in ids
    given = parameters(asked) | {"cap": 2_000_000_000, "low": low_mm, "high": high_mm, "place": str(place_id)}
    row = conn.execute(_AHEAD, given).one()
    return row.ahead, row.itself > 0


_SEEN = text("""
    SELECT count(*) FROM (
        SELECT 1 FROM unnest(CAST(:facets AS integer[])) AS l (f)
        CROSS JOIN LATERAL (
            SELECT 1 FROM postings p
            WHERE p.spot <@ box(point(:west + l.f * 1e8, :south), point(:east + l.f * 1e8, :north))
              AND p.city_id = :city
            LIMIT :many) AS few
        LIMIT :many) AS seen
""").bindparams(bindparam("facets", type_=ARRAY(INTEGER)))


def rows_around(conn: Connection, asked: NearQuestion, group: FacetGroup) -> int:
    """How many search rows of some facets lie in the box around a circle, up to ``MANY``."""
    given = parameters(asked)
    box = {name: given[name] for name in ("city", "west", "south", "east", "north")}
    return int(conn.execute(_SEEN, box | {"facets": list(group.facets), "many": MANY}).scalar_one())
