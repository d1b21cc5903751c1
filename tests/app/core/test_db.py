"""What a unit of work on the database may count on."""

from __future__ import annotations

import sqlalchemy as sa

from app.core.db import Database, _patience, patience

CURRENCIES = sa.text("SELECT count(*) FROM currencies")


def test_all_statements_of_a_read_see_one_state_of_the_data(database: Database, owner: sa.Engine) -> None:
    with database.read() as conn:
        before = conn.execute(CURRENCIES).scalar_one()
        with owner.begin() as other:
            other.execute(sa.text("INSERT INTO currencies (currency, exponent) VALUES ('XTS', 2)"))
        assert conn.execute(CURRENCIES).scalar_one() == before
    with database.read() as conn:
        assert conn.execute(CURRENCIES).scalar_one() == before + 1


def test_waiting_is_limited_for_the_work_of_one_request_only() -> None:
    with patience(0.5):
        assert _patience.left_s == 0.5
    assert _patience.left_s is None
