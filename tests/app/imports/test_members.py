"""Misspelt members are told, not refused; the page about loading names every member there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from app.cities.types import WORLD_CITY_ID
from app.imports import actions, members
from app.imports.members import Unknown
from app.imports.types import LoadReport, LoadRequest
from tests.app.imports.loadfiles import NOW, ORIGIN, place, region

Load = Callable[..., LoadReport]
PAGE = Path(__file__).parents[3] / "docs" / "loading.md"


def test_unknown_members_are_counted_by_name_and_the_rows_are_kept(town: Connection, load: Load) -> None:
    load([region("r")], "regions", activate=True)
    rows = [place("a", categroy="cafe"), place("b", categroy="shop", Phone="1"), place("c"), {"type": "Feature"}, "[]"]
    report = load(rows)
    assert (report.stored, report.refused) == (3, 2)
    assert report.remarks == (
        "unknown property 'Phone' in 1 row is ignored",
        "unknown property 'categroy' in 2 rows is ignored",
    )


def test_known_members_are_no_news(load: Load) -> None:
    assert load([region("r", parent_key=None, note="x", demo=False, extend_m=0)], "regions").remarks == ()


def test_a_misspelt_column_of_holidays_is_told(town: Connection, tmp_path: Path) -> None:
    path = tmp_path / "holidays.csv"
    path.write_text("calendar,on_date,kind,as_weekday,name_en,nmae_local\nFJ,2026-10-10,holiday,,Fiji Day,x\n")
    report = actions.load(town, LoadRequest(WORLD_CITY_ID, "holidays", path, ORIGIN), NOW)
    assert (report.outcome, report.remarks) == ("staged", ("unknown property 'nmae_local' in 1 row is ignored",))


def test_no_file_fills_the_report_with_names() -> None:
    unknown = Unknown()
    unknown.note({f"n{number:03}\x1b": 1 for number in range(500)}, members.PLACE)
    told = list(unknown.remarks())
    assert len(told) == 21
    assert told[-1] == "more than 20 unknown properties; the others are ignored too"
    assert not any("\x1b" in sentence for sentence in told)


@pytest.mark.parametrize("kind", ["PLACE", "REGION", "BASEMAP", "CATEGORY", "BRAND", "HOLIDAY"])
def test_the_page_about_loading_names_every_member(kind: str) -> None:
    text = PAGE.read_text()
    assert {name for name in getattr(members, kind) if f"`{name}`" not in text} == set()
