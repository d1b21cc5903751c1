"""Bodies and answers about positions and what a member agreed to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo, available_timezones

from marshmallow import Schema, ValidationError, fields, validate

from app.geofencing.schemas import told
from app.geofencing.types import Outcome
from app.http.fields import DecimalNumber, Flag, Instant, Text, latitude, longitude

MOST_FIXES: Final = 100
_NEEDED: Final = frozenset(("at", "lon", "lat", "accuracy_m"))
_KNOWN: Final = _NEEDED | {"mock", "replayed"}
_NUMBERS: Final = (int, float)
DEVICE: Final = r"^[A-Za-z0-9._:~-]+$"


class PositionFixBody(Schema):
    """A position as a device measured it."""

    at = told(Instant(required=True), "when it was measured; a subject has one fix a time")
    lon = longitude(required=True)
    lat = latitude(required=True)
    accuracy_m = told(
        DecimalNumber(low=0, high=100_000, unit=" metres", code="invalid-body", required=True),
        "the radius that the device lies in",
    )
    mock = told(Flag(load_default=False), "the device says that the position is simulated")
    replayed = told(Flag(load_default=False), "it was kept and is sent later")


class FixList(fields.List[Any]):
    """Fixes; plain ones are read at once, since a request brings a hundred, all others field by field, with faults."""

    def __init__(self, **options: Any) -> None:
        longest = validate.Length(min=1, max=MOST_FIXES, error=f"give 1 to {MOST_FIXES} fixes")
        super().__init__(fields.Nested(PositionFixBody), validate=longest, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> list[Any]:
        if isinstance(value, list) and len(value) <= MOST_FIXES:
            found = [_plain(each) for each in value]
            if None not in found:
                return found
        return super()._deserialize(value, attr, data, **more)


def _plain(given: Any) -> dict[str, Any] | None:
    """A fix as ``PositionFixBody`` would read it; None where that has to look."""
    if type(given) is not dict or not _NEEDED <= given.keys() <= _KNOWN:
        return None
    lon, lat, accuracy_m, text = given["lon"], given["lat"], given["accuracy_m"], given["at"]
    mock, replayed = given.get("mock", False), given.get("replayed", False)
    if not (type(lon) in _NUMBERS and type(lat) in _NUMBERS and type(accuracy_m) in _NUMBERS):
        return None
    if not (-180 <= lon <= 180 and -90 <= lat <= 90 and 0 <= accuracy_m <= 100_000):
        return None
    if type(mock) is not bool or type(replayed) is not bool or type(text) is not str or len(text) < 20:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if at.tzinfo is None or not 1970 <= at.year <= 2100:
        return None
    return {
        "at": at,
        "lon": lon + 0.0,
        "lat": lat + 0.0,
        "accuracy_m": accuracy_m + 0.0,
        "mock": mock,
        "replayed": replayed,
    }


class PositionsBody(Schema):
    """Fixes of one member, of one device where several are followed apart."""

    device_id = told(
        Text(longest=64, validate=validate.Regexp(DEVICE, error="letters, digits and . _ : ~ -")),
        "the app's own name of the device; each is followed by itself",
    )
    fixes = FixList(required=True)


class PositionFixAnswer(Schema):
    """What became of a fix: ``late`` and all others but ``counted`` changed nothing."""

    index = fields.Integer(required=True)
    outcome = fields.String(required=True, metadata={"enum": list(get_args(Outcome))})
    late = fields.Boolean(required=True)
    why = fields.String(required=True, allow_none=True)
    inaccurate_for = fields.Integer(
        required=True, metadata={"description": "how many fences nearby it was not accurate enough for"}
    )


class PositionsAnswer(Schema):
    """What became of each fix, in the order that they came in, and how many events they made."""

    items = fields.List(fields.Nested(PositionFixAnswer), required=True)
    counted = fields.Integer(required=True)
    events = fields.Integer(required=True)


class PurgedAnswer(Schema):
    """What was removed; events that were told stay, and nobody can tell of whom."""

    positions = fields.Integer(required=True)
    pairs = fields.Integer(required=True)
    events = fields.Integer(required=True)


CLOCK: Final = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


class TimeOfDay(Text):
    """An hour and minute of the day."""

    def __init__(self, **options: Any) -> None:
        super().__init__(longest=5, shortest=5, metadata={"pattern": f"^{CLOCK.pattern}$"}, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str) or not CLOCK.fullmatch(value):
            raise ValidationError("give an hour and minute, such as 22:00")
        return value


class ZoneName(Text):
    """An IANA time zone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(longest=60, metadata={"example": "Asia/Shanghai"}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> str:
        found = super()._deserialize(value, attr, data, **more)
        if found not in available_timezones():
            raise ValidationError("give an IANA time zone, such as Asia/Shanghai")
        return ZoneInfo(found).key


class QuietBody(Schema):
    """When nothing is to be told; it may go over midnight."""

    begins = TimeOfDay(required=True)
    ends = TimeOfDay(required=True)


class LocationBody(Schema):
    """What a member agrees to, as a whole."""

    positions = told(Flag(required=True), "fixes of mine become events of fences; false forgets them at once")
    offers = told(Flag(required=True), "a coupon may be offered to me where I enter or dwell")
    time_zone = told(ZoneName(load_default="UTC"), "whose hours the quiet ones are")
    quiet = fields.Nested(QuietBody, allow_none=True, load_default=None)


class QuietAnswer(Schema):
    """When nothing is told."""

    begins = fields.String(required=True)
    ends = fields.String(required=True)


class LocationAnswer(Schema):
    """What a member agreed to and since when."""

    positions = fields.Boolean(required=True)
    positions_at = fields.DateTime(required=True, allow_none=True)
    offers = fields.Boolean(required=True)
    offers_at = fields.DateTime(required=True, allow_none=True)
    time_zone = fields.String(required=True)
    quiet = fields.Nested(QuietAnswer, required=True, allow_none=True)
