"""Statements over rank snapshots, each in one city."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select, text

from app.ranks.tables import place_ranks, rank_snapshots
from app.ranks.types import RankSnapshot

MOST_KEPT = 1000

_COUNTED = """
    SELECT r.place_id, count(*)::integer AS redemptions
    FROM redemptions r
    JOIN redemption_units u ON u.city_id = :city AND u.redemption_id = r.redemption_id
    WHERE r.city_id = :city AND r.state = 'committed' AND r.committed_at > :since AND r.committed_at <= :until
    GROUP BY r.place_id
"""
_SUMMARY = text(f"""
    SELECT count(*) AS ranked,
           coalesce(percentile_disc(0.99) WITHIN GROUP (ORDER BY c.redemptions), 0) AS p99
    FROM ({_COUNTED}) AS c
""")
_RANKS = text(f"""
    INSERT INTO place_ranks (city_id, snapshot_id, place_id, redemptions, popularity_ppm)
    SELECT CAST(:city AS integer), CAST(:snapshot AS uuid), c.place_id, c.redemptions,
           round(1000000 * least(1, ln(1 + c.redemptions) / ln(1 + CAST(:p99 AS integer))))::integer
    FROM ({_COUNTED}) AS c
""")


def counted(conn: Connection, city_id: int, since: datetime, until: datetime) -> tuple[int, int]:
    """How many places of a city have committed redemptions in (since, until], and the 99th percentile of those."""
    row = conn.execute(_SUMMARY, {"city": city_id, "since": since, "until": until}).one()
    return row.ranked, row.p99


def insert_snapshot(conn: Connection, snapshot: RankSnapshot) -> None:
    """Adds a snapshot; its places come after it."""
    conn.execute(
        insert(rank_snapshots).values(
            city_id=snapshot.city_id,
            snapshot_id=snapshot.snapshot_id,
            taken_at=snapshot.taken_at,
            ranked=snapshot.ranked,
            p99=snapshot.p99,
        )
    )


def insert_ranks(conn: Connection, snapshot: RankSnapshot, since: datetime) -> None:
    """Adds the places of a snapshot; popularity is log(1 + n) / log(1 + p99), 1 at most, in millionths."""
    given = {
        "city": snapshot.city_id,
        "snapshot": snapshot.snapshot_id,
        "p99": snapshot.p99,
        "since": since,
        "until": snapshot.taken_at,
    }
    conn.execute(_RANKS, given)


def snapshots_of(conn: Connection, city_id: int) -> Sequence[RankSnapshot]:
    """What is kept of a city, the newest first."""
    rows = conn.execute(
        select(rank_snapshots.c.snapshot_id, rank_snapshots.c.taken_at, rank_snapshots.c.ranked, rank_snapshots.c.p99)
        .where(rank_snapshots.c.city_id == city_id)
        .order_by(rank_snapshots.c.taken_at.desc(), rank_snapshots.c.snapshot_id.desc())
        .limit(MOST_KEPT)
    )
    return [RankSnapshot(city_id, row.snapshot_id, row.taken_at, row.ranked, row.p99) for row in rows]


def delete_snapshot(conn: Connection, city_id: int, snapshot_id: UUID) -> None:
    """Removes a snapshot with its places."""
    for table in (place_ranks, rank_snapshots):
        conn.execute(delete(table).where(table.c.city_id == city_id, table.c.snapshot_id == snapshot_id))
