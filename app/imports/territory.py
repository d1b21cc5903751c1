"""The area of a territory as its regions draw it, and the points of a load that lie outside."""

from __future__ import annotations

from typing import Final

from app.imports.errors import RowRefused
from geo.bbox import Bbox
from geo.coordinates import LonLat

MARGIN_M: Final = 5_000.0
"""How far outside its regions a place may lie: a pier, a station on the border, a coarse outline."""


def widened(box: Bbox, margin_m: float = MARGIN_M) -> Bbox:
    """The box with a margin in metres on each side, crossing 180° where it has to."""
    return box.grown(margin_m)


def check_inside(box: Bbox, point: LonLat) -> None:
    """Raises RowRefused for a point outside; asks about swapped numbers when the exchanged point fits."""
    if box.contains(point):
        return
    swapped = abs(point.lon) <= 90.0 and box.contains(LonLat(point.lat, point.lon))
    said = f"the point {point.lon:.6f} {point.lat:.6f} lies outside the territory"
    if swapped:
        raise RowRefused(f"{said}; longitude and latitude swapped?", "swapped-axes")
    raise RowRefused(said, "outside-territory")
