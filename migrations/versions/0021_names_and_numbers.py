"""Places are found by their whole names and their telephone numbers too; ``fujin search-rows`` writes those rows."""

from __future__ import annotations

from migrations import ddl

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

BEFORE = "'category', 'brand', 'attribute', 'word', 'coupon'"
NOTE = "Numbers of what places are searched by: categories, brands, words, names, coupons and more; they never change."
NOTE_BEFORE = (
    "Numbers of what places are searched by: categories, brands, attributes, words, coupons; they never change."
)


def upgrade() -> None:
    """Lets the dictionary hold names and numbers."""
    _allow(f"{BEFORE}, 'name', 'phone'", NOTE)


def downgrade() -> None:
    """Takes them out, with their rows."""
    ddl.run("DELETE FROM postings p USING search_facets f WHERE f.city_id = p.city_id AND f.facet = p.facet"
            " AND f.kind IN ('name', 'phone')")  # fmt: skip
    ddl.run("DELETE FROM search_facets WHERE kind IN ('name', 'phone')")
    _allow(BEFORE, NOTE_BEFORE)


def _allow(kinds: str, note: str) -> None:
    ddl.run("ALTER TABLE search_facets DROP CONSTRAINT search_facets_kind_ck")
    ddl.run(f"ALTER TABLE search_facets ADD CONSTRAINT search_facets_kind_ck CHECK (kind in ({kinds}))")
    ddl.run(f"COMMENT ON TABLE search_facets IS {ddl.quoted(f'[city] {note}')}")
