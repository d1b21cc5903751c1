"""Other notations of hours; examples in the shape that schema.org's and Google's documentation give."""

from __future__ import annotations

from typing import Any

import pytest

from app.places.hours_errors import InvalidHours
from app.places.hours_formats import from_google_periods, from_schema_org
from app.places.opening_hours import parse_ok

WORKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([{"dayOfWeek": WORKDAYS, "opens": "09:00", "closes": "18:00"}], "Mo-Fr 09:00-18:00"),
        (
            [
                {"@type": "OpeningHoursSpecification", "dayOfWeek": "https://schema.org/Sunday", "opens": "10:00:00",
                 "closes": "12:30:00"},
                {"dayOfWeek": ["Monday", "http://schema.org/Wednesday"], "opens": "14:00", "closes": "18:00"},
                {"dayOfWeek": ["schema:Monday", "Wednesday"], "opens": "09:00", "closes": "12:00"},
            ],
            "Mo,We 09:00-12:00,14:00-18:00; Su 10:00-12:30",
        ),
        # closing before opening is closing the next day
        ([{"dayOfWeek": ["Friday", "Saturday"], "opens": "18:00", "closes": "02:00"}], "Fr,Sa 18:00-02:00"),
        ([{"dayOfWeek": "Friday", "opens": "18:00", "closes": "00:00"}], "Fr 18:00-24:00"),
        # all day, every day, and closed all day
        ([{"dayOfWeek": "Friday", "opens": "00:00", "closes": "23:59"}], "Fr 00:00-24:00"),
        ([{"opens": "00:00", "closes": "23:59:59"}], "24/7"),
        (
            [
                {"dayOfWeek": WORKDAYS, "opens": "09:00", "closes": "18:00"},
                {"dayOfWeek": ["Saturday", "Sunday"], "opens": "00:00", "closes": "00:00"},
            ],
            "Mo-Fr 09:00-18:00",
        ),
        ([{"dayOfWeek": "Sunday"}], "off"),
        # holidays and dates override, the shorter range the longer
        (
            [
                {"opens": "09:00", "closes": "18:00"},
                {"dayOfWeek": "PublicHolidays"},
                {"opens": "10:00", "closes": "14:00", "validFrom": "2026-12-25", "validThrough": "2026-12-25"},
                {"opens": "00:00", "closes": "00:00", "validFrom": "2026-12-23", "validThrough": "2027-01-05"},
            ],
            "Mo-Su 09:00-18:00; PH off; 2026 Dec 23-2027 Jan 05 off; 2026 Dec 25 10:00-14:00",
        ),
        (
            [
                {"dayOfWeek": ["Saturday"], "opens": "10:00", "closes": "14:00", "validFrom": "2026-06-01",
                 "validThrough": "2026-08-31"},
                {"dayOfWeek": ["Sunday"], "validFrom": "2026-06-01", "validThrough": "2026-08-31"},
            ],
            "2026 Jun 01-2026 Aug 31 Sa 10:00-14:00; 2026 Jun 01-2026 Aug 31 Su off",
        ),
        (
            [{"opens": "10:00", "closes": "14:00", "validFrom": "2026-06-01"}],
            "2026 Jun 01-9999 Dec 31 10:00-14:00",
        ),
    ],
)  # fmt: skip
def test_schema_org_hours_are_taken_over(given: list[dict[str, Any]], expected: str) -> None:
    assert from_schema_org(given) == expected
    assert parse_ok(expected)


