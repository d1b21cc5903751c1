"""Foreign files over the whole road: what is left out is no loss, and a kept file is read anew as it was told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import shapely

from app.imports.reading import vectors
from tests.factories.loads import KIND, Town

TABLE = "id,title,type,tel,lng,lat\na,One,cafe,0571-1,179.90,-17.00\nb,Two,cafe,n/a,179.91,-17.01\n"


def survey(folder: Path, names: list[str | None]) -> bytes:
    """A FlatGeobuf, which says how many rows it holds: a café a name, one 0.01° east of the other."""
    points = [shapely.to_wkb(shapely.Point(179.8 + 0.01 * n, -17.0)) for n in range(len(names))]
    path = folder / "survey.fgb"
    columns = [[f"k{n}" for n in range(len(names))], names, ["cafe"] * len(names)]
    vectors.pyogrio.raw.write(
        path,
        np.array(points, dtype=object),
        [np.array(column, dtype=object) for column in columns],
        ["id", "name", "amenity"],
        geometry_type="Point",
        crs="EPSG:4326",
        driver="FlatGeobuf",
        layer_options={"SPATIAL_INDEX": "NO"},
    )
    return path.read_bytes()


def test_rows_that_are_left_out_are_not_lost_ones(town: Town, tmp_path: Path) -> None:
    staged = town.loaded(survey(tmp_path, ["One", None, "Three", None]), filename="survey.fgb")
    assert (staged["state"], staged["failure"]) == ("staged", None)
    assert staged["counts"] == {"declared": 2, "stored": 2, "refused": 0, "created": 2}


def test_what_the_reader_noticed_is_told_once(town: Town, tmp_path: Path) -> None:
    staged = town.loaded(survey(tmp_path, ["One", None]), filename="survey.fgb")
    noticed = [each for each in staged["remarks"] if "name" in each]
    assert noticed == ["1 rows without a name are left out"]


def test_a_column_that_was_guessed_wrongly_can_be_left_alone(town: Town) -> None:
    staged = town.loaded(TABLE.encode(), filename="table.csv")
    assert staged["mapping"]["used"]["phone"] == "tel"
    again = town.post(f"{KIND}/versions/{staged['version']}/reload", {"mapping": {"phone": "="}})
    assert again.status_code == 202, again.get_json()
    town.work()
    number = again.get_json()["version"]
    told = town.version(number)
    assert told["mapping"]["used"] | {"phone": "="} == told["mapping"]["used"]
    rows = town.rows("SELECT name, phone FROM place_facts WHERE city_id = :c AND version = :v ORDER BY source_key",
                     c=staged["city_id"], v=number)  # fmt: skip
    assert [tuple(row) for row in rows] == [("One", None), ("Two", None)]
