"""How many of a coupon the flow that stands elsewhere was told to give."""

from __future__ import annotations

from migrations import ddl

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rows that are there are told anew."""
    ddl.run("ALTER TABLE flow_coupons ADD COLUMN quota integer")


def downgrade() -> None:
    """Drops it."""
    ddl.run("ALTER TABLE flow_coupons DROP COLUMN quota")
