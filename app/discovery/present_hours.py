"""Opening hours in full: now, what comes next, the week, the days that differ, and other kinds of hours; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.discovery.present import Json, View, local_time
from app.places.opening_hours import (
    DAY_MIN,
    NO_CALENDAR,
    Calendar,
    Day,
    HoursPattern,
    always_open,
    clock_time,
    outlook_at,
    parse_ok,
    special_days,
    week,
)

SECONDARY: Final = "opening_hours:"


def hours_detail(pattern: HoursPattern | None, attributes: Mapping[str, Any], view: View) -> Json:
    """Hours of a place; ``secondary`` are those of its attributes, such as ``opening_hours:kitchen``."""
    if pattern is None:
        return _told(None, view) | {"week": None, "special_days": [], "secondary": {}}
    others = {
        name.removeprefix(SECONDARY): _told(replace(pattern, opening_hours=text, parsed=parse_ok(text)), view)
        for name, text in sorted(attributes.items())
        if name.startswith(SECONDARY) and isinstance(text, str)
    }
    return _told(pattern, view) | {
        "week": _week(pattern, view),
        "special_days": _special_days(pattern, view),
        "secondary": others,
    }


def _told(pattern: HoursPattern | None, view: View) -> Json:
    """The state and what comes next, on the place's own clock."""
    if pattern is None:
        nothing = {"next_change_at": None, "next_open_at": None, "next_close_at": None}
        return {"state": "unknown", **nothing, "always_open": False}
    outlook = outlook_at(pattern, _calendar(pattern, view), view.world.as_of)
    times = {
        name: None if at is None else local_time(at, pattern.time_zone)
        for name, at in (
            ("next_change_at", outlook.next_change_at),
            ("next_open_at", outlook.next_open_at),
            ("next_close_at", outlook.next_close_at),
        )
    }
    return {"state": outlook.state, **times, "always_open": pattern.parsed and always_open(pattern.opening_hours)}


def _week(pattern: HoursPattern, view: View) -> list[Any] | None:
    """Seven days, Monday first, of the week at hand; a day that is partly unknown is null."""
    if not pattern.parsed:
        return None
    today = today_in(pattern.time_zone, view)
    days = week(pattern.opening_hours, today, _calendar(pattern, view), workday_calendar=pattern.workday_calendar)
    return None if days is None else [day_json(day) for day in days]


def _special_days(pattern: HoursPattern, view: View) -> list[Json]:
    """Of the next fourteen days those that differ from their weekday, and why where a calendar says so."""
    if not pattern.parsed:
        return []
    calendar = _calendar(pattern, view)
    found = special_days(pattern, calendar, today_in(pattern.time_zone, view))
    return [
        {"on": on.isoformat(), "kind": calendar[on].kind if on in calendar else "dated", "spans": day_json(day)}
        for on, day in found.items()
    ]


def _calendar(pattern: HoursPattern, view: View) -> Calendar:
    return view.world.calendars.get(pattern.calendar or "", NO_CALENDAR)


def today_in(time_zone: str, view: View) -> date:
    """The date of the search on a zone's clock."""
    return view.world.as_of.astimezone(ZoneInfo(time_zone)).date()


def day_json(day: Day) -> list[Json] | None:
    """Open spans of a day; null when a part of it is unknown."""
    if any(span.state == "unknown" for span in day):
        return None
    return [{"from": clock_time(span.start % DAY_MIN), "until": clock_time(span.end)} for span in day]
