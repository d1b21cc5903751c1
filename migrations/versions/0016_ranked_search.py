"""Functions for orders other than distance, for one place a merchant, and for counts beside a list."""

from __future__ import annotations

from migrations import ddl
from migrations.search_0014 import ASKED, BOX, CHOSEN, DECLARED, HERE, SETTINGS, WANTED
from migrations.search_0016 import AS_ASKED, COUPON_NOW, EVERY, MM, NEAREST_OF_MERCHANT, POPULARITY, RANKED_BY

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# The formula of app.discovery.ranking, in the same order of operations.
RANK_SCORE = """
CREATE FUNCTION rank_score(p_distance double precision, p_popularity double precision, p_coupon double precision,
                           p_bucket_mm bigint, p_mm bigint, p_ppm integer, p_has boolean) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(
        p_distance * '1e6'::double precision * power('0.5'::double precision, greatest(
            CASE WHEN p_bucket_mm = 0 THEN p_mm ELSE p_mm / p_bucket_mm * p_bucket_mm END - 200000, 0)
            / '1e6'::double precision)
        + p_popularity * p_ppm
        + p_coupon * CASE WHEN p_has THEN '1e6'::double precision ELSE 0 END)::bigint
$$
"""

# The farthest that something at this distance on the sphere can be on a chart: straight towards the pole.
MOST_M = """
CREATE FUNCTION most_m(polar boolean, reach double precision, m double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN polar THEN 2 * 6371008.7714150598
            * tan(atan(reach / (2 * 6371008.7714150598)) + m / (2 * 6371008.7714150598)) - reach
        ELSE 6371008.7714150598 * ln(tan(atan(exp(reach / 6371008.7714150598)) + m / (2 * 6371008.7714150598)))
            - reach END + 1
$$
"""

PLACES_TOTAL = f"""
CREATE FUNCTION places_total({ASKED}, p_collapse boolean, p_budget integer)
RETURNS TABLE (total integer, total_exact boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE {SETTINGS} AS $$
#variable_conflict use_column
DECLARE
    {DECLARED}
    v_total integer := 0;
    v_exact boolean := true;
BEGIN
    {CHOSEN}
    SELECT count(*) INTO v_total FROM (
        SELECT DISTINCT CASE WHEN p_collapse THEN coalesce(
                (SELECT o.merchant_id FROM place_operators o WHERE o.city_id = p_city AND o.place_id = i.place_id),
                i.place_id) ELSE i.place_id END
        FROM unnest(v_drive) AS l (f)
        CROSS JOIN LATERAL (
            SELECT p.place_id FROM (SELECT * FROM postings p WHERE p.spot <@ {BOX} AND p.city_id = p_city
                                    LIMIT p_budget) AS p
            WHERE {WANTED} AND (p.spot <-> {HERE} <= p_inner OR {MM} <= p_radius_mm)) AS i
        LIMIT 1001) AS seen;
    IF v_total <= 1000 THEN
        SELECT count(*) INTO v_rows FROM (
            SELECT 1 FROM unnest(v_drive) AS l (f)
            CROSS JOIN LATERAL (SELECT 1 FROM postings p WHERE p.spot <@ {BOX} AND p.city_id = p_city
                                LIMIT p_budget + 1) AS few LIMIT p_budget + 1) AS seen;
        v_exact := v_rows <= p_budget;
    END IF;
    RETURN QUERY SELECT v_total, v_exact;
END $$
"""

