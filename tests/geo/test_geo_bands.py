"""Distance bands: a partition of all distances, and what they hide."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.bands import DISTANCE_BANDS, distance_band
from geo.cells import parse_cell
from geo.coordinates import LonLat
from geo.distance import distance_m
from geo.errors import InvalidRadius


@pytest.mark.parametrize(
    ("metres", "label"),
    [
        (0, "<500 m"),
        (499.999, "<500 m"),
        (500, "500-1000 m"),
        (999.999, "500-1000 m"),
        (1_000, "1-3 km"),
        (3_000, "3-5 km"),
        (5_000, "5-10 km"),
        (10_000, "10-20 km"),
        (49_999.999, "20-50 km"),
        (50_000, "≥50 km"),
        (2.1e7, "≥50 km"),
    ],
)
def test_a_limit_belongs_to_the_farther_band(metres: float, label: str) -> None:
    assert distance_band(metres).label == label


def test_the_bands_join_without_gaps_and_sort_by_distance() -> None:
    assert DISTANCE_BANDS[0].from_m == 0
    assert DISTANCE_BANDS[-1].until_m is None
    assert all(near.until_m == far.from_m for near, far in pairwise(DISTANCE_BANDS))
    assert all(near < far for near, far in pairwise(DISTANCE_BANDS))


@given(st.floats(0, 1e300))
def test_each_distance_is_in_one_band(metres: float) -> None:
    assert [band for band in DISTANCE_BANDS if metres in band] == [distance_band(metres)]


@given(st.floats(0, 1e5), st.floats(0, 1e5))
def test_farther_is_never_in_a_nearer_band(a: float, b: float) -> None:
    assert (distance_band(a) <= distance_band(b)) or a > b


@given(st.floats(0, 1), st.floats(0, 1), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_the_truth_is_within_the_reach_of_the_cell_of_what_the_band_says(
    across: float, up: float, east: float, north: float
) -> None:
    cell = parse_cell("wtmkn1")
    box = cell.bbox
    person = LonLat(box.west + across * box.width_deg, box.south + up * (box.north - box.south))
    place = LonLat(cell.center.lon + east, cell.center.lat + north)
    band = distance_band(distance_m(cell.center, place))
    truth = distance_m(person, place)
    assert truth >= band.from_m - cell.reach_m - 1e-6
    assert band.until_m is None or truth < band.until_m + cell.reach_m + 1e-6


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf"), 10**400, None, "500", True])
def test_no_distance_is_refused(bad: Any) -> None:
    with pytest.raises(InvalidRadius):
        distance_band(bad)
