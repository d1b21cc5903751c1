"""Real towns: silent on the good file, loud on a shifted one, one without a district, one with its axes exchanged.

Cases T18 and T19 of the design: a district is missing and named; a GCJ-02 file declared as WGS 84 is blocked.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapely

from geo.grid_shift import Datum, Floats, from_wgs84_many
from geo.units import METRES_PER_DEGREE
from tests.app.imports.checks.conftest import (
    BERLIN,
    HANGZHOU,
    NEW_BERLIN,
    NEW_HANGZHOU,
    Check,
    Features,
    codes,
    found,
    seed,
)

Move = Callable[[Floats, Floats], tuple[Floats, Floats]]


def moved(features: Features, change: Move) -> Features:
    """Copies whose every position went through ``change``, arrays of longitudes and latitudes."""

    def walk(node: Any) -> Any:
        if isinstance(node[0], int | float):
            lons, lats = change(np.array([node[0]], dtype=float), np.array([node[1]], dtype=float))
            return [round(float(lons[0]), 7), round(float(lats[0]), 7)]
        if isinstance(node[0][0], int | float):
            table = np.array(node, dtype=float)
            return np.round(np.column_stack(change(table[:, 0], table[:, 1])), 7).tolist()
        return [walk(one) for one in node]

    made = copy.deepcopy(features)
    for one in made:
        one["geometry"]["coordinates"] = walk(one["geometry"]["coordinates"])
    return made


def gcj02(lons: Floats, lats: Floats) -> tuple[Floats, Floats]:
    return from_wgs84_many(lons, lats, Datum.GCJ02)


def by_metres(east: float, north: float) -> Move:
    def change(lons: Floats, lats: Floats) -> tuple[Floats, Floats]:
        scale = METRES_PER_DEGREE * np.cos(np.radians(lats.mean()))
        return lons + east / scale, lats + north / METRES_PER_DEGREE

    return change


def touched(features: Features) -> Features:
    """Another file that says the same: its first feature has a remark more."""
    made = copy.deepcopy(features)
    made[0]["properties"]["survey"] = "again"
    return made


@pytest.mark.parametrize(
    ("city", "new", "number"), [("berlin", NEW_BERLIN, BERLIN), ("hangzhou", NEW_HANGZHOU, HANGZHOU)]
)
def test_good_areas_pass_first_and_again(check: Check, city: str, new: int, number: int) -> None:
    areas = seed(city, "regions")
    first = check(areas, "regions", city=new)
    again = check(touched(areas), "regions", city=number)
    assert (first.verdict, again.verdict) == ("open", "open"), (first.gate, again.gate)
    assert codes(first) <= {"datum-unchecked", "sibling-sliver"}
    assert codes(again) <= {"sibling-sliver"}


@pytest.mark.parametrize(
    ("city", "new", "number"), [("berlin", NEW_BERLIN, BERLIN), ("hangzhou", NEW_HANGZHOU, HANGZHOU)]
)
def test_good_places_pass_first_and_again(check: Check, city: str, new: int, number: int) -> None:
    places = seed(city, "places")
    first = check(places, city=new)
    again = check(touched(places), city=number)
    assert (first.verdict, again.verdict) == ("open", "open"), (first.gate, again.gate)
    assert codes(first) | codes(again) <= {"hours-few-unreadable"}


def test_areas_in_gcj02_declared_as_wgs84_are_blocked(check: Check) -> None:
    areas = seed("hangzhou", "regions")
    report = check(moved(areas, gcj02), "regions", city=HANGZHOU)
    assert report.verdict == "blocked"
    assert "seems to be in gcj02" in found(report, "datum-suspicion").detail


def test_places_in_gcj02_declared_as_wgs84_are_blocked(check: Check) -> None:
    places = seed("hangzhou", "places")
    report = check(moved(places, gcj02), city=HANGZHOU)
    assert report.verdict == "blocked"
    assert "seems to be in gcj02" in found(report, "datum-suspicion").detail


def test_places_in_wgs84_declared_as_gcj02_are_blocked(check: Check) -> None:
    places = seed("hangzhou", "places")
    report = check(touched(places), city=HANGZHOU, datum=Datum.GCJ02)
    assert report.verdict == "blocked"
    assert "seems to be in wgs84" in found(report, "datum-suspicion").detail


def test_places_rightly_declared_as_gcj02_pass(check: Check) -> None:
    places = seed("hangzhou", "places")
    report = check(moved(places, gcj02), city=HANGZHOU, datum=Datum.GCJ02)
    assert report.verdict == "open", report.gate


def test_a_tenth_of_the_places_in_another_datum_is_seen(check: Check) -> None:
    places = seed("hangzhou", "places")
    mixed = [*moved(places[: len(places) // 10], gcj02), *places[len(places) // 10 :]]
    report = check(mixed, city=HANGZHOU)
    assert report.verdict == "blocked"
    assert "10% of" in found(report, "datum-suspicion").detail


def test_other_keys_are_compared_by_name(check: Check) -> None:
    places = seed("hangzhou", "places")
    other = moved(places, gcj02)
    for number, one in enumerate(other):
        one["properties"]["source_key"] = f"other:{number}"
    report = check(other, city=HANGZHOU)
    assert "of a name known from before" in found(report, "datum-suspicion").detail


def test_a_right_file_over_a_wrong_version_is_for_a_second_person(check: Check) -> None:
    places = seed("hangzhou", "places")
    check(moved(places, gcj02), city=NEW_HANGZHOU, activate=True)
    report = check(places, city=NEW_HANGZHOU)
    assert report.verdict == "second_person"
    assert found(report, "datum-repaired").count == pytest.approx(len(places), rel=0.01)


@pytest.mark.parametrize("kind", ["places", "regions"])
def test_a_town_moved_by_500_m_is_blocked(check: Check, kind: str) -> None:
    features = seed("berlin", kind)
    report = check(moved(features, by_metres(300.0, -400.0)), kind, city=BERLIN)
    assert report.verdict == "blocked"
    assert "300 m east and 400 m south" in found(report, "datum-suspicion").detail


def test_a_town_moved_by_80_m_is_for_a_second_person(check: Check) -> None:
    features = seed("berlin", "places")
    report = check(moved(features, by_metres(80.0, 0.0)), city=BERLIN)
    assert report.verdict == "second_person"
    assert {reason.code for reason in report.gate.reasons} == {"median-move", "far-moves"}


def test_borders_of_a_neighbour_tell_a_shifted_first_file(check: Check) -> None:
    """Berlin is loaded; Mitte arrives alone as the first area of another town, right and then moved by 500 m."""
    areas = {one["properties"]["source_key"]: one for one in seed("berlin", "regions")}
    alone = areas["berlin:bezirk/01"]
    alone["properties"]["parent_key"] = None
    assert check([alone], "regions", city=NEW_BERLIN).verdict == "open"
    report = check(moved([alone], by_metres(400.0, 300.0)), "regions", city=NEW_BERLIN)
    assert "beside known ones" in found(report, "datum-suspicion").detail


def test_a_file_without_one_of_twelve_boroughs_is_blocked_and_names_it(check: Check) -> None:
    areas = seed("berlin", "regions")
    gone = {
        "berlin:bezirk/11",
        *(a["properties"]["source_key"] for a in areas if a["properties"]["parent_key"] == "berlin:bezirk/11"),
    }
    report = check([a for a in areas if a["properties"]["source_key"] not in gone], "regions", city=BERLIN)
    assert report.verdict == "blocked"
    missing = found(report, "missing-district")
    assert missing.count == 1
    assert "Lichtenberg" in missing.detail
    sample = missing.first[0]
    assert sample.source_key == "berlin:bezirk/11"
    assert (sample.lon, sample.lat) == pytest.approx((13.5, 52.53), abs=0.06)
    assert "sibling-gap" in codes(report)
    assert report.counts["stored"] == len(areas) - len(gone)


def test_a_borough_merged_into_its_neighbour_is_told_and_asks_for_a_note(check: Check) -> None:
    areas = seed("berlin", "regions")
    merged = copy.deepcopy([a for a in areas if a["properties"]["source_key"] != "berlin:bezirk/11"])
    heir = next(a for a in merged if a["properties"]["source_key"] == "berlin:bezirk/10")
    heir["properties"]["successor_of"] = ["berlin:bezirk/11"]
    gone = next(a for a in areas if a["properties"]["source_key"] == "berlin:bezirk/11")
    heir["geometry"] = _union(heir["geometry"], gone["geometry"])
    report = check(merged, "regions", city=BERLIN)
    assert report.verdict == "note", report.gate
    assert {"area-gone", "area-reshaped"} <= codes(report)


def _union(one: Any, other: Any) -> Any:
    shapes = [shapely.from_geojson(json.dumps(each)) for each in (one, other)]
    return json.loads(shapely.to_geojson(shapely.union_all(shapes)))


@pytest.mark.parametrize("kind", ["places", "regions"])
def test_exchanged_axes_of_a_whole_file_are_noticed(check: Check, kind: str) -> None:
    features = seed("berlin", kind)
    report = check(moved(features, lambda lons, lats: (lats, lons)), kind, city=NEW_BERLIN)
    assert report.verdict == "blocked"
    assert "axes-swapped" in codes(report)


def test_exchanged_axes_are_noticed_against_a_version_too(check: Check) -> None:
    areas = seed("berlin", "regions")
    report = check(moved(areas, lambda lons, lats: (lats, lons)), "regions", city=BERLIN)
    assert "axes-swapped" in codes(report)
    assert "datum-suspicion" not in codes(report)


@pytest.mark.parametrize("kind", ["places", "regions"])
def test_another_towns_file_is_blocked(check: Check, kind: str) -> None:
    report = check(seed("hangzhou", kind), kind, city=NEW_BERLIN)
    assert report.verdict == "blocked"
    assert "other-territory" in codes(report)


def test_half_of_a_town_is_for_a_second_person_and_says_where(check: Check) -> None:
    places = seed("berlin", "places")
    west = [one for one in places if one["geometry"]["coordinates"][0] < 13.4]
    report = check(west, city=BERLIN)
    assert report.verdict == "second_person"
    assert {"part-missing", "many-removed"} <= {reason.code for reason in report.gate.reasons}
    assert all(sample.lon > 13.39 for sample in found(report, "part-missing").first)
