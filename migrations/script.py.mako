"""${message}."""

from __future__ import annotations

from migrations import ddl

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand."""


def downgrade() -> None:
    """Contract."""
