"""Ids carry their city and stay UUIDv7."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import MAX_CITY_ID, city_of, new_city_id, new_id

MILLISECONDS = st.integers(min_value=0, max_value=2**48 - 1)


@given(city_id=st.integers(min_value=1, max_value=MAX_CITY_ID), unix_ms=MILLISECONDS)
def test_city_and_time_are_read_back_from_an_id(city_id: int, unix_ms: int) -> None:
    made = new_city_id(city_id, unix_ms)
    assert city_of(made) == city_id
    assert made.int >> 80 == unix_ms
    assert (made.version, made.variant) == (7, "specified in RFC 4122")


@given(unix_ms=MILLISECONDS)
def test_an_id_without_a_city_is_a_uuid_version_7(unix_ms: int) -> None:
    assert new_id(unix_ms).version == 7


def test_rfc_9562_example_has_the_layout_we_write() -> None:
    example = UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")  # RFC 9562, A.6: 2022-02-22T19:22:22.000Z
    assert example.int >> 80 == 1645557742000
    assert new_id(1645557742000).int >> 76 == example.int >> 76  # the same time and version nibble


def test_ten_thousand_ids_of_one_millisecond_differ() -> None:
    assert len({new_city_id(2, 1) for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("city_id", [0, -1, MAX_CITY_ID + 1])
def test_a_city_that_does_not_fit_is_refused(city_id: int) -> None:
    with pytest.raises(ValueError, match="city_id must lie in"):
        new_city_id(city_id)
