"""What the search functions of migration 0014 share; frozen with it, a later change writes its own."""

from __future__ import annotations

ASKED = """
    p_city integer, p_slot smallint, p_lon double precision, p_lat double precision,
    p_x double precision, p_y double precision, p_west double precision, p_south double precision,
    p_east double precision, p_north double precision, p_polar boolean, p_reach double precision,
    p_radius_mm bigint, p_inner double precision,
    p_facets integer[], p_starts integer[], p_masks bigint[], p_avoid integer[], p_avoid_mask bigint,
    p_open bytea, p_price_from smallint, p_price_to smallint, p_price_unknown boolean,
    p_coupon_at timestamptz, p_area_id uuid, p_area_version integer, p_area bytea
"""

# Where lane f lies, and the origin in it.
BOX = "box(point(p_west + f * 1e8, p_south), point(p_east + f * 1e8, p_north))"
HERE = "point(p_x + f * 1e8, p_y)"

# A subquery in place of EXISTS is never hashed: a hashed one would read the whole table.
LIVE_COUPON = """
    coalesce((SELECT true FROM coupon_places cp
        JOIN coupons c ON c.city_id = p_city AND c.coupon_id = cp.coupon_id AND c.state = 'published'
        JOIN coupon_versions v ON v.city_id = p_city AND v.coupon_id = c.coupon_id AND v.version = c.current_version
        WHERE cp.city_id = p_city AND cp.place_id = p.place_id AND v.claim_from <= p_coupon_at
          AND v.claim_until > p_coupon_at
          AND coalesce((SELECT true FROM coupon_stock s WHERE s.city_id = p_city AND s.coupon_id = c.coupon_id
                        AND s.taken < s.quota LIMIT 1), false)
        LIMIT 1), false)
"""

# Coupons that can be claimed with the nearest place of each among those in ``near``.
LIVE_PAIRS = """
    SELECT DISTINCT ON (c.coupon_id) c.coupon_id, n.place_id, n.mm
    FROM near n
    JOIN coupon_places cp ON cp.city_id = p_city AND cp.place_id = n.place_id
    JOIN coupons c ON c.city_id = p_city AND c.coupon_id = cp.coupon_id AND c.state = 'published'
    JOIN coupon_versions v ON v.city_id = p_city AND v.coupon_id = c.coupon_id AND v.version = c.current_version
    WHERE n.mm <= p_radius_mm AND v.claim_from <= p_at AND v.claim_until > p_at
      AND (p_kinds IS NULL OR v.kind = ANY (p_kinds))
      AND (p_group_deal IS NULL OR p_group_deal = (v.group_price_minor IS NOT NULL))
      AND coalesce((SELECT true FROM coupon_stock s WHERE s.city_id = p_city AND s.coupon_id = c.coupon_id
                    AND s.taken < s.quota LIMIT 1), false)
      AND (NOT p_served OR serving_area(p_city, c.coupon_id, c.current_version, v.scope_kind, p_lon, p_lat, p_at)
                           IS NOT NULL)
    ORDER BY c.coupon_id, n.mm, n.place_id
"""

# Everything that a posting p has to meet but the circle; cheap tests on the index's own columns stand first.
WANTED = f"""
    p.city_id = p_city
    AND CASE WHEN p_open IS NULL THEN true WHEN p.hours_no < v_patterns THEN get_bit(p_open, p.hours_no) = 1
        ELSE false END
    AND CASE WHEN p_price_from IS NULL THEN true WHEN p.price_level = 0 THEN p_price_unknown
        ELSE p.price_level BETWEEN p_price_from AND p_price_to END
    AND (v_mask_1 IS NULL OR p.signature & v_mask_1 <> 0)
    AND (v_mask_2 IS NULL OR p.signature & v_mask_2 <> 0)
    AND (v_mask_3 IS NULL OR p.signature & v_mask_3 <> 0)
    AND (v_others IS NULL OR NOT coalesce((SELECT true FROM unnest(v_others) AS o (g)
        WHERE NOT coalesce((SELECT true FROM postings q
            WHERE q.city_id = p_city AND q.slot = p_slot AND q.place_id = p.place_id
              AND q.facet = ANY (p_facets[p_starts[o.g]:p_starts[o.g + 1] - 1]) LIMIT 1), false)
        LIMIT 1), false))
    AND (p_avoid IS NULL OR p.signature & p_avoid_mask = 0 OR NOT coalesce((SELECT true FROM postings q
        WHERE q.city_id = p_city AND q.slot = p_slot AND q.place_id = p.place_id AND q.facet = ANY (p_avoid)
        LIMIT 1), false))
    AND (v_area IS NULL OR st_covers(v_area, st_setsrid(st_makepoint(p.lon7 / 1e7, p.lat7 / 1e7), 4326)))
    AND (p_coupon_at IS NULL OR {LIVE_COUPON})
"""

DECLARED = """
    v_groups integer := coalesce(array_length(p_starts, 1), 1) - 1;
    v_drive integer[] := ARRAY[0];
    v_driver integer := 1;
    v_others integer[];
    v_mask_1 bigint;
    v_mask_2 bigint;
    v_mask_3 bigint;
    v_patterns integer := coalesce(length(p_open), 0) * 8;
    v_area geometry;
    v_rows integer;
    v_fewest integer;
"""

# Of several groups of facets the one with the fewest rows around leads the way; 400 are as good as many.
CHOSEN = f"""
    IF v_groups > 0 THEN
        IF v_groups > 1 THEN
            FOR g IN 1..v_groups LOOP
                SELECT count(*) INTO v_rows FROM (
                    SELECT 1 FROM unnest(p_facets[p_starts[g]:p_starts[g + 1] - 1]) AS l (f)
                    CROSS JOIN LATERAL (SELECT 1 FROM postings p WHERE p.spot <@ {BOX} AND p.city_id = p_city
                                        LIMIT 400) AS few LIMIT 400) AS seen;
                IF v_fewest IS NULL OR v_rows < v_fewest THEN
                    v_fewest := v_rows;
                    v_driver := g;
                END IF;
            END LOOP;
            v_others := array_remove(ARRAY(SELECT generate_series(1, v_groups)), v_driver);
            v_mask_1 := p_masks[v_others[1]];
            v_mask_2 := p_masks[v_others[2]];
            v_mask_3 := p_masks[v_others[3]];
        END IF;
        v_drive := p_facets[p_starts[v_driver]:p_starts[v_driver + 1] - 1];
    END IF;
    IF p_area IS NOT NULL THEN
        v_area := st_geomfromwkb(p_area, 4326);
    ELSIF p_area_id IS NOT NULL THEN
        SELECT r.boundary INTO v_area FROM region_facts r
        WHERE r.city_id = p_city AND r.version = p_area_version AND r.region_id = p_area_id;
    END IF;
"""

# Index scans in order of distance are the point of all this; the planner, which knows no lanes, is held to them.
SETTINGS = """
SET plan_cache_mode = force_generic_plan SET enable_bitmapscan = off SET enable_seqscan = off SET jit = off
"""
