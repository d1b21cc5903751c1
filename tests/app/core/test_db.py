"""What a unit of work on the database may count on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import sqlalchemy as sa

from app.core import db
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


def _limits(conn: sa.Connection) -> list[str]:
    return [conn.execute(sa.text(f"SHOW {name}")).scalar_one() for name in ("lock_timeout", "statement_timeout")]


def test_each_transaction_of_a_unit_of_work_has_its_limits_and_no_other_has(database: Database) -> None:
    with database.write() as conn:
        assert _limits(conn) == ["800ms", "2500ms"]
        conn.rollback()
        assert _limits(conn) == ["800ms", "2500ms"]
    with database.read() as conn:
        assert _limits(conn) == ["1s", "2s"]
        assert conn.execute(sa.text("SHOW transaction_read_only")).scalar_one() == "on"
    with database.single_reads() as conn:
        assert _limits(conn) == ["1s", "2s"]
    with database.primary.connect() as conn:
        assert _limits(conn) == ["0", "0"]


def test_limits_go_before_a_statement_that_is_run_for_many_values(database: Database) -> None:
    with database.write() as conn:
        conn.execute(sa.text("SELECT set_config('fujin.test', :v, true)"), [{"v": "1"}, {"v": "2"}])
        assert _limits(conn) == ["800ms", "2500ms"]


def test_single_reads_leave_no_transaction_open(database: Database) -> None:
    with database.single_reads() as conn:
        first = conn.execute(sa.text("SELECT now()")).scalar_one()
        assert conn.execute(sa.text("SELECT now()")).scalar_one() > first


def test_a_connection_that_ended_while_it_rested_is_replaced_unseen(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _end_resting_session(database)
    monkeypatch.setattr(db, "PINGED_AFTER_S", 0.0)
    with database.write() as conn:
        assert conn.execute(CURRENCIES).scalar_one() >= 0


def test_a_connection_that_ended_a_moment_ago_fails_once(database: Database) -> None:
    _end_resting_session(database)
    with pytest.raises(sa.exc.OperationalError), database.write() as conn:
        conn.execute(CURRENCIES)
    with database.write() as conn:
        assert conn.execute(CURRENCIES).scalar_one() >= 0


def _end_resting_session(database: Database) -> None:
    """Ends the one session of the pool, which rests in it."""
    with database.write() as conn:
        pid = conn.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
    other = sa.create_engine(database.primary.url)
    with other.connect() as conn:
        assert conn.execute(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid}).scalar_one()
    other.dispose()


def test_one_caller_tries_a_silent_server_and_the_others_need_not_wait() -> None:
    silent, server = db._SilentServers(), "dbname=a"
    assert _waits(silent, server) is False
    assert _gives_up(silent, server)
    with ThreadPoolExecutor(1) as another, silent.waiting_for(server) as tries:
        assert tries is True
        assert another.submit(_waits, silent, server).result() == "refused"
        assert another.submit(_waits, silent, "dbname=b").result() is False
    assert _waits(silent, server) is False  # it answered


def test_who_began_to_wait_before_does_not_end_a_trial() -> None:
    silent, server = db._SilentServers(), "dbname=a"
    with ThreadPoolExecutor(2) as others:
        began, late = threading.Event(), threading.Event()
        early = others.submit(_late_after, silent, server, began, late)
        assert began.wait(5)
        assert _gives_up(silent, server)
        tried, ended = threading.Event(), threading.Event()
        trial = others.submit(_tries_until, silent, server, tried, ended)
        assert tried.wait(5)
        late.set()
        early.result(5)
        assert _waits(silent, server) == "refused"
        ended.set()
        assert trial.result(5) is True


def _late_after(silent: db._SilentServers, server: str, began: threading.Event, late: threading.Event) -> None:
    with suppress(db._Late), silent.waiting_for(server):
        began.set()
        assert late.wait(5)
        raise db._Late


def _gives_up(silent: db._SilentServers, server: str) -> bool:
    with pytest.raises(db._Late), silent.waiting_for(server):
        raise db._Late
    return True


def _waits(silent: db._SilentServers, server: str) -> bool | str:
    try:
        with silent.waiting_for(server) as tries:
            return tries
    except db._Late:
        return "refused"


def _tries_until(silent: db._SilentServers, server: str, began: threading.Event, ended: threading.Event) -> bool:
    with silent.waiting_for(server) as tries:
        began.set()
        assert ended.wait(5)
        return tries
