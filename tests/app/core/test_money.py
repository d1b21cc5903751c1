"""Amounts are whole minor units and split without losing one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.money import Money, exponent_of, split


def test_minor_units_follow_iso_4217() -> None:
    assert [exponent_of(c) for c in ("CNY", "EUR", "JPY", "KWD", "KRW")] == [2, 2, 0, 3, 0]


def test_two_currencies_do_not_add() -> None:
    with pytest.raises(ValueError, match="cannot combine CNY with EUR"):
        Money(1, "CNY") + Money(1, "EUR")


@pytest.mark.parametrize("amount", [1.0, True, "1"])
def test_an_amount_that_is_no_integer_is_refused(amount: object) -> None:
    with pytest.raises(TypeError):
        Money(amount, "CNY")  # type: ignore[arg-type]


@pytest.mark.parametrize("currency", ["cny", "CN", "¥¥¥", "CNYX"])
def test_a_code_that_is_no_currency_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(1, currency)


def test_ten_split_in_three_gives_the_odd_cent_to_the_first() -> None:
    assert split(10, [1, 1, 1]) == [4, 3, 3]
    assert split(-10, [1, 1, 1]) == [-4, -3, -3]


def test_largest_remainder_wins() -> None:
    assert split(100, [1, 2, 4]) == [14, 29, 57]  # 14.29, 28.57, 57.14


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any))
def test_parts_sum_to_the_whole_and_stay_within_one_unit(amount: int, weights: list[int]) -> None:
    parts = split(amount, weights)
    total = sum(weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * total - amount * weight) < total
