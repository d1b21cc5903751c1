"""Geohash cells against published vectors and a bit-by-bit bisection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.cells import ALPHABET, cell_bbox, cell_center, cell_of
from geo.coordinates import LonLat
from geo.errors import InvalidCell

points = st.builds(LonLat, st.floats(-180, 180), st.floats(-90, 90))


@pytest.mark.parametrize(
    ("lon", "lat", "cell"),
    [
        (10.40744, 57.64911, "u4pruydqqvj"),  # geohash.org, Wikipedia
        (-5.6, 42.6, "ezs42"),  # Wikipedia
        (0, 0, "s0000"),
        (-180, -90, "000000"),
        (180, 90, "zzzzzz"),
    ],
)
def test_published_cells(lon: float, lat: float, cell: str) -> None:
    assert cell_of(LonLat(lon, lat), len(cell)) == cell


def test_the_published_bounds_of_ezs42() -> None:
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
def test_a_cell_equals_the_bisection(point: LonLat, precision: int) -> None:
    cell = cell_of(point, precision)
    box, slack = cell_bbox(cell), 1e-13
    assert box.west - slack <= point.lon <= box.east + slack
    assert box.south - slack <= point.lat <= box.north + slack
    if cell != bisected(point, precision):
        # Only a position within the last bit of a border may fall to the other side.
        edges = [abs(point.lon - box.west), abs(point.lon - box.east)]
        edges += [abs(point.lat - box.south), abs(point.lat - box.north)]
        assert min(edges) < 1e-13


@given(st.text(alphabet=ALPHABET, min_size=1, max_size=12))
def test_the_centre_of_a_cell_is_in_that_cell(cell: str) -> None:
    assert cell_of(cell_center(cell), len(cell)) == cell


@pytest.mark.parametrize("cell", ["", "a", "ezs4i", "EZS42", "u4pruydqqvj00", "ezs 42", "ezs42\n", "é"])
def test_no_cell_is_refused(cell: str) -> None:
    with pytest.raises(InvalidCell):
        cell_bbox(cell)


@pytest.mark.parametrize("precision", [0, 13, -1, True])
def test_an_impossible_precision_is_refused(precision: int) -> None:
    with pytest.raises(InvalidCell):
        cell_of(LonLat(0, 0), precision)
