"""Whatever happens in whatever order, the ledger derived again from the business rows is the stored one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.audit.queries import ledger_differences
from app.core.ids import new_city_id
from app.core.money import split
from app.ledger.actions import post_reversed
from app.ledger.errors import BudgetExhausted
from app.ledger.queries import balances
from app.ledger.types import UnitSplit
from tests.conftest import NOW, MakeDatabase
from tests.factories.tidy import HERE, Tidy, plant_tidy_world
from tests.factories.tidy_loop import TidyLoop

amounts = st.integers(min_value=0, max_value=40_000)
redeeming = st.tuples(st.just("redeem"), amounts, amounts, amounts, st.booleans())
paying = st.tuples(
    st.just("pay"), st.sampled_from(["claim", "redemption", "stray"]), st.integers(min_value=3, max_value=90_000)
)
reversing = st.tuples(st.just("reverse"), st.integers(min_value=0))
refunding = st.tuples(st.just("refund"), st.integers(min_value=0), st.integers(min_value=1, max_value=3))


class Happening:
    """Business rows and their postings, written as the events come."""

    def __init__(self, conn: sa.Connection, tidy: Tidy) -> None:
        self.conn, self.tidy = conn, tidy
        self.loop = TidyLoop(conn, HERE, tidy.merchant, tidy.places[0], dict(tidy.loop), position=1000)
        self.live: list[tuple[str, UnitSplit]] = []
        self.unrefunded: list[tuple[str, str, int]] = []
        self.count = 0

    def name(self) -> str:
        """A fresh name."""
        self.count += 1
        return f"n{self.count}"

    def redeem(self, share: int, prepaid: int, commission: int, budgeted: bool) -> None:
        """A committed redemption of a fresh claim, or none when the budget is used up."""
        name, coupon = self.name(), self.tidy.paid_coupon if budgeted else self.tidy.coupon
        savepoint = self.conn.begin_nested()
        claim = self.loop.claim(f"{name}c", coupon, "redeemed", ["granted", "redeemed"], bucket=0, member_no=1)
        try:
            moved = self.loop.redemption(
                name, claim, coupon, ["held", "committed"], gross_minor=90_000, discount_minor=90_000,
                platform_share_minor=share, prepaid_minor=prepaid, commission_minor=commission, budgeted=budgeted,
            )  # fmt: skip
        except BudgetExhausted:
            savepoint.rollback()
            return
        savepoint.commit()
        self.live.append((name, moved))

    def reverse(self, number: int) -> None:
        """One of the committed redemptions is reversed."""
        if not self.live:
            return
        name, moved = self.live.pop(number % len(self.live))
        self.conn.execute(
            sa.text("UPDATE redemptions SET state = 'reversed', ended_at = :now WHERE redemption_id = :id"),
            {"now": NOW, "id": self.loop.ids[name]},
        )
        post_reversed(self.conn, HERE, self.tidy.merchant, "CNY", [moved], NOW)

    def pay(self, purpose: str, amount: int) -> None:
        """A payment that succeeded, or was stray."""
        name, stray = self.name(), purpose == "stray"
        purposed = "claim" if stray else purpose
        words = ["pending", "stray" if stray else "succeeded"]
        self.loop.payment(name, purposed, new_city_id(HERE), words, amount)
        self.unrefunded.append((name, purpose, amount))

    def refund(self, number: int, parts: int) -> None:
        """A payment goes back whole, in equal parts."""
        if not self.unrefunded:
            return
        name, purpose, amount = self.unrefunded.pop(number % len(self.unrefunded))
        cause = "stray" if purpose == "stray" else "asked"
        for part in split(amount, [1] * parts):
            self.loop.refund(self.name(), name, cause, purpose, ["requested", "succeeded"], part)


@pytest.fixture(scope="module")
def planted(make_database: MakeDatabase, migrated_template: str) -> Iterator[tuple[sa.Engine, Tidy]]:
    """The owner's engine over the tiny world, whose ledger is not empty; every example rolls back."""
    engine = sa.create_engine(make_database(migrated_template))
    yield engine, plant_tidy_world(engine)
    engine.dispose()


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(redeeming, paying, reversing, refunding), max_size=14))
def test_any_order_of_events_keeps_the_books_balanced_and_derivable(
    planted: tuple[sa.Engine, Tidy], events: list[tuple[object, ...]]
) -> None:
    engine, tidy = planted
    with engine.connect() as conn:
        start = balances(conn, HERE, "CNY")
        happening = Happening(conn, tidy)
        for word, *given_values in events:
            getattr(happening, str(word))(*given_values)
        found = balances(conn, HERE, "CNY")
        assert sum(found.values()) == 0
        assert found["promo_available"] >= 0
        kept = sa.text("SELECT balance_minor FROM accounts WHERE kind = 'promo_available'")
        assert conn.execute(kept).scalar_one() == found["promo_available"]
        assert ledger_differences(conn, 100) == ()
        while happening.live:
            happening.reverse(0)
        while happening.unrefunded:
            happening.refund(0, 1)
        fees = {"provider_clearing", "provider_fee_expense"}  # of each fee the wallet returns 5 a refund, not all
        ended = balances(conn, HERE, "CNY")
        assert {kind: ended[kind] for kind in ended if kind not in fees} == {
            kind: start.get(kind, 0) for kind in ended if kind not in fees
        }
        assert ledger_differences(conn, 100) == ()
