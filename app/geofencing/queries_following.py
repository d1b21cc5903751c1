"""Statements about subjects: their lanes, fixes, pairs and what was told; each takes all rows of a batch at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Row, Table, TextClause, select, text, tuple_

from app.core.ids import new_city_id
from app.geofencing.events import coarse_accuracy_m
from app.geofencing.tables_following import followed_fixes, followed_lanes, followed_pairs, geofence_events
from app.geofencing.types import Fix, Lane, Pair, StoredPair, Told

MOST_PAIRS = 5_000
_LANE = (
    followed_lanes.c.city_id,
    followed_lanes.c.subject_id,
    followed_lanes.c.reorder_s,
    followed_lanes.c.member_id,
    followed_lanes.c.watermark_at,
    followed_lanes.c.last_lon,
    followed_lanes.c.last_lat,
    followed_lanes.c.release_at,
)
_PAIR = (
    followed_pairs.c.city_id,
    followed_pairs.c.subject_id,
    followed_pairs.c.geofence_id,
    followed_pairs.c.member_id,
    followed_pairs.c.pair_id,
    followed_pairs.c.fence_version,
    followed_pairs.c.revision,
    followed_pairs.c.phase,
    followed_pairs.c.since_at,
    followed_pairs.c.since_border_m,
    followed_pairs.c.since_accuracy_m,
    followed_pairs.c.entered_at,
    followed_pairs.c.entered_border_m,
    followed_pairs.c.entered_accuracy_m,
    followed_pairs.c.exited_at,
    followed_pairs.c.dwelt,
    followed_pairs.c.seq,
)
# The lanes first, whose row locks are the subject's turn and whose watermark tells what is late; then the fixes that
# were not there. Lists come as one constant each: an ARRAY of hundreds takes the server longer to read than to store.
_TAKE = text("""
    WITH lane AS (
        INSERT INTO followed_lanes AS mine (city_id, subject_id, reorder_s, member_id, seen_at)
        SELECT :city, :subject, reorder_s, :member, :now FROM unnest(CAST(:reorders AS integer[])) AS r (reorder_s)
        ON CONFLICT ON CONSTRAINT followed_lanes_pk DO UPDATE SET seen_at = :now WHERE mine.member_id = :member
        RETURNING city_id, subject_id, reorder_s, member_id, watermark_at, last_lon, last_lat, release_at
    ), given AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:at AS timestamptz[]), CAST(:lon AS double precision[]),
            CAST(:lat AS double precision[]), CAST(:accuracy_m AS double precision[]), CAST(:outcome AS text[]),
            CAST(:replayed AS boolean[])) WITH ORDINALITY AS fix (at, lon, lat, accuracy_m, outcome, replayed, no)
    ), put AS (
        INSERT INTO followed_fixes
            (city_id, subject_id, occurred_at, lon, lat, accuracy_m, outcome, replayed, received_at)
        SELECT :city, :subject, at, lon, lat, accuracy_m,
            CASE WHEN outcome = 'counted' AND at <= live.watermark_at THEN 'late' ELSE outcome END, replayed, :now
        FROM given CROSS JOIN (SELECT watermark_at FROM lane WHERE reorder_s = 0) AS live
        ON CONFLICT (city_id, subject_id, occurred_at) DO NOTHING
        RETURNING occurred_at
    )
    SELECT lane.*, ARRAY(
        SELECT given.no FROM given WHERE NOT EXISTS (SELECT FROM put WHERE put.occurred_at = given.at)
    ) AS known
    FROM lane
""")
_MOVE = text("""
    UPDATE followed_lanes
    SET release_at = :release_at, watermark_at = coalesce(:at, watermark_at),
        last_lon = coalesce(:lon, last_lon), last_lat = coalesce(:lat, last_lat)
    WHERE city_id = :city AND subject_id = :subject AND reorder_s = :reorder_s
