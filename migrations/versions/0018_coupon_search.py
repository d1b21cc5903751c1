"""Functions that search coupons: in any order, one for each place or merchant, redeemable at an instant; deep pages too.

``coupons_near`` of 0014 stays for programs that still run; ``coupons_nearest`` takes its place.
"""

from __future__ import annotations

from migrations import ddl
from migrations.search_0014 import ASKED, BOX, CHOSEN, DECLARED, HERE, SETTINGS, WANTED

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

COUPONS = """
    p_kinds text[], p_group_deal boolean, p_served boolean, p_at timestamptz,
    p_use_at timestamptz, p_claim_at timestamptz, p_shut text[], p_party integer, p_held uuid[], p_full uuid[]
"""

# The day of a claim, on the clock of the coupon, and the end of what is claimed then; NULL: the terms name no days.
CLAIMED_ON = "(p_claim_at AT TIME ZONE v.time_zone)::date"
CLAIM_ENDS = f"(({CLAIMED_ON} + v.valid_days_after_claim + 1)::timestamp AT TIME ZONE v.time_zone)"

# Whether an area brings to the point what the coupon of v gives at the place n: one its scope names, or, where its
# scope names none, one for deliveries.
DELIVERED = """
    coalesce((SELECT true FROM service_areas a
        JOIN service_area_versions w ON w.city_id = p_city AND w.service_area_id = a.service_area_id
        WHERE a.city_id = p_city AND a.place_id = n.place_id AND w.state = 'published' AND w.effective_from <= p_use_at
          AND (w.effective_until IS NULL OR w.effective_until > p_use_at)
          AND CASE WHEN v.scope_kind = 'service_areas' THEN coalesce((SELECT true FROM coupon_scopes s
                        WHERE s.city_id = p_city AND s.coupon_id = v.coupon_id AND s.version = v.version
                          AND s.scope_id = a.service_area_id LIMIT 1), false)
                   ELSE a.kind = 'delivery' END
          AND st_covers(w.boundary, st_setsrid(st_makepoint(p_lon, p_lat), 4326))
        LIMIT 1), false)
"""
DAY_SOLD_OUT = f"""
    (v.per_day IS NOT NULL AND coalesce((SELECT d.taken >= d.quota FROM coupon_day_stock d
        WHERE d.city_id = p_city AND d.coupon_id = v.coupon_id AND d.claimed_on = {CLAIMED_ON} AND d.bucket = 0),
        false))
"""
REDEEMABLE = f"""
    (p_use_at IS NULL OR (
        (v.use_from IS NULL OR v.use_from <= p_use_at) AND (v.use_until IS NULL OR v.use_until > p_use_at)
        AND (v.valid_days_after_claim IS NULL OR {CLAIM_ENDS} > p_use_at)
        AND NOT (p_use_at AT TIME ZONE v.time_zone)::date = ANY (v.blackout_dates)
        AND (v.use_hours IS NULL OR NOT v.time_zone || ' ' || v.use_hours = ANY (p_shut))
        AND (p_party IS NULL OR p_party BETWEEN coalesce(v.party_min, 1) AND coalesce(v.party_max, p_party))
        AND (v.fulfilment <> 'delivery' OR {DELIVERED})
        AND (v.coupon_id = ANY (p_held) OR NOT (v.coupon_id = ANY (p_full) OR {DAY_SOLD_OUT}))))
"""
# Coupons that can be claimed, over places n where they can be used; a subquery in place of EXISTS is never hashed.
LIVE = f"""
    v.claim_from <= p_at AND v.claim_until > p_at
    AND (p_kinds IS NULL OR v.kind = ANY (p_kinds))
    AND (p_group_deal IS NULL OR p_group_deal = (v.group_price_minor IS NOT NULL))
    AND coalesce((SELECT true FROM coupon_stock s WHERE s.city_id = p_city AND s.coupon_id = c.coupon_id
                  AND s.taken < s.quota LIMIT 1), false)
    AND (NOT p_served OR serving_area(p_city, c.coupon_id, c.current_version, v.scope_kind, p_lon, p_lat, p_at)
                         IS NOT NULL)
    AND {REDEEMABLE}
"""
JOINED = """
    JOIN coupon_places cp ON cp.city_id = p_city AND cp.place_id = n.place_id
    JOIN coupons c ON c.city_id = p_city AND c.coupon_id = cp.coupon_id AND c.state = 'published'
    JOIN coupon_versions v ON v.city_id = p_city AND v.coupon_id = c.coupon_id AND v.version = c.current_version
"""
PAIRS = f"""
    SELECT DISTINCT ON (c.coupon_id) c.coupon_id, n.place_id, n.mm
    FROM near n {JOINED}
    WHERE n.mm <= p_radius_mm AND {LIVE}
    ORDER BY c.coupon_id, n.mm, n.place_id
"""
# A coupon that stands at a place nearer than those looked at belongs to an earlier page.
STANDS_NEARER = f"""
    coalesce((SELECT true FROM coupon_places o
        JOIN postings p ON p.city_id = p_city AND p.slot = p_slot AND p.place_id = o.place_id
                       AND p.facet = ANY (v_drive)
        CROSS JOIN LATERAL (SELECT o.place_id) AS n
        JOIN coupon_versions v ON v.city_id = p_city AND v.coupon_id = o.coupon_id AND v.version = x.version
        WHERE o.city_id = p_city AND o.coupon_id = x.coupon_id
          AND p.spot <-> point(p_x + p.facet * 1e8, p_y) < p_lower AND {WANTED} AND {REDEEMABLE}
        LIMIT 1), false)
"""

