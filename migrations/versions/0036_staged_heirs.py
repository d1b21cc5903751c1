"""Areas that wait say which earlier ones they follow, and what the geometry gate changed in them."""

from __future__ import annotations

from migrations import ddl

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing waits while a migration runs: a load is one transaction and takes its rows out again."""
    ddl.run("ALTER TABLE region_staging ADD COLUMN successor_of text[] NOT NULL, ADD COLUMN remarks text[] NOT NULL")


def downgrade() -> None:
    """Without."""
    ddl.run("ALTER TABLE region_staging DROP COLUMN remarks, DROP COLUMN successor_of")
