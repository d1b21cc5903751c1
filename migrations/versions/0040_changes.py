"""Positions of edited places, for those who follow them."""

from __future__ import annotations

from migrations import ddl

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The counter of a city and the last position of each edited place."""
    ddl.create_table(
        "change_positions",
        "city",
        "The last position that a change of a city's places got; its row lock puts changes in the order of their"
        " commits.",
        """
            city_id INTEGER NOT NULL,
            position BIGINT NOT NULL,
            CONSTRAINT change_positions_pk PRIMARY KEY (city_id),
            CONSTRAINT change_positions_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT change_positions_position_ck CHECK (position > 0)
        """,
    )
    ddl.create_table(
        "place_changes",
        "city",
        "The last change of a place in a version that readers see or saw; what followers ask by is its position.",
        """
            city_id INTEGER NOT NULL,
            version INTEGER NOT NULL,
            place_id UUID NOT NULL,
            position BIGINT NOT NULL,
            CONSTRAINT place_changes_pk PRIMARY KEY (city_id, version, place_id),
            CONSTRAINT place_changes_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id)
                ON DELETE RESTRICT,
            CONSTRAINT place_changes_position_ck CHECK (position > 0)
        """,
    )
    ddl.create_index(
        "place_changes_position_ix",
        "place_changes (city_id, version, position, place_id)",
        "Changes: what was edited in a version behind a position.",
    )
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "change_positions, place_changes")
    for role in ("fujin_app", "fujin_import"):
        ddl.grant(role, "INSERT, UPDATE", "change_positions, place_changes")
    ddl.grant("fujin_import", "DELETE", "place_changes")


def downgrade() -> None:
    """Followers begin anew."""
    ddl.drop_tables(["place_changes", "change_positions"])
