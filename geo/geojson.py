"""GeoJSON (RFC 7946) in and out: decoded dicts become checked values, values become dicts.

Positions are [lon, lat] of WGS 84; a height is dropped with a remark where shapes are read, and refused for
points and lines. The legacy member `crs` (GeoJSON 2008) is refused, since ignoring it would move things.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import shapely
from shapely import MultiPolygon

from geo.bbox import Bbox
from geo.coordinates import LonLat
from geo.errors import GeometryTooLarge, InvalidGeometry
from geo.polygons import CheckedPolygons, Limits, bbox_of, checked_polygon, checked_polygons
from geo.rings import checked_position

Json = dict[str, Any]

_DEFINED: Final = frozenset(("type", "coordinates", "geometries", "geometry", "properties"))

_TYPES: Final = (
    "Point",
    "MultiPoint",
    "LineString",
    "MultiLineString",
    "Polygon",
    "MultiPolygon",
    "GeometryCollection",
)


def parse_point(value: object, *, pointer: str = "") -> LonLat:
    """Reads a Point geometry. Raises `InvalidGeometry` or `InvalidCoordinate` with a JSON pointer."""
    _, coordinates = _typed(value, ("Point",), pointer)
    return _lonlat(coordinates, f"{pointer}/coordinates")


def parse_line(value: object, *, max_points: int = 2_000, pointer: str = "") -> tuple[LonLat, ...]:
    """Reads a LineString of two to `max_points` positions, in order; equal neighbours are kept.

    Raises `InvalidGeometry`, `InvalidCoordinate` or `GeometryTooLarge` with a JSON pointer.
    """
    _, coordinates = _typed(value, ("LineString",), pointer)
    at = f"{pointer}/coordinates"
    if not isinstance(coordinates, list | tuple):
        raise InvalidGeometry("An array of positions is expected here.", pointer=at)
    if len(coordinates) > max_points:
        raise GeometryTooLarge(f"A line has at most {max_points:,} points.", pointer=at)
    if len(coordinates) < 2:
        raise InvalidGeometry("A line needs at least two positions.", pointer=at)
    return tuple(_lonlat(position, f"{at}/{index}") for index, position in enumerate(coordinates))


def parse_polygons(
    value: object, limits: Limits, *, full: bool = False, repair: bool = False, pointer: str = ""
) -> CheckedPolygons:
    """Reads a Polygon or MultiPolygon geometry through the gate of `geo.polygons`.

    Raises `InvalidGeometry`, `InvalidCoordinate` or `GeometryTooLarge`; pointers begin with `pointer` and lead to the
    polygon, ring, position or number at fault: `/coordinates/0/2/1` is the latitude of the third position of the shell.
    """
    kind, coordinates = _typed(value, ("Polygon", "MultiPolygon"), pointer)
    check = checked_polygon if kind == "Polygon" else checked_polygons
    return check(coordinates, limits, full=full, repair=repair, pointer=f"{pointer}/coordinates")


def parse_geometry(
    value: object, limits: Limits, *, full: bool = False, repair: bool = False, pointer: str = ""
) -> LonLat | tuple[LonLat, ...] | CheckedPolygons:
    """Reads a Point, LineString (up to `limits.max_points`), Polygon or MultiPolygon; other types are refused.

    Raises as `parse_point`, `parse_line` and `parse_polygons` do.
    """
    kind, _ = _typed(value, ("Point", "LineString", "Polygon", "MultiPolygon"), pointer)
    if kind == "Point":
        return parse_point(value, pointer=pointer)
    if kind == "LineString":
        return parse_line(value, max_points=limits.max_points, pointer=pointer)
    return parse_polygons(value, limits, full=full, repair=repair, pointer=pointer)


def point_geometry(point: LonLat) -> Json:
    """A Point geometry."""
    return {"type": "Point", "coordinates": [point.lon, point.lat]}


def polygons_geometry(shape: CheckedPolygons | MultiPolygon) -> Json:
    """A Polygon geometry when there is one part, else a MultiPolygon; shells anticlockwise (RFC 7946 §3.1.6)."""
    geometry = shape.geometry if isinstance(shape, CheckedPolygons) else shapely.orient_polygons(shape)
    parts = [
        [shapely.get_coordinates(ring).tolist() for ring in (part.exterior, *part.interiors)] for part in geometry.geoms
    ]
    if len(parts) == 1:
        return {"type": "Polygon", "coordinates": parts[0]}
    return {"type": "MultiPolygon", "coordinates": parts}


def bbox_geometry(bbox: Bbox) -> Json:
    """The box as Polygon, or as MultiPolygon of its two parts when it crosses 180°.

    A box without width or height is a LineString (MultiLineString when it crosses), one without both a Point.
    """
    parts = [part for part in bbox.parts() if part.west < part.east] or [bbox]
    if bbox.west != bbox.east and bbox.south < bbox.north:
        return polygons_geometry(
            MultiPolygon([shapely.box(part.west, part.south, part.east, part.north) for part in parts])
        )
    lines = [[[part.west, part.south], [part.east, part.north]] for part in parts]
    if len(lines) > 1:
        return {"type": "MultiLineString", "coordinates": lines}
    if lines[0][0] == lines[0][1]:
        return {"type": "Point", "coordinates": lines[0][0]}
    return {"type": "LineString", "coordinates": lines[0]}


def feature(
    geometry: Json | LonLat | CheckedPolygons | MultiPolygon | None,
    properties: Mapping[str, Any],
    id: str | int | None = None,  # noqa: A002 -- the member's name in RFC 7946
    *,
    bbox: Bbox | None = None,
) -> Json:
    """A Feature; `geometry` is a written geometry, a value of this library, or None for a place unknown."""
    written: Json = {"type": "Feature"}
    if id is not None:
        written["id"] = id
    if bbox is not None:
        written["bbox"] = bbox.as_list()
    if isinstance(geometry, LonLat):
        geometry = point_geometry(geometry)
    elif isinstance(geometry, CheckedPolygons | MultiPolygon):
        geometry = polygons_geometry(geometry)
    written["geometry"] = geometry
    written["properties"] = dict(properties)
    return written


def feature_collection(features: Iterable[Json], *, bbox: Bbox | None = None, **members: Any) -> Json:
    """A FeatureCollection; `members` are foreign members such as a cursor (RFC 7946 §6.1).

    Raises `ValueError` for a member that GeoJSON keeps for other types (RFC 7946 §7.1).
    """
    taken = _DEFINED & members.keys()
    if taken:
        raise ValueError(f"GeoJSON defines the member {min(taken)} itself.")
    written: Json = {"type": "FeatureCollection"}
    if bbox is not None:
        written["bbox"] = bbox.as_list()
    written["features"] = list(features)
    written.update(members)
    return written


def bbox_around(values: Iterable[LonLat | CheckedPolygons | MultiPolygon]) -> Bbox | None:
    """The smallest box around all values, crossing 180° when narrower (RFC 7946 §5.2); None without values.

    Raises `InvalidBbox` for an empty geometry.
    """
    ranges: list[tuple[float, float]] = []
    lats: list[float] = []
    for value in values:
        if isinstance(value, LonLat):
            parts: tuple[Bbox, ...] = (Bbox(value.lon, value.lat, value.lon, value.lat),)
        else:
            parts = bbox_of(value.geometry if isinstance(value, CheckedPolygons) else value).parts()
        ranges += [(part.west, part.east) for part in parts]
        lats += [lat for part in parts for lat in (part.south, part.north)]
    return Bbox.of_ranges(ranges, lats) if lats else None


def _typed(value: object, allowed: tuple[str, ...], pointer: str) -> tuple[str, object]:
    """The type and coordinates of a geometry object, when its type is one of `allowed`."""
    if not isinstance(value, dict):
        raise InvalidGeometry("A GeoJSON geometry object is expected here.", pointer=pointer)
    if "crs" in value:
        raise InvalidGeometry(
            "The member crs is not part of GeoJSON any more; send longitude and latitude of WGS 84.",
            hint="legacy-crs",
            pointer=f"{pointer}/crs",
        )
    kind = value.get("type")
    if kind not in allowed:
        expected = " or ".join(allowed)
        known = isinstance(kind, str) and kind in (*_TYPES, "Feature", "FeatureCollection")
        found = f"not {kind}" if known else "spelled like that"
        raise InvalidGeometry(f"A geometry of type {expected} is expected, {found}.", pointer=f"{pointer}/type")
    if "coordinates" not in value:
        raise InvalidGeometry("The member coordinates is missing.", pointer=pointer)
    return str(kind), value["coordinates"]


def _lonlat(position: object, pointer: str) -> LonLat:
    if not isinstance(position, list | tuple | np.ndarray) or len(position) != 2:
        raise InvalidGeometry("A position is an array [lon, lat].", pointer=pointer)
    return LonLat(*checked_position(position, pointer))
