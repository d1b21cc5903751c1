"""Claims of a group are found by it: it is closed when all that was paid in it is back."""

from __future__ import annotations

from migrations import ddl

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the index."""
    ddl.create_index(
        "claims_group_ix",
        "claims (city_id, group_id) WHERE group_id IS NOT NULL",
        "Sweeper: whether money of a failed group is still on its way back.",
    )


def downgrade() -> None:
    """Drops it."""
    ddl.run("DROP INDEX claims_group_ix")
