"""What no load of the same rows can beat: COPY of them, as they ended up, with the same indexes and foreign keys."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

# Tables in an order that foreign keys allow, with which of their rows the load wrote.
ROWS: Final = {
    "places": "city_id = {city}",
    "place_sources": "city_id = {city}",
    "hours_patterns": "city_id = {city} AND version = {version}",
    "place_facts": "city_id = {city} AND version = {version}",
    "search_facets": "city_id = {city}",
    "postings": "city_id = {city} AND slot = {version} % 4",
}


def limits(engine: sa.Engine, url: str, city_id: int, version: int, base: Path) -> dict[str, float]:
    """Seconds of both limits, measured in schemas of their own beside the loaded tables."""
    del url
    _taken_out(engine, city_id, version, base)
    found = {}
    for name, bare in (("COPY with the indexes in place", False), ("COPY, then the indexes", True)):
        with engine.connect() as conn:
            own = conn.execution_options(isolation_level="AUTOCOMMIT")
            rest = _tables(own, "limits", bare)
        with engine.begin() as conn:
            began = time.perf_counter()
            for table in ROWS:
                raw: Any = conn.connection.cursor()
                with (base / table).open("rb") as file:
                    raw.copy_expert(f"COPY limits.{table} FROM STDIN", file, 1 << 18)
                raw.close()
            for statement in rest:
                conn.exec_driver_sql(statement)
        found[name] = time.perf_counter() - began
        with engine.begin() as conn:
            conn.exec_driver_sql("DROP SCHEMA limits CASCADE")
    return found


def _taken_out(engine: sa.Engine, city_id: int, version: int, base: Path) -> None:
    base.mkdir()
    with engine.connect() as conn:
        for table, where in ROWS.items():
            condition = where.format(city=city_id, version=version)
            columns = ", ".join(
                conn.exec_driver_sql(
                    "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
                    " AND NOT attisdropped ORDER BY attnum",
                    (table,),
                ).scalars()
            )
            raw: Any = conn.connection.cursor()
            with (base / table).open("wb") as file:
                raw.copy_expert(f"COPY (SELECT {columns} FROM {table} WHERE {condition}) TO STDOUT", file)
            raw.close()


def _tables(conn: sa.Connection, schema: str, bare: bool) -> list[str]:
    """Empty tables like ours; the statements that make their indexes and keys, run already unless ``bare``."""
    conn.exec_driver_sql(f"CREATE SCHEMA {schema}")
    indexes, keys = [], []
    for table in ROWS:
        conn.exec_driver_sql(f"CREATE TABLE {schema}.{table} (LIKE public.{table} INCLUDING DEFAULTS)")
        for name, kind, words in conn.exec_driver_sql(
            "SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass"
            " AND contype IN ('p', 'u', 'f', 'c') ORDER BY contype <> 'p', conname",
            (table,),
        ).all():
            said = re.sub(rf"REFERENCES ({'|'.join(ROWS)})\(", rf"REFERENCES {schema}.\1(", words)
            (keys if kind == "f" else indexes).append(f"ALTER TABLE {schema}.{table} ADD CONSTRAINT {name} {said}")
        for words in conn.exec_driver_sql(
            "SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i LEFT JOIN pg_constraint c"
            " ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u') WHERE i.indrelid = %s::regclass"
            " AND c.oid IS NULL",
            (table,),
        ).scalars():
            indexes.append(words.replace(f" ON public.{table} ", f" ON {schema}.{table} "))
    statements = [*indexes, *keys]
    if bare:
        return statements
    for statement in statements:
        conn.exec_driver_sql(statement)
    return []