""")
_PAIRS_OF = text(f"""
    SELECT {", ".join(column.name for column in _PAIR)}
    FROM followed_pairs
    WHERE city_id = :city AND subject_id = :subject
      AND (phase <> 'out' AND reorder_s = :reorder_s OR geofence_id = ANY (CAST(:fences AS uuid[])))
    ORDER BY geofence_id LIMIT :limit
""")


def _put_rows(table: Table, more: str = "") -> TextClause:
    """Puts rows that come as one JSON array."""
    columns = ", ".join(column.name for column in table.columns)
    rows = f"json_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS json))"
    return text(f"INSERT INTO {table.name} AS mine ({columns}) SELECT {columns} FROM {rows} {more}")


_FIXED = ("city_id", "subject_id", "geofence_id", "pair_id")
_CHANGING = ", ".join(
    f"{column.name} = excluded.{column.name}" for column in followed_pairs.columns if column.name not in _FIXED
)
_PUT_PAIRS = _put_rows(
    followed_pairs,
    f"ON CONFLICT ON CONSTRAINT followed_pairs_pk DO UPDATE SET {_CHANGING}"
    " WHERE mine.revision = excluded.revision - 1",
)
_PUT_EVENTS = _put_rows(geofence_events)


def take_fixes(
    conn: Connection, city_id: int, subject_id: UUID, member_id: UUID, reorders: Iterable[int],
    fixes: Sequence[tuple[Fix, str]], now: datetime,
) -> tuple[dict[int, Lane], set[datetime]]:  # fmt: skip
    """Keeps fixes of a subject with what is thought of each; those that the live lane is past become late.

    Returns its lanes by reorder window, made where there are none, and the times of the fixes that were not there
    before. It is the subject's turn until the transaction ends.
    """
    given = {
        "city": city_id,
        "subject": subject_id,
        "member": member_id,
        "now": now,
        "reorders": sorted(reorders),
        "at": _listed(fix.at.isoformat() for fix, _ in fixes),
        "lon": _listed(repr(fix.lon) for fix, _ in fixes),
        "lat": _listed(repr(fix.lat) for fix, _ in fixes),
        "accuracy_m": _listed(repr(fix.accuracy_m) for fix, _ in fixes),
        "outcome": _listed(outcome for _, outcome in fixes),
        "replayed": _listed("t" if fix.replayed else "f" for fix, _ in fixes),
    }
    rows = conn.execute(_TAKE, given).all()
    known = set(rows[0].known)
    fresh = {fix.at for number, (fix, _) in enumerate(fixes, 1) if number not in known}
    return {row.reorder_s: Lane(*row[:-1]) for row in rows}, fresh


def _listed(words: Iterable[str]) -> str:
    """An array as the server reads it, of words that need no quotes."""
    return "{" + ",".join(words) + "}"


def move_lane(conn: Connection, lane: Lane, last: Fix | None, release_at: datetime | None) -> None:
    """How far a lane was looked at, where the subject was then, and when its held fixes are due."""
    given = {"city": lane.city_id, "subject": lane.subject_id, "reorder_s": lane.reorder_s, "release_at": release_at}
    at, lon, lat = (None, None, None) if last is None else (last.at, last.lon, last.lat)
    conn.execute(_MOVE, given | {"at": at, "lon": lon, "lat": lat})


def lanes_of(
    conn: Connection, city_id: int, keys: Sequence[tuple[UUID, int]], *, wait: bool = False
) -> dict[tuple[UUID, int], Lane]:
    """Lanes by subject and window under their locks, in one order; those that others are at are left out."""
    if not keys:
        return {}
    rows = conn.execute(
        select(*_LANE)
        .where(
            followed_lanes.c.city_id == city_id,
            tuple_(followed_lanes.c.subject_id, followed_lanes.c.reorder_s).in_(list(keys)),
        )
        .order_by(followed_lanes.c.subject_id, followed_lanes.c.reorder_s)
        .limit(MOST_PAIRS)
        .with_for_update(skip_locked=not wait)
    )
    return {(row.subject_id, row.reorder_s): Lane(*row) for row in rows}


def due_lanes(conn: Connection, city_id: int, now: datetime, limit: int) -> list[tuple[UUID, int]]:
    """Lanes whose held fixes are due."""
    rows = conn.execute(
        select(followed_lanes.c.subject_id, followed_lanes.c.reorder_s)
        .where(followed_lanes.c.city_id == city_id, followed_lanes.c.release_at <= now)
        .order_by(followed_lanes.c.release_at, followed_lanes.c.subject_id, followed_lanes.c.reorder_s)
        .limit(limit)
    )
    return [(row.subject_id, row.reorder_s) for row in rows]


def held_fixes(
    conn: Connection, city_id: int, subject_id: UUID, after: datetime | None, limit: int
) -> list[tuple[Fix, datetime]]:
    """Fixes behind a lane's watermark that count, in the order of their times, and when each came."""
    wanted = select(
        followed_fixes.c.occurred_at,
        followed_fixes.c.lon,
        followed_fixes.c.lat,
        followed_fixes.c.accuracy_m,
        followed_fixes.c.replayed,
        followed_fixes.c.received_at,
    ).where(
        followed_fixes.c.city_id == city_id,
        followed_fixes.c.subject_id == subject_id,
        followed_fixes.c.outcome.in_(("counted", "late")),
    )
    if after is not None:
        wanted = wanted.where(followed_fixes.c.occurred_at > after)
    rows = conn.execute(wanted.order_by(followed_fixes.c.occurred_at).limit(limit))
    return [
        (Fix(row.occurred_at, row.lon, row.lat, row.accuracy_m, replayed=row.replayed), row.received_at) for row in rows
    ]


