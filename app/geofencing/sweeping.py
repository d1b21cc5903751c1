"""What happens to pairs without a fix: timers, held fixes, fences that change or go, and members who withdraw.

Each call is one transaction of the worker's over some hundred pairs, under the locks of their subjects' lanes; a
subject that somebody else is at is left for the next turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import Connection

from app.core.ids import new_city_id
from app.geofencing import machine, queries_alerts, queries_fences, queries_following, queries_sets, queries_sweeping
from app.geofencing.following import Batch, due_of, keep, look, told_of
from app.geofencing.memory import FenceMemory, Fences, StoredFences
from app.geofencing.sights import inside_of, open_at
from app.geofencing.types import Cause, Fence, FenceRow, FenceSet, Fix, Lane, StoredPair, Told

TURN: Final = 300
LANES_A_TURN: Final = 50
MOST_HELD: Final = 5_000
KEPT: Final = timedelta(hours=24)
EVENTS_KEPT: Final = timedelta(days=30)
LOOKED_AGAIN: Final = timedelta(seconds=30)
PURGED_AT_ONCE: Final = 20_000

Write = tuple[StoredPair, int, datetime | None]
Left = Literal["done", "more", "busy", "again"]


def set_of(conn: Connection, city_id: int) -> FenceSet | None:
    """What a city's fences are now; None when it never had any."""
    return next((each for each in queries_sets.fence_sets(conn) if each.city_id == city_id), None)


def run_timers(conn: Connection, memory: FenceMemory, city_id: int, now: datetime) -> int:
    """Lets time pass for pairs that waited for it; how many were looked at."""
    here = set_of(conn, city_id)
    due = queries_following.due_pairs(conn, city_id, now, TURN)
    if here is None or not due:
        return 0
    pairs = _locked(conn, city_id, due)
    fences = memory.fences(conn, here).by_id(sorted({stored.geofence_id for stored, _ in pairs}))
    writes: list[Write] = []
    told: list[Told] = []
    over: list[tuple[UUID, UUID]] = []
    for stored, lane in pairs:
        fence = fences.get(stored.geofence_id)
        if fence is None:
            over.append((stored.subject_id, stored.geofence_id))
            continue
        known = now - timedelta(seconds=fence.rules.reorder_s)
        pair, happenings = machine.advance(stored.pair, fence.rules, known, partial(open_at, fence))
        after = replace(stored, pair=pair)
        writes.append((after, lane.reorder_s, machine_due(fence, after)))
        told += [told_of(fence, stored, each, None, now) for each in happenings]
    keep(conn, writes, told, _nobody(now))
    queries_sweeping.forget_due(conn, city_id, over)
    return len(pairs)


def machine_due(fence: Fence, stored: StoredPair) -> datetime | None:
    """When a worker is to look again, with no fix on its way."""
    due = machine.due_at(stored.pair, fence.rules)
    return None if due is None else due + timedelta(seconds=fence.rules.reorder_s)


def release_held(conn: Connection, memory: FenceMemory, city_id: int, now: datetime) -> int:
    """Looks at fixes whose reorder window is over; how many lanes had some."""
    here = set_of(conn, city_id)
    if here is None:
        return 0
    lanes = queries_following.lanes_of(conn, city_id, queries_following.due_lanes(conn, city_id, now, LANES_A_TURN))
    fences = memory.fences(conn, here)
    for lane in lanes.values():
        held = queries_following.held_fixes(conn, city_id, lane.subject_id, lane.watermark_at, MOST_HELD)
        window = timedelta(seconds=lane.reorder_s)
        ripe = max((number for number, (_, came) in enumerate(held) if came + window <= now), default=-1)
        fixes, waiting = [fix for fix, _ in held[: ripe + 1]], [came for _, came in held[ripe + 1 :]]
        if fixes:
            look(conn, fences, lane, fixes, _nobody(now))
        queries_following.move_lane(
            conn, lane, fixes[-1] if fixes else None, min(waiting) + window if waiting else None
        )
    return len(lanes)


