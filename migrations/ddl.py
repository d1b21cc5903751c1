"""Words for migrations: each call is one statement, and each table names its group.

Groups and what they mean stand in app/core/schema.py. With ``FUJIN_PARTITION_STANDIN=1`` the tables of the city group are
partitioned by hash of ``city_id``: PostgreSQL itself then refuses a unique index without the key, as a distributed
installation would.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from alembic import op
from sqlalchemy import text

PARTITIONS = 4
ROLES = ("fujin_app", "fujin_read", "fujin_import")


def partitioned() -> bool:
    """True when city tables are to be partitioned, as a stand-in for a distributed installation."""
    return os.environ.get("FUJIN_PARTITION_STANDIN") == "1"


def run(statement: str) -> None:
    """One statement, taken as it stands (no bound parameters, so colons are safe)."""
    op.get_bind().exec_driver_sql(statement.replace("%", "%%"))


def quoted(words: str) -> str:
    """A string literal."""
    return "'" + words.replace("'", "''") + "'"


def create_table(name: str, group: str, comment: str, body: str, *, options: str = "", unlogged: bool = False) -> None:
    """A table of a group; its comment begins with the group in brackets."""
    split = partitioned() and group == "city"
    create = "CREATE UNLOGGED TABLE" if unlogged else "CREATE TABLE"
    whole = "CREATE TABLE" if split else create
    run(f"{whole} {name} (\n{body}\n)" + (" PARTITION BY HASH (city_id)" if split else options))
    if split:
        for part in range(PARTITIONS):
            run(
                f"{create} {name}_part{part} PARTITION OF {name}"
                f" FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {part}){options}"
            )
    run(f"COMMENT ON TABLE {name} IS {quoted(f'[{group}] {comment}')}")


def create_index(name: str, on: str, comment: str, *, unique: bool = False) -> None:
    """An index whose comment names the question it answers."""
    run(f"CREATE {'UNIQUE ' if unique else ''}INDEX {name} ON {on}")
    run(f"COMMENT ON INDEX {name} IS {quoted(comment)}")


def local_only(table: str, constraint: str) -> None:
    """Marks a foreign key that crosses groups: enforced on one machine, dropped when distributed."""
    run(f"COMMENT ON CONSTRAINT {constraint} ON {table} IS '[local_only]'")


def drop_tables(names: Sequence[str]) -> None:
    """Drops tables in the given order, partitions included."""
    for name in names:
        run(f"DROP TABLE {name}")


def grant(role: str, privileges: str, objects: str) -> None:
    """A grant to one of our roles; skipped where a single database user does everything."""
    known = op.get_bind().execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}).first()
    if known is not None:
        run(f"GRANT {privileges} ON {objects} TO {role}")


def revoke(role: str, privileges: str, objects: str) -> None:
    """Takes a grant back; skipped where the role is not there."""
    known = op.get_bind().execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}).first()
    if known is not None:
        run(f"REVOKE {privileges} ON {objects} FROM {role}")


def revoke_schema(role: str) -> None:
    """Takes back every grant of a role on tables of the public schema."""
    known = op.get_bind().execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}).first()
    if known is not None:
        run(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")
        run(f"REVOKE USAGE ON SCHEMA public FROM {role}")
