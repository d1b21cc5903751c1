"""Geohash cells against published vectors, a bit-by-bit bisection, and the neighbours on the map."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from geo.cells import ALPHABET, cell_bbox, cell_center, cell_neighbours, cell_of, parse_cell
from geo.coordinates import LonLat
from geo.distance import distance_m, distances_m
from geo.errors import InvalidCell

lons = st.one_of(st.sampled_from([-180.0, 180.0, 0.0, -5e-324]), st.floats(-180, 180))
lats = st.one_of(st.sampled_from([-90.0, 90.0, 0.0, -5e-324]), st.floats(-90, 90))
points = st.builds(LonLat, lons, lats)
cells = st.text(alphabet=ALPHABET, min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("lon", "lat", "cell"),
    [
        (10.40744, 57.64911, "u4pruydqqvj"),  # geohash.org, Wikipedia
        (-5.6, 42.6, "ezs42"),  # Wikipedia
        (10.410, 57.648, "u4pruy"),  # tests of Veness's latlon-geohash: Jutland and Curitiba
        (-49.26561, -25.38262, "6gkzwgjz"),
        (112.5584, 37.8324, "ww8p1r4t8"),  # tests of node-geohash
        (117, 32, "wte"),
        (0, 0, "s0000"),
        (-180, -90, "000000"),
        (180, 90, "zzzzzz"),
    ],
)
def test_published_cells(lon: float, lat: float, cell: str) -> None:
    assert cell_of(LonLat(lon, lat), len(cell)) == cell


def test_the_published_bounds_of_ezs42() -> None:
    """Wikipedia, "Geohash": latitude 42.605 ± 0.022, longitude -5.603 ± 0.022."""
    box = cell_bbox("ezs42")
    assert box.as_list() == pytest.approx([-5.625, 42.583, -5.581, 42.627], abs=5e-4)
    assert cell_center("ezs42").xy == pytest.approx((-5.603, 42.605), abs=5e-4)


def bisected(point: LonLat, precision: int) -> str:
    """The definition word by word: halve, take the upper half when the position is in it."""
    spans, values = [[-180.0, 180.0], [-90.0, 90.0]], (point.lon, point.lat)
    bits = ""
    for place in range(5 * precision):
        span, value = spans[place % 2], values[place % 2]
        middle = (span[0] + span[1]) / 2
        bits += "1" if value >= middle else "0"
        span[0 if value >= middle else 1] = middle
    return "".join(ALPHABET[int(bits[k : k + 5], 2)] for k in range(0, len(bits), 5))


@given(points, st.integers(1, 12))
@example(LonLat(-5e-324, 0), 1)
@example(LonLat(float(np.nextafter(-5.625, -6)), float(np.nextafter(42.626953125, 42))), 5)
@example(LonLat(float(np.nextafter(180, 0)), float(np.nextafter(90, 0))), 12)
def test_a_cell_equals_the_bisection_and_holds_its_position(point: LonLat, precision: int) -> None:
    cell = cell_of(point, precision)
    assert cell == bisected(point, precision)
    assert cell_bbox(cell).contains(point)


@given(cells)
def test_the_middle_and_the_south_western_corner_of_a_cell_are_in_that_cell(cell: str) -> None:
    box = cell_bbox(cell)
    assert cell_of(cell_center(cell), len(cell)) == cell
    assert cell_of(LonLat(box.west, box.south), len(cell)) == cell


@given(points, st.integers(1, 11))
def test_a_longer_cell_lies_in_the_shorter_one(point: LonLat, precision: int) -> None:
    assert cell_of(point, precision + 1).startswith(cell_of(point, precision))
    outer, inner = cell_bbox(cell_of(point, precision)), cell_bbox(cell_of(point, precision + 1))
    assert outer.union(inner) == outer


@pytest.mark.parametrize("cell", ["", "a", "ezs4i", "EZS42", "u4pruydqqvj00", "ezs 42", "ezs42\n", "é", None, ["e"], 7])
def test_no_cell_is_refused(cell: Any) -> None:
    for read in (cell_bbox, cell_center, cell_neighbours):
        with pytest.raises(InvalidCell):
            read(cell)


@pytest.mark.parametrize("precision", [0, 13, -1, True, 6.0, "6", None])
def test_an_impossible_precision_is_refused(precision: Any) -> None:
    with pytest.raises(InvalidCell):
        cell_of(LonLat(0, 0), precision)
    with pytest.raises(InvalidCell):
        parse_cell("ezs42", precision)


def test_published_neighbours() -> None:
    """Tests of Veness's latlon-geohash (around the corner of Greenwich and 45° N) and of node-geohash."""
    assert cell_neighbours("ezzz") == ("gbpb", "u000", "spbp", "spbn", "ezzy", "ezzw", "ezzx", "gbp8")
    around = cell_neighbours("dqcjq")
    assert (around[0], around[5]) == ("dqcjw", "dqcjj")


