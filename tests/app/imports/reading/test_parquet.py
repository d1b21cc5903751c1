"""GeoParquet in its systems and layouts; what a forged file asks for is held against what it has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import CRS

from app.imports.reading.types import RawRow
from tests.app.imports.reading.opening import faults, opened, refused, wishes, written

POINT = shapely.to_wkb(shapely.Point(-97.7431, 30.2672))


def table(path: Path, columns: dict[str, Any], geo: dict[str, Any] | None) -> Path:
    made = pa.table(columns)
    if geo is not None:
        column = {"encoding": "WKB", "geometry_types": [], **geo}
        stated = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
        made = made.replace_schema_metadata({"geo": json.dumps(stated)})
    pq.write_table(made, path)
    return path


def test_projected_system_is_brought_to_degrees(tmp_path: Path) -> None:
    """The origin of New York's plane is 40°10' N, 74° W at 300,000 m east (984,250 ft), as the register says."""
    origin = shapely.to_wkb(shapely.Point(984_250.0, 0.0))
    columns = {"id": ["1"], "name": ["origin"], "geometry": [origin]}
    path = table(tmp_path / "a.parquet", columns, {"crs": CRS("EPSG:2263").to_json_dict()})
    facts, rows = opened(path)
    assert (facts.crs, facts.declared) == ("EPSG:2263", 1)
    # NAD 83 counts as WGS 84 within two metres.
    assert (rows[0].geometry.x, rows[0].geometry.y) == pytest.approx((-74.0, 40.0 + 10 / 60), abs=2e-5)


@pytest.mark.parametrize(
    ("geo", "code"),
    [
        ({"crs": None}, "missing-crs"),
        ({"encoding": "TWKB"}, "unsupported-encoding"),
        ({"edges": "spherical"}, "unsupported-encoding"),
        ({"crs": "EPSG:99999"}, "unknown-crs"),
    ],
)
def test_shapes_that_cannot_be_placed_are_refused(tmp_path: Path, geo: dict[str, Any], code: str) -> None:
    path = table(tmp_path / "a.parquet", {"id": ["1"], "name": ["a"], "geometry": [POINT]}, geo)
    assert refused(path)[0] == code


def test_no_system_stated_is_longitude_and_latitude(tmp_path: Path) -> None:
    """So the specification says of a column without crs."""
    path = table(tmp_path / "a.parquet", {"id": ["1"], "name": ["a"], "geometry": [POINT]}, {})
    facts, rows = opened(path)
    assert facts.crs == "OGC:CRS84"
    assert rows[0].geometry.x == -97.7431


NAMES = pa.struct([("primary", pa.string()), ("common", pa.map_(pa.string(), pa.string()))])
CATEGORIES = pa.struct([("primary", pa.string()), ("alternate", pa.list_(pa.string()))])
PARTS = ("freeform", "locality", "postcode", "region", "country")
ADDRESSES = pa.list_(pa.struct([(name, pa.string()) for name in PARTS]))
AUSTIN = {"freeform": "4200 South Congress Ave", "locality": "Austin", "postcode": "78745", "country": "US"}


def test_overtures_places(tmp_path: Path) -> None:
    """The values are those of the schema's own examples."""
    columns = {
        "id": ["77", "66", "1"],
        "geometry": [POINT] * 3,
        "names": pa.array(
            [
                {"primary": "Bucky's Gas & Sushi", "common": [("en", "Bucky's"), ("zh", "巴基")]},
                {"primary": "11-7", "common": None},
                {"primary": None, "common": None},
            ],
            NAMES,
        ),
        "categories": pa.array(
            [
                {"primary": "gas_station_sushi", "alternate": ["gas_station", "sushi_restaurant"]},
                {"primary": "coffee_shop", "alternate": None},
                {"primary": "cafe", "alternate": None},
            ],
            CATEGORIES,
        ),
        "confidence": [0.85, 0.9, 0.9],
        "websites": pa.array([["https://www.buckysgas.example.com"], None, None], pa.list_(pa.string())),
        "phones": pa.array([["+1 512-555-0123"], None, None], pa.list_(pa.string())),
        "addresses": pa.array([[AUSTIN], None, []], ADDRESSES),
        "operating_status": ["open", "permanently_closed", "open"],
    }
    path = table(tmp_path / "a.parquet", columns, {})
    facts, rows = opened(path)
    assert facts.layout == "Overture places"
    assert rows[0].properties == {
        "source_key": "overture:77",
        "name": "Bucky's Gas & Sushi",
        "names": {"local": "Bucky's Gas & Sushi", "en": "Bucky's", "zh-Hans": "巴基"},
        "category_id": rows[0].properties["category_id"],
        "alternate_category_ids": rows[0].properties["alternate_category_ids"],
        "address": {"street": "4200 South Congress Ave", "city": "Austin", "postcode": "78745", "country": "US"},
        "phone": "+1 512-555-0123",
        "website": "https://www.buckysgas.example.com",
        "attributes": {"confidence": 0.85},
    }
    found = {rows[0].properties["category_id"], *rows[0].properties["alternate_category_ids"]}
    assert found == {wishes().aliases["overture", "gas_station"], wishes().aliases["overture", "sushi_restaurant"]}
    assert rows[1].properties["closed"] is True
    assert len(rows) == 2
    assert "1 places have no name: left out" in facts.remarks


