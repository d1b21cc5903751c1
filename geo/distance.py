"""Distances on the sphere of radius 6 371 008.77 m, the one that PostGIS uses without its spheroid.

One distance serves radius, order and cursor. It differs from the WGS 84 geodesic by up to 0.56 % (0.25 % in
middle latitudes) and from `ST_Distance(a, b, false)` by nanometres.
"""

from __future__ import annotations

from math import atan2, cos, degrees, hypot, radians, sin, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.bbox import Bbox
from geo.coordinates import LonLat, as_finite, checked_metres, wrap_lon
from geo.errors import InvalidRadius
from geo.units import EARTH_RADIUS_M

BBOX_TOLERANCE_M: Final = 1e-6
Degrees = float | NDArray[np.float64]


def distance_m(a: LonLat, b: LonLat) -> float:
    """Metres between two positions, within 10 nm for near neighbours and antipodes alike.

    The haversine loses digits near the antipode and the spherical cosine near zero, so both the half chord
    and its complement are computed without subtraction and meet in an arc tangent.
    """
    return EARTH_RADIUS_M * _angle(a.lon, a.lat, b.lon, b.lat)


def distance_mm(a: LonLat, b: LonLat) -> int:
    """Whole millimetres between two positions, the unit of sort keys and cursors.

    A tie goes to the even neighbour, as `round(double precision)` does in PostgreSQL (which calls rint).
    """
    return round(distance_m(a, b) * 1000.0)


def distances_m(
    lon: Degrees, lat: Degrees, lons: NDArray[np.float64], lats: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Metres from one position to many, or from each of many to its own; arrays of one shape, degrees, unchecked.

    As `distance_m`.
    """
    phi, phis = np.radians(lat), np.radians(lats)
    half_dlon = np.radians(_lon_gaps(lon, lons)) / 2.0
    cosines = np.cos(phi) * np.cos(phis)
    chord = np.sin(np.radians(lats - lat) / 2.0) ** 2 + cosines * np.sin(half_dlon) ** 2
    rest = np.sin((phi + phis) / 2.0) ** 2 + cosines * np.cos(half_dlon) ** 2
    metres: NDArray[np.float64] = 2.0 * EARTH_RADIUS_M * np.arctan2(np.sqrt(chord), np.sqrt(rest))
    return metres


def destination(start: LonLat, bearing_deg: float, distance_m: float) -> LonLat:
    """The position reached from `start` after `distance_m` metres along the great circle at `bearing_deg`.

    Bearings are degrees clockwise from north, any number of turns; from a pole they count from the meridian of
    `start.lon`. Raises `InvalidRadius` for a distance that is negative or not finite, or such a bearing.
    """
    arc, phi = checked_metres(distance_m, "distance") / EARTH_RADIUS_M, radians(start.lat)
    turned_deg = as_finite(bearing_deg)
    if turned_deg is None:
        raise InvalidRadius("The bearing must be a finite number of degrees.")
    if arc == 0.0:
        return start
    bearing = radians(turned_deg)
    # Components of the goal on the axes east, towards the start's meridian, and north.
    east = sin(bearing) * sin(arc)
    ahead = cos(phi) * cos(arc) - sin(phi) * sin(arc) * cos(bearing)
    north = sin(phi) * cos(arc) + cos(phi) * sin(arc) * cos(bearing)
    lat = degrees(atan2(north, hypot(east, ahead)))
    return LonLat(wrap_lon(start.lon + degrees(atan2(east, ahead))), max(-90.0, min(90.0, lat)))


def distance_to_bbox_m(point: LonLat, bbox: Bbox) -> float:
    """A lower bound of the metres from `point` to any position in `bbox`: 0 inside, else exact within 1 µm.

    The sides of a box are meridians and parallels. Opposite a parallel the nearest position has the same
    longitude; elsewhere it lies on the nearer side meridian, at its corner or where the great circle meets
    it at a right angle. One micrometre is taken off, so that rounding never lifts the bound over the truth.
    """
    if bbox.contains_lon(point.lon):
        nearest = min(max(point.lat, bbox.south), bbox.north)
        metres = EARTH_RADIUS_M * radians(abs(point.lat - nearest))
    else:
        sides = (bbox.west, bbox.east)
        metres = min(_distance_to_meridian_m(point, lon, bbox.south, bbox.north) for lon in sides)
    return max(0.0, metres - BBOX_TOLERANCE_M)


def _distance_to_meridian_m(point: LonLat, lon: float, south: float, north: float) -> float:
    """Metres to the piece of the meridian `lon` between two latitudes."""
    phi, dlon = radians(point.lat), radians(_lon_gap(point.lon, lon))
    foot = degrees(atan2(sin(phi), cos(phi) * cos(dlon)))
    lats = [south, north, foot] if south < foot < north else [south, north]
    return EARTH_RADIUS_M * min(_angle(point.lon, point.lat, lon, lat) for lat in lats)


def _angle(lon_a: float, lat_a: float, lon_b: float, lat_b: float) -> float:
    phi_a, phi_b = radians(lat_a), radians(lat_b)
    half_dlon = radians(_lon_gap(lon_a, lon_b)) / 2.0
    cosines = cos(phi_a) * cos(phi_b)
    chord = sin(radians(lat_b - lat_a) / 2.0) ** 2 + cosines * sin(half_dlon) ** 2
    rest = sin((phi_a + phi_b) / 2.0) ** 2 + cosines * cos(half_dlon) ** 2
    return 2.0 * atan2(sqrt(chord), sqrt(rest))


def _lon_gap(a: float, b: float) -> float:
    """Degrees between two meridians the short way round, 0 to 180."""
    gap = abs(a - b)
    return 360.0 - gap if gap > 180.0 else gap


def _lon_gaps(lon: Degrees, lons: NDArray[np.float64]) -> NDArray[np.float64]:
    gaps = np.abs(lons - lon)
    return np.where(gaps > 180.0, 360.0 - gaps, gaps)
