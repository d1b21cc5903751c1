"""The gate for polygons that users draw or operators load: in as nested lists, out as a valid MultiPolygon.

Order of the checks: structure, finite, range, ring rules, limits of the kind, validity with reason and place.
Nothing is repaired unless asked for, and every change is told in a remark. Zones are planar in longitude and
latitude (an edge is a straight line on the plate carrée map), as `ST_Covers` on `geometry` reads them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import sqrt
from typing import Final

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from geo.antimeridian import polygons_in, turns_of, unwrapped_polygon, within_the_map, without_slivers
from geo.bbox import Bbox
from geo.coordinates import LonLat, wrap_lon
from geo.errors import GeometryTooLarge, InvalidGeometry
from geo.rings import Positions, Remark, Ring, checked_ring, is_line
from geo.units import MERCATOR_RADIUS_M

_ECCENTRICITY: Final = sqrt(0.00669437999014131699614)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one kind of polygon may be at most; None is no limit. Reaching a limit is allowed.

    `kind` names it in refusals. Points count the one that closes a ring, before and after closing, cutting and
    mending. The width (degrees) is that of the box around, the area (m²) is on the ellipsoid.
    """

    kind: str
    max_points: int
    max_rings: int
    max_polygons: int | None = None
    max_width_deg: float | None = None
    max_area_m2: float | None = None


DRAWN_AREA: Final = Limits("drawn area", max_points=2_000, max_rings=500, max_width_deg=20.0)
QUERY_POLYGON: Final = Limits("query polygon", max_points=10_000, max_rings=500, max_polygons=20, max_area_m2=50_000e6)
REGION: Final = Limits("region", max_points=500_000, max_rings=5_000)

MAX_CROSSINGS: Final = 100
"""More crossings than this are not mended: the pieces grow with their square, 34 s for a star of 1,000 points."""


@dataclass(frozen=True, slots=True)
class CheckedPolygons:
    """A valid, not empty MultiPolygon within [-180, 180] × [-90, 90], rings turned as RFC 7946 wants.

    Shells run anticlockwise, holes clockwise; nothing crosses 180° (`crosses_antimeridian` tells that a piece
    was cut there). `point_count` counts closing positions; `remarks` lists what was changed.
    """

    geometry: MultiPolygon
    point_count: int
    crosses_antimeridian: bool
    remarks: tuple[Remark, ...]

    @property
    def bbox(self) -> Bbox:
        """The smallest box around, crossing 180° when that is narrower."""
        return bbox_of(self.geometry)


def checked_polygon(
    coordinates: object, limits: Limits, *, full: bool = False, repair: bool = False, pointer: str = ""
) -> CheckedPolygons:
    """Checks the `coordinates` of a GeoJSON Polygon; see `checked_polygons`."""
    return _checked([(coordinates, pointer)], limits, full, repair, pointer)


def checked_polygons(
    coordinates: object, limits: Limits, *, full: bool = False, repair: bool = False, pointer: str = ""
) -> CheckedPolygons:
    """Checks the `coordinates` of a GeoJSON MultiPolygon.

    An edge wider than 180° crosses the antimeridian unless `full`; what crosses is cut at ±180. `repair` lets
    GEOS mend a shape that is not valid (method "structure": a bow-tie becomes two triangles), up to 100 crossings.
    Raises `InvalidGeometry`, `InvalidCoordinate` or `GeometryTooLarge` with a pointer and, if known, a place.
    """
    if not isinstance(coordinates, list | tuple):
        raise InvalidGeometry("An array of polygons is expected here.", pointer=pointer)
    if not coordinates:
        raise InvalidGeometry("The geometry is empty.", pointer=pointer)
    polygons = [(polygon, f"{pointer}/{index}") for index, polygon in enumerate(coordinates)]
    return _checked(polygons, limits, full, repair, pointer)


