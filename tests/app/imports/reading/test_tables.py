"""CSV and JSON tables: delimiter, header, encoding, columns found out; positions in every way they are written."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import shapely
from shapely.geometry import mapping as as_geojson

from app.imports.errors import UnreadableFile
from app.imports.reading.sources import open_source
from app.imports.types import RowFault
from tests.app.imports.reading.opening import BOROUGHS, DATA, PLACES, faults, opened, refused, wishes, written

POINT = {"type": "Point", "coordinates": [120.15, 30.25]}


def position(row: Any) -> tuple[float, float]:
    geometry = row.geometry if isinstance(row.geometry, dict) else as_geojson(row.geometry)
    assert geometry["type"] == "Point"
    return tuple(geometry["coordinates"])


def only(path: Path, **given: Any) -> Any:
    facts, rows = opened(path, wishes(**given))
    assert len(rows) == 1, rows
    return facts, rows[0]


@pytest.mark.parametrize(
    ("content", "used"),
    [
        ("id,name,lon,lat\n1,茶馆,120.15,30.25\n", {"lon": "lon", "lat": "lat"}),
        ("id;name;Latitude;Longitude\n1;茶馆;30.25;120.15\n", {"lon": "Longitude", "lat": "Latitude"}),
        ('id\tname\tlocation\n1\t茶馆\t"30.25, 120.15"\n', {"latlon": "location"}),
        ('id,name,location\n1,茶馆,"(30.25, 120.15)"\n', {"latlon": "location"}),
        ('id,name,location\n1,茶馆,"120.15,30.25"\n', {"lonlat": "location"}),
        ("id|name|wkt\n1|茶馆|POINT(120.15 30.25)\n", {"geometry": "wkt"}),
        ("id,name,the_geom\n1,茶馆,SRID=4326;POINT(120.15 30.25)\n", {"geometry": "the_geom"}),
        (f"id,name,geom\n1,茶馆,{shapely.to_wkb(shapely.Point(120.15, 30.25), hex=True)}\n", {"geometry": "geom"}),
        ("编号,名称,经度,纬度\n1,茶馆,120.15,30.25\n", {"lon": "经度", "lat": "纬度"}),
    ],
)
def test_position_is_found_however_it_is_written(tmp_path: Path, content: str, used: dict[str, str]) -> None:
    facts, row = only(written(tmp_path, content))
    assert position(row) == (120.15, 30.25)
    assert {name: facts.used[name] for name in used} == used
    assert row.properties["name"] == "茶馆"
    assert row.properties["source_key"] == "1"


def test_ewkb_states_its_system(tmp_path: Path) -> None:
    point = shapely.set_srid(shapely.Point(500000.0, 3347000.0), 32651)
    text = shapely.to_wkb(point, hex=True, include_srid=True)
    facts, row = only(written(tmp_path, f"id,name,geom\n1,a,{text}\n"))
    assert facts.crs == "EPSG:32651"
    assert position(row)[0] == pytest.approx(123.0, abs=1e-9)  # the zone's middle


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "gb18030"])
def test_encoding_is_found_and_told(tmp_path: Path, codec: str) -> None:
    content = "编号,名称,经度,纬度\n1,西湖茶馆,120.15,30.25\n".encode(codec)
    facts, row = only(written(tmp_path, content))
    assert row.properties["name"] == "西湖茶馆"
    assert facts.encoding == {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "gb18030": "GB18030"}[codec]
    assert bool(facts.remarks[:-1]) is (codec == "gb18030")


def test_western_bytes_are_not_taken_for_chinese(tmp_path: Path) -> None:
    content = "id,name,lon,lat\n1,Café Müller,13.4,52.5\n".encode("cp1252")
    code, detail = refused(written(tmp_path, content))
    assert (code, "GB18030" in detail) == ("wrong-encoding", True)
    assert only(written(tmp_path, content), encoding="windows-1252")[1].properties["name"] == "Café Müller"


def test_table_without_a_header_is_read_by_numbers(tmp_path: Path) -> None:
    # Shaped like the Chinese list of divisions: long codes, flags, an EWKB column, places without one.
    point = shapely.to_wkb(shapely.Point(120.209789, 30.24692), hex=True)
    rows = [
        f"330100000000,330000000000,杭州市,city,2,f,120.209789,30.24692,{point}",
        f"330102000000,330100000000,上城区,county,3,f,120.169312,30.242404,{point}",
        "330102001001,330102001000,清波村,village,5,t,,,",
    ]
    path = written(tmp_path, "\n".join(rows))
    with pytest.raises(UnreadableFile) as told:
        open_source(path, "a", PLACES)
    assert told.value.code == "missing-columns"
    assert told.value.facts.columns[:3] == ("column_1", "column_2", "column_3")
    asked = {"source_key": "column_1", "name": "column_3", "category_id": "=government"}
    facts, found = opened(path, wishes(mapping=asked))
    assert [row.properties for row in found[:2]] == [
        {"source_key": "330100000000", "name": "杭州市", "category_id": "government"},
        {"source_key": "330102000000", "name": "上城区", "category_id": "government"},
    ]
    assert position(found[0]) == (120.209789, 30.24692)
    assert faults(found) == ["invalid-geometry: no shape is given"]
    assert facts.guessed == {"geometry"}


def test_projected_columns_need_their_system_and_agree_with_the_degrees_beside_them() -> None:
    """The city writes each place in feet of the state plane and in degrees: one has to give the other."""
    path = DATA / "sf_mobile_food_permits.csv"
    plain = {row.properties["source_key"]: row for row in opened(path)[1] if not hasattr(row, "reason")}
    mapping = {"x": "X", "y": "Y"}
    assert refused(path, wishes(mapping=mapping))[0] == "missing-crs"
    facts, rows = opened(path, wishes(mapping=mapping, crs="EPSG:2227"))
    assert facts.crs == "EPSG:2227"
    placed = [row for row in rows if not hasattr(row, "reason")]
    assert len(placed) == len(plain) == 18
    for row in placed:
        lon, lat = position(row)
        x, y = position(plain[row.properties["source_key"]])
        assert abs(lon - x) * 88_000 < 1.5
        assert abs(lat - y) * 111_320 < 1.5


def test_position_zero_zero_is_refused_with_the_rows_key() -> None:
    _, rows = opened(DATA / "sf_mobile_food_permits.csv")
    assert faults(rows) == ["invalid-coordinate: the position 0, 0 stands for an unknown one"] * 2
    assert all(row.source_key for row in rows if hasattr(row, "reason"))


@pytest.mark.parametrize(
    ("content", "used"),
    [
        ("id;name;lon;lat\n{n};Kiosk;10,125;54,3213\n", {"lon": "lon", "lat": "lat"}),
        ("name;Breitengrad;Längengrad\nKiosk {n};54,3213;10,125\n", {"lon": "Längengrad", "lat": "Breitengrad"}),
        ('id;name;position\n{n};Kiosk;"54,3213; 10,125"\n', {"latlon": "position"}),
        ("id\tname\tposition\n{n}\tKiosk\t54,3213 10,125\n", {"latlon": "position"}),
    ],
)
def test_decimal_commas_are_read_and_told(tmp_path: Path, content: str, used: dict[str, str]) -> None:
    head, row = content.splitlines()
    lines = [head, *(row.format(n=n) for n in range(30))]
    facts, rows = opened(written(tmp_path, "\ufeff" + "\r\n".join(lines)), wishes())
    assert (facts.encoding, len(rows), faults(rows)) == ("UTF-8", 30, [])
    assert {position(row) for row in rows} == {(10.125, 54.3213)}
    assert {name: facts.used[name] for name in used} == used
    assert "positions are written with decimal commas and are read so" in facts.remarks


def test_metres_with_thousands_are_not_taken_for_decimals(tmp_path: Path) -> None:
    content = "id;name;x;y\n1;A;570123,45;6019456,75\n2;B;570,123;6,019\n3;C;570.123,45;6.019.456,75\n"
    _, rows = opened(written(tmp_path, content), wishes(crs="EPSG:25832", mapping={"x": "x", "y": "y"}))
    # By hand: 70,123 m east of the meridian of 9°, at 64,900 m a degree there; 6,019,457 m north at 0.9996.
    assert position(rows[0]) == pytest.approx((10.08, 54.32), abs=0.01)
    assert faults(rows) == [
        "invalid-coordinate: '570,123' can be read in two ways: give other than three decimals",
        "invalid-coordinate: '570.123,45' is no number",
    ]


def test_a_row_without_a_position_is_refused_with_what_the_file_says_of_it(tmp_path: Path) -> None:
    content = "id,name,category,Latitude,Longitude\n" + "".join(
        f"{n},Café {n},cafe,{lat},{lon}\n" for n, (lat, lon) in enumerate([(30, 120), ("", ""), (0, 0), ("abc", 7)], 1)
    )
    _, rows = opened(written(tmp_path, content), wishes(mapping={"lat": "Latitude", "lon": "Longitude"}))
    refused_rows = [row for row in rows if isinstance(row, RowFault)]
    assert [(row.row, row.source_key, row.code, row.reason) for row in refused_rows] == [
        (2, "2", "invalid-coordinate", "invalid-coordinate: no position is given"),
        (3, "3", "invalid-coordinate", "invalid-coordinate: the position 0, 0 stands for an unknown one"),
        (4, "4", "invalid-coordinate", "invalid-coordinate: 'abc' is no number"),
    ]
    assert [dict(row.raw or {}) for row in refused_rows] == [
        {"source_key": "2", "name": "Café 2", "category_id": "cafe", "lat": "", "lon": ""},
        {"source_key": "3", "name": "Café 3", "category_id": "cafe", "lat": "0", "lon": "0"},
        {"source_key": "4", "name": "Café 4", "category_id": "cafe", "lat": "abc", "lon": "7"},
    ]


def test_one_venue_in_two_rows_is_one_place() -> None:
    facts, rows = opened(DATA / "melbourne_cafes.csv")
    assert len(rows) == 12
    assert "4 rows say the same name at the same place as one before: left out" in facts.remarks
    again = opened(DATA / "melbourne_cafes.csv")[1]
    assert [row.properties["source_key"] for row in again] == [row.properties["source_key"] for row in rows]


def test_categories_go_by_id_alias_and_declared_word(tmp_path: Path) -> None:
    words = ["cafe", "Restaurant", "amenity=pharmacy", "supermarket", "050211", "Teehaus am See", ""]
    lines = [f"{number},n,13,52,{word}" for number, word in enumerate(words)]
    path = written(tmp_path, "id,name,lon,lat,type\n" + "\n".join(lines))
    facts, rows = opened(path, wishes(mapping={"category:Teehaus am See": "=tea_coffee_shop"}))
    assert [row.properties["category_id"] for row in rows] == [
        "cafe", "restaurant", "pharmacy", "supermarket", "steak_house", "tea_coffee_shop", "uncategorised",
    ]  # fmt: skip
    assert facts.used["category"] == "type"


def test_our_own_columns_in_a_table(tmp_path: Path) -> None:
    content = (
        "source_key,name,names.en,category_id,alternate_category_ids,address.street,address.city,closed,price_level,"
        "attributes,lon,lat\n"
        'a,茶馆,Tea house,cafe,restaurant;bar,Road 1,Town,false,2,"{""wheelchair"": ""yes""}",120.15,30.25\n'
    )
    _, row = only(written(tmp_path, content))
    assert row.properties == {
        "source_key": "a",
        "name": "茶馆",
        "names": {"en": "Tea house", "local": "茶馆"},
        "category_id": "cafe",
        "alternate_category_ids": ["restaurant", "bar"],
        "address": {"street": "Road 1", "city": "Town"},
        "closed": False,
        "price_level": 2,
        "attributes": {"wheelchair": "yes"},
    }


def test_mapping_is_shown_can_be_declared_and_names_unknown_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "nr,Betrieb,Art,lon,lat\n7,Eisdiele,Eis,13,52\n")
    asked = wishes(mapping={"name": "Betrieb", "source_key": "nr", "category_id": "=ice_cream"})
    facts, rows = opened(path, asked)
    assert rows[0].properties == {"name": "Eisdiele", "source_key": "7", "category_id": "ice_cream"}
    assert (facts.unused, facts.guessed) == (("Art",), {"lon", "lat"})
    code, detail = refused(path, wishes(mapping={"name": "Name"}))
    assert (code, "Name" in detail) == ("unknown-column", True)


MADE = "the key is made of name and position"


@pytest.mark.parametrize(
    ("head", "keys", "said"),
    [
        ("id", [*range(95), *range(5)], f"id looks like a key, but {{5.0% repeat}}; {MADE}"),
        (
            "id",
            [*range(90), *range(5), *[""] * 5],
            f"id looks like a key, but {{5.0% repeat}} and 5.0% have none; {MADE}",
        ),
        ("uuid", [*range(97), *range(3)], None),
        ("uuid", [*range(96), *range(4)], f"uuid looks like a key, but {{4.0% repeat}}; {MADE}"),
        ("id,nr", [*range(99), 0], "id looks like a key, but {1.0% repeat}; nr is the key"),
        ("Stand-Nr", [*range(60), *range(40)], f"Stand-Nr looks like a key, but {{40.0% repeat}}; {MADE}"),
        ("brand_id", [n % 3 for n in range(100)], None),
        ("id", [*range(100)], None),
    ],
)
def test_column_that_looks_like_a_key_and_is_none_is_told(
    tmp_path: Path, head: str, keys: list[Any], said: str | None
) -> None:
    second = "," in head
    rows = [f"{key},{f'K{n},' if second else ''}n{n},13,52" for n, key in enumerate(keys)]
    path = written(tmp_path, f"{head},name,lon,lat\n" + "\n".join(rows))
    facts, _ = opened(path)
    column = head.partition(",")[0]
    if said is not None:
        said = said.replace("{", "of the first 100 rows ").replace("repeat}", "repeat a value of one before")
        said += f". To take it anyway, map source_key={column}"
    assert facts.unfit_keys == (() if said is None else (said,))
    assert [one for one in facts.remarks if "looks like a key" in one] == [*facts.unfit_keys]
    facts, rows = opened(path, wishes(mapping={"source_key": column}))
    assert (facts.unfit_keys, rows[0].properties["source_key"]) == ((), str(keys[0]))


def test_areas_without_a_key_are_refused_with_the_column_that_is_none(tmp_path: Path) -> None:
    square = shapely.box(13, 52, 13.1, 52.1).wkt
    path = written(tmp_path, f'objectid,name,wkt\n1,a,"{square}"\n1,b,"{square}"\n')
    with pytest.raises(UnreadableFile) as told:
        opened(path, BOROUGHS)
    assert told.value.code == "missing-columns"
    said = "objectid looks like a key, but of the first 2 rows 50.0% repeat a value of one before; there is no other."
    assert said in (told.value.hint or "")


def test_rows_of_another_width_are_faults_with_their_number(tmp_path: Path) -> None:
    path = written(tmp_path, "id,name,lon,lat\n1,a,13,52\n2,b,13\n3,c,13,52,,\n4,d,13,52,x\n")
    rows = opened(path)[1]
    assert [(row.row, hasattr(row, "reason")) for row in rows] == [(1, False), (2, True), (3, False), (4, True)]
    assert faults(rows)[0] == "has 3 cells, but there are 4 columns"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"id,name,lon,lat\n1,a\0b,13,52\n", "malformed-csv"),
        (b'id,name,lon,lat\n1,"open,13,52\n', "malformed-csv"),
        (b"id,name,x,y\n1,a,386000,5819000\n", "missing-crs"),
        (b"id,name,wkt\n1,a,POINT(386000 5819000)\n", "missing-crs"),
        (b"id,name\n1,a\n", "no-position"),
        (b"hello\nworld\n", "no-position"),
        (b"id,lon,lat\n1,13,52\n", "missing-columns"),
        (b"id,name,lon,lat\n", "empty-file"),
        (b"\xff\xfe\x00\xd8\x00\xd8", "wrong-encoding"),
    ],
)
def test_tables_that_are_none_say_why(tmp_path: Path, content: bytes, code: str) -> None:
    assert refused(written(tmp_path, content))[0] == code


def test_json_list_of_a_foreign_service(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps([{"id": "B0", "name": "店", "location": "120.15,30.25", "typecode": "050211"}]))
    facts, row = only(path)
    assert (position(row), row.properties["category_id"]) == ((120.15, 30.25), "steak_house")
    assert facts.format == "JSON list"


def test_table_of_tags_is_read_as_openstreetmap(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    columns = ["element_type", "osmid", "amenity", "name", "name:zh", "geometry", "addr:postcode", "cuisine"]
    square = shapely.box(120.0, 30.0, 120.002, 30.002).wkt
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [
                columns,
                ["node", "1", "restaurant", "Noodles", "面馆", "POINT (120.15 30.25)", "310012.0", "noodle"],
                ["way", "2", "cafe", "Square", "", square, "", ""],
                ["node", "3", "bench", "A bench", "", "POINT (120.15 30.25)", "", ""],
                ["way", "4", "cafe", "", "", square, "", ""],
            ]
        )
    facts, rows = opened(path)
    assert facts.layout == "OpenStreetMap"
    assert [row.properties["source_key"] for row in rows] == ["osm:node/1", "osm:way/2"]
    assert rows[0].properties["names"] == {"local": "Noodles", "zh-Hans": "面馆"}
    assert rows[0].properties["address"] == {"postcode": "310012"}
    assert position(rows[1]) == pytest.approx((120.001, 30.001))
    assert "1 objects are no places of business: left out" in facts.remarks
