"""Searches kept to places that serve a point: the few that do are read by id, and coupons at them."""

from __future__ import annotations

import importlib

from migrations import ddl
from migrations.search_0014 import ASKED, CHOSEN, DECLARED, WANTED

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

AREAS = importlib.import_module("migrations.versions.0035_areas_by_merchants")

# No group of facets leads the way, so that each is asked of every place.
KEPT = """
    IF v_groups > 0 THEN
        v_others := ARRAY(SELECT generate_series(1, v_groups));
        v_mask_1 := p_masks[1];
        v_mask_2 := p_masks[2];
        v_mask_3 := p_masks[3];
    END IF;
    IF p_area IS NOT NULL THEN
        v_area := st_geomfromwkb(p_area, 4326);
    ELSIF p_area_id IS NOT NULL THEN
        SELECT r.boundary INTO v_area FROM region_facts r
        WHERE r.city_id = p_city AND r.version = p_area_version AND r.region_id = p_area_id;
    END IF;
"""
# By the key of a search row: facet 0 is the lane of all places, and a place near 180 degrees stands there twice.
PLACES_AMONG = f"""
CREATE FUNCTION places_among({ASKED}, p_places uuid[], p_after_mm bigint, p_after_id uuid, p_limit integer)
RETURNS TABLE (place_id uuid, distance_mm bigint, total bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    {DECLARED}
BEGIN
    {KEPT}
    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT DISTINCT i.place_id, i.mm FROM (
            SELECT p.place_id, sphere_mm(p.lon7, p.lat7, p_lon, p_lat) AS mm
            FROM unnest(p_places) AS asked (place_id)
            JOIN postings p ON p.city_id = p_city AND p.slot = p_slot AND p.place_id = asked.place_id AND p.facet = 0
            WHERE {WANTED}) AS i
        WHERE i.mm <= p_radius_mm)
    SELECT f.place_id, f.mm, (SELECT count(*) FROM found) FROM found f
    WHERE p_after_mm IS NULL OR (f.mm, f.place_id) > (p_after_mm, p_after_id)
    ORDER BY f.mm, f.place_id LIMIT p_limit;
END $$
"""
# Places with those of their areas that serve the point; a coupon whose terms name areas wants one of those.
NEAR_AMONG = f"""
    WITH near AS MATERIALIZED (
        SELECT DISTINCT asked.place_id, sphere_mm(p.lon7, p.lat7, p_lon, p_lat) AS mm, asked.areas
        FROM (SELECT a.place_id, array_agg(a.area_id) AS areas
              FROM unnest(p_places, p_areas) AS a (place_id, area_id) GROUP BY a.place_id) AS asked
        JOIN postings p ON p.city_id = p_city AND p.slot = p_slot AND p.place_id = asked.place_id AND p.facet = 0
        WHERE {WANTED}),
"""
LIVE = "WHERE n.mm <= p_radius_mm AND "
NAMED = """
          (v.scope_kind <> 'service_areas' OR coalesce((SELECT true FROM coupon_scopes g
            WHERE g.city_id = p_city AND g.coupon_id = v.coupon_id AND g.version = v.version
              AND g.scope_id = ANY (n.areas) LIMIT 1), false)) AND """


def coupons_served() -> str:
    """``coupons_within`` over places given by id; what is brought goes to a point of its own."""
    within: str = next(each for each in AREAS.functions() if " coupons_within(" in each)
    head, rest = within.split("    WITH near AS MATERIALIZED (")
    _, tail = rest.split("    found AS MATERIALIZED (")
    whole: str = AREAS.changed(
        f"{head}{NEAR_AMONG}    found AS MATERIALIZED ({tail}",
        ("CREATE OR REPLACE FUNCTION coupons_within(", "CREATE FUNCTION coupons_served("),
        ("p_limit integer)\nRETURNS", "p_limit integer, p_places uuid[], p_areas uuid[],\n"
         "                               p_to_lon double precision, p_to_lat double precision)\nRETURNS"),
        (CHOSEN, KEPT),
        (LIVE, LIVE + NAMED),
        ("st_makepoint(p_lon, p_lat)", "st_makepoint(p_to_lon, p_to_lat)"),
        ("p_lon, p_lat, p_at, p_shut)", "p_to_lon, p_to_lat, p_at, p_shut)"),
    )  # fmt: skip
    return whole


def upgrade() -> None:
    """Creates both."""
    ddl.run(PLACES_AMONG)
    ddl.run(coupons_served())


def downgrade() -> None:
    """Drops both."""
    ddl.run("DROP FUNCTION coupons_served")
    ddl.run("DROP FUNCTION places_among")