COUPONS_NEAREST = f"""
CREATE FUNCTION coupons_nearest({ASKED}, {COUPONS}, p_lower double precision, p_after_mm bigint, p_after_id uuid,
                                p_limit integer, p_first integer, p_budget integer)
RETURNS TABLE (coupon_id uuid, place_id uuid, distance_mm bigint, total integer, total_exact boolean)
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
                WHERE p.spot <@ {BOX} AND p.spot <-> {HERE} >= p_lower AND {WANTED}
                ORDER BY p.spot <-> {HERE} LIMIT v_k) AS i),
        near AS (SELECT DISTINCT l.place_id, sphere_mm(l.lon7, l.lat7, p_lon, p_lat) AS mm FROM lane l),
        found AS MATERIALIZED ({PAIRS}),
        ahead AS (
            SELECT f.coupon_id, f.place_id, f.mm, u.current_version AS version
            FROM found f JOIN coupons u ON u.city_id = p_city AND u.coupon_id = f.coupon_id
            WHERE p_after_mm IS NULL OR (f.mm, f.coupon_id) > (p_after_mm, p_after_id)
            ORDER BY f.mm, f.coupon_id OFFSET 0),
        page AS (
            SELECT x.coupon_id, x.place_id, x.mm FROM ahead x
            WHERE p_lower <= 0 OR NOT {STANDS_NEARER}
            ORDER BY x.mm, x.coupon_id LIMIT p_limit)
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
        SELECT count(*) INTO v_total FROM (SELECT 1 FROM ({PAIRS}) AS found LIMIT 1001) AS seen;
        SELECT count(*) INTO v_rows FROM (
            SELECT 1 FROM unnest(v_drive) AS l (f)
            CROSS JOIN LATERAL (SELECT 1 FROM postings p WHERE p.spot <@ {BOX} AND p.city_id = p_city
                                LIMIT p_budget + 1) AS few LIMIT p_budget + 1) AS seen;
        v_exact := v_rows <= p_budget OR v_total > 1000;
    END IF;
    v_total := greatest(v_total, coalesce(cardinality(v_ids), 0));
    RETURN QUERY SELECT u.coupon_id, u.place_id, u.mm, v_total, v_exact
        FROM unnest(v_ids, v_places, v_mms) WITH ORDINALITY AS u (coupon_id, place_id, mm, position)
        ORDER BY u.position;
END $$
"""

