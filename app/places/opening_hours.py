"""Opening hours in OpenStreetMap's notation, answered in three states at an instant; pure.

A wrong "closed" is worse than none: what can't be read, or depends on what we don't know (school holidays, sunset, an
open end, "by appointment"), is ``unknown``. Times are wall times of the place's IANA zone; intervals are half-open and
may end the next day. Public holidays and make-up workdays (a weekend day run as a weekday) come from our own calendars.
Precedence is the order of the rules: what stands later in the text (a dated exception, a temporary closure) overrides
what stands before it (holidays, weekdays) on the days that begin with it, never the night that is still going on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from app.places.hours_clock import stretches, zone_of
from app.places.hours_days import Day as Day
from app.places.hours_days import OpenState as OpenState
from app.places.hours_days import Span as Span
from app.places.hours_days import changes_in, day_of, state_in
from app.places.hours_text import DAY_MIN as DAY_MIN  # those who show hours take it from here
from app.places.hours_text import fallbacks, readings
from app.places.hours_tidy import DATE_WORDS

HORIZON_DAYS: Final = 14
_UNKNOWN: Final[OpenState] = "unknown"


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
class Outlook:
    """The state at an instant and what comes next, in UTC; each None: not within the horizon, or unknown.

    ``next_open_at`` is told while it is not open, ``next_close_at`` while it is; an open end has no ``next_close_at``.
    """

    state: OpenState
    next_change_at: datetime | None
    next_open_at: datetime | None
    next_close_at: datetime | None


def parse_ok(text: str) -> bool:
    """True when the text can be evaluated; what it is not, counts as ``unknown``."""
    return all(readings(part) for part in fallbacks(text))


def always_open(text: str) -> bool:
    """True when the text is open at every hour of every day, however it says so; a rule for some dates makes it not."""
    if not parse_ok(text) or re.search(DATE_WORDS, text):
        return False
    monday = date(2024, 1, 1)
    days = (day_of(text, monday + timedelta(days=n), holiday, n) for n in range(7) for holiday in (False, True))
    return all(day is not None and changes_in(day, ()) == [(0, "open")] for day in days)


def outlook_at(
    pattern: HoursPattern, calendar: Calendar, instant: datetime, horizon_days: int = HORIZON_DAYS
) -> Outlook:
    """The state at an instant, when it changes, and when the place next opens or closes for sure."""
    changes = _changes(pattern, calendar, instant, horizon_days)
    state, _ = next(changes)
    first = next(changes, None)
    if first is None:
        return Outlook(state, None, None, None)
    opens = closes = None
    if state == "open":
        closes = first[1] if first[0] == "closed" else None
    else:
        opens = next((at for here, at in (first, *changes) if here == "open"), None)
    return Outlook(state, first[1], opens, closes)


def state_at(
    pattern: HoursPattern, calendar: Calendar, instant: datetime, horizon_days: int = HORIZON_DAYS
) -> tuple[OpenState, datetime | None]:
    """The state at an instant and when it changes next (UTC; None: not within the horizon, or unknown)."""
    changes = _changes(pattern, calendar, instant, horizon_days)
    state, _ = next(changes)
    return state, next((at for _, at in changes), None)


def next_open_at(pattern: HoursPattern, calendar: Calendar, instant: datetime) -> datetime | None:
    """When the place opens next; None while it is open, where we don't know, and past 14 days."""
    return outlook_at(pattern, calendar, instant).next_open_at


def next_close_at(pattern: HoursPattern, calendar: Calendar, instant: datetime) -> datetime | None:
    """When the place that is open now closes; None while it is not open, at an open end, and past 14 days."""
    return outlook_at(pattern, calendar, instant).next_close_at