def checked_shape(shape: shapely.Geometry, limits: Limits, *, repair: bool = False) -> CheckedPolygons:
    """Checks a Polygon or MultiPolygon that another reader built, by the same gate; see `checked_polygons`.

    Pointers count polygon, ring, position and axis as a MultiPolygon's `coordinates` do, empty parts left out. A
    third dimension is dropped with a remark.
    """
    if not isinstance(shape, Polygon | MultiPolygon):
        raise InvalidGeometry(f"A polygon is expected, not a {type(shape).__name__}.")
    parts = [shape] if isinstance(shape, Polygon) else list(shape.geoms)
    coordinates = [
        [shapely.get_coordinates(ring) for ring in (part.exterior, *part.interiors)]
        for part in parts
        if not part.is_empty
    ]
    checked = checked_polygons(coordinates, limits, repair=repair)
    if not shapely.has_z(shape):
        return checked
    dropped = Remark("height-dropped", "The third dimension of the shape was left out.")
    return replace(checked, remarks=(dropped, *checked.remarks))


def covers(geometry: shapely.Geometry, point: LonLat) -> bool:
    """True when the position is inside or on the border (planar, as `ST_Covers`); ±180 count as one meridian.

    A pole counts only under the longitudes at which the geometry reaches it. False for an empty geometry.
    """
    lons = (180.0, -180.0) if abs(point.lon) == 180.0 else (point.lon,)
    return any(bool(shapely.intersects_xy(geometry, lon, point.lat)) for lon in lons)


def bbox_of(geometry: shapely.Geometry) -> Bbox:
    """The smallest box around a geometry within [-180, 180], crossing when that is narrower.

    Raises `InvalidBbox` for an empty geometry.
    """
    bounds = shapely.bounds(shapely.get_parts(geometry))
    ranges = [(float(west), float(east)) for west, east in bounds[:, [0, 2]]]
    return Bbox.of_ranges(ranges, [float(lat) for lat in bounds[:, [1, 3]].ravel()])


def geodesic_area_m2(geometry: shapely.Geometry) -> float:
    """Square metres on the WGS 84 ellipsoid of a polygon whose edges are straight in longitude and latitude.

    Sums for each edge the area between it and the equator: its width times the mean of the authalic ordinate q
    (Snyder 1987, eq. 3-12), by five-point Gauss quadrature: 12 digits for edges within 20° of latitude, 5 for those
    across the globe. Agrees with the geodesic area where edges are short, and unlike that is also right for a polygon
    around a pole or the whole globe. Any ring order will do; 0 for an empty geometry.
    """
    area = 0.0
    for polygon in shapely.get_parts(geometry):
        shell, *holes = (abs(_ring_area_m2(shapely.get_coordinates(ring))) for ring in _rings_of(polygon))
        area += shell - sum(holes)
    return area


def _rings_of(polygon: Polygon) -> list[shapely.LinearRing]:
    return [polygon.exterior, *polygon.interiors]


def _ring_area_m2(positions: Positions) -> float:
    starts, ends = positions[:-1], positions[1:]
    nodes, weights = np.polynomial.legendre.leggauss(5)
    middle, half = (starts[:, 1] + ends[:, 1]) / 2.0, (ends[:, 1] - starts[:, 1]) / 2.0
    sines = np.sin(np.radians(middle[:, None] + half[:, None] * nodes))
    e = _ECCENTRICITY
    q = (1.0 - e * e) * (sines / (1.0 - (e * sines) ** 2) + np.arctanh(e * sines) / e)
    widths = np.radians(ends[:, 0] - starts[:, 0])
    return float((MERCATOR_RADIUS_M**2 / 2.0) * (widths * (q @ weights) / 2.0).sum())


def _checked(raw: list[tuple[object, str]], limits: Limits, full: bool, repair: bool, pointer: str) -> CheckedPolygons:
    """Reads and checks; an overlay that GEOS can't compute is a refusal too."""
    _check_counts(raw, limits, pointer)
    try:
        # Vertices 1e-300° apart make GEOS divide by zero, which shapely hands on as a warning of numpy's.
        with np.errstate(all="ignore"):
            return _read(raw, limits, full, repair, pointer)
    except shapely.errors.GEOSException as fault:
        detail = "Edges of the geometry lie too close together to be told apart."
        raise InvalidGeometry(detail, pointer=pointer) from fault


