"""Functions that search: the nearest places and coupons of a city, and what lists show of them.

Each is one call with a plan that its session keeps, which survives a pooler between transactions.
"""

from __future__ import annotations

from migrations import ddl
from migrations.search_0014 import ASKED, BOX, CHOSEN, DECLARED, HERE, LIVE_PAIRS, SETTINGS, WANTED

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# The formula of geo.distance: half chord and complement meet in an arc tangent, on the sphere of geo.units.
SPHERE_MM = """
CREATE FUNCTION sphere_mm(lon7 integer, lat7 integer, lon double precision, lat double precision) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT round(1000 * 2 * 6371008.7714150598 * atan2(
        sqrt(power(sin(radians(lat7 / 1e7 - lat) / 2), 2)
             + cos(radians(lat)) * cos(radians(lat7 / 1e7)) * power(sin(radians(lon7 / 1e7 - lon) / 2), 2)),
        sqrt(power(sin(radians(lat7 / 1e7 + lat) / 2), 2)
             + cos(radians(lat)) * cos(radians(lat7 / 1e7)) * power(cos(radians(lon7 / 1e7 - lon) / 2), 2))))::bigint
$$
"""

# The nearest that something at this distance on a chart can be on the sphere: straight towards the larger scale.
LEAST_MM = """
CREATE FUNCTION least_mm(polar boolean, reach double precision, far double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN far <= 0 THEN 0
        WHEN polar THEN 1000 * 2 * 6371008.7714150598
            * (atan((reach + far) / (2 * 6371008.7714150598)) - atan(reach / (2 * 6371008.7714150598)))
        ELSE 1000 * 2 * 6371008.7714150598
            * (atan(exp((reach + far) / 6371008.7714150598)) - atan(exp(reach / 6371008.7714150598))) END
$$
"""

PLACES_NEAR = f"""
CREATE FUNCTION places_near({ASKED}, p_lower double precision, p_after_mm bigint, p_after_id uuid, p_limit integer,
                            p_budget integer)
RETURNS TABLE (place_id uuid, distance_mm bigint, total integer, total_exact boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE {SETTINGS} AS $$
#variable_conflict use_column
DECLARE
    {DECLARED}
    v_k integer := p_limit + 12;
    v_ids uuid[];
    v_mms bigint[];
    v_far double precision;
    v_sure double precision;
    v_total integer := 0;
    v_exact boolean := true;
BEGIN
    {CHOSEN}
    LOOP
        WITH lane AS MATERIALIZED (
            SELECT l.f, i.place_id, i.lon7, i.lat7, i.far FROM unnest(v_drive) AS l (f)
            CROSS JOIN LATERAL (
                SELECT p.place_id, p.lon7, p.lat7, p.spot <-> {HERE} AS far FROM postings p
                WHERE p.spot <@ {BOX} AND p.spot <-> {HERE} >= p_lower AND {WANTED}
                ORDER BY p.spot <-> {HERE} LIMIT v_k) AS i),
        found AS (SELECT DISTINCT l.place_id, sphere_mm(l.lon7, l.lat7, p_lon, p_lat) AS mm FROM lane l),
        page AS (
            SELECT f.place_id, f.mm FROM found f
            WHERE f.mm <= p_radius_mm AND (p_after_mm IS NULL OR (f.mm, f.place_id) > (p_after_mm, p_after_id))
            ORDER BY f.mm, f.place_id LIMIT p_limit)
        SELECT array_agg(page.place_id ORDER BY page.mm, page.place_id),
               array_agg(page.mm ORDER BY page.mm, page.place_id),
               (SELECT min(ends.far) FROM (SELECT max(l.far) AS far, count(*) AS n FROM lane l GROUP BY l.f) AS ends
                WHERE ends.n = v_k)
        INTO v_ids, v_mms, v_far FROM page;
        EXIT WHEN v_far IS NULL;
        v_sure := least_mm(p_polar, p_reach, v_far - 1);
        EXIT WHEN v_sure > p_radius_mm + 1 OR v_mms[p_limit] < v_sure - 1;
        v_k := v_k * 4;
    END LOOP;
    IF p_budget > 0 THEN
        IF cardinality(v_drive) = 1 THEN
            SELECT count(*) INTO v_total FROM (
                SELECT 1 FROM unnest(v_drive) AS l (f)
                CROSS JOIN LATERAL (
                    SELECT 1 FROM (SELECT * FROM postings p WHERE p.spot <@ {BOX} AND p.city_id = p_city
                                   LIMIT p_budget) AS p
                    WHERE {WANTED} AND (p.spot <-> {HERE} <= p_inner
                                        OR sphere_mm(p.lon7, p.lat7, p_lon, p_lat) <= p_radius_mm)
                    LIMIT 1001) AS few) AS seen;
        ELSE
            SELECT count(*) INTO v_total FROM (
                SELECT DISTINCT i.place_id FROM unnest(v_drive) AS l (f)
                CROSS JOIN LATERAL (
                    SELECT p.place_id FROM (SELECT * FROM postings p WHERE p.spot <@ {BOX} AND p.city_id = p_city
                                            LIMIT p_budget) AS p
                    WHERE {WANTED} AND (p.spot <-> {HERE} <= p_inner
                                        OR sphere_mm(p.lon7, p.lat7, p_lon, p_lat) <= p_radius_mm)
                    LIMIT 1001) AS i LIMIT 1001) AS seen;
        END IF;
        IF v_total <= 1000 THEN
            SELECT count(*) INTO v_rows FROM (
                SELECT 1 FROM unnest(v_drive) AS l (f)
                CROSS JOIN LATERAL (SELECT 1 FROM postings p WHERE p.spot <@ {BOX} AND p.city_id = p_city
                                    LIMIT p_budget + 1) AS few LIMIT p_budget + 1) AS seen;
            v_exact := v_rows <= p_budget;
        END IF;
        v_total := greatest(v_total, coalesce(cardinality(v_ids), 0));
    END IF;
    RETURN QUERY SELECT u.place_id, u.mm, v_total, v_exact
        FROM unnest(v_ids, v_mms) WITH ORDINALITY AS u (place_id, mm, position) ORDER BY u.position;
END $$
"""

