"""Public holidays and Chinese make-up workdays are written as one table, a calendar and a day a row."""

import csv
import io
from datetime import date
from pathlib import Path

import holidays
from chinese_calendar import constants

COLUMNS = ("calendar", "on_date", "kind", "as_weekday", "name_en", "name_local")
CHINA_YEARS = range(2024, 2100)  # to the last year that the State Council has announced
EUROPE_YEARS = range(2024, 2029)
EUROPE = (("DE-BE", "DE", "BE", "de"), ("FI", "FI", None, "fi"), ("AD", "AD", None, "ca"))

Row = tuple[str, str, str, str, str, str]


def china_rows() -> list[Row]:
    """Days off in full spans, weekends within them included, and the weekends that are worked instead.

    The announcements don't say which weekday's timetable a make-up workday follows: `as_weekday` stays empty.
    """
    chinese = {member.value: member.chinese for member in constants.Holiday}
    rows = []
    for kind, days in (("holiday", constants.holidays), ("makeup_workday", constants.workdays)):
        for on_date, name in days.items():
            if on_date.year in CHINA_YEARS:
                rows.append(("CN", on_date.isoformat(), kind, "", str(name), chinese[name]))
    return rows


def europe_rows() -> list[Row]:
    rows = []
    for calendar, country, subdivision, language in EUROPE:
        english = holidays.country_holidays(
            country, subdiv=subdivision, years=EUROPE_YEARS, language="en_US", expand=False
        )
        local = holidays.country_holidays(
            country, subdiv=subdivision, years=EUROPE_YEARS, language=language, expand=False
        )
        for on_date, name in english.items():
            rows.append((calendar, _iso(on_date), "holiday", "", name, local[on_date]))
    return rows


def _iso(on_date: date) -> str:
    return on_date.isoformat()


def write_holidays(path: Path) -> int:
    """Returns the number of rows."""
    rows = sorted(china_rows() + europe_rows())
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8", newline="\n")
    return len(rows)
