"""What a plain file is, by its first bytes; its name is never asked."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import ijson

from app.imports.errors import UnreadableFile, UnsupportedFormat

HEAD: Final = 4096
GEOMETRIES: Final = frozenset({
    "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection",
})  # fmt: skip
ACCEPTED: Final = "GeoJSON, GeoJSON lines, CSV, zipped Shapefile, GeoPackage, FlatGeobuf, GeoParquet, OSM PBF, Overpass"


class Form(StrEnum):
    """The forms that are read."""

    FEATURE_COLLECTION = "GeoJSON"
    FEATURE_SEQUENCE = "GeoJSONSeq"
    GEOMETRY = "GeoJSON geometry"
    JSON_LIST = "JSON list"
    OVERPASS = "Overpass JSON"
    CSV = "CSV"


def form_of(path: Path, kind: str) -> Form:
    """The form of a plain file; UnsupportedFormat, with what it seems to be, when it is none that is read."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if not text:
        raise UnreadableFile("The file holds nothing but blanks.", code="empty-file")
    if text.startswith(b"\x1e"):
        return Form.FEATURE_SEQUENCE
    if text.startswith(b"["):
        return Form.JSON_LIST
    if text.startswith(b"{"):
        return _object_form(path)
    del kind
    return Form.CSV


def _object_form(path: Path) -> Form:
    """A JSON object's form by the first telling member at its top."""
    depth, key = 0, ""
    try:
        with path.open("rb") as file:
            _skip_mark(file)
            events: Iterable[tuple[str, Any]] = ijson.basic_parse(file, multiple_values=True, use_float=True)
            for event, value in events:
                if event == "map_key" and depth == 1:
                    key = value
                    if key in ("features", "elements"):
                        return Form.FEATURE_COLLECTION if key == "features" else Form.OVERPASS
                elif event == "string" and depth == 1 and key == "type":
                    return _by_type(value)
                elif event in ("start_map", "start_array"):
                    depth += 1
                elif event in ("end_map", "end_array"):
                    depth -= 1
                    if depth == 0:
                        break
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"The file is not JSON in UTF-8: {_said(error)}.", code="malformed-json") from error
    raise UnsupportedFormat("The file is JSON, but neither GeoJSON nor Overpass JSON.", hint=f"Read are {ACCEPTED}.")


def _by_type(value: str) -> Form:
    if value == "FeatureCollection":
        return Form.FEATURE_COLLECTION
    if value == "Feature":
        return Form.FEATURE_SEQUENCE
    if value in GEOMETRIES:
        return Form.GEOMETRY
    raise UnsupportedFormat(f"The file is JSON of type {value[:40]!r}, which is no GeoJSON.")


def _skip_mark(file: Any) -> None:
    if file.read(3) != b"\xef\xbb\xbf":
        file.seek(0)


def _said(error: Exception) -> str:
    """The first line of a parser's words, without the input that it repeats."""
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__
