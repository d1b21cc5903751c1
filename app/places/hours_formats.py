"""Opening hours in other notations, turned into OpenStreetMap's; pure.

schema.org's OpeningHoursSpecification (https://schema.org/OpeningHoursSpecification, with the customs of
https://developers.google.com/search/docs/appearance/structured-data/local-business) and the periods of Google Places
(https://developers.google.com/maps/documentation/places/web-service/place-details). Either raises InvalidHours with
the place of the fault.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from app.places.hours_errors import InvalidHours
from app.places.hours_exceptions import dates_text, spans_text
from app.places.hours_text import DAY_MIN
from app.places.hours_tidy import WEEKDAYS

_WEEK_MIN: Final = 7 * DAY_MIN
_HOLIDAYS: Final = 7
_DAY_NUMBERS: Final = {
    "Monday": 0,
    "Tuesday": 1,
    "Wednesday": 2,
    "Thursday": 3,
    "Friday": 4,
    "Saturday": 5,
    "Sunday": 6,
    "PublicHolidays": _HOLIDAYS,
}
_VOCABULARY = re.compile(r"^(?:https?://schema\.org/|schema:)")
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?")
_FOUR_DIGITS = re.compile(r"([01]\d|2[0-3])([0-5]\d)")
_MEMBERS: Final = {"dayOfWeek", "opens", "closes", "validFrom", "validThrough"}
_FOREVER: Final = (date(1900, 1, 1), date(9999, 12, 31))

_Days = dict[int, list[tuple[int, int]]]


def from_schema_org(specifications: Sequence[Mapping[str, Any]]) -> str:
    """The hours of a list of OpeningHoursSpecification.

    Without ``opens``, or with 00:00 to 00:00, the place is closed; 00:00 to 23:59 is the whole day. Those with
    ``validFrom`` or ``validThrough`` override the others on their dates, the shorter range the longer.
    """
    always: _Days = defaultdict(list)
    dated: dict[tuple[date, date], _Days] = defaultdict(lambda: defaultdict(list))
    for number, given in enumerate(_list(specifications)):
        try:
            days, span, valid = _specification(given)
        except InvalidHours as refusal:
            raise refusal.under(f"/{number}") from None
        into = always if valid is None else dated[valid]
        for day in days:
            seen = day in into
            if seen and (span is None or not into[day]):
                raise InvalidHours("A day is given as closed and once more.", pointer=f"/{number}/dayOfWeek")
            into[day] += [] if span is None else [span]
    rules = [_rules(always)] if always else []
    for (first, last), days_then in sorted(dated.items(), key=lambda one: (one[0][0] - one[0][1], one[0])):
        rules += [f"{dates_text(first, last)} {rule}" for rule in _rules(days_then, dated=True).split("; ")]
    if not rules:
        raise InvalidHours("There is no specification of hours.")
    return "; ".join(rules)


def from_google_periods(periods: Sequence[Mapping[str, Any]]) -> str:
    """The hours of a list of periods, ``{"open": point, "close": point}``; ``[]`` is a place that is always closed.

    A point has ``day`` (0 is Sunday) and either ``time`` ("0930") or ``hour`` and ``minute``. One period that opens on
    Sunday at midnight and has no ``close`` is a place that never closes.
    """
    days: _Days = defaultdict(list)
    for number, period in enumerate(_list(periods)):
        place = f"/{number}"
        _object(period, place)
        opens = _point(period.get("open"), f"{place}/open")
        if period.get("close") is None:
            if len(periods) == 1 and opens == 6 * DAY_MIN:
                return "24/7"
            raise InvalidHours("A period without close is allowed alone, opening on day 0 at 0000.", pointer=place)
        length = (_point(period["close"], f"{place}/close") - opens) % _WEEK_MIN
        if length == 0:
            raise InvalidHours("The period closes when it opens.", pointer=f"{place}/close")
        for day, span in _by_day(opens, length):
            days[day].append(span)
    return _rules(days) if days else "off"


def _list(given: Any) -> Sequence[Any]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise InvalidHours("Give a list.")
    return given


def _object(given: Any, pointer: str = "") -> None:
    if not isinstance(given, Mapping):
        raise InvalidHours("Give an object.", pointer=pointer)


def _specification(given: Any) -> tuple[list[int], tuple[int, int] | None, tuple[date, date] | None]:
    """Days, the span (None: closed), and the dates on which it holds (None: always)."""
    _object(given)
    for member in given:
        if member not in _MEMBERS and not str(member).startswith("@"):
            raise InvalidHours(f"There is no member {member!r} here.", pointer=f"/{member}")
    named = given.get("dayOfWeek")
    if named is None:
        days = list(range(7))
    else:
        listed = [named] if isinstance(named, str) else _list(named)
        days = [
            _day_number(name, f"/dayOfWeek/{n}" if listed is named else "/dayOfWeek") for n, name in enumerate(listed)
        ]
        if not days:
            raise InvalidHours("Name a day, or leave dayOfWeek out for all of them.", pointer="/dayOfWeek")
    return list(dict.fromkeys(days)), _opens_and_closes(given), _validity(given)


def _day_number(name: Any, pointer: str) -> int:
    number = _DAY_NUMBERS.get(_VOCABULARY.sub("", name)) if isinstance(name, str) else None
    if number is None:
        raise InvalidHours(f"{name!r} is no day: give Monday to Sunday or PublicHolidays.", pointer=pointer)
    return number


def _opens_and_closes(given: Mapping[str, Any]) -> tuple[int, int] | None:
    if given.get("opens") is None:
        if given.get("closes") is not None:
            raise InvalidHours("It closes and never opens.", pointer="/opens")
        return None
    opens = _clock(given["opens"], "/opens")
    closes = _clock(given.get("closes"), "/closes")
    if (opens, closes) == (0, 0):
        return None
    if opens == closes:
        raise InvalidHours(
            "It closes when it opens; 00:00 to 00:00 is closed, 00:00 to 23:59 all day.", pointer="/closes"
        )
    if (opens, closes) == (0, DAY_MIN - 1):
        closes = DAY_MIN
    if opens == DAY_MIN:
        raise InvalidHours("A day begins at 00:00.", pointer="/opens")
    return opens, closes + (DAY_MIN if closes < opens else 0)


def _clock(given: Any, pointer: str) -> int:
    found = _CLOCK.fullmatch(given) if isinstance(given, str) else None
    minute = int(found[1]) * 60 + int(found[2]) if found else DAY_MIN + 1
    seconds = int(found[3] or 0) if found else 0
    if minute > DAY_MIN or (seconds and (minute, seconds) != (DAY_MIN - 1, 59)):
        raise InvalidHours(f"{given!r} is no local time of whole minutes like 09:30 or 09:30:00.", pointer=pointer)
    return minute


def _validity(given: Mapping[str, Any]) -> tuple[date, date] | None:
    if given.get("validFrom") is None and given.get("validThrough") is None:
        return None
    first, last = (
        _date(given[member], f"/{member}") if given.get(member) is not None else otherwise
        for member, otherwise in zip(("validFrom", "validThrough"), _FOREVER, strict=True)
    )
    if last < first:
        raise InvalidHours("It is valid through a date before it is valid from.", pointer="/validThrough")
    return first, last


def _date(given: Any, pointer: str) -> date:
    try:
        return datetime.strptime(given, "%Y-%m-%d").date()  # noqa: DTZ007
    except (TypeError, ValueError):
        raise InvalidHours(f"{given!r} is no date like 2026-12-24.", pointer=pointer) from None


def _point(given: Any, pointer: str) -> int:
    """Minutes from Monday's midnight."""
    _object(given, pointer)
    if given.get("date") is not None:
        raise InvalidHours("Periods of certain dates are exceptions, not weekly hours.", pointer=f"{pointer}/date")
    day = _number(given.get("day"), 6, f"{pointer}/day")
    if "time" in given:
        found = _FOUR_DIGITS.fullmatch(given["time"]) if isinstance(given["time"], str) else None
        if found is None:
            raise InvalidHours(f"{given['time']!r} is no time like 0930.", pointer=f"{pointer}/time")
        minute = int(found[1]) * 60 + int(found[2])
    else:
        hour = _number(given.get("hour", 0), 23, f"{pointer}/hour")
        minute = hour * 60 + _number(given.get("minute", 0), 59, f"{pointer}/minute")
    return (day - 1) % 7 * DAY_MIN + minute


