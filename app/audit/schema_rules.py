"""Lint rules of groups, keys, uniqueness and foreign keys (R1 to R5, R15); CTEs are those of schema_lint."""

from __future__ import annotations

from app.audit.types import SchemaRule

RULES = (
    SchemaRule(
        "table-undeclared",
        "R15",
        "every table's comment begins with its group in brackets",
        "SELECT name, 'its comment does not begin with [city], [member], [merchant], [directory] or [reference]'"
        " FROM tables WHERE word IS NULL",
    ),
    SchemaRule(
        "group-unknown",
        "R15",
        "a group is city, member, merchant, directory or reference",
        "SELECT name, 'no group is called ' || quote_literal(word) FROM tables"
        " WHERE word IS NOT NULL AND word NOT IN (SELECT word FROM groups)",
    ),
    SchemaRule(
        "key-missing",
        "R1",
        "every table has the key of its group",
        "SELECT name, 'a table of the group ' || word || ' needs the column ' || key_name FROM keyed"
        " WHERE key_no IS NULL AND key_name IS NOT NULL",
    ),
    SchemaRule(
        "key-nullable",
        "R1",
        "the key is NOT NULL",
        "SELECT name, key_name || ' can be null' FROM keyed WHERE NOT attnotnull",
    ),
    SchemaRule(
        "key-type",
        "R1",
        "the key has the same type in every table of a group",
        "SELECT name, key_name || ' is ' || actual_type || ', its group keys by ' || key_type FROM keyed"
        " WHERE actual_type <> key_type",
    ),
    SchemaRule(
        "key-generated",
        "R1",
        "the key is a plain column, never a generated one",
        "SELECT name, key_name || ' is generated' FROM keyed WHERE attgenerated <> ''",
    ),
    SchemaRule(
        "primary-key-missing",
        "R1",
        "every table has a primary key",
        "SELECT name, 'it has none' FROM tables t"
        " WHERE NOT EXISTS (SELECT 1 FROM constraints c WHERE c.conrelid = t.oid AND c.contype = 'p')",
    ),
    SchemaRule(
        "primary-key-order",
        "R1",
        "the primary key begins with the group's key",
        "SELECT c.name, c.words || ' does not begin with ' || k.key_name"
        " FROM constraints c JOIN keyed k ON k.oid = c.conrelid WHERE c.contype = 'p' AND c.conkey[1] <> k.key_no",
    ),
    SchemaRule(
        "sequence",
        "R1",
        "no serial, identity or sequence: ids are made by the application",
        """
        SELECT name, 'its values come from a sequence' FROM columns WHERE attidentity <> '' OR expression ~ 'nextval'
        UNION ALL
        SELECT s.oid::regclass::text, 'a sequence' FROM pg_class s JOIN ours n ON n.oid = s.relnamespace
        WHERE s.relkind = 'S' AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                                              AND d.objid = s.oid AND d.deptype IN ('a', 'i', 'e'))
        """,
    ),
    SchemaRule(
        "id-default",
        "R1",
        "no id is made by a column default",
        "SELECT name, 'defaults to ' || expression FROM columns"
        " WHERE attgenerated = '' AND expression ~ '(gen_random_uuid|uuid_generate|random)'",
    ),
    SchemaRule(
        "unique-without-key",
        "R2",
        "every unique index holds the group's key",
        "SELECT i.name, 'it is unique without ' || k.key_name FROM indexes i JOIN keyed k ON k.oid = i.indrelid"
        " WHERE i.indisunique AND k.key_no IS NOT NULL AND NOT k.key_no = ANY (i.indkey[0:i.indnkeyatts - 1])",
    ),
    SchemaRule(
        "exclusion-without-key",
        "R2",
        "every exclusion compares the group's key with =",
        """
        SELECT c.name, 'it excludes without ' || k.key_name || ' WITH =' FROM constraints c
        JOIN keyed k ON k.oid = c.conrelid
        WHERE c.contype = 'x' AND NOT EXISTS (
            SELECT 1 FROM unnest(c.conkey, c.conexclop) AS u (column_no, operator_id)
            JOIN pg_operator o ON o.oid = u.operator_id WHERE u.column_no = k.key_no AND o.oprname = '=')
        """,
    ),
    SchemaRule(
        "fk-across-groups",
        "R3",
        "a foreign key to another group is marked [local_only]",
        """
        SELECT c.name, 'from the group ' || here.word || ' to ' || there.word || ', and not marked [local_only]'
        FROM constraints c JOIN keyed here ON here.oid = c.conrelid JOIN grouped there ON there.oid = c.confrelid
        WHERE c.contype = 'f' AND there.word NOT IN ('reference', here.word) AND NOT c.local_only
        """,
    ),
    SchemaRule(
        "fk-keys-not-paired",
        "R3",
        "a foreign key inside a group pairs the two keys",
        """
        SELECT c.name, 'it does not pair ' || here.key_name || ' with ' || there.key_name
        FROM constraints c JOIN keyed here ON here.oid = c.conrelid JOIN keyed there ON there.oid = c.confrelid
        WHERE c.contype = 'f' AND here.word = there.word AND NOT EXISTS (
            SELECT 1 FROM unnest(c.conkey, c.confkey) AS u (mine, theirs)
            WHERE u.mine = here.key_no AND u.theirs = there.key_no)
        """,
    ),
    SchemaRule(
        "fk-from-reference",
        "R3",
        "a reference table refers to reference tables alone",
        """
        SELECT c.name, 'a reference table refers to the group ' || there.word
        FROM constraints c JOIN grouped here ON here.oid = c.conrelid JOIN grouped there ON there.oid = c.confrelid
        WHERE c.contype = 'f' AND here.word = 'reference' AND there.word <> 'reference'
        """,
    ),
    SchemaRule(
        "local-only-needless",
        "R3",
        "only a foreign key that crosses groups is marked [local_only]",
        """
        SELECT c.name, 'it stays inside its group or leads to a reference table; a distributed installation keeps it'
        FROM constraints c JOIN grouped here ON here.oid = c.conrelid JOIN grouped there ON there.oid = c.confrelid
        WHERE c.contype = 'f' AND c.local_only AND there.word IN ('reference', here.word)
        """,
    ),
    SchemaRule(
        "fk-on-delete",
        "R4",
        "ON DELETE is CASCADE or RESTRICT",
        "SELECT name, words FROM constraints WHERE contype = 'f' AND confdeltype NOT IN ('c', 'r')",
    ),
    SchemaRule(
        "fk-on-update",
        "R5",
        "a key never changes, so no foreign key follows a change",
        "SELECT name, words FROM constraints WHERE contype = 'f' AND confupdtype NOT IN ('a', 'r')",
    ),
)
