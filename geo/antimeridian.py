"""Shapes across 180°: joined in unwrapped longitudes, then cut into pieces that a map without wrap can hold.

Unwrapped longitudes run on without a jump and may leave [-180, 180]: Fiji is 177 to 182. Copies of the map lie side
by side under them, 360° wide; copy 0 is the map itself.
"""

from __future__ import annotations

from functools import partial
from math import ceil, floor

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from geo.rings import Positions, is_line, without_repeats


def unwrapped_polygon(rings: list[Positions]) -> tuple[shapely.Geometry, bool]:
    """One polygon of a shell and its holes in unwrapped longitudes, and whether a hole had to be cut.

    Each ring has shape (n, 2), degrees, closed. Holes are turned to the copy of the map where their shell is. The two
    ends of a shell right round the globe are one meridian, so that a hole may lie across them: it becomes a bay at
    each end. What doesn't fit is left as it is, so that the polygon is not valid.
    """
    shell = rings[0]
    west, east = float(shell[:, 0].min()), float(shell[:, 0].max())
    holes: list[Positions] = []
    across: list[Positions] = []
    for ring in rings[1:]:
        hole = _turned_into(ring, west, east)
        (holes if _lies_within(hole, west, east) else across).append(hole)
    polygon = Polygon(shell, holes)
    if across and east - west == 360.0 and shapely.is_valid(polygon):
        bays = MultiPolygon([bay for hole in across for bay in _bays(Polygon(hole), west, east)])
        if shapely.is_valid(bays) and shapely.covers(polygon, bays):
            return shapely.difference(polygon, bays), True
    return Polygon(shell, holes + across), False


def turns_of(shape: shapely.Geometry) -> range:
    """Which copies of the map a shape in unwrapped longitudes lies on; touching a copy's edge doesn't count."""
    west, _, east, _ = shapely.bounds(shape).tolist()
    first = floor((west + 180.0) / 360.0)
    return range(first, max(first, ceil((east + 180.0) / 360.0) - 1) + 1)


def within_the_map(shape: shapely.Geometry) -> list[Polygon]:
    """The polygons of a shape in unwrapped longitudes, cut at ±180 and turned back into [-180, 180].

    Slivers that the cut leaves, nowhere wider than 0.1 mm, are dropped.
    """
    turns = turns_of(shape)
    if turns == range(1):
        return polygons_in(shape)
    pieces: list[Polygon] = []
    for turn in turns:
        left = -180.0 + 360.0 * turn
        clipped = shapely.intersection(shape, shapely.box(left, -90.0, left + 360.0, 90.0))
        for piece in polygons_in(clipped):
            moved = shapely.transform(piece, partial(_turned_back, turn=turn))
            pieces.append(shapely.transform(moved, _on_the_map))
    return without_slivers(pieces)


def polygons_in(shape: shapely.Geometry) -> list[Polygon]:
    """The polygons among the parts of any geometry; lines and points that an overlay leaves are dropped."""
    if isinstance(shape, Polygon):
        return [] if shape.is_empty else [shape]
    if isinstance(shape, shapely.GeometryCollection | MultiPolygon):
        return [polygon for part in shape.geoms for polygon in polygons_in(part)]
    return []


def without_slivers(polygons: list[Polygon]) -> list[Polygon]:
    """The polygons without those that are lines, holes that are, and repetitions; cutting and mending leave such."""
    kept = []
    for polygon in polygons:
        rings = (polygon.exterior, *polygon.interiors)
        shell, *holes = (without_repeats(shapely.get_coordinates(ring)) for ring in rings)
        if not is_line(shell):
            kept.append(Polygon(shell, [hole for hole in holes if not is_line(hole)]))
    return kept


def _bays(hole: Polygon, west: float, east: float) -> list[Polygon]:
    """The parts of a hole between two meridians that are one, at either end."""
    if not shapely.is_valid(hole):
        return [hole]
    ends = shapely.box(west, -90.0, east, 90.0)
    copies = [shapely.transform(hole, partial(_turned_back, turn=turn)) for turn in (-1, 0, 1)]
    return [bay for copy in copies for bay in polygons_in(shapely.intersection(copy, ends))]


def _turned_into(hole: Positions, west: float, east: float) -> Positions:
    """The hole turned to lie between two meridians; as it was when it doesn't fit."""
    for turn in (0.0, 360.0, -360.0):
        turned = np.column_stack([hole[:, 0] + turn, hole[:, 1]])
        if _lies_within(turned, west, east):
            return turned
    return hole


def _lies_within(positions: Positions, west: float, east: float) -> bool:
    return bool(west <= positions[:, 0].min() and positions[:, 0].max() <= east)


def _turned_back(positions: Positions, turn: int) -> Positions:
    """Longitudes less whole turns; rounding undoes the noise of adding and taking away 360."""
    return np.column_stack([np.round(positions[:, 0] - 360.0 * turn, 12), positions[:, 1]])


def _on_the_map(positions: Positions) -> Positions:
    lons: Positions = np.clip(positions[:, 0], -180.0, 180.0)
    return np.column_stack([lons, positions[:, 1]])
