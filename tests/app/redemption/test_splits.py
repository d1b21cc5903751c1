"""Who pays what, against sums worked out by hand."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.redemption.errors import CurrencyMismatch, MinSpendNotMet, NotStackable, OrderNeeded
from app.redemption.rules import check_currency, check_stacking, needs_order, price
from app.redemption.types import Split, total
from tests.app.redemption.terms import part, terms

Numbers = tuple[int, int, int, int, int]  # gross, discount, platform share, prepaid, commission


def numbers(order_minor: int | None, *parts: Any) -> list[Numbers]:
    return [astuple(each) for each in price(parts, order_minor)]


def test_the_worked_example_of_the_posting_table() -> None:
    """50.00 rung up, 10.00 off, half of it the platform's; 2.5 % of the 40.00 that the customer pays."""
    found = price([part(platform_share_bp=5000, commission_bp=250)], 5000)
    assert found == (Split(5000, 1000, 500, 0, 100),)
    assert found[0].payable_minor == 4000


@pytest.mark.parametrize(
    ("given", "order_minor", "split"),
    [
        # amount off: never more than the order
        ({}, 5000, (5000, 1000, 0, 0, 0)),
        ({}, 700, (700, 700, 0, 0, 0)),
        ({}, 0, (0, 0, 0, 0, 0)),
        ({"platform_share_bp": 3333}, 5000, (5000, 1000, 333, 0, 0)),
        ({"commission_bp": 333}, 5000, (5000, 1000, 0, 0, 133)),  # 133.2
        # percent off: 12.5 % of 33.33 is 416.625
        ({"kind": "percent_off", "percent_off_bp": 1250}, 3333, (3333, 416, 0, 0, 0)),
        ({"kind": "percent_off", "percent_off_bp": 1250, "rounding_rule": "half_even"}, 3333, (3333, 417, 0, 0, 0)),
        # 10 % of 0.25 is 2.5, of 0.35 is 3.5: to the even neighbour
        ({"kind": "percent_off", "percent_off_bp": 1000, "rounding_rule": "half_even"}, 25, (25, 2, 0, 0, 0)),
        ({"kind": "percent_off", "percent_off_bp": 1000, "rounding_rule": "half_even"}, 35, (35, 4, 0, 0, 0)),
        ({"kind": "percent_off", "percent_off_bp": 2000, "cap_minor": 800}, 10000, (10000, 800, 0, 0, 0)),
        ({"kind": "percent_off", "percent_off_bp": 10000}, 999, (999, 999, 0, 0, 0)),
        # a voucher of 10.00 bought for 8.00: the platform shares the 2.00, commission on 40.00 + 8.00
        (
            {"kind": "voucher", "price_minor": 800, "platform_share_bp": 5000, "commission_bp": 100},
            5000,
            (5000, 1000, 100, 800, 48),
        ),
        # on an order smaller than its price nothing is given beyond what was paid
        ({"kind": "voucher", "price_minor": 800, "platform_share_bp": 5000}, 500, (500, 500, 0, 800, 0)),
        # a package worth 188.00 sold for 98.00, alone and in an order of 230.00
        (
            {"kind": "package", "price_minor": 9800, "list_price_minor": 18800, "commission_bp": 300},
            None,
            (18800, 18800, 0, 9800, 294),
        ),
        (
            {"kind": "package", "price_minor": 9800, "list_price_minor": 18800, "commission_bp": 300},
            23000,
            (23000, 18800, 0, 9800, 420),
        ),
        ({"kind": "package", "price_minor": 9800}, None, (9800, 9800, 0, 9800, 0)),
        # a gift is worth its list price, or nothing
        ({"kind": "gift", "list_price_minor": 1500, "platform_share_bp": 10000}, None, (1500, 1500, 1500, 0, 0)),
        ({"kind": "gift"}, None, (0, 0, 0, 0, 0)),
        ({"kind": "gift"}, 4000, (4000, 0, 0, 0, 0)),
    ],
)
def test_one_unit(given: dict[str, Any], order_minor: int | None, split: Numbers) -> None:
    if given.get("kind") in ("percent_off", "package", "gift"):
        given = {"face_value_minor": None} | given
    assert numbers(order_minor, part(**given)) == [split]


def test_units_of_a_package_share_its_price_and_worth_to_the_last_cent() -> None:
    """100.00 sold for 70.00 over three units: 33.34 + 33.33 + 33.33 and 23.34 + 23.33 + 23.33."""
    given = {"kind": "package", "units": 3, "price_minor": 7000, "list_price_minor": 10000, "face_value_minor": None}
    found = numbers(None, *(part(number, **given) for number in (1, 2, 3)))
    assert [(gross, prepaid) for gross, _, _, prepaid, _ in found] == [(3334, 2334), (3333, 2333), (3333, 2333)]


