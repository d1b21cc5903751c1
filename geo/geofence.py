"""A geofence is a geometry with an inside test; a fix stands for a circle as wide as its accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import cos, inf, radians
from typing import Final

import numpy as np
import shapely
from shapely import MultiPolygon

from geo.bbox import Bbox
from geo.coordinates import LonLat, checked_metres, wrap_lon
from geo.distance import distance_m
from geo.polygons import CheckedPolygons, covers
from geo.rings import Positions

MAX_ALLOWANCE_M: Final = 100.0
"""A worse accuracy than this widens a fence no further."""

_HIGHEST_LAT: Final = 90.0 - 1e-9  # 0.1 mm from a pole


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
    """Metres to the nearest border position as seen on a plane that is true to scale at `point`.

    The globe is laid out three times side by side, so that the nearest border may lie across 180°; pieces that
    were cut there are joined first, since the cut is no border. Infinite where none is left.
    """
    squeeze = max(cos(radians(point.lat)), 1e-9)
    if geometry.is_empty:
        return inf
    copies = [shapely.transform(geometry, partial(_turned, turn=turn)) for turn in (0.0, 360.0, -360.0)]
    west, _, east, _ = geometry.bounds
    joined = shapely.union_all(copies) if west == -180.0 or east == 180.0 else shapely.geometrycollections(copies)
    borders = [shapely.boundary(part) for part in shapely.get_parts(joined)]
    # Beyond the copies' middle there are cuts again, and what runs along a pole is a point on the globe.
    border = shapely.clip_by_rect(shapely.union_all(borders), -360.0, -_HIGHEST_LAT, 360.0, _HIGHEST_LAT)
    if border.is_empty:
        return inf
    border = shapely.transform(border, partial(_squeezed, factor=squeeze))
    here = shapely.Point(point.lon * squeeze, point.lat)
    lon, lat = shapely.get_coordinates(shapely.shortest_line(here, border))[1].tolist()
    return distance_m(point, LonLat(wrap_lon(lon / squeeze), max(-90.0, min(90.0, lat))))


def _turned(positions: Positions, turn: float) -> Positions:
    return np.column_stack([positions[:, 0] + turn, positions[:, 1]])


def _squeezed(positions: Positions, factor: float) -> Positions:
    return np.column_stack([positions[:, 0] * factor, positions[:, 1]])