# The share saved, in basis points rounded down, of what one would pay otherwise; NULL where nothing tells.
SAVED_BP = """
CREATE FUNCTION saved_bp(saved bigint, whole bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN whole > 0 THEN div(greatest(saved, 0)::numeric * 10000, whole::numeric)::bigint END
$$
"""
# What a coupon is sorted by, least first, beside its distance; what is not known comes last.
RANK = """
    CASE p_sort
        WHEN 'price' THEN v.price_minor
        WHEN '-price' THEN -v.price_minor
        WHEN 'ending_soon' THEN (extract(epoch FROM v.claim_until) * 1000000)::bigint
        WHEN 'newest' THEN coalesce(-(extract(epoch FROM c.published_at) * 1000000)::bigint, 0)
        WHEN 'sales' THEN -(SELECT coalesce(sum(s.taken), 0) FROM coupon_stock s
                            WHERE s.city_id = p_city AND s.coupon_id = c.coupon_id)::bigint
        WHEN 'discount' THEN coalesce(-CASE v.kind
            WHEN 'percent_off' THEN v.percent_off_bp
            WHEN 'amount_off' THEN CASE WHEN v.min_spend_minor > 0 THEN
                saved_bp(v.face_value_minor - v.price_minor, greatest(v.min_spend_minor, v.face_value_minor)) END
            WHEN 'voucher' THEN
                saved_bp(v.face_value_minor - v.price_minor, greatest(v.min_spend_minor, v.face_value_minor))
            ELSE saved_bp(v.list_price_minor - v.price_minor, v.list_price_minor) END, 1)
        ELSE 0 END
"""
# Prices of several currencies can't be compared; those of one stand together.
GROUPED = "CASE WHEN p_sort IN ('price', '-price') THEN v.currency ELSE '' END COLLATE \"C\""

COUPONS_WITHIN = f"""
CREATE FUNCTION coupons_within({ASKED}, {COUPONS}, p_sort text, p_collapse_by text, p_after_part text, p_after_rank bigint,
                               p_after_mm bigint, p_after_id uuid, p_limit integer)
RETURNS TABLE (coupon_id uuid, place_id uuid, merchant_id uuid, fresh boolean, moved boolean, part text,
               rank bigint, distance_mm bigint, total bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE {SETTINGS} AS $$
#variable_conflict use_column
DECLARE
    {DECLARED}
BEGIN
    {CHOSEN}
    RETURN QUERY
    WITH near AS MATERIALIZED (
        SELECT DISTINCT i.place_id, i.mm FROM unnest(v_drive) AS l (f)
        CROSS JOIN LATERAL (
            SELECT p.place_id, sphere_mm(p.lon7, p.lat7, p_lon, p_lat) AS mm FROM postings p
            WHERE p.spot <@ {BOX} AND {WANTED}) AS i),
    found AS MATERIALIZED (
        SELECT DISTINCT ON (c.coupon_id) c.coupon_id, n.place_id, n.mm, c.merchant_id,
               coalesce(c.published_at, c.created_at) > p_at AS fresh, v.created_at > p_at AS changed,
               {GROUPED} AS part, {RANK} AS rank
        FROM near n {JOINED}
        WHERE n.mm <= p_radius_mm AND {LIVE}
        ORDER BY c.coupon_id, n.mm, n.place_id),
    best AS MATERIALIZED (
        SELECT DISTINCT ON (CASE p_collapse_by WHEN 'place' THEN f.place_id WHEN 'merchant' THEN f.merchant_id
                                            ELSE f.coupon_id END) f.*
        FROM found f
        ORDER BY CASE p_collapse_by WHEN 'place' THEN f.place_id WHEN 'merchant' THEN f.merchant_id ELSE f.coupon_id END,
                 f.fresh, f.part, f.rank, f.mm, f.coupon_id)
    SELECT b.coupon_id, b.place_id, b.merchant_id, b.fresh, b.moved, b.part, b.rank, b.mm, (SELECT count(*) FROM best)
    FROM (SELECT f.*, f.changed AND NOT f.fresh AS moved FROM best f) AS b
    WHERE p_after_id IS NULL
       OR (b.part, b.rank, b.mm, b.coupon_id) > (p_after_part COLLATE "C", p_after_rank, p_after_mm, p_after_id)
          AND NOT b.moved
    ORDER BY b.part, b.rank, b.mm, b.coupon_id
    LIMIT p_limit;
END $$
"""

