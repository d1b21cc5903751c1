"""A box between two meridians and two parallels; west > east means that it crosses 180° (RFC 7946 §5.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import asin, cos, degrees, radians, sin
from typing import Final, Self

from geo.coordinates import LonLat, as_finite, check_range, checked_metres, parse_decimal, wrap_lon
from geo.errors import GeoError, InvalidBbox
from geo.units import EARTH_RADIUS_M

_MARGIN_DEG: Final = 1e-9
_SIDES: Final = ("west", "south", "east", "north")


@dataclass(frozen=True, slots=True)
class Bbox:
    """Degrees of WGS 84; borders belong to the box; a box without width or height is allowed.

    180 and -180 name one meridian, so a box that touches it holds positions written either way. Longitudes
    are planar: a box that touches a pole holds that pole only under its own longitudes.
    Raises `InvalidBbox`, pointer `/0` to `/3` in the order west, south, east, north.
    """

    west: float
    south: float
    east: float
    north: float

    def __post_init__(self) -> None:
        for index, side in enumerate(_SIDES):
            value = as_finite(getattr(self, side))
            if value is None:
                raise InvalidBbox(f"{side} is not a finite number.", pointer=f"/{index}")
            object.__setattr__(self, side, value)
        for lon, lat, first in ((self.west, self.south, 0), (self.east, self.north, 2)):
            try:
                check_range(lon, lat, f"/{first}", f"/{first + 1}")
            except GeoError as fault:
                side = _SIDES[int(fault.pointer[1:])]
                limit = "-180 and 180" if side in ("west", "east") else "-90 and 90"
                raise InvalidBbox(f"{side} is not within {limit}.", hint=fault.hint, pointer=fault.pointer) from None
        if self.south > self.north:
            raise InvalidBbox("south is greater than north.", pointer="/1")
        if self.west == 180.0 and self.east == -180.0:
            raise InvalidBbox("The box from 180 to -180 is empty; the whole width is -180 to 180.")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `west,south,east,north` in plain decimal notation, as in a query string.

        Raises `InvalidBbox` with pointer `/0` to `/3`, or none when there are not four numbers.
        """
        numbers = text.split(",", 6)
        if len(numbers) != 4:
            raise InvalidBbox("A bbox is four numbers: west,south,east,north.")
        values = []
        for index, (side, number) in enumerate(zip(_SIDES, numbers, strict=True)):
            try:
                values.append(parse_decimal(number, side))
            except GeoError as fault:
                raise InvalidBbox(fault.detail, pointer=f"/{index}") from None
        return cls(*values)

    @classmethod
    def of_points(cls, points: Iterable[LonLat]) -> Self:
        """The smallest box that holds all points, crossing 180° when that is narrower.

        Raises `InvalidBbox` when there are none.
        """
        lons, lats = [], []
        for point in points:
            lons.append((point.lon, point.lon))
            lats.append(point.lat)
        return cls.of_ranges(lons, lats)

    @classmethod
    def of_ranges(cls, lon_ranges: Iterable[tuple[float, float]], lats: Iterable[float]) -> Self:
        """The smallest box that holds all given latitudes and longitude ranges (low, high), none crossing.

        It leaves out the widest gap between the ranges; of equal gaps the one at 180° goes first, so that a
        box crosses only when that makes it narrower. Raises `InvalidBbox` when there are no ranges, no
        latitudes, or a range whose low end is above its high one.
        """
        merged: list[tuple[float, float]] = []
        for low, high in sorted(lon_ranges):
            if not low <= high:
                raise InvalidBbox("A longitude range runs from low to high; give what crosses 180° as two.")
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        heights = list(lats)
        if not merged or not heights:
            raise InvalidBbox("A box needs at least one position.")
        west, east = merged[0][0], merged[-1][1]
        widest = (west + 180.0) + (180.0 - east)
        for (_, before), (after, _) in pairwise(merged):
            if after - before > widest:
                widest, west, east = after - before, after, before
        if west > east:
            # A box that ends on the antimeridian needs no crossing: it is written with the near spelling.
            west = -180.0 if west == 180.0 else west
            east = 180.0 if east == -180.0 and west != -180.0 else east
        return cls(west, min(heights), east, max(heights))

    @classmethod
    def around(cls, center: LonLat, radius_m: float) -> Self:
        """A box that holds the whole circle, at most a millimetre wider than needed on each side.

        All longitudes when a pole is within the circle; crossing when the circle reaches over 180°.
        Raises `InvalidRadius` for a radius that is negative or not finite.
        """
        radius_m = checked_metres(radius_m, "radius")
        reach = degrees(radius_m / EARTH_RADIUS_M) + _MARGIN_DEG
        south, north = center.lat - reach, center.lat + reach
        if south <= -90.0 or north >= 90.0:
            return cls(-180.0, max(-90.0, south), 180.0, min(90.0, north))
        sine = sin(radians(reach)) / cos(radians(center.lat))
        half = degrees(asin(min(1.0, sine))) + _MARGIN_DEG
        if half >= 180.0:
            return cls(-180.0, south, 180.0, north)
        return cls(wrap_lon(center.lon - half), south, wrap_lon(center.lon + half), north)

    @property
    def crosses_antimeridian(self) -> bool:
        """True when the box runs eastwards over 180°."""
        return self.west > self.east

    @property
    def width_deg(self) -> float:
        """Degrees from west to east, 0 to 360."""
        return self.east - self.west + (360.0 if self.crosses_antimeridian else 0.0)

    @property
    def center(self) -> LonLat:
        """The middle of both ranges, wrapped at 180°."""
        return LonLat(wrap_lon(self.west + self.width_deg / 2.0), (self.south + self.north) / 2.0)

    def parts(self) -> tuple[Bbox, ...]:
        """One or two boxes that do not cross, together this one; fit for a database that knows no wrap.

        A box that ends on 180 or -180 brings a part without width on the other spelling, so that positions
        written either way are found.
        """
        if self.crosses_antimeridian:
            ranges = [(self.west, 180.0), (-180.0, self.east)]
        else:
            ranges = [(self.west, self.east)]
            if self.east == 180.0 and self.west > -180.0:
                ranges.append((-180.0, -180.0))
            elif self.west == -180.0 and self.east < 180.0:
                ranges.append((180.0, 180.0))
        return tuple(Bbox(west, self.south, east, self.north) for west, east in ranges)

    def contains_lon(self, lon: float) -> bool:
        """True when the meridian belongs to the box."""
        spellings = (180.0, -180.0) if abs(lon) == 180.0 else (lon,)
        if self.crosses_antimeridian:
            return any(x >= self.west or x <= self.east for x in spellings)
        return any(self.west <= x <= self.east for x in spellings)

    def contains(self, point: LonLat) -> bool:
        """True when the position is inside or on the border."""
        return self.south <= point.lat <= self.north and self.contains_lon(point.lon)

    def intersects(self, other: Bbox) -> bool:
        """True when the boxes share at least one position, a border included."""
        if self.south > other.north or other.south > self.north:
            return False
        return any(a.west <= b.east and b.west <= a.east for a in self.parts() for b in other.parts())

    def union(self, other: Bbox) -> Bbox:
        """The smallest box that holds both."""
        parts = self.parts() + other.parts()
        lats = [lat for box in (self, other) for lat in (box.south, box.north)]
        return Bbox.of_ranges([(part.west, part.east) for part in parts], lats)

    def grown(self, margin_m: float) -> Bbox:
        """The box with a margin in metres on each side, crossing 180° where it has to."""
        box: Bbox = self
        for lon in (self.west, self.east):
            for lat in (self.south, self.north):
                box = box.union(Bbox.around(LonLat(lon, lat), margin_m))
        return box

    def as_list(self) -> list[float]:
        """[west, south, east, north], the `bbox` member of GeoJSON."""
        return [self.west, self.south, self.east, self.north]
