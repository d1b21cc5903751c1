"""Lookups of a point answer with one value of bytes a point, and ask for whose areas they are in the order of ids."""

from __future__ import annotations

from migrations import ddl

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

# A row a point, with its areas by place and id: area, place, merchant, priority, square metres, when it was made, kind;
# 67 bytes each. Hundreds of rows of nine columns took longer to write and read than to find. Sorting the few keys that
# were found before the next index is asked keeps its pages at hand.
AREAS_PACKED = """
CREATE FUNCTION areas_packed(p_city integer, p_version integer, p_numbers integer[], p_lons double precision[],
                             p_lats double precision[], p_ats timestamptz[], p_kinds text[], p_most integer)
RETURNS TABLE (number integer, areas bytea, schedules text[])
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT q.number, a.areas, a.schedules
    FROM unnest(p_numbers, p_lons, p_lats, p_ats) AS q (number, lon, lat, at)
    CROSS JOIN LATERAL (
        SELECT string_agg(
                   uuid_send(o.service_area_id) || uuid_send(o.place_id) || uuid_send(o.merchant_id)
                   || int2send(o.priority) || float8send(o.area_m2) || timestamptz_send(o.created_at)
                   || set_byte('\\x00', 0, array_position(ARRAY['delivery', 'visit', 'pickup', 'territory'], o.kind)),
                   '' ORDER BY o.place_id, o.service_area_id) AS areas,
               CASE WHEN count(o.schedule) > 0
                    THEN array_agg(o.schedule ORDER BY o.place_id, o.service_area_id) END AS schedules
        FROM (
            SELECT w.*
            FROM (
                SELECT v.*, s.place_id, s.merchant_id, s.kind
                FROM (
                    SELECT v.service_area_id, v.priority, v.area_m2, v.created_at, v.schedule
                    FROM service_area_versions v
                    WHERE v.city_id = p_city AND v.state = 'published'
                      AND st_covers(v.boundary, st_setsrid(st_makepoint(q.lon, q.lat), 4326))
                      AND v.effective_from <= q.at AND (v.effective_until IS NULL OR v.effective_until > q.at)
                    ORDER BY v.service_area_id OFFSET 0) v
                JOIN service_areas s ON s.city_id = p_city AND s.service_area_id = v.service_area_id
                WHERE p_kinds IS NULL OR s.kind = ANY (p_kinds)
                ORDER BY s.place_id OFFSET 0) w
            JOIN place_facts f ON f.city_id = p_city AND f.version = p_version AND f.place_id = w.place_id
            WHERE NOT f.closed
            LIMIT p_most) o) a
    WHERE a.areas IS NOT NULL
    ORDER BY q.number;
END $$
"""


def upgrade() -> None:
    """Creates it beside ``areas_at``, which the program before this one asks."""
    ddl.run(AREAS_PACKED)


def downgrade() -> None:
    """Drops it."""
    ddl.run("DROP FUNCTION areas_packed")