def test_several_discounts_follow_one_another_on_what_is_left() -> None:
    """10.00 off 50.00, then 10 % of 40.00, then 10.00 more: the first unit carries the 26.00 that are left to pay."""
    percent = part(kind="percent_off", percent_off_bp=1000, face_value_minor=None)
    found = numbers(5000, part(commission_bp=250), percent, part())
    assert found == [(3600, 1000, 0, 0, 65), (400, 400, 0, 0, 0), (1000, 1000, 0, 0, 0)]


def test_discounts_end_where_the_order_does() -> None:
    assert numbers(1500, part(), part(), part()) == [
        (1000, 1000, 0, 0, 0),
        (500, 500, 0, 0, 0),
        (0, 0, 0, 0, 0),
    ]


def test_least_spend_is_that_of_the_whole_order_and_counts_at_its_edge() -> None:
    limited = part(min_spend_minor=4500)
    assert numbers(5000, part(), limited)[1] == (1000, 1000, 0, 0, 0)
    assert numbers(4500, limited) == [(4500, 1000, 0, 0, 0)]
    with pytest.raises(MinSpendNotMet):
        price([limited], 4499)


@pytest.mark.parametrize("kind", ["amount_off", "percent_off", "voucher"])
def test_kinds_that_depend_on_the_order_want_it(kind: str) -> None:
    own = part(kind=kind, percent_off_bp=1000 if kind == "percent_off" else None)
    assert needs_order(own.terms)
    with pytest.raises(OrderNeeded):
        price([own], None)


def test_packages_and_gifts_want_an_order_only_where_they_have_a_least_spend() -> None:
    assert not needs_order(terms(kind="package"))
    assert not needs_order(terms(kind="gift"))
    assert needs_order(terms(kind="gift", min_spend_minor=1))


def test_stacking() -> None:
    alone = terms(stacking="exclusive")
    free = terms(stacking="with_others")
    lunch, dinner = (terms(stacking="within_group", stack_group=name) for name in ("lunch", "dinner"))
    for together in ([alone], [free, free], [lunch, lunch, lunch], [dinner]):
        check_stacking(together)
    for apart in ([alone, alone], [free, alone], [lunch, dinner], [free, lunch]):
        with pytest.raises(NotStackable):
            check_stacking(apart)


def test_one_currency() -> None:
    assert check_currency([terms(), terms()], "CNY") == "CNY"
    assert check_currency([terms(currency="JPY")], None) == "JPY"
    for currencies, order in ((["CNY"], "EUR"), (["CNY", "EUR"], None)):
        with pytest.raises(CurrencyMismatch):
            check_currency([terms(currency=each) for each in currencies], order)


@st.composite
def units(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(["amount_off", "percent_off", "voucher", "package", "gift"]))
    count = draw(st.integers(1, 50))
    price_minor = draw(st.integers(0, 100_000))
    worth = price_minor + draw(st.integers(0, 100_000))
    return part(
        draw(st.integers(1, count)),
        kind=kind,
        units=count,
        price_minor=price_minor,
        list_price_minor=draw(st.sampled_from([None, worth])),
        face_value_minor=draw(st.integers(1, 100_000)) if kind in ("amount_off", "voucher") else None,
        percent_off_bp=draw(st.integers(1, 10_000)) if kind == "percent_off" else None,
        cap_minor=draw(st.none() | st.integers(1, 50_000)),
        rounding_rule=draw(st.sampled_from(["floor", "half_even"])),
        platform_share_bp=draw(st.integers(0, 10_000)),
        commission_bp=draw(st.integers(0, 10_000)),
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(units(), min_size=1, max_size=10), st.integers(0, 1_000_000))
def test_parts_sum_to_the_order_and_stay_within_it(parts: list[Any], order_minor: int) -> None:
    found = price(parts, order_minor)
    assert total(found).gross_minor == order_minor
    assert sum(each.payable_minor for each in found[1:]) == 0
    for each in found:
        assert 0 <= each.platform_share_minor <= each.discount_minor <= each.gross_minor
        assert each.platform_share_minor <= max(0, each.discount_minor - each.prepaid_minor)
        assert 0 <= each.commission_minor <= each.payable_minor + each.prepaid_minor


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 50), st.integers(0, 1_000_000), st.integers(0, 1_000_000))
def test_all_units_of_a_claim_sum_to_its_price_and_worth(count: int, price_minor: int, more: int) -> None:
    given = {"kind": "package", "units": count, "price_minor": price_minor, "list_price_minor": price_minor + more}
    found = total(price([part(number, **given) for number in range(1, count + 1)], None))
    assert (found.prepaid_minor, found.gross_minor) == (price_minor, price_minor + more)
