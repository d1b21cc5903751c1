"""Zip files, strictly: what an archive may hold, how its members may be called, and what is found in it."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from app.imports.reading.types import Ceilings
from tests.app.imports.reading.opening import BOROUGHS, DATA, opened, refused, wishes, written, zipped

FEATURE = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [24.94, 60.17]},
    "properties": {"source_key": "a", "name": "Kahvila", "category_id": "cafe"},
}
PLACES = json.dumps({"type": "FeatureCollection", "features": [FEATURE]}).encode()
SQUARE = {"type": "Polygon", "coordinates": [[[120.0, 30.0], [120.1, 30.0], [120.1, 30.1], [120.0, 30.0]]]}


def entry(name: str, content: bytes = PLACES, *, mode: int = 0o100644, flag: int = 0) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr, info.flag_bits = 3, mode << 16, flag
    return info, content


def archive(tmp_path: Path, *entries: tuple[zipfile.ZipInfo, bytes]) -> Path:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for info, content in entries:
            made.writestr(info, content)
    return written(tmp_path, buffer.getvalue(), "a.zip")


def overlapping(tmp_path: Path) -> Path:
    """Many names for the same packed bytes (CVE-2024-0450)."""
    packed = zlib.compress(b" " * 1_000_000)[2:-4]
    content = b" " * 1_000_000
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, zlib.crc32(content), len(packed), len(content), 1, 0)
    body, directory = local + b"a" + packed, b""
    facts = (0, 8, 0, 0, zlib.crc32(content), len(packed), len(content), 1)
    for number in range(100):
        pointer = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, *facts, 0, 0, 0, 0, 0, 0)
        directory += pointer + bytes([97 + number % 26])
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 100, 100, len(directory), len(body), 0)
    return written(tmp_path, body + directory + end, "a.zip")


def test_one_file_in_a_folder_beside_a_licence_is_read(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"export/places.geojson": PLACES, "export/LICENCE.txt": b"x", "__MACOSX/._places": b"x"})
    assert [row.properties["source_key"] for row in opened(path)[1]] == ["a"]


@pytest.mark.parametrize(
    "name",
    [
        "../a.geojson",
        "/etc/a.geojson",
        "a/../../b.geojson",
        "C:a.geojson",
        "a\\b.geojson",
        "a\nb.geojson",
        "./a.geojson",
    ],
)
def test_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    assert refused(archive(tmp_path, entry(name)))[0] == "unsafe-archive"


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o010644, 0o140644])
def test_links_and_devices_are_refused(tmp_path: Path, mode: int) -> None:
    assert refused(archive(tmp_path, entry("a.geojson", b"/etc/passwd", mode=mode)))[0] == "unsafe-archive"


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    assert refused(overlapping(tmp_path))[0] == "unsafe-archive"


def test_encrypted_archive_says_so(tmp_path: Path) -> None:
    path = archive(tmp_path, entry("a.geojson"))
    content = bytearray(path.read_bytes())
    content[6] |= 1
    at = content.rindex(b"PK\1\2")
    content[at + 8] |= 1
    assert refused(written(tmp_path, bytes(content)))[0] == "encrypted-archive"


def test_directory_that_contradicts_the_files_is_refused(tmp_path: Path) -> None:
    content = archive(tmp_path, entry("a.geojson")).read_bytes()
    at = content.rindex(b"a.geojson")
    assert refused(written(tmp_path, content[:at] + b"b.geojson" + content[at + 9 :]))[0] == "damaged-archive"


def test_something_before_the_first_member_is_refused(tmp_path: Path) -> None:
    content = archive(tmp_path, entry("a.geojson")).read_bytes()
    assert refused(written(tmp_path, b"PK\3\4" + b"x" * 50 + content))[0] in ("unsafe-archive", "damaged-archive")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    assert refused(archive(tmp_path, entry("a.geojson"), entry("A.geojson")))[0] == "unsafe-archive"


def test_wrong_checksum_is_refused(tmp_path: Path) -> None:
    content = bytearray(archive(tmp_path, entry("a.geojson")).read_bytes())
    at = content.rindex(b"PK\1\2")
    content[at + 16] ^= 0xFF
    assert refused(written(tmp_path, bytes(content)))[0] == "damaged-archive"


def test_ceilings_are_counted_while_unpacking(tmp_path: Path) -> None:
    bomb = zipped(tmp_path, {"a.geojson": b" " * 30_000_000})
    assert refused(bomb)[0] == "unpacks-too-large"
    small = Ceilings(unpacked_bytes=1_000, free_bytes=1_000)
    assert refused(zipped(tmp_path, {"a.geojson": PLACES + b" " * 2_000}), ceilings=small)[0] == "unpacks-too-large"
    many = zipped(tmp_path, {f"{number}.txt": b"x" for number in range(1_001)})
    assert refused(many)[0] == "too-many-members"


def test_archives_within_archives_are_refused(tmp_path: Path) -> None:
    inner = zipped(tmp_path, {"a.geojson": PLACES}).read_bytes()
    assert refused(zipped(tmp_path, {"a.geojson": inner}))[0] == "nested-archive"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"doc.kml": b"<kml/>"}, "unsupported-format"),
        ({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}, "unsupported-format"),
        ({"a.yaml": b"x: 1"}, "unsupported-format"),
        ({}, "unsupported-format"),
        ({"a.csv": b"x", "b.csv": b"y"}, "several-layers"),
        ({"a.shp": b"x", "b.shp": b"y"}, "several-layers"),
        ({"a.geojson": b'{"type": "FeatureCollection", "features": []}', "b.geojson": PLACES}, "several-layers"),
    ],
)
def test_what_is_in_it_is_no_data_set_of_ours(tmp_path: Path, members: dict[str, bytes], code: str) -> None:
    assert refused(zipped(tmp_path, members))[0] == code


def test_one_of_several_files_is_chosen(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"a.geojson": PLACES, "b.geojson": PLACES.replace(b'"a"', b'"b"')})
    assert opened(path, wishes(layer="b"))[1][0].properties["source_key"] == "b"
    assert refused(path, wishes(layer="c"))[0] == "unknown-layer"


def test_bare_shapes_are_named_by_their_codes(tmp_path: Path) -> None:
    members = {f"{code}.json": json.dumps(SQUARE).encode() for code in ("330100", "330102", "330110")}
    facts, rows = opened(zipped(tmp_path, members), wishes("regions"))
    assert (facts.format, facts.declared) == ("GeoJSON geometries", 3)
    assert [row.properties for row in rows] == [
        {
            "region_code": "330100",
            "names": {"local": "330100"},
            "source_key": "330100",
            "kind": "city",
            "admin_level": 5,
        },
        *(
            {
                "region_code": code,
                "names": {"local": code},
                "parent_key": "330100",
                "source_key": code,
                "kind": "district",
                "admin_level": 6,
            }
            for code in ("330102", "330110")
        ),
    ]
    assert rows[0].geometry == SQUARE


def test_shapefile_wins_over_copies_of_it_in_other_forms(tmp_path: Path) -> None:
    with zipfile.ZipFile(DATA / "berlin_boroughs_shp.zip") as made:
        members = {name: made.read(name) for name in made.namelist()}
    path = zipped(tmp_path, {**members, "berlin_boroughs.geojson": PLACES, "berlin_boroughs.csv": b"x"})
    assert opened(path, BOROUGHS)[0].format == "Shapefile"


def test_kml_is_refused_by_its_content_whatever_it_is_called(tmp_path: Path) -> None:
    kml = b'<?xml version="1.0"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document/></kml>'
    layer = b'<OGRVRTLayer name="a"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>'
    vrt = b"<OGRVRTDataSource>" + layer + b"</OGRVRTDataSource>"
    told: dict[str, Any] = {}
    for name, content in (("a.kml", kml), ("a.geojson", kml), ("b.geojson", vrt)):
        told[name] = refused(written(tmp_path, content, name))
    assert {code for code, _ in told.values()} == {"unsupported-format"}
    assert "KML" in told["a.geojson"][1]
    assert "virtual" in told["b.geojson"][1]
