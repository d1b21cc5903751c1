"""A function that looks points up in service areas, so that its plan is made once a connection."""

from __future__ import annotations

from migrations import ddl

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

# By number of the point, place and id; the border counts. Schedules are read by who asks.
AREAS_AT = """
CREATE FUNCTION areas_at(p_city integer, p_version integer, p_numbers integer[], p_lons double precision[],
                         p_lats double precision[], p_ats timestamptz[], p_kinds text[], p_most integer)
RETURNS TABLE (number integer, service_area_id uuid, place_id uuid, merchant_id uuid, kind text, priority smallint,
               area_m2 double precision, created_at timestamptz, schedule text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT q.number, a.service_area_id, a.place_id, a.merchant_id, a.kind, a.priority, a.area_m2,
                        a.created_at, a.schedule
    FROM unnest(p_numbers, p_lons, p_lats, p_ats) AS q (number, lon, lat, at)
    CROSS JOIN LATERAL (
        SELECT v.service_area_id, s.place_id, s.merchant_id, s.kind, v.priority, v.area_m2, v.created_at, v.schedule
        FROM service_area_versions v
        JOIN service_areas s ON s.city_id = p_city AND s.service_area_id = v.service_area_id
        JOIN place_facts f ON f.city_id = p_city AND f.version = p_version AND f.place_id = s.place_id
        WHERE v.city_id = p_city AND v.state = 'published'
          AND st_covers(v.boundary, st_setsrid(st_makepoint(q.lon, q.lat), 4326))
          AND v.effective_from <= q.at AND (v.effective_until IS NULL OR v.effective_until > q.at)
          AND NOT f.closed AND (p_kinds IS NULL OR s.kind = ANY (p_kinds))
        LIMIT p_most) a
    ORDER BY q.number, a.place_id, a.service_area_id;
END $$
"""


def upgrade() -> None:
    """Creates it, and an index that has all it wants to know of an area."""
    ddl.create_index(
        "service_areas_lookup_ix",
        "service_areas (city_id, service_area_id) INCLUDE (place_id, merchant_id, kind)",
        "Lookups of a point: whose area it is, read from the index alone.",
    )
    ddl.run(AREAS_AT)


def downgrade() -> None:
    """Drops both."""
    ddl.run("DROP FUNCTION areas_at")
    ddl.run("DROP INDEX service_areas_lookup_ix")