def test_neighbours_meet_over_the_antimeridian_and_end_at_the_poles() -> None:
    fiji_east = cell_of(LonLat(-180, -17), 5)
    assert cell_of(LonLat(179.99, -17), 5) in cell_neighbours(fiji_east)
    assert len(cell_neighbours("z")) == 5
    assert cell_neighbours("z") == ("b", "8", "x", "w", "y")  # eastwards over 180° lie b and 8
    assert len(cell_neighbours(cell_of(LonLat(33, -90), 7))) == 5


@given(cells)
def test_neighbours_are_mutual_and_touch(cell: str) -> None:
    around = cell_neighbours(cell)
    box = cell_bbox(cell)
    at_a_pole = box.north == 90 or box.south == -90
    assert len(set(around) - {cell}) == len(around) == (5 if at_a_pole else 8)
    for other in around:
        assert cell in cell_neighbours(other)
        assert box.intersects(cell_bbox(other))


def test_a_cell_that_a_client_gives_has_a_middle_and_a_size() -> None:
    """A cell of six characters on the equator: 360° / 2¹⁵ wide and 180° / 2¹⁵ high, a degree being 111,195.08 m."""
    cell = parse_cell("s00000")
    assert cell.center == LonLat(180 / 2**15, 90 / 2**15)
    assert cell.half_width_m == pytest.approx(180 / 2**15 * 111195.0797, abs=1e-3)
    assert cell.half_height_m == pytest.approx(90 / 2**15 * 111195.0797, abs=1e-3)
    assert cell.reach_m == pytest.approx(np.hypot(cell.half_width_m, cell.half_height_m), abs=0.01)
    assert parse_cell("wtmkn1").code == "wtmkn1"
    assert parse_cell("ezs42", 5).bbox == cell_bbox("ezs42")


@given(st.text(alphabet=ALPHABET, min_size=6, max_size=6), st.floats(0, 1), st.floats(0, 1))
@example("bpbpbp", 0.0, 0.0)
@example("zzzzzz", 1.0, 1.0)
def test_nobody_in_a_cell_is_farther_from_its_middle_than_its_reach(code: str, across: float, up: float) -> None:
    cell = parse_cell(code)
    box = cell.bbox
    somebody = LonLat(
        min(180.0, box.west + across * box.width_deg), min(box.north, box.south + up * (box.north - box.south))
    )
    assert distance_m(cell.center, somebody) <= cell.reach_m + 1e-6
    assert cell.reach_m <= np.hypot(cell.half_width_m, cell.half_height_m) * 1.001 + 1e-6


@given(cells)
def test_the_farthest_position_of_any_cell_is_a_corner(code: str) -> None:
    cell = parse_cell(code, len(code))
    box = cell.bbox
    lons, lats = np.meshgrid(np.linspace(box.west, box.east, 9), np.linspace(box.south, box.north, 9))
    farthest = distances_m(cell.center.lon, cell.center.lat, lons.ravel(), lats.ravel()).max()
    assert cell.reach_m == pytest.approx(farthest, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("WTMKN1", "lower-case"),
        ("wtmkn12", "too-precise"),
        ("wtmkn", "too-coarse"),
        ("", None),
        ("wtmkna", None),
        ("wtmkn１", None),
        ("w" * 10**6, None),
        (None, None),
        (["w"] * 6, None),
        (b"wtmkn1", None),
    ],
)
def test_a_wrong_cell_of_a_client_is_refused_with_what_may_help(text: Any, hint: str | None) -> None:
    with pytest.raises(InvalidCell) as refused:
        parse_cell(text)
    assert (refused.value.pointer, refused.value.hint) == ("/cell", hint)
