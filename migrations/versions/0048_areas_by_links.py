"""Searches kept to an area ask the links of places instead of its outline, and take its fringe along where asked."""

from __future__ import annotations

import importlib

from migrations import ddl

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

NEAR = importlib.import_module("migrations.versions.0014_search_functions")
RANKED = importlib.import_module("migrations.versions.0016_ranked_search")
AREAS = importlib.import_module("migrations.versions.0035_areas_by_merchants")
SERVES = importlib.import_module("migrations.versions.0045_places_that_serve")

# The whole city's places in an area are asked by key; an area that is no more lives on in those that followed it. Where
# links of the pair of versions were never worked out, the outline decides as before.
CHOSEN = (
    """
        SELECT r.boundary INTO v_area FROM region_facts r
        WHERE r.city_id = p_city AND r.version = p_area_version AND r.region_id = p_area_id;
""",
    """
        SELECT ARRAY[r.region_id] INTO v_regions FROM region_facts r
        WHERE r.city_id = p_city AND r.version = p_area_version AND r.region_id = p_area_id;
        IF v_regions IS NULL THEN
            v_regions := ARRAY(SELECT r.region_id FROM region_facts r
                WHERE r.city_id = p_city AND r.version = p_area_version AND p_area_id = ANY (r.successor_of));
        END IF;
        SELECT l.places_version INTO v_linked FROM search_slots s JOIN region_link_sets l
          ON l.city_id = p_city AND l.places_version = s.version AND l.regions_version = p_area_version
        WHERE s.city_id = p_city AND s.slot = p_slot;
        IF v_linked IS NULL THEN
            SELECT CASE WHEN count(*) = 1 THEN (array_agg(r.boundary))[1] ELSE st_union(r.boundary) END INTO v_area FROM region_facts r
            WHERE r.city_id = p_city AND r.version = p_area_version AND r.region_id = ANY (v_regions);
            v_regions := NULL;
        END IF;
""",
)
WANTED = (
    "    AND (v_area IS NULL OR",
    """    AND (v_regions IS NULL OR coalesce((SELECT true FROM place_regions h
        WHERE h.city_id = p_city AND h.places_version = v_linked AND h.regions_version = p_area_version
          AND h.place_id = p.place_id AND h.region_id = ANY (v_regions) AND (p_area_fringe OR NOT h.fringe)
        LIMIT 1), false))
    AND (v_area IS NULL OR""",
)
CHANGES = (
    (")\nRETURNS TABLE", ", p_area_fringe boolean)\nRETURNS TABLE"),
    ("    v_area geometry;\n", "    v_area geometry;\n    v_regions uuid[];\n    v_linked integer;\n"),
    CHOSEN,
    WANTED,
)
TOTAL = ("p_collapse, p_budget) t", "p_collapse, p_budget, p_area_fringe) t")
# Districts of many places by their links as well, where they are there.
DISTRICTS = (
    """
        RETURN QUERY SELECT 'district', ARRAY[r.region_id::text], r.names::text, i.n FROM (
            SELECT d.region_id, d.names, d.boundary FROM region_facts d
            WHERE d.city_id = p_city AND d.version = p_regions AND d.kind = 'district' OFFSET 0) AS r
            CROSS JOIN LATERAL (
                SELECT count(*) AS n FROM unnest(v_lons, v_lats) AS u (lon7, lat7)
                WHERE st_covers(r.boundary, st_setsrid(st_makepoint(u.lon7 / 1e7, u.lat7 / 1e7), 4326))) AS i;
""",
    """
        IF coalesce((SELECT true FROM region_link_sets l WHERE l.city_id = p_city AND l.places_version = p_version
                     AND l.regions_version = p_regions), false) THEN
            RETURN QUERY SELECT 'district', ARRAY[d.region_id::text], d.names::text, coalesce(i.n, 0)
                FROM region_facts d LEFT JOIN (
                    SELECT h.region_id, count(*) AS n FROM unnest(v_ids) AS u (place_id)
                    JOIN place_regions h ON h.city_id = p_city AND h.places_version = p_version
                     AND h.regions_version = p_regions AND h.place_id = u.place_id AND NOT h.fringe
                    GROUP BY h.region_id OFFSET 0) AS i ON i.region_id = d.region_id
                WHERE d.city_id = p_city AND d.version = p_regions AND d.kind = 'district';
        ELSE
            RETURN QUERY SELECT 'district', ARRAY[r.region_id::text], r.names::text, i.n FROM (
                SELECT d.region_id, d.names, d.boundary FROM region_facts d
                WHERE d.city_id = p_city AND d.version = p_regions AND d.kind = 'district' OFFSET 0) AS r
                CROSS JOIN LATERAL (
                    SELECT count(*) AS n FROM unnest(v_lons, v_lats) AS u (lon7, lat7)
                    WHERE st_covers(r.boundary, st_setsrid(st_makepoint(u.lon7 / 1e7, u.lat7 / 1e7), 4326))) AS i;
        END IF;
""",
)


def functions() -> tuple[str, ...]:
    """The searches with one argument more; programs that still run find those they know."""
    changed = AREAS.changed
    coupons = {name: _named(name) for name in ("coupons_near", "coupons_nearest", "coupons_within")}
    return (
        changed(NEAR.PLACES_NEAR, *CHANGES),
        changed(NEAR.PLACES_WITHIN, *CHANGES),
        changed(RANKED.PLACES_TOTAL, *CHANGES),
        changed(RANKED.PLACES_COLLAPSED, *CHANGES, TOTAL),
        changed(RANKED.PLACES_RANKED, *CHANGES, TOTAL),
        changed(RANKED.PLACES_COUNTED, *CHANGES, DISTRICTS),
        *(changed(statement, *CHANGES) for statement in coupons.values()),
        changed(SERVES.PLACES_AMONG, *CHANGES),
        changed(SERVES.coupons_served(), *CHANGES),
    )


def _named(name: str) -> str:
    (found,) = (each for each in AREAS.functions() if f"FUNCTION {name}(" in each)
    return str(found)


def upgrade() -> None:
    """Creates them beside those of before."""
    for statement in functions():
        ddl.run(statement)


def downgrade() -> None:
    """Drops them."""
    ddl.run("""
        DO $$ DECLARE named regprocedure; BEGIN
            FOR named IN SELECT oid::regprocedure FROM pg_proc
                         WHERE pronamespace = 'public'::regnamespace AND 'p_area_fringe' = ANY (proargnames)
            LOOP EXECUTE 'DROP FUNCTION ' || named; END LOOP;
        END $$
    """)
