"""Our clock against the database's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from app.core.clock import SkewWatch, database_skew_s, system_clock
from app.core.db import Database


@contextmanager
def _counted(database: Database) -> Iterator[list[str]]:
    asked: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    sa.event.listen(database.primary, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(database.primary, "before_cursor_execute", note)


def test_skew_is_the_database_s_clock_less_ours(database: Database) -> None:
    with database.write() as conn:
        assert abs(database_skew_s(conn, system_clock)) < 0.5
        ahead = database_skew_s(conn, lambda: datetime.now(UTC) + timedelta(minutes=10))
    assert -600.5 < ahead < -599.5


def test_a_good_skew_is_asked_for_once_in_a_while_and_again_when_our_clock_jumps(database: Database) -> None:
    watch, shift = SkewWatch(), timedelta()
    with database.write() as conn, _counted(database) as asked:
        for _ in range(5):
            assert abs(watch.skew_s(conn, lambda: datetime.now(UTC) + shift)) < 0.5
        assert len(asked) == 1
        shift = timedelta(seconds=3)
        assert watch.skew_s(conn, lambda: datetime.now(UTC) + shift) < -2.5
        assert len(asked) == 2


def test_a_bad_skew_is_asked_for_each_time(database: Database) -> None:
    watch = SkewWatch()
    with database.write() as conn, _counted(database) as asked:
        for _ in range(3):
            assert watch.skew_s(conn, lambda: datetime.now(UTC) - timedelta(seconds=5)) > 4.5
    assert len(asked) == 3