PLACES_COLLAPSED = f"""
CREATE FUNCTION places_collapsed({ASKED}, p_collapse boolean, p_lower double precision, p_after_mm bigint,
                                 p_after_id uuid, p_limit integer, p_budget integer)
RETURNS TABLE (place_id uuid, distance_mm bigint, total integer, total_exact boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE {SETTINGS} AS $$
#variable_conflict use_column
DECLARE
    {DECLARED}
    v_every integer[];
    v_k integer := p_limit + 12;
    v_ids uuid[];
    v_mms bigint[];
    v_far double precision;
    v_sure double precision;
    v_total integer := 0;
    v_exact boolean := true;
BEGIN
    {CHOSEN}
    {EVERY}
    LOOP
        WITH lane AS MATERIALIZED (
            SELECT l.f, i.place_id, i.lon7, i.lat7, i.far FROM unnest(v_drive) AS l (f)
            CROSS JOIN LATERAL (
                SELECT p.place_id, p.lon7, p.lat7, p.spot <-> {HERE} AS far FROM postings p
                WHERE p.spot <@ {BOX} AND p.spot <-> {HERE} >= p_lower AND {WANTED} AND {NEAREST_OF_MERCHANT}
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
        SELECT t.total, t.total_exact INTO v_total, v_exact FROM places_total({AS_ASKED}, p_collapse, p_budget) t;
        v_total := greatest(v_total, coalesce(cardinality(v_ids), 0));
    END IF;
    RETURN QUERY SELECT u.place_id, u.mm, v_total, v_exact
        FROM unnest(v_ids, v_mms) WITH ORDINALITY AS u (place_id, mm, position) ORDER BY u.position;
END $$
"""

# Three ways in, each exact for its own: among places that nothing lifts, and among those that a coupon alone lifts, the
# score falls with the distance, so the nearest of a lane suffice; places with redemptions are few and read by name, or
# by place where fewer stand within reach of the score that the page's last row has already.
AFTER = """
    (p_after_mm IS NULL OR s.score < p_after_score
     OR s.score = p_after_score AND (s.mm, s.place_id) > (p_after_mm, p_after_id))
"""
SCORE = "rank_score(p_distance, p_popularity, p_coupon, p_bucket_mm, {mm}, {ppm}, {has})"
NEAR_BOX = """
    box(point(greatest(p_west, p_x - v_half) + f * 1e8, greatest(p_south, p_y - v_half)),
        point(least(p_east, p_x + v_half) + f * 1e8, least(p_north, p_y + v_half)))
"""
EVERYTHING_WANTED = WANTED.replace("v_others", "v_every")
NEAREST_FEW = f"""
    SELECT l.f, i.place_id, i.mm, i.far FROM unnest({{lanes}}) AS l (f)
    CROSS JOIN LATERAL (
        SELECT p.place_id, {MM} AS mm, p.spot <-> {HERE} AS far FROM postings p
        WHERE p.spot <@ {BOX} AND p.spot <-> {HERE} >= p_lower AND {{wanted}} AND {NEAREST_OF_MERCHANT}
        ORDER BY p.spot <-> {HERE} LIMIT v_k) AS i
"""
POPULAR = f"""
    SELECT array_agg(t.place_id), array_agg(t.mm), array_agg(t.score), array_agg(t.ppm), array_agg(t.has)
    INTO v_pop_ids, v_pop_mms, v_pop_scores, v_pop_ppms, v_pop_has FROM (
        SELECT s.* FROM (
            SELECT r.place_id, r.mm, r.ppm, r.has, {SCORE.format(mm="r.mm", ppm="r.ppm", has="r.has")} AS score FROM (
                SELECT p.place_id, p.mm, p.ppm, CASE WHEN p_coupon > 0 THEN {COUPON_NOW} ELSE false END AS has
                FROM ({{found}}) AS p
                WHERE p.mm <= p_radius_mm
                  AND (v_floor IS NULL OR {SCORE.format(mm="p.mm", ppm="p.ppm", has="true")} >= v_floor)
                OFFSET 0) AS r
            OFFSET 0) AS s
        WHERE {AFTER} ORDER BY s.score DESC, s.mm, s.place_id LIMIT p_limit) AS t;
"""
POPULAR_AROUND = POPULAR.format(
    found=f"""
    SELECT DISTINCT i.place_id, i.mm, i.ppm FROM unnest(v_drive) AS l (f)
    CROSS JOIN LATERAL (
        SELECT p.place_id, {MM} AS mm, {POPULARITY} AS ppm FROM postings p
        WHERE p.spot <@ {NEAR_BOX} AND {WANTED} AND {POPULARITY} > 0 AND {NEAREST_OF_MERCHANT}) AS i
"""
)
POPULAR_BY_NAME = POPULAR.format(
    found=f"""
    SELECT i.place_id, i.mm, k.popularity_ppm AS ppm FROM place_ranks k
    CROSS JOIN LATERAL (
        SELECT p.place_id, {MM} AS mm FROM postings p
        WHERE p.slot = p_slot AND p.place_id = k.place_id AND p.facet = 0 AND {EVERYTHING_WANTED}
          AND {NEAREST_OF_MERCHANT} LIMIT 1) AS i
    WHERE k.city_id = p_city AND k.snapshot_id = p_snapshot
      AND (v_floor IS NULL OR {SCORE.format(mm="0", ppm="k.popularity_ppm", has="true")} >= v_floor)
"""
)

