"""Joining cities: exact order, and none is asked that can't matter."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from app.discovery.merge import merge
from app.discovery.types import CityPage, Position, Reach


@dataclass(frozen=True)
class Thing:
    """A hit of a drawn world."""

    distance_mm: int
    number: int

    @property
    def position(self) -> Position:
        return self.distance_mm, UUID(int=self.number)


def asker(things: dict[int, list[Thing]], limit: int, asked: list[int]) -> Callable[[Reach], CityPage[Thing]]:
    """Answers like a database: the first limit + 1 of a city and its bounded count."""

    def ask(reach: Reach) -> CityPage[Thing]:
        asked.append(reach.city_id)
        found = sorted(things[reach.city_id], key=lambda thing: thing.position)
        return CityPage(found[: limit + 1], min(len(found), 1001))

    return ask


def test_the_first_of_all_cities_in_order() -> None:
    draw = random.Random(7)
    for _ in range(300):
        things = {
            city: [Thing(low + draw.randrange(5), draw.randrange(10**6)) for _ in range(draw.randrange(6))]
            for city, low in ((2, 0), (3, 2), (4, 2), (5, 9))
        }
        reaches = [Reach(5, 1, 9), Reach(3, 1, 2), Reach(2, 1, 0), Reach(4, 1, 2)]
        limit = draw.randrange(1, 8)
        everything = sorted((thing for found in things.values() for thing in found), key=lambda thing: thing.position)
        for count in (True, False):
            merged = merge(reaches, limit, count, asker(things, limit, []))
            assert [thing.position for thing in merged.hits] == [thing.position for thing in everything[:limit]]
            assert merged.more == (len(everything) > limit)
            assert (merged.total is not None) == count
            assert merged.total is None or (merged.total.value, merged.total.exact) == (len(everything), True)


def test_a_city_that_cannot_matter_is_not_asked() -> None:
    things = {2: [Thing(n, n) for n in range(3)], 3: [Thing(9, 9)]}
    asked: list[int] = []
    merge([Reach(2, 1, 0), Reach(3, 1, 3)], 2, False, asker(things, 2, asked))
    assert asked == [2]


def test_a_city_at_the_distance_of_the_last_is_asked_for_the_sake_of_ties() -> None:
    things = {2: [Thing(0, 5), Thing(1, 6), Thing(2, 9)], 3: [Thing(2, 1)]}
    asked: list[int] = []
    merged = merge([Reach(2, 1, 0), Reach(3, 1, 2)], 3, False, asker(things, 3, asked))
    assert asked == [2, 3]
    assert [thing.number for thing in merged.hits] == [5, 6, 1]


def test_counting_goes_on_until_the_cap() -> None:
    things = {2: [Thing(0, n) for n in range(1001)], 3: [Thing(5, 1)]}
    asked: list[int] = []
    merged = merge([Reach(2, 1, 0), Reach(3, 1, 5)], 2, True, asker(things, 2, asked))
    assert asked == [2]
    assert merged.total is not None
    assert (merged.total.value, merged.total.exact) == (1000, False)
    asked.clear()
    merge([Reach(2, 1, 0), Reach(3, 1, 5)], 2, True, asker(things | {2: things[2][:1000]}, 2, asked))
    assert asked == [2, 3]
