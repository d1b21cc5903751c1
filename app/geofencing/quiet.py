"""Quiet hours: a stretch of a member's day, which may go over midnight; pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def quiet_until(now: datetime, time_zone: str | None, begins_min: int | None, ends_min: int | None) -> datetime | None:
    """When the quiet that it is now in the member's zone ends (UTC); None when it is not quiet.

    The stretch is half-open, [begins, ends); one that ends when it begins is empty.
    """
    if begins_min is None or ends_min is None or begins_min == ends_min:
        return None
    zone = ZoneInfo(time_zone or "UTC")
    local = now.astimezone(zone)
    minute = local.hour * 60 + local.minute
    over_midnight = begins_min > ends_min
    if not (minute >= begins_min or minute < ends_min if over_midnight else begins_min <= minute < ends_min):
        return None
    day = local.date() + timedelta(days=1 if over_midnight and minute >= begins_min else 0)
    return datetime(day.year, day.month, day.day, ends_min // 60, ends_min % 60, tzinfo=zone).astimezone(UTC)
