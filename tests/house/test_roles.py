"""What each database role may do, tried as that role over a small world."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

from tests.conftest import MakeDatabase, as_role, run_alembic
from tests.factories.tidy import plant_tidy_world

ROLES = ("fujin_app", "fujin_read", "fujin_import")
INSUFFICIENT_PRIVILEGE = "42501"
PEOPLE = ("members", "credentials", "login_names", "otp_challenges", "refresh_tokens", "api_clients", "role_grants")
FLOW = (
    *("claims", "redemptions", "redemption_units", "payments", "refunds", "provider_events"),
    *("accounts", "transfers", "outbox_events", "webhook_endpoints", "deliveries", "jobs"),
    *("settlements", "settlement_lines", "settlement_transfers"),
)
DDL = (
    "CREATE TABLE things (thing_id uuid)",
    "CREATE TABLE audit.things (thing_id uuid)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION things() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE VIEW things AS SELECT 1",
    "CREATE EXTENSION hstore",
    "ALTER TABLE coupons ADD things integer",
    "ALTER TABLE coupon_stock DROP CONSTRAINT coupon_stock_taken_ck",
    "DROP TABLE coupon_scopes",
    "DROP SCHEMA audit CASCADE",
    "TRUNCATE place_overlays",
    "CREATE INDEX things_ix ON places (created_at)",
    "COMMENT ON TABLE places IS '[reference] x'",
    "CREATE RULE things AS ON DELETE TO places DO INSTEAD NOTHING",
    "CREATE ROLE things",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "GRANT ALL ON coupon_versions TO PUBLIC",
    "SET ROLE fujin_owner",
    "UPDATE alembic_version SET version_num = '0'",
)


@pytest.fixture(scope="module")
def engines(make_database: MakeDatabase, migrated_template: str) -> Iterator[dict[str, sa.Engine]]:
    """An engine a role over one small world; every test rolls back."""
    url = make_database(migrated_template)
    made = {role: sa.create_engine(as_role(url, role)) for role in ROLES}
    made["owner"] = sa.create_engine(url)
    plant_tidy_world(made["owner"])
    yield made
    for engine in made.values():
        engine.dispose()


def refused(engine: sa.Engine, statement: str) -> bool:
    """True when the role lacks the right; a statement that fails for another reason fails the test."""
    with engine.connect() as conn:
        try:
            conn.exec_driver_sql(statement)
        except ProgrammingError as error:
            if getattr(error.orig, "pgcode", None) != INSUFFICIENT_PRIVILEGE:
                raise
            return True
    return False


@pytest.mark.parametrize("statement", DDL)
@pytest.mark.parametrize("role", ROLES)
def test_role_runs_no_ddl(engines: dict[str, sa.Engine], role: str, statement: str) -> None:
    if statement.startswith("GRANT"):
        with engines[role].connect() as conn:
            notices = _granted(conn, statement)
        assert notices == 0
        return
    assert refused(engines[role], statement)


def _granted(conn: sa.Connection, statement: str) -> int:
    """How many rights everybody has on the terms of coupons after a grant, which may fail or be ignored."""
    try:
        conn.exec_driver_sql(statement)
    except ProgrammingError:
        return 0
    rights = (
        "SELECT count(*) FROM information_schema.role_table_grants"
        " WHERE table_name = 'coupon_versions' AND grantee = 'PUBLIC'"
    )
    return int(conn.exec_driver_sql(rights).scalar_one())


@pytest.mark.parametrize("table", ["coupon_versions", "coupon_scopes"])
def test_terms_of_coupons_are_added_and_never_changed(engines: dict[str, sa.Engine], table: str) -> None:
    app = engines["fujin_app"]
    assert not refused(app, f"SELECT count(*) FROM {table}")
    assert not refused(app, f"INSERT INTO {table} SELECT * FROM {table} WHERE false")
    assert refused(app, f"UPDATE {table} SET version = version")
    assert refused(app, f"DELETE FROM {table}")


@pytest.mark.parametrize("table", ["transfers", "delivery_attempts", "settlement_lines", "settlement_transfers"])
def test_transfers_attempts_and_settled_lines_are_added_and_never_changed(
    engines: dict[str, sa.Engine], table: str
) -> None:
    app = engines["fujin_app"]
    assert not refused(app, f"SELECT count(*) FROM {table}")
    assert not refused(app, f"INSERT INTO {table} SELECT * FROM {table} WHERE false")
    assert refused(app, f"UPDATE {table} SET city_id = city_id WHERE false")
    assert refused(app, f"DELETE FROM {table} WHERE false")
    assert refused(app, f"TRUNCATE {table}")


@pytest.mark.parametrize("table", FLOW)
def test_nothing_of_the_flow_is_removed_by_the_app_or_seen_by_searches_and_loads(
    engines: dict[str, sa.Engine], table: str
) -> None:
    assert not refused(engines["fujin_app"], f"SELECT count(*) FROM {table}")
    assert refused(engines["fujin_app"], f"DELETE FROM {table} WHERE false")
    for role in ("fujin_read", "fujin_import"):
        assert refused(engines[role], f"SELECT count(*) FROM {table}")


def test_app_changes_what_it_edits(engines: dict[str, sa.Engine]) -> None:
    app = engines["fujin_app"]
    for statement in (
        "UPDATE coupon_stock SET taken = taken WHERE city_id = 2",
        "UPDATE members SET row_version = row_version",
        "DELETE FROM idempotency_keys WHERE false",
        "UPDATE coupons SET state = state",
    ):
        assert not refused(app, statement)


def test_app_does_not_write_regional_data(engines: dict[str, sa.Engine]) -> None:
    app = engines["fujin_app"]
    assert refused(app, "DELETE FROM datasets")  # it opens versions for a worker and discards them, no more
    for table in ("cities", "currencies", "active_dataset", "places", "place_facts", "region_facts"):
        assert not refused(app, f"SELECT count(*) FROM {table}")
        assert refused(app, f"DELETE FROM {table}")
        assert refused(app, f"INSERT INTO {table} SELECT * FROM {table} WHERE false")


@pytest.mark.parametrize("table", PEOPLE)
def test_searches_and_loads_see_no_people(engines: dict[str, sa.Engine], table: str) -> None:
    assert not refused(engines["fujin_app"], f"SELECT count(*) FROM {table}")
    for role in ("fujin_read", "fujin_import"):
        assert refused(engines[role], f"SELECT count(*) FROM {table}")


def test_reading_role_writes_nothing(engines: dict[str, sa.Engine]) -> None:
    """By the catalogue, for every table and view there is, so that a new one is covered too."""
    query = sa.text("""
        SELECT c.oid::regclass::text || ' ' || p.privilege FROM pg_class c
        CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('REFERENCES'), ('TRIGGER')) p (privilege)
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname IN ('public', 'audit')
          AND c.relname <> 'spatial_ref_sys' AND has_table_privilege('fujin_read', c.oid, p.privilege)
    """)
    with engines["owner"].connect() as conn:
        assert conn.execute(query).scalars().all() == []
    for table in ("places", "coupons", "active_dataset", "coupon_stock"):
        assert refused(engines["fujin_read"], f"DELETE FROM {table}")
        assert not refused(engines["fujin_read"], f"SELECT count(*) FROM {table}")


def test_loads_write_neither_coupons_nor_people(engines: dict[str, sa.Engine]) -> None:
    loads = engines["fujin_import"]
    for table in ("coupons", "coupon_versions", "coupon_scopes", "coupon_stock", "members", "merchants"):
        assert refused(loads, f"DELETE FROM {table}")
        assert refused(loads, f"INSERT INTO {table} SELECT * FROM {table} WHERE false")
    assert not refused(loads, "DELETE FROM coupon_places WHERE false")
    assert not refused(loads, "UPDATE active_dataset SET version = version")


def test_every_role_reads_the_audit_views(engines: dict[str, sa.Engine]) -> None:
    for role in ROLES:
        for view in ("coupon", "dataset", "place", "service_area", "claim", "redemption", "payment", "transfer"):
            assert not refused(engines[role], f"SELECT count(*) FROM audit.{view}")


def test_no_role_of_ours_is_a_superuser(engines: dict[str, sa.Engine]) -> None:
    with engines["owner"].connect() as conn:
        rows = conn.exec_driver_sql(
            "SELECT rolname, rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles"
            " WHERE rolname ~ '^fujin_'"
        ).all()
        members = conn.exec_driver_sql(
            "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname ~ '^fujin_'"
        ).scalar_one()
    assert {name for name, _ in rows} >= {"fujin_owner", *ROLES}
    assert [name for name, mighty in rows if mighty] == []
    assert members == 0


def test_no_role_makes_temporary_tables(make_database: MakeDatabase) -> None:
    url = make_database()  # migrated itself: a copy of a template does not take over the database's own grants
    run_alembic(url, "upgrade", "head")
    for role in ROLES:
        engine = sa.create_engine(as_role(url, role))
        with engine.connect() as conn, pytest.raises(ProgrammingError) as refused:
            conn.execute(sa.text("CREATE TEMPORARY TABLE things (thing_id uuid)"))
        engine.dispose()
        assert refused.value.orig is not None
        assert getattr(refused.value.orig, "pgcode", None) == INSUFFICIENT_PRIVILEGE
