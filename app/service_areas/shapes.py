"""What merchants draw becomes a stored boundary: the gate of ``geo``, and what an area must be beyond it; pure.

Boundaries are WGS 84 with seven decimals. A fault is told with a JSON pointer and the place on the map, in the datum
that the drawing came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians
from typing import Any, Final

import numpy as np
import shapely
from shapely import MultiPolygon

from app.core.errors import AppError, Fault
from app.service_areas.errors import InvalidShape, ShapeTooLarge
from geo.antimeridian import polygons_in
from geo.coordinates import LonLat
from geo.distance import destination
from geo.errors import GeoError, GeometryTooLarge
from geo.geojson import parse_polygons, polygons_geometry
from geo.grid_shift import Datum, from_wgs84_many, to_wgs84_many
from geo.polygons import DRAWN_AREA, CheckedPolygons, Limits, checked_polygon, checked_shape, geodesic_area_m2
from geo.rings import Remark
from geo.units import METRES_PER_DEGREE

DECIMALS: Final = 7
CIRCLE_POINTS: Final = 256
MIN_RADIUS_M: Final = 10.0
MAX_RADIUS_M: Final = 50_000.0
MIN_WIDTH_M: Final = 1.0
"""A polygon that is nowhere wider is a slip of the pen."""
MOST_DEVIATION_M: Final = 5.0
# More points than are stored are read, so that a simpler drawing can be proposed.
_READ: Final = Limits("drawn area", max_points=50_000, max_rings=500, max_width_deg=20.0)
_TOLERANCES_M: Final = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 4.8)


@dataclass(frozen=True, slots=True)
class Shape:
    """A boundary that can be stored, and what of the drawing was changed for it."""

    boundary: MultiPolygon
    area_m2: float
    point_count: int
    remarks: tuple[Remark, ...] = ()


def drawn_shape(geometry: object, datum: Datum, *, repair: bool, pointer: str = "/geometry") -> Shape:
    """A Polygon or MultiPolygon of GeoJSON, as a merchant drew it; InvalidShape, ShapeTooLarge.

    ``repair`` closes open rings and mends what crosses itself, each with a remark; without it both are refused.
    """
    try:
        checked = parse_polygons(geometry, _READ, repair=repair, pointer=pointer)
    except GeoError as error:
        raise refusal(error) from error
    if not repair:
        _refuse_open_rings(geometry, checked, pointer)
    shape = _in_wgs84(checked.geometry, datum, pointer, repair=repair)
    _refuse_slivers(shape.geometry, geometry, datum, pointer)
    if shape.point_count > DRAWN_AREA.max_points:
        raise _too_many_points(shape, datum, pointer)
    return Shape(shape.geometry, geodesic_area_m2(shape.geometry), shape.point_count, checked.remarks)


def circle_shape(center: LonLat, radius_m: float, *, pointer: str = "/radius_m") -> Shape:
    """A circle as a polygon of ``CIRCLE_POINTS`` sides inside it, which leaves out at most a 13,000th of the radius."""
    ring = [
        destination(center, 360.0 * step / CIRCLE_POINTS, radius_m).rounded(DECIMALS).xy
        for step in range(CIRCLE_POINTS)
    ]
    ring.reverse()
    try:
        checked = checked_polygon([[[*xy] for xy in (*ring, ring[0])]], DRAWN_AREA, pointer=pointer)
    except GeoError as error:
        at = center if error.location is None else error.location
        raise refusal(type(error)(error.detail, hint=error.hint, pointer=pointer, location=at)) from error
    return Shape(checked.geometry, geodesic_area_m2(checked.geometry), checked.point_count, ())


def refusal(error: GeoError) -> AppError:
    """A refusal of ``geo`` as one of ours."""
    kind = ShapeTooLarge if isinstance(error, GeometryTooLarge) else InvalidShape
    fault = fault_at(error.detail, error.pointer, error.location, code=kind.code, hint=error.hint)
    return kind(f"{error.pointer}: {error.detail}", faults=(fault,))


def fault_at(
    detail: str, pointer: str, place: LonLat | None, *, code: str | None = None, hint: str | None = None
) -> Fault:
    """A fault with its place on the map."""
    location = None if place is None else {"lon": round(place.lon, DECIMALS), "lat": round(place.lat, DECIMALS)}
    return Fault(detail, pointer=pointer, code=code, hint=hint, location=location)


def inner_place(geometry: shapely.Geometry) -> LonLat:
    """A place that surely lies in a geometry."""
    point = shapely.point_on_surface(geometry)
    return LonLat(float(point.x), float(point.y))


def written_in(datum: Datum, place: LonLat) -> LonLat:
    """A WGS 84 place with the digits of a datum."""
    lons, lats = from_wgs84_many(np.array([place.lon]), np.array([place.lat]), datum)
    return LonLat(float(lons[0]), float(lats[0])).rounded(DECIMALS)


def geometry_json(boundary: MultiPolygon, datum: Datum = Datum.WGS84) -> dict[str, Any]:
    """A boundary as GeoJSON with the digits of a datum."""
    if datum is Datum.WGS84:
        return polygons_geometry(boundary)
    return polygons_geometry(_moved(boundary, lambda lons, lats: from_wgs84_many(lons, lats, datum)))


def multipolygon_json(boundary: MultiPolygon) -> dict[str, Any]:
    """A boundary as a GeoJSON MultiPolygon of seven decimals, whatever its digits are."""
    oriented = shapely.orient_polygons(boundary)
    parts = [
        [np.round(shapely.get_coordinates(ring), DECIMALS).tolist() for ring in (part.exterior, *part.interiors)]
        for part in oriented.geoms
    ]
    return {"type": "MultiPolygon", "coordinates": parts}


def _moved(geometry: MultiPolygon, convert: Any) -> MultiPolygon:
    def each(positions: Any) -> Any:
        lons, lats = convert(positions[:, 0], positions[:, 1])
        return np.round(np.column_stack([lons, lats]), DECIMALS) + 0.0

    moved = shapely.transform(geometry, each)
    assert isinstance(moved, MultiPolygon)
    return moved


def _in_wgs84(geometry: MultiPolygon, datum: Datum, pointer: str, *, repair: bool) -> CheckedPolygons:
    """With seven decimals of WGS 84; what rounding breaks is refused like anything else."""
    moved = _moved(geometry, lambda lons, lats: to_wgs84_many(lons, lats, datum))
    try:
        return checked_shape(moved, _READ, repair=repair)
    except GeoError as error:
        raise refusal(type(error)(error.detail, hint="too-fine", pointer=pointer, location=error.location)) from error


def _refuse_open_rings(geometry: object, checked: CheckedPolygons, pointer: str) -> None:
    faults = []
    for remark in checked.remarks:
        if remark.code == "ring-closed":
            last = _member(geometry, remark.pointer.removeprefix(pointer))[-1]
            said = "the ring is open: repeat its first position at the end, or send repair=true"
            where = LonLat(float(last[0]), float(last[1]))
            faults.append(fault_at(said, remark.pointer, where, code=InvalidShape.code, hint="unclosed"))
    if faults:
        raise InvalidShape(f"{faults[0].pointer}: {faults[0].detail}", faults=faults)


def _member(value: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        value = value[int(step)] if isinstance(value, Sequence) else value[step]
    return value


def _refuse_slivers(boundary: MultiPolygon, geometry: Any, datum: Datum, pointer: str) -> None:
    plane = _on_a_plane(boundary)
    several = geometry["type"] == "MultiPolygon" and len(geometry["coordinates"]) == len(boundary.geoms)
    for index, (part, flat) in enumerate(zip(boundary.geoms, plane.geoms, strict=True)):
        if shapely.is_empty(shapely.buffer(flat, -MIN_WIDTH_M / 2, quad_segs=2)):
            at = f"{pointer}/coordinates/{index}" if several else f"{pointer}/coordinates"
            said = f"this polygon is a sliver, nowhere wider than {MIN_WIDTH_M:g} m; leave it out"
            where = written_in(datum, inner_place(part))
            fault = fault_at(said, at, where, code=InvalidShape.code, hint="sliver")
            raise InvalidShape(f"{at}: {said}", faults=(fault,))


def _too_many_points(shape: CheckedPolygons, datum: Datum, pointer: str) -> ShapeTooLarge:
    said = f"an area has at most {DRAWN_AREA.max_points:,} points; this one has {shape.point_count:,}"
    found = simplified(shape.geometry)
    proposal = None
    if found is not None:
        simpler, deviation_m = found
        said += ": the problem's proposal has fewer and lies nowhere farther than 5 m from it"
        proposal = {
            "geometry": geometry_json(simpler, datum),
            "point_count": int(shapely.get_num_coordinates(simpler)),
            "hausdorff_m": deviation_m,
        }
    where = written_in(datum, inner_place(shape.geometry))
    fault = fault_at(said, pointer, where, code=ShapeTooLarge.code, hint="too-many-points")
    return ShapeTooLarge(f"{pointer}: {said}", faults=(fault,), extra={"proposal": proposal} if proposal else {})


def simplified(boundary: MultiPolygon) -> tuple[MultiPolygon, float] | None:
    """A drawing of at most 2,000 points, at most 5 m (Hausdorff) from a finer one; its distance, metres."""
    plane, (x_m, y_m) = _on_a_plane(boundary), _metres_per_degree(boundary)
    for tolerance in _TOLERANCES_M:
        simpler = shapely.simplify(plane, tolerance, preserve_topology=True)
        if shapely.get_num_coordinates(simpler) > DRAWN_AREA.max_points:
            continue
        back = shapely.transform(simpler, lambda positions: np.round(positions / (x_m, y_m), DECIMALS))
        try:
            checked = checked_shape(back, DRAWN_AREA)
        except GeoError:
            continue
        deviation = float(
            shapely.hausdorff_distance(shapely.boundary(plane), shapely.boundary(_scaled(back, x_m, y_m)))
        )
        if deviation <= MOST_DEVIATION_M:
            return checked.geometry, round(deviation, 3)
    return None


def _metres_per_degree(boundary: MultiPolygon) -> tuple[float, float]:
    """Of longitude and of latitude; where a degree of longitude is longest, so that no distance is told too short."""
    _, south, _, north = boundary.bounds
    nearest = 0.0 if south <= 0.0 <= north else min(abs(south), abs(north))
    return METRES_PER_DEGREE * max(cos(radians(nearest)), 1e-6), METRES_PER_DEGREE


def _on_a_plane(boundary: MultiPolygon) -> MultiPolygon:
    return _scaled(boundary, *_metres_per_degree(boundary))


def _scaled(geometry: shapely.Geometry, x_m: float, y_m: float) -> MultiPolygon:
    scaled = shapely.transform(geometry, lambda positions: positions * (x_m, y_m))
    return MultiPolygon(polygons_in(scaled))
