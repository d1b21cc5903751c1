"""Shapes out of a table's columns: longitude and latitude, both in one cell, well-known text or binary."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import shapely
from shapely.errors import ShapelyError

from app.imports.errors import UnreadableFile
from app.imports.reading import columns
from app.imports.reading.cleaning import is_nothing
from app.imports.reading.reference import CRS84, DEGREES, Reference, is_collection, reference_of
from app.imports.reading.types import Opened, RawRow, Wishes
from app.imports.types import RowFault, code_in

_SRID: Final = re.compile(r"\s*SRID=(\d+);\s*", re.I)
_MAX_SRID: Final = 999_999
_COMMA: Final = re.compile(r"[-+]?\d+,\d+")
_THOUSANDS: Final = re.compile(r"[-+]?\d{1,3},\d{3}")


def point_inside(given: Any) -> Any:
    """A point for an area (its centroid where that lies inside) or a line (its middle); others as they are."""
    shape: Any = given
    if isinstance(given, Mapping) and given.get("type") in ("Polygon", "MultiPolygon"):
        try:
            shape = shapely.from_geojson(json.dumps(given))
        except (ShapelyError, ValueError, TypeError):
            return given
    if not isinstance(shape, shapely.Geometry):
        return given
    kind = shapely.get_type_id(shape)
    if kind == shapely.GeometryType.POINT or shapely.is_empty(shape):
        return given
    if kind in (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON):
        if not shapely.is_valid(shape):
            return given  # refused further on, with its place
        at = shapely.centroid(shape)
        return at if shapely.covers(shape, at) else shapely.point_on_surface(shape)
    if kind == shapely.GeometryType.LINESTRING:
        middle: Any = shapely.line_interpolate_point
        return middle(shape, 0.5, normalized=True)
    if kind == shapely.GeometryType.MULTIPOINT and shapely.get_num_geometries(shape) == 1:
        return shapely.get_geometry(shape, 0)
    return given


@dataclass(slots=True)
class Placer:
    """Gives a table's rows their shapes."""

    used: dict[str, str]
    reference: Reference
    remarks: tuple[str, ...] = ()
    key: str | None = None
    crs: str = field(init=False)

    def __post_init__(self) -> None:
        self.crs = self.reference.name

    @classmethod
    def of(
        cls,
        opened: Opened,
        wishes: Wishes,
        names: Sequence[str],
        firsts: Sequence[RawRow],
        used: Mapping[str, str] | None = None,
    ) -> Placer:
        """The placer of a table whose rows have no shapes yet; refuses a table without columns for them."""
        values = [row.properties for row in firsts]
        if used is None:
            declared = {name: column for name, column in wishes.mapping.items() if name in columns.SHAPE}
            used = columns.guess("", names, values, declared, shapes=False).used
        found = {name: column for name, column in used.items() if name in columns.SHAPE}
        if opened.facts.format not in ("CSV", "JSON list", "GeoParquet"):
            # Forms with shapes of their own whose first rows have none: the rows are refused one by one.
            return cls({}, DEGREES)
        if not found and firsts:
            raise UnreadableFile(
                "No column says where the rows are.",
                code="no-position",
                hint=f"Declare lon and lat, latlon, or geometry in mapping; the columns are {', '.join(names[:40])}.",
            )
        reference, remarks = _reference(found, values, wishes)
        if _with_commas(found, values):
            remarks += ("positions are written with decimal commas and are read so",)
        return cls(found, reference, remarks, used.get("source_key"))

    def placed(self, row: RawRow) -> RawRow | RowFault:
        """The row with its shape; RowFault when its cells give none."""
        if not self.used:
            return row
        try:
            shape = self._shape(row.properties)
        except (ValueError, ShapelyError) as error:
            code = "invalid-geometry" if "geometry" in self.used else "invalid-coordinate"
            return RowFault(row.row, self._key(row), f"{code}: {str(error)[:120]}", code)
        if isinstance(shape, shapely.Geometry) and not self.reference.is_degrees:
            moved, faults = self.reference.degrees(np.array([shape], dtype=object))
            if faults:
                return RowFault(row.row, self._key(row), faults[0], code_in(faults[0]))
            shape = moved[0]
        return RawRow(row.row, shape, row.properties)

    def _key(self, row: RawRow) -> str | None:
        found = None if self.key is None else row.properties.get(self.key)
        return None if is_nothing(found) else str(found)[:200]

    def _shape(self, given: Mapping[str, Any]) -> Any:
        if "geometry" in self.used:
            return _parsed(given.get(self.used["geometry"]), self.reference)
        pair = _pair(self.used, given)
        if pair is None:
            raise ValueError("no position is given")
        if pair == (0.0, 0.0):
            raise ValueError("the position 0, 0 stands for an unknown one")
        if self.reference.is_degrees:
            return {"type": "Point", "coordinates": list(pair)}
        return shapely.Point(*pair)


