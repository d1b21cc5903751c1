"""The migrated schema keeps every lint rule, and each rule names the one violation planted for it, nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from app.audit.schema_lint import RULES, lint_schema
from tests.conftest import MakeDatabase

PK = "CONSTRAINT things_pk PRIMARY KEY (city_id, thing_id)"
KEYS = "city_id integer NOT NULL, thing_id uuid NOT NULL"


def things(body: str = f"{KEYS}, {PK}", comment: str = "[city] Planted.", more: str = "") -> str:
    """Statements that make a table called things, and what comes after it."""
    return f"CREATE TABLE things ({body}); COMMENT ON TABLE things IS '{comment}'; {more}"


def foreign_key(words: str) -> str:
    """A table of the city group with one more constraint."""
    return things(f"{KEYS}, other_id uuid, other_city integer, {PK}, CONSTRAINT things_other_fk FOREIGN KEY {words}")


# rule → (statements, the things it must name and no others)
PLANTS: dict[str, tuple[str, set[str]]] = {
    "table-undeclared": (f"CREATE TABLE things ({KEYS}, {PK})", {"things"}),
    "group-unknown": (things(comment="[planet] Planted."), {"things"}),
    "key-missing": (
        things("thing_id uuid NOT NULL, CONSTRAINT things_pk PRIMARY KEY (thing_id)"),
        {"things"},
    ),
    "key-nullable": ("CREATE TABLE things (city_id integer); COMMENT ON TABLE things IS '[city] x'", {"things"}),
    "key-type": (things(f"city_id bigint NOT NULL, thing_id uuid NOT NULL, {PK}"), {"things"}),
    "key-generated": (
        things(f"thing_id uuid NOT NULL, n integer, city_id integer GENERATED ALWAYS AS (n + 1) STORED, {PK}"),
        {"things"},
    ),
    "primary-key-missing": (things(KEYS), {"things"}),
    "primary-key-order": (
        things(f"{KEYS}, CONSTRAINT things_pk PRIMARY KEY (thing_id, city_id)"),
        {"things.things_pk"},
    ),
    "sequence": (things(f"{KEYS}, position bigserial, {PK}"), {"things.position"}),
    "id-default": (
        things(f"city_id integer NOT NULL, thing_id uuid NOT NULL DEFAULT gen_random_uuid(), {PK}"),
        {"things.thing_id"},
    ),
    "unique-without-key": (
        things(f"{KEYS}, code text, {PK}, CONSTRAINT things_code_uq UNIQUE (code) INCLUDE (city_id)"),
        {"things.things_code_uq"},
    ),
    "exclusion-without-key": (
        things(f"{KEYS}, {PK}, CONSTRAINT things_thing_ex EXCLUDE USING btree (thing_id WITH =)"),
        {"things.things_thing_ex"},
    ),
    "fk-across-groups": (
        foreign_key("(other_id) REFERENCES members (member_id) ON DELETE RESTRICT"),
        {"things.things_other_fk"},
    ),
    "fk-keys-not-paired": (
        foreign_key("(other_city, other_id) REFERENCES places (city_id, place_id) ON DELETE RESTRICT"),
        {"things.things_other_fk"},
    ),
    "fk-from-reference": (
        "ALTER TABLE brands ADD city_id integer, ADD place_id uuid, ADD CONSTRAINT brands_place_fk"
        " FOREIGN KEY (city_id, place_id) REFERENCES places (city_id, place_id) ON DELETE RESTRICT",
        {"brands.brands_place_fk"},
    ),
    "local-only-needless": (
        "COMMENT ON CONSTRAINT places_city_fk ON places IS '[local_only]'",
        {"places.places_city_fk"},
    ),
    "fk-on-delete": (
        foreign_key("(city_id, other_id) REFERENCES places (city_id, place_id)"),
        {"things.things_other_fk"},
    ),
    "fk-on-update": (
        foreign_key("(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT ON UPDATE CASCADE"),
        {"things.things_other_fk"},
    ),
    "trigger": (
        "CREATE TRIGGER places_touch BEFORE UPDATE ON places FOR EACH ROW"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        {"places.places_touch"},
    ),
    "rewrite-rule": (
        "CREATE RULE places_keep AS ON DELETE TO places DO INSTEAD NOTHING",
        {"places.places_keep"},
    ),
    "function-signals": (
        "CREATE FUNCTION tell() RETURNS void LANGUAGE sql AS $$SELECT pg_notify('news', '')$$",
        {"tell()"},
    ),
    "inheritance": (
        "CREATE TABLE things (CONSTRAINT things_pk PRIMARY KEY (version, brand_id)) INHERITS (brands);"
        " COMMENT ON TABLE things IS '[reference] Planted.'",
        {"things"},
    ),
    "row-security": ("ALTER TABLE places ENABLE ROW LEVEL SECURITY", {"places"}),
    "ledger-shape": ("ALTER TABLE transfers DROP CONSTRAINT transfers_amount_ck", {"transfers"}),
    "ledger-append-only": ("GRANT UPDATE ON transfers TO fujin_app", {"transfers"}),
    "stock-shape": ("ALTER TABLE coupon_stock DROP CONSTRAINT coupon_stock_taken_ck", {"coupon_stock"}),
    "idempotency-shape": (
        "ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_pk,"
        " ADD CONSTRAINT idempotency_keys_pk PRIMARY KEY (city_id, key)",
        {"idempotency_keys"},
    ),
    "constraint-unnamed": (
        things(f"{KEYS}, quantity integer CHECK (quantity > 0), {PK}"),
        {"things.things_quantity_check"},
    ),
    "index-unnamed": (
        things(more="CREATE INDEX ON things (city_id); COMMENT ON INDEX things_city_id_idx IS 'x'"),
        {"things.things_city_id_idx"},
    ),
    "name-too-long": (
        things(f"{KEYS}, {PK}, CONSTRAINT things_{'long' * 11}_ck CHECK (city_id > 0)"),
        {f"things.things_{'long' * 11}_ck"},
    ),
    "time-without-zone": (things(f"{KEYS}, at timestamp, {PK}"), {"things.at"}),
    "database-clock": (things(f"{KEYS}, at timestamptz DEFAULT CURRENT_TIMESTAMP, {PK}"), {"things.at"}),
    "index-comment": (things(more="CREATE INDEX things_city_ix ON things (city_id)"), {"things.things_city_ix"}),
}

# More ways to break some rules, each found by the rule of the same name.
MORE_PLANTS = [
    (
        "key-type",
        things("member_id text NOT NULL, CONSTRAINT things_pk PRIMARY KEY (member_id)", "[member] x"),
        {"things"},
    ),
    (
        "sequence",
        things(f"{KEYS}, position bigint GENERATED ALWAYS AS IDENTITY, {PK}"),
        {"things.position"},
    ),
    ("sequence", "CREATE SEQUENCE positions", {"positions"}),
    (
        "unique-without-key",
        "CREATE UNIQUE INDEX merchant_staff_role_uq ON merchant_staff (member_id);"
        " COMMENT ON INDEX merchant_staff_role_uq IS 'x'",
        {"merchant_staff.merchant_staff_role_uq"},
    ),
    (
        "unique-without-key",
        things(
            "login text NOT NULL, code text, CONSTRAINT things_pk PRIMARY KEY (login),"
            " CONSTRAINT things_code_uq UNIQUE (code)",
            "[directory] Planted.",
        ),
        {"things.things_code_uq"},
    ),
    (
        "fk-across-groups",
        "COMMENT ON CONSTRAINT coupons_merchant_fk ON coupons IS NULL",
        {"coupons.coupons_merchant_fk"},
    ),
    (
        "ledger-shape",
        "ALTER TABLE transfers ALTER debit_account_id DROP NOT NULL",
        {"transfers"},
    ),
    (
        "stock-shape",
        things(
            f"{KEYS}, quota integer NOT NULL, taken integer NOT NULL, {PK},"
            " CONSTRAINT things_taken_ck CHECK (taken between 0 and quota)"
        ),
        {"things"},
    ),
    (
        "idempotency-shape",
        "ALTER TABLE caller_idempotency_keys DROP CONSTRAINT caller_idempotency_keys_pk,"
        " ADD CONSTRAINT caller_idempotency_keys_pk PRIMARY KEY (principal, key)",
        {"caller_idempotency_keys"},
    ),
    ("constraint-unnamed", "ALTER TABLE places RENAME CONSTRAINT places_pk TO places_pkey", {"places.places_pkey"}),
    (
        "name-too-long",
        things(
            more=f"CREATE INDEX things_{'long' * 11}_ix ON things (city_id);"
            f" COMMENT ON INDEX things_{'long' * 11}_ix IS 'x'"
        ),
        {f"things.things_{'long' * 11}_ix"},
    ),
    ("database-clock", things(f"{KEYS}, at timestamptz DEFAULT now() + interval '1 day', {PK}"), {"things.at"}),
    (
        "database-clock",
        things(f"{KEYS}, at timestamptz, {PK}, CONSTRAINT things_at_ck CHECK (at < now())"),
        {"things.things_at_ck"},
    ),
    (
        "function-signals",
        "CREATE FUNCTION hold() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM pg_advisory_lock(1); END$$",
        {"hold()"},
    ),
]

# Rules that a violation of another rule breaks by its nature.
COMPANIONS = {"key-nullable": {"primary-key-missing"}}


@pytest.fixture(scope="module")
def engine(make_database: MakeDatabase, migrated_template: str) -> Iterator[sa.Engine]:
    """The owner's engine over a migrated database; every test rolls back."""
    made = sa.create_engine(make_database(migrated_template))
    yield made
    made.dispose()


