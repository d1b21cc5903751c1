"""The application's clock decides; it is compared with the database's."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, text

MAX_SKEW_S = 2.0
LOOKED_EVERY_S = 5.0
JUMP_S = 0.5

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


class SkewWatch:
    """What ``database_skew_s`` said last: good for a few seconds if it was good, unless our clock has jumped since."""

    def __init__(self) -> None:
        self._known: tuple[float, float, float] | None = None  # looked at, our clock against the monotonic one, skew

    def skew_s(self, conn: Connection, clock: Clock) -> float:
        """Seconds by which the database's clock is ahead of ours; asks at most every few seconds."""
        now, offset = time.monotonic(), clock().timestamp() - time.monotonic()
        known = self._known
        if known is not None and now - known[0] < LOOKED_EVERY_S and abs(offset - known[1]) < JUMP_S:
            return known[2]
        skew_s = database_skew_s(conn, clock)
        self._known = (now, offset, skew_s) if abs(skew_s) <= MAX_SKEW_S else None
        return skew_s
