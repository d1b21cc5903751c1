"""What comes next, worked out by hand and by walking minute after minute; 2026-11-23 is a Monday."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.places.opening_hours import (
    NO_CALENDAR,
    HoursPattern,
    Outlook,
    always_open,
    next_close_at,
    next_open_at,
    outlook_at,
    parse_ok,
    state_at,
)

BERLIN = "Europe/Berlin"


def pattern(text: str, zone: str = BERLIN) -> HoursPattern:
    return HoursPattern(1, text, zone, "X", False, parse_ok(text))


def at(wall: str, zone: str = BERLIN) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "wall", "opens", "closes"),
    [
        ("Mo-Fr 09:00-18:00", "2026-11-23T08:00", "2026-11-23T09:00", None),
        ("Mo-Fr 09:00-18:00", "2026-11-23T09:00", None, "2026-11-23T18:00"),
        ("Mo-Fr 09:00-18:00", "2026-11-27T18:00", "2026-11-30T09:00", None),
        ("Mo 22:00-02:00", "2026-11-23T23:00", None, "2026-11-24T02:00"),
        ("Mo 22:00-02:00; Tu 02:00-03:00", "2026-11-23T23:00", None, "2026-11-24T03:00"),
        ("24/7", "2026-11-23T23:00", None, None),
        ("off", "2026-11-23T23:00", None, None),
        ("2026 Dec 07 10:00-12:00", "2026-11-23T23:00", "2026-12-07T10:00", None),
        ("2026 Dec 08 10:00-12:00", "2026-11-23T23:00", None, None),  # past the horizon
        # nobody says when an open end is over, but when it opens again
        ("Mo-Fr 18:00-22:00+", "2026-11-23T19:00", None, None),
        ("Mo-Fr 18:00-22:00+", "2026-11-23T23:00", "2026-11-24T18:00", None),
        # what may open does not open for sure
        ('Mo 10:00-12:00 "ask"; Tu 10:00-12:00', "2026-11-23T08:00", "2026-11-24T10:00", None),
        ("nach Vereinbarung", "2026-11-23T08:00", None, None),
    ],
)
def test_the_next_opening_and_closing_are_told(text: str, wall: str, opens: str | None, closes: str | None) -> None:
    asked = pattern(text)
    assert next_open_at(asked, NO_CALENDAR, at(wall)) == (at(opens) if opens else None)
    assert next_close_at(asked, NO_CALENDAR, at(wall)) == (at(closes) if closes else None)


def test_the_outlook_tells_all_at_once() -> None:
    asked = pattern('Mo 10:00-12:00 "ask"; Tu 10:00-12:00')
    expected = Outlook("closed", at("2026-11-23T10:00"), at("2026-11-24T10:00"), None)
    assert outlook_at(asked, NO_CALENDAR, at("2026-11-23T08:00")) == expected
    assert outlook_at(pattern("junk"), NO_CALENDAR, at("2026-11-23T08:00")) == Outlook("unknown", None, None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24/7", True),
        ("24/7 open", True),
        ("Mo-Su 00:00-24:00", True),
        ("00:00-24:00", True),
        ("Mo-Fr 00:00-24:00; Sa,Su 00:00-24:00", True),
        ("Mo-Su,PH 00:00-00:00", True),
        ("Mo-Su 00:00-23:59", False),
        ("24/7; PH off", False),
        ("24/7; Dec 25 off", False),
        ("24/7; Su[1] 03:00-04:00 off", False),
        ("Mo-Fr 00:00-24:00", False),
        ("24/7 unknown", False),
        ("junk", False),
        ("", False),
    ],
)
def test_always_open_is_every_hour_of_every_day(text: str, expected: bool) -> None:
    assert always_open(text) is expected


NIGHTS = [
    (BERLIN, "2027-03-27T20:00"),  # 02:00 to 03:00 is skipped
    (BERLIN, "2026-10-24T20:00"),  # 02:00 to 03:00 is repeated
    ("Asia/Beirut", "2026-03-28T20:00"),  # midnight to 01:00 is skipped
    ("Atlantic/Azores", "2026-10-24T20:00"),  # midnight to 01:00 is repeated
    ("Australia/Lord_Howe", "2026-04-04T20:00"),  # half an hour is repeated
    ("America/New_York", "2026-10-31T20:00"),
]


@pytest.mark.parametrize(("zone", "evening"), NIGHTS)
@pytest.mark.parametrize(
    "text",
    ["Mo-Su 22:00-02:30", "Mo-Su 00:30-02:15,02:45-05:00", "Mo-Su 18:00-00:30; Su off", "Mo-Su 02:00-03:00", "Su"],
)
def test_the_next_change_is_the_first_minute_that_differs(text: str, zone: str, evening: str) -> None:
    """Where clocks jump, too: the state of an instant is that of its wall time, repeated hours included."""
    asked, start = pattern(text, zone), at(evening, zone)
    minutes = [start + timedelta(minutes=n) for n in range(16 * 60)]
    states = [state_at(asked, NO_CALENDAR, minute)[0] for minute in minutes]
    for n in range(0, 10 * 60, 7):
        later = next((minutes[m] for m in range(n + 1, len(minutes)) if states[m] != states[n]), None)
        _, told = state_at(asked, NO_CALENDAR, minutes[n])
        assert told == later or (later is None and told is not None and told > minutes[-1]), minutes[n]


def test_an_hour_that_is_repeated_opens_twice() -> None:
    # 2026-10-25: 02:30 shows at 00:30 UTC and again at 01:30 UTC.
    asked = pattern("Su 02:30-02:45")
    utc = [datetime(2026, 10, 25, hour, minute, tzinfo=UTC) for hour in (0, 1) for minute in (30, 45)]
    changes = [at("2026-10-25T00:00")]
    for _ in range(4):
        changes.append(state_at(asked, NO_CALENDAR, changes[-1])[1])
    assert changes[1:] == utc
