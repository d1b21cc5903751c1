"""±180° and the poles through HTTP, places moved over them by hand, forty cities, a rollback under a cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.audit.actions import audit_data
from app.core.db import open_database
from app.core.settings import Settings
from app.coupons.search_rows import follow_places
from app.factory import create_app
from app.imports import actions as loads
from app.places import edits
from app.places.actions import apply
from app.places.queries_edits import Author
from geo.coordinates import LonLat
from geo.distance import distance_m
from tests.conftest import as_role
from tests.factories.tidy import count_rows
from tests.factories.worlds import NOW, World

AUTHOR = Author(UUID(int=7), "a test")


@dataclass
class Globe:
    """An empty world that is planted by each test, the role that edits, the application that reads."""

    world: World
    writer: sa.Engine
    app: Flask

    def city(self, city_id: int, points: list[tuple[float, float]]) -> list[UUID]:
        """A city with places at some points."""
        self.world.city(city_id, f"city-{city_id}", lon=points[0][0], lat=points[0][1])
        self.world.dataset(city_id, "places", 1)
        ids = self.world.places(city_id, 1, [{"lon": lon, "lat": lat} for lon, lat in points])
        self.world.activate(city_id, "places", 1)
        return ids

    def edit(self, city_id: int, *wanted: edits.Edit) -> None:
        """Edits in one transaction."""
        with self.writer.begin() as conn:
            apply(conn, city_id, wanted, AUTHOR, NOW, follow=follow_places)

    def page(self, lon: float, lat: float, **query: Any) -> dict[str, Any]:
        """One page of places."""
        asked = {"lon": lon, "lat": lat, "limit": 100, **query}
        answer = self.app.test_client().get("/v1/places/nearby", query_string=asked)
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    def near(self, lon: float, lat: float, radius_m: float) -> dict[str, float]:
        """Distances in metres by id."""
        return {item["place_id"]: item["distance_m"] for item in self.page(lon, lat, radius_m=radius_m)["items"]}

    def audit(self) -> set[str]:
        """Rules on search rows and extents that are broken."""
        count_rows(self.world)
        with self.world.engine.connect() as conn:
            results = audit_data(conn, NOW, allow_unsafe=True, only=("search-", "extent-", "active-"))
        return {r.rule for r in results if r.violations}


@pytest.fixture
def globe(database_url: str, settings_for: Callable[[str], Settings]) -> Iterator[Globe]:
    """A database with the category tree and nothing else."""
    engine, writer = sa.create_engine(database_url), sa.create_engine(as_role(database_url, "fujin_import"))
    settings = settings_for(database_url)
    database = open_database(settings)
    world = World(engine)
    world.basics()
    yield Globe(world, writer, create_app(settings, clock=lambda: NOW, database=database))
    database.dispose()
    writer.dispose()
    engine.dispose()


def test_both_sides_of_the_180th_meridian_are_near_and_zero_is_not(globe: Globe) -> None:
    """At 17° south a hundredth of a degree is 1 063.4 m."""
    east, west, _ = globe.city(2, [(179.99, -17.0), (-179.99, -17.0), (0.0, -17.0)])
    for lon in (180.0, -180.0):
        found = globe.near(lon, -17.0, 3000)
        assert set(found) == {str(east), str(west)}
        assert all(abs(metres - 1063.4) < 0.1 for metres in found.values())
    assert set(globe.near(179.99, -17.0, 3000)) == {str(east), str(west)}
    assert globe.audit() == set()


def test_place_beyond_the_pole_is_near(globe: Globe) -> None:
    """Two hundredths of a degree over the pole are 2 223.9 m on the sphere."""
    (beyond,) = globe.city(2, [(180.0, 89.99)])
    found = globe.near(0, 89.99, 3000)
    assert set(found) == {str(beyond)}
    assert abs(found[str(beyond)] - 2223.9) < 0.1
    assert set(globe.near(77, 90, 3000)) == {str(beyond)}
    assert globe.audit() == set()


def test_place_that_is_moved_over_the_180th_meridian_and_to_the_poles_is_found_there_alone(globe: Globe) -> None:
    place, other = globe.city(2, [(179.9, -17.0), (179.95, -17.0)])
    here = (179.9, -17.0)
    for there in (
        (-179.99, -17.0),
        (179.999, -16.9),
        (180.0, -17.0),
        (10, 83),
        (-180.0, -17.0),
        (0, 90),
        (5, -89.999),
        (178.0, 10.0),
    ):
        globe.edit(2, edits.Move(place, LonLat(*there)))
        assert str(place) in globe.near(*there, 1000), there
        assert str(place) not in globe.near(*here, 500), here
        assert str(other) in globe.near(179.95, -17.0, 500)
        assert globe.audit() == set(), there
        here = there
    box = globe.world.rows("SELECT extent_south, extent_north FROM active_dataset WHERE city_id = 2")[0]
    assert tuple(box) == (-89.999, 90.0)


def test_extent_grows_over_the_180th_meridian_when_that_is_narrower(globe: Globe) -> None:
    place, _ = globe.city(2, [(179.9, -17.0), (179.95, -17.0)])
    globe.edit(2, edits.Move(place, LonLat(-179.8, -17.2)))
    box = globe.world.rows(
        "SELECT extent_west, extent_south, extent_east, extent_north FROM active_dataset WHERE city_id = 2"
    )[0]
    assert tuple(box) == (179.9, -17.2, -179.8, -17.0)


def test_forty_cities_within_the_radius_are_merged_exactly_in_few_statements(globe: Globe) -> None:
    """Three places each, interleaved on a ring of 40 bearings, so that every page mixes cities."""
    spots: dict[str, tuple[float, float]] = {}
    for city in range(2, 42):
        points = [
            (round(10 + (city * step % 41 - 20) / 1000, 7), round(50 + (city * step % 37 - 18) / 1500, 7))
            for step in (7, 11, 17)
        ]
        spots |= {str(place): point for place, point in zip(globe.city(city, points), points, strict=True)}
    order = sorted((round(distance_m(LonLat(10, 50), LonLat(*point)) * 1000), place) for place, point in spots.items())
    statements: list[str] = []

    def counted(*call: Any) -> None:
        statements.append(call[2])

    sa.event.listen(sa.engine.Engine, "before_cursor_execute", counted)
    got: list[str] = []
    cursor: dict[str, str] = {}
    pages = 0
    while pages == 0 or cursor:
        page = globe.page(10, 50, radius_m=20_000, limit=25, **cursor)
        got += [item["place_id"] for item in page["items"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
        pages += 1
    sa.event.remove(sa.engine.Engine, "before_cursor_execute", counted)
    assert got == [place for _, place in order]
    assert len(statements) <= pages * (3 * 40 + 6), len(statements)


def test_pages_finish_on_the_old_version_when_it_is_replaced_and_taken_back_under_them(globe: Globe) -> None:
    ids = globe.city(2, [(10 + number / 10_000, 50) for number in range(6)])
    globe.world.dataset(2, "places", 2, stored=3)
    globe.world.places(2, 2, [{"lon": 10 - n / 10_000, "lat": 50, "place_id": ids[n]} for n in range(3)])
    globe.world.run("UPDATE datasets SET activated_at = created_at WHERE kind = 'places' AND version = 1", {})
    first = globe.page(10, 50, radius_m=1000, limit=2)
    with globe.writer.begin() as conn:
        loads.activate(conn, 2, "places", 2, NOW)
    other = globe.page(10, 50, radius_m=1000, limit=2)
    second = globe.page(10, 50, radius_m=1000, limit=2, cursor=first["next_cursor"])
    globe.edit(2, edits.Close(ids[2]))
    with globe.writer.begin() as conn:
        loads.rollback(conn, 2, "places", NOW)
    third = globe.page(10, 50, radius_m=1000, limit=2, cursor=second["next_cursor"])
    rest = globe.page(10, 50, radius_m=1000, limit=2, cursor=other["next_cursor"])
    assert [item["place_id"] for page in (first, second, third) for item in page["items"]] == list(map(str, ids))
    assert other["total"]["value"] == 3
    assert rest["items"] == []  # closed meanwhile, in the version that these pages read
    assert globe.audit() == set()
