"""Points of a load against the area that the territory's regions draw."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection

from app.imports import actions, queries
from app.imports.errors import RowRefused
from app.imports.territory import check_inside, widened
from app.imports.types import LoadReport
from geo.bbox import Bbox
from geo.coordinates import LonLat
from tests.app.imports.loadfiles import CITY, NOW, place, region

Load = Callable[..., LoadReport]


def square(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def test_a_box_grows_by_five_kilometres_on_each_side_measured_at_its_own_latitude() -> None:
    # 5,000 m are 0.044966° of a great circle of 6,371,008.8 m, and twice that along the parallel of 60°.
    box = widened(Bbox(24.0, 59.0, 25.0, 60.0))
    assert box.south == pytest.approx(59.0 - 0.044966, abs=1e-5)
    assert box.north == pytest.approx(60.0 + 0.044966, abs=1e-5)
    assert box.west == pytest.approx(24.0 - 0.089932, abs=2e-4)
    assert box.east == pytest.approx(25.0 + 0.089932, abs=2e-4)


def test_a_box_at_180_degrees_grows_over_it() -> None:
    box = widened(Bbox(179.8, -17.1, 180.0, -16.9))
    assert box.crosses_antimeridian
    assert box.contains(LonLat(-179.96, -17.0))
    assert not box.contains(LonLat(-179.94, -17.0))


def test_a_point_outside_is_refused_and_a_swapped_one_asked_about() -> None:
    helsinki = Bbox(24.78, 59.92, 25.26, 60.30)
    check_inside(helsinki, LonLat(24.9354, 60.1672))
    with pytest.raises(RowRefused, match=r"60\.167200 24\.935400 lies outside the territory; .* swapped\?"):
        check_inside(helsinki, LonLat(60.1672, 24.9354))
    with pytest.raises(RowRefused, match=r"outside the territory$"):
        check_inside(helsinki, LonLat(13.4, 52.5))
    with pytest.raises(RowRefused, match=r"outside the territory$"):
        check_inside(helsinki, LonLat(150.0, 24.9))


def test_the_area_is_the_box_of_all_active_regions_and_none_before(town: Connection, load: Load) -> None:
    assert queries.regions_extent(town, CITY) is None
    far = [region("r"), region("s", square(-180.0, -17.0, -179.5, -16.0))]
    load(far, "regions")
    assert queries.regions_extent(town, CITY) is None
    actions.activate(town, CITY, "regions", 1, NOW)
    assert queries.regions_extent(town, CITY) == Bbox(179.8, -17.1, -179.5, -16.0)


def test_places_outside_are_refused_row_by_row(town: Connection, load: Load) -> None:
    load([region("r")], "regions", activate=True)
    rows = [place("in"), place("pier", -179.96), place("far", 178.0), place("north", 179.9, -16.8)]
    report = load(rows)
    assert (report.outcome, report.stored, report.refused, report.remarks) == ("staged", 2, 2, ())
    assert [(fault.row, fault.source_key) for fault in report.faults] == [(3, "far"), (4, "north")]
    assert report.faults[0].reason == "the point 178.000000 -17.000000 lies outside the territory"


def test_a_file_with_exchanged_numbers_fails_and_says_so(town: Connection, load: Load) -> None:
    load([region("r", square(24.0, 60.0, 25.0, 61.0))], "regions", activate=True)
    report = load([place("a", 60.5, 24.5), place("b", 60.6, 24.6)], share=None)
    assert (report.outcome, report.stored, report.blocked) == ("failed", 0, "every row was refused (2)")
    assert all(fault.reason.endswith("longitude and latitude swapped?") for fault in report.faults)


def test_a_territory_without_regions_checks_nothing_and_remarks_it(load: Load) -> None:
    report = load([place("a", 10.0, 10.0)])
    assert (report.outcome, report.refused) == ("staged", 0)
    assert report.remarks == ("town has no regions yet: nobody checked whether the points lie in it",)
