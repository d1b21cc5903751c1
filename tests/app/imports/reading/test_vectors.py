"""Shapefile, GeoPackage and FlatGeobuf: one boundary from each; what is damaged, lies or has no system is refused."""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from app.imports.reading import vectors
from geo.crs import from_lonlat
from tests.app.imports.reading.opening import (
    BOROUGHS,
    DATA,
    faults,
    members_of,
    opened,
    refused,
    wishes,
    written,
    zipped,
)

SHAPEFILE = DATA / "berlin_boroughs_shp.zip"
GEOJSON = DATA / "berlin_boroughs.geojson"
Shapes = dict[str, shapely.Geometry]


def shapes_of(rows: list[Any]) -> Shapes:
    found = {}
    for row in rows:
        shape = row.geometry
        if not isinstance(shape, shapely.Geometry):
            shape = shapely.geometry.shape(shape)
        found[row.properties["names"]["local"]] = shape
    return found


@pytest.fixture(scope="module")
def boroughs() -> Shapes:
    return shapes_of(opened(GEOJSON, BOROUGHS)[1])


def layer(path: Path, shapes: Shapes, driver: str, crs: str | None = "EPSG:4326", **more: Any) -> Path:
    """The boroughs as a file of GDAL's."""
    names = np.array(list(shapes), dtype=object)
    codes = np.array([str(number) for number in range(1, len(shapes) + 1)], dtype=object)
    vectors.pyogrio.raw.write(
        path,
        shapely.to_wkb(list(shapes.values())),
        [names, codes],
        ["name", "code"],
        geometry_type=more.pop("geometry_type", "MultiPolygon"),
        crs=crs,
        driver=driver,
        **more,
    )
    return path


def same(one: Shapes, two: Shapes, within_m: float) -> bool:
    """Same names, and no border further from the other's than that."""
    return one.keys() == two.keys() and all(
        shapely.hausdorff_distance(one[name], two[name]) * 111_320 < within_m for name in one
    )


def test_gdal_knows_three_drivers_only() -> None:
    vectors.check_drivers()
    assert set(vectors.pyogrio.list_drivers()) == {"ESRI Shapefile", "GPKG", "FlatGeobuf"}


def test_one_boundary_from_three_forms(tmp_path: Path, boroughs: Shapes) -> None:
    facts, rows = opened(SHAPEFILE, BOROUGHS)
    assert (facts.format, facts.crs, facts.encoding, facts.declared) == ("Shapefile", "EPSG:4326", "UTF-8", 3)
    # The source rounds its GeoJSON to six decimals, a tenth of a metre.
    assert same(shapes_of(rows), boroughs, 0.2)
    assert {row.properties["kind"] for row in rows} == {"borough"}
    for driver, ending, form in (("GPKG", "gpkg", "GeoPackage"), ("FlatGeobuf", "fgb", "FlatGeobuf")):
        path = layer(tmp_path / f"b.{ending}", boroughs, driver)
        facts, rows = opened(path, BOROUGHS)
        assert (facts.format, facts.declared) == (form, 3)
        assert same(shapes_of(rows), boroughs, 0.000_01)


@pytest.mark.parametrize("crs", ["EPSG:25833", "EPSG:3857", "EPSG:4490", "EPSG:31468"])
def test_any_declared_system_is_brought_to_degrees(tmp_path: Path, boroughs: Shapes, crs: str) -> None:
    def moved(shape: shapely.Geometry) -> shapely.Geometry:
        return shapely.transform(shape, lambda xy: np.column_stack(from_lonlat(crs, xy[:, 0], xy[:, 1])))

    path = layer(tmp_path / "b.gpkg", {name: moved(shape) for name, shape in boroughs.items()}, "GPKG", crs)
    facts, rows = opened(path, BOROUGHS)
    assert facts.crs == crs
    assert same(shapes_of(rows), boroughs, 0.01)