PLACES_RANKED = f"""
CREATE FUNCTION places_ranked({ASKED}, {RANKED_BY}, p_lower double precision, p_after_score bigint, p_after_mm bigint,
                              p_after_id uuid, p_limit integer, p_budget integer)
RETURNS TABLE (place_id uuid, distance_mm bigint, score bigint, popularity_ppm integer, has_coupon boolean,
               total integer, total_exact boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE {SETTINGS} AS $$
#variable_conflict use_column
DECLARE
    {DECLARED}
    v_every integer[];
    v_coupons integer[] := CASE WHEN p_coupon > 0 AND p_coupon_facet IS NOT NULL THEN ARRAY[p_coupon_facet] ELSE '{{}}' END;
    v_popular boolean := p_snapshot IS NOT NULL AND p_popularity > 0;
    v_k integer := p_limit + 12;
    v_floor bigint;
    v_gap double precision;
    v_half double precision := 'infinity';
    v_ids uuid[];
    v_mms bigint[];
    v_scores bigint[];
    v_ppms integer[];
    v_has boolean[];
    v_pop_ids uuid[];
    v_pop_mms bigint[];
    v_pop_scores bigint[];
    v_pop_ppms integer[];
    v_pop_has boolean[];
    v_far double precision;
    v_coupon_far double precision;
    v_sure bigint;
    v_bound bigint;
    v_total integer := 0;
    v_exact boolean := true;
BEGIN
    {CHOSEN}
    {EVERY}
    LOOP
        WITH near AS MATERIALIZED ({NEAREST_FEW.format(lanes="v_drive", wanted=WANTED)}),
        coup AS MATERIALIZED ({NEAREST_FEW.format(lanes="v_coupons", wanted=f"{EVERYTHING_WANTED} AND {COUPON_NOW}")}),
        few AS (SELECT n.place_id, n.mm FROM near n UNION SELECT c.place_id, c.mm FROM coup c),
        scored AS MATERIALIZED (
            SELECT r.*, {SCORE.format(mm="r.mm", ppm="r.ppm", has="r.has")} AS score FROM (
                SELECT p.place_id, p.mm, {POPULARITY} AS ppm, CASE WHEN p_coupon > 0 THEN {COUPON_NOW} ELSE false END AS has
                FROM few p WHERE p.mm <= p_radius_mm OFFSET 0) AS r),
        page AS (
            SELECT s.* FROM scored s WHERE {AFTER} ORDER BY s.score DESC, s.mm, s.place_id LIMIT p_limit)
        SELECT array_agg(g.place_id), array_agg(g.mm), array_agg(g.score), array_agg(g.ppm), array_agg(g.has),
               (SELECT min(ends.far) FROM (SELECT max(n.far) AS far, count(*) AS n FROM near n GROUP BY n.f) AS ends
                WHERE ends.n = v_k),
               (SELECT max(c.far) FROM coup c HAVING count(*) = v_k),
               min(g.score) FILTER (WHERE g.place = p_limit)
        INTO v_ids, v_mms, v_scores, v_ppms, v_has, v_far, v_coupon_far, v_floor
        FROM (SELECT page.*, row_number() OVER (ORDER BY page.score DESC, page.mm, page.place_id) AS place
              FROM page) AS g;
        IF v_popular THEN
            v_popular := false;
            v_gap := v_floor - 0.5 - (p_popularity + p_coupon) * 1e6;
            IF p_distance > 0 AND v_gap > 0 THEN
                v_half := most_m(p_polar, p_reach, least(p_radius_mm / 1e3, p_bucket_mm / 1e3 + 201
                    + 1000 * greatest(0, ln(p_distance * 1e6 / v_gap) / ln(2::double precision))));
            END IF;
            SELECT s.ranked INTO v_fewest FROM rank_snapshots s
            WHERE s.city_id = p_city AND s.snapshot_id = p_snapshot;
            SELECT count(*) INTO v_rows FROM (
                SELECT 1 FROM unnest(v_drive) AS l (f)
                CROSS JOIN LATERAL (SELECT 1 FROM postings p WHERE p.spot <@ {NEAR_BOX} AND p.city_id = p_city
                                    LIMIT v_fewest) AS few LIMIT v_fewest) AS seen;
            IF v_rows < v_fewest THEN
                {POPULAR_AROUND}
            ELSE
                {POPULAR_BY_NAME}
            END IF;
        END IF;
        SELECT array_agg(g.place_id ORDER BY g.score DESC, g.mm, g.place_id),
               array_agg(g.mm ORDER BY g.score DESC, g.mm, g.place_id),
               array_agg(g.score ORDER BY g.score DESC, g.mm, g.place_id),
               array_agg(g.ppm ORDER BY g.score DESC, g.mm, g.place_id),
               array_agg(g.has ORDER BY g.score DESC, g.mm, g.place_id)
        INTO v_ids, v_mms, v_scores, v_ppms, v_has FROM (
            SELECT u.* FROM (
                SELECT * FROM unnest(v_ids, v_mms, v_scores, v_ppms, v_has) AS u (place_id, mm, score, ppm, has)
                UNION
                SELECT * FROM unnest(v_pop_ids, v_pop_mms, v_pop_scores, v_pop_ppms, v_pop_has)
            ) AS u ORDER BY u.score DESC, u.mm, u.place_id LIMIT p_limit) AS g;
        EXIT WHEN v_far IS NULL AND v_coupon_far IS NULL;
        v_sure := floor(least_mm(p_polar, p_reach, coalesce(v_far, 1) - 1));
        v_bound := {SCORE.format(mm="v_sure", ppm="0", has="false")};
        IF v_far IS NULL OR v_sure > p_radius_mm + 1 OR v_scores[p_limit] > v_bound
           OR v_scores[p_limit] = v_bound AND v_mms[p_limit] < v_sure - 1 THEN
            EXIT WHEN v_coupon_far IS NULL;
            v_sure := floor(least_mm(p_polar, p_reach, v_coupon_far - 1));
            v_bound := {SCORE.format(mm="v_sure", ppm="0", has="true")};
            EXIT WHEN v_sure > p_radius_mm + 1 OR v_scores[p_limit] > v_bound
                      OR v_scores[p_limit] = v_bound AND v_mms[p_limit] < v_sure - 1;
        END IF;
        v_k := v_k * 4;
    END LOOP;
    IF p_budget > 0 THEN
        SELECT t.total, t.total_exact INTO v_total, v_exact FROM places_total({AS_ASKED}, p_collapse, p_budget) t;
        v_total := greatest(v_total, coalesce(cardinality(v_ids), 0));
    END IF;
    RETURN QUERY SELECT p.place_id, p.mm, p.score, {POPULARITY}, CASE WHEN p_coupon > 0 THEN p.has ELSE {COUPON_NOW} END,
        v_total, v_exact
    FROM unnest(v_ids, v_mms, v_scores, v_has) WITH ORDINALITY AS p (place_id, mm, score, has, position)
    ORDER BY p.position;
END $$
"""

