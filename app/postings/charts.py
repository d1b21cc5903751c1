"""Flat charts on which nearest-neighbour scans run, and how far a chart can mislead; pure.

Two conformal charts of the sphere, lengths in metres: Mercator up to 85°, a stereographic one around each pole from
80° on. Each facet of each city's version has a lane of its own, ``LANE_M`` apart, so that one index over plain points
is at once an index per facet. A conformal chart stretches all directions alike, so distances on it bound distances on
the sphere: ``sure_m`` here and ``least_mm`` in the database. Lanes are so far out that a coordinate is good to half a
metre (53 bits); ``SLACK_M`` allows for it, and exact distances come from the degrees that each row carries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import asin, cos, degrees, log, pi, radians, sin, tan
from typing import Final

from geo.bbox import Bbox
from geo.coordinates import LonLat
from geo.units import EARTH_RADIUS_M as R

LANE_M: Final = 1e8
SLOTS: Final = 4
SLACK_M: Final = 1.0
MAX_RADIUS_M: Final = 50_000.0
MERCATOR_EDGE_LAT: Final = 85.0
POLAR_EDGE_LAT: Final = 80.0
_FARTHEST_LAT: Final = 89.9999  # a pole is not on Mercator's chart; 11 m from it is near enough to bound distances
_POLE_Y: Final = 3.5e7  # where the charts of the poles lie within a lane
_COPIED_DEG: Final = 0.6  # 66 km, a little more than the largest radius


@dataclass(frozen=True, slots=True)
class Spot:
    """A position on a chart; ``image`` 0 is Mercator, 1 and -1 its copies over 180°, 2 a polar chart."""

    image: int
    x: float
    y: float


def slot_of(version: int) -> int:
    """The slot of the search rows that a dataset version has; it takes that of the fourth version before it."""
    return version % SLOTS


def lane_y(city_id: int, slot: int) -> float:
    """How far the lanes of a city's slot are moved in y."""
    return (city_id * SLOTS + slot) * LANE_M


def spots_of(point: LonLat) -> Iterator[Spot]:
    """Every spot at which a place has to stand, so that each query finds it on its own chart."""
    lat = abs(point.lat)
    if lat <= MERCATOR_EDGE_LAT:
        x, y = _mercator(point)
        yield Spot(0, x, y)
        if 180.0 - abs(point.lon) <= _COPIED_DEG / cos(radians(lat)):
            yield Spot(1 if point.lon < 0 else -1, x + (2 * pi * R if point.lon < 0 else -2 * pi * R), y)
    if lat >= POLAR_EDGE_LAT:
        yield Spot(2, *_polar(point))


@dataclass(frozen=True, slots=True)
class Frame:
    """A circle on its chart: centre, box, and what is needed to bound distances from the centre.

    ``reach`` is the centre's distance from the line or point where the chart's scale is least: the equator, the pole.
    """

    x: float
    y: float
    west: float
    south: float
    east: float
    north: float
    polar: bool
    reach: float
    lat: float

    def sure_m(self, distance_m: float) -> float:
        """Nothing farther on the sphere lies within this distance on the chart, less the slack; never under 0."""
        if self.polar:
            return max(0.0, distance_m - SLACK_M)
        lat = radians(abs(self.lat))
        turn = distance_m / R
        # Straight towards the equator the scale is least; beyond it, count the sphere's own metres.
        least = _stretched(lat) - _stretched(lat - turn) if turn <= lat else _stretched(lat) + R * (turn - lat)
        return max(0.0, least - SLACK_M)

    def cut(self, bbox: Bbox) -> Frame | None:
        """The frame with its box cut to one in degrees; None when nothing is left. Left whole where charts differ."""
        if self.polar or bbox.west > bbox.east or bbox.north > MERCATOR_EDGE_LAT or bbox.south < -MERCATOR_EDGE_LAT:
            return self
        if self.west < -pi * R or self.east > pi * R:
            return self
        west, south = _mercator(LonLat(bbox.west, bbox.south))
        east, north = _mercator(LonLat(bbox.east, bbox.north))
        box = (
            max(self.west, west - SLACK_M),
            max(self.south, south - SLACK_M),
            min(self.east, east + SLACK_M),
            min(self.north, north + SLACK_M),
        )
        if box[0] > box[2] or box[1] > box[3]:
            return None
        return Frame(self.x, self.y, *box, self.polar, self.reach, self.lat)


