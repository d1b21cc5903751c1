"""Which of several areas of one place serves a point, and how versions of one area follow each other; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from app.service_areas.types import CoveringArea, Version

Why = Literal["only", "priority", "area", "newest", "id"]


@dataclass(frozen=True, slots=True)
class Ranked:
    """An area with its verdict: ``why`` says what decided between it and the best other."""

    area: CoveringArea
    winner: bool
    why: Why

    @property
    def position(self) -> tuple[int, UUID, int, float, float, UUID]:
        """What the list of ``ranked`` is ordered by, whole."""
        return (self.area.city_id, self.area.place_id, *_order(self.area))


def ranked(areas: Iterable[CoveringArea]) -> tuple[Ranked, ...]:
    """Areas by city and place, the winner of each place first.

    The highest priority wins, then the smallest area, then the newest, then the lowest id.
    """
    by_place: dict[tuple[int, UUID], list[CoveringArea]] = {}
    for area in areas:
        by_place.setdefault((area.city_id, area.place_id), []).append(area)
    found: list[Ranked] = []
    for key in sorted(by_place):
        best, *others = sorted(by_place[key], key=_order)
        found.append(Ranked(best, True, _decided_by(best, others[0]) if others else "only"))
        found += [Ranked(other, False, _decided_by(best, other)) for other in others]
    return tuple(found)


def _order(area: CoveringArea) -> tuple[int, float, float, UUID]:
    return (-area.priority, area.area_m2, -area.created_at.timestamp(), area.service_area_id)


def _decided_by(best: CoveringArea, other: CoveringArea) -> Why:
    if best.priority != other.priority:
        return "priority"
    if best.area_m2 != other.area_m2:
        return "area"
    return "newest" if best.created_at != other.created_at else "id"


def joined(published: Iterable[Version], fresh: Version, now: datetime) -> tuple[Version, ...]:
    """The published versions of an area once a fresh one is among them, each with the window that is left to it.

    One that begins later stands behind the one in force, in place of any that was to begin later; one that begins at
    once takes the place of the one in force, and what is to begin later stays. Those that are not in it end now.
    """
    if fresh.effective_from > now:
        return lined(*(each for each in published if _holds(each, now)), fresh)
    return lined(fresh, *(each for each in published if each.effective_from > now))


def lined(*versions: Version) -> tuple[Version, ...]:
    """Versions in the order in which they begin, each in force until the next one begins at the latest."""
    found = []
    for each, after in zip(versions, (*versions[1:], None), strict=True):
        said = each.said_until
        if after is None:
            found.append(replace(each, effective_until=said, followed_by=None, declared_until=None))
        else:
            until = after.effective_from if said is None else min(said, after.effective_from)
            found.append(replace(each, effective_until=until, followed_by=after.version, declared_until=said))
    return tuple(found)


def grown(before: Version, after: Version) -> bool:
    """Whether a version is in force for longer than it was."""
    was, now = before.effective_until, after.effective_until
    return was is not None and (now is None or now > was)


def standing(published: Sequence[Version], now: datetime) -> tuple[Version | None, Version | None]:
    """Of an area's published versions the one that has begun last, and the one that is to begin later."""
    begun = [each for each in published if each.effective_from <= now]
    later = [each for each in published if each.effective_from > now]
    return (max(begun, key=lambda each: each.effective_from) if begun else None), (later[0] if later else None)


def _holds(version: Version, now: datetime) -> bool:
    return version.effective_from <= now and (version.effective_until is None or version.effective_until > now)