def test_foursquares_places(tmp_path: Path) -> None:
    columns = {
        "fsq_place_id": ["4a", "4b"],
        "name": ["Blue Bottle", "Nameless kiosk"],
        "latitude": [30.2672, 30.0],
        "longitude": [-97.7431, -97.0],
        "address": ["1 Main St", None],
        "locality": ["Austin", None],
        "tel": ["(512) 555-0100", None],
        "website": ["http://blue.example", None],
        "date_closed": [None, "2024-01-01"],
        "fsq_category_ids": [["x"], ["y"]],
        "fsq_category_labels": [["Dining and Drinking > Cafe, Coffee, and Tea House > Coffee Shop"], ["Odd > Things"]],
    }
    facts, rows = opened(table(tmp_path / "a.parquet", columns, None))
    assert facts.layout == "Foursquare OS places"
    first, second = (row.properties for row in rows)
    assert (first["source_key"], first["category_id"]) == ("foursquare:4a", wishes().aliases["overture", "coffee_shop"])
    assert first["address"] == {"street": "1 Main St", "city": "Austin"}
    assert (second["category_id"], second["closed"]) == ("uncategorised", True)
    assert rows[0].geometry == {"type": "Point", "coordinates": [-97.7431, 30.2672]}


def test_shape_that_cannot_be_read_is_a_faulty_row(tmp_path: Path) -> None:
    columns = {"id": ["1", "2", "3"], "name": ["a", "b", "c"], "geometry": [POINT, POINT[:9], None]}
    rows = opened(table(tmp_path / "a.parquet", columns, {}))[1]
    assert faults(rows) == ["invalid-geometry: the shape can't be read"]
    assert isinstance(rows[2], RawRow)
    assert rows[2].geometry is None


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_file_that_is_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    content = table(tmp_path / "a.parquet", {"id": ["1"], "name": ["a"], "geometry": [POINT]}, {}).read_bytes()
    assert refused(written(tmp_path, content[: int(len(content) * share)]))[0] == "damaged-file"


def test_nested_lists_of_numbers_are_shapes_too(tmp_path: Path) -> None:
    ring = [[{"x": 1.0, "y": 1.0}, {"x": 2.0, "y": 1.0}, {"x": 2.0, "y": 2.0}, {"x": 1.0, "y": 1.0}]]
    kind = pa.list_(pa.list_(pa.struct([("x", pa.float64()), ("y", pa.float64())])))
    columns = {"code": ["1"], "name": ["a"], "geometry": pa.array([ring], kind)}
    path = table(tmp_path / "a.parquet", columns, {"encoding": "polygon"})
    asked = wishes("regions", mapping={"kind": "=district", "admin_level": "=9"})
    assert opened(path, asked)[1][0].geometry.equals(shapely.Polygon([(1, 1), (2, 1), (2, 2)]))
