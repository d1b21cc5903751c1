"""Search rows: a place's postings in facet lanes, and the dictionary of facets."""

from __future__ import annotations

from migrations import ddl

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = ("search_facets", "search_slots", "postings", "dataset_epoch")


def upgrade() -> None:
    """Creates the tables and the functions that search them."""
    ddl.create_table(
        "search_facets",
        "city",
        "Numbers of what places are searched by: categories, brands, attributes, words, coupons; they never change.",
        """
            city_id integer NOT NULL,
            kind text NOT NULL,
            key text COLLATE "C" NOT NULL,
            facet integer NOT NULL,
            CONSTRAINT search_facets_pk PRIMARY KEY (city_id, kind, key),
            CONSTRAINT search_facets_facet_uq UNIQUE (city_id, facet),
            CONSTRAINT search_facets_facet_ck CHECK (facet between 1 and 16777215),
            CONSTRAINT search_facets_kind_ck CHECK (kind in ('category', 'brand', 'attribute', 'word', 'coupon'))
        """,
    )
    ddl.create_table(
        "search_slots",
        "city",
        "Which dataset version of a city's places each slot of the search rows holds.",
        """
            city_id integer NOT NULL,
            slot smallint NOT NULL,
            version integer NOT NULL,
            built_at timestamptz NOT NULL,
            CONSTRAINT search_slots_pk PRIMARY KEY (city_id, slot),
            CONSTRAINT search_slots_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT search_slots_slot_ck CHECK (slot = version % 4)
        """,
    )
    ddl.create_table(
        "postings",
        "city",
        "Search rows: a live place once for each of its facets, at its point on a chart, shifted into the facet's lane.",
        """
            city_id integer NOT NULL,
            slot smallint NOT NULL,
            facet integer NOT NULL,
            place_id uuid NOT NULL,
            image smallint NOT NULL,
            spot point NOT NULL,
            signature bigint NOT NULL,
            lon7 integer NOT NULL,
            lat7 integer NOT NULL,
            hours_no integer NOT NULL,
            price_level smallint NOT NULL,
            CONSTRAINT postings_pk PRIMARY KEY (city_id, slot, place_id, facet, image)
        """,
        options=" WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.01)",
    )
    ddl.create_index(
        "postings_spot_ix",
        "postings USING gist (spot) INCLUDE (signature, place_id, city_id, lon7, lat7, hours_no, price_level)",
        "Nearby search: the nearest places of a facet's lane, in order, without a look at the table.",
    )
    ddl.create_table(
        "dataset_epoch",
        "reference",
        "One row; its number grows when a pointer, an extent or a set of opening hours changes.",
        """
            row_no smallint NOT NULL,
            epoch bigint NOT NULL,
            CONSTRAINT dataset_epoch_pk PRIMARY KEY (row_no),
            CONSTRAINT dataset_epoch_row_no_ck CHECK (row_no = 1)
        """,
    )
    ddl.run("INSERT INTO dataset_epoch (row_no, epoch) VALUES (1, 1)")
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "search_facets, search_slots, postings, dataset_epoch")
    ddl.grant("fujin_import", "INSERT, UPDATE, DELETE", "search_facets, search_slots, postings")
    ddl.grant("fujin_import", "UPDATE", "dataset_epoch")
    ddl.run("ALTER TABLE hours_patterns ADD CONSTRAINT hours_patterns_hours_no_ck CHECK (hours_no > 0)")
    ddl.run("CREATE VIEW audit.search_row AS SELECT city_id, slot, facet, place_id FROM postings WHERE image IN (0, 2)")
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "audit.search_row")


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.run("DROP VIEW audit.search_row")
    ddl.run("ALTER TABLE hours_patterns DROP CONSTRAINT hours_patterns_hours_no_ck")
    ddl.drop_tables(tuple(reversed(TABLES)))
