"""Tiles of the Web Mercator pyramid: z/x/y with y counted from the north, as every web map addresses them."""

from __future__ import annotations

from dataclasses import dataclass
from math import asinh, atan, degrees, floor, pi, radians, sinh, tan
from typing import Final

from geo.bbox import Bbox
from geo.coordinates import LonLat
from geo.errors import InvalidTile
from geo.units import MAX_MERCATOR_LAT, MERCATOR_EDGE_M

MAX_ZOOM: Final = 22


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One square of zoom `z` (0 to 22), column `x` from -180 eastwards, row `y` from the north.

    Raises `InvalidTile` with pointer `/z`, `/x` or `/y`.
    """

    z: int
    x: int
    y: int

    def __post_init__(self) -> None:
        for axis in ("z", "x", "y"):
            value = getattr(self, axis)
            if isinstance(value, bool) or not isinstance(value, int):
                raise InvalidTile(f"{axis} is not a whole number.", pointer=f"/{axis}")
        if not 0 <= self.z <= MAX_ZOOM:
            raise InvalidTile(f"z is not within 0 and {MAX_ZOOM}.", pointer="/z")
        for axis, value in (("x", self.x), ("y", self.y)):
            if not 0 <= value < 1 << self.z:
                last = (1 << self.z) - 1
                raise InvalidTile(f"{axis} is not within 0 and {last} at zoom {self.z}.", pointer=f"/{axis}")

    def bbox(self) -> Bbox:
        """The box in degrees; neighbours share their border to the last bit, no tile crosses 180°."""
        return Bbox(_lon(self.x, self.z), _lat(self.y + 1, self.z), _lon(self.x + 1, self.z), _lat(self.y, self.z))

    def mercator_bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in metres of EPSG:3857, within 1e-8 m."""
        side = 2.0 * MERCATOR_EDGE_M / (1 << self.z)
        west, north = self.x * side - MERCATOR_EDGE_M, MERCATOR_EDGE_M - self.y * side
        return west, north - side, west + side, north

    def parent(self) -> Tile | None:
        """The tile of the next smaller zoom that holds this one; None at zoom 0."""
        return Tile(self.z - 1, self.x >> 1, self.y >> 1) if self.z else None

    def children(self) -> tuple[Tile, ...]:
        """The four tiles of the next zoom, west to east, then north to south; none at zoom 22."""
        if self.z == MAX_ZOOM:
            return ()
        x, y = 2 * self.x, 2 * self.y
        return tuple(Tile(self.z + 1, x + dx, y + dy) for dy in (0, 1) for dx in (0, 1))


def tile_at(point: LonLat, z: int) -> Tile:
    """The tile whose box holds a position: borders belong to the tile in the east and south.

    Latitudes beyond ±85.05° fall into the outermost row, longitude 180 into the last column. Raises `InvalidTile`,
    pointer `/z`, for a zoom outside 0 to 22.
    """
    Tile(z, 0, 0)
    last = (1 << z) - 1
    lat = max(-MAX_MERCATOR_LAT, min(MAX_MERCATOR_LAT, point.lat))
    x = max(0, min(last, floor((point.lon + 180.0) / 360.0 * (last + 1))))
    y = max(0, min(last, floor((1.0 - asinh(tan(radians(lat))) / pi) / 2.0 * (last + 1))))
    # Both sums round, so that a position next to a border may come out beyond it; the borders of the boxes decide.
    if point.lon < _lon(x, z):
        x -= 1
    elif x < last and point.lon >= _lon(x + 1, z):
        x += 1
    if y > 0 and lat > _lat(y, z):
        y -= 1
    elif y < last and lat <= _lat(y + 1, z):
        y += 1
    return Tile(z, x, y)


def _lon(column: int, z: int) -> float:
    return column / (1 << z) * 360.0 - 180.0


def _lat(row: int, z: int) -> float:
    return degrees(atan(sinh(pi * (1.0 - 2.0 * row / (1 << z)))))
