"""What people write and what it means; expected texts written by hand from the notation's specification."""

from __future__ import annotations

import pytest

from app.places.hours_tidy import for_weekday, run_as, tidied
from app.places.opening_hours import parse_ok


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mo-Fr 10:00-12:00", "Mo-Fr 10:00-12:00"),
        # a comma before any time is a list of days, after one it begins a rule
        ("Mo-Fr, Su 15:00-19:00; Sa off", "Mo-Fr,Su 15:00-19:00; Sa off"),
        ("Mo-Su , PH 11:00-24:00", "Mo-Su,PH 11:00-24:00"),
        ("Mo-Fr 10:00-12:00,Sa 10:00-11:00", "Mo-Fr 10:00-12:00, Sa 10:00-11:00"),
        ("Mo-Fr 10:00-12:00, 14:00-16:00", "Mo-Fr 10:00-12:00,14:00-16:00"),
        ("Mo off, Tu 10:00-12:00", "Mo off, Tu 10:00-12:00"),
        ("Dec 24, 31 off", "Dec 24,Dec 31 off"),
        ("2026 Dec 24,26-27 off", "2026 Dec 24,2026 Dec 26-27 off"),
        ("week 20, 22 Mo 10:00-12:00", "week 20,22 Mo 10:00-12:00"),
        ("Tu-Fr, PH, Sa 10:00-12:00", "PH,Tu-Fr,Sa 10:00-12:00"),
        ("Apr 01-May 31, 08:00-19:00", "Apr 01-May 31 08:00-19:00"),
        ("Mo-Su, 24/7; Dec 24,Dec 31, off", "Mo-Su 24/7; Dec 24,Dec 31 off"),
        ("Su,PH, Dec 24, 31 off", "Su,PH off; Dec 24,Dec 31 off"),
        ("Mo 10:00-12:00, Su[1], Jan 01 10:00-11:00", "Mo 10:00-12:00, Su[1] 10:00-11:00; Jan 01 10:00-11:00"),
        ('Mo 11:00-14:00 "lunch",17:00-21:00 "dinner"', 'Mo 11:00-14:00 "lunch", 17:00-21:00 "dinner"'),
        # times for no day in particular add to rules for certain days, and replace rules for all
        ("Mo-Sa 07:30-14:30; 18:00-22:00", "Mo-Sa 07:30-14:30, Mo-Su 18:00-22:00"),
        ("10:00-12:00; 14:00-16:00", "10:00-12:00; 14:00-16:00"),
        ("Mo-Fr 10:00-16:00; 12:00-13:00 off", "Mo-Fr 10:00-16:00; 12:00-13:00 off"),
        # spelling
        ("mo-FR,ph 10:00-12:00 OPEN", "Mo-Fr,PH 10:00-12:00 open"),
        ("Monday - Friday 10:00 – 12:00", "Mo-Fr 10:00-12:00"),
        ("Mo-Fr  10:00-12:00 ;; ", "Mo-Fr 10:00-12:00"),
        ("Su10:00-12:00", "Su 10:00-12:00"),
        ("Su [1] 10:00~12:00", "Su[1] 10:00-12:00"),
        ("Mo-Do 11.00-14.30; Di off", "Mo-Th 11:00-14:30; Tu off"),
        ("Mo-Fr 12:00-14:00 18:00-22:00", "Mo-Fr 12:00-14:00,18:00-22:00"),
        ("Mo 5pm-10:30pm; Tu 12am-12pm", "Mo 17:00-22:30; Tu 00:00-12:00"),
        ("December 24: off", "Dec 24: off"),
        ("2026 Dec 28-Jan 06 off", "2026 Dec 28-2027 Jan 06 off"),
        ("PH -1 day 10:00-12:00", "PH -1 day 10:00-12:00"),
        # what is said aloud is so, what is remarked alone is not
        ('Mo 10:00-12:00 open "lunch"', "Mo 10:00-12:00 open"),
        ('Mo 10:00-12:00 "ask, or ring; twice || so"', 'Mo 10:00-12:00 "ask, or ring; twice || so"'),
        ('open "in summer"', 'open "in summer"'),
        ('Mo 10:00-12:00||"by appointment"', 'Mo 10:00-12:00 || "by appointment"'),
    ],
)
def test_one_meaning_has_one_spelling(text: str, expected: str) -> None:
    assert tidied(text) == expected
    assert tidied(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Di-Sa 10:00-12:00",  # Tuesday in German, Sunday in French
        "Mo-Fr 10:00-12:00 Fr 13:00-14:00",  # besides, or instead?
        "Mo-Fr 8-12",
        "Mo-Fr 08:00-10:00pm",
        "24.12.-26.12. off",
        "Mo-Fr 12:0-14:00",
        "summer 10:00-12:00",
        "Apr-Sep, We-Su 11:00-16:00",  # in April on Wednesdays, or on either?
    ],
)
def test_what_could_mean_two_things_is_not_read(text: str) -> None:
    assert not parse_ok(text)


@pytest.mark.parametrize(
    ("text", "holiday", "school_holiday", "expected"),
    [
        ("Mo,PH 10:00-12:00", True, False, "Mo,Th 10:00-12:00"),
        ("Mo,PH 10:00-12:00", False, False, "Mo,PH 10:00-12:00"),
        ("PH Su off", True, False, "Su off"),
        ("PH Su off", False, False, "PH off"),
        ("SH Mo-Fr,Su 10:00-12:00", False, True, "Mo-Fr,Su 10:00-12:00"),
        ("SH Mo-Fr,Su 10:00-12:00", True, False, "SH 10:00-12:00"),
        ("PH,SH Sa 10:00-12:00", True, False, "Sa 10:00-12:00"),
        ('PH "on PH Su"', True, False, 'Th "on PH Su"'),
    ],
)
def test_a_holiday_is_written_as_its_weekday(text: str, holiday: bool, school_holiday: bool, expected: str) -> None:
    assert for_weekday(text, "Th", holiday=holiday, school_holiday=school_holiday) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mo-Fr 09:00-18:00", "Mo,Tu,We,Th,Fr,Sa 09:00-18:00"),
        ("Mo-Fr 09:00-18:00; Sa 10:00-12:00", "Mo,Tu,We,Th,Fr,Sa 09:00-18:00; PH 10:00-12:00"),
        ("Sa,Su 10:00-12:00", "Su 10:00-12:00"),
        ("Fr-Mo 10:00-12:00", "Fr-Mo 10:00-12:00"),
        ("2026 Feb 14 off; Sa[1] 10:00-12:00", "2026 Feb 14 off; Sa[1] 10:00-12:00"),
    ],
)
def test_a_saturday_run_as_a_friday_opens_when_fridays_do(text: str, expected: str) -> None:
    assert run_as(text, 5, 4) == expected
