"""Joins what several cities found: exact order, and no city is asked that can't matter any more; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from app.discovery.types import TOTAL_CAP, CityPage, Hit, Reach, Total

H = TypeVar("H", bound=Hit)


@dataclass(frozen=True, slots=True)
class Merged(Generic[H]):
    """One page over all cities; ``more`` when something follows; ``total`` None when it was not asked."""

    hits: tuple[H, ...]
    more: bool
    total: Total | None


def merge(reaches: Iterable[Reach], limit: int, count: bool, ask: Callable[[Reach], CityPage[H]]) -> Merged[H]:
    """The first ``limit`` of all cities in the order (distance, id).

    ``ask`` answers at most ``limit + 1`` hits of a city and, when counting, how many it has up to one past the cap.
    A city whose nearest possible place is farther than what is held already is asked only while the total is open.
    """
    held: list[H] = []
    total, exact = 0, True
    for reach in sorted(reaches, key=lambda reach: (reach.lower_mm, reach.city_id)):
        full = len(held) > limit and held[limit].distance_mm < reach.lower_mm
        if full and (not count or not exact or total > TOTAL_CAP):
            break
        page = ask(reach)
        total += page.total
        exact = exact and page.exact
        held = sorted([*held, *page.hits], key=lambda hit: hit.position)[: limit + 1]
    counted = Total(min(total, TOTAL_CAP), exact and total <= TOTAL_CAP) if count else None
    return Merged(tuple(held[:limit]), len(held) > limit, counted)


def merge_ranked(
    reaches: Iterable[Reach],
    limit: int,
    count: bool,
    ask: Callable[[Reach], CityPage[H]],
    rank: Callable[[H], Any],
) -> Merged[H]:
    """The first ``limit`` of all cities in another order than by distance, for which every city has to be asked."""
    pages = [ask(reach) for reach in reaches]
    held = sorted((hit for page in pages for hit in page.hits), key=rank)
    return Merged(tuple(held[:limit]), len(held) > limit, capped(sum(page.total for page in pages)) if count else None)


def capped(total: int) -> Total:
    """A total of which everything was counted."""
    return Total(min(total, TOTAL_CAP), total <= TOTAL_CAP)
