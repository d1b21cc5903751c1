"""How versions of an area take each other's place: at once, or when the time of the next one begins.

Each call is part of its caller's transaction, who holds the area.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.core.errors import PreconditionFailed
from app.outbox.queries import append
from app.postings.queries import hold_rows
from app.service_areas import checks, queries_owned, rules
from app.service_areas.errors import NothingWaits
from app.service_areas.events import told
from app.service_areas.types import EDGES, Area, State, Version
from geo.grid_shift import Datum

Follow = Callable[[Connection, int, Sequence[UUID]], None]
"""What coupons do in the same transaction when published drawings of some areas changed; holds the search rows."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who acts, when and in which trace, and who follows what changed."""

    member_id: UUID
    now: datetime
    trace: str | None
    follow: Follow


def into_force(conn: Connection, pairs: Sequence[tuple[Area, Version]], by: Author, **review: Any) -> list[Area]:
    """Each version takes its place among those published, at once or when it begins.

    What ends, and what ends earlier than before, comes first, so that borders between areas can move.
    """
    city_id = pairs[0][0].city_id
    before: dict[UUID, list[Version]] = {area.service_area_id: [] for area, _ in pairs}
    for each in versions_of(conn, [area for area, _ in pairs], ("published",)):
        before[each.service_area_id].append(each)
    lines = {}
    for area, version in pairs:
        published = before[area.service_area_id]
        line = lines[area.service_area_id] = rules.joined(published, _begun(version, by), by.now)
        kept = {each.version: each for each in line}
        for each in published:
            if each.version not in kept:
                move(conn, area, each, "superseded", ended_at=min(by.now, each.effective_until or by.now))
            elif not rules.grown(each, kept[each.version]):
                queries_owned.put_window(conn, city_id, kept[each.version])
    done = [
        _stands(conn, area, version, lines[area.service_area_id], before[area.service_area_id], by, review)
        for area, version in pairs
    ]
    by.follow(conn, city_id, [area.service_area_id for area, _ in pairs])
    return done


def _stands(
    conn: Connection,
    area: Area,
    version: Version,
    line: Sequence[Version],
    before: Sequence[Version],
    by: Author,
    review: Mapping[str, Any],
) -> Area:
    """One version comes into its place in a line, if nothing stands against it, nor against what is left longer now."""
    was = {each.version: each for each in before}
    for each in line:
        if each.version == version.version:
            fresh = each
            checks.refuse(checks.faults_of(conn, area, each, Datum(each.source_datum), now=by.now))
        elif rules.grown(was[each.version], each):
            checks.refuse(checks.faults_of(conn, area, each, Datum(each.source_datum)))
            queries_owned.put_window(conn, area.city_id, each)
    move(conn, area, version, "published", published_at=by.now, effective_from=fresh.effective_from,
          effective_until=fresh.effective_until, followed_by=fresh.followed_by,
          declared_until=fresh.declared_until, **review)  # fmt: skip
    queries_owned.widen_extent(conn, area.city_id, version.boundary)
    current, later = rules.standing(before, by.now)
    withdrawn = later is not None and later.version not in {each.version for each in line}
    changed = step(conn, area, told_count=2 if withdrawn else 1)
    data = {
        "effective_from": fresh.effective_from.isoformat(),
        "effective_until": fresh.effective_until and fresh.effective_until.isoformat(),
        "replaces": None if current is None else current.version,
    }
    if later is not None and withdrawn:
        append(conn, told(replace(changed, seq=changed.seq - 1), "withdrawn", later.version, by.now, by.trace))
    append(conn, told(changed, "published", version.version, by.now, by.trace, **data))
    return changed


def _begun(version: Version, by: Author) -> Version:
    """A version that was to begin at once when it was saved; somebody's clock may have gone back a little since."""
    if version.effective_from != version.edited_at:
        return version
    return replace(version, effective_from=min(version.effective_from, by.now))


def placed(published: Sequence[Version], version: Version, by: Author) -> Version:
    """A version as it would stand among those published."""
    line = rules.joined(published, _begun(version, by), by.now)
    return next(each for each in line if each.version == version.version)


def withdraw(conn: Connection, area: Area, by: Author) -> Area:
    """What is to begin later does not, and what is in force stays so for as long as it was to be; NothingWaits."""
    current, later = rules.standing(versions_of(conn, [area], ("published",)), by.now)
    if later is None:
        raise NothingWaits("no drawing waits, and none is to begin later")
    hold_rows(conn, area.city_id)
    move(conn, area, later, "archived", ended_at=by.now)
    if current is not None:
        (alone,) = rules.lined(current)
        checks.refuse(checks.faults_of(conn, area, alone, Datum(alone.source_datum)))
        queries_owned.put_window(conn, area.city_id, alone)
    changed = step(conn, area, told_count=1)
    append(conn, told(changed, "withdrawn", later.version, by.now, by.trace))
    by.follow(conn, area.city_id, [area.service_area_id])
    return changed


def switch(conn: Connection, city_id: int, now: datetime, follow: Follow) -> int:
    """Ends versions whose place another one has taken since by its time; how many.

    Who looks a point up goes by the time alone; this tidies up behind it, and coupons follow.
    """
    areas = queries_owned.areas_to_switch(conn, city_id, now)
    if areas:
        hold_rows(conn, city_id)
    done = 0
    for area in areas:
        published = versions_of(conn, [area], ("published",))
        current, _ = rules.standing(published, now)
        for each in published:
            if each.effective_from <= now and current is not None and each.version != current.version:
                move(conn, area, each, "superseded", ended_at=current.effective_from)
                done += 1
        step(conn, area, told_count=0)
    if areas:
        follow(conn, city_id, [area.service_area_id for area in areas])
    return done


def versions_of(conn: Connection, areas: Sequence[Area], states: Sequence[State]) -> tuple[Version, ...]:
    """Versions of some areas of one city in some states."""
    if not areas:
        return ()
    ids = [area.service_area_id for area in areas]
    return queries_owned.versions_in(conn, areas[0].city_id, ids, states)


def move(conn: Connection, area: Area, version: Version, to: State, **columns: Any) -> None:
    """One step of a version; PreconditionFailed when it is in another state by now."""
    if (version.state, to) not in EDGES:
        raise PreconditionFailed(f"a version can't go from {version.state} to {to}")
    if not queries_owned.move(conn, area.city_id, version, to, **columns):
        raise PreconditionFailed("somebody changed it meanwhile; read it again")


def step(conn: Connection, area: Area, *, told_count: int) -> Area:
    """One more revision of an area; PreconditionFailed when it changed meanwhile."""
    moved = queries_owned.step(conn, area, told=told_count)
    if moved is None:
        raise PreconditionFailed("somebody changed it meanwhile; read it again")
    return moved
