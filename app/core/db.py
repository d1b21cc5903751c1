"""Engines for the primary and for reads, bounded waits, and what a broken connection means."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import psycopg2
import psycopg2.extensions
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError

from app.core.settings import Settings

PINGED_AFTER_S = 2.0
TRIED_FOR_S = 1.0
_RESTS_SINCE = "rests since"  # in a connection's record


def normalised_url(url: str) -> str:
    """A database URL with the driver spelled out; SQLAlchemy 2.1 reads a bare ``postgresql://`` as psycopg 3."""
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg2")
    return parsed.render_as_string(hide_password=False)


@dataclass(frozen=True, slots=True)
class Database:
    """Two engines from day one: ``primary`` for writes, ``reading`` for searches (the same server by default)."""

    primary: Engine
    reading: Engine
    read_timeout_s: float
    write_timeout_s: float

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only transaction with time limits, all of it on one state of the data; nothing is committed.

        Without one snapshot a search could choose a version before an activation and join it with what was worked
        out for the next.
        """
        limits = (
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = 1000;"
            f" SET LOCAL statement_timeout = {int(self.read_timeout_s * 1000)}; "
        )
        with self.reading.connect() as conn:
            # The driver sends a BEGIN of its own in a message of its own; ours goes with the first statement.
            driver: Any = conn.connection.driver_connection
            driver.autocommit = True
            try:
                yield conn.execution_options(limits=limits)
            finally:
                _roll_back(conn, driver)

    @contextmanager
    def read_primary(self) -> Iterator[Connection]:
        """A read-only transaction on the primary, where a caller finds what they just wrote; nothing is committed."""
        limits = (
            "SET TRANSACTION READ ONLY; SET LOCAL lock_timeout = 1000;"
            f" SET LOCAL statement_timeout = {int(self.read_timeout_s * 1000)}; "
        )
        with self.primary.connect() as conn:
            try:
                yield conn.execution_options(limits=limits)
            finally:
                conn.rollback()

    @contextmanager
    def single_reads(self) -> Iterator[Connection]:
        """For reads of one statement on the primary: each is a transaction by itself, and one round trip."""
        limits = f"SET LOCAL lock_timeout = 1000; SET LOCAL statement_timeout = {int(self.read_timeout_s * 1000)}; "
        with self.primary.connect() as conn:
            # SQLAlchemy's own way to autocommit talks to the server when it is left, and raises bare driver errors.
            driver: Any = conn.connection.driver_connection
            driver.autocommit = True
            try:
                yield conn.execution_options(limits=limits)
            finally:
                if not driver.closed:
                    driver.autocommit = False

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction on the primary with time limits; the caller commits.

        A row that somebody holds is waited for twice (for one's turn, then for its holder), so the limit stands below
        a second.
        """
        limits = (
            f"SET LOCAL statement_timeout = {int(self.write_timeout_s * 1000)}; SET LOCAL lock_timeout = 800;"
            " SET LOCAL idle_in_transaction_session_timeout = 5000; "
        )
        with self.primary.connect() as conn:
            try:
                yield conn.execution_options(limits=limits)
            finally:
                conn.rollback()

    def dispose(self) -> None:
        """Closes every idle connection."""
        self.primary.dispose()
        self.reading.dispose()


def _engine(url: str, settings: Settings) -> Engine:
    engine = create_engine(
        normalised_url(url),
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=1.0,
        pool_recycle=300,
        connect_args={"connect_timeout": 2, "application_name": "fujin"},
    )
    event.listen(engine, "do_execute", _with_limits)
    event.listen(engine, "do_executemany", _limits_before_many)
    _ping_after_a_rest(engine)
    return engine


def _roll_back(conn: Connection, driver: Any) -> None:
    """Ends a transaction that the driver does not know of; a connection that can't is thrown away."""
    if driver.closed:
        return
    try:
        if driver.info.transaction_status != psycopg2.extensions.TRANSACTION_STATUS_IDLE:
            with driver.cursor() as cursor:
                cursor.execute("ROLLBACK")
        driver.autocommit = False
    except psycopg2.Error:
        conn.invalidate()


