"""Rows as files state them into typed records; a bad row becomes a RowFault and the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import shapely
from shapely.geometry import mapping

from app.imports import fields, members
from app.imports.checks.rings import NOTES, turned_rings
from app.imports.errors import RowRefused
from app.imports.reading.types import RawRow
from app.imports.types import (
    BasemapRecord,
    BrandRecord,
    CategoryRecord,
    HolidayRecord,
    PlaceRecord,
    RegionRecord,
    RowFault,
)
from app.places.hours_text import MAX_CHARS
from app.regions.types import REGION_KINDS
from geo.coordinates import LonLat
from geo.errors import GeoError
from geo.geojson import parse_line, parse_point, parse_polygons
from geo.grid_shift import Datum, to_wgs84, to_wgs84_many
from geo.polygons import REGION, Limits, geodesic_area_m2
from geo.rings import Remark

Json = Mapping[str, Any]
Record = PlaceRecord | RegionRecord | BasemapRecord | CategoryRecord | BrandRecord | HolidayRecord

BASEMAP_LIMITS: Final = Limits("base map area", max_points=200_000, max_rings=5_000)
# From which zoom a class is worth drawing, when the file doesn't say.
_MIN_ZOOM: Final = {
    "motorway": 6, "trunk": 7, "primary": 9, "secondary": 11, "rail": 10, "tertiary": 12, "minor": 13, "path": 14,
    "sea": 0, "lake": 8, "river": 9, "canal": 12, "stream": 13, "wood": 9, "park": 11, "cemetery": 13, "grass": 13,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """How rows of a kind are read, and which members they may have."""

    parse: Callable[[RawRow, Datum], Record]
    members: frozenset[str]


def parsed(kind: str, rows: Iterator[RawRow | RowFault], datum: Datum, unknown: members.Unknown) -> Iterator[Any]:
    """Records of a kind with their rows, as pairs; a RowFault for each row that is none."""
    how = KINDS[kind]
    parse, known = how.parse, how.members
    for row in rows:
        if isinstance(row, RowFault):
            yield row
            continue
        unknown.note(row.properties, known)
        try:
            yield parse(row, datum), row
        except RowRefused as refusal:
            yield fault_of(row, str(refusal), refusal.code)
        except GeoError as fault:
            near = f" near {fault.location.lon:.6f} {fault.location.lat:.6f}" if fault.location else ""
            hint = f" ({fault.hint})" if fault.hint else ""
            yield fault_of(row, f"{fault.code}: {fault.detail}{hint}{near}", fault.code, fault.location)


def fault_of(row: RawRow, reason: str, code: str, location: LonLat | None = None) -> RowFault:
    """A refused row with its key and what the file says of it."""
    key = row.properties.get("source_key")
    return RowFault(row.row, key[:200] if isinstance(key, str) else None, reason, code, location, row.properties)


def _shape(row: RawRow) -> Any:
    """The row's shape as a GeoJSON object."""
    if isinstance(row.geometry, shapely.Geometry):
        return mapping(row.geometry)  # type: ignore[arg-type]  # every geometry has the interface
    return row.geometry


def _place(raw: RawRow, datum: Datum) -> PlaceRecord:
    given = raw.properties
    written = parse_point(_shape(raw), pointer="/geometry")
    name = fields.text(given, "name")
    return PlaceRecord(
        row=raw.row,
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
        opening_hours=fields.optional_text(given, "opening_hours", MAX_CHARS),
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


def _region(raw: RawRow, datum: Datum) -> RegionRecord:
    given = raw.properties
    kind = fields.text(given, "kind", 40)
    if kind not in REGION_KINDS:
        raise RowRefused(f"kind is none of {', '.join(REGION_KINDS)}")
    checked = parse_polygons(_shape(raw), REGION, pointer="/geometry")
    shape = _undone(checked.geometry, datum)
    return RegionRecord(
        row=raw.row,
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
        remarks=_remarks(raw.geometry, checked.remarks),
    )


def _remarks(geometry: Any, remarks: tuple[Remark, ...]) -> tuple[str, ...]:
    """Codes of what the gate changed in a shape, as the report calls them."""
    found = {NOTES[remark.code] for remark in remarks if remark.code in NOTES}
    if turned_rings(geometry):
        found.add("rings-turned")
    return tuple(sorted(found))


def _basemap(raw: RawRow, datum: Datum) -> BasemapRecord:
    given = raw.properties
    layer = fields.text(given, "layer", 20)
    if layer not in ("road", "water", "green"):
        raise RowRefused("layer is none of road, water, green")
    feature_class = fields.text(given, "class", 40)
    return BasemapRecord(
        row=raw.row,
        layer=layer,
        feature_class=feature_class,
        name=fields.optional_text(given, "name"),
        min_zoom=fields.whole(given, "min_zoom", 0, 22, _MIN_ZOOM.get(feature_class, 12)),
        shape=_undone(_drawn(_shape(raw)), datum),
    )


def _undone(shape: Any, datum: Datum) -> Any:
    """A shape without the shift of the datum in which it is written."""
    if datum is Datum.WGS84:
        return shape

    def moved(points: Any) -> Any:
        return np.round(np.column_stack(to_wgs84_many(points[:, 0], points[:, 1], datum)), 7)

    return shapely.transform(shape, moved)


def _drawn(geometry: Any) -> shapely.Geometry:
    kind = geometry.get("type") if isinstance(geometry, Mapping) else None
    if kind == "LineString":
        return _line(geometry)
    if kind == "MultiLineString" and isinstance(geometry.get("coordinates"), list | tuple):
        return shapely.MultiLineString(
            [_line({"type": "LineString", "coordinates": part}) for part in geometry["coordinates"]]
        )
    return parse_polygons(geometry, BASEMAP_LIMITS, pointer="/geometry").geometry


def _line(geometry: Any) -> shapely.LineString:
    points: tuple[LonLat, ...] = parse_line(geometry, max_points=100_000, pointer="/geometry")
    return shapely.LineString([point.xy for point in points])


def _category(raw: RawRow, _datum: Datum) -> CategoryRecord:
    given = raw.properties
    aliases = given.get("aliases") or {}
    if not isinstance(aliases, dict) or not set(aliases) <= {"osm", "overture", "amap"}:
        raise RowRefused("aliases is not an object with lists for osm, overture, amap")
    return CategoryRecord(
        row=raw.row,
        category_id=fields.text(given, "category_id", 60),
        parent_id=fields.optional_text(given, "parent_id", 60),
        names=fields.names(given),
        aliases=tuple((scheme, code) for scheme in sorted(aliases) for code in fields.texts(aliases, scheme, 200)),
    )


def _brand(raw: RawRow, _datum: Datum) -> BrandRecord:
    given = raw.properties
    names = fields.names(given)
    return BrandRecord(raw.row, fields.text(given, "brand_id", 100), names, fields.optional_text(given, "wikidata", 20))


def _holiday(raw: RawRow, _datum: Datum) -> HolidayRecord:
    given = raw.properties
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
        row=raw.row,
        calendar=fields.text(given, "calendar", 20),
        on_date=on_date,
        kind=kind,
        as_weekday=int(weekday) if weekday else None,
        names={language: label for language, label in labels.items() if label},
    )


KINDS: Final = {
    "places": Kind(_place, members.PLACE),
    "regions": Kind(_region, members.REGION),
    "basemap": Kind(_basemap, members.BASEMAP),
    "categories": Kind(_category, members.CATEGORY),
    "brands": Kind(_brand, members.BRAND),
    "holidays": Kind(_holiday, members.HOLIDAY),
}