PLACE_CARDS = """
CREATE FUNCTION place_cards(p_city integer, p_version integer, p_places uuid[], p_at timestamptz, p_shown integer)
RETURNS TABLE (place_id uuid, lon double precision, lat double precision, source_datum text,
               source_lon double precision, source_lat double precision, names text, category_id text, address text,
               price_level smallint, hours_no integer, opening_hours text, time_zone text, calendar text,
               workday_calendar boolean, parsed boolean, merchant_id uuid, merchant_names text, coupon_count bigint,
               coupons text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT f.place_id, st_x(f.location::geometry), st_y(f.location::geometry), f.source_datum,
        f.source_lon, f.source_lat, f.names::text, f.category_id, f.address::text, f.price_level, f.hours_no,
        h.opening_hours, h.time_zone, h.calendar, h.workday_calendar, h.parsed, o.merchant_id, m.names::text,
        live.coupon_count, live.coupons
    FROM unnest(p_places) AS asked (place_id)
    JOIN place_facts f ON f.city_id = p_city AND f.version = p_version AND f.place_id = asked.place_id
    LEFT JOIN hours_patterns h ON h.city_id = p_city AND h.version = p_version AND h.hours_no = f.hours_no
    LEFT JOIN place_operators o ON o.city_id = p_city AND o.place_id = f.place_id
    LEFT JOIN merchants m ON m.merchant_id = o.merchant_id
    LEFT JOIN LATERAL (
        SELECT max(c.n) AS coupon_count,
               json_agg(json_build_array(c.coupon_id, c.kind, c.titles, c.currency, c.price_minor, c.list_price_minor,
                                         c.face_value_minor, c.percent_off_bp, c.cap_minor, c.min_spend_minor)
                        ORDER BY c.place_rank)::text AS coupons
        FROM (
            SELECT k.coupon_id, v.kind, v.titles, v.currency, v.price_minor, v.list_price_minor, v.face_value_minor,
                   v.percent_off_bp, v.cap_minor, v.min_spend_minor, count(*) OVER () AS n,
                   row_number() OVER (ORDER BY k.published_at DESC, k.coupon_id) AS place_rank
            FROM coupon_places cp
            JOIN coupons k ON k.city_id = p_city AND k.coupon_id = cp.coupon_id AND k.state = 'published'
            JOIN coupon_versions v
              ON v.city_id = p_city AND v.coupon_id = k.coupon_id AND v.version = k.current_version
            WHERE cp.city_id = p_city AND cp.place_id = f.place_id AND v.claim_from <= p_at AND v.claim_until > p_at
              AND coalesce((SELECT true FROM coupon_stock s WHERE s.city_id = p_city AND s.coupon_id = k.coupon_id
                            AND s.taken < s.quota LIMIT 1), false)) AS c
        WHERE c.place_rank <= p_shown) AS live ON true;
END $$
"""

