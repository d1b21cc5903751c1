"""What nearby search promises about hours, each case by hand. 2026-11-23 is a Monday, 2026-02-14 a Saturday."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from app.places.opening_hours import NO_CALENDAR, HoursPattern, SpecialDay, open_patterns, parse_ok, state_at


def pattern(text: str, zone: str, *, workday_calendar: bool = False) -> HoursPattern:
    return HoursPattern(1, text, zone, "X", workday_calendar, parse_ok(text))


def utc(month: int, day: int, hour: int, minute: int = 0, *, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def test_monday_s_night_is_open_on_tuesday_until_two() -> None:
    # Berlin is an hour ahead of UTC: Tuesday 01:30 is 00:30 UTC.
    bar = pattern("Mo 22:00-02:00", "Europe/Berlin")
    assert state_at(bar, NO_CALENDAR, utc(11, 24, 0, 30)) == ("open", utc(11, 24, 1))
    assert state_at(bar, NO_CALENDAR, utc(11, 24, 1)) == ("closed", utc(11, 30, 21))
    assert open_patterns([bar], {}, utc(11, 24, 0, 30)) == ((1,), ())
    assert open_patterns([bar], {}, utc(11, 24, 1)) == ((), ())


@pytest.mark.parametrize(("workday_calendar", "state"), [(True, "open"), (False, "closed")])
def test_a_saturday_that_is_a_makeup_workday_opens_where_the_place_keeps_workdays(
    workday_calendar: bool, state: str
) -> None:
    # Shanghai is eight hours ahead of UTC: 10:00 is 02:00 UTC.
    clinic = pattern("Mo-Fr 09:00-18:00; PH off", "Asia/Shanghai", workday_calendar=workday_calendar)
    calendar = {date(2026, 2, 14): SpecialDay("makeup_workday", 5), date(2026, 2, 16): SpecialDay("holiday")}
    assert state_at(clinic, calendar, utc(2, 14, 2))[0] == state
    assert open_patterns([clinic], {"X": calendar}, utc(2, 14, 2)) == (((1,), ()) if workday_calendar else ((), ()))
    # Monday the 16th is a holiday, so that Tuesday's 09:00 is the next opening either way.
    closed_from = utc(2, 14, 10) if workday_calendar else utc(2, 14, 2)
    assert state_at(clinic, calendar, closed_from) == ("closed", utc(2, 17, 1))


def test_half_past_two_in_the_night_without_it_is_resolved_by_instant() -> None:
    # Berlin, 2027-03-28: 02:00 is followed by 03:00 at 01:00 UTC.
    for hour, minute, state in ((0, 59, "closed"), (1, 0, "open"), (2, 59, "open"), (3, 0, "closed")):
        bakery = pattern("Su 02:30-05:00", "Europe/Berlin")
        assert state_at(bakery, NO_CALENDAR, utc(3, 28, hour, minute, year=2027))[0] == state
        assert open_patterns([bakery], {}, utc(3, 28, hour, minute, year=2027))[0] == ((1,) if state == "open" else ())


def test_hours_that_do_not_parse_are_unknown_and_not_among_the_open() -> None:
    junk = pattern("ask at the counter", "Europe/Berlin")
    assert not junk.parsed
    assert state_at(junk, NO_CALENDAR, utc(11, 24, 12)) == ("unknown", None)
    assert open_patterns([junk], {}, utc(11, 24, 12)) == ((), (1,))
