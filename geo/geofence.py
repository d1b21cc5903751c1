"""A geofence is a geometry with an inside test; a fix stands for a circle as wide as its accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, inf, radians
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon

from geo.bbox import Bbox
from geo.coordinates import LonLat, checked_metres, wrap_lon
from geo.distance import distance_m
from geo.polygons import CheckedPolygons, covers
from geo.rings import Positions

MAX_ALLOWANCE_M: Final = 100.0
"""A worse accuracy than this widens a fence no further."""


@dataclass(frozen=True, slots=True)
class Circle:
    """All positions within `radius_m` metres of `center` on the sphere, the edge included; both poles may be inside.

    Raises `InvalidRadius`, pointer `/radius_m`, for a radius that is negative or not finite.
    """

    center: LonLat
    radius_m: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius_m", checked_metres(self.radius_m, "radius", "/radius_m"))

    def bbox(self) -> Bbox:
        """A box around the circle."""
        return Bbox.around(self.center, self.radius_m)


Fence = Circle | CheckedPolygons | MultiPolygon


def inside(fence: Fence, point: LonLat, accuracy_m: float = 0.0) -> bool:
    """True when the fix may lie in the fence: inside, on the border, or outside by no more than its accuracy.

    `accuracy_m` counts up to 100 m, so that a bad fix opens no fence from afar. Raises `InvalidRadius` for an
    accuracy that is negative or not finite.
    """
    allowance = min(checked_metres(accuracy_m, "accuracy", "/accuracy_m"), MAX_ALLOWANCE_M)
    if isinstance(fence, Circle):
        return distance_m(fence.center, point) <= fence.radius_m + allowance
    geometry = _geometry(fence)
    return covers(geometry, point) or (allowance > 0.0 and _edge_distance_m(geometry, point) <= allowance)


def border_distance_m(fence: Fence, point: LonLat) -> float:
    """Metres to the nearest border, negative inside.

    Infinite where there is no border: for an empty fence, and (negative) for one that holds the whole globe. Neither
    a cut at 180° nor an edge along a pole is a border. Exact for circles. For polygons the nearest border position
    is sought on a local plane, so that the figure is never too small and within 0.5 % up to 50 km below 60° of
    latitude; use it for display and confidence.
    """
    if isinstance(fence, Circle):
        return distance_m(fence.center, point) - fence.radius_m
    geometry = _geometry(fence)
    metres = _edge_distance_m(geometry, point)
    return -metres if covers(geometry, point) else metres


def _geometry(fence: CheckedPolygons | MultiPolygon) -> MultiPolygon:
    return fence.geometry if isinstance(fence, CheckedPolygons) else fence


def _edge_distance_m(geometry: MultiPolygon, point: LonLat) -> float:
    """Metres to the nearest border position as seen on a plane that is true to scale at `point`; infinite without one.

    Each edge is looked at where it is and a turn of the globe to either side, since the nearest may lie across 180°.
    """
    edges = _borders(geometry)
    if not len(edges):
        return inf
    scale = np.array([max(cos(radians(point.lat)), 1e-9), 1.0])
    steps = (edges[:, 1] - edges[:, 0]) * scale
    lengths = (steps**2).sum(axis=1)
    nearest, least = np.zeros(2), inf
    for turn in (0.0, 360.0, -360.0):
        starts = (edges[:, 0] - (point.lon + turn, point.lat)) * scale
        # The foot of the perpendicular as a share of the edge; an edge too short to be measured is its start.
        shares = np.divide(-(starts * steps).sum(axis=1), lengths, out=np.zeros(len(edges)), where=lengths > 0.0)
        feet = starts + np.clip(shares, 0.0, 1.0)[:, None] * steps
        gaps = (feet**2).sum(axis=1)
        index = int(np.argmin(gaps))
        if gaps[index] < least:
            nearest, least = feet[index] / scale, float(gaps[index])
    east, north = nearest.tolist()
    return distance_m(point, LonLat(wrap_lon(point.lon + east), max(-90.0, min(90.0, point.lat + north))))


def _borders(geometry: MultiPolygon) -> Positions:
    """The edges that part inside from outside, shape (n, 2, 2): start and end, lon and lat.

    What runs along a pole is a point on the globe. What runs along 180° on both sides of it is a cut.
    """
    parts = shapely.get_parts(shapely.boundary(shapely.get_parts(geometry)))
    rings, owners = shapely.get_coordinates(parts, return_index=True)
    edges = np.stack([rings[:-1], rings[1:]], axis=1)[owners[:-1] == owners[1:]]
    on_pole = (np.abs(edges[:, :, 1]) == 90.0).all(axis=1)
    east, west = (edges[:, :, 0] == 180.0).all(axis=1), (edges[:, :, 0] == -180.0).all(axis=1)
    alone = _on_one_side(edges[east, :, 1], edges[west, :, 1])
    return np.concatenate([edges[~(on_pole | east | west)], alone])


def _on_one_side(east: Positions, west: Positions) -> Positions:
    """Edges along 180° where a fence lies on one side of it only; arrays of latitudes, shape (n, 2)."""
    lats = np.unique(np.concatenate([east.ravel(), west.ravel()]))
    alone = _covered(lats[:-1], east) != _covered(lats[:-1], west)
    ends = np.stack([lats[:-1][alone], lats[1:][alone]], axis=1)
    return np.stack([np.full_like(ends, 180.0), ends], axis=2)


def _covered(lats: NDArray[np.float64], spans: Positions) -> NDArray[np.bool_]:
    """True where a span runs on northwards from a latitude; spans don't overlap, since the fence is valid."""
    if not len(spans):
        return np.zeros(len(lats), dtype=np.bool_)
    spans = np.sort(spans, axis=1)
    spans = spans[np.argsort(spans[:, 0])]
    found = np.searchsorted(spans[:, 0], lats, side="right") - 1
    runs_on: NDArray[np.bool_] = (found >= 0) & (spans[found, 1] > lats)
    return runs_on
