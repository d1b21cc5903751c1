"""A database with the world's vocabularies and an empty town, and a way to load files into it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from app.cities import queries as cities
from app.cities.types import WORLD_CITY_ID
from app.imports import actions
from app.imports.types import LoadReport, LoadRequest
from geo.grid_shift import Datum
from tests.app.imports.loadfiles import BRANDS, CATEGORIES, CITY, NOW, ORIGIN, TOWN, WORLD


@pytest.fixture
def town(owner: Engine, tmp_path: Path) -> Iterator[Connection]:
    """A connection to a database with the world's vocabularies and an empty town; what it changes is kept."""
    with owner.connect() as conn:
        cities.put_currencies(conn, {"FJD": 2})
        for territory in (WORLD, TOWN):
            cities.put_territory(conn, territory, NOW)
        for kind, rows in (("categories", CATEGORIES), ("brands", BRANDS)):
            path = tmp_path / f"{kind}.json"
            path.write_text(json.dumps(rows))
            report = actions.load(conn, LoadRequest(WORLD_CITY_ID, kind, path, ORIGIN, trusted=True), NOW)
            assert report.outcome == "staged", report
            actions.activate(conn, WORLD_CITY_ID, kind, report.version, NOW)
        conn.commit()
        yield conn


@pytest.fixture
def load(town: Connection, tmp_path: Path) -> Callable[..., LoadReport]:
    """Loads features as a version of a kind, optionally activating it."""

    def run(
        features: list[Any],
        kind: str = "places",
        *,
        activate: bool = False,
        now: datetime = NOW,
        datum: Datum = Datum.WGS84,
        share: float | None = 1.0,
    ) -> LoadReport:
        path = tmp_path / f"{kind}.geojsonl"
        lines = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in features]
        path.write_text("\n".join(lines) + "\n")
        report = actions.load(town, LoadRequest(CITY, kind, path, ORIGIN, datum, share, trusted=True), now)
        if activate:
            actions.activate(town, CITY, kind, report.version, now)
        town.commit()
        return report

    return run
