"""Opening hours in OpenStreetMap's notation, answered in three states at an instant; pure.

A wrong "closed" is worse than none: what can't be read, or depends on what we don't know (school holidays, sunset, an
open end, "by appointment"), is ``unknown``. Times are wall times of the place's IANA zone; intervals are half-open and
may end the next day. Public holidays and make-up workdays (a weekend day run as a weekday) come from our own calendars.

The library behind it evaluates one day's rules well, but lets a rule for Tuesday cut Monday night short, applies a
fallback to whole days, and knows no calendars but its own. So each day is asked for alone: once with its spans cut at
midnight, once for what reaches into the next day, and on a public holiday with ``PH`` written as that day's weekday.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal
from zoneinfo import ZoneInfo

import opening_hours

from app.places.hours_text import DAY_MIN as DAY_MIN  # those who show hours take it from here
from app.places.hours_text import (
    PUBLIC_HOLIDAY,
    SCHOOL_HOLIDAY,
    expression_of,
    fallbacks,
    readings,
    replaced,
)

OpenState = Literal["open", "closed", "unknown"]

HORIZON_DAYS: Final = 14

_WEEKDAYS: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A date of a calendar; ``as_weekday`` (1 = Monday) says which weekday a make-up workday is run as."""

    kind: Literal["holiday", "makeup_workday"]
    as_weekday: int | None = None


Calendar = Mapping[date, SpecialDay]
NO_CALENDAR: Final[Calendar] = {}


@dataclass(frozen=True, slots=True)
class HoursPattern:
    """One distinct way of being open; ``workday_calendar`` places run make-up workdays as weekdays."""

    hours_no: int
    opening_hours: str
    time_zone: str
    calendar: str | None
    workday_calendar: bool
    parsed: bool


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes from a day's local midnight, half-open; ``end`` past 1440 reaches into the next day."""

    start: int
    end: int
    state: Literal["open", "unknown"]


Day = tuple[Span, ...]


def parse_ok(text: str) -> bool:
    """True when the text can be evaluated; what it is not, counts as ``unknown``."""
    return all(readings(part) for part in fallbacks(text))


def state_at(
    pattern: HoursPattern, calendar: Calendar, instant: datetime, horizon_days: int = HORIZON_DAYS
) -> tuple[OpenState, datetime | None]:
    """The state at an instant and when it changes next (UTC; None: not within the horizon, or unknown)."""
    zone = _zone(pattern.time_zone)
    local = instant.astimezone(zone)
    minute = local.hour * 60 + local.minute
    day = local.date()
    timeline = _timeline(pattern, calendar, day)
    if not pattern.parsed or timeline is None:
        return "unknown", None
    state: OpenState = "closed"
    for start, here in timeline:
        if start <= minute:
            state = here
        elif here != state:
            return state, _instant(day, start, zone, instant)
    for _ in range(horizon_days):
        day += timedelta(days=1)
        timeline = _timeline(pattern, calendar, day)
        if timeline is None:
            return state, _instant(day, 0, zone, instant)
        for start, here in timeline:
            if here != state:
                return state, _instant(day, start, zone, instant)
    return state, None


