"""A geofence is a geometry with an inside test; a fix stands for a circle as wide as its accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon

from geo.bbox import Bbox
from geo.coordinates import LonLat, checked_metres
from geo.distance import distance_m, distances_m
from geo.polygons import CheckedPolygons, covers
from geo.rings import Positions

MAX_ALLOWANCE_M: Final = 100.0
"""A worse accuracy than this widens a fence no further."""
MOST_AT_ONCE: Final = 100_000
"""Pairs of a position and an edge that are looked at in one go."""


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


def border_distances_m(
    fence: Circle | MultiPolygon, lons: NDArray[np.float64], lats: NDArray[np.float64]
) -> NDArray[np.float64]:
    """As `border_distance_m` for many positions; arrays of one shape, degrees, unchecked."""
    if isinstance(fence, Circle):
        return distances_m(fence.center.lon, fence.center.lat, lons, lats) - fence.radius_m
    metres = _edge_distances_m(fence, lons, lats)
    on_edge = np.where(np.abs(lons) == 180.0, -lons, lons)  # ±180 are one meridian
    held = shapely.intersects_xy(fence, lons, lats) | shapely.intersects_xy(fence, on_edge, lats)
    return np.where(held, -metres, metres)


def _edge_distance_m(geometry: MultiPolygon, point: LonLat) -> float:
    return float(_edge_distances_m(geometry, np.array([point.lon]), np.array([point.lat]))[0])


def _geometry(fence: CheckedPolygons | MultiPolygon) -> MultiPolygon:
    return fence.geometry if isinstance(fence, CheckedPolygons) else fence


def _edge_distances_m(
    geometry: MultiPolygon, lons: NDArray[np.float64], lats: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Metres from positions to the nearest border position as seen on a plane that is true to scale at each of them.

    Infinite without a border. Each edge is looked at where it is, and where one is more than half a globe away a turn
    of the globe to either side too, since the nearest may lie across 180°.
    """
    edges, found = _borders(geometry), np.full(len(lons), inf)
    if not len(edges):
        return found
    starts, steps = edges[:, 0], edges[:, 1] - edges[:, 0]
    reach = max(edges[:, :, 0].max() - lons.min(), lons.max() - edges[:, :, 0].min())
    turns = (0.0,) if reach <= 180.0 else (0.0, 360.0, -360.0)
    at_once = max(1, MOST_AT_ONCE // len(edges))
    for first in range(0, len(lons), at_once):
        some = slice(first, first + at_once)
        found[some] = _nearest_m(starts, steps, lons[some], lats[some], turns)
    return found


def _nearest_m(
    starts: NDArray[np.float64], steps: NDArray[np.float64], lons: NDArray[np.float64], lats: NDArray[np.float64],
    turns: tuple[float, ...],
) -> NDArray[np.float64]:  # fmt: skip
    """For each position the metres to the nearest of some edges, which begin at ``starts`` and go on by ``steps``."""
    scales = np.maximum(np.cos(np.radians(lats)), 1e-9)[:, None]
    east_steps, north_steps = steps[:, 0] * scales, steps[:, 1]
    lengths = east_steps**2 + north_steps**2
    rows = np.arange(len(lons))
    least, nearest = np.full(len(lons), inf), np.zeros((2, len(lons)))
    for turn in turns:
        easts, norths = (starts[:, 0] - (lons + turn)[:, None]) * scales, starts[:, 1] - lats[:, None]
        # The foot of the perpendicular as a share of the edge; an edge too short to be measured is its start.
        shares = np.divide(
            -(easts * east_steps + norths * north_steps), lengths, out=np.zeros_like(lengths), where=lengths > 0.0
        )
        shares = np.minimum(np.maximum(shares, 0.0), 1.0)
        easts, norths = easts + shares * east_steps, norths + shares * north_steps
        gaps = easts**2 + norths**2
        best = gaps.argmin(axis=1)
        nearer = gaps[rows, best] < least
        least = np.where(nearer, gaps[rows, best], least)
        nearest = np.where(nearer, (easts[rows, best] / scales[:, 0], norths[rows, best]), nearest)
    east, north = nearest
    return distances_m(lons, lats, lons + east, np.clip(lats + north, -90.0, 90.0))


def _borders(geometry: MultiPolygon) -> Positions:
    """The edges that part inside from outside, shape (n, 2, 2): start and end, lon and lat.

    What runs along a pole is a point on the globe. What runs along 180° on both sides of it is a cut.
    """
    parts = shapely.get_parts(shapely.boundary(shapely.get_parts(geometry)))
    rings, owners = shapely.get_coordinates(parts, return_index=True)
    edges: Positions = np.stack([rings[:-1], rings[1:]], axis=1)[owners[:-1] == owners[1:]]
    if not (np.abs(rings) >= (180.0, 90.0)).any():
        return edges
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
