"""What a version changes for readers, counted by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection

from app.cities.types import WORLD_CITY_ID
from app.imports import actions
from app.imports.comparing import too_much_lost
from app.imports.types import Change, LoadReport
from tests.app.imports.loadfiles import CITY, place, region

Load = Callable[..., LoadReport]


def road(name: str) -> dict[str, object]:
    line = {"type": "LineString", "coordinates": [[179.9, -17.0], [179.91, -17.0]]}
    return {"type": "Feature", "geometry": line, "properties": {"layer": "road", "class": "minor", "name": name}}


def test_a_place_that_closes_counts_as_removed_and_a_moved_one_as_kept(town: Connection, load: Load) -> None:
    load([place("a"), place("b"), place("c"), place("shut", closed=True)], activate=True)
    load([place("a", 179.95), place("b", closed=True), place("d"), place("shut")])
    assert actions.change_of(town, CITY, "places", 2, 1) == Change(against=1, before=3, after=3, kept=1)
    assert actions.change_of(town, CITY, "places", 2, None) == Change(against=None, before=0, after=3, kept=0)


def test_regions_are_known_by_key_and_the_base_map_by_number_only(town: Connection, load: Load) -> None:
    load([region("r"), region("s")], "regions", activate=True)
    load([region("s"), region("t"), region("u")], "regions")
    assert actions.change_of(town, CITY, "regions", 2, 1) == Change(1, 2, 3, 1)
    load([road("a"), road("b"), road("c")], "basemap", activate=True)
    load([road("d")], "basemap")
    change = actions.change_of(town, CITY, "basemap", 2, 1)
    assert (change.new, change.kept, change.removed) == (0, 1, 2)


@pytest.mark.parametrize(("kind", "rows"), [("categories", 3), ("brands", 1)])
def test_a_vocabulary_compared_with_itself_keeps_every_row(town: Connection, kind: str, rows: int) -> None:
    assert actions.change_of(town, WORLD_CITY_ID, kind, 1, 1) == Change(1, rows, rows, rows)


@pytest.mark.parametrize(
    ("before", "removed", "much"),
    [(50, 10, False), (50, 11, True), (55, 11, False), (10, 10, False), (11, 11, True), (1000, 200, False)],
)
def test_too_much_is_more_than_a_fifth_and_more_than_ten_rows(before: int, removed: int, much: bool) -> None:
    assert too_much_lost(Change(1, before, before - removed, before - removed)) is much
