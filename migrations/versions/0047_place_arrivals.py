"""Places that came into sight between two versions of a city, until members who wait for new ones are told."""

from __future__ import annotations

from migrations import ddl

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table with its grants."""
    ddl.create_table(
        "place_arrivals",
        "city",
        "Places that an edit opened, opened again or moved, with where they stood before; whoever tells members takes the"
        " rows away.",
        """
            city_id integer NOT NULL,
            place_id uuid NOT NULL,
            was_lon double precision,
            was_lat double precision,
            CONSTRAINT place_arrivals_pk PRIMARY KEY (city_id, place_id),
            CONSTRAINT place_arrivals_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id)
                ON DELETE RESTRICT,
            CONSTRAINT place_arrivals_was_ck CHECK (num_nonnulls(was_lon, was_lat) in (0, 2))
        """,
    )
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE, DELETE", "place_arrivals")
    ddl.grant("fujin_import", "SELECT, INSERT, UPDATE", "place_arrivals")


def downgrade() -> None:
    """Drops it."""
    ddl.drop_tables(["place_arrivals"])