COUPONS_NEAR = f"""
CREATE FUNCTION coupons_near({ASKED}, p_kinds text[], p_group_deal boolean, p_served boolean, p_at timestamptz,
                             p_after_mm bigint, p_after_id uuid, p_limit integer, p_first integer, p_budget integer)
RETURNS TABLE (coupon_id uuid, place_id uuid, distance_mm bigint, looked_at integer, total integer, total_exact boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE {SETTINGS} AS $$
#variable_conflict use_column
DECLARE
    {DECLARED}
    v_k integer := p_first;
    v_ids uuid[];
    v_places uuid[];
    v_mms bigint[];
    v_far double precision;
    v_sure double precision;
    v_total integer := 0;
    v_exact boolean := true;
BEGIN
    {CHOSEN}
    LOOP
        WITH lane AS MATERIALIZED (
            SELECT l.f, i.place_id, i.lon7, i.lat7, i.far FROM unnest(v_drive) AS l (f)
            CROSS JOIN LATERAL (
                SELECT p.place_id, p.lon7, p.lat7, p.spot <-> {HERE} AS far FROM postings p
                WHERE p.spot <@ {BOX} AND {WANTED}
                ORDER BY p.spot <-> {HERE} LIMIT v_k) AS i),
        near AS (SELECT DISTINCT l.place_id, sphere_mm(l.lon7, l.lat7, p_lon, p_lat) AS mm FROM lane l),
        found AS MATERIALIZED ({LIVE_PAIRS}),
        page AS (
            SELECT f.coupon_id, f.place_id, f.mm FROM found f
            WHERE p_after_mm IS NULL OR (f.mm, f.coupon_id) > (p_after_mm, p_after_id)
            ORDER BY f.mm, f.coupon_id LIMIT p_limit)
        SELECT array_agg(page.coupon_id ORDER BY page.mm, page.coupon_id),
               array_agg(page.place_id ORDER BY page.mm, page.coupon_id),
               array_agg(page.mm ORDER BY page.mm, page.coupon_id),
               (SELECT min(ends.far) FROM (SELECT max(l.far) AS far, count(*) AS n FROM lane l GROUP BY l.f) AS ends
                WHERE ends.n = v_k),
               (SELECT count(*) FROM found)
        INTO v_ids, v_places, v_mms, v_far, v_rows FROM page;
        v_total := v_rows;
        EXIT WHEN v_far IS NULL;
        v_sure := least_mm(p_polar, p_reach, v_far - 1);
        EXIT WHEN v_sure > p_radius_mm + 1 OR v_mms[p_limit] < v_sure - 1;
        v_k := v_k * 4;
    END LOOP;
    IF p_budget > 0 AND v_far IS NOT NULL AND v_sure <= p_radius_mm + 1 THEN
        WITH near AS (
            SELECT DISTINCT i.place_id, i.mm FROM unnest(v_drive) AS l (f)
            CROSS JOIN LATERAL (
                SELECT p.place_id, CASE WHEN p.spot <-> {HERE} <= p_inner THEN 0
                                        ELSE sphere_mm(p.lon7, p.lat7, p_lon, p_lat) END AS mm
                FROM (SELECT * FROM postings p WHERE p.spot <@ {BOX} AND p.city_id = p_city LIMIT p_budget) AS p
                WHERE {WANTED}) AS i
            LIMIT p_budget)
        SELECT count(*) INTO v_total FROM (SELECT 1 FROM ({LIVE_PAIRS}) AS found LIMIT 1001) AS seen;
        SELECT count(*) INTO v_rows FROM (
            SELECT 1 FROM unnest(v_drive) AS l (f)
            CROSS JOIN LATERAL (SELECT 1 FROM postings p WHERE p.spot <@ {BOX} AND p.city_id = p_city
                                LIMIT p_budget + 1) AS few LIMIT p_budget + 1) AS seen;
        v_exact := v_rows <= p_budget OR v_total > 1000;
    END IF;
    v_total := greatest(v_total, coalesce(cardinality(v_ids), 0));
    RETURN QUERY SELECT u.coupon_id, u.place_id, u.mm, v_k, v_total, v_exact
        FROM unnest(v_ids, v_places, v_mms) WITH ORDINALITY AS u (coupon_id, place_id, mm, position)
        ORDER BY u.position;
END $$
"""

