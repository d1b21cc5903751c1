"""The catalogue lint: rules over a live database's own description of itself, each a named statement.

It holds what lets one machine become many: the key in every table and unique index, foreign keys inside a group,
nothing that only one node can do. Partitions are left out (their parent stands for them), so the lint says the same
of a plain database and of the stand-in whose city tables are partitioned. The rules stand in ``schema_rules`` and
``shape_rules``; tables say their group in their comment (``[city] …``).
"""

from __future__ import annotations

from sqlalchemy import Connection

from app.audit.schema_rules import RULES as KEY_RULES
from app.audit.shape_rules import RULES as SHAPE_RULES
from app.audit.types import RuleResult, SchemaRule, Violation

RULES: tuple[SchemaRule, ...] = (*KEY_RULES, *SHAPE_RULES)

# Schemas of ours; tables with their group's word and key; constraints and indexes that people wrote, not copies that
# PostgreSQL keeps for partitions.
PRELUDE = """
WITH ours AS (
    SELECT oid, nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), tables AS (
    SELECT c.oid, c.oid::regclass::text AS name, c.relname, c.relkind, c.relrowsecurity,
           (regexp_match(obj_description(c.oid, 'pg_class'), '^\\[([^]]*)\\] '))[1] AS word
    FROM pg_class c JOIN ours n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND c.relname <> 'alembic_version'
      AND NOT EXISTS (SELECT 1 FROM pg_depend d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), groups (word, key_name, key_type) AS (
    VALUES ('city', 'city_id', 'integer'), ('member', 'member_id', 'uuid'), ('merchant', 'merchant_id', 'uuid'),
           ('directory', NULL, NULL), ('reference', NULL, NULL)
), grouped AS (
    SELECT t.oid, t.name, t.relname, t.word, g.key_type,
           coalesce(g.key_name, (SELECT a.attname FROM pg_constraint p
                                 JOIN pg_attribute a ON a.attrelid = p.conrelid AND a.attnum = p.conkey[1]
                                 WHERE p.conrelid = t.oid AND p.contype = 'p' AND t.word = 'directory')) AS key_name
    FROM tables t JOIN groups g ON g.word = t.word
), keyed AS (
    SELECT g.oid, g.name, g.relname, g.word, g.key_name, g.key_type, a.attnum AS key_no, a.attnotnull, a.attgenerated,
           format_type(a.atttypid, a.atttypmod) AS actual_type
    FROM grouped g LEFT JOIN pg_attribute a ON a.attrelid = g.oid AND a.attname = g.key_name AND NOT a.attisdropped
    WHERE g.word <> 'reference'
), columns AS (
    SELECT t.oid, t.name AS table_name, t.name || '.' || a.attname AS name, a.attname, a.attnum, a.attidentity,
           a.atttypid, a.attgenerated, a.attnotnull, pg_get_expr(x.adbin, x.adrelid) AS expression
    FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef x ON x.adrelid = a.attrelid AND x.adnum = a.attnum
), constraints AS (
    SELECT t.name AS table_name, t.relname, t.name || '.' || c.conname AS name, c.oid, c.conrelid, c.conname, c.contype,
           c.conkey, c.confkey, c.confrelid, c.confdeltype, c.confupdtype, c.conexclop,
           pg_get_constraintdef(c.oid) AS words,
           coalesce(obj_description(c.oid, 'pg_constraint'), '') = '[local_only]' AS local_only
    FROM pg_constraint c JOIN tables t ON t.oid = c.conrelid
    WHERE c.conparentid = 0
), indexes AS (
    SELECT t.name AS table_name, t.relname, t.name || '.' || i.relname AS name, i.oid, i.relname AS index_name,
           x.indrelid, x.indisunique, x.indisprimary, x.indnkeyatts, x.indkey::int2[] AS indkey,
           EXISTS (SELECT 1 FROM pg_constraint c
                   WHERE c.conindid = i.oid AND c.contype IN ('p', 'u', 'x')) AS of_constraint
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN tables t ON t.oid = x.indrelid
), functions AS (
    SELECT p.oid, p.oid::regprocedure::text AS name, lower(coalesce(p.prosrc, '')) AS source
    FROM pg_proc p JOIN ours n ON n.oid = p.pronamespace
    WHERE NOT EXISTS (SELECT 1 FROM pg_depend d
                      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
)
"""


def lint_schema(conn: Connection) -> tuple[RuleResult, ...]:
    """What every rule says of the database; an empty tuple of violations in each when it is clean."""
    return tuple(_lint(conn, rule) for rule in RULES)


def _lint(conn: Connection, rule: SchemaRule) -> RuleResult:
    rows = conn.exec_driver_sql(PRELUDE + rule.sql + "\nORDER BY 1, 2").all()
    found = tuple(Violation(rule.name, rule.design, row[0], row[1]) for row in rows)
    return RuleResult(rule.name, rule.design, rule.title, None, found)
