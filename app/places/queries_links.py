"""Links from places to the areas they lie in: built for a pair of versions, kept up with edits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

# Candidates come from the index of the places, by a box on the sphere around each area. An area is planar in degrees,
# so an edge w radians wide lies up to R·w²/16 off the arc that the box was drawn around; the exact test decides.
_WIDTH = "radians(st_xmax(r.boundary) - st_xmin(r.boundary))"
NEAR = (
    "f.location && _st_expand(r.boundary::geography,"
    f" CASE WHEN {_WIDTH} > 1 THEN 2e7 ELSE 10 + r.extend_m + 6371009 * {_WIDTH} ^ 2 / 16 END)"
)
_INSIDE = f"""
    SELECT f.place_id, r.region_id, false AS fringe
    FROM region_facts r JOIN place_facts f ON f.city_id = :city AND f.version = :places AND f.closed IS false
     AND {NEAR} AND st_covers(r.boundary, f.location::geometry)
    WHERE r.city_id = :city AND r.version = :regions {{some}}
"""
_FRINGE = f"""
    SELECT f.place_id, r.region_id, true AS fringe
    FROM region_facts r JOIN place_facts f ON f.city_id = :city AND f.version = :places AND f.closed IS false
     AND {NEAR} AND st_dwithin(f.location, r.boundary::geography, r.extend_m, false)
     AND NOT st_covers(r.boundary, f.location::geometry)
    WHERE r.city_id = :city AND r.version = :regions AND r.extend_m > 0 {{some}}
"""
_BUILD = f"""
    INSERT INTO place_regions (city_id, places_version, regions_version, place_id, region_id, fringe)
    SELECT :city, :places, :regions, l.place_id, l.region_id, l.fringe
    FROM ({_INSIDE} UNION ALL {_FRINGE}) AS l
"""
_ALL = text(_BUILD.format(some=""))
_SOME = text(_BUILD.format(some="AND f.place_id = ANY (CAST(:ids AS uuid[]))"))
_KNOWN = text("""
    SELECT 1 FROM region_link_sets
    WHERE city_id = :city AND places_version = :places AND regions_version = :regions
""")
_MARK = text("""
    INSERT INTO region_link_sets (city_id, places_version, regions_version, position, built_at)
    SELECT :city, :places, :regions,
           coalesce((SELECT p.position FROM change_positions p WHERE p.city_id = :city), 0), :now
""")
_LATE = text("""
    SELECT c.place_id FROM place_changes c JOIN region_link_sets s
      ON s.city_id = :city AND s.places_version = :places AND s.regions_version = :regions
    WHERE c.city_id = :city AND c.version = :places AND c.position > s.position
    ORDER BY c.place_id LIMIT :limit
""")
_CAUGHT_UP = text("""
    UPDATE region_link_sets SET position = (SELECT p.position FROM change_positions p WHERE p.city_id = :city)
    WHERE city_id = :city AND places_version = :places AND regions_version = :regions
""")
MOST_LATE = 10_000_000
_SETS = text("""
    SELECT regions_version FROM region_link_sets WHERE city_id = :city AND places_version = :places
    ORDER BY regions_version LIMIT 1000
""")
_FORGET = text("""
    DELETE FROM place_regions
    WHERE city_id = :city AND places_version = :places AND place_id = ANY (CAST(:ids AS uuid[]))
""")
_PAIR = text("""
    SELECT max(version) FILTER (WHERE kind = 'places') AS places,
           max(version) FILTER (WHERE kind = 'regions') AS regions
    FROM active_dataset WHERE city_id = :city
""")


def active_pair(conn: Connection, city_id: int) -> tuple[int | None, int | None]:
    """The versions of places and regions that readers see."""
    row = conn.execute(_PAIR, {"city": city_id}).one()
    return row.places, row.regions


def are_linked(conn: Connection, city_id: int, places: int, regions: int) -> bool:
    """Whether the links of a pair of versions were worked out."""
    return conn.execute(_KNOWN, {"city": city_id, "places": places, "regions": regions}).first() is not None


def build_links(conn: Connection, city_id: int, places: int | None, regions: int | None, now: datetime) -> int:
    """Links of a pair of versions, unless they are there; how many were made.

    Edits may go on: what they change is caught up with when the pair is shown.
    """
    given = {"city": city_id, "places": places, "regions": regions}
    if places is None or regions is None or conn.execute(_KNOWN, given).first() is not None:
        return 0
    conn.execute(_MARK, given | {"now": now})
    return conn.execute(_ALL, given).rowcount


def show_links(conn: Connection, city_id: int, now: datetime) -> None:
    """Links of what readers are about to see: all there, with every edit. The caller keeps edits away."""
    places, regions = active_pair(conn, city_id)
    if places is None or regions is None:
        return
    build_links(conn, city_id, places, regions, now)
    given = {"city": city_id, "places": places, "regions": regions}
    late = conn.execute(_LATE, given | {"limit": MOST_LATE}).scalars().all()
    if late:
        relink(conn, city_id, places, late)
        conn.execute(_CAUGHT_UP, given)


def relink(conn: Connection, city_id: int, places: int, place_ids: Sequence[UUID]) -> None:
    """Works the links of some places out anew, for each version of the regions that theirs is linked to."""
    if not place_ids:
        return
    sets = conn.execute(_SETS, {"city": city_id, "places": places}).scalars().all()
    if not sets:
        return
    given = {"city": city_id, "places": places, "ids": list(place_ids)}
    conn.execute(_FORGET, given)
    for regions in sets:
        conn.execute(_SOME, given | {"regions": regions})
