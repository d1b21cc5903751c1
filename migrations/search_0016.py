"""What the ranking, counting and collapsing functions of migration 0016 share; frozen with it."""

from __future__ import annotations

from migrations.search_0014 import LIVE_COUPON, WANTED

MM = "sphere_mm(p.lon7, p.lat7, p_lon, p_lat)"

# A posting p whose place is the nearest match of whoever runs it in this city; p_collapse false lets all through.
# Inside, p is another place of the same merchant, which has to meet all that was asked.
NEAREST_OF_MERCHANT = f"""
    (NOT p_collapse OR NOT coalesce((
        SELECT true FROM (SELECT p.place_id, {MM} AS mm) AS mine
        JOIN place_operators o ON o.city_id = p_city AND o.place_id = mine.place_id
        JOIN place_operators s ON s.city_id = p_city AND s.merchant_id = o.merchant_id AND s.place_id <> o.place_id
        CROSS JOIN LATERAL (
            SELECT true FROM postings p
            WHERE p.slot = p_slot AND p.facet = 0 AND p.place_id = s.place_id
              AND ({MM}, p.place_id) < (mine.mm, mine.place_id)
              AND {WANTED.replace("v_others", "v_every")}
            LIMIT 1) AS nearer
        LIMIT 1), false))
"""

EVERY = "v_every := CASE WHEN v_groups > 0 THEN ARRAY(SELECT generate_series(1, v_groups)) END;"

# What a coupon published since the first page does to its place shows on a new first page.
COUPON_NOW = f"""
    ({LIVE_COUPON.replace("p_coupon_at", "p_at").replace("v.claim_from <=", "c.published_at <= p_at AND v.claim_from <=")})
"""

POPULARITY = """
    coalesce((SELECT k.popularity_ppm FROM place_ranks k WHERE k.city_id = p_city AND k.snapshot_id = p_snapshot
              AND k.place_id = p.place_id), 0)
"""

RANKED_BY = """
    p_distance double precision, p_popularity double precision, p_coupon double precision, p_bucket_mm bigint,
    p_coupon_facet integer, p_snapshot uuid, p_at timestamptz, p_collapse boolean
"""

AS_ASKED = """
    p_city, p_slot, p_lon, p_lat, p_x, p_y, p_west, p_south, p_east, p_north, p_polar, p_reach, p_radius_mm, p_inner,
    p_facets, p_starts, p_masks, p_avoid, p_avoid_mask, p_open, p_price_from, p_price_to, p_price_unknown, p_coupon_at,
    p_area_id, p_area_version, p_area
"""
