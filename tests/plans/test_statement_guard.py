"""The guard lets statements of one city pass, names those that stray, and sees what a request runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from app.coupons.tables import coupon_places, coupon_stock
from app.places.tables import place_facts, places
from tests.conftest import MakeDatabase
from tests.factories.migrating import make_standin
from tests.factories.tidy import HERE, THERE, Tidy, plant_tidy_world
from tests.plans.guard import one_city_a_statement, recorded, strayed


@pytest.fixture(scope="module")
def standin(make_database: MakeDatabase) -> Iterator[tuple[sa.Engine, str, Tidy]]:
    """The owner's engine over a tiny world on the stand-in, its URL and its ids."""
    url = make_standin(make_database)
    engine = sa.create_engine(url)
    yield engine, url, plant_tidy_world(engine)
    engine.dispose()


def test_statements_that_bind_the_city_pass(standin: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, tidy = standin
    joined = (
        sa.select(place_facts.c.name)
        .join(
            coupon_places,
            sa.and_(
                coupon_places.c.city_id == place_facts.c.city_id, coupon_places.c.place_id == place_facts.c.place_id
            ),
        )
        .where(place_facts.c.city_id == HERE, place_facts.c.place_id == tidy.places[0])
    )
    taken = sa.update(coupon_stock).where(coupon_stock.c.city_id == HERE, coupon_stock.c.coupon_id == tidy.coupon)
    with one_city_a_statement(engine, engine) as recording, engine.connect() as conn:
        conn.execute(sa.text("SET LOCAL statement_timeout = 1000"))
        assert conn.execute(joined).all()
        assert conn.execute(taken.values(taken=coupon_stock.c.taken + 1)).rowcount == 1
        conn.execute(sa.delete(coupon_places).where(coupon_places.c.city_id == HERE))
    assert len(recording.statements) == 4
    assert len(recording.explained()) == 3


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM place_facts",
        "SELECT count(*) FROM place_facts WHERE place_id = %(place)s",
        "SELECT count(*) FROM place_facts WHERE city_id IN (2, 3)",
        "SELECT count(*) FROM cities c JOIN place_facts f ON f.city_id = c.city_id WHERE c.slug = 'here'",
        "UPDATE place_facts SET closed = true WHERE place_id = %(place)s",
        "DELETE FROM place_facts WHERE place_id = %(place)s",
        "SELECT (SELECT count(*) FROM place_facts) FROM places WHERE city_id = 2",
        "SELECT (SELECT count(*) FROM place_facts f WHERE f.city_id = c.city_id) FROM cities c",
        "SELECT (SELECT count(*) FROM place_facts f WHERE f.place_id = p.place_id) FROM places p WHERE city_id = 2",
        "WITH all_of_them AS MATERIALIZED (SELECT * FROM place_facts) SELECT count(*) FROM all_of_them",
    ],
)
def test_statement_without_the_city_is_named(standin: tuple[sa.Engine, str, Tidy], statement: str) -> None:
    engine, _, tidy = standin
    with recorded(engine) as recording, engine.connect() as conn:
        conn.exec_driver_sql(statement, {"place": tidy.places[3]})
    found = strayed(engine, recording)
    assert [straying.statement for straying in found] == [statement]
    assert list(found[0].partitions) == ["place_facts"]


def test_correlated_subquery_that_pairs_the_cities_passes(standin: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, _ = standin
    places_of_coupon = """
        SELECT c.coupon_id, (SELECT count(*) FROM coupon_places p JOIN place_facts f
                             ON f.city_id = p.city_id AND f.place_id = p.place_id
                             WHERE p.city_id = c.city_id AND p.coupon_id = c.coupon_id) FROM coupons c
        WHERE c.city_id = 2 ORDER BY 2 DESC
    """
    with one_city_a_statement(engine, engine), engine.connect() as conn:
        assert [row[1] for row in conn.exec_driver_sql(places_of_coupon)] == [3, 2, 2, 2, 1]


def test_tagged_statement_may_look_at_every_city(standin: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, _ = standin
    counted = sa.select(sa.func.count()).select_from(places).prefix_with("/* cross-city: counts all */")
    with one_city_a_statement(engine, engine), engine.connect() as conn:
        assert conn.execute(counted).scalar_one() == 5


def test_guard_fails_a_block_that_strays(standin: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, _ = standin

    def stray() -> None:
        with one_city_a_statement(engine, engine), engine.connect() as conn:
            conn.execute(sa.select(place_facts.c.place_id).where(place_facts.c.city_id.in_([HERE, THERE])))

    with pytest.raises(AssertionError, match=r"touches place_facts: place_facts_part\d, place_facts_part\d"):
        stray()


def test_guard_refuses_a_database_without_partitions(make_database: MakeDatabase, migrated_template: str) -> None:
    engine = sa.create_engine(make_database(migrated_template))
    with recorded(engine) as recording, engine.connect() as conn:
        conn.execute(sa.select(places.c.place_id))
    with pytest.raises(AssertionError, match="FUJIN_PARTITION_STANDIN"):
        strayed(engine, recording)
    engine.dispose()
