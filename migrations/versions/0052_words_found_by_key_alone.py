"""No index of words begins with the city but the one that finds a word: the planner has nothing else to take."""

from __future__ import annotations

from migrations import ddl

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Numbers are unique by number and city. While a city's words came in, its statistics were none, and each look-up
    of a word read all words of the city by the index that began with the city."""
    ddl.run("ALTER TABLE search_facets DROP CONSTRAINT search_facets_facet_uq")
    ddl.run("ALTER TABLE search_facets ADD CONSTRAINT search_facets_facet_uq UNIQUE (facet, city_id)")


def downgrade() -> None:
    """The order as it was."""
    ddl.run("ALTER TABLE search_facets DROP CONSTRAINT search_facets_facet_uq")
    ddl.run("ALTER TABLE search_facets ADD CONSTRAINT search_facets_facet_uq UNIQUE (city_id, facet)")
