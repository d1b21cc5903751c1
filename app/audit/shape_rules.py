"""Lint rules of behaviour, shapes and names (R6 to R8, R11, R13 and the house's); CTEs are those of schema_lint."""

from __future__ import annotations

from app.audit.types import SchemaRule

_CLOCK = (
    r"(\mnow\(\)|\mclock_timestamp\(|\mstatement_timestamp\(|\mtransaction_timestamp\(|\mtimeofday\("
    r"|\mcurrent_(timestamp|date|time)\M|\mlocal(timestamp|time)\M)"
)

RULES = (
    SchemaRule(
        "trigger",
        "R6",
        "no triggers",
        "SELECT t.name || '.' || g.tgname, 'a trigger' FROM pg_trigger g JOIN tables t ON t.oid = g.tgrelid"
        " WHERE NOT g.tgisinternal",
    ),
    SchemaRule(
        "rewrite-rule",
        "R6",
        "no rewrite rules",
        "SELECT t.name || '.' || r.rulename, 'a rewrite rule' FROM pg_rewrite r JOIN tables t ON t.oid = r.ev_class",
    ),
    SchemaRule(
        "function-signals",
        "R6",
        "no function notifies, takes a session lock or makes a temporary table",
        r"SELECT name, 'it uses ' || (regexp_match(source, words))[1] FROM functions,"
        r" (VALUES ('(\mnotify\M|pg_notify|\mlisten\M|pg_(?:try_)?advisory_lock|\mtemp(?:orary)? table)'))"
        r" AS w (words)"
        r" WHERE source ~ words",
    ),
    SchemaRule(
        "inheritance",
        "R6",
        "no table inherits from another",
        "SELECT h.inhrelid::regclass::text, 'it inherits from ' || h.inhparent::regclass::text"
        " FROM pg_inherits h JOIN tables t ON t.oid = h.inhrelid",
    ),
    SchemaRule(
        "row-security",
        "house",
        "no row-level security: it hides spatial indexes, ownership stands in the WHERE",
        "SELECT name, 'row-level security is on' FROM tables WHERE relrowsecurity",
    ),
    SchemaRule(
        "ledger-shape",
        "R7",
        "a transfer has a debit account, a credit account and a positive amount",
        """
        SELECT t.name, wrong FROM tables t,
        LATERAL (SELECT count(*) FILTER (WHERE c.attnotnull) AS whole FROM columns c WHERE c.oid = t.oid
                 AND c.attname IN ('debit_account_id', 'credit_account_id', 'amount_minor')) AS has,
        LATERAL (SELECT 'it lacks a NOT NULL debit_account_id, credit_account_id or amount_minor' WHERE has.whole < 3
                 UNION ALL
                 SELECT 'no CHECK holds amount_minor above 0' WHERE NOT EXISTS (
                     SELECT 1 FROM constraints k WHERE k.conrelid = t.oid AND k.contype = 'c'
                     AND k.words ~ '\\(amount_minor > 0\\)')) AS faults (wrong)
        WHERE t.relname = 'transfers'
        """,
    ),
    SchemaRule(
        "ledger-append-only",
        "R7",
        "no role but the owner can change or remove a transfer",
        """
        SELECT t.name, g.rolname || ' may ' || p.privilege FROM tables t, pg_roles g,
        (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS p (privilege)
        WHERE t.relname = 'transfers' AND g.rolname ~ '^fujin_' AND NOT pg_has_role(g.oid, (
            SELECT relowner FROM pg_class WHERE pg_class.oid = t.oid), 'USAGE')
          AND has_table_privilege(g.oid, t.oid, p.privilege)
        """,
    ),
    SchemaRule(
        "stock-shape",
        "R8",
        "stock lives in buckets, each with 0 <= taken <= quota",
        """
        SELECT t.name, wrong FROM tables t,
        LATERAL (SELECT 'its primary key has no bucket' WHERE NOT EXISTS (
                     SELECT 1 FROM constraints p JOIN columns c ON c.oid = p.conrelid AND c.attnum = ANY (p.conkey)
                     WHERE p.conrelid = t.oid AND p.contype = 'p' AND c.attname = 'bucket')
                 UNION ALL
                 SELECT 'no CHECK holds taken between 0 and quota' WHERE NOT EXISTS (
                     SELECT 1 FROM constraints k WHERE k.conrelid = t.oid AND k.contype = 'c'
                     AND k.words ~ '\\(taken >= 0\\)\\s*AND \\(taken <= quota\\)')) AS faults (wrong)
        WHERE t.relname ~ '_stock$' OR (SELECT count(*) FROM columns c
                                        WHERE c.oid = t.oid AND c.attname IN ('taken', 'quota')) = 2
        """,
    ),
    SchemaRule(
        "idempotency-shape",
        "R11",
        "a stored answer is found by (city_id,) principal, operation and key",
        """
        SELECT t.name, 'its primary key is (' || coalesce(found.words, '') || '), not (' || wanted.words || ')'
        FROM tables t,
        LATERAL (SELECT CASE WHEN t.word = 'city' THEN 'city_id, ' ELSE '' END
                        || 'principal, operation, key' AS words) AS wanted,
        LATERAL (SELECT string_agg(c.attname, ', ' ORDER BY u.position) AS words
                 FROM constraints p, unnest(p.conkey) WITH ORDINALITY AS u (column_no, position), columns c
                 WHERE p.conrelid = t.oid AND p.contype = 'p' AND c.oid = t.oid AND c.attnum = u.column_no) AS found
        WHERE t.relname ~ 'idempotency_keys$' AND found.words IS DISTINCT FROM wanted.words
        """,
    ),
    SchemaRule(
        "constraint-unnamed",
        "R13",
        "a constraint is named after its table and ends in _pk, _uq, _fk, _ck or _ex",
        """
        SELECT c.name, 'its name should begin with ' || c.relname || '_ and end in ' || s.ending
        FROM constraints c
        JOIN (VALUES ('p', '_pk'), ('u', '_uq'), ('f', '_fk'), ('c', '_ck'), ('x', '_ex')) AS s (contype, ending)
          ON s.contype = c.contype::text
        WHERE NOT (starts_with(c.conname, c.relname || '_') AND right(c.conname, 3) = s.ending)
        """,
    ),
    SchemaRule(
        "index-unnamed",
        "R13",
        "an index is named after its table and ends in _ix, a unique one in _uq",
        """
        SELECT i.name, 'its name should begin with ' || i.relname || '_ and end in '
               || CASE WHEN i.indisunique THEN '_uq' ELSE '_ix' END
        FROM indexes i WHERE NOT i.of_constraint
         AND NOT (starts_with(i.index_name, i.relname || '_')
                  AND right(i.index_name, 3) = CASE WHEN i.indisunique THEN '_uq' ELSE '_ix' END)
        """,
    ),
    SchemaRule(
        "name-too-long",
        "R13",
        "names of constraints and indexes have at most 50 characters",
        """
        SELECT name, length(conname) || ' characters' FROM constraints WHERE length(conname) > 50
        UNION ALL
        SELECT name, length(index_name) || ' characters' FROM indexes
        WHERE NOT of_constraint AND length(index_name) > 50
        """,
    ),
    SchemaRule(
        "time-without-zone",
        "R13",
        "an instant is timestamptz",
        "SELECT name, 'it is ' || format_type(atttypid, NULL) FROM columns"
        " WHERE atttypid IN ('timestamp'::regtype, 'timestamp[]'::regtype, 'timetz'::regtype)",
    ),
    SchemaRule(
        "database-clock",
        "R13",
        "times are bound from the application's clock, never taken from the database's",
        f"""
        SELECT name, 'its default reads the clock, ' || expression FROM columns WHERE lower(expression) ~ '{_CLOCK}'
        UNION ALL
        SELECT name, 'it reads the clock' FROM constraints WHERE contype = 'c' AND lower(words) ~ '{_CLOCK}'
        UNION ALL
        SELECT name, 'it reads the clock' FROM functions WHERE source ~ '{_CLOCK}'
        """,
    ),
    SchemaRule(
        "index-comment",
        "house",
        "an index carries a comment that names the query it serves",
        "SELECT name, 'it has no comment' FROM indexes"
        " WHERE NOT of_constraint AND coalesce(obj_description(oid, 'pg_class'), '') = ''",
    ),
)
