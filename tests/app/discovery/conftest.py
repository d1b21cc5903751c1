"""A database, an application with a clock that a test sets, and an empty world to plant in; one a test module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.core.db import open_database
from app.core.settings import Settings
from app.factory import create_app
from tests.factories.worlds import NOW, World


@dataclass
class Planted:
    """A world with the application over it."""

    world: World
    app: Flask
    now: datetime = NOW
    scenes: dict[str, Any] = field(default_factory=dict)

    @property
    def client(self) -> FlaskClient:
        """A fresh client."""
        return self.app.test_client()

    def get(self, path: str, *, headers: dict[str, str] | None = None, **query: Any) -> dict[str, Any]:
        """A JSON answer, which must be 200."""
        answer = self.client.get(path, query_string=query, headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json(force=True))

    def refused(self, path: str, **query: Any) -> tuple[int, str]:
        """Status and code of a refusal."""
        answer = self.client.get(path, query_string=query)
        return answer.status_code, answer.get_json(force=True)["code"]

    def walk(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """All pages by cursor."""
        page = self.get(path, **query)
        items = list(page["items"])
        while page["next_cursor"]:
            page = self.get(path, **query, cursor=page["next_cursor"])
            items += page["items"]
        return items

    def plant(self, city_id: int, places: list[dict[str, Any]], **city: Any) -> list[str]:
        """A city of one active version; ids of its places."""
        self.world.city(city_id, f"city-{city_id}", **city)
        self.world.dataset(city_id, "places", 1)
        for number, text in city.get("hours", {}).items():
            self.world.hours(city_id, 1, number, text)
        ids = self.world.places(city_id, 1, places)
        self.world.activate(city_id, "places", 1)
        return [str(place_id) for place_id in ids]


@pytest.fixture(scope="module")
def planted(
    make_database: Callable[..., str], migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Planted]:
    """Currencies and categories are there, cities are not."""
    url = make_database(migrated_template)
    settings = settings_for(url)
    engine = sa.create_engine(url)
    database = open_database(settings)
    world = World(engine)
    world.basics()
    found: list[Planted] = []
    app = create_app(settings, clock=lambda: found[0].now, database=database)
    found.append(Planted(world, app))
    yield found[0]
    database.dispose()
    engine.dispose()
