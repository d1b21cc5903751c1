"""The statement guard: every statement of a request stays in one city, or says that it does not.

It works on the stand-in whose city tables are partitioned by hash of ``city_id``: each statement that the given
engines run is explained again with its own parameters, and the plan may touch one partition of each table at most.
A statement that has to look at several cities carries the comment ``/* cross-city: why */``. Statements inside SQL
functions are not seen.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

TAG = re.compile(r"/\* cross-city(: [^*]+)? \*/")
EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES")
_COMMENT = re.compile(r"^\s*(/\*.*?\*/\s*)*", re.S)


@dataclass(frozen=True)
class Straying:
    """A statement whose plan touches more than one partition of a table."""

    statement: str
    partitions: dict[str, list[str]]

    def __str__(self) -> str:
        tables = "; ".join(f"{table}: {', '.join(parts)}" for table, parts in sorted(self.partitions.items()))
        return f"{' '.join(self.statement.split())}\n  touches {tables}"


@dataclass
class Recording:
    """Statements of a block with their parameters, in order."""

    statements: list[tuple[str, Any]] = field(default_factory=list)

    def explained(self) -> list[tuple[str, Any]]:
        """Those that have a plan: no SET, SHOW or transaction command."""
        return [(words, given) for words, given in self.statements if _first_word(words) in EXPLAINED]


def _first_word(statement: str) -> str:
    return (_COMMENT.sub("", statement).split(None, 1) or [""])[0].upper()


@contextmanager
def recorded(*engines: sa.Engine) -> Iterator[Recording]:
    """Every statement that the engines run inside the block."""
    recording = Recording()

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _executemany: bool) -> None:
        # rows that went into one statement of many values come as one dict, those sent one by one as a list
        recording.statements.append((statement, parameters[0] if isinstance(parameters, list) else parameters))

    different = {id(engine): engine for engine in engines}.values()
    for engine in different:
        sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield recording
    finally:
        for engine in different:
            sa.event.remove(engine, "before_cursor_execute", note)


@contextmanager
def one_city_a_statement(explainer: sa.Engine, *engines: sa.Engine) -> Iterator[Recording]:
    """Fails when a statement of the block strays over cities without saying so; ``explainer`` is the owner's engine."""
    with recorded(*engines) as recording:
        yield recording
    straying = strayed(explainer, recording)
    assert not straying, "these statements read several cities and are not tagged:\n" + "\n".join(map(str, straying))


def strayed(explainer: sa.Engine, recording: Recording) -> list[Straying]:
    """Recorded statements that touch several partitions of a table and carry no tag."""
    found = []
    with explainer.connect() as conn:
        parents = partitions_of_city_tables(conn)
        assert parents, "no partitions here: the guard needs a database made with FUJIN_PARTITION_STANDIN=1"
        for statement, parameters in recording.explained():
            if TAG.search(statement):
                continue
            touched: dict[str, set[str]] = defaultdict(set)
            for partition in relations(conn, statement, parameters, parents):
                touched[parents[partition]].add(partition)
            several = {table: sorted(parts) for table, parts in touched.items() if len(parts) > 1}
            if several:
                found.append(Straying(statement, several))
        conn.rollback()
    return found


def relations(conn: sa.Connection, statement: str, parameters: Any, parents: dict[str, str]) -> set[str]:
    """Names of the partitions that the plan of a statement scans or changes.

    Left out are those of a correlated subquery that pairs its city with that of a row of the outer statement: at run
    time it looks into one partition for each such row, and the outer rows are held to one city themselves.
    """
    plan = conn.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()[0]["Plan"]
    nodes = list(_nodes(plan, False))
    homes = {node["Alias"]: node["Relation Name"] for node, _ in nodes if "Relation Name" in node and "Alias" in node}
    found = {target["Relation Name"] for node, _ in nodes for target in node.get("Target Tables", ())}
    for node, correlated in nodes:
        if "Relation Name" in node and not (correlated and homes.get(_paired_with(node)) in parents):
            found.add(node["Relation Name"])
    return found & parents.keys()


def _nodes(node: dict[str, Any], correlated: bool) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every node of a plan, and whether it is part of a correlated subquery."""
    correlated = correlated or node.get("Parent Relationship") == "SubPlan"
    yield node, correlated
    for inner in node.get("Plans", ()):
        yield from _nodes(inner, correlated)


def _paired_with(node: dict[str, Any]) -> str:
    """The alias whose city_id a scan's condition asks for; empty when it asks for none."""
    conditions = " ".join(str(node.get(name, "")) for name in ("Index Cond", "Recheck Cond", "Filter"))
    found = re.search(r"\bcity_id = (\w+)\.city_id\b", conditions)
    return found[1] if found else ""


def partitions_of_city_tables(conn: sa.Connection) -> dict[str, str]:
    """Table by name of its partition, for tables of the city group."""
    rows = conn.exec_driver_sql(
        "SELECT i.inhrelid::regclass::text, i.inhparent::regclass::text FROM pg_inherits i"
        " JOIN pg_class p ON p.oid = i.inhparent"
        " WHERE p.relkind = 'p' AND starts_with(obj_description(p.oid, 'pg_class'), '[city] ')"
    )
    return {row[0]: row[1] for row in rows}