def _read(raw: list[tuple[object, str]], limits: Limits, full: bool, repair: bool, pointer: str) -> CheckedPolygons:
    rings = [[*_rings(polygon, full, at)] for polygon, at in raw]
    remarks = [remark for polygon in rings for ring in polygon for remark in ring.remarks]
    shapes: list[shapely.Geometry] = []
    crosses = False
    for polygon in rings:
        for ring in polygon:
            _check_extent(ring)
        shape, cut = unwrapped_polygon([ring.positions for ring in polygon])
        shapes.append(shape)
        crosses = crosses or cut or len(turns_of(shape)) > 1
    if limits.max_width_deg is not None:
        _check_width(shapes, limits, pointer)
    repaired = False
    for index, shape in enumerate(shapes):
        if not shapely.is_valid(shape):
            shapes[index] = _mended(shape, repair, _pointer_of_fault(rings[index], raw[index][1]))
            repaired = True
    parts = [piece for shape in shapes for piece in within_the_map(shape)]
    geometry: shapely.Geometry = MultiPolygon(parts)
    if not shapely.is_valid(geometry):
        geometry = _mended(geometry, repair, pointer)
        repaired = True
    if crosses:
        remarks.append(Remark("split-at-180", "What crosses the antimeridian was cut there.", pointer))
    if repaired:
        remarks.append(Remark("repaired", "A shape that was not valid was mended.", pointer))
    polygons = without_slivers(polygons_in(geometry)) if repaired else polygons_in(geometry)
    if not polygons:
        raise InvalidGeometry("The geometry is nowhere wider than 0.1 mm.", pointer=pointer)
    oriented = shapely.orient_polygons(MultiPolygon(polygons))
    assert isinstance(oriented, MultiPolygon)
    if repaired and not shapely.is_valid(oriented):
        raise InvalidGeometry("The geometry can't be mended.", pointer=pointer)
    _check_result(oriented, limits, pointer)
    points = int(shapely.get_num_coordinates(oriented))
    return CheckedPolygons(oriented, points, crosses, tuple(remarks))


def _check_counts(raw: list[tuple[object, str]], limits: Limits, pointer: str) -> None:
    """Counts before anything is read, so that a huge body costs nothing."""
    if limits.max_polygons is not None and len(raw) > limits.max_polygons:
        raise GeometryTooLarge(f"A {limits.kind} has at most {limits.max_polygons} polygons.", pointer=pointer)
    rings = [ring for polygon, _ in raw if isinstance(polygon, list | tuple) for ring in polygon]
    if len(rings) > limits.max_rings:
        raise GeometryTooLarge(f"A {limits.kind} has at most {limits.max_rings:,} rings.", pointer=pointer)
    points = sum(len(ring) for ring in rings if isinstance(ring, list | tuple | np.ndarray))
    if points > limits.max_points:
        raise GeometryTooLarge(
            f"A {limits.kind} has at most {limits.max_points:,} points; this one has {points:,}.",
            pointer=pointer,
        )


def _check_result(geometry: MultiPolygon, limits: Limits, pointer: str) -> None:
    """Counts again, since closing, cutting and mending add points, and measures the area."""
    rings = sum(1 + len(polygon.interiors) for polygon in geometry.geoms)
    if shapely.get_num_coordinates(geometry) > limits.max_points or rings > limits.max_rings:
        raise GeometryTooLarge(
            f"A {limits.kind} has at most {limits.max_points:,} points and {limits.max_rings:,} rings once it is "
            "closed and cut at 180°.",
            pointer=pointer,
        )
    if limits.max_area_m2 is not None and geodesic_area_m2(geometry) > limits.max_area_m2:
        raise GeometryTooLarge(f"A {limits.kind} covers at most {limits.max_area_m2 / 1e6:,.0f} km².", pointer=pointer)


