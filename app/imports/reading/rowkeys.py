"""A key for a row that has none: the same name at the same spot gives the same key in every version."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import shapely


def made_key(name: Any, geometry: Any) -> str:
    """``made:`` and 16 hexadecimal digits of name and position to about 1 m."""
    if isinstance(geometry, shapely.Geometry):
        at = shapely.centroid(geometry)
        spot = "" if shapely.is_empty(at) else f"{shapely.get_x(at):.5f} {shapely.get_y(at):.5f}"
    else:
        position = geometry.get("coordinates") if isinstance(geometry, Mapping) else None
        simple = isinstance(position, list) and len(position) == 2 and all(isinstance(part, float) for part in position)
        spot = f"{position[0]:.5f} {position[1]:.5f}" if simple and position is not None else ""
    return "made:" + hashlib.sha256(f"{name}\0{spot}".encode("utf-8", "replace")).hexdigest()[:16]
