"""Reports and differences of dataset versions, and which areas followed which."""

from __future__ import annotations

from migrations import ddl

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

TABLES = ("dataset_reports", "dataset_diffs", "dataset_diff_items")
_VERSION = "FOREIGN KEY(city_id, kind, version) REFERENCES datasets (city_id, kind, version) ON DELETE RESTRICT"


def upgrade() -> None:
    """Areas that are there already follow nobody."""
    ddl.create_table(
        "dataset_reports",
        "city",
        "What the checks of a dataset version found, and what the version waits for before it may be shown.",
        f"""
            city_id integer NOT NULL,
            kind text NOT NULL,
            version integer NOT NULL,
            against integer,
            verdict text NOT NULL,
            report jsonb NOT NULL,
            made_at timestamptz NOT NULL,
            CONSTRAINT dataset_reports_pk PRIMARY KEY (city_id, kind, version),
            CONSTRAINT dataset_reports_version_fk {_VERSION},
            CONSTRAINT dataset_reports_verdict_ck CHECK (verdict in ('open', 'note', 'second_person', 'blocked'))
        """,
    )
    ddl.create_table(
        "dataset_diffs",
        "city",
        "What a dataset version changes against another: counts, moves, thresholds and what is touched.",
        f"""
            city_id integer NOT NULL,
            kind text NOT NULL,
            version integer NOT NULL,
            against integer NOT NULL,
            diff jsonb NOT NULL,
            made_at timestamptz NOT NULL,
            CONSTRAINT dataset_diffs_pk PRIMARY KEY (city_id, kind, version, against),
            CONSTRAINT dataset_diffs_version_fk {_VERSION},
            CONSTRAINT dataset_diffs_against_ck CHECK (against >= 0 and against <> version)
        """,
    )
    ddl.create_table(
        "dataset_diff_items",
        "city",
        "The first 5,000 things of each layer of a difference, for the map.",
        """
            city_id integer NOT NULL,
            kind text NOT NULL,
            version integer NOT NULL,
            against integer NOT NULL,
            layer text NOT NULL,
            item_no integer NOT NULL,
            thing_id uuid,
            source_key text,
            name text NOT NULL,
            lon double precision,
            lat double precision,
            more jsonb NOT NULL,
            CONSTRAINT dataset_diff_items_pk PRIMARY KEY (city_id, kind, version, against, layer, item_no),
            CONSTRAINT dataset_diff_items_diff_fk FOREIGN KEY(city_id, kind, version, against)
                REFERENCES dataset_diffs (city_id, kind, version, against) ON DELETE RESTRICT,
            CONSTRAINT dataset_diff_items_layer_ck
                CHECK (layer in ('added', 'removed', 'moved', 'renamed', 'reshaped', 'changed')),
            CONSTRAINT dataset_diff_items_item_no_ck CHECK (item_no >= 1)
        """,
    )
    ddl.run("ALTER TABLE region_facts ADD COLUMN successor_of uuid[] NOT NULL DEFAULT '{}'::uuid[]")
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "TABLE " + ", ".join(TABLES))
    ddl.grant("fujin_import", "INSERT, UPDATE, DELETE", "TABLE " + ", ".join(TABLES))


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.run("ALTER TABLE region_facts DROP COLUMN successor_of")
    ddl.drop_tables(tuple(reversed(TABLES)))
