"""Positions: what is accepted, what is refused, and where the refusal points."""

from decimal import Decimal
from fractions import Fraction
from math import copysign, inf, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from geo.coordinates import LonLat, checked_metres, wrap_lon
from geo.errors import GeoError, InvalidCoordinate, InvalidRadius


@pytest.mark.parametrize("lon", [-180, 180, 0, 179.9999999])
def test_both_spellings_of_the_antimeridian_are_kept(lon: float) -> None:
    assert LonLat(lon, 0).lon == lon


def test_minus_zero_becomes_zero() -> None:
    point = LonLat(-0.0, -0.0)
    assert copysign(1, point.lon) == 1
    assert copysign(1, point.lat) == 1


@pytest.mark.parametrize(
    ("lon", "lat", "pointer"),
    [
        (nan, 0.0, "/lon"),
        (0.0, nan, "/lat"),
        (inf, 0.0, "/lon"),
        (0.0, -inf, "/lat"),
        (180.0000001, 0.0, "/lon"),
        (0.0, -90.0000001, "/lat"),
        (190.0, 95.0, "/lon"),
        (10**400, 0, "/lon"),
        (0, -(10**400), "/lat"),
        (True, 0, "/lon"),
        ("1", 0, "/lon"),
        (None, 0, "/lon"),
    ],
)
def test_no_number_and_out_of_range_are_refused_by_name(lon: float, lat: float, pointer: str) -> None:
    with pytest.raises(InvalidCoordinate) as refused:
        LonLat(lon, lat)
    assert refused.value.pointer == pointer
    assert refused.value.code == "invalid-coordinate"


def test_swapped_hangzhou_is_recognised() -> None:
    with pytest.raises(InvalidCoordinate) as refused:
        LonLat.parse("30.25", "120.17")
    assert (refused.value.pointer, refused.value.hint) == ("/lat", "swapped")


@pytest.mark.parametrize(("lon", "lat"), [("0", "190"), ("100", "95"), ("190", "10")])
def test_no_swap_is_hinted_when_it_would_not_help(lon: str, lat: str) -> None:
    with pytest.raises(InvalidCoordinate) as refused:
        LonLat.parse(lon, lat)
    assert refused.value.hint is None


NOT_PLAIN = [
    "nan",
    "NaN",
    "inf",
    "Infinity",
    "-Infinity",
    "1e1",
    "1E-7",
    "1_0",
    "0x10",
    "+1",
    "1.",
    ".5",
    "--1",
    "1,5",
    "٣",
    "１",
    "1;drop",
]


@pytest.mark.parametrize("text", ["", " ", " 1", "1 ", "1\n", "\x001", "1" + "0" * 400, "0." + "1" * 30, *NOT_PLAIN])
def test_only_plain_decimal_notation_is_read(text: str) -> None:
    with pytest.raises(InvalidCoordinate) as refused:
        LonLat.parse(text, "0")
    assert refused.value.pointer == "/lon"


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0.0), ("-0", 0.0), ("007.5", 7.5), ("-122.41941550000001", -122.4194155)]
)
def test_plain_decimals_are_read(text: str, value: float) -> None:
    assert LonLat.parse(text, "0").lon == pytest.approx(value, abs=1e-12)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_a_position_or_a_refusal(lon: str, lat: str) -> None:
    try:
        point = LonLat.parse(lon, lat)
    except InvalidCoordinate:
        return
    assert -180 <= point.lon <= 180
    assert -90 <= point.lat <= 90


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_rounding_moves_by_at_most_half_the_last_decimal(lon: float, lat: float) -> None:
    rounded = LonLat(lon, lat).rounded()
    assert abs(rounded.lon - lon) <= 0.5000001e-7
    assert abs(rounded.lat - lat) <= 0.5000001e-7
    assert rounded.rounded() == rounded


@given(st.integers(-1000, 1000))
def test_wrapping_keeps_the_meridian(lon: int) -> None:
    wrapped = wrap_lon(float(lon))
    assert -180 <= wrapped <= 180
    assert (wrapped - lon) % 360 == 0


def test_a_refusal_is_told_from_the_document_around_it() -> None:
    fault = GeoError("Wrong.", hint="h", pointer="/lat", location=LonLat(1, 2)).under("/place")
    assert (fault.pointer, fault.hint, fault.location, fault.detail) == ("/place/lat", "h", LonLat(1, 2), "Wrong.")


@given(st.floats(-1e9, 1e9))
@example(200.1)
@example(-180.000000012345)
def test_wrapping_loses_no_digit(lon: float) -> None:
    assert (Fraction(wrap_lon(lon)) - Fraction(lon)) % 360 == 0


def test_wrapping_undoes_whole_turns_to_the_last_digit() -> None:
    # 360.1 is the double 360.1000000000000227: the part over 360 is all that is left.
    assert wrap_lon(360.1) == 360.1 - 360
    assert [wrap_lon(lon) for lon in (-0.0, 360.0, -360.0, 720.5)] == [0, 0, 0, 0.5]
    assert abs(wrap_lon(540.0)) == 180


@pytest.mark.parametrize("lon", [nan, inf, -inf])
def test_no_meridian_is_found_for_what_is_not_finite(lon: float) -> None:
    with pytest.raises(InvalidCoordinate) as refused:
        wrap_lon(lon)
    assert refused.value.pointer == "/lon"


def test_numbers_of_numpy_are_numbers_and_its_truth_values_are_not() -> None:
    point = LonLat(np.float32(1.5), np.int64(2))  # type: ignore[arg-type]
    assert (point, type(point.lon), type(point.lat)) == (LonLat(1.5, 2), float, float)
    for bad in (np.bool_(True), Decimal(1), 1j):
        with pytest.raises(InvalidCoordinate):
            LonLat(bad, 0)  # type: ignore[arg-type]


def test_rounding_to_tens_of_degrees_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        LonLat(180, 90).rounded(-1)


@pytest.mark.parametrize("metres", [-1e-9, nan, inf, 10**400, True, "5", None])
def test_a_length_that_is_none_is_refused_by_name(metres: Any) -> None:
    with pytest.raises(InvalidRadius, match="The reach must be finite and not negative") as refused:
        checked_metres(metres, "reach", "/reach_m")
    assert refused.value.pointer == "/reach_m"


def test_a_length_is_a_plain_float_without_a_minus_before_zero() -> None:
    assert copysign(1, checked_metres(-0.0, "reach")) == 1
    assert type(checked_metres(np.float32(2), "reach")) is float  # type: ignore[arg-type]