def _number(given: Any, most: int, pointer: str) -> int:
    if type(given) is not int or not 0 <= given <= most:
        raise InvalidHours(f"{given!r} is no number from 0 to {most}.", pointer=pointer)
    return given


def _by_day(opens: int, length: int) -> list[tuple[int, tuple[int, int]]]:
    """A stretch of the week as spans of its days; one of up to 24 hours stays whole."""
    day, start = divmod(opens, DAY_MIN)
    if length <= DAY_MIN:
        return [(day, (start, start + length))]
    found = []
    end = start + length
    while end > 0:
        found.append((day % 7, (start, min(end, DAY_MIN))))
        day, start, end = day + 1, 0, end - DAY_MIN
    return found


def _rules(days: _Days, *, dated: bool = False) -> str:
    """One rule for each group of days with the same hours; weekdays without hours are left out unless ``dated``."""
    if not dated and all(days.get(day) == [(0, DAY_MIN)] for day in range(7)) and _HOLIDAYS not in days:
        return "24/7"
    groups: dict[str, list[int]] = defaultdict(list)
    for day in sorted(days):
        if day != _HOLIDAYS and (days[day] or dated):
            groups[spans_text(set(days[day]))].append(day)
    rules = [
        f"{'' if dated and len(group) == 7 else _days_text(group) + ' '}{hours}" for hours, group in groups.items()
    ]
    rules += [f"PH {spans_text(set(days[_HOLIDAYS]))}"] if _HOLIDAYS in days else []
    return "; ".join(rules) or "off"


def _days_text(days: Sequence[int]) -> str:
    """``Mo-We,Fr`` of ascending numbers."""
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(
        WEEKDAYS[run[0]] if len(run) == 1 else f"{WEEKDAYS[run[0]]}{'-' if len(run) > 2 else ','}{WEEKDAYS[run[-1]]}"
        for run in runs
    )
