"""Runs rules over a database, and makes those that follow from its catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from app.audit.ledger_sql import DERIVATION
from app.audit.types import DataRule, RuleResult, Violation

# Columns of the city group that hold ids of the same city under another name than the thing's own.
SAME_CITY_COLUMNS: Final = ("scope_id", "parent_id")
# Keys of other groups, whose ids name no city.
OTHER_KEYS: Final = ("member_id", "merchant_id", "endpoint_id", "subject_id")


def missing_relations(conn: Connection, names: Sequence[str]) -> list[str]:
    """Those of the relations that the database lacks."""
    return [name for name in names if conn.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar() is None]


def run_rule(conn: Connection, rule: DataRule, now: datetime, limit: int, *, count: bool) -> RuleResult:
    """What a rule finds, ``limit`` violations at most; rows read are counted when asked for."""
    if missing_relations(conn, rule.needs):
        return RuleResult(rule.name, rule.invariant, rule.title, None, (), skipped=True)
    read: int | None = None
    if count:
        read = conn.execute(text(f"/* cross-city */ SELECT count(*) FROM {rule.reads}")).scalar_one()
    if rule.check is not None:
        wrong = rule.check(conn, limit + 1)
        named = tuple(Violation(rule.name, rule.invariant, thing, detail) for thing, detail in wrong[:limit])
        return RuleResult(rule.name, rule.invariant, rule.title, read, named, more=len(wrong) > limit)
    statement = text(f"/* cross-city */ SELECT * FROM ({rule.sql}) AS found (thing, detail) ORDER BY 1, 2 LIMIT :limit")
    rows = conn.execute(statement, {"limit": limit + 1, "now": now}).all()
    found = tuple(Violation(rule.name, rule.invariant, row.thing, row.detail) for row in rows[:limit])
    return RuleResult(rule.name, rule.invariant, rule.title, read, found, more=len(rows) > limit)


class Difference(NamedTuple):
    """A transfer that is missing, too much or not as the business rows say."""

    city_id: int
    ref_type: str
    ref_id: str
    kind: str
    wrong: str


class Book(NamedTuple):
    """A city and a currency with accounts."""

    city_id: int
    slug: str
    currency: str


def ledger_differences(conn: Connection, limit: int) -> tuple[Difference, ...]:
    """How the stored transfers differ from what the business rows call for, in all cities."""
    rows = conn.execute(
        text(
            f"/* cross-city */ {DERIVATION} SELECT city_id, ref_type, ref_id::text, kind, wrong FROM differences"
            " ORDER BY city_id, ref_type, ref_id, kind LIMIT :limit"
        ),
        {"limit": limit},
    )
    return tuple(Difference(*row) for row in rows)


def count_transfers(conn: Connection) -> int:
    """How many transfers are stored, in all cities."""
    return int(conn.execute(text("/* cross-city */ SELECT count(*) FROM transfers")).scalar_one())


def books(conn: Connection) -> tuple[Book, ...]:
    """Cities and currencies with accounts."""
    rows = conn.execute(
        text(
            "/* cross-city */ SELECT DISTINCT c.city_id, c.slug, a.currency FROM accounts a"
            " JOIN cities c ON c.city_id = a.city_id ORDER BY 1, 3 LIMIT 10000"
        )
    )
    return tuple(Book(*row) for row in rows)


def orphan_rules(conn: Connection) -> tuple[DataRule, ...]:
    """One rule a foreign key marked [local_only]: a distributed installation drops it, so rows are compared here."""
    keys = conn.execute(
        text("""
            SELECT c.conname, c.conrelid::regclass::text AS here, c.confrelid::regclass::text AS there,
                   array_agg(quote_ident(mine.attname) ORDER BY u.position) AS columns,
                   array_agg(quote_ident(theirs.attname) ORDER BY u.position) AS targets
            FROM pg_constraint c
            CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY AS u (mine, theirs, position)
            JOIN pg_attribute mine ON (mine.attrelid, mine.attnum) = (c.conrelid, u.mine)
            JOIN pg_attribute theirs ON (theirs.attrelid, theirs.attnum) = (c.confrelid, u.theirs)
            WHERE c.contype = 'f' AND c.conparentid = 0 AND obj_description(c.oid, 'pg_constraint') = '[local_only]'
            GROUP BY c.oid ORDER BY c.conname
        """)
    ).all()
    return tuple(_orphan_rule(key.conname, key.here, key.there, key.columns, key.targets) for key in keys)


def _orphan_rule(name: str, here: str, there: str, columns: Sequence[str], targets: Sequence[str]) -> DataRule:
    mine = ", ".join(f"h.{column}" for column in columns)
    theirs = ", ".join(f"t.{column}" for column in targets)
    words = " || ', ' || ".join(f"h.{column}::text" for column in columns)
    return DataRule(
        f"orphan-{name}",
        "R3",
        f"({', '.join(columns)}) of {here} is in {there}",
        (here, there),
        here,
        f"SELECT '{here}: ' || {words}, 'it is not in {there}' FROM {here} h"
        f" WHERE num_nulls({mine}) = 0 AND NOT EXISTS (SELECT 1 FROM {there} t WHERE ({theirs}) = ({mine}))",
    )


def city_id_rule(conn: Connection) -> DataRule:
    """The rule that every id of a thing of a city is a UUIDv7 whose low 20 bits are the row's city_id.

    A thing of a city is what a city table's primary key names right after ``city_id``; columns of that name are
    checked wherever they stand in the city group.
    """
    columns = conn.execute(
        text("""
            WITH city AS (
                SELECT c.oid, c.oid::regclass::text AS name FROM pg_class c
                WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
                  AND starts_with(obj_description(c.oid, 'pg_class'), '[city] ')
            ), uuids AS (
                SELECT city.oid, city.name, a.attnum, a.attname FROM city
                JOIN pg_attribute a ON a.attrelid = city.oid AND a.attnum > 0 AND NOT a.attisdropped
                WHERE a.atttypid = 'uuid'::regtype
            ), things AS (
                SELECT u.attname FROM uuids u JOIN pg_constraint p ON p.conrelid = u.oid AND p.contype = 'p'
                WHERE p.conkey[2] = u.attnum AND u.attname <> ALL (:other_keys)
            )
            SELECT u.name, quote_ident(u.attname) AS column_name FROM uuids u
            WHERE u.attname IN (SELECT attname FROM things) OR u.attname = ANY (:same_city)
            ORDER BY u.name, u.attnum
        """),
        {"other_keys": list(OTHER_KEYS), "same_city": list(SAME_CITY_COLUMNS)},
    ).all()
    parts = [
        f"SELECT '{name}.{column} ' || {column}, CASE WHEN substr({column}::text, 15, 1) <> '7' THEN 'it is no UUIDv7'"
        f" ELSE 'it names city ' || {_named_city(column)} || ', its row city ' || city_id END FROM {name}"
        f" WHERE {_named_city(column)} <> city_id OR substr({column}::text, 15, 1) <> '7'"
        for name, column in columns
    ]
    return DataRule(
        "id-names-city",
        "R10",
        "an id of a city's thing is a UUIDv7 that carries the city",
        (),
        "(" + " UNION ALL ".join(f"SELECT 1 FROM {name}" for name in dict.fromkeys(row.name for row in columns)) + ") r"
        if columns
        else "(SELECT 1 WHERE false) r",
        " UNION ALL ".join(parts) or "SELECT '', '' WHERE false",
    )


def _named_city(column: str) -> str:
    """SQL for the number in the low 20 bits of a uuid column."""
    return f"('x' || right({column}::text, 5))::bit(20)::integer"