@pytest.mark.parametrize(
    ("given", "pointer", "detail"),
    [
        ([], "", "no specification"),
        ("Mo-Fr", "", "a list"),
        (["Mo-Fr"], "/0", "an object"),
        ([{"opens": "09:00", "closes": "18:00"}, {"dayOfWeek": "Monday", "close": "18:00"}], "/1/close", "no member"),
        ([{"dayOfWeek": "Lundi", "opens": "09:00", "closes": "18:00"}], "/0/dayOfWeek", "'Lundi' is no day"),
        ([{"dayOfWeek": ["Monday", 2], "opens": "09:00", "closes": "18:00"}], "/0/dayOfWeek/1", "2 is no day"),
        ([{"dayOfWeek": [], "opens": "09:00", "closes": "18:00"}], "/0/dayOfWeek", "Name a day"),
        ([{"opens": "9am", "closes": "18:00"}], "/0/opens", "'9am' is no local time"),
        ([{"opens": "09:00+01:00", "closes": "18:00"}], "/0/opens", "no local time"),
        ([{"opens": "09:00:30", "closes": "18:00"}], "/0/opens", "no local time"),
        ([{"opens": "09:00", "closes": "24:30"}], "/0/closes", "no local time"),
        ([{"opens": "09:00"}], "/0/closes", "None is no local time"),
        ([{"closes": "09:00"}], "/0/opens", "never opens"),
        ([{"opens": "06:00", "closes": "06:00"}], "/0/closes", "closes when it opens"),
        ([{"opens": "24:00", "closes": "06:00"}], "/0/opens", "begins at 00:00"),
        ([{"opens": "09:00", "closes": "18:00", "validFrom": "24.12.2026"}], "/0/validFrom", "no date"),
        ([{"validFrom": "2026-12-24", "validThrough": "2026-12-23"}], "/0/validThrough", "before it is valid"),
        ([{"dayOfWeek": "Monday"}, {"opens": "09:00", "closes": "18:00"}], "/1/dayOfWeek", "once more"),
    ],
)
def test_wrong_schema_org_hours_are_refused_where_they_are_wrong(given: Any, pointer: str, detail: str) -> None:
    with pytest.raises(InvalidHours, match=detail) as refusal:
        from_schema_org(given)
    assert refusal.value.pointer == pointer


def period(open_day: int, opens: str, close_day: int, closes: str) -> dict[str, Any]:
    return {"open": {"day": open_day, "time": opens}, "close": {"day": close_day, "time": closes}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([{"open": {"day": 0, "time": "0000"}}], "24/7"),
        ([{"open": {"day": 0, "hour": 0, "minute": 0}}], "24/7"),
        ([], "off"),
        ([period(day, "0900", day, "1800") for day in range(1, 6)], "Mo-Fr 09:00-18:00"),
        ([period(1, "1400", 1, "1800"), period(1, "0900", 1, "1200")], "Mo 09:00-12:00,14:00-18:00"),
        ([period(6, "2200", 0, "0200")], "Sa 22:00-02:00"),
        ([period(0, "2200", 1, "0000")], "Su 22:00-24:00"),
        ([{"open": {"day": 5, "hour": 18}, "close": {"day": 5, "hour": 22, "minute": 30}}], "Fr 18:00-22:30"),
        # a stretch of more than a day is cut at midnights
        ([period(6, "2200", 1, "0300")], "Mo 00:00-03:00; Sa 22:00-24:00; Su 00:00-24:00"),
    ],
)
def test_google_periods_are_taken_over(given: list[dict[str, Any]], expected: str) -> None:
    assert from_google_periods(given) == expected
    assert parse_ok(expected)


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({}, ""),
        ([[]], "/0"),
        ([{}], "/0/open"),
        ([{"open": {"day": 7, "time": "0900"}, "close": {"day": 1, "time": "1800"}}], "/0/open/day"),
        ([{"open": {"day": True, "time": "0900"}, "close": {"day": 1, "time": "1800"}}], "/0/open/day"),
        ([{"open": {"day": 1, "time": "9:00"}, "close": {"day": 1, "time": "1800"}}], "/0/open/time"),
        ([{"open": {"day": 1, "time": "0900"}, "close": {"day": 1, "time": "2400"}}], "/0/close/time"),
        ([{"open": {"day": 1, "hour": 24}, "close": {"day": 1, "hour": 2}}], "/0/open/hour"),
        ([{"open": {"day": 1, "hour": 2}, "close": {"day": 1, "hour": 3, "minute": "5"}}], "/0/close/minute"),
        ([{"open": {"day": 1, "time": "0900"}}], "/0"),
        ([period(1, "0900", 1, "0900")], "/0/close"),
        ([{"open": {"day": 1, "date": {"year": 2026}, "hour": 9}, "close": {"day": 1, "hour": 10}}], "/0/open/date"),
    ],
)
def test_wrong_google_periods_are_refused_where_they_are_wrong(given: Any, pointer: str) -> None:
    with pytest.raises(InvalidHours) as refusal:
        from_google_periods(given)
    assert refusal.value.pointer == pointer
