"""The next delivery to an endpoint is read off an index in its order, however many wait behind it."""

from __future__ import annotations

from migrations import ddl

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

SAID = "Sender: what is due for an endpoint of a city."


def upgrade() -> None:
    """With the position, by which those that are due at one time are taken."""
    _index("deliveries (city_id, endpoint_id, next_at, position) WHERE state = 'due'")


def downgrade() -> None:
    """Without."""
    _index("deliveries (city_id, endpoint_id, next_at) WHERE state = 'due'")


def _index(on: str) -> None:
    ddl.run("DROP INDEX deliveries_due_ix")
    ddl.create_index("deliveries_due_ix", on, SAID)