def _rings(raw: object, full: bool, pointer: str) -> list[Ring]:
    if not isinstance(raw, list | tuple):
        raise InvalidGeometry("An array of rings is expected here.", pointer=pointer)
    if not raw:
        raise InvalidGeometry("The polygon is empty.", pointer=pointer)
    return [checked_ring(ring, full=full, pointer=f"{pointer}/{index}") for index, ring in enumerate(raw)]


def _check_extent(ring: Ring) -> None:
    """Refuses a ring whose positions all lie on one line."""
    if is_line(ring.positions):
        raise InvalidGeometry(
            "All positions of the ring lie on one line, so that it encloses nothing.",
            hint="full" if ring.crosses_antimeridian else None,
            pointer=ring.pointer,
            location=_place(ring.positions[0]),
        )


def _check_width(shapes: list[shapely.Geometry], limits: Limits, pointer: str) -> None:
    # Each piece of a shape drawn in two halves ends at ±180, so the width is that of the box around all.
    ranges = [
        (piece.bounds[0], piece.bounds[2]) for shape in shapes for piece in within_the_map(shapely.envelope(shape))
    ]
    width = Bbox.of_ranges(ranges, [0.0]).width_deg
    if limits.max_width_deg is not None and width > limits.max_width_deg:
        raise GeometryTooLarge(
            f"A {limits.kind} is at most {limits.max_width_deg:g}° wide; this one is {width:.1f}° wide.",
            pointer=pointer,
        )


def _pointer_of_fault(rings: list[Ring], pointer: str) -> str:
    """Where an invalid polygon goes wrong: at a ring wrong by itself, at a hole outside the shell, else as a whole."""
    for ring in rings:
        if not shapely.is_valid(Polygon(ring.positions)):
            return ring.pointer
    for hole in rings[1:]:
        alone, _ = unwrapped_polygon([rings[0].positions, hole.positions])
        if not shapely.is_valid(alone):
            return hole.pointer
    return pointer


def _mended(shape: shapely.Geometry, repair: bool, pointer: str) -> shapely.Geometry:
    """The shape made valid when `repair`; else the refusal with GEOS's reason and place."""
    reason, place = _reason(shape)
    if not repair:
        raise InvalidGeometry(f"The polygon is not valid: {reason}.", pointer=pointer, location=place)
    if _crossings(shape) > MAX_CROSSINGS:
        detail = f"The polygon crosses itself more than {MAX_CROSSINGS} times, too often to be mended."
        raise InvalidGeometry(detail, pointer=pointer, location=place)
    mended = MultiPolygon(polygons_in(shapely.make_valid(shape, method="structure", keep_collapsed=False)))
    if mended.is_empty:
        raise InvalidGeometry(f"Nothing is left after repair: {reason}.", pointer=pointer, location=place)
    return mended


def _crossings(shape: shapely.Geometry) -> int:
    """How many pairs of edges cross or overlap; counting stops early, since a tangle has millions."""
    rings = [shapely.get_coordinates(ring) for polygon in shapely.get_parts(shape) for ring in _rings_of(polygon)]
    ends = np.concatenate([np.stack([ring[:-1], ring[1:]], axis=1) for ring in rings])
    edges = np.asarray(shapely.linestrings(ends))
    tree, found = shapely.STRtree(edges), 0
    for start in range(0, len(edges), 64):
        for predicate in ("crosses", "overlaps"):
            found += tree.query(edges[start : start + 64], predicate=predicate).shape[1]
        if found > 2 * MAX_CROSSINGS:
            break
    return found // 2  # each pair was met from both sides, unless counting stopped


def _reason(shape: shapely.Geometry) -> tuple[str, LonLat | None]:
    """GEOS's words, "Self-intersection[1 2]", taken apart."""
    text = str(shapely.is_valid_reason(shape))
    found = re.fullmatch(r"(.*?)\[(\S+) (\S+)\]", text)
    if found is None:
        return text, None
    return found[1], _place(np.array([float(found[2]), float(found[3])]))


def _place(position: Positions) -> LonLat:
    lon, lat = position.tolist()
    return LonLat(wrap_lon(lon), max(-90.0, min(90.0, lat)))
