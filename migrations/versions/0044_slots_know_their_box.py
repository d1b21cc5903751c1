"""Search rows of a version know its box and its live places, so that nobody counts a million when it is shown."""

from __future__ import annotations

from migrations import ddl

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty for what was built before: then it is counted when it is shown."""
    ddl.run(
        "ALTER TABLE search_slots ADD COLUMN live_places integer, ADD COLUMN west double precision,"
        " ADD COLUMN south double precision, ADD COLUMN east double precision, ADD COLUMN north double precision"
    )
    ddl.run(
        "ALTER TABLE search_slots ADD CONSTRAINT search_slots_box_whole_ck"
        " CHECK (num_nonnulls(west, south, east, north) in (0, 4))"
    )


def downgrade() -> None:
    """Without."""
    ddl.run(
        "ALTER TABLE search_slots DROP COLUMN live_places, DROP COLUMN west, DROP COLUMN south, DROP COLUMN east,"
        " DROP COLUMN north"
    )
