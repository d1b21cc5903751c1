"""GeoJSON collections, GeoJSON text sequences and JSON lists as streams: memory does not grow with the file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

import ijson
import numpy as np
import orjson
import shapely
from shapely.errors import ShapelyError

from app.imports.errors import UnreadableFile
from app.imports.reading.reference import CRS84, Reference, reference_of
from app.imports.reading.refusing import said
from app.imports.reading.types import Opened, RawRow, SourceFacts, Wishes
from app.imports.types import RowFault
from geo.grid_shift import Datum

MAX_LINE_BYTES: Final = 32_000_000
BUFFER: Final = 1 << 16
MARK: Final = b"\xef\xbb\xbf"
_CRS_MEMBER: Final = b'"crs"'
_LONLAT_NAMES: Final = frozenset({
    "urn:ogc:def:crs:ogc:1.3:crs84", "urn:ogc:def:crs:ogc::crs84", "ogc:crs84", "crs84",
    "urn:ogc:def:crs:epsg::4326", "epsg:4326", "urn:ogc:def:crs:epsg::4490", "epsg:4490",
})  # fmt: skip
_MERCATOR_NAMES: Final = frozenset({"urn:ogc:def:crs:epsg::3857", "epsg:3857", "epsg:900913"})


class TrackedFile(io.RawIOBase):
    """A file that knows how many of its bytes were read; a byte order mark at its start is left out."""

    def __init__(self, path: Path, *, keep_mark: bool = False) -> None:
        self._file = path.open("rb")
        self.size = path.stat().st_size
        self.read_bytes = 0
        if keep_mark or self._file.read(len(MARK)) != MARK:
            self._file.seek(0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer)
        self.read_bytes += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()

    def done(self) -> tuple[int, int | None, str]:
        """For ``Opened.done``."""
        return self.read_bytes, self.size, "bytes"


def open_collection(path: Path, wishes: Wishes, folder: Path) -> Opened:
    """A GeoJSON FeatureCollection."""
    del folder
    stated = _stated_crs(path)
    file = TrackedFile(path)
    return _opened("GeoJSON", file, wishes, lambda: _features(_items(file, "features.item")), stated)


def open_sequence(path: Path, wishes: Wishes, folder: Path) -> Opened:
    """GeoJSON features, one a line, with or without record separators (RFC 8142)."""
    del folder
    file = TrackedFile(path)
    return _opened("GeoJSONSeq", file, wishes, lambda: _features(_lines(file)))


def open_list(path: Path, wishes: Wishes, folder: Path) -> Opened:
    """A JSON list of objects: rows without shapes."""
    del folder
    file = TrackedFile(path)
    facts = SourceFacts("JSON list", encoding="UTF-8", datum=wishes.datum or Datum.WGS84)
    return Opened(facts, lambda: _objects(_items(file, "item")), done=file.done, close=file.close)


def open_geometry(path: Path, wishes: Wishes, folder: Path) -> Opened:
    """A bare GeoJSON geometry: one row without properties."""
    del folder
    file = TrackedFile(path)
    return _opened("GeoJSON geometry", file, wishes, lambda: _bare(_items(file, "")))


def _opened(
    form: str,
    file: TrackedFile,
    wishes: Wishes,
    rows: Callable[[], Iterator[RawRow | RowFault]],
    stated: str = CRS84,
) -> Opened:
    """GeoJSON is in longitude and latitude unless its sender declares something else."""
    try:
        reference = reference_of(wishes.crs or stated, stated if stated != CRS84 else wishes.crs, "Nothing in the file")
    except BaseException:
        file.close()
        raise
    facts = SourceFacts(form, encoding="UTF-8", crs=reference.name, datum=wishes.datum or Datum.WGS84)
    moved = rows if reference.is_degrees else lambda: _moved(rows(), reference)
    return Opened(facts, moved, done=file.done, close=file.close)


def _moved(rows: Iterator[RawRow | RowFault], reference: Reference) -> Iterator[RawRow | RowFault]:
    """Rows with their shapes brought to degrees; only then do shapes have to be read here."""
    for row in rows:
        if isinstance(row, RowFault) or row.geometry is None:
            yield row
            continue
        try:
            shape = shapely.force_2d(shapely.from_geojson(orjson.dumps(row.geometry)))
        except (ShapelyError, TypeError):
            yield RowFault(row.row, _key(dict(row.properties)), "invalid-geometry: the shape can't be read")
            continue
        shapes, faults = reference.degrees(np.array([shape], dtype=object))
        if faults:
            yield RowFault(row.row, _key(dict(row.properties)), faults[0])
        else:
            yield RawRow(row.row, shapes[0], row.properties)


def _items(file: TrackedFile, prefix: str) -> Iterator[Any]:
    try:
        yield from ijson.items(io.BufferedReader(file, BUFFER), prefix, use_float=True, buf_size=BUFFER)
    except ijson.IncompleteJSONError as error:
        raise UnreadableFile(
            f"The JSON breaks off or is malformed: {said(error)}.", code="malformed-json", hint="Make it again."
        ) from error
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"The file is not JSON in UTF-8: {said(error)}.", code="malformed-json") from error


def _lines(file: TrackedFile) -> Iterator[Any]:
    buffered: IO[bytes] = io.BufferedReader(file, BUFFER)
    while line := buffered.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise UnreadableFile(f"A line has more than {MAX_LINE_BYTES:,} bytes.", code="line-too-long")
        line = line.strip(b"\x1e \t\r\n")
        if not line:
            continue
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            yield None


def _features(values: Iterator[Any]) -> Iterator[RawRow | RowFault]:
    for number, value in enumerate(values, 1):
        yield _feature(number, value)


def _feature(number: int, value: Any) -> RawRow | RowFault:
    if not isinstance(value, dict):
        return RowFault(number, None, "not a JSON object")
    properties = value.get("properties")
    if value.get("type") != "Feature" or not isinstance(properties, dict):
        return RowFault(number, _key(value), "not a GeoJSON Feature with properties")
    if "crs" in value:
        return RowFault(number, _key(properties), "states a reference system in the old member crs")
    return RawRow(number, value.get("geometry"), properties)


def _bare(values: Iterator[Any]) -> Iterator[RawRow | RowFault]:
    for number, value in enumerate(values, 1):
        yield RawRow(number, value, {})


def _objects(values: Iterator[Any]) -> Iterator[RawRow | RowFault]:
    for number, value in enumerate(values, 1):
        if isinstance(value, dict):
            yield RawRow(number, None, value)
        else:
            yield RowFault(number, None, "not a JSON object")


def _key(row: dict[str, Any]) -> str | None:
    found = row.get("source_key")
    return found[:200] if isinstance(found, str) else None


def _stated_crs(path: Path) -> str:
    """What the old member crs says; GeoJSON says WGS 84 without it."""
    if not _mentions(path, _CRS_MEMBER):
        return CRS84
    try:
        with path.open("rb") as file:
            if file.read(len(MARK)) != MARK:
                file.seek(0)
            stated = [value for value in ijson.items(file, "crs", use_float=True) if value is not None]
    except (ijson.JSONError, UnicodeDecodeError):
        return CRS84  # told with its place when the rows are read
    for value in stated:
        properties = value.get("properties") if isinstance(value, dict) else None
        name = properties.get("name") if isinstance(properties, dict) else None
        if str(name).lower() in _LONLAT_NAMES:
            continue
        if str(name).lower() in _MERCATOR_NAMES and len(stated) == 1:
            return "EPSG:3857"
        raise UnreadableFile(
            f"The file states the reference system {str(name)[:80]!r} in the old member crs.",
            code="foreign-crs",
            hint="GeoJSON is written in longitude and latitude of WGS 84: write it again so, or send a GeoPackage.",
        )
    return CRS84


def _mentions(path: Path, word: bytes) -> bool:
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            if word in tail + chunk:
                return True
            tail = chunk[-len(word) :]
    return False
