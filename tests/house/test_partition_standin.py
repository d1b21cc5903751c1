"""City tables partitioned by their key stand in for a distributed installation: what it would refuse, they refuse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import NotSupportedError

from app.audit.actions import audit_data
from app.audit.rules import DURABILITY
from app.audit.schema_lint import lint_schema
from app.tables import metadata
from migrations.ddl import PARTITIONS
from tests.conftest import NOW, MakeDatabase
from tests.factories.migrating import make_standin, migrate
from tests.factories.tidy import HERE, THERE, plant_tidy_world
from tests.plans.guard import partitions_of_city_tables

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def standin(make_database: MakeDatabase) -> Iterator[sa.Engine]:
    """The owner's engine over the stand-in, with a tiny world."""
    engine = sa.create_engine(make_standin(make_database))
    plant_tidy_world(engine)
    yield engine
    engine.dispose()


def test_every_city_table_and_no_other_is_partitioned_by_its_key(standin: sa.Engine) -> None:
    with standin.connect() as conn:
        query = "SELECT partrelid::regclass::text, pg_get_partkeydef(partrelid) FROM pg_partitioned_table"
        keys = dict(conn.exec_driver_sql(query).all())
        parts = partitions_of_city_tables(conn)
    city = {name for name, table in metadata.tables.items() if table.info["group"] == "city"}
    assert keys == dict.fromkeys(city, "HASH (city_id)")
    assert len(parts) == PARTITIONS * len(city)


def test_lint_says_of_the_standin_what_it_says_of_a_plain_database(standin: sa.Engine) -> None:
    with standin.connect() as conn:
        assert [v for result in lint_schema(conn) for v in result.violations] == []
        conn.exec_driver_sql("COMMENT ON CONSTRAINT coupons_merchant_fk ON coupons IS NULL")
        found = [(v.rule, v.thing) for result in lint_schema(conn) for v in result.violations]
        assert found == [("fk-across-groups", "coupons.coupons_merchant_fk")]


def test_invariants_hold_over_partitions(standin: sa.Engine) -> None:
    with standin.connect() as conn:
        results = audit_data(conn, NOW, count=True)
    assert [v for result in results for v in result.violations if v.rule != DURABILITY] == []
    assert next(result.rows_read for result in results if result.rule == "place-point") == 5


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE coupons ADD CONSTRAINT coupons_merchant_uq UNIQUE (merchant_id)",
        "CREATE UNIQUE INDEX places_place_uq ON places (place_id)",
        "CREATE TABLE things (city_id integer, thing_id uuid PRIMARY KEY) PARTITION BY HASH (city_id)",
    ],
)
def test_unique_without_the_key_is_refused_by_the_database(standin: sa.Engine, statement: str) -> None:
    with standin.connect() as conn, pytest.raises(NotSupportedError, match="all partitioning columns"):
        conn.exec_driver_sql(statement)


def test_rows_of_two_cities_lie_in_two_partitions(standin: sa.Engine) -> None:
    with standin.connect() as conn:
        homes = dict(conn.exec_driver_sql("SELECT DISTINCT city_id, tableoid FROM place_facts").all())
    assert homes.keys() == {HERE, THERE}
    assert homes[HERE] != homes[THERE]


def test_standin_goes_down_and_up_again(make_database: MakeDatabase) -> None:
    url = make_standin(make_database)
    migrate(url, "-base", "head", standin=True)
    engine = sa.create_engine(url)
    with engine.connect() as conn:
        assert [v for result in lint_schema(conn) for v in result.violations] == []
    engine.dispose()
