"""Decisions from a command line too: who loads data forgets reporters, and reads what merges look at."""

from __future__ import annotations

from migrations import ddl

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Marks of reporters are erased with a decision."""
    ddl.grant("fujin_import", "UPDATE", "place_reports")


def downgrade() -> None:
    """As before."""
    ddl.revoke("fujin_import", "UPDATE", "place_reports")
