"""Precedence, by hand: temporary closure over dated exception over holiday over weekday. 2026-12-24 is a Thursday."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from app.places.hours_errors import InvalidHours
from app.places.hours_exceptions import DatedException, TemporaryClosure, with_exceptions
from app.places.opening_hours import HoursPattern, SpecialDay, always_open, parse_ok, state_at, week

BERLIN = ZoneInfo("Europe/Berlin")
CHRISTMAS = {date(2026, 12, day): SpecialDay("holiday") for day in (25, 26)}


def state(text: str, wall: str, calendar=CHRISTMAS, *, workday_calendar: bool = False) -> str:
    asked = HoursPattern(1, text, "Europe/Berlin", "X", workday_calendar, parse_ok(text))
    return state_at(asked, calendar, datetime.fromisoformat(wall).replace(tzinfo=BERLIN).astimezone(UTC))[0]


def dated(first: int, last: int, *spans: tuple[int, int]) -> DatedException:
    return DatedException(date(2026, 12, first), date(2026, 12, last), spans)


def closed(first: int, last: int) -> TemporaryClosure:
    return TemporaryClosure(date(2026, 12, first), date(2026, 12, last))


def test_exceptions_are_written_behind_the_text_and_closures_behind_them() -> None:
    text = with_exceptions("Mo-Fr 09:00-18:00; PH off", [dated(24, 24, (600, 840)), dated(25, 26)], [closed(1, 10)])
    assert text == (
        "Mo-Fr 09:00-18:00; PH off; 2026 Dec 24 10:00-14:00; 2026 Dec 25-2026 Dec 26 off; 2026 Dec 01-2026 Dec 10 off"
    )
    assert with_exceptions("whatever") == "whatever"


@pytest.mark.parametrize(
    ("wall", "expected"),
    [
        ("2026-12-17T12:00", "open"),  # Thursday
        ("2026-12-24T12:00", "open"),  # the exception
        ("2026-12-24T15:00", "closed"),
        ("2026-12-25T12:00", "closed"),  # the holiday
        ("2026-12-26T12:00", "open"),  # an exception on a holiday
        ("2026-12-26T15:00", "closed"),
        ("2026-12-29T12:00", "closed"),  # the closure over an exception
        ("2026-12-30T12:00", "closed"),  # the closure over a weekday
        ("2026-12-31T12:00", "open"),  # after it
    ],
)
def test_a_closure_goes_before_an_exception_before_a_holiday_before_a_weekday(wall: str, expected: str) -> None:
    exceptions = [dated(24, 24, (600, 840)), dated(26, 26, (600, 840)), dated(29, 29, (600, 840))]
    text = with_exceptions("Mo-Sa 09:00-18:00; PH off", exceptions, [closed(28, 30)])
    assert state(text, wall) == expected


def test_the_night_before_a_closure_goes_on_until_it_ends() -> None:
    text = with_exceptions("Mo-Su 22:00-02:00", [], [closed(29, 29)])
    assert state(text, "2026-12-29T01:59") == "open"
    assert state(text, "2026-12-29T22:30") == "closed"
    assert state(text, "2026-12-30T01:00") == "closed"
    assert state(text, "2026-12-30T22:30") == "open"


def test_an_exception_may_end_the_next_day() -> None:
    text = with_exceptions("Mo-Su 10:00-18:00", [dated(31, 31, (1320, 1740))])
    assert text == "Mo-Su 10:00-18:00; 2026 Dec 31 22:00-05:00"
    assert state(text, "2027-01-01T04:59") == "open"
    assert state(text, "2027-01-01T05:00") == "closed"
    assert state(text, "2026-12-31T12:00") == "closed"


def test_a_fallback_does_not_open_what_an_exception_closes() -> None:
    text = with_exceptions('Mo-Fr 10:00-12:00 || "by appointment"', [], [closed(24, 24)])
    assert state(text, "2026-12-24T11:00") == "closed"
    assert state(text, "2026-12-24T15:00") == "closed"
    assert state(text, "2026-12-23T15:00") == "unknown"


def test_hours_that_cannot_be_read_are_unknown_but_for_their_exceptions() -> None:
    text = with_exceptions("nach Vereinbarung", [dated(24, 24, (600, 840))], [closed(28, 30)])
    answers = [state(text, f"2026-12-{day}T12:00") for day in (23, 24, 29)]
    assert answers == ["unknown", "open", "closed"]


def test_an_exception_on_a_makeup_workday_holds_on_its_own_date() -> None:
    # Saturday the 19th is run as Thursday the 17th was.
    calendar = {date(2026, 12, 19): SpecialDay("makeup_workday", 4)}
    text = with_exceptions("Mo-Fr 09:00-18:00", [dated(17, 17)])
    assert state(text, "2026-12-17T12:00", calendar, workday_calendar=True) == "closed"
    assert state(text, "2026-12-19T12:00", calendar, workday_calendar=True) == "open"
    text = with_exceptions("Mo-Fr 09:00-18:00", [dated(19, 19, (600, 660))])
    assert state(text, "2026-12-19T12:00", calendar, workday_calendar=True) == "closed"
    assert state(text, "2026-12-19T10:30", calendar, workday_calendar=True) == "open"


def test_a_makeup_workday_closes_what_only_its_own_weekday_opens() -> None:
    calendar = {date(2026, 12, 19): SpecialDay("makeup_workday", 4)}
    assert state("Sa 10:00-12:00", "2026-12-19T11:00", calendar, workday_calendar=True) == "closed"
    assert state("Sa 10:00-12:00", "2026-12-19T11:00", calendar) == "open"
    assert state("Mo-Th 09:00-18:00; Fr 09:00-12:00", "2026-12-19T15:00", calendar, workday_calendar=True) == "open"


def test_a_closed_place_is_not_always_open() -> None:
    assert always_open("24/7")
    assert not always_open(with_exceptions("24/7", [], [closed(1, 2)]))


def test_a_week_shows_its_exceptions() -> None:
    days = week(with_exceptions("Mo-Fr 09:00-18:00", [dated(24, 24, (600, 840))]), date(2026, 12, 23))
    assert days is not None
    assert [[(span.start, span.end) for span in day] for day in days[2:5]] == [
        [(540, 1080)],
        [(600, 840)],
        [(540, 1080)],
    ]


@pytest.mark.parametrize(
    "exception",
    [dated(2, 1), dated(1, 1, (600, 600)), dated(1, 1, (-1, 5)), dated(1, 1, (1440, 1500)), dated(1, 1, (600, 2041))],
)
def test_a_range_that_is_none_is_refused(exception: DatedException) -> None:
    with pytest.raises(InvalidHours):
        with_exceptions("24/7", [exception])


def test_too_many_exceptions_are_refused() -> None:
    with pytest.raises(InvalidHours, match="at most 1000 fit"):
        with_exceptions("24/7", [dated(day, day) for day in range(1, 31)] * 3)
