"""Chinese map datums: GCJ-02 (Amap, Tencent) and BD-09 (Baidu) to and from WGS 84.

GCJ-02 moves positions in mainland China by 19 to 699 m (418 m in the median), BD-09 by 0.69 to 1.51 km.
The formulas are the public ones (Krasovsky 1940 ellipsoid, first published by Coolypf 2010; BD-09 by its map script).
Their inverses have no closed form. The single step that most libraries take leaves up to 4 m (GCJ-02) or 16 m (BD-09
to GCJ-02); five steps leave 7 nm and seven steps 5 nm, measured on a grid all over the mainland.

Who is shifted is decided by the outline of the mainland, not by the customary rectangle: Hong Kong, Macau, Taiwan
and every foreign place are written alike in all three datums. For a position given in a Chinese datum the outline
is asked about its WGS 84 candidate, so that what lies inside comes back exactly. Within a shift's length (600 m,
1.6 km for BD-09) beyond the border the answer can be ambiguous: there a shifted and an unshifted position may share
their digits, and the shifted reading, the one on the mainland, wins.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from math import pi
from pathlib import Path
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.coordinates import LonLat
from geo.errors import UnknownDatum

Floats = NDArray[np.float64]

_A: Final = 6378245.0
_EE: Final = 0.00669342162296594323
_BD_TURN: Final = pi * 3000.0 / 180.0
_BD_LON, _BD_LAT = 0.0065, 0.006
_GCJ_STEPS: Final = 5
_BD_STEPS: Final = 7


class Datum(StrEnum):
    """What the digits of a position mean."""

    WGS84 = "wgs84"
    GCJ02 = "gcj02"
    BD09 = "bd09"


def parse_datum(text: str) -> Datum:
    """Reads the name of a datum in lower case. Raises `UnknownDatum`."""
    try:
        return Datum(text)
    except ValueError:
        raise UnknownDatum("The datum is one of wgs84, gcj02 and bd09.", pointer="/datum") from None


def to_wgs84(point: LonLat, datum: Datum) -> LonLat:
    """The WGS 84 position of one given in `datum`; within 1 µm of the formula's inverse inside the mainland.

    A position whose WGS 84 candidate lies outside the mainland is returned as it is.
    """
    return _one(to_wgs84_many, point, datum)


def from_wgs84(point: LonLat, datum: Datum) -> LonLat:
    """The digits that `datum` writes for a WGS 84 position; the position itself outside the mainland."""
    return _one(from_wgs84_many, point, datum)


def to_wgs84_many(lons: Floats, lats: Floats, datum: Datum) -> tuple[Floats, Floats]:
    """As `to_wgs84` for arrays of one shape, degrees; ranges are not checked, NaN stays NaN.

    Arrays of whole numbers are read as floats. What needs no shift may be the given array, not a copy.
    """
    if datum is Datum.WGS84:
        return lons, lats
    lons, lats = np.asarray(lons, dtype=np.float64), np.asarray(lats, dtype=np.float64)
    # Far from China nothing is shifted, and the polynomials run away there.
    near = _near_china(lons, lats)
    if not near.any():
        return lons, lats
    given = lons[near], lats[near]
    gcj = _inverse(*given, _bd_offset, _BD_STEPS) if datum is Datum.BD09 else given
    candidates = _inverse(*gcj, _gcj_offset, _GCJ_STEPS)
    shifted = in_mainland_many(*candidates)
    new_lons, new_lats = lons.copy(), lats.copy()
    new_lons[near] = np.where(shifted, candidates[0], given[0])
    new_lats[near] = np.where(shifted, candidates[1], given[1])
    return new_lons, new_lats


def from_wgs84_many(lons: Floats, lats: Floats, datum: Datum) -> tuple[Floats, Floats]:
    """As `from_wgs84` for arrays of one shape, degrees; as `to_wgs84_many`."""
    if datum is Datum.WGS84:
        return lons, lats
    lons, lats = np.asarray(lons, dtype=np.float64), np.asarray(lats, dtype=np.float64)
    shifted = in_mainland_many(lons, lats)
    if not shifted.any():
        return lons, lats
    moved = _plus(lons[shifted], lats[shifted], _gcj_offset(lons[shifted], lats[shifted]))
    if datum is Datum.BD09:
        moved = _plus(*moved, _bd_offset(*moved))
    new_lons, new_lats = lons.copy(), lats.copy()
    new_lons[shifted], new_lats[shifted] = moved
    return new_lons, new_lats


def in_mainland(point: LonLat) -> bool:
    """True when a WGS 84 position lies within the outline, where the datums differ."""
    return bool(in_mainland_many(np.array([point.lon]), np.array([point.lat]))[0])


def in_mainland_many(lons: Floats, lats: Floats) -> NDArray[np.bool_]:
    """As `in_mainland` for arrays of one shape; NaN and infinities are outside."""
    near = _near_china(lons, lats)
    if near.any():
        near[near] = shapely.intersects_xy(_mainland(), lons[near], lats[near])
    return near


def _near_china(lons: Floats, lats: Floats) -> NDArray[np.bool_]:
    """True within a box around the outline (73.6 to 134.8° E, 18.1 to 53.6° N) that any shift stays inside."""
    return (lons >= 72.0) & (lons <= 137.0) & (lats >= 17.0) & (lats <= 55.0)


@cache
def _mainland() -> shapely.Geometry:
    """The outline, read and indexed at first use."""
    feature = json.loads((Path(__file__).parent / "data" / "mainland_china.geojson").read_text("utf-8"))
    outline = shapely.from_geojson(json.dumps(feature["geometry"]))
    shapely.prepare(outline)
    return outline


def _gcj_offset(lons: Floats, lats: Floats) -> tuple[Floats, Floats]:
    """Degrees from WGS 84 to GCJ-02; a polynomial and ripples in metres about 105° E, 35° N."""
    x, y = lons - 105.0, lats - 35.0
    root = np.sqrt(np.abs(x))
    ripple = 20.0 * np.sin(6.0 * pi * x) + 20.0 * np.sin(2.0 * pi * x)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    waves = 20.0 * np.sin(pi * y) + 40.0 * np.sin(pi * y / 3.0)
    waves += 160.0 * np.sin(pi * y / 12.0) + 320.0 * np.sin(pi * y / 30.0)
    north += (ripple + waves) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    waves = 20.0 * np.sin(pi * x) + 40.0 * np.sin(pi * x / 3.0)
    waves += 150.0 * np.sin(pi * x / 12.0) + 300.0 * np.sin(pi * x / 30.0)
    east += (ripple + waves) * 2.0 / 3.0
    phi = np.radians(lats)
    magic = 1.0 - _EE * np.sin(phi) ** 2
    meridian_m = _A * (1.0 - _EE) / (magic * np.sqrt(magic)) * pi / 180.0
    parallel_m = _A / np.sqrt(magic) * np.cos(phi) * pi / 180.0
    return east / parallel_m, north / meridian_m


def _bd_offset(lons: Floats, lats: Floats) -> tuple[Floats, Floats]:
    """Degrees from GCJ-02 to BD-09: a turn, a stretch and a push."""
    length = np.hypot(lons, lats) + 0.00002 * np.sin(lats * _BD_TURN)
    angle = np.arctan2(lats, lons) + 0.000003 * np.cos(lons * _BD_TURN)
    return length * np.cos(angle) + _BD_LON - lons, length * np.sin(angle) + _BD_LAT - lats


def _inverse(
    lons: Floats, lats: Floats, offset: Callable[[Floats, Floats], tuple[Floats, Floats]], steps: int
) -> tuple[Floats, Floats]:
    """The position that `offset` moves to the given one.

    A fixed point: each step leaves at most 1 % (GCJ-02) or 2 % (BD-09) of the error before, since the offsets change
    slowly.
    """
    guess = lons, lats
    for _ in range(steps):
        east, north = offset(*guess)
        guess = lons - east, lats - north
    return guess


def _plus(lons: Floats, lats: Floats, offset: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    return lons + offset[0], lats + offset[1]


def _one(convert: Callable[[Floats, Floats, Datum], tuple[Floats, Floats]], point: LonLat, datum: Datum) -> LonLat:
    if datum is Datum.WGS84:
        return point
    lons, lats = convert(np.array([point.lon]), np.array([point.lat]), datum)
    return LonLat(float(lons[0]), float(lats[0]))
