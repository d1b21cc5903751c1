"""Files into typed records; a bad row becomes a RowFault and the rest goes on.

Read here: GeoJSON feature collections and GeoJSON text sequences (one feature a line, RFC 8142), plain JSON lists and
CSV, each also gzipped. A file is read as a stream where its form allows it; positions are WGS 84 or a declared datum.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import IO, Any, Final, TypeVar, cast

import orjson
import shapely

from app.imports import fields, members
from app.imports.checks.rings import NOTES, turned_rings
from app.imports.errors import RowRefused, UnreadableFile
from app.imports.members import Unknown
from app.imports.types import (
    BasemapRecord,
    BrandRecord,
    CategoryRecord,
    HolidayRecord,
    PlaceRecord,
    Progress,
    RegionRecord,
    RowFault,
)
from app.places.hours_text import MAX_CHARS
from app.regions.tables import REGION_KINDS
from geo.coordinates import LonLat
from geo.errors import GeoError
from geo.geojson import parse_line, parse_point, parse_polygons
from geo.grid_shift import Datum, to_wgs84
from geo.polygons import REGION, Limits, geodesic_area_m2
from geo.rings import Remark

Json = dict[str, Any]
Record = TypeVar("Record")
Item = tuple[int, Json | None]

MAX_LINE_BYTES: Final = 32_000_000
MAX_WHOLE_BYTES: Final = 1_000_000_000
BASEMAP_LIMITS: Final = Limits("base map area", max_points=200_000, max_rings=5_000)
# From which zoom a class is worth drawing, when the file doesn't say.
_MIN_ZOOM: Final = {
    "motorway": 6, "trunk": 7, "primary": 9, "secondary": 11, "rail": 10, "tertiary": 12, "minor": 13, "path": 14,
    "sea": 0, "lake": 8, "river": 9, "canal": 12, "stream": 13, "wood": 9, "park": 11, "cemetery": 13, "grass": 13,
}  # fmt: skip


def file_sha256(path: Path) -> bytes:
    """The checksum of a file; UnreadableFile when it can't be opened."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise UnreadableFile(f"{path.name}: {error.strerror}") from error


def read_places(
    path: Path, datum: Datum, unknown: Unknown, progress: Progress | None = None
) -> Iterator[PlaceRecord | RowFault]:
    """Places of a GeoJSON collection or sequence, whose points are written in ``datum``."""
    rows = _noted(_features(path, progress), members.PLACE, unknown)
    return _parsed(rows, lambda row, feature: _place(row, feature, datum))


def read_regions(path: Path, unknown: Unknown, progress: Progress | None = None) -> Iterator[RegionRecord | RowFault]:
    """Areas of a GeoJSON collection or sequence."""
    return _parsed(_noted(_features(path, progress), members.REGION, unknown), _region)


def read_basemap(path: Path, unknown: Unknown, progress: Progress | None = None) -> Iterator[BasemapRecord | RowFault]:
    """Roads, water and green of a GeoJSON collection or sequence."""
    return _parsed(_noted(_features(path, progress), members.BASEMAP, unknown), _basemap)


def read_categories(path: Path, unknown: Unknown) -> Iterator[CategoryRecord | RowFault]:
    """A JSON list of categories, parents before children."""
    return _parsed(_noted(_list(path), members.CATEGORY, unknown), _category)


def read_brands(path: Path, unknown: Unknown) -> Iterator[BrandRecord | RowFault]:
    """A JSON list of brands."""
    return _parsed(_noted(_list(path), members.BRAND, unknown), _brand)


def read_holidays(path: Path, unknown: Unknown) -> Iterator[HolidayRecord | RowFault]:
    """CSV with the columns calendar, on_date, kind, as_weekday, name_en, name_local."""
    with _opened(path, None) as file:
        try:
            reader = csv.DictReader(io.TextIOWrapper(file, "utf-8", newline=""))
            yield from _parsed(_noted(enumerate(reader, 1), members.HOLIDAY, unknown), _holiday)
        except (UnicodeDecodeError, csv.Error) as error:
            raise UnreadableFile(f"{path.name} is not CSV in UTF-8") from error


def _noted(rows: Iterable[Item], known: frozenset[str], unknown: Unknown) -> Iterator[Item]:
    """The rows as they come; the members that nobody reads are counted."""
    for number, row in rows:
        if row is not None:
            unknown.note(row.get("properties", {} if "type" in row else row), known)
        yield number, row


def _parsed(rows: Iterable[Item], parse: Callable[[int, Json], Record]) -> Iterator[Record | RowFault]:
    for number, row in rows:
        if row is None:
            yield RowFault(number, None, "not a JSON object")
            continue
        try:
            yield parse(number, row)
        except RowRefused as refusal:
            yield RowFault(number, _key(row), str(refusal))
        except GeoError as fault:
            place = f" near {fault.location.lon:.6f} {fault.location.lat:.6f}" if fault.location else ""
            hint = f" ({fault.hint})" if fault.hint else ""
            yield RowFault(number, _key(row), f"{fault.code}: {fault.detail}{hint}{place}")


