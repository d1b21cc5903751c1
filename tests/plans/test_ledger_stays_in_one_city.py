"""Postings, balances and lines on the partitioned stand-in: each statement stays in one city."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.ids import new_city_id
from app.core.money import Money
from app.ledger import actions, queries
from app.ledger.types import UnitSplit
from app.settlements import actions as settlements
from app.settlements import queries as statements
from app.settlements.queries_due import entries_due
from tests.conftest import MakeDatabase
from tests.factories.migrating import make_standin
from tests.factories.tidy import HERE, Tidy, plant_tidy_world
from tests.factories.worlds import NOW
from tests.plans.guard import one_city_a_statement


@pytest.fixture(scope="module")
def standin(make_database: MakeDatabase) -> Iterator[tuple[sa.Engine, Tidy]]:
    """The owner's engine over a tiny world on the stand-in, and its ids."""
    engine = sa.create_engine(make_standin(make_database))
    yield engine, plant_tidy_world(engine)
    engine.dispose()


def test_ledger_touches_one_city_a_statement(standin: tuple[sa.Engine, Tidy]) -> None:
    engine, tidy = standin
    units = [UnitSplit(new_city_id(HERE), new_city_id(HERE), 500, 300, 100, True, 9000)]
    with one_city_a_statement(engine, engine) as recording, engine.connect() as conn:
        actions.post_capture(
            conn, HERE, payment_id=new_city_id(HERE), purpose="redemption", merchant_id=tidy.merchant,
            money=Money(4000, "CNY"), fee_minor=20, provider="test_wallet", now=NOW,
        )  # fmt: skip
        actions.post_committed(conn, HERE, tidy.merchant, "CNY", units, NOW)
        actions.post_reversed(conn, HERE, tidy.merchant, "CNY", units, NOW)
        assert sum(queries.balances(conn, HERE, "CNY").values()) == 0
        assert queries.balances(conn, HERE, "CNY", tidy.merchant)
        of = queries.merchant_accounts(conn, [tidy.merchant])[HERE]
        lines = queries.lines_of(conn, HERE, of, None, 5)
        assert queries.lines_of(conn, HERE, of, lines[-1].transfer_id, 5)
        assert queries.count_lines(conn, HERE, of, 100) > 5
        conn.rollback()
    assert len(recording.explained()) > 10


def test_statements_touch_one_city_a_statement(standin: tuple[sa.Engine, Tidy]) -> None:
    """The draft of the tiny world is closed at a time when everything in it is due."""
    engine, tidy = standin
    later = NOW + timedelta(days=1)
    with one_city_a_statement(engine, engine) as recording, engine.connect() as conn:
        assert settlements.due_merchants(conn, HERE, later)
        draft = settlements.draft(conn, HERE, tidy.merchant, "CNY", later, later)
        closed = settlements.close(conn, draft.settlement_id, 0, later)
        settlements.pay(conn, closed.settlement_id, "bank-2", later)
        settlements.dispute(conn, closed.settlement_id, "why", later)
        lines = statements.lines_after(conn, HERE, closed.settlement_id, 0, 100)
        assert {line.happening for line in lines} == {"sale", "payment", "refund", "reversal"}
        assert statements.settlements_of(conn, [tidy.merchant], None, None, 5)
        assert statements.city_settlements(conn, HERE, "disputed")
        assert entries_due(conn, HERE, tidy.merchant, "CNY", later) == ()
        conn.rollback()
    assert len(recording.explained()) > 10
