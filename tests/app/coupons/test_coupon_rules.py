"""What one claim can cost, how stock is shared out among versions, and how files of codes are read; worked by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.coupons.drafts import Draft, as_json, most_given_minor, of_json
from app.coupons.own_codes import Line, NoCode, NoCodeColumn, lines_of, normal
from app.coupons.rules import Sharing, Short, shared_out, stock_view
from app.coupons.types import Bucket

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def draft(**given: Any) -> Draft:
    values: dict[str, Any] = {
        "kind": "amount_off",
        "titles": {"en": "Off"},
        "summaries": {},
        "currency": "CNY",
        "time_zone": "Asia/Shanghai",
        "claim_from": NOW,
        "claim_until": NOW + timedelta(days=1),
        "quota": 10,
    }
    return Draft(**values | given)


@pytest.mark.parametrize(
    ("terms", "most"),
    [
        ({"face_value_minor": 1000}, 1000),
        ({"face_value_minor": 1000, "units": 3}, 3000),
        ({"kind": "voucher", "face_value_minor": 1000, "price_minor": 800}, 200),
        ({"kind": "voucher", "face_value_minor": 1000, "price_minor": 2000, "units": 3}, 1000),
        ({"kind": "voucher", "face_value_minor": 1000, "price_minor": 800, "group_price_minor": 700}, 300),
        ({"kind": "voucher", "face_value_minor": 500, "price_minor": 1000}, 0),
        ({"kind": "percent_off", "percent_off_bp": 2000}, None),
        ({"kind": "percent_off", "percent_off_bp": 2000, "cap_minor": 700, "units": 2}, 1400),
        ({"kind": "package", "price_minor": 3000, "list_price_minor": 4500}, 1500),
        ({"kind": "gift", "list_price_minor": 900}, 900),
        ({"kind": "gift"}, 0),
    ],
)
def test_the_most_that_one_claim_can_cost(terms: dict[str, Any], most: int | None) -> None:
    """3 units worth 1000 each for 2000 in all (667, 667, 666 paid) cost 333, 333 and 334."""
    assert most_given_minor(draft(**terms)) == most


def test_terms_are_kept_as_they_were() -> None:
    terms = draft(use_from=NOW, valid_days_after_claim=3, blackout_dates=(NOW.date(),), titles={"zh-Hans": "减"})
    assert of_json(as_json(terms)) == terms


def sharing(version: int, quota: int, budget: int | None = None, free: int | None = None, **costs: int) -> Sharing:
    return Sharing(version, quota, budget, lambda each: costs.get(f"v{each}", 100), free)


def test_a_new_version_closes_the_old_buckets_and_shares_the_rest() -> None:
    old = [Bucket(0, 10, 3, 1), Bucket(1, 10, 7, 1)]
    assert shared_out(old, sharing(2, 20)) == [Bucket(0, 3, 3, 1), Bucket(1, 7, 7, 1), Bucket(2, 10, 0, 2)]


def test_stock_of_the_same_version_grows_and_shrinks_in_its_own_buckets() -> None:
    own = [Bucket(0, 5, 5, 1), Bucket(1, 5, 2, 1)]
    assert shared_out(own, sharing(1, 12)) == [Bucket(0, 7, 5, 1), Bucket(1, 5, 2, 1)]
    assert [each.quota for each in shared_out(own, sharing(1, 7))] == [5, 2]
    with pytest.raises(Short, match="quota: 7"):
        shared_out(own, sharing(1, 6))


def test_a_budget_counts_what_each_version_can_cost() -> None:
    """Three claims of 1000 and two of 300 leave 400 of 4000: one more of 300."""
    buckets = [Bucket(0, 3, 3, 1), Bucket(1, 9, 2, 2)]
    bounds = sharing(2, 100, 4000, v1=1000, v2=300)
    after = shared_out(buckets, bounds)
    assert after == [Bucket(0, 3, 3, 1), Bucket(1, 3, 2, 2)]
    assert stock_view(after, bounds).bounded_by == "budget"
    with pytest.raises(Short, match="budget_minor: 3600"):
        shared_out(buckets, sharing(2, 100, 3599, v1=1000, v2=300))


def test_codes_bound_stock_where_fewer_are_left_than_the_quota() -> None:
    after = shared_out([Bucket(0, 50, 4, 1)], sharing(1, 50, None, free=6))
    assert after == [Bucket(0, 10, 4, 1)]
    assert stock_view(after, sharing(1, 50, None, free=6)).bounded_by == "codes"


@pytest.mark.parametrize(
    ("typed", "code"),
    [("ab-12 cd_34", "AB12CD34"), ("\uff21\uff22\uff23\uff11\uff12\uff13", "ABC123"), ("12345678901", "12345678901")],
)
def test_codes_are_the_same_however_they_are_written(typed: str, code: str) -> None:
    assert normal(typed) == code


@pytest.mark.parametrize("typed", ["", " - ", "AB123", "A" * 33, "123456789012", "ABÇ1234", "ABC;123"])
def test_what_can_be_no_code_is_refused(typed: str) -> None:
    with pytest.raises(NoCode):
        normal(typed)


def chunked(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_file_is_read_alike_in_any_chunks(size: int) -> None:
    data = b'\xef\xbb\xbf"name"\t"code"\r\nx\tABCDEF1\r\n\r\ny\t"AB CDEF 2"\r\n' + b"z" * 5000 + b"\r\nz\tLAST001"
    found = list(lines_of(chunked(data, size)))
    assert found == [
        Line(2, "ABCDEF1", None),
        Line(4, "AB CDEF 2", None),
        Line(5, None, "the row has more than 200 bytes"),
        Line(6, "LAST001", None),
    ]


def test_several_columns_without_a_heading_are_no_list_of_codes() -> None:
    with pytest.raises(NoCodeColumn):
        list(lines_of([b"one,ABCDEF1\n"]))
