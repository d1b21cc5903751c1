"""A position is `LonLat`: degrees of WGS 84, longitude first, always finite and in range."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import Final, Self

from geo.errors import InvalidCoordinate
from geo.units import MAX_DECIMALS

MAX_NUMBER_CHARS: Final = 24
_DECIMAL: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class LonLat:
    """A point on the globe: `lon` in [-180, 180], `lat` in [-90, 90], degrees of WGS 84.

    180 and -180 name the same meridian; both are accepted and kept as given. Minus zero becomes zero.
    Raises `InvalidCoordinate` with pointer `/lon` or `/lat`, and hint `swapped` when exchanging the two
    would give a valid position.
    """

    lon: float
    lat: float

    def __post_init__(self) -> None:
        lon = _finite(self.lon, "lon")
        lat = _finite(self.lat, "lat")
        check_range(lon, lat)
        # Adding zero turns -0.0 into 0.0, so that equal positions are written equally.
        object.__setattr__(self, "lon", lon + 0.0)
        object.__setattr__(self, "lat", lat + 0.0)

    @classmethod
    def parse(cls, lon: str, lat: str) -> Self:
        """Reads both numbers of a query string in plain decimal notation (`-12.5`), at most 24 characters.

        Exponents, signs other than a leading minus, spaces, underscores, `nan`, `inf` and digits of other
        scripts are refused with `InvalidCoordinate`.
        """
        return cls(parse_decimal(lon, "lon"), parse_decimal(lat, "lat"))

    @property
    def xy(self) -> tuple[float, float]:
        """(lon, lat), the order of GeoJSON, of shapely and of PostGIS."""
        return self.lon, self.lat

    def rounded(self, decimals: int = MAX_DECIMALS) -> LonLat:
        """The position with at most this many decimals; seven are 1.1 cm."""
        return LonLat(round(self.lon, decimals), round(self.lat, decimals))


def parse_decimal(text: str, name: str) -> float:
    """A finite number in plain decimal notation; `name` becomes the pointer of the refusal."""
    if len(text) > MAX_NUMBER_CHARS:
        raise InvalidCoordinate(f"{name} is longer than {MAX_NUMBER_CHARS} characters.", pointer=f"/{name}")
    if _DECIMAL.fullmatch(text) is None:
        raise InvalidCoordinate(f"{name} is not a number in plain decimal notation.", pointer=f"/{name}")
    return float(text)


def check_range(lon: float, lat: float, lon_pointer: str = "/lon", lat_pointer: str = "/lat") -> None:
    """Refuses degrees outside the globe; both numbers must be finite."""
    if not -180.0 <= lon <= 180.0:
        raise InvalidCoordinate("lon is not within -180 and 180.", pointer=lon_pointer)
    if not -90.0 <= lat <= 90.0:
        swapped = -180.0 <= lat <= 180.0 and -90.0 <= lon <= 90.0
        raise InvalidCoordinate(
            "lat is not within -90 and 90.", hint="swapped" if swapped else None, pointer=lat_pointer
        )


def wrap_lon(lon: float) -> float:
    """The same meridian within [-180, 180]; values already there are kept as they are."""
    if -180.0 <= lon <= 180.0:
        return lon
    return (lon + 180.0) % 360.0 - 180.0


def _finite(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidCoordinate(f"{name} is not a number.", pointer=f"/{name}")
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        raise InvalidCoordinate(f"{name} is not a finite number.", pointer=f"/{name}")
    return number
