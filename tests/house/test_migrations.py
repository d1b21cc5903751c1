"""Migrations go up, down and up again, say what the models say, wait shortly for locks and take turns."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from app.http.operations import MIGRATED_TO
from app.tables import metadata
from tests.conftest import ROOT, MakeDatabase, run_alembic
from tests.factories.migrating import CONFIG, migrate
from tests.factories.tidy import plant_tidy_world

# What a database says of itself, without comments: tables and columns, constraints with their words, indexes.
CATALOGUE = {
    "columns": """
        SELECT c.relname || '.' || a.attname,
               format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
               || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND {ours}
    """,
    "constraints": """
        SELECT c.relname || '.' || k.conname, pg_get_constraintdef(k.oid)
               || coalesce(' ' || obj_description(k.oid, 'pg_constraint'), '')
        FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND {ours}
    """,
    "indexes": """
        SELECT c.relname || '.' || i.relname, pg_get_indexdef(i.oid) || coalesce(' ' || i.reloptions::text, '')
        FROM pg_class c JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
        WHERE c.relnamespace = 'public'::regnamespace AND {ours}
    """,
    "tables": """
        SELECT c.relname, obj_description(c.oid, 'pg_class') || coalesce(' ' || c.reloptions::text, '') FROM pg_class c
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND {ours}
    """,
}
OURS = "c.relname NOT IN ('alembic_version', 'spatial_ref_sys')"
MIGRATIONS = sorted(path.stem for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py"))


def catalogue(engine: sa.Engine) -> dict[str, dict[str, str]]:
    """Name and words of everything in the public schema, by sort."""
    with engine.connect() as conn:
        return {
            sort: {row[0]: row[1] for row in conn.exec_driver_sql(query.format(ours=OURS))}
            for sort, query in CATALOGUE.items()
        }


@pytest.fixture
def blank(make_database: MakeDatabase) -> Iterator[tuple[str, sa.Engine]]:
    """An empty database, not migrated: its owner's URL and engine."""
    url = make_database()
    engine = sa.create_engine(url)
    yield url, engine
    engine.dispose()


def alembic(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Alembic in a process of its own, whatever its end."""
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_OWNER_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_empty_database_goes_up_down_and_up_again(blank: tuple[str, sa.Engine]) -> None:
    url, engine = blank
    migrate(url, "head")
    first = catalogue(engine)
    migrate(url, "-base")
    assert catalogue(engine) == {sort: {} for sort in CATALOGUE}
    with engine.connect() as conn:
        left = conn.exec_driver_sql("SELECT nspname FROM pg_namespace WHERE nspname = 'audit'").all()
        assert left == []
    migrate(url, "head")
    assert catalogue(engine) == first
    assert first["tables"]


def test_database_with_rows_goes_down_and_up_again(blank: tuple[str, sa.Engine]) -> None:
    url, engine = blank
    migrate(url, "head")
    plant_tidy_world(engine)
    migrate(url, "-base")
    assert catalogue(engine)["tables"] == {}
    migrate(url, "head")
    assert plant_tidy_world(engine).places


def test_each_migration_can_be_taken_back_alone(blank: tuple[str, sa.Engine]) -> None:
    """Up one, down one, up again: what a downgrade leaves is what was there before."""
    url, engine = blank
    before = "base"
    for name in MIGRATIONS:
        revision = name.split("_")[0]
        old = catalogue(engine)
        migrate(url, revision)
        new = catalogue(engine)
        migrate(url, f"-{before}")
        assert catalogue(engine) == old
        migrate(url, revision)
        assert catalogue(engine) == new
        before = revision


def test_check_finds_nothing_to_generate(database_url: str) -> None:
    run_alembic(database_url, "check")


def test_models_make_the_very_database_that_migrations_make(blank: tuple[str, sa.Engine], owner: sa.Engine) -> None:
    """Checks, names, comments and foreign keys too, which the generator of migrations doesn't compare."""
    _, engine = blank
    metadata.create_all(engine)
    made, migrated = catalogue(engine), catalogue(owner)
    for sort in CATALOGUE:
        assert made[sort] == migrated[sort]
    assert len(migrated["tables"]) == len(metadata.tables) > 20


def test_there_is_one_head_and_the_program_wants_it() -> None:
    script = ScriptDirectory.from_config(CONFIG)
    assert script.get_heads() == [MIGRATED_TO]
    assert [name.split("_")[0] for name in MIGRATIONS] == [f"{n:04}" for n in range(1, len(MIGRATIONS) + 1)]


@pytest.mark.parametrize("name", MIGRATIONS)
def test_migration_is_documented_and_has_both_ways(name: str) -> None:
    module: Any = importlib.import_module(f"migrations.versions.{name}")
    assert module.revision == name.split("_")[0]
    assert module.__doc__
    assert module.upgrade.__doc__
    assert module.downgrade.__doc__


def test_offline_mode_is_refused(blank: tuple[str, sa.Engine]) -> None:
    done = alembic(blank[0], "upgrade", "head", "--sql")
    assert done.returncode != 0
    assert "the offline mode is not offered" in done.stderr


def test_missing_url_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    done = alembic("", "current")
    assert done.returncode != 0
    assert "set DATABASE_OWNER_URL" in done.stderr


def test_locked_table_ends_a_migration_after_seconds_and_leaves_the_old_schema(blank: tuple[str, sa.Engine]) -> None:
    url, engine = blank
    last = "0013"  # the last whose way back takes a view that a reader of it holds
    migrate(url, last)
    before = catalogue(engine)
    with engine.connect() as reader:
        reader.exec_driver_sql("SELECT 1 FROM audit.coupon, audit.claim, audit.transfer, audit.search_row").all()
        done = alembic(url, "downgrade", "base")
        reader.rollback()
    assert done.returncode != 0
    assert "lock timeout" in done.stderr
    with engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == last
    assert catalogue(engine) == before


def test_two_migrations_at_once_take_turns(blank: tuple[str, sa.Engine]) -> None:
    url, engine = blank
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda _: alembic(url, "upgrade", "head"), range(2)))
    assert [done.returncode for done in ended] == [0, 0], ended[0].stderr + ended[1].stderr
    with engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == [MIGRATED_TO]
