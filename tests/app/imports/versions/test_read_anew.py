"""Foreign files over the whole road: what is left out is no loss, and a kept file is read anew as it was told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
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


def test_column_that_looks_like_a_key_is_told_and_can_be_taken(town: Town) -> None:
    rows = [f"{n % 190},n{n},cafe,179.9,-17.0\n" for n in range(200)]
    content = "".join(["id,title,type,lng,lat\n", *rows]).encode()
    staged = town.loaded(content, filename="table.csv")
    said = (
        "id looks like a key, but of the first 200 rows 5.0% repeat a value of one before;"
        " the key is made of name and position. To take it anyway, map source_key=id"
    )
    assert staged["remarks"].count(said) == 1
    checks = town.get(f"{KIND}/versions/{staged['version']}/report").get_json()["checks"]
    found = {each["check"]: each for each in checks}
    assert (found["unfit-key"]["severity"], found["unfit-key"]["detail"]) == ("info", said)
    assert "looks like a key" not in json.dumps([each for each in checks if each["check"] != "unfit-key"])
    assert staged["gate"]["verdict"] == "open"
    again = town.post(f"{KIND}/versions/{staged['version']}/reload", {"mapping": {"source_key": "id"}})
    town.work()
    number = again.get_json()["version"]
    checks = town.get(f"{KIND}/versions/{number}/report").get_json()["checks"]
    assert {each["check"]: each["count"] for each in checks}["duplicate-key"] == 10
    assert "unfit-key" not in {each["check"] for each in checks}


TAGS = {"@id": "way/5", "amenity": "cafe", "name": "One", "name:en": "First", "phone": "1; 2", "addr:street": "Road"}
OVERTURE = {
    "id": "a",
    "names": {"primary": "One", "common": {"en": "First"}},
    "categories": {"primary": "cafe"},
    "phones": ["1", "2"],
    "addresses": [{"freeform": "Road 7", "locality": "Town"}],
    "confidence": 0.5,
}
FOURSQUARE = {
    "fsq_place_id": "4a",
    "name": "One",
    "tel": "1",
    "fsq_category_labels": ["Dining > Cafe"],
    "address": "Road 7",
    "locality": "Town",
}


@pytest.mark.parametrize(("row", "key"), [(TAGS, "osm:way/5"), (OVERTURE, "overture:a"), (FOURSQUARE, "foursquare:4a")])
def test_one_column_of_a_known_layout_is_changed_and_the_rest_stays(town: Town, row: dict[str, Any], key: str) -> None:
    content = json.dumps([{**row, "mine": "0571-9", "longitude": 179.9, "latitude": -17.0}]).encode()
    shown = town.shown(content, filename="table.json")
    number = town.loaded(content, filename="table.json", mapping='{"phone": "mine"}')["version"]
    assert town.version(number)["mapping"]["used"] == {**shown["mapping"]["used"], "phone": "mine"}
    before, after = (
        town.rows("SELECT to_jsonb(f) - 'version' AS fact FROM place_facts f WHERE city_id = :c AND version = :v",
                  c=shown["city_id"], v=version)
        for version in (shown["version"], number)
    )  # fmt: skip
    assert [each.fact["source_key"] for each in before] == [key]
    assert [each.fact for each in after] == [{**each.fact, "phone": "0571-9"} for each in before]
    assert before[0].fact["phone"] == "1"