def _key(row: Json) -> str | None:
    properties = row.get("properties")
    found = (properties if isinstance(properties, dict) else row).get("source_key")
    return found[:200] if isinstance(found, str) else None


class _Tracked(io.RawIOBase):
    """A raw file that tells how many of its bytes were read."""

    def __init__(self, path: Path, progress: Progress | None) -> None:
        self._file = path.open("rb")
        self._progress = progress

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer)
        if self._progress is not None and count:
            self._progress(count)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _opened(path: Path, progress: Progress | None) -> IO[bytes]:
    try:
        raw = io.BufferedReader(_Tracked(path, progress), 1 << 17)
    except OSError as error:
        raise UnreadableFile(f"{path.name}: {error.strerror}") from error
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
    return raw


def _features(path: Path, progress: Progress | None) -> Iterator[Item]:
    """Features with their numbers; None for a line that is no JSON object."""
    name = path.name.removesuffix(".gz")
    if name.endswith((".geojsonl", ".geojsons", ".geojsonseq", ".ndjson")):
        yield from _lines(path, progress)
    elif name.endswith((".geojson", ".json")):
        whole = _whole(path, progress)
        features = whole.get("features") if isinstance(whole, dict) else None
        if not isinstance(features, list):
            raise UnreadableFile(f"{path.name} is not a GeoJSON FeatureCollection")
        if whole.get("crs") is not None:
            raise UnreadableFile(f"{path.name} states a reference system in the old member crs; write it in WGS 84")
        yield from enumerate((item if isinstance(item, dict) else None for item in features), 1)
    else:
        raise UnreadableFile(f"{path.name} has none of the endings .geojson, .geojsonl, each also with .gz")


def _lines(path: Path, progress: Progress | None) -> Iterator[Item]:
    number = 0
    with _opened(path, progress) as file:
        try:
            while line := file.readline(MAX_LINE_BYTES + 1):
                if len(line) > MAX_LINE_BYTES:
                    raise UnreadableFile(f"{path.name} has a line of more than {MAX_LINE_BYTES:,} bytes")
                line = line.strip(b"\x1e \t\r\n")
                if not line:
                    continue
                number += 1
                try:
                    value = orjson.loads(line)
                except orjson.JSONDecodeError:
                    value = None
                yield number, value if isinstance(value, dict) else None
        except (EOFError, OSError) as error:
            raise UnreadableFile(f"{path.name} is damaged or cut short") from error


def _list(path: Path) -> Iterator[Item]:
    whole = _whole(path, None)
    if not isinstance(whole, list):
        raise UnreadableFile(f"{path.name} is not a JSON list")
    yield from enumerate((item if isinstance(item, dict) else None for item in whole), 1)


def _whole(path: Path, progress: Progress | None) -> Any:
    with _opened(path, progress) as file:
        try:
            content = file.read(MAX_WHOLE_BYTES + 1)
        except (EOFError, OSError) as error:
            raise UnreadableFile(f"{path.name} is damaged or cut short") from error
    if len(content) > MAX_WHOLE_BYTES:
        raise UnreadableFile(f"{path.name} is larger than {MAX_WHOLE_BYTES:,} bytes; write one feature a line")
    if not content.strip():
        raise UnreadableFile(f"{path.name} holds no rows: the file is empty")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UnreadableFile(f"{path.name} is not JSON in UTF-8: {error}") from error


def _split(feature: Json) -> tuple[Json, Any]:
    properties, geometry = feature.get("properties"), feature.get("geometry")
    if feature.get("type") != "Feature" or not isinstance(properties, dict):
        raise RowRefused("not a GeoJSON Feature with properties")
    if "crs" in feature:
        raise RowRefused("states a reference system in the old member crs")
    return properties, geometry


def _place(row: int, feature: Json, datum: Datum) -> PlaceRecord:
    given, geometry = _split(feature)
    written = parse_point(geometry, pointer="/geometry")
    name = fields.text(given, "name")
    hours = fields.optional_text(given, "opening_hours", MAX_CHARS)
    return PlaceRecord(
        row=row,
        source_key=fields.source_key(given),
        location=to_wgs84(written, datum).rounded(),
        name=name,
        names=fields.names(given, name),
        category_id=fields.text(given, "category_id", 60),
        alternate_category_ids=fields.texts(given, "alternate_category_ids"),
        brand_id=fields.optional_text(given, "brand_id", 100),
        address=fields.plain_object(given, "address"),
        phone=fields.optional_text(given, "phone", 200),
        website=_website(given),
        opening_hours=hours,
        workday_calendar=fields.flag(given, "workday_calendar"),
        price_level=fields.whole(given, "price_level", 1, 4, None),
        attributes=fields.plain_object(given, "attributes"),
        closed=fields.flag(given, "closed"),
        source_datum=datum.value,
        source_lon=written.lon,
        source_lat=written.lat,
    )


