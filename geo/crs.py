"""Declared coordinate reference systems, brought to longitude and latitude of WGS 84 by PROJ.

Axis order is always east, north (or longitude, latitude), whatever the authority's register says. CGCS2000
(EPSG:4490) counts as WGS 84: they differ by centimetres. GCJ-02 and BD-09 are no reference systems of PROJ;
see `geo.grid_shift`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from geo.coordinates import LonLat
from geo.errors import InvalidCoordinate, UnknownCrs

LONLAT: Final = "EPSG:4326"
MAX_CRS_CHARS: Final = 10_000
Floats = NDArray[np.float64]
Shape = TypeVar("Shape", bound=shapely.Geometry)


def to_lonlat(crs: str, xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
    """Longitudes and latitudes (degrees) of positions given in `crs`, arrays of one shape.

    `crs` is a name ("EPSG:3857") or WKT. Raises `UnknownCrs` for a system that PROJ can't bring to the
    surface of the earth, `InvalidCoordinate` with the index as pointer for a position outside its domain.
    """
    lons, lats = _transformer(crs, False).transform(xs, ys)
    lons = _without_noise(np.asarray(lons, dtype=np.float64), 180.0)
    lats = _without_noise(np.asarray(lats, dtype=np.float64), 90.0)
    bad = ~(np.isfinite(lons) & np.isfinite(lats) & (np.abs(lons) <= 180.0) & (np.abs(lats) <= 90.0))
    if bad.any():
        index = int(np.flatnonzero(bad)[0])
        raise InvalidCoordinate("The position lies outside its reference system.", pointer=f"/{index}")
    return lons, lats


def from_lonlat(crs: str, lons: Floats, lats: Floats) -> tuple[Floats, Floats]:
    """Positions in `crs` (its own units, east and north) of longitudes and latitudes; as `to_lonlat`."""
    xs, ys = _transformer(crs, True).transform(lons, lats)
    xs, ys = np.asarray(xs, dtype=np.float64), np.asarray(ys, dtype=np.float64)
    bad = ~(np.isfinite(xs) & np.isfinite(ys))
    if bad.any():
        index = int(np.flatnonzero(bad)[0])
        raise InvalidCoordinate("The position lies outside the reference system.", pointer=f"/{index}")
    return xs, ys


def point_to_lonlat(crs: str, x: float, y: float) -> LonLat:
    """One position in `crs` as `LonLat`."""
    lons, lats = to_lonlat(crs, np.array([x], dtype=np.float64), np.array([y], dtype=np.float64))
    return LonLat(float(lons[0]), float(lats[0]))


def shape_to_lonlat(crs: str, shape: Shape) -> Shape:
    """A shape with every vertex brought to longitude and latitude; edges stay straight between them."""

    def moved(positions: Floats) -> Floats:
        return np.column_stack(to_lonlat(crs, positions[:, 0], positions[:, 1]))

    return shapely.transform(shape, moved)


def is_lonlat(crs: str) -> bool:
    """True when positions in `crs` already are degrees of WGS 84 (or CGCS2000) and need no transformation."""
    return _crs(crs).to_epsg() in (4326, 4490) or crs.upper() in ("OGC:CRS84", "URN:OGC:DEF:CRS:OGC:1.3:CRS84")


def _without_noise(degrees: Floats, limit: float) -> Floats:
    """What rounding carried over the edge of the map, up to 0.1 mm, is put back on it."""
    return np.where(np.abs(np.abs(degrees) - limit) <= 1e-9, np.clip(degrees, -limit, limit), degrees)


@lru_cache(maxsize=64)
def _crs(crs: str) -> CRS:
    if not crs or len(crs) > MAX_CRS_CHARS:
        raise UnknownCrs("The coordinate reference system is missing or too long.")
    try:
        known = CRS.from_user_input(crs)
    except CRSError as fault:
        raise UnknownCrs("The coordinate reference system is not known.") from fault
    if known.is_geocentric or known.is_vertical or not (known.is_geographic or known.is_projected):
        raise UnknownCrs("The coordinate reference system has no position on the surface of the earth.")
    return known


@lru_cache(maxsize=64)
def _transformer(crs: str, inverse: bool) -> Transformer:
    """A transformer is safe to share: pyproj keeps one PROJ context a thread."""
    source, target = (CRS(LONLAT), _crs(crs)) if inverse else (_crs(crs), CRS(LONLAT))
    try:
        return Transformer.from_crs(source, target, always_xy=True)
    except ProjError as fault:
        raise UnknownCrs("The coordinate reference system can't be brought to WGS 84.") from fault