def let_out(conn: Connection, city_id: int, geofence_id: UUID, now: datetime) -> Left:
    """Sees to those inside a fence that was drawn anew or is over.

    ``more``: somebody is left; ``busy``: their subjects are being followed at this moment; ``again``: a batch that was
    under way when the fence changed may still bring somebody in.
    """
    row = queries_fences.fence_row(conn, city_id, geofence_id)
    if row is None:
        return "done"
    due = queries_following.pairs_in_fence(
        conn, city_id, geofence_id, row.current_version if row.state == "active" else None, TURN
    )
    if not due:
        return "again" if row.changed_at + LOOKED_AGAIN > now else "done"
    fence = queries_fences.version_in_force(conn, city_id, geofence_id)
    cause, at = _ended(row, now)
    writes: list[Write] = []
    told: list[Told] = []
    pairs = _locked(conn, city_id, due)
    for stored, lane in pairs:
        if row.state == "active" and _still_inside(fence, lane):
            after = replace(stored, fence_version=fence.version)
            writes.append((after, fence.rules.reorder_s, due_of(fence, after, now)))
            continue
        pair, happenings = machine.end(stored.pair, at, cause)
        writes.append((replace(stored, pair=pair, fence_version=fence.version), lane.reorder_s, None))
        told += [told_of(fence, stored, each, None, now) for each in happenings]
    keep(conn, writes, told, _nobody(now))
    return "more" if pairs else "busy"


def _ended(row: FenceRow, now: datetime) -> tuple[Cause, datetime]:
    """Why those inside have left, and when."""
    if row.state == "active":
        return "fence_changed", row.changed_at
    return ("expired" if row.state == "expired" else "deleted"), min(row.ended_at or now, now)


def _still_inside(fence: Fence, lane: Lane) -> bool:
    """Where the subject was last, seen by the fence as it is now; not knowing counts as outside."""
    if lane.last_lon is None or lane.last_lat is None or lane.watermark_at is None:
        return False
    return inside_of(fence, [Fix(lane.watermark_at, lane.last_lon, lane.last_lat, 0.0)])[0]


def withdraw(conn: Connection, city_id: int, member_id: UUID, now: datetime, trace: str | None) -> dict[str, int]:
    """Forgets everything of a member in a city at once; fences that they were in are told that they left."""
    lanes = queries_sweeping.subjects_of(conn, city_id, member_id)
    queries_following.lanes_of(conn, city_id, lanes, wait=True)
    subjects = sorted({subject_id for subject_id, _ in lanes})
    inside = queries_sweeping.pairs_inside(conn, city_id, subjects)
    stored = queries_following.pairs_by_key(conn, city_id, [(subject, fence) for subject, fence, _ in inside])
    fences: Fences = StoredFences(conn, city_id)
    known = fences.by_id(sorted({pair.geofence_id for pair in stored}))
    told = [
        told_of(known[pair.geofence_id], pair, each, None, now)
        for pair in stored
        if pair.geofence_id in known
        for each in machine.end(pair.pair, now, "withdrawn")[1]
    ]
    batch = _nobody(now)
    batch.trace = trace
    keep(conn, (), told, batch)
    queries_alerts.forget_offers(conn, city_id, member_id)
    counts = {
        "positions": queries_sweeping.delete_positions(conn, city_id, subjects),
        "pairs": queries_sweeping.delete_pairs(conn, city_id, subjects),
        "events": queries_sweeping.detach_events(conn, city_id, member_id),
    }
    queries_sweeping.delete_lanes(conn, city_id, subjects)
    return counts


def purge(conn: Connection, city_id: int, now: datetime) -> int:
    """Removes what is kept for a day (fixes) or a month (whose events were); how many rows, none when all is done."""
    gone = queries_sweeping.purge_positions(conn, city_id, now - KEPT, PURGED_AT_ONCE)
    gone += queries_sweeping.forget_last_fixes(conn, city_id, now - KEPT)
    oldest = new_city_id(city_id, int((now - EVENTS_KEPT).timestamp() * 1000))
    return gone + queries_sweeping.purge_events(conn, city_id, oldest, PURGED_AT_ONCE)


def _locked(conn: Connection, city_id: int, due: Sequence[tuple[UUID, UUID, int]]) -> list[tuple[StoredPair, Lane]]:
    """The pairs as they are under their lanes' locks; those of lanes that others are at are left out."""
    lanes = queries_following.lanes_of(conn, city_id, sorted({(subject, reorder) for subject, _, reorder in due}))
    mine = {(subject, fence): lanes[subject, reorder] for subject, fence, reorder in due if (subject, reorder) in lanes}
    return [
        (stored, mine[stored.subject_id, stored.geofence_id])
        for stored in queries_following.pairs_by_key(conn, city_id, sorted(mine))
    ]


def _nobody(now: datetime) -> Batch:
    """A batch without fixes, for what time does."""
    return Batch(UUID(int=0), UUID(int=0), (), now)