def _website(given: Json) -> str | None:
    value = fields.optional_text(given, "website", 2000)
    if value is not None and not value.lower().startswith(("http://", "https://")):
        raise RowRefused("website does not begin with http:// or https://")
    return value


def _region(row: int, feature: Json) -> RegionRecord:
    given, geometry = _split(feature)
    kind = fields.text(given, "kind", 40)
    if kind not in REGION_KINDS:
        raise RowRefused(f"kind is none of {', '.join(REGION_KINDS)}")
    checked = parse_polygons(geometry, REGION, pointer="/geometry")
    shape = checked.geometry
    return RegionRecord(
        row=row,
        source_key=fields.source_key(given),
        kind=kind,
        admin_level=fields.whole(given, "admin_level", 0, 15),
        region_code=fields.text(given, "region_code", 60),
        names=fields.names(given),
        parent_key=fields.optional_text(given, "parent_key", 200),
        note=fields.optional_text(given, "note", 500),
        demo=fields.flag(given, "demo"),
        extend_m=fields.whole(given, "extend_m", 0, 20_000, 0),
        boundary=shape,
        area_m2=geodesic_area_m2(shape),
        successor_of=fields.texts(given, "successor_of", 100, 200),
        remarks=_remarks(geometry, checked.remarks),
    )


def _remarks(geometry: Any, remarks: tuple[Remark, ...]) -> tuple[str, ...]:
    """Codes of what the gate changed in a shape, as the report calls them."""
    found = {NOTES[remark.code] for remark in remarks if remark.code in NOTES}
    if turned_rings(geometry):
        found.add("rings-turned")
    return tuple(sorted(found))


def _basemap(row: int, feature: Json) -> BasemapRecord:
    given, geometry = _split(feature)
    layer = fields.text(given, "layer", 20)
    if layer not in ("road", "water", "green"):
        raise RowRefused("layer is none of road, water, green")
    feature_class = fields.text(given, "class", 40)
    return BasemapRecord(
        row=row,
        layer=layer,
        feature_class=feature_class,
        name=fields.optional_text(given, "name"),
        min_zoom=fields.whole(given, "min_zoom", 0, 22, _MIN_ZOOM.get(feature_class, 12)),
        shape=_drawn(geometry),
    )


def _drawn(geometry: Any) -> shapely.Geometry:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind == "LineString":
        return _line(geometry)
    if kind == "MultiLineString" and isinstance(geometry.get("coordinates"), list):
        return shapely.MultiLineString(
            [_line({"type": "LineString", "coordinates": part}) for part in geometry["coordinates"]]
        )
    return parse_polygons(geometry, BASEMAP_LIMITS, pointer="/geometry").geometry


def _line(geometry: Json) -> shapely.LineString:
    points: tuple[LonLat, ...] = parse_line(geometry, max_points=100_000, pointer="/geometry")
    return shapely.LineString([point.xy for point in points])


def _category(row: int, given: Json) -> CategoryRecord:
    aliases = given.get("aliases") or {}
    if not isinstance(aliases, dict) or not set(aliases) <= {"osm", "overture", "amap"}:
        raise RowRefused("aliases is not an object with lists for osm, overture, amap")
    return CategoryRecord(
        row=row,
        category_id=fields.text(given, "category_id", 60),
        parent_id=fields.optional_text(given, "parent_id", 60),
        names=fields.names(given),
        aliases=tuple((scheme, code) for scheme in sorted(aliases) for code in fields.texts(aliases, scheme, 200)),
    )


def _brand(row: int, given: Json) -> BrandRecord:
    return BrandRecord(
        row, fields.text(given, "brand_id", 100), fields.names(given), fields.optional_text(given, "wikidata", 20)
    )


def _holiday(row: int, given: Json) -> HolidayRecord:
    kind = fields.text(given, "kind", 20)
    if kind not in ("holiday", "makeup_workday"):
        raise RowRefused("kind is neither holiday nor makeup_workday")
    weekday = fields.optional_text(given, "as_weekday", 1)
    if weekday is not None and (weekday not in "1234567" or kind != "makeup_workday"):
        raise RowRefused("as_weekday is not a day from 1 (Monday) to 7 of a make-up workday")
    try:
        on_date = date.fromisoformat(fields.text(given, "on_date", 10))
    except ValueError:
        raise RowRefused("on_date is not a date like 2026-10-01") from None
    labels = {"en": fields.optional_text(given, "name_en"), "local": fields.optional_text(given, "name_local")}
    return HolidayRecord(
        row=row,
        calendar=fields.text(given, "calendar", 20),
        on_date=on_date,
        kind=kind,
        as_weekday=int(weekday) if weekday else None,
        names={language: label for language, label in labels.items() if label},
    )