def test_missing_system_is_refused_and_may_be_declared(tmp_path: Path, boroughs: Shapes) -> None:
    members = {name: content for name, content in members_of(SHAPEFILE).items() if not name.endswith(".prj")}
    path = zipped(tmp_path, members)
    code, detail = refused(path, BOROUGHS)
    assert code == "missing-crs"
    assert ".prj" in detail
    rows = opened(path, wishes("regions", mapping=BOROUGHS.mapping, crs="EPSG:4326"))[1]
    assert same(shapes_of(rows), boroughs, 0.2)


def test_declared_system_against_the_file_is_refused() -> None:
    asked = wishes("regions", mapping=BOROUGHS.mapping, crs="EPSG:3857")
    assert refused(SHAPEFILE, asked)[0] == "conflicting-crs"
    assert refused(SHAPEFILE, wishes("regions", mapping=BOROUGHS.mapping, crs="EPSG:99999"))[0] == "unknown-crs"


@pytest.mark.parametrize(("cpg", "told"), [(None, True), ("GB18030", False), ("936", False), ("UTF-8", True)])
def test_chinese_table_is_read_whatever_its_cpg_says(tmp_path: Path, cpg: str | None, told: bool) -> None:
    shapes = {name: shapely.box(120, 30, 120.1, 30.1) for name in ("上城区", "下城区", "西湖区", "余杭区")}
    layer(tmp_path / "s.shp", shapes, "ESRI Shapefile", geometry_type="Polygon", encoding="GB18030")
    members = {f"区.{end}": (tmp_path / f"s.{end}").read_bytes() for end in ("shp", "shx", "dbf", "prj")}
    assert "上城区".encode("gb18030") in members["区.dbf"]
    if cpg is not None:
        members["区.cpg"] = cpg.encode()
    # An LDID that says nothing, as most Chinese programs write it.
    members["区.dbf"] = members["区.dbf"][:29] + b"\0" + members["区.dbf"][30:]
    facts, rows = opened(zipped(tmp_path, members), BOROUGHS)
    assert facts.encoding == "GB18030"
    assert [row.properties["names"]["local"] for row in rows] == list(shapes)
    assert bool(facts.remarks) is told


def test_wrongly_declared_encoding_is_refused(tmp_path: Path) -> None:
    layer(
        tmp_path / "s.shp",
        {"上城区": shapely.box(1, 1, 2, 2)},
        "ESRI Shapefile",
        geometry_type="Polygon",
        encoding="GB18030",
    )
    path = zipped(tmp_path, {f"s.{end}": (tmp_path / f"s.{end}").read_bytes() for end in ("shp", "shx", "dbf", "prj")})
    asked = wishes("regions", mapping=BOROUGHS.mapping, encoding="UTF-8")
    assert refused(path, asked)[0] == "wrong-encoding"


@pytest.mark.parametrize("part", ["shp", "shx", "dbf"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.97])
def test_part_that_is_cut_short_is_refused(tmp_path: Path, part: str, share: float) -> None:
    members = members_of(SHAPEFILE)
    name = f"berlin_boroughs.{part}"
    members[name] = members[name][: int(len(members[name]) * share)]
    assert refused(zipped(tmp_path, members), BOROUGHS)[0] == "damaged-file"


def test_part_that_is_missing_is_named(tmp_path: Path) -> None:
    members = {name: content for name, content in members_of(SHAPEFILE).items() if not name.endswith(".dbf")}
    code, detail = refused(zipped(tmp_path, members), BOROUGHS)
    assert (code, ".dbf" in detail) == ("incomplete-shapefile", True)
    assert (
        refused(written(tmp_path, members_of(SHAPEFILE)["berlin_boroughs.shp"], "a.geojson"))[0]
        == "incomplete-shapefile"
    )


