"""Which areas each place of a version lies in."""

from __future__ import annotations

from migrations import ddl

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The links, and for which pairs of versions they were worked out; activations build what is missing."""
    ddl.create_table(
        "region_link_sets",
        "city",
        "For which versions of places and regions links were worked out, and which changes of places they know.",
        """
            city_id INTEGER NOT NULL,
            places_version INTEGER NOT NULL,
            regions_version INTEGER NOT NULL,
            position BIGINT NOT NULL,
            built_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT region_link_sets_pk PRIMARY KEY (city_id, places_version, regions_version),
            CONSTRAINT region_link_sets_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT
        """,
    )
    ddl.create_table(
        "place_regions",
        "city",
        "The areas that a live place lies in, its border counted, or not farther outside than the area extends:"
        " fringe.",
        """
            city_id INTEGER NOT NULL,
            places_version INTEGER NOT NULL,
            regions_version INTEGER NOT NULL,
            place_id UUID NOT NULL,
            region_id UUID NOT NULL,
            fringe BOOLEAN NOT NULL,
            CONSTRAINT place_regions_pk
                PRIMARY KEY (city_id, places_version, regions_version, place_id, region_id),
            CONSTRAINT place_regions_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id)
                ON DELETE RESTRICT
        """,
    )
    ddl.create_index(
        "place_regions_region_ix",
        "place_regions (city_id, places_version, regions_version, region_id, place_id)",
        "Coupons of a region: the places that it holds.",
    )
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "region_link_sets, place_regions")
    ddl.grant("fujin_app", "INSERT, DELETE", "place_regions")
    ddl.grant("fujin_import", "INSERT, UPDATE, DELETE", "region_link_sets, place_regions")


def downgrade() -> None:
    """Without links."""
    ddl.drop_tables(["place_regions", "region_link_sets"])
