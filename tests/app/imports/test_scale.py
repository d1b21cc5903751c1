"""Synthetic places: how many, how uneven, at the edges of the map, and the same again."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from app.cities import queries as cities
from app.core.ids import city_of
from app.imports.errors import VersionNotReady
from app.imports.scale import PLANS, put_scale
from tests.app.imports.loadfiles import NOW, WORLD
from tests.conftest import MakeDatabase

COUNT = 6000


def seen(_steps: int) -> None:
    """Nobody watches."""


def put(conn: Connection) -> int:
    cities.put_territory(conn, WORLD, NOW)
    names = json.dumps({"en": "x"})
    for n in range(40):
        conn.execute(
            sa.text("INSERT INTO categories VALUES (1, :c, null, cast(:n AS jsonb), 1, :s)"),
            {"c": f"c{n:02d}", "n": names, "s": n},
        )
    conn.execute(
        sa.text(
            "INSERT INTO datasets VALUES (1, gen_random_uuid(), 'categories', 1, 'active', 's', null, '', 'l', 'a',"
            " null, 40, 40, 0, now(), now())"
        )
    )
    conn.execute(sa.text("INSERT INTO active_dataset VALUES (1, 'categories', 1, null, null, null, null, 40, now())"))
    return put_scale(conn, COUNT, 7, NOW, seen)


@pytest.fixture(scope="module")
def scaled(make_database: MakeDatabase, migrated_template: str) -> Any:
    """A database with six thousand synthetic places."""
    engine = sa.create_engine(make_database(migrated_template))
    with engine.connect() as conn:
        assert put(conn) == COUNT
        conn.commit()
        yield conn
    engine.dispose()


def one(conn: Connection, statement: str) -> Any:
    return conn.execute(sa.text(statement)).scalar_one()


def test_all_places_are_there_and_spread_unevenly(scaled: Connection) -> None:
    counts = {city.slug: city.row_counts["places"] for city in cities.active_datasets(scaled)}
    assert one(scaled, "SELECT count(*) FROM place_facts") == COUNT
    assert set(counts) == {plan.territory.slug for plan in PLANS}
    assert counts["scale-metropolis"] > 20 * counts["scale-old-town"]
    ids = scaled.execute(sa.text("SELECT city_id, place_id FROM places")).all()
    assert all(city_of(row.place_id) == row.city_id and row.place_id.version == 7 for row in ids)


def test_some_lie_at_180_degrees_at_the_pole_and_on_one_spot(scaled: Connection) -> None:
    boxes = {city.slug: city.places_extent for city in cities.active_datasets(scaled)}
    assert boxes["scale-islands"].crosses_antimeridian
    assert boxes["scale-islands"].width_deg < 12
    assert not boxes["scale-metropolis"].crosses_antimeridian
    at = "SELECT count(*) FROM place_facts WHERE city_id = {} AND {}"
    assert one(scaled, at.format(104, "ST_X(location::geometry) = 180")) >= 1
    assert one(scaled, at.format(104, "ST_X(location::geometry) = -180")) >= 1
    assert one(scaled, at.format(105, "ST_Y(location::geometry) = 90")) == 1
    same = "SELECT count(*) - count(DISTINCT location::text) FROM place_facts"
    assert 20 < one(scaled, same) < 120


def test_a_tenth_has_coupons_and_the_mix_holds_rare_categories(scaled: Connection) -> None:
    with_coupons = one(scaled, "SELECT count(DISTINCT place_id) FROM coupon_places")
    assert 0.08 * COUNT < with_coupons < 0.12 * COUNT
    counts = scaled.execute(sa.text("SELECT count(*) FROM place_facts GROUP BY category_id")).scalars().all()
    assert max(counts) > 100 * min(counts)
    hours = one(scaled, "SELECT count(*) FROM place_facts WHERE hours_no IS NULL")
    assert 0.25 * COUNT < hours < 0.42 * COUNT
    assert one(scaled, "SELECT count(*) FROM hours_patterns WHERE NOT parsed") == len(PLANS)


def test_a_second_run_adds_nothing_and_another_database_gets_the_same(
    scaled: Connection, make_database: MakeDatabase, migrated_template: str
) -> None:
    assert put_scale(scaled, COUNT, 7, NOW, seen) == 0
    scaled.rollback()
    engine = sa.create_engine(make_database(migrated_template))
    with engine.connect() as other:
        put(other)
        for table in ("place_facts", "coupons", "coupon_versions", "coupon_places", "coupon_stock", "merchants"):
            digest = f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"
            assert one(other, digest) == one(scaled, digest), table
    engine.dispose()


def test_categories_have_to_be_there_first(owner: sa.Engine) -> None:
    with owner.connect() as conn, pytest.raises(VersionNotReady):
        put_scale(conn, 10, 7, NOW, seen)
