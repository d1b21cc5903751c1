"""GeoJSON in its forms, JSON lists and CSV: by what the bytes say, as a stream, with a place for every fault."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from app.imports.reading.types import RawRow, Wishes
from app.imports.types import RowFault
from tests.app.imports.reading.opening import PLACES, opened, refused, written

FEATURE: dict[str, Any] = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [24.94, 60.17]},
    "properties": {"source_key": "a", "name": "Kahvila", "category_id": "cafe"},
}
ROW = RawRow(1, FEATURE["geometry"], FEATURE["properties"])


def read(path: Path, wishes: Wishes = PLACES) -> tuple[str, list[Any]]:
    facts, rows = opened(path, wishes)
    return facts.format, rows


def test_collection_is_found_by_its_bytes_whatever_its_name(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps({"type": "FeatureCollection", "features": [FEATURE]}), "places.csv")
    assert read(path) == ("GeoJSON", [ROW])


def test_collection_whose_type_comes_last(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps({"features": [FEATURE], "type": "FeatureCollection"}))
    assert read(path) == ("GeoJSON", [ROW])


def test_mark_at_the_start_is_ignored(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + json.dumps(FEATURE).encode())
    assert read(path) == ("GeoJSONSeq", [ROW])


@pytest.mark.parametrize("separator", ["", "\x1e"])
def test_sequence_keeps_the_place_of_a_broken_line(tmp_path: Path, separator: str) -> None:
    lines = [json.dumps(FEATURE), '{"type":', json.dumps(FEATURE)]
    path = written(tmp_path, "\n".join(separator + line for line in lines))
    form, rows = read(path)
    assert form == "GeoJSONSeq"
    assert [type(row) for row in rows] == [RawRow, RowFault, RawRow]
    assert rows[1] == RowFault(2, None, "not a JSON object")
    assert rows[2].row == 3


def test_gzip_is_unpacked_and_its_copy_removed(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(json.dumps(FEATURE).encode()))
    assert read(path) == ("GeoJSONSeq", [ROW])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (None, None),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", None),
        ("EPSG:4326", None),
        ("EPSG:2263", "foreign-crs"),
        ("EPSG:31468", "foreign-crs"),
    ],
)
def test_old_member_crs_is_honoured_where_it_moves_nothing(tmp_path: Path, name: str | None, code: str | None) -> None:
    crs = None if name is None else {"type": "name", "properties": {"name": name}}
    path = written(tmp_path, json.dumps({"type": "FeatureCollection", "features": [FEATURE], "crs": crs}))
    if code is None:
        assert read(path)[1] == [ROW]
    else:
        assert refused(path)[0] == code


def test_list_for_the_world_is_rows_without_shapes(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps([{"brand_id": "b"}, 3]))
    assert read(path, Wishes("brands")) == (
        "JSON list",
        [RawRow(1, None, {"brand_id": "b"}), RowFault(2, None, "not a JSON object")],
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty-file"),
        (b" \n\t", "empty-file"),
        (gzip.compress(b"", mtime=0), "empty-file"),
        (b'{"type": "FeatureCollection", "features": []}', "empty-file"),
        (b'{"type": "FeatureCollection", "features": [{"type": "Feature"', "malformed-json"),
        (b'{"type": "FeatureCollection", "features": [NaN]}', "malformed-json"),
        (b'{"type": "Topology", "objects": {}}', "unsupported-format"),
        (b'{"name": "nothing"}', "unsupported-format"),
        (gzip.compress(b"{}" * 1000, mtime=0)[:-9], "damaged-archive"),
        (gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0), "nested-archive"),
        (gzip.compress(b" " * 40_000_000, mtime=0), "unpacks-too-large"),
    ],
)
def test_what_is_no_file_of_ours_says_why(tmp_path: Path, content: bytes, code: str) -> None:
    assert refused(written(tmp_path, content))[0] == code