def number_of(cell: Any, *, metres: bool) -> float:
    """A cell of one number, with a point or a decimal comma; ValueError.

    Of metres, ``570,123`` may as well mean thousands; degrees have none.
    """
    text = str(cell).strip()
    if metres and _THOUSANDS.fullmatch(text):
        raise ValueError(f"{text[:40]!r} can be read in two ways: give other than three decimals")
    try:
        return float(text.replace(",", ".") if _COMMA.fullmatch(text) else text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no number") from None


def _with_commas(found: Mapping[str, str], values: Sequence[Mapping[str, Any]]) -> bool:
    """Whether positions of the first rows are written with decimal commas."""
    cells = (str(given.get(column)) for name, column in found.items() if name != "geometry" for given in values)
    return any(_COMMA.fullmatch(cell.strip()) or columns.is_point_with_commas(cell) for cell in cells)


def _pair(used: Mapping[str, str], given: Mapping[str, Any]) -> tuple[float, float] | None:
    for names in (("lon", "lat"), ("x", "y")):
        if used.keys() >= set(names):
            first, second = (given.get(used[name]) for name in names)
            if is_nothing(first) or is_nothing(second):
                return None
            metres = names == ("x", "y")
            return number_of(first, metres=metres), number_of(second, metres=metres)
    for name in ("latlon", "lonlat"):
        if name in used:
            cell = given.get(used[name])
            point = columns.point_of(str(cell)) if not is_nothing(cell) else None
            return None if point is None else (point if name == "lonlat" else point[::-1])
    return None


def _parsed(cell: Any, reference: Reference) -> Any:
    if is_nothing(cell):
        raise ValueError("no shape is given")
    if isinstance(cell, Mapping):
        return cell
    text = cell if isinstance(cell, str) else str(cell)
    match = _SRID.match(text)
    srid = int(match[1]) if match else 0
    text = text[match.end() :] if match else text
    binary = bytes.fromhex(text) if text[:2] in ("00", "01") else None
    if "COLLECTION" in text[:200].upper() or (binary is not None and is_collection(binary)):
        raise ValueError("a collection of mixed shapes is no place and no area")
    try:
        shape = shapely.from_wkb(binary) if binary is not None else shapely.from_wkt(text)
    except ShapelyError as error:
        raise ValueError("the shape can't be read") from error
    srid = srid or int(shapely.get_srid(shape))
    if srid and f"EPSG:{srid}" != reference.name and not (reference.is_degrees and srid in (4326, 4490)):
        raise ValueError(f"the shape states EPSG:{srid}, the file is in {reference.name}")
    return shapely.set_srid(shapely.force_2d(shape), 0)


def _reference(
    found: Mapping[str, str], values: Sequence[Mapping[str, Any]], wishes: Wishes
) -> tuple[Reference, tuple[str, ...]]:
    """Columns called longitude and latitude say by their names what they are; others have to be declared."""
    if "geometry" in found:
        stated = _stated_srid(found["geometry"], values)
        if stated is None and wishes.crs is None and _within_degrees(found["geometry"], values):
            return DEGREES, ("the shapes state no reference system; their numbers fit longitude and latitude",)
        return reference_of(stated, wishes.crs, "Nothing in the file"), ()
    if found.keys() & {"x", "y"}:
        return reference_of(None, wishes.crs, "Nothing in the file"), ()
    return reference_of(wishes.crs or CRS84, wishes.crs, "Nothing in the file") if wishes.crs else DEGREES, ()


def _stated_srid(column: str, values: Sequence[Mapping[str, Any]]) -> str | None:
    for given in values:
        cell = given.get(column)
        if isinstance(cell, str) and columns.is_shape(cell):
            match = _SRID.match(cell)
            if match:
                srid = int(match[1])
            else:
                try:
                    srid = int(shapely.get_srid(shapely.from_wkb(bytes.fromhex(cell)))) if cell[:1] == "0" else 0
                except (ShapelyError, ValueError):
                    continue
            return f"EPSG:{srid}" if 0 < srid <= _MAX_SRID else None
    return None


def _within_degrees(column: str, values: Sequence[Mapping[str, Any]]) -> bool:
    shapes = []
    for given in values:
        cell = given.get(column)
        try:
            shapes.append(_parsed(cell, DEGREES))
        except ValueError:
            continue
    boxes = shapely.bounds([shape for shape in shapes if isinstance(shape, shapely.Geometry)])
    boxes = boxes[~np.isnan(boxes).any(axis=1)] if len(boxes) else boxes
    return bool(len(boxes)) and bool((np.abs(boxes[:, [0, 2]]) <= 180).all() and (np.abs(boxes[:, [1, 3]]) <= 90).all())