def frame(origin: LonLat, radius_m: float) -> Frame:
    """The circle of at most 50 km around a point, on the chart that holds it whole."""
    turn = radius_m / R
    if abs(origin.lat) + degrees(turn) <= MERCATOR_EDGE_LAT:
        x, y = _mercator(origin)
        lat = radians(origin.lat)
        half = R * asin(min(1.0, sin(turn) / cos(lat))) + SLACK_M
        south, north = _stretched(lat - turn) - SLACK_M, _stretched(lat + turn) + SLACK_M
        return Frame(x, y, x - half, south, x + half, north, False, abs(y), origin.lat)
    x, y = _polar(origin)
    colatitude = radians(90.0 - abs(origin.lat))
    reach = 2 * R * tan(colatitude / 2)
    half = 2 * R * tan((colatitude + turn) / 2) - reach + SLACK_M  # outwards, where the scale is largest
    return Frame(x, y, x - half, y - half, x + half, y + half, True, reach, origin.lat)


def frames_over(origin: LonLat, bbox: Bbox) -> tuple[Frame, ...]:
    """Frames around a point that together hold what lies in a box, however far; few things stand in two of them.

    In each the point is drawn where nothing is farther east or west of it than half the world, so that distances on
    the chart bound those on the sphere. What lies beyond 85° is in frames on the charts of the poles.
    """
    lat = max(-_FARTHEST_LAT, min(_FARTHEST_LAT, origin.lat))
    x, y = _mercator(LonLat(origin.lon, lat))
    found = []
    if bbox.south <= MERCATOR_EDGE_LAT and bbox.north >= -MERCATOR_EDGE_LAT:
        south = _stretched(radians(max(bbox.south, -MERCATOR_EDGE_LAT))) - SLACK_M
        north = _stretched(radians(min(bbox.north, MERCATOR_EDGE_LAT))) + SLACK_M
        parts = bbox.parts()
        joined = any(part.west == -180.0 for part in parts) and any(part.east == 180.0 for part in parts)
        for part in parts:
            low, high = R * radians(part.west), R * radians(part.east)
            # Copies stand beyond 180°: where both sides are asked, those of the first metre are seen from one alone.
            before = SLACK_M if part.west == -180.0 and joined else -SLACK_M
            for centre in (x - 2 * pi * R, x, x + 2 * pi * R):
                west, east = max(low, centre - pi * R), min(high, centre + pi * R)
                if west < east or (west == east and low == high):
                    box = (west + (before if west == low else 0.0), south, east + SLACK_M, north)
                    found.append(Frame(centre, y, *box, False, abs(y), lat))
    for beyond, sign in ((bbox.north > MERCATOR_EDGE_LAT, 1.0), (bbox.south < -MERCATOR_EDGE_LAT, -1.0)):
        if beyond:
            found.append(_cap(origin, sign))
    return tuple(found)


def _cap(origin: LonLat, sign: float) -> Frame:
    """Everything beyond 85° around a pole, and a little more in the corners."""
    ring, lon = 2 * R * tan(radians(90.0 - sign * origin.lat) / 2), radians(origin.lon)
    pole, half = sign * _POLE_Y, 2 * R * tan(radians(90.0 - MERCATOR_EDGE_LAT) / 2) + SLACK_M
    x, y = ring * sin(lon), pole - ring * cos(lon)
    return Frame(x, y, -half, pole - half, half, pole + half, True, ring, origin.lat)


def _stretched(lat: float) -> float:
    """Mercator's y of a latitude in radians."""
    return R * log(tan(pi / 4 + lat / 2))


def _mercator(point: LonLat) -> tuple[float, float]:
    return R * radians(point.lon), _stretched(radians(point.lat))


def _polar(point: LonLat) -> tuple[float, float]:
    ring = 2 * R * tan(radians(90.0 - abs(point.lat)) / 2)
    lon = radians(point.lon)
    pole = _POLE_Y if point.lat > 0 else -_POLE_Y
    return ring * sin(lon), pole - ring * cos(lon)
