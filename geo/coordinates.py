"""A position is `LonLat`: degrees of WGS 84, longitude first, always finite and in range."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite, nan, remainder
from numbers import Real
from typing import Final, Self, TypeGuard

from geo.errors import InvalidCoordinate, InvalidRadius
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
        object.__setattr__(self, "lon", lon)
        object.__setattr__(self, "lat", lat)

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
        """The position with at most this many decimals of a degree (0 or more); seven are 1.1 cm."""
        if decimals < 0:
            raise ValueError("decimals is negative.")
        return LonLat(round(self.lon, decimals), round(self.lat, decimals))


def parse_decimal(text: str, name: str) -> float:
    """A finite number in plain decimal notation, at most 24 characters.

    Raises `InvalidCoordinate`; `name` becomes its pointer.
    """
    if len(text) > MAX_NUMBER_CHARS:
        raise InvalidCoordinate(f"{name} is longer than {MAX_NUMBER_CHARS} characters.", pointer=f"/{name}")
    if _DECIMAL.fullmatch(text) is None:
        raise InvalidCoordinate(f"{name} is not a number in plain decimal notation.", pointer=f"/{name}")
    return float(text)


def check_range(lon: float, lat: float, lon_pointer: str = "/lon", lat_pointer: str = "/lat") -> None:
    """Refuses degrees outside the globe; both numbers must be finite.

    Raises `InvalidCoordinate`, with hint `swapped` when exchanging the two would give a valid position.
    """
    if not -180.0 <= lon <= 180.0:
        raise InvalidCoordinate("lon is not within -180 and 180.", pointer=lon_pointer)
    if not -90.0 <= lat <= 90.0:
        swapped = -180.0 <= lat <= 180.0 and -90.0 <= lon <= 90.0
        raise InvalidCoordinate(
            "lat is not within -90 and 90.", hint="swapped" if swapped else None, pointer=lat_pointer
        )


def wrap_lon(lon: float) -> float:
    """The same meridian within [-180, 180], without rounding; values already there are kept as they are.

    Raises `InvalidCoordinate` for a longitude that is not finite.
    """
    if -180.0 <= lon <= 180.0:
        return lon
    # The remainder of IEEE 754 is exact; adding 180 first would lose the last digits.
    return remainder(_finite(lon, "lon"), 360.0) + 0.0


def checked_metres(value: float, name: str, pointer: str = "") -> float:
    """A length in metres that is finite and not negative; `name` is what the sentence calls it.

    Raises `InvalidRadius` with `pointer`.
    """
    number = as_finite(value)
    if number is None or number < 0.0:
        raise InvalidRadius(f"The {name} must be finite and not negative.", pointer=pointer)
    return number


def is_number(value: object) -> TypeGuard[float]:
    """True for real numbers of Python and numpy, finite or not; a bool, a Decimal or a text is none."""
    return isinstance(value, int | float | Real) and not isinstance(value, bool)


def as_finite(value: object) -> float | None:
    """The number as a float, never -0.0; None for what is no number, not finite or beyond a float's range."""
    try:
        number = float(value) if is_number(value) else nan
    except OverflowError:
        return None
    # Adding zero turns -0.0 into 0.0, so that equal positions are written equally.
    return number + 0.0 if isfinite(number) else None


def _finite(value: object, name: str) -> float:
    if not is_number(value):
        raise InvalidCoordinate(f"{name} is not a number.", pointer=f"/{name}")
    number = as_finite(value)
    if number is None:
        raise InvalidCoordinate(f"{name} is not a finite number.", pointer=f"/{name}")
    return number
