"""What hangs on places and land that change, held against counts by hand in a small whole world."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import shapely
import sqlalchemy as sa

from app.imports.diff import queries_impact
from app.imports.diff.types import Impact
from tests.conftest import MakeDatabase, as_role
from tests.factories.tidy import HERE, Tidy, plant_tidy_world

LAND = shapely.box(120.1, 30.2, 120.3, 30.4)


@pytest.fixture(scope="module")
def world(make_database: MakeDatabase, migrated_template: str) -> Iterator[tuple[sa.Connection, Tidy]]:
    """The tidy world, read by the role of loads, which sees no people."""
    url = make_database(migrated_template)
    owner, engine = sa.create_engine(url), sa.create_engine(as_role(url, "fujin_import"))
    tidy = plant_tidy_world(owner)
    with engine.connect() as conn:
        yield conn, tidy
    engine.dispose()
    owner.dispose()


def counted(conn: sa.Connection, statement: str, **values: object) -> int:
    return int(conn.execute(sa.text(statement), values).scalar_one())


def members(conn: sa.Connection) -> int:
    holding = "state IN ('active', 'pending_payment')"
    return counted(conn, f"SELECT count(DISTINCT member_id) FROM audit.claim WHERE city_id = 2 AND {holding}")


def test_a_version_without_any_place_touches_everything(world: tuple[sa.Connection, Tidy]) -> None:
    conn, _ = world
    found = queries_impact.of_places(conn, HERE, 99, 1, 50.0)
    coupons = counted(conn, "SELECT count(*) FROM coupons WHERE city_id = 2 AND state IN ('published', 'paused')")
    assert coupons > 0
    assert members(conn) > 0
    assert found == Impact(places=3, service_areas=1, coupons=coupons, merchants=1, members=members(conn))


def test_the_same_version_touches_nothing(world: tuple[sa.Connection, Tidy]) -> None:
    conn, _ = world
    assert queries_impact.of_places(conn, HERE, 1, 1, 50.0) == Impact()


def test_land_that_changes_hands_touches_what_lies_on_it(world: tuple[sa.Connection, Tidy]) -> None:
    """Three live places lie in the area, one of them in its south-western quarter; one coupon's scope names it."""
    conn, tidy = world
    whole = queries_impact.of_land(conn, HERE, 1, [shapely.to_wkb(LAND)], [tidy.region])
    assert (whole.places, whole.service_areas, whole.coupons, whole.merchants) == (3, 1, 1, 1)
    quarter = shapely.box(120.1, 30.2, 120.19, 30.29)
    part = queries_impact.of_land(conn, HERE, 1, [shapely.to_wkb(quarter)], [])
    assert (part.places, part.service_areas, part.coupons) == (1, 1, 0)
    nothing = queries_impact.of_land(conn, HERE, 1, [shapely.to_wkb(shapely.box(0, 0, 1, 1))], [])
    assert nothing == Impact()
