"""The feed: a reader goes on from where it was and misses nothing, whatever committed late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.outbox.relay_queries import events_after, positions
from app.outbox.types import StoredEvent


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Events in the order of their positions, city by city; ``seen`` is the position reached in each city."""

    events: tuple[StoredEvent, ...]
    seen: Mapping[int, int]
    has_more: bool


def feed_page(
    conn: Connection, merchant_ids: Sequence[UUID], seen: Mapping[int, int], kinds: Sequence[str], limit: int
) -> FeedPage:
    """The next events of some merchants behind the positions seen, ``limit`` at most.

    The counters are read first: whatever they count is committed, so what the events read next do not show up to there
    is not theirs, and the reader may go on behind it.
    """
    reached = dict(seen)
    found: list[StoredEvent] = []
    has_more = False
    for city_id, last in positions(conn).items():
        if last <= reached.get(city_id, 0):
            continue
        room = limit - len(found)
        if room <= 0:
            has_more = True
            break
        events = events_after(conn, city_id, merchant_ids, reached.get(city_id, 0), kinds, room + 1)
        found += events[:room]
        if len(events) > room:
            has_more = True
            reached[city_id] = events[room - 1].position or 0
        else:
            reached[city_id] = max([last, *(event.position or 0 for event in events)])
    return FeedPage(tuple(found), reached, has_more)