def open_patterns(
    patterns: Iterable[HoursPattern], calendars: Mapping[str, Calendar], instant: datetime
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Numbers of the patterns that are open at an instant, and of those of which we don't know."""
    opened: list[int] = []
    unknown: list[int] = []
    moments: dict[tuple[str, str | None, bool], tuple[int, _Rules, _Rules]] = {}
    for pattern in patterns:
        if not pattern.parsed:
            unknown.append(pattern.hours_no)
            continue
        key = (pattern.time_zone, pattern.calendar, pattern.workday_calendar)
        moment = moments.get(key)
        if moment is None:
            local = instant.astimezone(zone_of(pattern.time_zone))
            calendar = calendars.get(pattern.calendar or "", NO_CALENDAR)
            today, yesterday = local.date(), local.date() - timedelta(days=1)
            moment = moments[key] = (
                local.hour * 60 + local.minute,
                _rules_on(today, calendar, pattern.workday_calendar),
                _rules_on(yesterday, calendar, pattern.workday_calendar),
            )
        minute, now, before = moment
        here, left = day_of(pattern.opening_hours, *now), day_of(pattern.opening_hours, *before)
        state = "unknown" if here is None or left is None else state_in(here, left, minute)
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
    days = [day_of(text, *_rules_on(monday + timedelta(days=n), calendar, workday_calendar)) for n in range(7)]
    return tuple(day if day is not None else (Span(0, DAY_MIN, "unknown"),) for day in days)


def special_days(pattern: HoursPattern, calendar: Calendar, first: date, days: int = HORIZON_DAYS) -> dict[date, Day]:
    """What starts on each date from ``first`` on that differs from the plain week: holidays, make-up workdays, dates.

    A date that can't be told is one span of unknown. The plain week is that of ``first``, told without a calendar and
    from dates twenty weeks off, which a dated rule for these days does not reach.
    """
    text, found = pattern.opening_hours, {}
    for on in (first + timedelta(days=n) for n in range(days)):
        here = day_of(text, *_rules_on(on, calendar, pattern.workday_calendar))
        plain = day_of(text, on + timedelta(weeks=20), False, on.weekday())
        if here != plain:
            found[on] = here if here is not None else (Span(0, DAY_MIN, "unknown"),)
    return found


def clock_time(minute: int) -> str:
    """``HH:MM`` of a minute of the day; past midnight it goes on from 00:00, and the end of a day is 24:00."""
    minute = minute - DAY_MIN if minute > DAY_MIN else minute
    return f"{minute // 60:02d}:{minute % 60:02d}"


_Rules = tuple[date, bool, int]


def _rules_on(on: date, calendar: Calendar, workday_calendar: bool) -> _Rules:
    """A date, whether it is a public holiday, and the weekday (0 = Monday) that it is run as."""
    special = calendar.get(on)
    if special is None:
        return on, False, on.weekday()
    if special.kind == "holiday":
        return on, True, on.weekday()
    return on, False, (special.as_weekday or 1) - 1 if workday_calendar else on.weekday()


def _changes(
    pattern: HoursPattern, calendar: Calendar, instant: datetime, horizon_days: int
) -> Iterator[tuple[OpenState, datetime]]:
    """The state at an instant, then each change of it within the horizon."""
    state: OpenState = "unknown"
    told = False
    for at, here in _states(pattern, calendar, instant, horizon_days) if pattern.parsed else ():
        if at <= instant:
            state = here
            continue
        if not told:
            yield state, instant
            told = True
        if here != state:
            state = here
            yield state, at
    if not told:
        yield state, instant


def _states(
    pattern: HoursPattern, calendar: Calendar, instant: datetime, horizon_days: int
) -> Iterator[tuple[datetime, OpenState]]:
    """States by when they begin, from the start of the instant's local day on; neighbours may be alike."""
    first = instant.astimezone(zone_of(pattern.time_zone)).date()
    for day in (first + timedelta(days=n) for n in range(horizon_days + 1)):
        here, left = (
            day_of(pattern.opening_hours, *_rules_on(on, calendar, pattern.workday_calendar))
            for on in (day, day - timedelta(days=1))
        )
        changes = [(0, _UNKNOWN)] if here is None or left is None else changes_in(here, left)
        for stretch in stretches(pattern.time_zone, day):
            yield stretch.start, [state for minute, state in changes if minute <= stretch.minute][-1]
            for minute, state in changes:
                at = stretch.at(minute) if minute > stretch.minute else None
                if at is not None:
                    yield at, state