COUPON_CARDS = """
CREATE FUNCTION coupon_cards(p_city integer, p_version integer, p_coupons uuid[], p_lon double precision,
                             p_lat double precision, p_at timestamptz)
RETURNS TABLE (coupon_id uuid, merchant_id uuid, merchant_names text, state text, version integer, kind text,
               currency text, price_minor bigint, list_price_minor bigint, face_value_minor bigint,
               percent_off_bp integer, cap_minor bigint, min_spend_minor bigint, titles text, summaries text,
               time_zone text, claim_until timestamptz, use_until timestamptz, group_target smallint,
               group_seats smallint, group_price_minor bigint, fulfilment text, stock_left bigint, place_count bigint,
               service_area_id uuid)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT c.coupon_id, c.merchant_id, m.names::text, c.state, v.version, v.kind, v.currency,
        v.price_minor, v.list_price_minor, v.face_value_minor, v.percent_off_bp, v.cap_minor, v.min_spend_minor,
        v.titles::text, v.summaries::text, v.time_zone, v.claim_until, v.use_until, v.group_target, v.group_seats,
        v.group_price_minor, v.fulfilment,
        (SELECT coalesce(sum(s.quota - s.taken), 0)::bigint FROM coupon_stock s
         WHERE s.city_id = p_city AND s.coupon_id = c.coupon_id),
        (SELECT count(*) FROM coupon_places cp
         JOIN place_facts f ON f.city_id = p_city AND f.version = p_version AND f.place_id = cp.place_id
         WHERE cp.city_id = p_city AND cp.coupon_id = c.coupon_id AND NOT f.closed),
        serving_area(p_city, c.coupon_id, c.current_version, v.scope_kind, p_lon, p_lat, p_at)
    FROM unnest(p_coupons) AS asked (coupon_id)
    JOIN coupons c ON c.city_id = p_city AND c.coupon_id = asked.coupon_id
    JOIN coupon_versions v ON v.city_id = p_city AND v.coupon_id = c.coupon_id AND v.version = c.current_version
    LEFT JOIN merchants m ON m.merchant_id = c.merchant_id;
END $$
"""

# Highest priority, smallest, newest, lowest id: which of a coupon's areas serves a point.
SERVING_AREA = """
CREATE FUNCTION serving_area(p_city integer, p_coupon uuid, p_version integer, p_scope text, p_lon double precision,
                             p_lat double precision, p_at timestamptz) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_scope = 'service_areas' THEN (
        SELECT a.service_area_id FROM coupon_scopes s
        JOIN service_area_versions a ON a.city_id = p_city AND a.service_area_id = s.scope_id
        WHERE s.city_id = p_city AND s.coupon_id = p_coupon AND s.version = p_version AND a.state = 'published'
          AND a.effective_from <= p_at AND (a.effective_until IS NULL OR a.effective_until > p_at)
          AND st_covers(a.boundary, st_setsrid(st_makepoint(p_lon, p_lat), 4326))
        ORDER BY a.priority DESC, a.area_m2, a.created_at DESC, a.service_area_id LIMIT 1) END
$$
"""


# Everything within the circle that meets the filters, for what can't be read in order of distance.
PLACES_WITHIN = f"""
CREATE FUNCTION places_within({ASKED}, p_cap integer)
RETURNS TABLE (place_id uuid, distance_mm bigint, hours_no integer, price_level smallint)
LANGUAGE plpgsql STABLE PARALLEL SAFE {SETTINGS} AS $$
#variable_conflict use_column
DECLARE
    {DECLARED}
BEGIN
    {CHOSEN}
    RETURN QUERY SELECT DISTINCT ON (i.place_id) i.place_id, i.mm, i.hours_no, i.price_level
    FROM unnest(v_drive) AS l (f)
    CROSS JOIN LATERAL (
        SELECT p.place_id, sphere_mm(p.lon7, p.lat7, p_lon, p_lat) AS mm, p.hours_no, p.price_level FROM postings p
        WHERE p.spot <@ {BOX} AND {WANTED}) AS i
    WHERE i.mm <= p_radius_mm
    LIMIT p_cap;
END $$
"""

FUNCTIONS = {
    "sphere_mm": SPHERE_MM,
    "least_mm": LEAST_MM,
    "places_near": PLACES_NEAR,
    "places_within": PLACES_WITHIN,
    "place_cards": PLACE_CARDS,
    "serving_area": SERVING_AREA,
    "coupons_near": COUPONS_NEAR,
    "coupon_cards": COUPON_CARDS,
}


def upgrade() -> None:
    """Creates the functions."""
    for statement in FUNCTIONS.values():
        ddl.run(statement)


def downgrade() -> None:
    """Drops what upgrade made."""
    for name in reversed(FUNCTIONS):
        ddl.run(f"DROP FUNCTION {name}")
