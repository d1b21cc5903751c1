"""A city with places to edit, and the edits as the import role makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import open_database
from app.core.settings import Settings
from app.coupons.search_rows import follow_places
from app.factory import create_app
from app.places import edits
from app.places.actions import Done, apply
from app.places.queries_edits import Author
from tests.conftest import as_role
from tests.factories.worlds import NOW, World

CITY = 2
AUTHOR = Author(UUID(int=7), "a test")


@dataclass
class Edited:
    """The world, the role that edits, the application that reads."""

    world: World
    writer: sa.Engine
    app: Flask
    settings: Settings
    ids: list[UUID]

    def edit(self, *wanted: edits.Edit) -> Done:
        """Edits in one transaction."""
        with self.writer.begin() as conn:
            return apply(conn, CITY, wanted, AUTHOR, NOW, follow=follow_places)

    def near(self, lon: float, lat: float, path: str = "places", **query: Any) -> list[str]:
        """Ids of a search of 1 km, nearest first."""
        asked = {"lon": lon, "lat": lat, "radius_m": 1000, "limit": 100, **query}
        answer = self.app.test_client().get(f"/v1/{path}/nearby", query_string=asked)
        assert answer.status_code == 200, answer.text
        return [item["place_id" if path == "places" else "coupon_id"] for item in answer.get_json()["items"]]

    def one(self, statement: str, **values: Any) -> Any:
        """The one row of a query."""
        (row,) = self.world.rows(statement, **values)
        return row

    def rows_written(self, version: int = 1) -> list[tuple[Any, ...]]:
        """Every search row of the city's version, as it is."""
        found = self.world.rows(
            "SELECT facet, place_id, image, spot[0], spot[1], signature, lon7, lat7, hours_no, price_level"
            " FROM postings WHERE city_id = :c AND slot = :s ORDER BY 2, 1, 3",
            c=CITY,
            s=version % 4,
        )
        return [tuple(row) for row in found]

    def rows_are_those_of_a_rebuild(self, version: int = 1) -> bool:
        """Whether the search rows are what a load would write."""
        before = self.rows_written(version)
        self.world.search_rows(CITY, version)
        assert before == self.rows_written(version)
        return True


@pytest.fixture
def edited(database_url: str, settings_for: Callable[[str], Settings]) -> Iterator[Edited]:
    """A city of four places at 10, 50, the last one closed, and a coupon at the second."""
    engine = sa.create_engine(database_url)
    writer = sa.create_engine(as_role(database_url, "fujin_import"))
    world = World(engine)
    world.basics()
    world.city(CITY, "city-2", time_zone="Europe/Berlin")
    world.dataset(CITY, "places", 1)
    world.hours(CITY, 1, 1, "Mo-Su 10:00-22:00", "Europe/Berlin")
    ids = world.places(
        CITY,
        1,
        [
            {"lon": 10.0, "lat": 50.0, "name": "Blue Moon", "category": "hotpot", "hours_no": 1},
            {"lon": 10.001, "lat": 50.0, "name": "Red Sun", "category": "cafe"},
            {"lon": 10.002, "lat": 50.0, "name": "Green Star", "category": "bookshop", "hours_no": 1},
            {"lon": 10.003, "lat": 50.0, "name": "Old Inn", "category": "restaurant", "closed": True},
        ],
    )
    world.activate(CITY, "places", 1)
    merchant = world.merchant(CITY, places=ids[1:])
    world.coupon(CITY, merchant, ids[1:2], scopes=ids[1:2])
    world.run("UPDATE datasets SET rows_declared = 4, rows_stored = 4 WHERE kind = 'places'", {})
    world.run("UPDATE active_dataset SET row_count = 3 WHERE kind = 'places'", {})
    settings = settings_for(database_url)
    database = open_database(settings)
    yield Edited(world, writer, create_app(settings, clock=lambda: NOW, database=database), settings, ids)
    database.dispose()
    writer.dispose()
    engine.dispose()
