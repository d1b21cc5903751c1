"""What a load refused, row by row and counted, and the tables in which rows wait to be checked."""

from __future__ import annotations

from migrations import ddl

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

TABLES = ("dataset_faults", "dataset_fault_counts", "place_staging", "region_staging")
_CODE = "check_code ~ '^[a-z][a-z0-9-]{1,59}$'"
_SEVERITY = "severity in ('file', 'row', 'warning', 'info')"
_VERSION = "FOREIGN KEY(city_id, kind, version) REFERENCES datasets (city_id, kind, version) ON DELETE RESTRICT"


def upgrade() -> None:
    """Creates the tables; what waits is not logged, since a load that a crash ends begins again."""
    ddl.create_table(
        "dataset_faults",
        "city",
        "What checks found in a version: rows that were refused and what its sender should know; of each check the"
        " first.",
        f"""
            city_id integer NOT NULL,
            kind text NOT NULL,
            version integer NOT NULL,
            fault_no integer NOT NULL,
            row_no integer,
            check_code text NOT NULL,
            severity text NOT NULL,
            source_key text,
            reason text NOT NULL,
            lon double precision,
            lat double precision,
            raw jsonb,
            CONSTRAINT dataset_faults_pk PRIMARY KEY (city_id, kind, version, fault_no),
            CONSTRAINT dataset_faults_version_fk {_VERSION},
            CONSTRAINT dataset_faults_fault_no_ck CHECK (fault_no > 0),
            CONSTRAINT dataset_faults_row_no_ck CHECK (row_no > 0),
            CONSTRAINT dataset_faults_check_code_ck CHECK ({_CODE}),
            CONSTRAINT dataset_faults_severity_ck CHECK ({_SEVERITY}),
            CONSTRAINT dataset_faults_point_whole_ck CHECK ((lon is null) = (lat is null))
        """,
    )
    ddl.create_index(
        "dataset_faults_check_ix",
        "dataset_faults (city_id, kind, version, check_code, fault_no)",
        "Report of a version: the first hundred of a check.",
    )
    ddl.create_table(
        "dataset_fault_counts",
        "city",
        "How often each check of a version found something, those counted that dataset_faults has no room for.",
        f"""
            city_id integer NOT NULL,
            kind text NOT NULL,
            version integer NOT NULL,
            check_code text NOT NULL,
            severity text NOT NULL,
            faults bigint NOT NULL,
            CONSTRAINT dataset_fault_counts_pk PRIMARY KEY (city_id, kind, version, check_code),
            CONSTRAINT dataset_fault_counts_version_fk {_VERSION},
            CONSTRAINT dataset_fault_counts_check_code_ck CHECK ({_CODE}),
            CONSTRAINT dataset_fault_counts_severity_ck CHECK ({_SEVERITY}),
            CONSTRAINT dataset_fault_counts_faults_ck CHECK (faults > 0)
        """,
    )
    _staging()
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "dataset_faults, dataset_fault_counts")
    ddl.grant("fujin_import", "INSERT, UPDATE, DELETE", "dataset_faults, dataset_fault_counts")
    ddl.grant("fujin_import", "SELECT, INSERT, UPDATE, DELETE", "place_staging, region_staging")


def _staging() -> None:
    ddl.create_table(
        "place_staging",
        "city",
        "Places of a file while they are checked, in no version yet; a load that ends takes its rows out again.",
        """
            city_id integer NOT NULL,
            version integer NOT NULL,
            row_no integer NOT NULL,
            new_id uuid NOT NULL,
            location geography(POINT, 4326) NOT NULL,
            name text NOT NULL,
            names jsonb NOT NULL,
            category_id text NOT NULL,
            alternate_category_ids text[] NOT NULL,
            brand_id text,
            address jsonb NOT NULL,
            phone text,
            website text,
            opening_hours text,
            workday_calendar boolean NOT NULL,
            hours_parsed boolean,
            price_level smallint,
            attributes jsonb NOT NULL,
            closed boolean NOT NULL,
            source_key text NOT NULL,
            source_datum text NOT NULL,
            source_lon double precision NOT NULL,
            source_lat double precision NOT NULL,
            spots double precision[] NOT NULL,
            facets text[] NOT NULL,
            CONSTRAINT place_staging_pk PRIMARY KEY (city_id, version, row_no)
        """,
        unlogged=True,
    )
    ddl.create_table(
        "region_staging",
        "city",
        "Areas of a file while they are checked, in no version yet; a load that ends takes its rows out again.",
        """
            city_id integer NOT NULL,
            version integer NOT NULL,
            row_no integer NOT NULL,
            new_id uuid NOT NULL,
            source_key text NOT NULL,
            kind text NOT NULL,
            admin_level smallint NOT NULL,
            region_code text NOT NULL,
            names jsonb NOT NULL,
            parent_key text,
            note text,
            demo boolean NOT NULL,
            extend_m integer NOT NULL,
            boundary geometry(MULTIPOLYGON, 4326) NOT NULL,
            area_m2 double precision NOT NULL,
            CONSTRAINT region_staging_pk PRIMARY KEY (city_id, version, row_no)
        """,
        unlogged=True,
    )


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.drop_tables(tuple(reversed(TABLES)))
