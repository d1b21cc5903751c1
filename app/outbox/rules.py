"""What of events and deliveries needs no database: which types an endpoint wants, and when to try again."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from app.outbox.types import StoredEvent

TYPE_PATTERN = r"\*|fujin\.(\*|[a-z_]+\.(\*|[a-z_]+\.v[0-9]+))"

# Before the first attempt and after each failed one; the tenth failure is the last.
DELAYS_S = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
MAX_WAIT = timedelta(hours=24)
MAX_ENDPOINT_REST = timedelta(hours=1)
RESTS_AFTER = 5
MAX_OWN_REST_S = 300


def wants(patterns: Iterable[str], event_type: str) -> bool:
    """True when one of an endpoint's patterns names the type: ``*``, all of a prefix (``fujin.claim.*``), or itself."""
    return any(
        pattern == event_type or (pattern.endswith("*") and event_type.startswith(pattern[:-1])) for pattern in patterns
    )


def next_attempt_at(failed: int, now: datetime, retry_after_s: float | None) -> datetime | None:
    """When to try again after the ``failed``-th failure of a round, up to a tenth later; None: give up.

    A receiver's Retry-After moves it further away, by a day at most.
    """
    if failed >= len(DELAYS_S):
        return None
    delay = DELAYS_S[failed] * (1 + random.uniform(0, 0.1))  # noqa: S311 - spreads retries, guards nothing
    asked = timedelta(seconds=retry_after_s or 0)
    return now + max(timedelta(seconds=delay), min(asked, MAX_WAIT))


def rests_until(failures: int, now: datetime, retry_after_s: float | None) -> datetime | None:
    """Until when an endpoint with so many failures in a row is left alone with everything; None: it is not.

    Without it a receiver that is down would be tried once for each event that waits.
    """
    own = 0.0
    if failures >= RESTS_AFTER:
        own = min(2.0 ** min(failures - RESTS_AFTER, 20), MAX_OWN_REST_S)
    rest = max(timedelta(seconds=own), min(timedelta(seconds=retry_after_s or 0), MAX_ENDPOINT_REST))
    return now + rest if rest else None


def in_order(waiting: Sequence[StoredEvent]) -> list[StoredEvent]:
    """By time, and of one aggregate by sequence whatever its times say.

    The places in the line are given by time; an aggregate's events stand in its own places in the order of ``seq``.
    """
    line = sorted(waiting, key=lambda event: (event.occurred_at, event.event_id))
    own: dict[UUID, list[StoredEvent]] = {}
    for event in sorted(line, key=lambda event: event.seq, reverse=True):
        own.setdefault(event.aggregate_id, []).append(event)
    return [own[event.aggregate_id].pop() for event in line]


def merged(pages: Mapping[int, Sequence[StoredEvent]], limit: int) -> list[StoredEvent]:
    """Events of several cities, each city's in its own order, the earliest of the cities' next ones first."""
    heads = dict.fromkeys(pages, 0)
    line: list[StoredEvent] = []
    while len(line) < limit:
        left = [city for city, head in heads.items() if head < len(pages[city])]
        if not left:
            break
        first = min(left, key=lambda city: (pages[city][heads[city]].occurred_at, city))
        line.append(pages[first][heads[first]])
        heads[first] += 1
    return line
