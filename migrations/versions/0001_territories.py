"""Territories, dataset versions and the pointer to the active one."""

from __future__ import annotations

from migrations import ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "currencies",
    "cities",
    "datasets",
    "active_dataset",
    "basemap_features",
)


def upgrade() -> None:
    """Creates the tables, each with its group."""
    ddl.create_table(
        "currencies",
        "reference",
        "ISO 4217 currencies and how many decimals their minor unit has.",
        """
            currency text NOT NULL,
            exponent smallint NOT NULL,
            CONSTRAINT currencies_pk PRIMARY KEY (currency),
            CONSTRAINT currencies_code_ck CHECK (currency ~ '^[A-Z]{3}$'),
            CONSTRAINT currencies_exponent_ck CHECK (exponent between 0 and 4)
        """,
    )
    ddl.create_table(
        "cities",
        "reference",
        "Territories: a city, a country, or the world (1), which holds what all share.",
        """
            city_id integer NOT NULL,
            slug text NOT NULL,
            kind text NOT NULL,
            names jsonb NOT NULL,
            default_language text NOT NULL,
            country_code text,
            time_zone text NOT NULL,
            currency text,
            calendar text,
            centre_lon double precision NOT NULL,
            centre_lat double precision NOT NULL,
            zoom smallint NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT cities_pk PRIMARY KEY (city_id),
            CONSTRAINT cities_slug_uq UNIQUE (slug),
            CONSTRAINT cities_currency_fk FOREIGN KEY(currency) REFERENCES currencies (currency) ON DELETE RESTRICT,
            CONSTRAINT cities_id_fits_ids_ck CHECK (city_id between 1 and 1048575),
            CONSTRAINT cities_kind_ck CHECK (kind in ('world', 'country', 'city')),
            CONSTRAINT cities_centre_ck CHECK (centre_lon between -180 and 180 and centre_lat between -90 and 90)
        """,
    )
    ddl.create_table(
        "datasets",
        "city",
        "One loaded version of one kind of regional data, with its origin and licence.",
        """
            city_id integer NOT NULL,
            dataset_id uuid NOT NULL,
            kind text NOT NULL,
            version integer NOT NULL,
            state text NOT NULL,
            source_name text NOT NULL,
            source_url text,
            source_sha256 bytea NOT NULL,
            licence text NOT NULL,
            attribution text NOT NULL,
            retrieved_on date,
            rows_declared integer NOT NULL,
            rows_stored integer NOT NULL,
            rows_refused integer NOT NULL,
            created_at timestamptz NOT NULL,
            activated_at timestamptz,
            CONSTRAINT datasets_pk PRIMARY KEY (city_id, dataset_id),
            CONSTRAINT datasets_version_uq UNIQUE (city_id, kind, version),
            CONSTRAINT datasets_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT datasets_kind_ck CHECK (kind in ('places', 'regions', 'basemap', 'categories', 'holidays', 'brands')),
            CONSTRAINT datasets_version_ck CHECK (version >= 1),
            CONSTRAINT datasets_state_ck CHECK (state in ('validating', 'staged', 'active', 'retired', 'failed')),
            CONSTRAINT datasets_rows_ck CHECK (rows_declared >= 0 and rows_stored >= 0 and rows_refused >= 0 and rows_stored + rows_refused <= rows_declared)
        """,
    )
    ddl.create_table(
        "active_dataset",
        "city",
        "The one pointer a city and kind: which version every read sees, and the box of its live rows.",
        """
            city_id integer NOT NULL,
            kind text NOT NULL,
            version integer NOT NULL,
            extent_west double precision,
            extent_south double precision,
            extent_east double precision,
            extent_north double precision,
            row_count integer NOT NULL,
            activated_at timestamptz NOT NULL,
            CONSTRAINT active_dataset_pk PRIMARY KEY (city_id, kind),
            CONSTRAINT active_dataset_version_fk FOREIGN KEY(city_id, kind, version) REFERENCES datasets (city_id, kind, version) ON DELETE RESTRICT,
            CONSTRAINT active_dataset_extent_whole_ck CHECK (num_nonnulls(extent_west, extent_south, extent_east, extent_north) in (0, 4)),
            CONSTRAINT active_dataset_extent_ranges_ck CHECK (extent_west between -180 and 180 and extent_east between -180 and 180 and extent_south between -90 and extent_north and extent_north <= 90)
        """,
    )
    ddl.create_table(
        "basemap_features",
        "city",
        "Roads, water and green drawn under the map of a city.",
        """
            city_id integer NOT NULL,
            version integer NOT NULL,
            feature_no integer NOT NULL,
            layer text NOT NULL,
            feature_class text NOT NULL,
            name text,
            min_zoom smallint NOT NULL,
            shape geometry(GEOMETRY,4326) NOT NULL,
            CONSTRAINT basemap_features_pk PRIMARY KEY (city_id, version, feature_no),
            CONSTRAINT basemap_features_layer_ck CHECK (layer in ('road', 'water', 'green'))
        """,
    )
    ddl.create_index(
        "basemap_features_shape_ix",
        "basemap_features USING gist (city_id, version, shape)",
        "Tiles: what is drawn in a tile of a city's active version.",
    )


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.drop_tables(tuple(reversed(TABLES)))
