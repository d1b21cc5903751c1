"""Places that people opened by hand are found among those of a version without reading all of them."""

from __future__ import annotations

from migrations import ddl

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index over those alone: each activation asks for them."""
    ddl.create_index(
        "place_facts_opened_ix",
        "place_facts (city_id, version, source_key) WHERE starts_with(source_key, 'fujin:')",
        "Activation: places of a version that people opened by hand, which come along.",
    )


def downgrade() -> None:
    """Drops it."""
    ddl.run("DROP INDEX place_facts_opened_ix")
