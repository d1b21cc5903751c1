"""What a text of opening hours opens on one date, asked of the library a day at a time; pure.

The library evaluates one day's rules well, but lets a rule for Tuesday cut Monday night short, applies a fallback to
whole days, and knows no calendars but its own. So each day is asked for alone: once with its spans cut at midnight,
once for what reaches into the next day, with ``PH`` written as the day's weekday on a holiday.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import opening_hours

from app.places.hours_text import DAY_MIN, expression_of, fallbacks, readings
from app.places.hours_tidy import WEEKDAYS, for_weekday, run_as

OpenState = Literal["open", "closed", "unknown"]


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes from a day's local midnight, half-open; ``end`` past 1440 reaches into the next day."""

    start: int
    end: int
    state: Literal["open", "unknown"]


Day = tuple[Span, ...]


@lru_cache(maxsize=65536)
def day_of(text: str, on: date, holiday: bool, weekday: int) -> Day | None:
    """What the rules of one date open, its spill into the next day included; None: not readable.

    ``weekday`` (0 = Monday) is the one that the date is run as.
    """
    parts = fallbacks(text)
    if len(parts) > 1:
        days = [day_of(part, on, holiday, weekday) for part in parts]
        return None if None in days else _overlaid([day for day in days if day is not None])
    seen: list[Day] = []
    for reading in readings(parts[0]):
        own, spill = (
            text and _for_date(text, on, weekday, holiday=holiday, school_holiday=reading.school_holiday)
            for text in (reading.own, reading.spill)
        )
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


def _for_date(text: str, on: date, weekday: int, *, holiday: bool, school_holiday: bool) -> str:
    if weekday != on.weekday():
        text = run_as(text, on.weekday(), weekday)
    return for_weekday(text, WEEKDAYS[on.weekday()], holiday=holiday, school_holiday=school_holiday)


def state_in(today: Day, yesterday: Day, minute: int) -> OpenState:
    """The state at a minute of a day, with what the day before left open."""
    found: OpenState = "closed"
    for day, at in ((today, minute), (yesterday, minute + DAY_MIN)):
        for span in day:
            if span.start <= at < span.end:
                if span.state == "open":
                    return "open"
                found = "unknown"
    return found


def changes_in(today: Day, yesterday: Day) -> list[tuple[int, OpenState]]:
    """Where the state changes in one local day, from minute 0 on."""
    edges = {0}
    for span, offset in [*((s, 0) for s in today), *((s, DAY_MIN) for s in yesterday)]:
        edges |= {edge - offset for edge in (span.start, span.end) if 0 < edge - offset < DAY_MIN}
    changes: list[tuple[int, OpenState]] = []
    for edge in sorted(edges):
        state = state_in(today, yesterday, edge)
        if not changes or changes[-1][1] != state:
            changes.append((edge, state))
    return changes


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