def _with_limits(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
    """Sends a transaction's limits in one message with its first statement; by themselves they cost a round trip."""
    limits = _limits_due(cursor, context)
    if limits:
        cursor.execute(limits + statement, parameters)
    return bool(limits)


def _limits_before_many(cursor: Any, _statement: str, _parameters: Any, context: Any) -> None:
    limits = _limits_due(cursor, context)
    if limits:
        cursor.execute(limits)


def _limits_due(cursor: Any, context: Any) -> str | None:
    """The limits of the unit of work, before the first statement of each of its transactions."""
    if cursor.connection.info.transaction_status != psycopg2.extensions.TRANSACTION_STATUS_IDLE:
        return None
    limits: str | None = context.execution_options.get("limits")
    return limits


def _ping_after_a_rest(engine: Engine) -> None:
    """Looks whether a connection still stands when nobody has used it for a while.

    One that was used a moment ago is as good as pinged: should it have ended since, its next statement says so, the
    caller gets a 503 and the pool forgets every connection of that age.
    """

    @event.listens_for(engine, "checkin")
    def rests(_connection: Any, record: Any) -> None:
        record.info[_RESTS_SINCE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def wakes(connection: Any, record: Any, _proxy: Any) -> None:
        since = record.info.get(_RESTS_SINCE)
        if since is None or time.monotonic() - since < PINGED_AFTER_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg2.Error as error:
            if engine.dialect.is_disconnect(cast(Any, error), connection, None):
                raise InvalidatePoolError from error
            raise


def open_database(settings: Settings) -> Database:
    """Engines as the settings say; nothing connects yet."""
    return Database(
        primary=_engine(settings.database_url, settings),
        reading=_engine(settings.database_read_url or settings.database_url, settings),
        read_timeout_s=settings.read_timeout_s,
        write_timeout_s=settings.write_timeout_s,
    )


class DeadlineExceeded(psycopg2.OperationalError):
    """The server did not answer in time; the connection is broken and is thrown away."""


class _Patience(threading.local):
    """Seconds that the work in hand on this thread may still wait for the database; None: each wait starts anew."""

    left_s: float | None = None


_patience = _Patience()


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Gives the work inside ``seconds`` of waiting for the database, all its waits on this thread together.

    A silent server costs a request one deadline and not one for the ping of the pool, one for the new connection and
    one for each statement. Time spent elsewhere, as with a partner, is not counted.
    """
    _patience.left_s = seconds
    try:
        yield
    finally:
        _patience.left_s = None


def install_deadline(seconds: float) -> None:
    """Ends every wait for the server after ``seconds``, or what is left of them, for this whole process.

    Without it psycopg2 waits for ever when the network drops packets while TCP stays up. The callback raises and
    leaves closing to the pool: closing inside it deadlocks. It refuses COPY, so processes that load data never
    install it.
    """
    silent = _SilentServers()

    def wait(connection: Any) -> None:
        began = time.monotonic()
        left_s = seconds if _patience.left_s is None else _patience.left_s
        try:
            with silent.waiting_for(connection.dsn) as tries:
                _wait_until(connection, began + (min(left_s, TRIED_FOR_S) if tries else left_s))
        except _Late:
            raise DeadlineExceeded(f"the database did not answer within {seconds:g} s") from None
        finally:
            if _patience.left_s is not None:
                _patience.left_s = left_s - (time.monotonic() - began)

    psycopg2.extensions.set_wait_callback(wait)


class _Late(Exception):
    """The end came first."""


class _SilentServers:
    """Servers that did not answer in time: one caller at a time tries them again, the others are refused at once.

    Otherwise a crowd takes turns in waiting out its deadlines, and whoever stands behind it waits for all of them.
    """

    def __init__(self) -> None:
        self._tries: dict[str, int] = {}  # by DSN: the thread that tries, 0 for none
        self._lock = threading.Lock()

    @contextmanager
    def waiting_for(self, server: str) -> Iterator[bool]:
        """Around a wait; True for the one who tries. _Late for those who need not wait."""
        tries = server in self._tries and self._take(server)
        try:
            yield tries
        except _Late:
            with self._lock:
                if tries or server not in self._tries:  # else somebody else tries by now
                    self._tries[server] = 0
            raise
        except BaseException:  # refused or cut off, but not silent
            self._forget(server)
            raise
        self._forget(server)

    def _take(self, server: str) -> bool:
        with self._lock:
            holder = self._tries.get(server)
            if holder is None:
                return False
            if holder not in (0, threading.get_ident()):
                raise _Late
            self._tries[server] = threading.get_ident()
            return True

    def _forget(self, server: str) -> None:
        if server in self._tries:
            with self._lock:
                self._tries.pop(server, None)


def _wait_until(connection: Any, end: float) -> None:
    """Moves a connection on until it has its answer; poll, because select knows no descriptor over 1023."""
    wanted = {psycopg2.extensions.POLL_READ: select.POLLIN, psycopg2.extensions.POLL_WRITE: select.POLLOUT}
    while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
        left_s = end - time.monotonic()
        if left_s <= 0:
            raise _Late
        poller = select.poll()
        poller.register(connection.fileno(), wanted[state])
        if not poller.poll(left_s * 1000):
            raise _Late


def check_database(conn: Connection) -> list[str]:
    """What makes a database unfit: a ctype without UTF-8, no PostGIS, no migrations; empty when all is well."""
    faults: list[str] = []
    ctype, encoding = conn.execute(
        text("SELECT datctype, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()")
    ).one()
    if encoding != "UTF8" or ctype in ("C", "POSIX"):
        faults.append(f"the database has encoding {encoding} and ctype {ctype}; create it with UTF8 and a UTF-8 ctype")
    if conn.execute(text("SELECT 1 FROM pg_extension WHERE extname = 'postgis'")).first() is None:
        faults.append("the extension postgis is missing: run CREATE EXTENSION postgis")
    return faults
