"""What events move, over a real database: the worked example, undoing, refunds in parts, budgets and their races."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core.ids import new_city_id, new_id
from app.core.money import Money, split
from app.ledger import actions
from app.ledger.errors import BudgetExhausted
from app.ledger.queries import balances
from app.ledger.types import UnitSplit
from tests.app.ledger.conftest import CITY
from tests.conftest import NOW

MERCHANT = new_id()


def unit(**given: object) -> UnitSplit:
    """A unit that moves nothing unless said otherwise."""
    plain = UnitSplit(new_city_id(CITY), new_city_id(CITY), 0, 0, 0, False, None)
    return replace(plain, **given)  # type: ignore[arg-type]


def capture(conn: sa.Connection, amount: int, fee: int = 0, purpose: str = "redemption", provider: str = "w") -> UUID:
    """A payment that succeeded."""
    payment_id = new_city_id(CITY)
    actions.post_capture(
        conn, CITY, payment_id=payment_id, purpose=purpose, merchant_id=MERCHANT, money=Money(amount, "CNY"),
        fee_minor=fee, provider=provider, now=NOW,
    )  # type: ignore[arg-type]  # fmt: skip
    return payment_id


def refund(conn: sa.Connection, amount: int, fee: int = 0, purpose: str = "redemption", provider: str = "w") -> UUID:
    """A refund that succeeded."""
    refund_id = new_city_id(CITY)
    actions.post_refund(
        conn, CITY, refund_id=refund_id, purpose=purpose, merchant_id=MERCHANT, money=Money(amount, "CNY"),
        fee_returned_minor=fee, provider=provider, now=NOW,
    )  # type: ignore[arg-type]  # fmt: skip
    return refund_id


def committed(conn: sa.Connection, *units: UnitSplit) -> None:
    """A redemption of some units that was committed."""
    actions.post_committed(conn, CITY, MERCHANT, "CNY", units, NOW)


def transfers_of(conn: sa.Connection, ref_id: UUID) -> dict[str, int]:
    """Amounts by kind of what an event posted."""
    rows = conn.execute(sa.text("SELECT kind, amount_minor FROM transfers WHERE ref_id = :id"), {"id": ref_id})
    return {row.kind: row.amount_minor for row in rows}


def test_worked_example_has_exactly_the_balances_of_its_page(conn: sa.Connection) -> None:
    """50.00 gross, 10.00 off of which half is the platform's, 0.20 provider fee, 1.00 commission."""
    capture(conn, 4000, 20)
    committed(conn, unit(platform_share_minor=500, commission_minor=100))
    assert balances(conn, CITY, "CNY") == {
        "provider_clearing": 3980,
        "provider_fee_expense": 20,
        "promo_expense": 500,
        "merchant_payable": -4400,
        "platform_revenue": -100,
    }
    assert balances(conn, CITY, "CNY", MERCHANT) == {"merchant_payable": -4400}
    assert balances(conn, CITY, "CNY", new_id()) == {}
    assert balances(conn, CITY, "EUR") == {}


def test_undoing_everything_returns_every_balance_to_its_start(conn: sa.Connection) -> None:
    units = [
        unit(platform_share_minor=500, commission_minor=100),
        unit(prepaid_minor=1500, platform_share_minor=300, commission_minor=75, budgeted=True, budget_minor=9000),
    ]
    capture(conn, 4000, 20)
    capture(conn, 3000, 15, purpose="claim")
    committed(conn, *units)
    used = balances(conn, CITY, "CNY")
    assert used["prepaid_liability"] == -1500
    assert (used["promo_available"], used["promo_used"], used["promo_funding"]) == (8700, 300, -9000)
    actions.post_reversed(conn, CITY, MERCHANT, "CNY", units, NOW)
    refund(conn, 4000, 20)
    refund(conn, 3000, 15, purpose="claim")
    left = {kind: amount for kind, amount in balances(conn, CITY, "CNY").items() if amount}
    assert left == {"promo_available": 9000, "promo_funding": -9000}  # the budget stands as it did before its first use


def test_refunds_in_parts_add_up_to_the_capture_and_its_fee(conn: sa.Connection) -> None:
    capture(conn, 4000, 20)
    amounts = split(4000, [1, 1, 1])
    fees = split(20, amounts)
    assert (amounts, fees) == ([1334, 1333, 1333], [7, 7, 6])
    for amount, fee in zip(amounts, fees, strict=True):
        refund(conn, amount, fee)
    assert set(balances(conn, CITY, "CNY").values()) == {0}


def test_fee_that_the_provider_keeps_stays_an_expense(conn: sa.Connection) -> None:
    capture(conn, 4000, 20)
    refund(conn, 4000)
    left = {kind: amount for kind, amount in balances(conn, CITY, "CNY").items() if amount}
    assert left == {"provider_fee_expense": 20, "provider_clearing": -20}