@pytest.mark.parametrize("ending", ["gpkg", "fgb"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.99])
def test_file_that_is_cut_short_is_refused(tmp_path: Path, boroughs: Shapes, ending: str, share: float) -> None:
    path = layer(tmp_path / f"b.{ending}", boroughs, {"gpkg": "GPKG", "fgb": "FlatGeobuf"}[ending])
    content = path.read_bytes()
    code = refused(written(tmp_path, content[: int(len(content) * share)]), BOROUGHS)[0]
    assert code in ("damaged-file", "count-differs")


def changed(path: Path, *statements: str) -> Path:
    with sqlite3.connect(path) as base:
        for statement in statements:
            base.execute(statement)
    base.close()
    return path


ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS fid, NULL AS geom, 'x' AS name FROM n"
)


def test_endless_view_is_no_layer(tmp_path: Path, boroughs: Shapes) -> None:
    path = layer(tmp_path / "b.gpkg", boroughs, "GPKG")
    changed(path, "ALTER TABLE b RENAME TO was", f"CREATE VIEW b AS {ENDLESS}")
    assert refused(path, BOROUGHS)[0] == "unsafe-database"


def test_register_that_is_an_endless_view_is_no_register(tmp_path: Path, boroughs: Shapes) -> None:
    path = layer(tmp_path / "b.gpkg", boroughs, "GPKG")
    changed(path, "DROP TABLE gpkg_ogr_contents", f"CREATE VIEW gpkg_ogr_contents AS {ENDLESS}")
    assert refused(path, BOROUGHS)[0] == "unsafe-database"


def test_table_made_by_a_program_is_refused(tmp_path: Path, boroughs: Shapes) -> None:
    path = layer(tmp_path / "b.gpkg", boroughs, "GPKG")
    changed(
        path,
        "PRAGMA writable_schema = ON",
        "INSERT INTO sqlite_master VALUES"
        " ('table', 'x', 'x', 0, 'CREATE VIRTUAL TABLE x USING VirtualOGR(''/etc/a.vrt'')')",
    )
    assert refused(path, BOROUGHS)[0] in ("unsafe-database", "damaged-file")


def test_count_that_differs_from_the_rows_is_refused(tmp_path: Path, boroughs: Shapes) -> None:
    path = layer(tmp_path / "b.gpkg", boroughs, "GPKG")
    changed(path, "UPDATE gpkg_ogr_contents SET feature_count = 9")
    assert refused(path, BOROUGHS)[0] == "damaged-file"


def test_one_of_several_layers_has_to_be_chosen(tmp_path: Path, boroughs: Shapes) -> None:
    path = layer(tmp_path / "b.gpkg", boroughs, "GPKG", layer="one")
    layer(path, {"Mitte": boroughs["Mitte"]}, "GPKG", layer="two", append=True)
    code, detail = refused(path, BOROUGHS)
    assert (code, "one, two" in detail) == ("several-layers", True)
    chosen = wishes("regions", mapping=BOROUGHS.mapping, layer="two")
    assert len(opened(path, chosen)[1]) == 1
    assert refused(path, wishes("regions", layer="three"))[0] == "unknown-layer"


def test_shape_that_cannot_be_read_is_a_faulty_row(tmp_path: Path, boroughs: Shapes) -> None:
    path = layer(tmp_path / "b.gpkg", boroughs, "GPKG")
    with sqlite3.connect(path) as base:
        for trigger in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            base.execute(f'DROP TRIGGER "{trigger[0]}"')
        blob = base.execute("SELECT geom FROM b WHERE fid = 2").fetchone()[0]
        # A ring count of four thousand millions.
        at = 8 + 32 + 5 + 4 + 5
        base.execute(
            "UPDATE b SET geom = ? WHERE fid = 2", (blob[:at] + struct.pack("<I", 0xFFFFFFF0) + blob[at + 4 :],)
        )
    base.close()
    try:
        rows = opened(path, BOROUGHS)[1]
    except Exception as error:  # GDAL may refuse the whole
        assert getattr(error, "code", "") in ("damaged-file", "count-differs")  # noqa: PT017
    else:
        assert len(rows) == 3
        assert len(faults(rows)) <= 1
