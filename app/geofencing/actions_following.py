"""What members do: agree, send fixes, withdraw, have everything purged; none of it commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import Connection

from app.geofencing import queries_choices, queries_sets, sweeping
from app.geofencing.errors import ConsentRequired
from app.geofencing.following import Batch, follow
from app.geofencing.memory import FenceMemory
from app.geofencing.queries_choices import Choices
from app.geofencing.types import FenceSet, Fix

MARGIN_DEG = 0.05
"""A fix so far outside the box around a city's fences is none of the city's, unless it follows the subject."""
PURGED = ("positions", "pairs", "events")


def subject_of(member_id: UUID, device_id: str | None) -> UUID:
    """Who is followed: the member, or one of several devices of theirs; a member's devices don't move as one."""
    return member_id if device_id is None else uuid5(member_id, device_id)


def take_fixes(
    conn: Connection, memory: FenceMemory, member_id: UUID, device_id: str | None, fixes: Sequence[Fix],
    now: datetime, trace: str | None,
) -> Batch:  # fmt: skip
    """A batch in every city that it concerns; ConsentRequired."""
    chosen = queries_choices.choices_of(conn, member_id)
    if chosen is None or chosen.positions_at is None:
        raise ConsentRequired("agree with PUT /v1/me/location first")
    batch = Batch(member_id, subject_of(member_id, device_id), fixes, now, trace)
    cities = set(chosen.cities)
    for here in queries_sets.fence_sets(conn):
        if here.city_id not in chosen.cities and not _concerns(here, fixes):
            continue
        follow(conn, memory.fences(conn, here), here, batch)
        cities.add(here.city_id)
    if cities != set(chosen.cities):
        held = queries_choices.choices_of(conn, member_id, lock=True)
        if held is None or held.positions_at is None:
            raise ConsentRequired("agree with PUT /v1/me/location first")
        queries_choices.put_cities(conn, member_id, tuple({*held.cities, *cities}))
    return batch


def _concerns(here: FenceSet, fixes: Sequence[Fix]) -> bool:
    return any(
        here.west - MARGIN_DEG <= fix.lon <= here.east + MARGIN_DEG
        and here.south - MARGIN_DEG <= fix.lat <= here.north + MARGIN_DEG
        for fix in fixes
    )


def choose(conn: Connection, wanted: Choices, now: datetime, trace: str | None) -> Choices:
    """What a member agrees to from now on; who no longer agrees to positions is forgotten at once."""
    before = queries_choices.choices_of(conn, wanted.member_id, lock=True)
    for purpose in ("positions", "offers"):
        had = before is not None and getattr(before, f"{purpose}_at") is not None
        has = getattr(wanted, f"{purpose}_at") is not None
        if had != has:
            queries_choices.note_consent(conn, wanted.member_id, purpose, given=has, now=now)
        elif before is not None:
            wanted = replace(wanted, **{f"{purpose}_at": getattr(before, f"{purpose}_at")})
    queries_choices.put_choices(conn, wanted, now)
    if wanted.positions_at is None:
        purge_member(conn, wanted.member_id, now, trace)
    found = queries_choices.choices_of(conn, wanted.member_id)
    assert found is not None
    return found


def purge_member(conn: Connection, member_id: UUID, now: datetime, trace: str | None) -> dict[str, int]:
    """Removes every fix and every place that a member stands in any city; how many rows of each."""
    chosen = queries_choices.choices_of(conn, member_id, lock=True)
    counts = dict.fromkeys(PURGED, 0)
    for city_id in chosen.cities if chosen else ():
        for name, count in sweeping.withdraw(conn, city_id, member_id, now, trace).items():
            counts[name] += count
    if chosen and chosen.cities:
        queries_choices.put_cities(conn, member_id, ())
    return counts