def findings(conn: sa.Connection) -> dict[str, set[str]]:
    """Things named by each rule that found any."""
    return {
        result.rule: {violation.thing for violation in result.violations}
        for result in lint_schema(conn)
        if result.violations
    }


def test_migrated_schema_keeps_every_rule(engine: sa.Engine) -> None:
    with engine.connect() as conn:
        assert findings(conn) == {}


def test_lint_sees_the_tables_it_judges(engine: sa.Engine) -> None:
    """A lint over nothing is silent too: a table of each group, a foreign key and an index must be in its sight."""
    with engine.connect() as conn:
        conn.exec_driver_sql("COMMENT ON TABLE coupons IS NULL")
        assert findings(conn) == {"table-undeclared": {"coupons"}}


@pytest.mark.parametrize("rule", sorted(PLANTS))
def test_rule_names_its_planted_violation(engine: sa.Engine, rule: str) -> None:
    statements, things_named = PLANTS[rule]
    with engine.connect() as conn:
        conn.exec_driver_sql(statements)
        found = findings(conn)
    assert found.pop(rule) == things_named
    assert set(found) == COMPANIONS.get(rule, set())


@pytest.mark.parametrize(("rule", "statements", "things_named"), MORE_PLANTS)
def test_rule_names_another_violation(engine: sa.Engine, rule: str, statements: str, things_named: set[str]) -> None:
    with engine.connect() as conn:
        conn.exec_driver_sql(statements)
        assert findings(conn) == {rule: things_named}


def test_every_rule_has_a_plant() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))
    assert set(PLANTS) == set(names)


def test_every_rule_of_the_design_that_a_catalogue_shows_is_held() -> None:
    held = {rule.design for rule in RULES}
    assert held == {"R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R11", "R13", "R15", "house"}
