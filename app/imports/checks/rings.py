"""Which way rings run in a shape as it stands in a file; the gate turns them in silence. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import shapely

# What the gate changed → the check that tells it.
NOTES: Final = {
    "ring-closed": "rings-closed",
    "repeated-points-dropped": "points-repeated",
    "height-dropped": "height-dropped",
    "split-at-180": "split-at-180",
}


def turned_rings(geometry: Mapping[str, Any] | shapely.Geometry | None) -> int:
    """How many rings run the other way than RFC 7946 §3.1.6 wants: shells anticlockwise, holes clockwise.

    Rings wider than 180° are left out: they cross the antimeridian, and their direction can't be read off the digits.
    """
    if isinstance(geometry, shapely.Geometry):
        polygons = [part for part in shapely.get_parts(geometry) if shapely.get_type_id(part) == 3]
        rings = [[shapely.get_coordinates(r) for r in (part.exterior, *part.interiors)] for part in polygons]
    elif geometry is None or geometry.get("type") not in ("Polygon", "MultiPolygon"):
        return 0
    else:
        given: Any = geometry["coordinates"]
        shapes = [given] if geometry["type"] == "Polygon" else given
        rings = [[np.array([p[:2] for p in ring], dtype=np.float64) for ring in polygon] for polygon in shapes]
    return sum(_turned(ring, shell=index == 0) for polygon in rings for index, ring in enumerate(polygon))


def _turned(ring: Any, *, shell: bool) -> bool:
    if len(ring) < 3 or np.ptp(ring[:, 0]) > 180.0:
        return False
    x, y = (ring - ring[0]).T
    area = float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
    return area < 0.0 if shell else area > 0.0
