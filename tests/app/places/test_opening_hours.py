"""Answers worked out by hand from the calendar; 2026-11-23 is a Monday, 2027-03-28 Europe's spring change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.places.opening_hours import (
    NO_CALENDAR,
    HoursPattern,
    Span,
    SpecialDay,
    clock_time,
    open_patterns,
    parse_ok,
    state_at,
    week,
)

BERLIN = "Europe/Berlin"
SHANGHAI = "Asia/Shanghai"


def pattern(text: str, zone: str = BERLIN, *, workday_calendar: bool = False, hours_no: int = 1) -> HoursPattern:
    return HoursPattern(hours_no, text, zone, "X", workday_calendar, parse_ok(text))


def at(wall: str, zone: str = BERLIN) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def state(text: str, wall: str, calendar=NO_CALENDAR, **more) -> str:
    asked = pattern(text, **more)
    answer, _ = state_at(asked, calendar, at(wall, asked.time_zone))
    opened, unknown = open_patterns([asked], {"X": calendar}, at(wall, asked.time_zone))
    assert (answer == "open", answer == "unknown") == (opened == (1,), unknown == (1,))
    return answer


@pytest.mark.parametrize(
    ("text", "wall", "expected"),
    [
        ("Mo 22:00-02:00", "2026-11-24T01:30", "open"),
        ("Mo 22:00-02:00", "2026-11-24T01:59:59", "open"),
        ("Mo 22:00-02:00", "2026-11-24T02:00:00", "closed"),
        ("Mo 22:00-02:00", "2026-11-23T21:59:59", "closed"),
        ("Mo 22:00-02:00", "2026-11-25T01:30", "closed"),
        ("Mo 10:00-26:00", "2026-11-24T01:30", "open"),
        ("Mo 10:00-26:00", "2026-11-24T02:00", "closed"),
        # a rule for Tuesday does not end Monday's night
        ("Mo 22:00-02:00; Tu 09:00-10:00", "2026-11-24T01:30", "open"),
        ("Mo-Su 22:00-02:00; Tu off", "2026-11-24T01:30", "open"),
        ("Mo-Su 22:00-02:00; Tu off", "2026-11-24T22:30", "closed"),
        ("Mo-Su 22:00-02:00; Tu off", "2026-11-25T01:30", "closed"),
        ("Mo-Th 18:00-01:00; Fr 18:00-03:00; Sa 12:00-03:00", "2026-11-27T00:30", "open"),
        ("Mo-Th 18:00-01:00; Fr 18:00-03:00; Sa 12:00-03:00", "2026-11-27T01:30", "closed"),
        ("24/7", "2026-11-24T00:00", "open"),
        ("Mo-Fr", "2026-11-28T00:00", "closed"),
        ("Mo-Fr; Sa 20:00-02:00", "2026-11-29T01:00", "open"),
        ("Mo-Fr; Sa 20:00-02:00", "2026-11-28T12:00", "closed"),
        ("Mo-Fr 10:00-12:00,13:00-18:00", "2026-11-23T12:30", "closed"),
        ("Apr-Oct: Mo-Fr 10:00-18:00", "2026-11-23T12:30", "closed"),
    ],
)
def test_spans_are_half_open_and_may_end_the_next_day(text: str, wall: str, expected: str) -> None:
    assert state(text, wall) == expected


@pytest.mark.parametrize(
    ("workday_calendar", "wall", "expected"),
    [
        (True, "2026-02-14T10:00", "open"),
        (True, "2026-02-14T18:00", "closed"),
        (False, "2026-02-14T10:00", "closed"),
        (True, "2026-02-07T10:00", "closed"),  # an ordinary Saturday
        (True, "2026-02-17T10:00", "closed"),  # a Tuesday in the Spring Festival
        (False, "2026-02-17T10:00", "closed"),
        (False, "2026-02-10T10:00", "open"),
    ],
)
def test_a_makeup_workday_is_run_as_a_weekday_only_where_the_place_says_so(
    workday_calendar: bool, wall: str, expected: str
) -> None:
    calendar = {
        date(2026, 2, 14): SpecialDay("makeup_workday", 5),
        date(2026, 2, 17): SpecialDay("holiday"),
    }
    text = "Mo-Fr 09:00-18:00; PH off"
    assert state(text, wall, calendar, zone=SHANGHAI, workday_calendar=workday_calendar) == expected


def test_a_makeup_workday_names_the_weekday_it_is_run_as() -> None:
    text = "Mo-Th 09:00-18:00; Fr 09:00-12:00"
    for as_weekday, expected in ((5, "closed"), (1, "open"), (None, "open")):
        calendar = {date(2026, 2, 14): SpecialDay("makeup_workday", as_weekday)}
        assert state(text, "2026-02-14T15:00", calendar, zone=SHANGHAI, workday_calendar=True) == expected


@pytest.mark.parametrize(
    ("text", "wall", "expected"),
    [
        ("Mo-Sa 10:00-20:00; PH off", "2026-12-25T12:00", "closed"),
        ("Mo-Sa 10:00-20:00; PH off", "2026-12-24T12:00", "open"),
        ("Mo-Th 10:00-20:00; PH 12:00-14:00", "2026-12-25T13:00", "open"),
        ("Mo-Th,PH 10:00-20:00", "2026-12-25T13:00", "open"),
        ("Mo-Th,PH 10:00-20:00", "2026-12-18T13:00", "closed"),
        ("Mo-Sa 10:00-20:00", "2026-12-25T12:00", "open"),
        # the night before a holiday goes on, the holiday's own night does not begin
        ("Mo-Su 22:00-02:00; PH off", "2026-12-25T01:30", "open"),
        ("Mo-Su 22:00-02:00; PH off", "2026-12-25T22:30", "closed"),
        ("Mo-Su 22:00-02:00; PH off", "2026-12-26T01:30", "closed"),
        ("Mo-Th 10:00-12:00; PH 22:00-02:00", "2026-12-26T01:30", "open"),
        ('Mo-Fr 10:00-20:00 open; PH off "PH means closed"', "2026-12-25T12:00", "closed"),
    ],
)
def test_public_holidays_come_from_our_calendar(text: str, wall: str, expected: str) -> None:
    assert state(text, wall, {date(2026, 12, 25): SpecialDay("holiday")}) == expected


def test_the_hour_that_clocks_skip_is_resolved_by_instant() -> None:
    # 2027-03-28: 02:00 CET is followed by 03:00 CEST at 01:00 UTC, so 02:30 never shows.
    asked = pattern("Su 02:30-05:00")
    before = datetime(2027, 3, 28, 0, 59, 59, tzinfo=UTC)
    after = datetime(2027, 3, 28, 1, 0, 0, tzinfo=UTC)
    assert state_at(asked, NO_CALENDAR, before) == ("closed", after)
    assert state_at(asked, NO_CALENDAR, after) == ("open", datetime(2027, 3, 28, 3, 0, tzinfo=UTC))
    assert state_at(asked, NO_CALENDAR, at("2027-03-28T02:30"))[0] == "open"


def test_the_hour_that_clocks_repeat_is_resolved_by_instant() -> None:
    # 2026-10-25: 02:30 shows at 00:30 UTC (CEST) and again at 01:30 UTC (CET).
    asked = pattern("Su 01:00-02:30")
    assert state_at(asked, NO_CALENDAR, datetime(2026, 10, 25, 0, 15, tzinfo=UTC))[0] == "open"
    assert state_at(asked, NO_CALENDAR, datetime(2026, 10, 25, 1, 45, tzinfo=UTC))[0] == "closed"


@pytest.mark.parametrize(
    "text",
    ["", "   ", "nach Vereinbarung", "Mo-Fr 1000-1800", "sunrise-sunset", "PH -1 day 10:00-12:00", "x" * 2000, "\x00"],
)
def test_what_does_not_parse_is_unknown(text: str) -> None:
    assert not parse_ok(text)
    assert state_at(pattern(text), NO_CALENDAR, at("2026-11-23T12:00")) == ("unknown", None)
    assert open_patterns([pattern(text, hours_no=7)], {}, at("2026-11-23T12:00")) == ((), (7,))


@pytest.mark.parametrize(
    ("text", "wall", "expected"),
    [
        ('"by appointment"', "2026-11-23T12:00", "unknown"),
        ('Mo 10:00-12:00 || "by appointment"', "2026-11-23T11:00", "open"),
        ('Mo 10:00-12:00 || "by appointment"', "2026-11-23T13:00", "unknown"),
        ('Mo 10:00-12:00 "ring || twice"', "2026-11-23T13:00", "closed"),
        ("10:00-12:00 unknown", "2026-11-23T11:00", "unknown"),
        ("Mo-Fr 10:00-18:00; SH 12:00-14:00", "2026-11-23T13:00", "open"),
        ("Mo-Fr 10:00-18:00; SH 12:00-14:00", "2026-11-23T11:00", "unknown"),
        ("Mo-Fr 10:00-18:00; SH off", "2026-11-23T20:00", "closed"),
        ("Mo-Fr 18:00+", "2026-11-23T17:59", "closed"),
        ("Mo-Fr 18:00+", "2026-11-23T20:00", "unknown"),
        ("Mo-Fr 18:00+", "2026-11-24T02:00", "unknown"),
        ("Mo-Fr 18:00+", "2026-11-24T04:00", "closed"),
        ("Mo-Fr 18:00-22:00+", "2026-11-23T20:00", "open"),
        ("Mo-Fr 18:00-22:00+", "2026-11-23T22:30", "unknown"),
    ],
)
def test_doubt_is_unknown(text: str, wall: str, expected: str) -> None:
    assert state(text, wall) == expected


@pytest.mark.parametrize(
    ("text", "wall", "change"),
    [
        ("Mo-Fr 09:00-18:00", "2026-11-23T08:00", "2026-11-23T09:00"),
        ("Mo-Fr 09:00-18:00", "2026-11-23T09:00", "2026-11-23T18:00"),
        ("Mo-Fr 09:00-18:00", "2026-11-27T19:00", "2026-11-30T09:00"),
        ("Mo 22:00-02:00; Tu 09:00-10:00", "2026-11-23T23:00", "2026-11-24T02:00"),
        ("Mo-Su 10:00-24:00", "2026-11-23T12:00", "2026-11-24T00:00"),
        ("Mo-Su 00:00-24:00", "2026-11-23T12:00", None),
        ("Jan 10:00-18:00", "2026-11-23T12:00", None),
    ],
)
def test_the_next_change_is_told(text: str, wall: str, change: str | None) -> None:
    assert state_at(pattern(text), NO_CALENDAR, at(wall))[1] == (None if change is None else at(change))


def test_a_week_lists_what_starts_on_each_day() -> None:
    days = week("Mo-Th 10:00-14:00,17:00-22:00; Fr 17:00-02:00; Sa off", date(2026, 11, 26))
    assert days is not None
    assert days[0] == (Span(600, 840, "open"), Span(1020, 1320, "open"))
    assert days[4] == (Span(1020, 1560, "open"),)
    assert days[5] == days[6] == ()
    assert [clock_time(1020), clock_time(1560), clock_time(1440)] == ["17:00", "02:00", "24:00"]
    assert week("nonsense", date(2026, 11, 26)) is None


def test_one_instant_is_another_wall_time_in_each_zone() -> None:
    noon = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    hours = [pattern("Mo 19:30-21:00", SHANGHAI, hours_no=1), pattern("Mo 19:30-21:00", BERLIN, hours_no=2)]
    assert open_patterns(hours, {}, noon) == ((1,), ())


def test_every_minute_agrees_with_intervals_drawn_by_hand() -> None:
    """Two weeks of `Mo-Th 18:00-01:00; Fr 18:00-03:00; Sa 12:00-03:00; PH off` with Thursday the 26th a holiday."""
    text = "Mo-Th 18:00-01:00; Fr 18:00-03:00; Sa 12:00-03:00; PH off"
    calendar = {date(2026, 11, 26): SpecialDay("holiday")}
    monday = datetime.fromisoformat("2026-11-23")
    hours = {0: (18, 25), 1: (18, 25), 2: (18, 25), 3: (18, 25), 4: (18, 27), 5: (12, 27)}
    open_times = [
        (monday + timedelta(days=day, hours=hours[day % 7][0]), monday + timedelta(days=day, hours=hours[day % 7][1]))
        for day in range(14)
        if day % 7 in hours and day != 3
    ]
    for step in range(14 * 24 * 4):
        wall = monday + timedelta(minutes=15 * step)
        expected = any(start <= wall < end for start, end in open_times)
        assert state(text, wall.isoformat(), calendar) == ("open" if expected else "closed"), wall
