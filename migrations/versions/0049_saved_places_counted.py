"""Loads count the places that members saved, and don't see whose they are."""

from __future__ import annotations

from migrations import ddl

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A view without people."""
    ddl.run("CREATE VIEW audit.saved_place AS SELECT city_id, place_id FROM area_watches WHERE place_id IS NOT NULL")
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "TABLE audit.saved_place")


def downgrade() -> None:
    """Drops it."""
    ddl.run("DROP VIEW audit.saved_place")
