"""Lines, netting and files against answers worked out by hand."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settlements import rules
from app.settlements.types import Amounts, Entry, Line, Netting, Sale

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LATER = AT + timedelta(days=3)
REDEMPTION, PLACE = UUID(int=1), UUID(int=2)
# docs/ledger.md: 50.00 less 10.00, half of it the platform's, 0.20 of the provider's, 1.00 of commission
SALE = Sale(REDEMPTION, PLACE, "n-1", "T7", AT, 5000, 0, 500, 500, 0, 4000, 100, 4000, 0)


def entry(kind: str, amount: int, at: datetime = AT, **given_values: object) -> Entry:
    """A transfer of the sale."""
    entry.count = getattr(entry, "count", 100) + 1  # type: ignore[attr-defined]
    values = {"payment_id": None, "refund_id": None, "refund_cause": None, "fee_minor": 0} | given_values
    return Entry(UUID(int=entry.count), kind, amount, at, REDEMPTION, **values)  # type: ignore[arg-type, attr-defined]


CAPTURE = {"payment_id": UUID(int=9), "fee_minor": 20}
SOLD = [entry("capture", 4000, **CAPTURE), entry("platform_promo", 500), entry("commission", -100)]


def lines(entries: list[Entry], sale: Sale = SALE) -> list[tuple[str, Amounts]]:
    """What happened and its amounts, in order."""
    return [(line.happening, line.amounts) for line in rules.collect(entries, {REDEMPTION: sale}).lines]


def test_the_worked_example_is_one_line_that_says_who_paid_what() -> None:
    """Of 50.00 the merchant is owed 44.00: it gave 5.00 of the discount and 1.00 of commission."""
    assert lines(SOLD) == [("sale", Amounts(5000, 0, 500, 500, 4000, 0, 20, 100, 4500, 4400))]


def test_what_the_till_took_itself_is_owed_by_nobody() -> None:
    cash = replace(SALE, captured_minor=0)
    assert lines(SOLD[1:], cash) == [("sale", Amounts(5000, 0, 500, 500, 4000, 4000, 0, 100, 4500, 400))]


def test_a_prepaid_voucher_worth_more_than_the_order_leaves_what_was_not_used() -> None:
    """10.00 of value bought for 8.00, an order of 5.00: the merchant gets the whole 8.00 less its commission."""
    sale = Sale(REDEMPTION, PLACE, "n", None, AT, 500, 300, 0, 0, 800, 0, 48, 0, 4)
    found = lines([entry("prepaid_used", 800), entry("commission", -48)], sale)
    assert found == [("sale", Amounts(500, 300, 0, 0, 800, 0, 4, 48, 800, 752))]


def test_a_reversal_takes_back_all_of_the_sale() -> None:
    back = [
        entry("undo_capture", -4000, LATER, refund_id=UUID(int=7), refund_cause="reversal", fee_minor=20),
        entry("undo_platform_promo", -500, LATER),
        entry("undo_commission", 100, LATER),
    ]
    found = rules.collect([*back, *SOLD], {REDEMPTION: SALE})
    assert [line.happening for line in found.lines] == ["sale", "reversal"]
    assert found.lines[1].amounts == Amounts(-5000, 0, -500, -500, -4000, 0, -20, -100, -4500, -4400)
    assert found.totals == Amounts()


def test_a_refund_before_the_reversal_leaves_the_rest_to_it() -> None:
    asked = entry("undo_capture", -1500, LATER, refund_id=UUID(int=6), refund_cause="asked", fee_minor=8)
    rest = [
        entry("undo_capture", -2500, LATER, refund_id=UUID(int=7), refund_cause="reversal", fee_minor=12),
        entry("undo_platform_promo", -500, LATER),
        entry("undo_commission", 100, LATER),
    ]
    found = rules.collect([*SOLD, asked, *rest], {REDEMPTION: SALE})
    assert [line.happening for line in found.lines] == ["sale", "refund", "reversal"]
    assert found.lines[1].amounts == Amounts(-1500, 0, 0, 0, -1500, 0, -8, 0, -1500, -1500)
    assert found.totals == Amounts()


def test_the_reversal_of_a_cash_sale_is_the_tills_to_pay_back() -> None:
    cash = replace(SALE, captured_minor=0)
    back = [entry("undo_platform_promo", -500, LATER), entry("undo_commission", 100, LATER)]
    found = rules.collect([*SOLD[1:], *back], {REDEMPTION: cash})
    assert found.lines[1].amounts.paid_to_merchant_minor == -4000
    assert found.totals == Amounts()


def test_money_that_came_after_the_sale_moves_from_the_till_to_the_platform() -> None:
    late = entry("capture", 4000, LATER, **CAPTURE)
    found = rules.collect([*SOLD[1:], late], {REDEMPTION: SALE})
    assert [(line.happening, line.amounts.net_minor) for line in found.lines] == [("sale", 400), ("payment", 4000)]
    assert found.totals == Amounts(5000, 0, 500, 500, 4000, 0, 20, 100, 4500, 4400)


def test_a_line_that_is_not_its_transfers_is_never_shown() -> None:
    with pytest.raises(AssertionError, match="comes to 4400, its transfers to 4401"):
        rules.collect([*SOLD, entry("commission", 1)], {REDEMPTION: SALE})


@pytest.mark.parametrize(
    ("opening", "lines_minor", "receivable", "floor", "expected"),
    [
        (0, 4400, 0, 1000, (0, 0, 4400, 0)),
        (-300, 4400, 0, 1000, (0, 0, 4100, 0)),
        (0, -700, 0, 1000, (0, 0, 0, -700)),
        (-700, -300, 0, 1000, (0, 0, 0, -1000)),
        (-700, -301, 0, 1000, (1, 0, 0, -1000)),
        (0, -5, 0, 0, (5, 0, 0, 0)),
        (0, 4400, 1, 1000, (0, 1, 4399, 0)),
        (0, 4400, 9000, 1000, (0, 4400, 0, 0)),
        (-500, 300, 9000, 1000, (0, 0, 0, -200)),
        (0, 0, 9000, 1000, (0, 0, 0, 0)),
    ],
)
def test_a_statement_is_paid_carried_on_or_receivable(
    opening: int, lines_minor: int, receivable: int, floor: int, expected: tuple[int, ...]
) -> None:
    found = rules.net(opening, lines_minor, receivable, floor)
    assert found == Netting(opening, lines_minor, *expected)


@given(st.integers(-10_000, 0), st.integers(-20_000, 20_000), st.integers(0, 9_000), st.integers(0, 10_000))
def test_nothing_is_lost_on_the_way(opening: int, lines_minor: int, receivable: int, floor: int) -> None:
    opening = max(opening, -floor)
    found = rules.net(opening, lines_minor, receivable, floor)
    assert opening + lines_minor + found.receivable_minor - found.recovered_minor == (
        found.payout_minor + found.carried_minor
    )
    assert -floor <= found.carried_minor <= 0 <= found.payout_minor
    assert 0 <= found.recovered_minor <= receivable
    assert found.payout_minor == 0 or (found.carried_minor == 0 and found.recovered_minor == receivable)


def test_the_file_has_a_row_a_line_and_its_hash_is_of_its_bytes() -> None:
    line = rules.collect(SOLD, {REDEMPTION: SALE}).lines[0]
    content = rules.file_of("CNY", [line, replace(line, line_no=2, request_no="=1+1", pos_order_no="@x")])
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert content.endswith(b"\r\n")
    assert content.count(b"\r\n") == 3
    assert (rows[0]["gross_minor"], rows[0]["net_minor"], rows[0]["currency"]) == ("5000", "4400", "CNY")
    assert rows[0]["happened_at"] == "2026-11-20T12:00:00.000000+00:00"
    assert [row["request_no"] for row in rows] == ["n-1", "'=1+1"]
    assert rows[1]["pos_order_no"] == "'@x"
    assert rules.hash_of(content) == hashlib.sha256(content).digest()


def test_columns_of_the_file_are_only_ever_added_behind() -> None:
    assert ",".join(rules.COLUMNS) == (
        "line_no,happening,happened_at,redemption_id,payment_id,refund_id,place_id,request_no,pos_order_no,currency,"
        "gross_minor,unused_minor,merchant_discount_minor,platform_discount_minor,paid_minor,paid_to_merchant_minor,"
        "provider_fee_minor,platform_fee_minor,tax_base_minor,net_minor"
    )


def test_lines_are_numbered_in_the_order_of_time() -> None:
    found = rules.collect(list(reversed(SOLD)), {REDEMPTION: SALE})
    assert [(line.line_no, type(line)) for line in found.lines] == [(1, Line)]
    assert {each.transfer_id for each in found.entries[1]} == {each.transfer_id for each in SOLD}
