"""Local days of a zone as stretches of time in which the wall clock runs on without a jump; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Stretch:
    """Instants [start, end) of one local day; the wall clock shows ``minute`` at the start."""

    start: datetime
    end: datetime
    minute: int

    def at(self, minute: int) -> datetime | None:
        """When the wall clock shows that minute; None: not in this stretch."""
        instant = self.start + timedelta(minutes=minute - self.minute)
        return instant if self.start <= instant < self.end else None


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """The IANA zone, read once."""
    return ZoneInfo(name)


@lru_cache(maxsize=8192)
def stretches(zone_name: str, day: date) -> tuple[Stretch, ...]:
    """A local day in order: one stretch, or two where the clocks change; an hour that is repeated stands in both."""
    zone = zone_of(zone_name)
    start = _midnight(day, zone)
    end = _midnight(day + timedelta(days=1), zone)
    marks = [start]
    if start.astimezone(zone).utcoffset() != (end - timedelta(seconds=1)).astimezone(zone).utcoffset():
        marks.append(_jump(start, end, zone))
    return tuple(
        Stretch(first, last, _minute(first, zone)) for first, last in zip(marks, [*marks[1:], end], strict=True)
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day; where the clocks skip midnight, the instant of the jump."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def _minute(instant: datetime, zone: ZoneInfo) -> int:
    local = instant.astimezone(zone)
    return local.hour * 60 + local.minute


def _jump(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The instant between two at which the zone's offset changes."""
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle <= low:
            break
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    return high
