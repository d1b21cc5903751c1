"""How loads go: the work on each version, and what people did with it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.core.schema import declare, foreign_key

TASKS = ("load", "activate", "purge")
STAGES = ("reading", "checking", "linking", "search_rows", "done")
OUTCOMES = ("staged", "failed", "dry_run", "discarded")
STEPS = (
    *("loaded", "staged", "failed", "approved", "activation_asked", "rollback_asked", "activated", "rolled_back"),
    *("discarded", "reloaded", "purged", "checked_only"),
)


def _words(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


import_jobs = declare(
    "import_jobs",
    "city",
    "One load each: its file, what was asked of it, how far it is, what came of it; a lease lets one process do it.",
    Column("dataset_id", Uuid, nullable=False),
    Column("task", Text),
    Column("run_at", DateTime(timezone=True)),
    Column("lease_until", DateTime(timezone=True)),
    Column("lease_by", Text),
    Column("tries", SmallInteger, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("file_bytes", BigInteger, nullable=False),
    Column("file_key", Uuid),
    Column("file_until", DateTime(timezone=True)),
    Column("wishes", JSONB, nullable=False),
    Column("source", JSONB(none_as_null=True)),
    Column("stage", Text, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("created", Integer, nullable=False),
    Column("outcome", Text),
    Column("failure", JSONB(none_as_null=True)),
    Column("gate", JSONB(none_as_null=True)),
    Column("remarks", JSONB, nullable=False),
    PrimaryKeyConstraint("city_id", "dataset_id", name="import_jobs_pk"),
    foreign_key("import_jobs_dataset_fk", ["city_id", "dataset_id"], "datasets"),
    CheckConstraint(f"task in ({_words(TASKS)})", name="task"),
    CheckConstraint("(task is null) = (run_at is null)", name="due"),
    CheckConstraint("(lease_until is null) = (lease_by is null)", name="lease"),
    CheckConstraint(f"stage in ({_words(STAGES)})", name="stage"),
    CheckConstraint(f"outcome in ({_words(OUTCOMES)})", name="outcome"),
    CheckConstraint("unit in ('bytes', 'rows')", name="unit"),
    CheckConstraint("tries >= 0 and done >= 0 and total >= 0 and file_bytes >= 0 and created >= 0", name="counts"),
    CheckConstraint("length(file_name) between 1 and 300", name="file_name"),
)
Index(
    "import_jobs_due_ix",
    import_jobs.c.city_id,
    import_jobs.c.run_at,
    postgresql_where=text("task IS NOT NULL"),
)
Index(
    "import_jobs_file_ix",
    import_jobs.c.city_id,
    import_jobs.c.file_key,
    postgresql_where=text("file_key IS NOT NULL"),
)

dataset_steps = declare(
    "dataset_steps",
    "city",
    "What was done with a version, by whom, when, and what they said of it; only added to.",
    Column("step_id", Uuid, nullable=False),
    Column("dataset_id", Uuid, nullable=False),
    Column("step", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("note", Text),
    Column("at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "step_id", name="dataset_steps_pk"),
    foreign_key("dataset_steps_dataset_fk", ["city_id", "dataset_id"], "datasets"),
    CheckConstraint(f"step in ({_words(STEPS)})", name="step"),
    CheckConstraint("length(note) between 1 and 500", name="note"),
)
Index("dataset_steps_dataset_ix", dataset_steps.c.city_id, dataset_steps.c.dataset_id, dataset_steps.c.at)
