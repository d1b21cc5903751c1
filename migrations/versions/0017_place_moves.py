"""Which places moved or closed lately, so that pages of a search that began before leave them out."""

from __future__ import annotations

from migrations import ddl

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table; loads and edits write it."""
    ddl.create_table(
        "place_moves",
        "city",
        "The last move or closing of a place in a version, kept for an hour: longer than pages of one search are read.",
        """
            city_id integer NOT NULL,
            version integer NOT NULL,
            place_id uuid NOT NULL,
            moved_at timestamptz NOT NULL,
            moved_in xid8 NOT NULL,
            CONSTRAINT place_moves_pk PRIMARY KEY (city_id, version, place_id),
            CONSTRAINT place_moves_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id)
                ON DELETE RESTRICT
        """,
    )
    ddl.create_index("place_moves_moved_ix", "place_moves (city_id, moved_at)", "Edits: moves that no page asks for.")
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "place_moves")
    ddl.grant("fujin_import", "INSERT, UPDATE, DELETE", "place_moves")


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.drop_tables(("place_moves",))
