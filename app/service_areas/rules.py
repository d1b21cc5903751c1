"""Which of several areas of one place serves a point; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from app.service_areas.types import CoveringArea

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
