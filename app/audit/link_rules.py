"""Invariants of what is worked out of regional data: links of places to areas, and what followers are told by."""

from __future__ import annotations

from app.audit.types import DataRule
from app.places.queries_links import NEAR

_PAIRS = """
    SELECT s.city_id, s.places_version AS places, s.regions_version AS regions
    FROM region_link_sets s
    JOIN active_dataset p ON (p.city_id, p.kind, p.version) = (s.city_id, 'places', s.places_version)
    JOIN active_dataset r ON (r.city_id, r.kind, r.version) = (s.city_id, 'regions', s.regions_version)
"""

RULES = (
    DataRule(
        "place-links-true",
        "house",
        "links say of what readers see which areas each live place lies in, and in whose fringe",
        ("place_regions", "region_link_sets", "active_dataset", "place_facts", "region_facts"),
        f"place_regions l JOIN ({_PAIRS}) q"
        " ON (q.city_id, q.places, q.regions) = (l.city_id, l.places_version, l.regions_version)",
        f"""
        WITH pairs AS ({_PAIRS}),
        drawn AS (
            SELECT q.city_id, f.place_id, r.region_id, NOT st_covers(r.boundary, f.location::geometry) AS fringe
            FROM pairs q JOIN region_facts r ON (r.city_id, r.version) = (q.city_id, q.regions)
            JOIN place_facts f ON (f.city_id, f.version) = (q.city_id, q.places) AND f.closed IS false AND {NEAR}
             AND (st_covers(r.boundary, f.location::geometry)
                  OR r.extend_m > 0 AND st_distance(f.location, r.boundary::geography, false) <= r.extend_m)),
        linked AS (
            SELECT l.city_id, l.place_id, l.region_id, l.fringe FROM pairs q JOIN place_regions l
              ON (l.city_id, l.places_version, l.regions_version) = (q.city_id, q.places, q.regions))
        SELECT 'place ' || coalesce(d.place_id, l.place_id) || ' of city ' || coalesce(d.city_id, l.city_id),
               'region ' || coalesce(d.region_id, l.region_id) || ': its link says '
               || CASE l.fringe WHEN true THEN 'fringe' WHEN false THEN 'inside' ELSE 'nothing' END || ', its outline '
               || CASE d.fringe WHEN true THEN 'fringe' WHEN false THEN 'inside' ELSE 'outside' END
        FROM drawn d FULL JOIN linked l
          ON (l.city_id, l.place_id, l.region_id) = (d.city_id, d.place_id, d.region_id)
        WHERE d.fringe IS DISTINCT FROM l.fringe
        """,
    ),
    DataRule(
        "change-in-order",
        "house",
        "followers of a city's places meet every change: none stands beyond the last position that was given out",
        ("place_changes", "change_positions", "region_link_sets"),
        "region_link_sets",
        """
        SELECT 'place ' || c.place_id || ' in v' || c.version || ' of city ' || c.city_id,
               'its change stands at ' || c.position || ' of ' || coalesce(p.position, 0)
        FROM place_changes c LEFT JOIN change_positions p ON p.city_id = c.city_id
        WHERE c.position > coalesce(p.position, 0)
        UNION ALL
        SELECT 'links of places v' || s.places_version || ' to regions v' || s.regions_version || ' of city '
               || s.city_id, 'they know changes up to ' || s.position || ' of ' || coalesce(p.position, 0)
        FROM region_link_sets s LEFT JOIN change_positions p ON p.city_id = s.city_id
        WHERE s.position > coalesce(p.position, 0)
        """,
    ),
)
