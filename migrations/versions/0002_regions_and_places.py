"""Regions, places, taxonomy and calendars."""

from __future__ import annotations

from migrations import ddl

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = (
    "categories",
    "category_aliases",
    "brands",
    "holidays",
    "regions",
    "region_sources",
    "region_facts",
    "places",
    "place_sources",
    "hours_patterns",
    "place_facts",
    "place_overrides",
)


def upgrade() -> None:
    """Creates the tables, each with its group."""
    ddl.create_table(
        "categories",
        "reference",
        "Taxonomy by version of the world's dataset; a category keeps its id for ever.",
        """
            version integer NOT NULL,
            category_id text NOT NULL,
            parent_id text,
            names jsonb NOT NULL,
            depth smallint NOT NULL,
            sort_order integer NOT NULL,
            CONSTRAINT categories_pk PRIMARY KEY (version, category_id),
            CONSTRAINT categories_parent_fk FOREIGN KEY(version, parent_id) REFERENCES categories (version, category_id) ON DELETE RESTRICT,
            CONSTRAINT categories_slug_ck CHECK (category_id ~ '^[a-z][a-z0-9_]{1,59}$'),
            CONSTRAINT categories_depth_ck CHECK (depth between 1 and 6 and (depth = 1) = (parent_id is null))
        """,
    )
    ddl.create_table(
        "category_aliases",
        "reference",
        "What other schemes call a category.",
        """
            version integer NOT NULL,
            scheme text NOT NULL,
            code text NOT NULL,
            category_id text NOT NULL,
            CONSTRAINT category_aliases_pk PRIMARY KEY (version, scheme, code),
            CONSTRAINT category_aliases_category_fk FOREIGN KEY(version, category_id) REFERENCES categories (version, category_id) ON DELETE RESTRICT,
            CONSTRAINT category_aliases_scheme_ck CHECK (scheme in ('osm', 'overture', 'amap'))
        """,
    )
    ddl.create_table(
        "brands",
        "reference",
        "Chains that several places belong to, by version of the world's dataset.",
        """
            version integer NOT NULL,
            brand_id text NOT NULL,
            names jsonb NOT NULL,
            wikidata text,
            CONSTRAINT brands_pk PRIMARY KEY (version, brand_id)
        """,
    )
    ddl.create_table(
        "holidays",
        "reference",
        "Public holidays and weekend days declared workdays, by calendar and version of the world's dataset.",
        """
            version integer NOT NULL,
            calendar text NOT NULL,
            on_date date NOT NULL,
            kind text NOT NULL,
            as_weekday smallint,
            names jsonb NOT NULL,
            CONSTRAINT holidays_pk PRIMARY KEY (version, calendar, on_date),
            CONSTRAINT holidays_kind_ck CHECK (kind in ('holiday', 'makeup_workday')),
            CONSTRAINT holidays_as_weekday_ck CHECK (as_weekday between 1 and 7 and kind = 'makeup_workday' or as_weekday is null)
        """,
    )
    ddl.create_table(
        "regions",
        "city",
        "Stable identity of an area; what is known of it stands in region_facts.",
        """
            city_id integer NOT NULL,
            region_id uuid NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT regions_pk PRIMARY KEY (city_id, region_id),
            CONSTRAINT regions_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT
        """,
    )
    ddl.create_table(
        "region_sources",
        "city",
        "Which area a source's own key means.",
        """
            city_id integer NOT NULL,
            source_key text NOT NULL,
            region_id uuid NOT NULL,
            CONSTRAINT region_sources_pk PRIMARY KEY (city_id, source_key),
            CONSTRAINT region_sources_region_fk FOREIGN KEY(city_id, region_id) REFERENCES regions (city_id, region_id) ON DELETE RESTRICT
        """,
    )
    ddl.create_index(
        "region_sources_region_ix",
        "region_sources (city_id, region_id)",
        "Loads: which source keys mean a region.",
    )
    ddl.create_table(
        "region_facts",
        "city",
        "What one dataset version states about an area.",
        """
            city_id integer NOT NULL,
            version integer NOT NULL,
            region_id uuid NOT NULL,
            kind text NOT NULL,
            admin_level smallint NOT NULL,
            region_code text NOT NULL,
            names jsonb NOT NULL,
            parent_id uuid,
            boundary geometry(MULTIPOLYGON,4326) NOT NULL,
            area_m2 double precision NOT NULL,
            extend_m integer NOT NULL,
            note text,
            demo boolean NOT NULL,
            CONSTRAINT region_facts_pk PRIMARY KEY (city_id, version, region_id),
            CONSTRAINT region_facts_region_fk FOREIGN KEY(city_id, region_id) REFERENCES regions (city_id, region_id) ON DELETE RESTRICT,
            CONSTRAINT region_facts_kind_ck CHECK (kind in ('country', 'region', 'city', 'borough', 'parish', 'district', 'neighbourhood', 'business_district', 'extract')),
            CONSTRAINT region_facts_admin_level_ck CHECK (admin_level between 0 and 15),
            CONSTRAINT region_facts_extend_m_ck CHECK (extend_m between 0 and 20000),
            CONSTRAINT region_facts_area_ck CHECK (area_m2 > 0),
            CONSTRAINT region_facts_boundary_ck CHECK (st_isvalid(boundary) and not st_isempty(boundary) and st_npoints(boundary) <= 500000 and st_numgeometries(boundary) <= 5000 and st_xmin(boundary) >= -180 and st_xmax(boundary) <= 180 and st_ymin(boundary) >= -90 and st_ymax(boundary) <= 90)
        """,
    )
    ddl.create_index(
        "region_facts_boundary_ix",
        "region_facts USING gist (city_id, version, boundary)",
        "Lookup: which regions of the active version cover a point.",
    )
    ddl.create_table(
        "places",
        "city",
        "Stable identity of a point of business; what is known of it stands in place_facts.",
        """
            city_id integer NOT NULL,
            place_id uuid NOT NULL,
            created_at timestamptz NOT NULL,
            moved_to uuid,
            CONSTRAINT places_pk PRIMARY KEY (city_id, place_id),
            CONSTRAINT places_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT places_moved_to_ck CHECK (moved_to <> place_id)
        """,
    )
    ddl.create_table(
        "place_sources",
        "city",
        "Which place a source's own key means.",
        """
            city_id integer NOT NULL,
            source_key text NOT NULL,
            place_id uuid NOT NULL,
            CONSTRAINT place_sources_pk PRIMARY KEY (city_id, source_key),
            CONSTRAINT place_sources_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id) ON DELETE RESTRICT
        """,
    )
    ddl.create_index(
        "place_sources_place_ix",
        "place_sources (city_id, place_id)",
        "Loads and details: which source keys mean a place.",
    )
    ddl.create_table(
        "hours_patterns",
        "city",
        "Distinct opening hours of a dataset version; open-now asks for the patterns open at an instant.",
        """
            city_id integer NOT NULL,
            version integer NOT NULL,
            hours_no integer NOT NULL,
            opening_hours text NOT NULL,
            time_zone text NOT NULL,
            calendar text,
            workday_calendar boolean NOT NULL,
            parsed boolean NOT NULL,
            CONSTRAINT hours_patterns_pk PRIMARY KEY (city_id, version, hours_no),
            CONSTRAINT hours_patterns_text_uq UNIQUE NULLS NOT DISTINCT (city_id, version, opening_hours, time_zone, calendar, workday_calendar)
        """,
    )
    ddl.create_table(
        "place_facts",
        "city",
        "What one dataset version states about a place, its overrides applied.",
        """
            city_id integer NOT NULL,
            version integer NOT NULL,
            place_id uuid NOT NULL,
            location geography(POINT,4326) NOT NULL,
            name text NOT NULL,
            names jsonb NOT NULL,
            category_id text NOT NULL,
            alternate_category_ids text[] NOT NULL,
            brand_id text,
            address jsonb NOT NULL,
            phone text,
            website text,
            hours_no integer,
            price_level smallint,
            attributes jsonb NOT NULL,
            closed boolean NOT NULL,
            source_key text NOT NULL,
            source_datum text NOT NULL,
            source_lon double precision NOT NULL,
            source_lat double precision NOT NULL,
            CONSTRAINT place_facts_pk PRIMARY KEY (city_id, version, place_id),
            CONSTRAINT place_facts_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id) ON DELETE RESTRICT,
            CONSTRAINT place_facts_hours_fk FOREIGN KEY(city_id, version, hours_no) REFERENCES hours_patterns (city_id, version, hours_no) ON DELETE RESTRICT,
            CONSTRAINT place_facts_name_ck CHECK (length(name) between 1 and 300),
            CONSTRAINT place_facts_price_level_ck CHECK (price_level between 1 and 4),
            CONSTRAINT place_facts_source_datum_ck CHECK (source_datum in ('wgs84', 'gcj02', 'bd09'))
        """,
    )
    ddl.create_index(
        "place_facts_location_ix",
        "place_facts USING gist (city_id, version, location) WHERE closed IS false",
        "Nearby search: live places of a city's version around a point.",
    )
    ddl.create_table(
        "place_overrides",
        "city",
        "Corrections of a place's facts, kept apart and applied again to each version.",
        """
            city_id integer NOT NULL,
            place_id uuid NOT NULL,
            field text NOT NULL,
            value jsonb NOT NULL,
            reason text NOT NULL,
            author_id uuid NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT place_overrides_pk PRIMARY KEY (city_id, place_id, field),
            CONSTRAINT place_overrides_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id) ON DELETE RESTRICT,
            CONSTRAINT place_overrides_field_ck CHECK (field in ('names', 'phone', 'website', 'opening_hours', 'closed'))
        """,
    )


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.drop_tables(tuple(reversed(TABLES)))
