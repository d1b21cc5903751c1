"""The application's clock decides; it is compared with the database's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, text

MAX_SKEW_S = 2.0

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The present instant, timezone-aware, UTC."""
    return datetime.now(UTC)


def database_skew_s(conn: Connection, clock: Clock) -> float:
    """Seconds by which the database's clock is ahead of ours (negative: behind), good to half a round trip."""
    before = clock()
    theirs: datetime = conn.execute(text("SELECT clock_timestamp()")).scalar_one()
    after = clock()
    return (theirs - (before + (after - before) / 2)).total_seconds()