def pairs_of_subject(
    conn: Connection, city_id: int, subject_id: UUID, reorder_s: int, geofence_ids: Sequence[UUID]
) -> dict[UUID, StoredPair]:
    """A subject's pairs by fence: those of the fences named, and where it is or may be inside."""
    rows = conn.execute(
        _PAIRS_OF,
        {
            "city": city_id,
            "subject": subject_id,
            "reorder_s": reorder_s,
            "fences": _listed(map(str, geofence_ids)),
            "limit": MOST_PAIRS,
        },
    )
    return {row.geofence_id: _stored(row) for row in rows}


def due_pairs(conn: Connection, city_id: int, now: datetime, limit: int) -> list[tuple[UUID, UUID, int]]:
    """Subject, fence and window of pairs to which something happens by time, the longest overdue first."""
    rows = conn.execute(
        select(followed_pairs.c.subject_id, followed_pairs.c.geofence_id, followed_pairs.c.reorder_s)
        .where(followed_pairs.c.city_id == city_id, followed_pairs.c.due_at <= now)
        .order_by(followed_pairs.c.due_at, followed_pairs.c.subject_id, followed_pairs.c.geofence_id)
        .limit(limit)
    )
    return [(row.subject_id, row.geofence_id, row.reorder_s) for row in rows]


def pairs_in_fence(
    conn: Connection, city_id: int, geofence_id: UUID, before_version: int | None, limit: int
) -> list[tuple[UUID, UUID, int]]:
    """Subject, fence and window of pairs that are or may be inside, under versions before one (None: any)."""
    wanted = select(followed_pairs.c.subject_id, followed_pairs.c.geofence_id, followed_pairs.c.reorder_s).where(
        followed_pairs.c.city_id == city_id,
        followed_pairs.c.geofence_id == geofence_id,
        followed_pairs.c.phase != "out",
    )
    if before_version is not None:
        wanted = wanted.where(followed_pairs.c.fence_version < before_version)
    rows = conn.execute(wanted.order_by(followed_pairs.c.subject_id).limit(limit))
    return [(row.subject_id, row.geofence_id, row.reorder_s) for row in rows]


