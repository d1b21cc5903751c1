"""GeoJSON collections, GeoJSON text sequences and JSON lists as streams: memory does not grow with the file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

import ijson
import orjson

from app.imports.errors import UnreadableFile
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


class TrackedFile(io.RawIOBase):
    """A file that knows how many of its bytes were read; a byte order mark at its start is left out."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.size = path.stat().st_size
        self.read_bytes = 0
        if self._file.read(len(MARK)) != MARK:
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


def open_collection(path: Path, wishes: Wishes) -> Opened:
    """A GeoJSON FeatureCollection."""
    _refuse_foreign_crs(path)
    file = TrackedFile(path)
    return _opened("GeoJSON", file, wishes, lambda: _features(_items(file, "features.item")))


def open_sequence(path: Path, wishes: Wishes) -> Opened:
    """GeoJSON features, one a line, with or without record separators (RFC 8142)."""
    file = TrackedFile(path)
    return _opened("GeoJSONSeq", file, wishes, lambda: _features(_lines(file)))


def open_list(path: Path, wishes: Wishes) -> Opened:
    """A JSON list of objects: rows without shapes."""
    file = TrackedFile(path)
    return _opened("JSON list", file, wishes, lambda: _objects(_items(file, "item")))


def _opened(form: str, file: TrackedFile, wishes: Wishes, rows: Callable[[], Iterator[RawRow | RowFault]]) -> Opened:
    facts = SourceFacts(form, encoding="UTF-8", crs="OGC:CRS84", datum=wishes.datum or Datum.WGS84)
    return Opened(facts, rows, done=file.done, close=file.close)


def _items(file: TrackedFile, prefix: str) -> Iterator[Any]:
    try:
        yield from ijson.items(io.BufferedReader(file, BUFFER), prefix, use_float=True, buf_size=BUFFER)
    except ijson.IncompleteJSONError as error:
        raise UnreadableFile(
            f"The JSON breaks off or is malformed: {_said(error)}.", code="malformed-json", hint="Make it again."
        ) from error
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"The file is not JSON in UTF-8: {_said(error)}.", code="malformed-json") from error


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


def _objects(values: Iterator[Any]) -> Iterator[RawRow | RowFault]:
    for number, value in enumerate(values, 1):
        if isinstance(value, dict):
            yield RawRow(number, None, value)
        else:
            yield RowFault(number, None, "not a JSON object")


def _key(row: dict[str, Any]) -> str | None:
    found = row.get("source_key")
    return found[:200] if isinstance(found, str) else None


def _refuse_foreign_crs(path: Path) -> None:
    """The old member crs is honoured where it says what GeoJSON says anyway; every other one would move things."""
    if not _mentions(path, _CRS_MEMBER):
        return
    try:
        with path.open("rb") as file:
            if file.read(len(MARK)) != MARK:
                file.seek(0)
            stated = list(ijson.items(file, "crs", use_float=True))
    except (ijson.JSONError, UnicodeDecodeError):
        return  # told with its place when the rows are read
    for value in stated:
        name = value.get("properties", {}).get("name") if isinstance(value, dict) else None
        if value is not None and str(name).lower() not in _LONLAT_NAMES:
            raise UnreadableFile(
                f"The file states the reference system {str(name)[:80]!r} in the old member crs.",
                code="foreign-crs",
                hint="GeoJSON is written in longitude and latitude of WGS 84: write it again so, or send a GeoPackage.",
            )


def _mentions(path: Path, word: bytes) -> bool:
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            if word in tail + chunk:
                return True
            tail = chunk[-len(word) :]
    return False


def _said(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0][:120].rstrip(". ") if lines else type(error).__name__
