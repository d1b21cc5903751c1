"""The posting table against the one of the page, written down again by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from app.ledger import rules
from app.ledger.types import PLATFORM, AccountKey, Posting, UnitSplit

MERCHANT, COUPON, THING = UUID(int=1), UUID(int=2), UUID(int=3)
UNIT = UnitSplit(THING, COUPON, 500, 1500, 100, True, 9000)
OWNER = {"merchant_payable": MERCHANT, "promo_available": COUPON, "promo_used": COUPON, "promo_funding": COUPON}


def rows(postings: tuple[Posting, ...]) -> set[tuple[str, str, str, int]]:
    """(kind, debit, credit, amount) of postings whose owners are right."""
    for posting in postings:
        for key in (posting.debit, posting.credit):
            assert key == AccountKey(key.kind, OWNER.get(key.kind, PLATFORM))
    return {(posting.kind, posting.debit.kind, posting.credit.kind, posting.amount_minor) for posting in postings}


@pytest.mark.parametrize(
    ("purpose", "kind", "owed_on"),
    [
        ("redemption", "capture", "merchant_payable"),
        ("claim", "prepaid", "prepaid_liability"),
        ("stray", "stray", "stray_liability"),
    ],
)
def test_money_that_came_and_went_back(purpose: str, kind: str, owed_on: str) -> None:
    came = rules.captured(THING, purpose, MERCHANT, 4000, 20)  # type: ignore[arg-type]
    assert rows(came) == {
        (kind, "provider_clearing", owed_on, 4000),
        ("provider_fee", "provider_fee_expense", "provider_clearing", 20),
    }
    back = rules.refunded(THING, purpose, MERCHANT, 1000, 5)  # type: ignore[arg-type]
    assert rows(back) == {
        (f"undo_{kind}", owed_on, "provider_clearing", 1000),
        ("undo_provider_fee", "provider_clearing", "provider_fee_expense", 5),
    }
    assert {posting.ref_type for posting in came} == {"payment"}
    assert {posting.ref_type for posting in back} == {"refund"}


def test_unit_that_was_used_and_given_back() -> None:
    assert rows(rules.used(MERCHANT, [UNIT])) == {
        ("prepaid_used", "prepaid_liability", "merchant_payable", 1500),
        ("platform_promo", "promo_expense", "merchant_payable", 500),
        ("promo_budget", "promo_used", "promo_available", 500),
        ("commission", "merchant_payable", "platform_revenue", 100),
    }
    assert rows(rules.used(MERCHANT, [UNIT], undo=True)) == {
        ("undo_prepaid_used", "merchant_payable", "prepaid_liability", 1500),
        ("undo_platform_promo", "merchant_payable", "promo_expense", 500),
        ("undo_promo_budget", "promo_available", "promo_used", 500),
        ("undo_commission", "platform_revenue", "merchant_payable", 100),
    }


def test_zero_amounts_and_units_without_a_budget_post_less() -> None:
    plain = replace(UNIT, budgeted=False, prepaid_minor=0, commission_minor=0)
    assert rows(rules.used(MERCHANT, [plain])) == {("platform_promo", "promo_expense", "merchant_payable", 500)}
    assert rules.budgets([plain, replace(UNIT, platform_share_minor=0)]) == ()
    assert rules.used(MERCHANT, []) == ()


def test_budget_is_that_of_the_coupons_first_unit() -> None:
    later = replace(UNIT, redemption_unit_id=UUID(int=4), budget_minor=1)
    (fund,) = rules.budgets([UNIT, later])
    assert rows((fund,)) == {("promo_fund", "promo_available", "promo_funding", 9000)}
    assert (fund.ref_type, fund.ref_id) == ("coupon", COUPON)


def test_page_shows_the_table_that_is_posted() -> None:
    page = (Path(__file__).parents[3] / "docs" / "ledger.md").read_text()
    for kind, (debit, credit) in rules.ACCOUNTS.items():
        assert f"| `{kind}` | `{debit}` | `{credit}` |" in page, kind