def test_stray_money_is_owed_until_it_is_refunded(conn: sa.Connection) -> None:
    payment_id = new_city_id(CITY)
    actions.post_stray(conn, CITY, payment_id=payment_id, money=Money(4000, "CNY"), fee_minor=20, now=NOW)
    assert balances(conn, CITY, "CNY")["stray_liability"] == -4000
    refund_id = refund(conn, 4000, 20, purpose="stray")
    assert transfers_of(conn, refund_id) == {"undo_stray": 4000, "undo_provider_fee": 20}
    assert set(balances(conn, CITY, "CNY").values()) == {0}


def test_cash_and_zero_amounts_post_nothing(conn: sa.Connection) -> None:
    capture(conn, 4000, provider="cash")
    refund(conn, 4000, provider="cash")
    committed(conn, unit(), unit(budgeted=True, budget_minor=1000))
    assert conn.execute(sa.text("SELECT count(*) FROM transfers")).scalar_one() == 0
    assert conn.execute(sa.text("SELECT count(*) FROM accounts")).scalar_one() == 0


@pytest.mark.parametrize("event", ["capture", "refund", "committed", "reversed"])
def test_second_posting_of_an_event_is_refused_and_changes_nothing(conn: sa.Connection, event: str) -> None:
    used, ids = unit(commission_minor=100), new_city_id(CITY)
    money = Money(4000, "CNY")

    def post() -> None:
        if event == "capture":
            actions.post_stray(conn, CITY, payment_id=ids, money=money, fee_minor=20, now=NOW)
        elif event == "refund":
            actions.post_refund(
                conn, CITY, refund_id=ids, purpose="claim", merchant_id=MERCHANT, money=money, fee_returned_minor=0,
                provider="w", now=NOW,
            )  # fmt: skip
        elif event == "committed":
            committed(conn, used)
        else:
            actions.post_reversed(conn, CITY, MERCHANT, "CNY", [used], NOW)

    post()
    before = balances(conn, CITY, "CNY")
    with pytest.raises(IntegrityError), conn.begin_nested():
        post()
    assert balances(conn, CITY, "CNY") == before


def test_budget_is_funded_once_and_refuses_what_is_more_than_its_rest(conn: sa.Connection) -> None:
    coupon = new_city_id(CITY)
    drawing = {"coupon_id": coupon, "budgeted": True, "budget_minor": 1000}
    first = unit(platform_share_minor=600, **drawing)
    committed(conn, first)
    assert transfers_of(conn, coupon) == {"promo_fund": 1000}
    before = balances(conn, CITY, "CNY")
    with pytest.raises(BudgetExhausted, match=str(coupon)), conn.begin_nested():
        committed(conn, unit(platform_share_minor=401, **drawing))
    assert balances(conn, CITY, "CNY") == before
    committed(conn, unit(platform_share_minor=400, **drawing))
    assert balances(conn, CITY, "CNY")["promo_available"] == 0
    actions.post_reversed(conn, CITY, MERCHANT, "CNY", [first], NOW)
    committed(conn, unit(platform_share_minor=600, **drawing))  # what came back can be drawn again
    assert transfers_of(conn, coupon) == {"promo_fund": 1000}


def test_units_of_one_redemption_draw_on_the_budget_together(conn: sa.Connection) -> None:
    drawing = {"coupon_id": new_city_id(CITY), "budgeted": True, "budget_minor": 1000, "platform_share_minor": 501}
    with pytest.raises(BudgetExhausted), conn.begin_nested():
        committed(conn, unit(**drawing), unit(**drawing))
    assert conn.execute(sa.text("SELECT count(*) FROM transfers")).scalar_one() == 0
    committed(conn, unit(**drawing))


def test_tills_at_once_on_the_last_of_a_budget_never_overdraw_it(app_engine: sa.Engine) -> None:
    """Eight tills draw 300 from a budget of 1000 that nobody has funded yet: three get it, five are refused."""
    drawing = {"coupon_id": new_city_id(CITY), "budgeted": True, "budget_minor": 1000, "platform_share_minor": 300}
    start, outcomes = threading.Barrier(8), []

    def till() -> None:
        drawn = unit(**drawing)
        with app_engine.connect() as conn:
            start.wait(timeout=20)
            try:
                committed(conn, drawn)
                conn.commit()
            except BudgetExhausted:
                outcomes.append("exhausted")
            else:
                outcomes.append("committed")

    tills = [threading.Thread(target=till) for _ in range(8)]
    for thread in tills:
        thread.start()
    for thread in tills:
        thread.join(timeout=30)
    assert Counter(outcomes) == {"committed": 3, "exhausted": 5}
    with app_engine.connect() as conn:
        found = balances(conn, CITY, "CNY")
        kept = conn.execute(
            sa.text("SELECT balance_minor FROM accounts WHERE kind = 'promo_available' AND owner_id = :coupon"),
            {"coupon": drawing["coupon_id"]},
        ).scalar_one()
    assert (found["promo_available"], found["promo_used"], found["promo_funding"]) == (100, 900, -1000)
    assert kept == 100
    assert sum(found.values()) == 0
