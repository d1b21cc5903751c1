"""How far two outlines differ: areas gained and lost, Hausdorff distance in metres; pure geometry."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.polygons import geodesic_area_m2
from geo.units import METRES_PER_DEGREE

Floats = NDArray[np.float64]

_QUICK: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Change:
    """Square metres of the outline before and after, of what it lost and gained, and the Hausdorff distance."""

    before_m2: float
    after_m2: float
    lost_m2: float
    gained_m2: float
    hausdorff_m: float
    land: shapely.Geometry
    """What lies in one of the two alone."""

    @property
    def share(self) -> float:
        """Land that changed hands as a share of what the outline held before."""
        return (self.lost_m2 + self.gained_m2) / self.before_m2 if self.before_m2 else 1.0


def change_of(before: shapely.Geometry, after: shapely.Geometry) -> Change | None:
    """None when the two outlines are the same, point by point or but for the order of their rings."""
    if shapely.equals_exact(before, after, _QUICK, normalize=True):
        return None
    lost = _areas(shapely.difference(before, after))
    gained = _areas(shapely.difference(after, before))
    return Change(
        geodesic_area_m2(before),
        geodesic_area_m2(after),
        geodesic_area_m2(lost),
        geodesic_area_m2(gained),
        hausdorff_m(before, after),
        shapely.union_all([lost, gained]),
    )


def hausdorff_m(one: shapely.Geometry, other: shapely.Geometry) -> float:
    """The farthest that a corner of either outline lies from the other outline, metres.

    GEOS compares every pair of points; here a tree of segments answers, so that outlines of 100,000 points take
    seconds instead of hours.
    """
    corners = shapely.get_coordinates(one)
    lat = float(corners[:, 1].mean()) if len(corners) else 0.0
    a, b = in_metres(shapely.boundary(one), lat), in_metres(shapely.boundary(other), lat)
    return max(_farthest(a, b), _farthest(b, a))


def in_metres(shape: shapely.Geometry, lat: float) -> shapely.Geometry:
    """A shape in metres east and north of (0, 0), right near one latitude."""
    scale = np.array([METRES_PER_DEGREE * cos(radians(lat)), METRES_PER_DEGREE])
    return shapely.transform(shape, lambda positions: positions * scale)


def segments(lines: shapely.Geometry) -> NDArray[np.object_]:
    """Every edge of some lines as a line of its own."""
    found = []
    for line in shapely.get_parts(lines):
        corners = shapely.get_coordinates(line)
        found.append(np.stack([corners[:-1], corners[1:]], axis=1))
    if not found:
        return np.empty(0, dtype=object)
    return np.asarray(shapely.linestrings(np.concatenate(found)), dtype=object)


def areas_of(shape: shapely.Geometry) -> shapely.Geometry:
    """The polygons of a shape alone; lines and points that an overlay left are dropped."""
    return _areas(shape)


def _areas(shape: shapely.Geometry) -> shapely.Geometry:
    parts = shapely.get_parts(shape)
    polygons = [p for part in parts for p in shapely.get_parts(part) if shapely.get_type_id(p) == 3]
    return shapely.MultiPolygon(polygons)


def _farthest(lines: shapely.Geometry, others: shapely.Geometry) -> float:
    corners = np.asarray(shapely.points(shapely.get_coordinates(lines)), dtype=object)
    edges = segments(others)
    if not len(corners) or not len(edges):
        return 0.0
    _, distances = shapely.STRtree(edges).query_nearest(corners, return_distance=True, all_matches=False)
    return float(distances.max())
