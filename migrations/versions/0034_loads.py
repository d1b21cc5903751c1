"""Loads as work for a worker, what people do with versions, and one load a city and kind at a time."""

from __future__ import annotations

from migrations import ddl

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

STATES = "'validating', 'staged', 'active', 'retired', 'failed'"
VIEW = """
    CREATE VIEW audit.import_job AS
    SELECT j.dataset_id AS job_id, j.city_id, CASE WHEN j.task IS NULL THEN 'done' ELSE 'due' END AS state, j.dataset_id
    FROM import_jobs j
"""


def upgrade() -> None:
    """The tables, the new state, and the index that lets one load of a kind be under way."""
    ddl.create_table(
        "import_jobs",
        "city",
        "One load each: its file, what was asked of it, how far it is, what came of it; a lease lets one process do"
        " it.",
        """
            city_id INTEGER NOT NULL,
            dataset_id UUID NOT NULL,
            task TEXT,
            run_at TIMESTAMP WITH TIME ZONE,
            lease_until TIMESTAMP WITH TIME ZONE,
            lease_by TEXT,
            tries SMALLINT NOT NULL,
            dry_run BOOLEAN NOT NULL,
            created_by TEXT NOT NULL,
            file_name TEXT NOT NULL,
            file_bytes BIGINT NOT NULL,
            file_key UUID,
            file_until TIMESTAMP WITH TIME ZONE,
            wishes JSONB NOT NULL,
            source JSONB,
            stage TEXT NOT NULL,
            done BIGINT NOT NULL,
            total BIGINT NOT NULL,
            unit TEXT NOT NULL,
            created INTEGER NOT NULL,
            outcome TEXT,
            failure JSONB,
            gate JSONB,
            remarks JSONB NOT NULL,
            CONSTRAINT import_jobs_pk PRIMARY KEY (city_id, dataset_id),
            CONSTRAINT import_jobs_dataset_fk FOREIGN KEY(city_id, dataset_id)
                REFERENCES datasets (city_id, dataset_id) ON DELETE RESTRICT,
            CONSTRAINT import_jobs_task_ck CHECK (task in ('load', 'activate', 'purge')),
            CONSTRAINT import_jobs_due_ck CHECK ((task is null) = (run_at is null)),
            CONSTRAINT import_jobs_lease_ck CHECK ((lease_until is null) = (lease_by is null)),
            CONSTRAINT import_jobs_stage_ck CHECK (stage in ('reading', 'checking', 'linking', 'search_rows', 'done')),
            CONSTRAINT import_jobs_outcome_ck CHECK (outcome in ('staged', 'failed', 'dry_run', 'discarded')),
            CONSTRAINT import_jobs_unit_ck CHECK (unit in ('bytes', 'rows')),
            CONSTRAINT import_jobs_counts_ck
                CHECK (tries >= 0 and done >= 0 and total >= 0 and file_bytes >= 0 and created >= 0),
            CONSTRAINT import_jobs_file_name_ck CHECK (length(file_name) between 1 and 300)
        """,
    )
    ddl.create_index(
        "import_jobs_due_ix",
        "import_jobs (city_id, run_at) WHERE task IS NOT NULL",
        "Worker: which loads and activations are due.",
    )
    ddl.create_index(
        "import_jobs_file_ix",
        "import_jobs (city_id, file_key) WHERE file_key IS NOT NULL",
        "Sweeper: which uploaded files are still wanted, and until when.",
    )
    ddl.create_table(
        "dataset_steps",
        "city",
        "What was done with a version, by whom, when, and what they said of it; only added to.",
        """
            city_id INTEGER NOT NULL,
            step_id UUID NOT NULL,
            dataset_id UUID NOT NULL,
            step TEXT NOT NULL,
            actor TEXT NOT NULL,
            note TEXT,
            at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT dataset_steps_pk PRIMARY KEY (city_id, step_id),
            CONSTRAINT dataset_steps_dataset_fk FOREIGN KEY(city_id, dataset_id)
                REFERENCES datasets (city_id, dataset_id) ON DELETE RESTRICT,
            CONSTRAINT dataset_steps_step_ck CHECK (step in ('loaded', 'staged', 'failed', 'approved',
                'activation_asked', 'rollback_asked', 'activated', 'rolled_back', 'discarded', 'reloaded', 'purged',
                'checked_only')),
            CONSTRAINT dataset_steps_note_ck CHECK (length(note) between 1 and 500)
        """,
    )
    ddl.create_index(
        "dataset_steps_dataset_ix",
        "dataset_steps (city_id, dataset_id, at)",
        "A version's page: its approvals and its history in order.",
    )
    ddl.run("ALTER TABLE datasets ADD COLUMN purged_at TIMESTAMP WITH TIME ZONE")
    ddl.run("ALTER TABLE datasets DROP CONSTRAINT datasets_state_ck")
    ddl.run(f"ALTER TABLE datasets ADD CONSTRAINT datasets_state_ck CHECK (state in ({STATES}, 'discarded'))")
    ddl.run(
        "ALTER TABLE datasets ADD CONSTRAINT datasets_purged_ck"
        " CHECK (purged_at is null or state in ('retired', 'discarded'))"
    )
    _one_staged_each()
    ddl.create_index(
        "datasets_one_load_uq",
        "datasets (city_id, kind) WHERE state IN ('validating', 'staged')",
        "Upload: the load of a city's kind that is under way; there is one at most.",
        unique=True,
    )
    ddl.run(VIEW)
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "TABLE import_jobs, dataset_steps, audit.import_job")
    ddl.grant("fujin_app", "INSERT, UPDATE", "TABLE datasets, import_jobs")
    ddl.grant("fujin_app", "INSERT", "TABLE dataset_steps")
    ddl.grant("fujin_import", "INSERT, UPDATE", "TABLE import_jobs")
    ddl.grant("fujin_import", "INSERT", "TABLE dataset_steps")


def _one_staged_each() -> None:
    """Of several staged versions of a kind the newest stays; the others keep their rows and are worth a discard."""
    ddl.run("""
        UPDATE datasets d SET state = 'discarded'
        WHERE d.state IN ('validating', 'staged') AND EXISTS (
            SELECT 1 FROM datasets n
            WHERE n.city_id = d.city_id AND n.kind = d.kind AND n.version > d.version
              AND n.state IN ('validating', 'staged'))
    """)


def downgrade() -> None:
    """Back to versions without work and history; discarded ones count as failed."""
    ddl.run("DROP VIEW audit.import_job")
    ddl.run("DROP INDEX datasets_one_load_uq")
    ddl.run("ALTER TABLE datasets DROP CONSTRAINT datasets_purged_ck")
    ddl.run("ALTER TABLE datasets DROP CONSTRAINT datasets_state_ck")
    ddl.run("UPDATE datasets SET state = 'failed' WHERE state = 'discarded'")
    ddl.run(f"ALTER TABLE datasets ADD CONSTRAINT datasets_state_ck CHECK (state in ({STATES}))")
    ddl.run("ALTER TABLE datasets DROP COLUMN purged_at")
    ddl.revoke("fujin_app", "INSERT, UPDATE", "TABLE datasets")
    ddl.drop_tables(["dataset_steps", "import_jobs"])
