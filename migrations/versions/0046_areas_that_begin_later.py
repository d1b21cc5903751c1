"""A version of a service area that begins later stands beside the one in force, which is in force until then."""

from __future__ import annotations

from migrations import ddl

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

CHECK = (
    "CASE WHEN followed_by IS NULL THEN declared_until IS NULL"
    " ELSE effective_until IS NOT NULL AND effective_until <= coalesce(declared_until, 'infinity') END"
)
IN_FORCE = " AND v.effective_from <= now() AND (v.effective_until IS NULL OR v.effective_until > now())"
VIEW = """
    CREATE OR REPLACE VIEW audit.service_area AS
    SELECT s.service_area_id, s.merchant_id, s.city_id, v.boundary
    FROM service_areas s
    JOIN service_area_versions v ON (v.city_id, v.service_area_id) = (s.city_id, s.service_area_id)
    WHERE v.state = 'published'
"""


def upgrade() -> None:
    """One published version at the end of an area's line, one at most before it; the view shows what is in force."""
    ddl.run("ALTER TABLE service_area_versions ADD COLUMN followed_by integer")
    ddl.run("ALTER TABLE service_area_versions ADD COLUMN declared_until timestamptz")
    ddl.run(f"ALTER TABLE service_area_versions ADD CONSTRAINT service_area_versions_followed_ck CHECK ({CHECK})")
    ddl.create_index(
        "service_area_versions_last_uq",
        "service_area_versions (city_id, service_area_id) WHERE state = 'published' AND followed_by IS NULL",
        "Publishing: the one published version of an area that no other follows.",
        unique=True,
    )
    ddl.create_index(
        "service_area_versions_followed_uq",
        "service_area_versions (city_id, service_area_id) WHERE state = 'published' AND followed_by IS NOT NULL",
        "The worker: published versions of a city that another one follows; one an area at most.",
        unique=True,
    )
    ddl.run("DROP INDEX service_area_versions_published_uq")
    ddl.run(VIEW + IN_FORCE)


def downgrade() -> None:
    """Of two published versions the one in force stays so; what was to begin later is archived."""
    ddl.run(VIEW)
    ddl.run(
        "UPDATE service_area_versions v SET state = 'archived' WHERE v.state = 'published' AND EXISTS ("
        "SELECT 1 FROM service_area_versions w WHERE (w.city_id, w.service_area_id, w.state) ="
        " (v.city_id, v.service_area_id, 'published') AND w.followed_by = v.version)"
    )
    ddl.run(
        "UPDATE service_area_versions SET effective_until = declared_until, followed_by = NULL, declared_until = NULL"
        " WHERE followed_by IS NOT NULL"
    )
    ddl.create_index(
        "service_area_versions_published_uq",
        "service_area_versions (city_id, service_area_id) WHERE state = 'published'",
        "At most one published version an area.",
        unique=True,
    )
    for index in ("service_area_versions_followed_uq", "service_area_versions_last_uq"):
        ddl.run(f"DROP INDEX {index}")
    ddl.run("ALTER TABLE service_area_versions DROP CONSTRAINT service_area_versions_followed_ck")
    ddl.run("ALTER TABLE service_area_versions DROP COLUMN declared_until")
    ddl.run("ALTER TABLE service_area_versions DROP COLUMN followed_by")