def open_patterns(
    patterns: Iterable[HoursPattern], calendars: Mapping[str, Calendar], instant: datetime
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Numbers of the patterns that are open at an instant, and of those of which we don't know."""
    opened: list[int] = []
    unknown: list[int] = []
    moments: dict[tuple[str, str | None, bool], tuple[int, tuple[date, bool], tuple[date, bool]]] = {}
    for pattern in patterns:
        if not pattern.parsed:
            unknown.append(pattern.hours_no)
            continue
        key = (pattern.time_zone, pattern.calendar, pattern.workday_calendar)
        moment = moments.get(key)
        if moment is None:
            local = instant.astimezone(_zone(pattern.time_zone))
            calendar = calendars.get(pattern.calendar or "", NO_CALENDAR)
            today, yesterday = local.date(), local.date() - timedelta(days=1)
            moment = moments[key] = (
                local.hour * 60 + local.minute,
                _run_as(today, calendar, pattern.workday_calendar),
                _run_as(yesterday, calendar, pattern.workday_calendar),
            )
        minute, now, before = moment
        state = _state(pattern.opening_hours, minute, now, before)
        if state == "open":
            opened.append(pattern.hours_no)
        elif state == "unknown":
            unknown.append(pattern.hours_no)
    return tuple(opened), tuple(unknown)


def week(
    text: str, around: date, calendar: Calendar = NO_CALENDAR, *, workday_calendar: bool = False
) -> tuple[Day, ...] | None:
    """What starts on each day, Monday first, of the week that holds ``around``; None when the text can't be read."""
    if not parse_ok(text):
        return None
    monday = around - timedelta(days=around.weekday())
    days = [_day(text, *_run_as(monday + timedelta(days=n), calendar, workday_calendar)) for n in range(7)]
    return tuple(day if day is not None else (Span(0, DAY_MIN, "unknown"),) for day in days)


def clock_time(minute: int) -> str:
    """``HH:MM`` of a minute of the day; past midnight it goes on from 00:00, and the end of a day is 24:00."""
    minute = minute - DAY_MIN if minute > DAY_MIN else minute
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _state(text: str, minute: int, now: tuple[date, bool], before: tuple[date, bool]) -> OpenState:
    today, yesterday = _day(text, *now), _day(text, *before)
    if today is None or yesterday is None:
        return "unknown"
    found: OpenState = "closed"
    for span in today:
        if span.start <= minute < span.end:
            if span.state == "open":
                return "open"
            found = "unknown"
    for span in yesterday:
        if span.start <= minute + DAY_MIN < span.end:
            if span.state == "open":
                return "open"
            found = "unknown"
    return found


def _timeline(pattern: HoursPattern, calendar: Calendar, on: date) -> list[tuple[int, OpenState]] | None:
    """Where the state changes in one local day, from minute 0 on."""
    now = _run_as(on, calendar, pattern.workday_calendar)
    before = _run_as(on - timedelta(days=1), calendar, pattern.workday_calendar)
    text = pattern.opening_hours
    today, yesterday = _day(text, *now), _day(text, *before)
    if today is None or yesterday is None:
        return None
    edges = {0}
    for span, offset in [*((s, 0) for s in today), *((s, DAY_MIN) for s in yesterday)]:
        edges |= {edge - offset for edge in (span.start, span.end) if 0 < edge - offset < DAY_MIN}
    changes: list[tuple[int, OpenState]] = []
    for edge in sorted(edges):
        state = _state(text, edge, now, before)
        if not changes or changes[-1][1] != state:
            changes.append((edge, state))
    return changes


def _run_as(on: date, calendar: Calendar, workday_calendar: bool) -> tuple[date, bool]:
    """Which date's rules apply on a date, and whether it is a public holiday."""
    special = calendar.get(on)
    if special is None:
        return on, False
    if special.kind == "holiday":
        return on, True
    if not workday_calendar:
        return on, False
    shift = (special.as_weekday or 1) - 1 - on.weekday()
    return on + timedelta(days=(shift + 3) % 7 - 3), False


def _instant(day: date, minute: int, zone: ZoneInfo, after: datetime) -> datetime:
    """The first instant past ``after`` at which the wall clock shows that minute, or has passed it."""
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001
    earlier = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    later = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if earlier <= later:
        return earlier if earlier > after else later
    # The clocks skip this minute: the change comes when they jump.
    low, high = later, earlier
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).replace(tzinfo=None) < wall:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=65536)
def _day(text: str, on: date, holiday: bool) -> Day | None:
    """What the rules of one date open, its spill into the next day included; None: not readable."""
    parts = fallbacks(text)
    if len(parts) > 1:
        days = [_day(part, on, holiday) for part in parts]
        return None if None in days else _overlaid([day for day in days if day is not None])
    weekday = _WEEKDAYS[on.weekday()]
    seen: list[Day] = []
    for reading in readings(text):
        words = ([PUBLIC_HOLIDAY] if holiday else []) + ([SCHOOL_HOLIDAY] if reading.school_holiday else [])
        own, spill = (replaced(part, words, weekday) for part in (reading.own, reading.spill))
        spans = _spans(own, on, 0, DAY_MIN)
        reach = _spans(spill, on, DAY_MIN, DAY_MIN - 1)
        if spans is None or reach is None:
            return None
        if reach and reach[0].start == DAY_MIN and reach[-1].end >= 2 * DAY_MIN - 1 and len(reach) == 1:
            reach = ()  # a rule without times: the whole day, and nothing of the next
        seen.append(_joined(spans + reach))
    if not seen:
        return None
    return seen[0] if len(set(seen)) == 1 else _agreed(seen)


def _spans(text: str | None, on: date, offset: int, cut: int) -> Day | None:
    """Open and unknown parts of one date as the library sees them, up to minute ``cut``, moved by ``offset``."""
    if text is None:
        return ()
    expression = expression_of(text)
    if expression is None:
        return None
    midnight = datetime(on.year, on.month, on.day)  # noqa: DTZ001
    found: list[Span] = []
    for start, end, state, comment in expression.intervals(midnight, midnight + timedelta(days=1)):
        if state == opening_hours.State.CLOSED:
            continue
        # A comment without a state, like "by appointment", promises nothing.
        known = state == opening_hours.State.OPEN and not comment
        first = int((start - midnight).total_seconds()) // 60
        last = min(int((end - midnight).total_seconds()) // 60, cut)
        if first < last:
            found.append(Span(first + offset, last + offset, "open" if known else "unknown"))
    return tuple(found)


def _joined(spans: Day) -> Day:
    """Spans of one state that touch, as one."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].end == span.start and joined[-1].state == span.state:
            joined[-1] = Span(joined[-1].start, span.end, span.state)
        else:
            joined.append(span)
    return tuple(joined)


def _agreed(days: Sequence[Day]) -> Day:
    """What all readings say alike; elsewhere unknown."""
    return _combined(days, lambda states: states[0] if len(set(states)) == 1 else "unknown")


def _overlaid(days: Sequence[Day]) -> Day:
    """The first that is not closed; a fallback fills what stands before it leaves closed."""
    return _combined(days, lambda states: next((state for state in states if state != "closed"), "closed"))


def _combined(days: Sequence[Day], decide: Callable[[list[OpenState]], OpenState]) -> Day:
    edges = sorted({edge for day in days for span in day for edge in (span.start, span.end)})
    found: list[Span] = []
    for start, end in pairwise(edges):
        states: list[OpenState] = [
            next((span.state for span in day if span.start <= start < span.end), "closed") for day in days
        ]
        state = decide(states)
        if state != "closed":
            found.append(Span(start, end, state))
    return _joined(tuple(found))