def pairs_by_key(conn: Connection, city_id: int, keys: Sequence[tuple[UUID, UUID]]) -> list[StoredPair]:
    """Pairs by subject and fence, where something may still happen."""
    if not keys:
        return []
    rows = conn.execute(
        select(*_PAIR)
        .where(
            followed_pairs.c.city_id == city_id,
            tuple_(followed_pairs.c.subject_id, followed_pairs.c.geofence_id).in_(list(keys)),
            followed_pairs.c.phase != "out",
        )
        .order_by(followed_pairs.c.subject_id, followed_pairs.c.geofence_id)
        .limit(MOST_PAIRS)
    )
    return [_stored(row) for row in rows]


def write_pairs(conn: Connection, pairs: Sequence[tuple[StoredPair, int, datetime | None]], now: datetime) -> None:
    """Keeps pairs with their window and next due time; each must still be what it was read as (RuntimeError)."""
    if not pairs:
        return
    rows = orjson.dumps([_row(stored, reorder_s, due, now) for stored, reorder_s, due in pairs])
    done = conn.execute(_PUT_PAIRS, {"rows": rows.decode()})
    if done.rowcount != len(pairs):
        raise RuntimeError(f"{len(pairs) - done.rowcount} pairs changed under their subjects' locks")


def _row(stored: StoredPair, reorder_s: int, due: datetime | None, now: datetime) -> dict[str, Any]:
    pair = stored.pair
    return {
        "city_id": stored.city_id,
        "subject_id": stored.subject_id,
        "geofence_id": stored.geofence_id,
        "member_id": stored.member_id,
        "pair_id": stored.pair_id,
        "phase": pair.phase,
        "since_at": pair.since_at,
        "since_border_m": pair.since_border_m,
        "since_accuracy_m": pair.since_accuracy_m,
        "entered_at": pair.entered_at,
        "entered_border_m": pair.entered_border_m,
        "entered_accuracy_m": pair.entered_accuracy_m,
        "exited_at": pair.exited_at,
        "dwelt": pair.dwelt,
        "seq": pair.seq,
        "fence_version": stored.fence_version,
        "reorder_s": reorder_s,
        "due_at": due,
        "revision": stored.revision + 1,
        "changed_at": now,
    }


def _stored(row: Row[*tuple[Any, ...]]) -> StoredPair:
    said = row._mapping
    pair = Pair(**{name: said[name] for name in Pair.__dataclass_fields__})
    return StoredPair(pair=pair, **{name: said[name] for name in StoredPair.__dataclass_fields__ if name != "pair"})


def write_events(conn: Connection, told: Sequence[Told]) -> None:
    """Keeps what was told, with the version and the fix that caused it."""
    if not told:
        return
    rows = [
        {
            "city_id": each.fence.city_id,
            "event_id": each.event_id,
            "geofence_id": each.fence.geofence_id,
            "pair_id": each.pair_id,
            "seq": each.happening.seq,
            "member_id": each.member_id,
            "what": each.happening.what,
            "cause": each.happening.cause,
            "fence_version": each.fence.version,
            "occurred_at": each.happening.at,
            "detected_at": each.detected_at,
            "confidence": each.confidence,
            "late": each.late,
            "replayed": each.replayed,
            "dwell_s": each.happening.dwell_s,
            "fix_at": each.happening.fix_at,
            "fix_accuracy_m": coarse_accuracy_m(each.happening.accuracy_m),
            "border_m": None if each.happening.border_m is None else round(each.happening.border_m),
            "lon_cell": each.cell_lon,
            "lat_cell": each.cell_lat,
        }
        for each in told
    ]
    conn.execute(_PUT_EVENTS, {"rows": orjson.dumps(rows).decode()})


def new_pair(city_id: int, subject_id: UUID, member_id: UUID, geofence_id: UUID, version: int) -> StoredPair:
    """A subject that a fence sees for the first time."""
    return StoredPair(city_id, subject_id, geofence_id, member_id, new_city_id(city_id), version, 0, Pair())
