"""What hangs on places and land that change, held against counts by hand in a small whole world."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import shapely
import sqlalchemy as sa

from app.core.ids import new_city_id
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
    with owner.begin() as conn:
        for saved_id, place in (("lunch", tidy.places[0]), ("again", tidy.places[0]), ("far", tidy.places[2])):
            conn.execute(
                sa.text(
                    "INSERT INTO area_watches (city_id, watch_id, member_id, saved_id, place_id, outline, watch)"
                    " VALUES (2, :id, :member, :saved_id, :place, st_multi(st_makeenvelope(1, 1, 2, 2, 4326)),"
                    " ARRAY['new_coupon'])"
                ),
                {"id": new_city_id(HERE), "member": tidy.member, "saved_id": saved_id, "place": place},
            )
    with engine.connect() as conn:
        yield conn, tidy
    engine.dispose()
    owner.dispose()


def test_loads_count_saved_places_and_see_nobody(world: tuple[sa.Connection, Tidy]) -> None:
    conn, _ = world
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), conn.begin_nested():
        conn.execute(sa.text("SELECT 1 FROM area_watches"))


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
    assert found == Impact(
        places=3, service_areas=1, coupons=coupons, merchants=1, members=members(conn), saved_places=3
    )


def test_the_same_version_touches_nothing(world: tuple[sa.Connection, Tidy]) -> None:
    conn, _ = world
    assert queries_impact.of_places(conn, HERE, 1, 1, 50.0) == Impact()


def test_land_that_changes_hands_touches_what_lies_on_it(world: tuple[sa.Connection, Tidy]) -> None:
    """Three live places lie in the area, one of them in its south-western quarter; one coupon's scope names it."""
    conn, tidy = world
    whole = queries_impact.of_land(conn, HERE, 1, [shapely.to_wkb(LAND)], [tidy.region])
    assert (whole.places, whole.service_areas, whole.coupons, whole.merchants, whole.saved_places) == (3, 1, 1, 1, 3)
    quarter = shapely.box(120.1, 30.2, 120.19, 30.29)
    part = queries_impact.of_land(conn, HERE, 1, [shapely.to_wkb(quarter)], [])
    assert (part.places, part.service_areas, part.coupons, part.saved_places) == (1, 1, 0, 2)
    nothing = queries_impact.of_land(conn, HERE, 1, [shapely.to_wkb(shapely.box(0, 0, 1, 1))], [])
    assert nothing == Impact()
