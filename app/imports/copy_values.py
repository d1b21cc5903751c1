"""Values in the text format of COPY: tab between values, ``\\N`` for null, backslash escapes."""

from __future__ import annotations

import struct
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import orjson
import shapely

from geo.coordinates import LonLat

_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_ARRAY_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})
_POINT: Final = struct.Struct("<BIIdd")
_POINT_WITH_SRID: Final = 0x20000001
_SRID: Final = 4326


def copy_value(value: Any) -> str:
    """One value in the text format; dicts are JSON, lists and tuples arrays of text or dates."""
    if value is None:
        return "\\N"
    kind = type(value)
    if kind is str:
        return value.translate(_ESCAPES)  # type: ignore[no-any-return]
    if kind is bool:
        return "t" if value else "f"
    if kind is int or kind is UUID:
        return str(value)
    if kind is float:
        return repr(value)
    if kind is LonLat:
        return point_hex(value.lon, value.lat)
    if isinstance(value, dict):
        return orjson.dumps(value).decode().translate(_ESCAPES)
    if isinstance(value, list | tuple):
        return ("{" + ",".join(_element(item) for item in value) + "}").translate(_ESCAPES)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if isinstance(value, shapely.Geometry):
        return str(shapely.to_wkb(shapely.set_srid(value, _SRID), hex=True, include_srid=True))
    raise TypeError(f"no COPY form for {kind.__name__}")


def point_hex(lon: float, lat: float) -> str:
    """A point as hexadecimal EWKB with SRID 4326."""
    return _POINT.pack(1, _POINT_WITH_SRID, _SRID, lon, lat).hex()


def _element(item: Any) -> str:
    text = item.isoformat() if isinstance(item, date) else str(item)
    return '"' + text.translate(_ARRAY_ESCAPES) + '"'
