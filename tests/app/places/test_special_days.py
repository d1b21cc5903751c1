"""Days that differ from their weekday, in the fortnight ahead."""

from __future__ import annotations

from datetime import date

from app.places.opening_hours import NO_CALENDAR, HoursPattern, Span, SpecialDay, special_days

MONDAY = date(2026, 9, 28)
OPEN = (Span(540, 1080, "open"),)


def hours(text: str, *, workday_calendar: bool = False) -> HoursPattern:
    return HoursPattern(1, text, "Asia/Shanghai", "CN", workday_calendar, True)


def test_an_ordinary_fortnight_has_none() -> None:
    assert special_days(hours("Mo-Fr 09:00-18:00; PH off"), NO_CALENDAR, MONDAY) == {}


def test_holidays_and_makeup_workdays_are_told_where_the_place_keeps_them() -> None:
    calendar = {date(2026, 10, 1): SpecialDay("holiday"), date(2026, 10, 10): SpecialDay("makeup_workday", 4)}
    clinic = special_days(hours("Mo-Fr 09:00-18:00; PH off", workday_calendar=True), calendar, MONDAY)
    assert clinic == {date(2026, 10, 1): (), date(2026, 10, 10): OPEN}
    shop = special_days(hours("Mo-Fr 09:00-18:00"), calendar, MONDAY)
    assert shop == {}


def test_a_dated_rule_is_told_on_its_date() -> None:
    found = special_days(hours("Mo-Fr 09:00-18:00; 2026 Oct 03 09:00-18:00; 2026 Oct 05 off"), NO_CALENDAR, MONDAY)
    assert found == {date(2026, 10, 3): OPEN, date(2026, 10, 5): ()}
