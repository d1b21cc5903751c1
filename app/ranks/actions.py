"""Taking rank snapshots: once a night, a city at a time; the caller commits."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from app.core.ids import new_city_id
from app.ranks import queries
from app.ranks.types import RankSnapshot

WINDOW: Final = timedelta(days=30)
EVERY: Final = timedelta(hours=24)
KEPT: Final = 3
LONGEST_PAGING: Final = timedelta(minutes=15)
"""A cursor lives so long; a snapshot that one may name is kept, however many came after it."""


def take_snapshot(conn: Connection, city_id: int, now: datetime) -> RankSnapshot:
    """Counts a city's redemptions of thirty days, and forgets all but the three newest snapshots.

    Two at once leave two snapshots, each whole.
    """
    since = now - WINDOW
    snapshot = RankSnapshot(city_id, new_city_id(city_id), now, *queries.counted(conn, city_id, since, now))
    queries.insert_snapshot(conn, snapshot)
    if snapshot.ranked:
        queries.insert_ranks(conn, snapshot, since)
    kept = queries.snapshots_of(conn, city_id)
    for newer, old in zip(kept[KEPT - 1 :], kept[KEPT:], strict=False):
        if newer.taken_at < now - LONGEST_PAGING:
            queries.delete_snapshot(conn, city_id, old.snapshot_id)
    return snapshot


def take_due(conn: Connection, city_id: int, now: datetime) -> RankSnapshot | None:
    """Takes a snapshot unless one of the last day is there."""
    kept = queries.snapshots_of(conn, city_id)
    if kept and kept[0].taken_at > now - EVERY:
        return None
    return take_snapshot(conn, city_id, now)
