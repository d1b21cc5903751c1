"""A batch of fixes of one subject becomes events: one statement a question for all of the batch, in one transaction.

The lock of the subject's lane makes its batches and its timers take turns. Fences with a reorder window see a fix once
the window is over, in the order of the fixes' times; the others see it at once, and a fix that is older than the last
one they saw changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.core.ids import new_city_id
from app.geofencing import machine, queries_following
from app.geofencing.events import told_event
from app.geofencing.memory import Fences
from app.geofencing.sights import Borders, inside_of, open_at, sight_of, ways_of
from app.geofencing.types import Fence, FenceSet, Fix, Happening, Lane, Outcome, Pair, StoredPair, Told
from app.outbox.queries import append

LATE_S: Final = 60.0
WORST_ACCURACY_M: Final = 1000.0
AHEAD: Final = timedelta(seconds=60)
KEPT: Final = timedelta(hours=24)
CELLS_A_DEGREE: Final = 100


@dataclass(slots=True)
class Batch:
    """Fixes of one subject as they came; ``outcomes`` says what became of each, ``inaccurate_for`` how many fences
    a fix was too inaccurate for."""

    member_id: UUID
    subject_id: UUID
    fixes: Sequence[Fix]
    now: datetime
    trace: str | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    inaccurate_for: dict[datetime, int] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)

    def __post_init__(self) -> None:
        seen: set[datetime] = set()
        for fix in self.fixes:
            self.outcomes.append(_first_look(fix, self.now, again=fix.at in seen))
            seen.add(fix.at)


def _first_look(fix: Fix, now: datetime, *, again: bool) -> Outcome:
    if again:
        return "duplicate"
    if fix.at > now + AHEAD:
        return "ahead"
    if fix.at < now - KEPT:
        return "too_old"
    if fix.mock:
        return "mock"
    return "inaccurate" if fix.accuracy_m > WORST_ACCURACY_M else "counted"


def follow(conn: Connection, fences: Fences, here: FenceSet, batch: Batch) -> None:
    """Takes a batch in one city."""
    kept = [
        (fix, "counted" if outcome == "late" else outcome)
        for fix, outcome in zip(batch.fixes, batch.outcomes, strict=True)
        if outcome not in ("duplicate", "ahead", "too_old")
    ]
    lanes, fresh = queries_following.take_fixes(
        conn, here.city_id, batch.subject_id, batch.member_id, {0, *here.reorders}, kept, batch.now
    )
    _answer(batch, lanes, fresh)
    counted = [fix for fix, outcome in kept if outcome == "counted" and fix.at in fresh]
    counted.sort(key=lambda fix: fix.at)
    for reorder_s, lane in lanes.items():
        seen = [fix for fix in counted if _is_new(lane, fix)]
        if not seen:
            continue
        if reorder_s:
            due = batch.now + timedelta(seconds=reorder_s)
            queries_following.move_lane(conn, lane, None, lane.release_at or due)
        else:
            look(conn, fences, lane, seen, batch)
            queries_following.move_lane(conn, lane, seen[-1], None)


def _is_new(lane: Lane, fix: Fix) -> bool:
    return lane.watermark_at is None or fix.at > lane.watermark_at


def _answer(batch: Batch, lanes: dict[int, Lane], fresh: set[datetime]) -> None:
    """What became of each fix: late is what no lane takes any more."""
    for number, fix in enumerate(batch.fixes):
        if batch.outcomes[number] not in ("counted", "late"):
            continue
        if fix.at not in fresh:
            batch.outcomes[number] = "duplicate"
        elif not any(_is_new(lane, fix) for lane in lanes.values()):
            batch.outcomes[number] = "late"


def look(conn: Connection, fences: Fences, lane: Lane, fixes: Sequence[Fix], batch: Batch) -> None:
    """What a lane's fences see in new fixes, which stand in the order of their times; kept and told at once."""
    before = None
    if lane.last_lon is not None and lane.last_lat is not None and lane.watermark_at is not None:
        before = Fix(lane.watermark_at, lane.last_lon, lane.last_lat, 0.0)
    touched: dict[UUID, set[int]] = {}
    met: dict[UUID, Fence] = {}
    for number, fence in fences.touched(ways_of(before, fixes)):
        if fence.rules.reorder_s == lane.reorder_s:
            touched.setdefault(fence.geofence_id, set()).add(number)
            met[fence.geofence_id] = fence
    pairs = queries_following.pairs_of_subject(conn, lane.city_id, lane.subject_id, lane.reorder_s, list(met))
    met |= fences.by_id([geofence_id for geofence_id in pairs if geofence_id not in met])
    writes: list[tuple[StoredPair, int, datetime | None]] = []
    told: list[Told] = []
    for geofence_id, fence in sorted(met.items()):
        stored = pairs.get(geofence_id) or queries_following.new_pair(
            lane.city_id, lane.subject_id, lane.member_id, geofence_id, fence.version
        )
        changed, happenings = _walk(fence, stored, before, fixes, touched.get(geofence_id, set()), batch)
        if changed != stored.pair:
            after = replace(stored, pair=changed, fence_version=fence.version)
            writes.append((after, lane.reorder_s, due_of(fence, after, batch.now)))
        told += [_told(fence, stored, each, fixes, batch.now) for each in happenings]
    keep(conn, writes, told, batch)


