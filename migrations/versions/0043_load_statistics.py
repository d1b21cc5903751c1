"""Loads may tell the planner about the rows that they copied in, as the owner would."""

from __future__ import annotations

from migrations import ddl

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

# ANALYZE belongs to the owner; without it a statement of the same transaction is planned for a table without the city.
_FUNCTION = """
CREATE FUNCTION gather_statistics(what text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    IF what <> ALL (ARRAY['places', 'place_sources', 'place_facts', 'hours_patterns', 'place_staging', 'region_staging',
        'region_facts', 'basemap_features', 'search_facets', 'postings', 'categories', 'brands', 'holidays', 'coupons',
        'coupon_versions', 'coupon_scopes', 'coupon_places', 'place_operators']) THEN
        RAISE EXCEPTION 'no statistics are gathered of % here', what;
    END IF;
    EXECUTE format('ANALYZE %I', what);
END $$
"""


def upgrade() -> None:
    """The function, for loads alone."""
    ddl.run(_FUNCTION)
    ddl.run("REVOKE ALL ON FUNCTION gather_statistics(text) FROM PUBLIC")
    ddl.grant("fujin_import", "EXECUTE", "FUNCTION gather_statistics(text)")


def downgrade() -> None:
    """Without."""
    ddl.run("DROP FUNCTION gather_statistics(text)")
