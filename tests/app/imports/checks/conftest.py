"""Real towns from the seeds in a database of a module's own, and a way to load changed copies and check those."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from app.cities import queries as cities
from app.cities.types import WORLD_CITY_ID, Territory
from app.imports import actions
from app.imports.checks import queries
from app.imports.checks.actions import report_from
from app.imports.checks.types import Report
from app.imports.types import LoadRequest
from geo.coordinates import LonLat
from geo.grid_shift import Datum
from tests.app.imports.loadfiles import BRANDS, CATEGORIES, CITY, LATER, NOW, ORIGIN, TOWN, WORLD
from tests.conftest import MakeDatabase

SEEDS = Path(__file__).parents[4] / "seeds"
BERLIN, HANGZHOU, NEW_BERLIN, NEW_HANGZHOU = 8, 9, 10, 11
EVERY = {"berlin": 3, "hangzhou": 8}
Features = list[dict[str, Any]]


def _town(city_id: int, slug: str, country: str, zone: str, lon: float, lat: float) -> Territory:
    return Territory(city_id, slug, "city", {"en": slug}, "en", country, zone, None, None, LonLat(lon, lat), 11)


TOWNS = (
    TOWN,
    _town(BERLIN, "berlin", "DE", "Europe/Berlin", 13.4, 52.5),
    _town(HANGZHOU, "hangzhou", "CN", "Asia/Shanghai", 120.16, 30.25),
    _town(NEW_BERLIN, "new-berlin", "DE", "Europe/Berlin", 13.4, 52.5),
    _town(NEW_HANGZHOU, "new-hangzhou", "CN", "Asia/Shanghai", 120.16, 30.25),
)


@cache
def _seed(city: str, kind: str) -> str:
    if kind == "regions":
        whole = gzip.decompress((SEEDS / city / "regions.geojson.gz").read_bytes())
        return json.dumps(json.loads(whole)["features"])
    lines = gzip.decompress((SEEDS / city / "places.geojsonl.gz").read_bytes()).decode().splitlines()
    return "[" + ",".join(lines[:: EVERY[city]]) + "]"


def seed(city: str, kind: str) -> Features:
    """The features of a file under seeds/; of places every third (Berlin) or eighth (Hangzhou)."""
    found: Features = json.loads(_seed(city, kind))
    return found


def _load(
    conn: Connection,
    folder: Path,
    city: int,
    kind: str,
    features: Any,
    datum: Datum = Datum.WGS84,
    share: float | None = 1.0,
) -> Any:
    path = folder / (f"{kind}.geojsonl" if city != WORLD_CITY_ID else f"{kind}.json")
    text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in features)
    path.write_text(text if city != WORLD_CITY_ID else json.dumps(features))
    done = actions.load(conn, LoadRequest(city, kind, path, ORIGIN, datum, share, trusted=True), NOW)
    assert done.outcome in ("staged", "failed"), done
    return done


@pytest.fixture(scope="module")
def towns(make_database: MakeDatabase, migrated_template: str, tmp_path_factory: Any) -> Iterator[Connection]:
    """A database with the world's lists, Berlin and Hangzhou as they are, and towns without data."""
    engine = sa.create_engine(make_database(migrated_template))
    folder = tmp_path_factory.mktemp("files")
    own = {row["category_id"] for row in CATEGORIES}
    known = [row for row in json.loads((SEEDS / "categories.json").read_text()) if row["category_id"] not in own]
    loads = [
        (WORLD_CITY_ID, "categories", [*CATEGORIES, *known]),
        (WORLD_CITY_ID, "brands", [*BRANDS, *json.loads((SEEDS / "brands.json").read_text())]),
        (BERLIN, "regions", seed("berlin", "regions")),
        (HANGZHOU, "regions", seed("hangzhou", "regions")),
        (BERLIN, "places", seed("berlin", "places")),
        (HANGZHOU, "places", seed("hangzhou", "places")),
    ]
    with engine.connect() as conn:
        cities.put_currencies(conn, {"FJD": 2})
        for territory in (WORLD, *TOWNS):
            cities.put_territory(conn, territory, NOW)
        for city, kind, features in loads:
            actions.activate(conn, city, kind, _load(conn, folder, city, kind, features).version, NOW)
        conn.commit()
        yield conn
    engine.dispose()


@pytest.fixture
def town(towns: Connection) -> Iterator[Connection]:
    """The same for one test, which keeps nothing."""
    yield towns
    towns.rollback()


Check = Callable[..., Report]


@pytest.fixture
def check(town: Connection, tmp_path: Path) -> Check:
    """Loads features as a version and reads its report; ``activate`` shows it to readers, else it is discarded."""

    def run(
        features: Features,
        kind: str = "places",
        *,
        city: int = CITY,
        activate: bool = False,
        datum: Datum = Datum.WGS84,
        share: float | None = 1.0,
    ) -> Report:
        done = _load(town, tmp_path, city, kind, features, datum, share)
        kept = queries.kept_report(town, city, kind, done.version)
        report = report_from(city, kind, done.version, kept)
        assert (done.outcome == "failed") == (report.failure is not None)
        if activate:
            actions.activate(town, city, kind, done.version, LATER)
        else:
            cities.set_state(town, city, kind, done.version, state="discarded", only_from=("staged",))
        return report

    return run


def codes(report: Report) -> set[str]:
    """The checks that found something."""
    return {one.check for one in report.findings}


def found(report: Report, check: str) -> Any:
    """The finding of one check; fails without."""
    assert check in codes(report), report
    return next(one for one in report.findings if one.check == check)