def keep(
    conn: Connection, writes: Sequence[tuple[StoredPair, int, datetime | None]], told: Sequence[Told], batch: Batch
) -> None:
    """Pairs, events and their messages, in the transaction of the caller."""
    queries_following.write_pairs(conn, writes, batch.now)
    queries_following.write_events(conn, told)
    append(conn, *(told_event(each, batch.trace) for each in told))
    batch.told += told


def due_of(fence: Fence, stored: StoredPair, now: datetime) -> datetime | None:
    """When a worker is to look at the pair: late enough for fixes that are still on their way."""
    due = machine.due_at(stored.pair, fence.rules)
    reorder = timedelta(seconds=fence.rules.reorder_s)
    return None if due is None else max(due + reorder, now + reorder) if reorder else due


def _walk(
    fence: Fence, stored: StoredPair, before: Fix | None, fixes: Sequence[Fix], touched: set[int], batch: Batch
) -> tuple[Pair, list[Happening]]:
    """The pair after the fixes, and what happened."""
    pair, told = stored.pair, []
    lets_in = partial(open_at, fence)
    numbers = sorted(touched)
    looked = [fixes[number] for number in numbers] + ([before] if before is not None and 0 in touched else [])
    inside = dict(zip([*numbers, -1], inside_of(fence, looked), strict=False)) if looked else {}
    borders = Borders(fence, fixes)
    for number, fix in enumerate(fixes):
        if pair.phase == "out" and number not in touched:
            continue
        if fix.accuracy_m > fence.rules.max_accuracy_m:
            batch.inaccurate_for[fix.at] = batch.inaccurate_for.get(fix.at, 0) + 1
            continue
        last = fixes[number - 1] if number else before
        came = inside.get(number - 1, False)
        sight = sight_of(
            fence,
            pair.phase,
            None if came else last,
            fix,
            number,
            borders,
            inside=inside.get(number, False),
            touched=number in touched,
        )
        pair, more = machine.see(pair, fence.rules, sight, lets_in)
        told += more
    return pair, told


def _told(fence: Fence, stored: StoredPair, happening: Happening, fixes: Sequence[Fix], now: datetime) -> Told:
    fix = next((each for each in fixes if each.at == happening.fix_at), None)
    return told_of(fence, stored, happening, fix, now)


def told_of(fence: Fence, stored: StoredPair, happening: Happening, fix: Fix | None, now: datetime) -> Told:
    """A happening with what is kept and sent of it; a fix becomes the square that it lies in."""
    waited = {"entered": fence.rules.enter_after_s, "exited": fence.rules.exit_after_s}.get(happening.what, 0)
    by_time = happening.cause in ("fix", "timer")
    age_s = (now - happening.at).total_seconds() - waited - fence.rules.reorder_s
    return Told(
        event_id=new_city_id(fence.city_id),
        fence=fence,
        pair_id=stored.pair_id,
        subject_id=stored.subject_id,
        member_id=stored.member_id,
        happening=happening,
        detected_at=now,
        confidence=machine.confidence_of(happening.border_m, happening.accuracy_m),
        late=by_time and age_s > LATE_S,
        replayed=fix is not None and fix.replayed,
        cell_lon=None if fix is None else _cell(fix.lon, 180),
        cell_lat=None if fix is None else _cell(fix.lat, 90),
    )


def _cell(degrees: float, most: int) -> int:
    return min(int(degrees * CELLS_A_DEGREE // 1), most * CELLS_A_DEGREE - 1)
