"""PostGIS functions and casts, spelled in this file alone.

One distance everywhere: the sphere of PostGIS (``use_spheroid = false``), radius ``geo.units.EARTH_RADIUS_M``,
compared and sorted in whole millimetres. Drawn areas are planar in longitude and latitude, and their border counts
as inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from geoalchemy2 import Geography, Geometry
from sqlalchemy import BigInteger, Boolean, ColumnElement, Double, LargeBinary, Text, and_, cast, func, literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from geo.coordinates import LonLat

_POINT: TypeEngine[Any] = Geography("POINT", 4326)
_AREA: TypeEngine[Any] = Geography("MULTIPOLYGON", 4326)
_ANY: TypeEngine[Any] = Geometry("GEOMETRY", 4326)
MM_SLACK_M = 0.01  # the index is asked a centimetre further; the exact millimetres decide


def geometry_point(point: LonLat) -> ColumnElement[Any]:
    """A planar point in degrees."""
    return func.ST_SetSRID(func.ST_MakePoint(literal(point.lon, Double), literal(point.lat, Double)), 4326)


def geography_point(point: LonLat) -> ColumnElement[Any]:
    """A point on the sphere."""
    return cast(geometry_point(point), _POINT)


def near(location: ColumnElement[Any], point: LonLat, radius_m: float) -> ColumnElement[bool]:
    """Candidates for ``distance_mm <= radius``: index-supported, a centimetre too wide."""
    return func.ST_DWithin(
        location, geography_point(point), literal(radius_m + MM_SLACK_M, Double), False, type_=Boolean
    )


def distance_mm(location: ColumnElement[Any], point: LonLat) -> ColumnElement[int]:
    """Distance on the sphere in whole millimetres."""
    metres = func.ST_Distance(location, geography_point(point), False, type_=Double)
    return cast(func.round(metres * 1000), BigInteger)


def as_geometry(location: ColumnElement[Any]) -> ColumnElement[Any]:
    """A geography column read as planar degrees."""
    return cast(location, _ANY)


def same_point(location: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[bool]:
    """True when two point columns hold the same digits; compares bytes."""
    return location.op("=", return_type=Boolean())(other)


def longitude(location: ColumnElement[Any]) -> ColumnElement[float]:
    """Longitude of a point column, degrees."""
    return func.ST_X(as_geometry(location), type_=Double)


def latitude(location: ColumnElement[Any]) -> ColumnElement[float]:
    """Latitude of a point column, degrees."""
    return func.ST_Y(as_geometry(location), type_=Double)


def covers_point(boundary: ColumnElement[Any], point: LonLat) -> ColumnElement[bool]:
    """True when a planar area holds the point; its border counts."""
    return func.ST_Covers(boundary, geometry_point(point), type_=Boolean)


def covers(boundary: ColumnElement[Any], location: ColumnElement[Any]) -> ColumnElement[bool]:
    """True when a planar area holds a point column; its border counts."""
    return func.ST_Covers(boundary, as_geometry(location), type_=Boolean)


def area_distance_m(boundary: ColumnElement[Any], point: LonLat) -> ColumnElement[float]:
    """Distance on the sphere from a point to a planar area, metres; 0 inside."""
    return func.ST_Distance(cast(boundary, _AREA), geography_point(point), False, type_=Double)


def geojson(shape: ColumnElement[Any], decimals: int = 7) -> ColumnElement[str]:
    """A shape as GeoJSON text, RFC 7946 ring order."""
    return func.ST_AsGeoJSON(func.ST_ForcePolygonCCW(shape), decimals, type_=Text)


def tile_envelope(z: int, x: int, y: int, margin: float = 0.0) -> ColumnElement[Any]:
    """The square of a tile in EPSG:3857, widened by a share of its side."""
    return func.ST_TileEnvelope(z, x, y, func.ST_TileEnvelope(0, 0, 0), margin)


def tile_bytes(row: Any, layer: str) -> ColumnElement[bytes]:
    """Rows of a subquery (with a column ``shape``) as one layer of a vector tile."""
    return func.ST_AsMVT(row, layer, 4096, "shape", type_=LargeBinary)


def as_wkb(shape: ColumnElement[Any]) -> ColumnElement[bytes]:
    """A planar shape as well-known binary."""
    return func.ST_AsBinary(shape, type_=LargeBinary)


def from_wkb(shape: bytes) -> ColumnElement[Any]:
    """A planar shape in degrees from well-known binary."""
    return func.ST_GeomFromWKB(literal(shape, LargeBinary), 4326, type_=_ANY)


def degrees_box(west: Any, south: float, east: Any, north: float) -> ColumnElement[Any]:
    """A planar box in degrees; west and east may lie beyond 180 for what is drawn on the other side."""
    return func.ST_MakeEnvelope(west, south, east, north, 4326, type_=_ANY)


def touches_box(shape: ColumnElement[Any], box: ColumnElement[Any]) -> ColumnElement[bool]:
    """True when the boxes of two planar shapes meet; index-supported."""
    return shape.op("&&", return_type=Boolean())(box)


def inner_point(shape: ColumnElement[Any]) -> ColumnElement[Any]:
    """A point that surely lies inside a planar area: where its name is written."""
    return func.ST_PointOnSurface(shape, type_=_ANY)


def cut_to_box(shape: ColumnElement[Any], box: ColumnElement[Any]) -> ColumnElement[Any]:
    """What of a planar shape lies in a box; quick, good enough to draw."""
    return func.ST_ClipByBox2D(shape, box, type_=_ANY)


def simplified(shape: ColumnElement[Any], tolerance: float) -> ColumnElement[Any]:
    """A shape without details finer than a tolerance in its own unit; small parts stay as a speck."""
    return func.ST_SimplifyPreserveTopology(shape, tolerance, type_=_ANY)


def in_mercator(shape: ColumnElement[Any], shift_m: Any) -> ColumnElement[Any]:
    """A planar shape in EPSG:3857, moved east by some metres."""
    return func.ST_Translate(func.ST_Transform(shape, 3857), shift_m, 0, type_=_ANY)


def in_tile(shape: ColumnElement[Any], z: int, x: int, y: int, buffer: int) -> ColumnElement[Any]:
    """A Mercator shape in the 4096 units of a tile; null when nothing is left of it within the buffer."""
    return func.ST_AsMVTGeom(shape, tile_envelope(z, x, y), 4096, buffer, True)


def meets(shape: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[bool]:
    """True when two planar shapes have a point in common; index-supported."""
    return func.ST_Intersects(shape, other, type_=Boolean)


def on_land(location: ColumnElement[Any], shape: ColumnElement[Any]) -> ColumnElement[bool]:
    """True when a planar area holds a point column, its border too; asks the column's index for the box first.

    On the sphere the box's sides bow towards the poles, by less than 0.0012° times the square of its width in degrees.
    """
    width = func.ST_XMax(shape, type_=Double) - func.ST_XMin(shape, type_=Double)
    box = func.ST_Expand(shape, 0.0001 + 0.0012 * width * width)
    boxed = location.op("&&", return_type=Boolean())(cast(func.ST_Envelope(box), Geography("GEOMETRY", 4326)))
    return and_(boxed, covers(shape, location))


def shapes_of(pieces: Sequence[bytes]) -> ColumnElement[Any]:
    """A row a planar shape, from their well-known binaries."""
    return func.ST_GeomFromWKB(func.unnest(cast(literal(list(pieces)), ARRAY(LargeBinary))), 4326, type_=_ANY)


def union_of(shape: ColumnElement[Any]) -> ColumnElement[Any]:
    """Planar areas of several rows as one, as a MultiPolygon; null without rows."""
    return func.ST_Multi(func.ST_Union(shape), type_=_ANY)
