"""What a plain file is, by its first bytes; its name is never asked."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import ijson

from app.imports.errors import UnreadableFile, UnsupportedFormat
from app.imports.reading.refusing import AGAIN, said
from app.imports.reading.unpacking import GZIP, PACKED, ZIP

HEAD: Final = 4096
GEOMETRIES: Final = frozenset({
    "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection",
})  # fmt: skip
ACCEPTED: Final = (
    "GeoJSON, GeoJSON lines, CSV, zipped Shapefile, GeoPackage, FlatGeobuf, GeoParquet, OSM PBF and Overpass JSON,"
    " each also as .gz or .zip"
)
_XML: Final = (
    (b"<kml", "KML"), (b"<osm", "OpenStreetMap XML"), (b"<ogrvrtdatasource", "a GDAL virtual file"), (b"<gpx", "GPX"),
    (b"<!doctype html", "a web page"), (b"<html", "a web page"), (b"gml", "GML"),
    (b"<vrtdataset", "a GDAL virtual file"),
)  # fmt: skip
_BINARY: Final = (
    (b"%PDF", "a PDF document"), (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"GIF8", "a picture"),
    (b"\xd0\xcf\x11\xe0", "an old office document"), (b"\x7fELF", "a program"), (b"MZ", "a program"),
)  # fmt: skip


class Form(StrEnum):
    """The forms that are read, and two that are containers of others."""

    FEATURE_COLLECTION = "GeoJSON"
    FEATURE_SEQUENCE = "GeoJSONSeq"
    GEOMETRY = "GeoJSON geometry"
    JSON_LIST = "JSON list"
    OVERPASS = "Overpass JSON"
    CSV = "CSV"
    SHAPES = "Shapefile"
    GEOPACKAGE = "GeoPackage"
    FLATGEOBUF = "FlatGeobuf"
    PARQUET = "GeoParquet"
    PBF = "OSM PBF"
    GZIP = "gzip"
    ZIP = "zip"


def form_of(path: Path) -> Form:
    """The form of a file; UnsupportedFormat, with what it seems to be, when it is none that is read."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise UnreadableFile("The file is empty.", code="empty-file")
    found = _by_magic(head)
    if found is not None:
        return found
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Form.CSV
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if not text.strip(b"\0"):
        if text:
            raise UnsupportedFormat("The file holds nothing but zero bytes.", hint=f"Read are {ACCEPTED}.")
        raise UnreadableFile("The file holds nothing but blanks.", code="empty-file")
    if text.startswith(b"\x1e"):
        return Form.FEATURE_SEQUENCE
    if text.startswith(b"["):
        return Form.JSON_LIST
    if text.startswith(b"{"):
        return _object_form(path)
    if text.startswith(b"<"):
        raise unsupported(next((name for word, name in _XML if word in text[:2048].lower()), "XML"))
    if _is_binary(head):
        raise unsupported(
            next((name for word, name in _BINARY if head.startswith(word)), "binary data of no known kind")
        )
    return Form.CSV


def unsupported(what: str) -> UnsupportedFormat:
    """The refusal of a form that is not read."""
    hint = "Save it as GeoJSON or GeoPackage." if what in ("KML", "KMZ", "GPX", "GML") else f"Read are {ACCEPTED}."
    hint = "Save the sheet as CSV in UTF-8." if "workbook" in what or "office" in what else hint
    return UnsupportedFormat(f"The file is {what}, which is not read.", hint=hint)


def _by_magic(head: bytes) -> Form | None:
    if head.startswith(GZIP):
        return Form.GZIP
    if head.startswith((ZIP, b"PK\x05\x06")):
        return Form.ZIP
    if head.startswith(PACKED):
        raise UnsupportedFormat("The file is packed by something other than gzip or zip.", hint="Pack it as .zip.")
    if head.startswith(b"SQLite format 3\0"):
        return Form.GEOPACKAGE
    if head.startswith(b"fgb\x03"):
        return Form.FLATGEOBUF
    if head.startswith(b"PAR1"):
        return Form.PARQUET
    if head.startswith(b"\x00\x00\x27\x0a"):
        return Form.SHAPES
    if head[:3] == b"\0\0\0" and head[4:6] == b"\x0a\x09" and head[6:15] == b"OSMHeader":
        return Form.PBF
    return None


def _is_binary(head: bytes) -> bool:
    """True for control characters that no text has, more than a stray one."""
    odd = sum(byte < 9 or 13 < byte < 32 for byte in head if byte != 27)
    return odd > max(3, len(head) / 50) or head.startswith(tuple(word for word, _ in _BINARY[:6]))


def _object_form(path: Path) -> Form:
    """A JSON object's form by the first telling member at its top."""
    depth, key = 0, ""
    try:
        with path.open("rb") as file:
            if file.read(3) != b"\xef\xbb\xbf":
                file.seek(0)
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
        raise UnreadableFile(
            f"The file is not JSON in UTF-8: {said(error)}.", code="malformed-json", hint=AGAIN
        ) from error
    raise UnsupportedFormat("The file is JSON, but neither GeoJSON nor Overpass JSON.", hint=f"Read are {ACCEPTED}.")


def _by_type(value: str) -> Form:
    if value == "FeatureCollection":
        return Form.FEATURE_COLLECTION
    if value == "Feature":
        return Form.FEATURE_SEQUENCE
    if value in GEOMETRIES:
        return Form.GEOMETRY
    raise UnsupportedFormat(
        f"The file is JSON of type {value[:40]!r}, which is no GeoJSON.", hint=f"Read are {ACCEPTED}."
    )