COUPON_USES = f"""
CREATE FUNCTION coupon_uses(p_city integer, p_coupons uuid[], p_places uuid[], p_lon double precision,
                            p_lat double precision, p_use_at timestamptz, p_claim_at timestamptz)
RETURNS TABLE (coupon_id uuid, time_zone text, claim_until timestamptz, use_from timestamptz, use_until timestamptz,
               valid_days_after_claim smallint, blackout_dates date[], use_hours text, fulfilment text,
               party_min smallint, party_max smallint, delivered boolean, day_sold_out boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT c.coupon_id, v.time_zone, v.claim_until, v.use_from, v.use_until, v.valid_days_after_claim,
        v.blackout_dates, v.use_hours, v.fulfilment, v.party_min, v.party_max,
        v.fulfilment <> 'delivery' OR {DELIVERED}, {DAY_SOLD_OUT}
    FROM unnest(p_coupons, p_places) AS n (coupon_id, place_id)
    JOIN coupons c ON c.city_id = p_city AND c.coupon_id = n.coupon_id
    JOIN coupon_versions v ON v.city_id = p_city AND v.coupon_id = c.coupon_id AND v.version = c.current_version;
END $$
"""

# Each distinct text once, by steps over the index: there are few texts and many coupons.
USE_HOURS = """
CREATE FUNCTION use_hours_of(p_city integer) RETURNS TABLE (time_zone text, use_hours text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH RECURSIVE step AS (
        (SELECT v.time_zone, md5(v.use_hours) AS mark, v.use_hours FROM coupon_versions v
         WHERE v.city_id = p_city AND v.use_hours IS NOT NULL ORDER BY v.time_zone, md5(v.use_hours) LIMIT 1)
        UNION ALL
        SELECT n.time_zone, n.mark, n.use_hours FROM step
        CROSS JOIN LATERAL (
            SELECT v.time_zone, md5(v.use_hours) AS mark, v.use_hours FROM coupon_versions v
            WHERE v.city_id = p_city AND v.use_hours IS NOT NULL
              AND (v.time_zone, md5(v.use_hours)) > (step.time_zone, step.mark)
            ORDER BY v.time_zone, md5(v.use_hours) LIMIT 1) AS n)
    SELECT step.time_zone, step.use_hours FROM step
$$
"""

FUNCTIONS = {
    "coupons_nearest": COUPONS_NEAREST,
    "saved_bp": SAVED_BP,
    "coupons_within": COUPONS_WITHIN,
    "coupon_uses": COUPON_USES,
    "use_hours_of": USE_HOURS,
}


def upgrade() -> None:
    """Creates the functions, with the index and the right that two of them need."""
    ddl.create_index(
        "coupon_versions_use_hours_ix",
        "coupon_versions (city_id, time_zone, md5(use_hours)) WHERE use_hours is not null",
        "Redeemable coupons: the distinct texts of when coupons can be used, which are then read at an instant.",
    )
    for statement in FUNCTIONS.values():
        ddl.run(statement)
    ddl.grant("fujin_read", "SELECT", "coupon_day_stock")


def downgrade() -> None:
    """Drops what upgrade made."""
    for name in reversed(FUNCTIONS):
        ddl.run(f"DROP FUNCTION {name}")
    ddl.revoke("fujin_read", "SELECT", "coupon_day_stock")
    ddl.run("DROP INDEX coupon_versions_use_hours_ix")
