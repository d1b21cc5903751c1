"""Files of foreign forms on their whole road: looked at, refused with what mends them, loaded with a shifted datum."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import shapely
import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlalchemy import Connection

from app.cities import queries as cities
from app.imports import actions
from app.imports.cli import commands
from app.imports.types import LoadRequest
from geo.coordinates import LonLat
from geo.grid_shift import Datum, from_wgs84_many
from tests.app.imports.loadfiles import CITY, NOW, TOWN
from tests.app.imports.loadfiles import ORIGIN as SURVEY
from tests.conftest import as_role

Run = Callable[..., Result]
ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data" / "imports"
ORIGIN = ("--source-name", "A survey", "--licence", "CC0-1.0", "--attribution", "© A survey")


@pytest.fixture
def run(town: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``fujin …`` against the town's database."""
    environment = {
        "DATABASE_URL": as_role(database_url, "fujin_app"),
        "DATABASE_OWNER_URL": database_url,
        "DATABASE_IMPORT_URL": as_role(database_url, "fujin_import"),
        "FUJIN_SECRET_KEY": "tests-sign-with-this-0123456789abcdef",
        "FUJIN_CODE_PEPPER": "tests-hash-with-this-0123456789abcdef",
        "FUJIN_DEMO": "0",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    group = click.Group("fujin", commands=commands)
    return lambda *arguments: CliRunner().invoke(group, [str(argument) for argument in arguments])


def test_file_is_looked_at_and_nothing_is_loaded(run: Run, town: Connection) -> None:
    path = DATA / "sf_mobile_food_permits.csv"
    seen = run("look", path, "--kind", "places", "--map", "category_id==cafe", "--json")
    assert seen.exit_code == 0, seen.output
    told = json.loads(seen.stdout.splitlines()[0])
    assert (told["rows"], told["refused"]) == (20, 2)
    assert told["facts"]["used"]["name"] == "Applicant"
    assert told["facts"]["used"]["category_id"] == "=cafe"
    assert told["faults"][0]["reason"] == "invalid-coordinate: the position 0, 0 stands for an unknown one"
    words = run("look", path, "--kind", "places", "--map", "category_id==cafe").stdout
    assert "18 of 20 rows can be loaded" in words
    assert "name <- Applicant (guessed)" in words
    assert town.execute(sa.text("SELECT count(*) FROM datasets WHERE city_id = :city"), {"city": CITY}).scalar() == 0


def test_a_column_that_is_no_key_is_told_by_look_import_and_report(run: Run, town: Connection, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("id,title,type,lng,lat\n" + "".join(f"{n // 2},n{n},cafe,179.9,-17.0\n" for n in range(10)))
    said = "id looks like a key, but of the first 10 rows 50.0% repeat a value of one before"
    assert f"note: {said}" in run("look", path, "--kind", "places").stdout
    loaded = run("import", path, "--city", "town", "--kind", "places", *ORIGIN)
    assert f"note: {said}" in loaded.stdout, loaded.output
    kept = town.execute(sa.text("SELECT max(version) FROM datasets WHERE city_id = :city"), {"city": CITY}).scalar_one()
    told = run("datasets", "report", "town", "places", kept)
    assert f"info  unfit-key  1  {said}" in told.stdout, told.output
    assert "source_key <- id\n" in run("look", path, "--kind", "places", "--map", "source_key=id").stdout


def test_refusal_of_a_look_says_what_to_declare(run: Run) -> None:
    told = run("look", DATA / "berlin_boroughs_shp.zip", "--kind", "regions")
    assert told.exit_code == 1
    assert "No column says kind and admin_level" in told.output
    mended = ("--map", "kind==borough", "--map", "admin_level==9")
    assert (
        "3 of 3 rows can be loaded"
        in run("look", DATA / "berlin_boroughs_shp.zip", "--kind", "regions", *mended).output
    )


def test_foreign_file_is_loaded_by_a_declared_mapping_and_a_failed_one_keeps_its_columns(
    run: Run, town: Connection
) -> None:
    cities.put_territory(town, replace(TOWN, city_id=8, slug="berlin", centre=LonLat(13.4, 52.5)), NOW)
    town.commit()
    start = ("import", DATA / "berlin_boroughs_shp.zip", "--city", "berlin", "--kind", "regions", *ORIGIN)
    assert run(*start).exit_code == 1
    source = town.execute(sa.text("SELECT source FROM import_jobs WHERE city_id = 8")).scalar_one()
    town.commit()
    assert source["columns"] == ["name", "descriptio", "cartodb_id", "created_at", "updated_at"]
    loaded = run(*start, "--map", "kind==borough", "--map", "admin_level==9")
    assert loaded.exit_code == 0, loaded.output
    rows = town.execute(sa.text("SELECT names->>'local', kind FROM region_facts WHERE city_id = 8 ORDER BY 1")).all()
    assert [tuple(row) for row in rows] == [
        (name, "borough") for name in ("Friedrichshain-Kreuzberg", "Mitte", "Neukölln")
    ]


def furthest_m(one: shapely.Geometry, two: shapely.Geometry) -> float:
    """How far the furthest corner of one is from the nearest corner of the other."""
    corners, others = (shapely.points(shapely.get_coordinates(shape)) for shape in (one, two))
    _, degrees = shapely.STRtree(others).query_nearest(corners, return_distance=True, all_matches=False)
    return float(degrees.max()) * 111_320


def test_shifted_boundary_that_is_declared_so_gives_its_file_back(town: Connection, tmp_path: Path) -> None:
    """The boundary of Hangzhou from OpenStreetMap as a Chinese map would draw it, some 500 m off."""
    with gzip.open(ROOT / "seeds" / "hangzhou" / "regions.geojson.gz", "rt", encoding="utf-8") as file:
        city = next(each for each in json.load(file)["features"] if each["properties"]["kind"] == "city")
    outline = shapely.geometry.shape(city["geometry"])

    def shifted(positions: Any) -> Any:
        return np.column_stack(from_wgs84_many(positions[:, 0], positions[:, 1], Datum.GCJ02))

    drawn = shapely.transform(outline, shifted)
    assert 50 < furthest_m(drawn, outline) < 800
    feature = {**city, "geometry": shapely.geometry.mapping(drawn)}
    path = tmp_path / "city.geojsonl"
    path.write_text(json.dumps(feature))
    cities.put_territory(town, replace(TOWN, city_id=9, slug="hangzhou", centre=LonLat(120.15, 30.27)), NOW)
    report = actions.load(town, LoadRequest(9, "regions", path, SURVEY, Datum.GCJ02), NOW)
    assert (report.outcome, report.refused) == ("staged", 0), report
    stored = town.execute(sa.text("SELECT ST_AsBinary(boundary) FROM region_facts WHERE city_id = 9")).scalar_one()
    found = shapely.from_wkb(bytes(stored))
    assert max(furthest_m(found, outline), furthest_m(outline, found)) < 1.0
    again = shapely.transform(found, shifted)
    assert max(furthest_m(again, drawn), furthest_m(drawn, again)) < 1.0