PLACES_COUNTED = f"""
CREATE FUNCTION places_counted({ASKED}, p_wanted text[], p_cap integer, p_version integer, p_at timestamptz,
                               p_regions integer, p_bands bigint[])
RETURNS TABLE (facet text, keys text[], names text, places bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE {SETTINGS} AS $$
#variable_conflict use_column
DECLARE
    {DECLARED}
    v_ids uuid[];
    v_lons integer[];
    v_lats integer[];
    v_mms bigint[];
    v_prices smallint[];
    v_seen integer;
BEGIN
    {CHOSEN}
    WITH found AS MATERIALIZED (
        SELECT DISTINCT ON (i.place_id) i.* FROM unnest(v_drive) AS l (f)
        CROSS JOIN LATERAL (
            SELECT p.place_id, p.lon7, p.lat7, {MM} AS mm, p.price_level FROM postings p
            WHERE p.spot <@ {BOX} AND {WANTED} AND {MM} <= p_radius_mm
            ORDER BY p.spot <-> {HERE} LIMIT p_cap + 1) AS i),
    nearest AS (SELECT f.* FROM found f ORDER BY f.mm, f.place_id LIMIT p_cap)
    SELECT array_agg(n.place_id), array_agg(n.lon7), array_agg(n.lat7), array_agg(n.mm), array_agg(n.price_level),
           (SELECT count(*) FROM found)
    INTO v_ids, v_lons, v_lats, v_mms, v_prices, v_seen FROM nearest n;
    RETURN QUERY SELECT 'seen', NULL::text[], NULL::text, v_seen::bigint;
    IF 'category' = ANY (p_wanted) THEN
        RETURN QUERY SELECT 'category', f.category_id || f.alternate_category_ids, NULL::text, count(*)
            FROM unnest(v_ids) AS u (place_id)
            JOIN place_facts f ON f.city_id = p_city AND f.version = p_version AND f.place_id = u.place_id
            GROUP BY f.category_id, f.alternate_category_ids;
    END IF;
    IF 'price' = ANY (p_wanted) THEN
        RETURN QUERY SELECT 'price', ARRAY[u.price::text], NULL::text, count(*) FROM unnest(v_prices) AS u (price)
            GROUP BY u.price;
    END IF;
    IF 'coupon_kind' = ANY (p_wanted) THEN
        RETURN QUERY SELECT 'coupon_kind', ARRAY[v.kind], NULL::text, count(DISTINCT u.place_id)
            FROM unnest(v_ids) AS u (place_id)
            JOIN coupon_places cp ON cp.city_id = p_city AND cp.place_id = u.place_id
            JOIN coupons c ON c.city_id = p_city AND c.coupon_id = cp.coupon_id AND c.state = 'published'
            JOIN coupon_versions v ON v.city_id = p_city AND v.coupon_id = c.coupon_id AND v.version = c.current_version
            WHERE v.claim_from <= p_at AND v.claim_until > p_at
              AND coalesce((SELECT true FROM coupon_stock s WHERE s.city_id = p_city AND s.coupon_id = c.coupon_id
                            AND s.taken < s.quota LIMIT 1), false)
            GROUP BY v.kind;
    END IF;
    IF 'district' = ANY (p_wanted) THEN
        RETURN QUERY SELECT 'district', ARRAY[r.region_id::text], r.names::text, i.n FROM (
            SELECT d.region_id, d.names, d.boundary FROM region_facts d
            WHERE d.city_id = p_city AND d.version = p_regions AND d.kind = 'district' OFFSET 0) AS r
            CROSS JOIN LATERAL (
                SELECT count(*) AS n FROM unnest(v_lons, v_lats) AS u (lon7, lat7)
                WHERE st_covers(r.boundary, st_setsrid(st_makepoint(u.lon7 / 1e7, u.lat7 / 1e7), 4326))) AS i;
    END IF;
    IF 'distance' = ANY (p_wanted) THEN
        RETURN QUERY SELECT 'distance', ARRAY[b.mm::text], NULL::text,
            (SELECT count(*) FROM unnest(v_mms) AS u (mm) WHERE u.mm <= b.mm) FROM unnest(p_bands) AS b (mm);
    END IF;
END $$
"""

FUNCTIONS = {
    "rank_score": RANK_SCORE,
    "most_m": MOST_M,
    "places_total": PLACES_TOTAL,
    "places_collapsed": PLACES_COLLAPSED,
    "places_ranked": PLACES_RANKED,
    "places_counted": PLACES_COUNTED,
}


def upgrade() -> None:
    """Creates the functions."""
    for statement in FUNCTIONS.values():
        ddl.run(statement)


def downgrade() -> None:
    """Drops what upgrade made."""
    for name in reversed(FUNCTIONS):
        ddl.run(f"DROP FUNCTION {name}")
