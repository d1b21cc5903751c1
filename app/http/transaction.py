"""Units of work for routes: reads roll back, writes commit here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from app.core.clock import MAX_SKEW_S
from app.core.errors import Unavailable
from app.http.services import services


class ClockSkew(Unavailable):
    """Our clock and the database's differ by more than two seconds."""

    code = "clock-skew"
    title = "Our clock and the database's differ; writes wait"


@contextmanager
def reading() -> Iterator[Connection]:
    """A read-only transaction on the reading engine."""
    with services().database.read() as conn:
        yield conn


@contextmanager
def writing() -> Iterator[Connection]:
    """A transaction on the primary, committed when the block ends well."""
    with services().database.write() as conn:
        refuse_on_skew(conn)
        yield conn
        conn.commit()


def refuse_on_skew(conn: Connection) -> None:
    """Raises ClockSkew when our clock is not to be trusted; times are bound from it."""
    parts = services()
    skew = parts.skew.skew_s(conn, parts.clock)
    if abs(skew) > MAX_SKEW_S:
        raise ClockSkew("our clock differs from the database's; try again shortly", retry_after_s=30)
