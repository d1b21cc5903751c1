"""One walk through all pages of a search while places are opened, moved and closed between them, and its judgement.

The reference keeps what every place is at each moment; its distances are worked out with numpy, apart from the
product. ``test_paging_under_writes`` walks a few times, ``./dev campaign paging`` many.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from itertools import pairwise
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from flask import Flask

from app.core.ids import new_city_id
from app.coupons.search_rows import follow_places
from app.places import edits
from app.places.actions import apply
from app.places.queries_edits import Author
from geo.coordinates import LonLat
from tests.factories.worlds import NOW, World

CITY = 2
PLACES = 5_000
WRITES = 500
LIMIT = 100
HERE = (10.0, 50.0)
RADIUS_M = 5_000
HOURS = {1: "Mo-Su 08:00-20:00", 2: "Mo-Sa 08:00-20:00"}  # it is Sunday, 10:30 in Berlin: open, closed
FILTERS: tuple[dict[str, str], ...] = ({}, {"category": "food"}, {"open_now": "true"})
AUTHOR = Author(UUID(int=7), "a test")


@dataclass
class Town:
    """A city of 5,000 places in a circle of 5 km, some at the same point; ``meets`` says which filters each meets."""

    world: World
    writer: sa.Engine
    app: Flask
    draw: random.Random
    spots: dict[UUID, tuple[float, float]] = field(default_factory=dict)
    meets: dict[UUID, tuple[bool, bool, bool]] = field(default_factory=dict)

    def plant(self) -> None:
        """Writes the city into an empty database."""
        world = self.world
        world.basics()
        world.city(CITY, "city-2", time_zone="Europe/Berlin")
        world.dataset(CITY, "places", 1)
        for number, text in HOURS.items():
            world.hours(CITY, 1, number, text, "Europe/Berlin")
        wanted, kinds = [], []
        for _ in range(PLACES):
            lon, lat = self.point()
            category, hours_no = self.draw.choice(("cafe", "hotpot", "bookshop")), self.draw.choice((1, 2, None))
            wanted.append({"lon": lon, "lat": lat, "category": category, "hours_no": hours_no})
            kinds.append((True, category != "bookshop", hours_no == 1))
        ids = world.places(CITY, 1, wanted)
        world.activate(CITY, "places", 1)
        self.spots = {place: (one["lon"], one["lat"]) for place, one in zip(ids, wanted, strict=True)}
        self.meets = dict(zip(ids, kinds, strict=True))
        with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.exec_driver_sql("ANALYZE")

    def point(self) -> tuple[float, float]:
        """A point within the circle; one in ten is where another place stands."""
        if self.spots and self.draw.random() < 0.1:
            return self.draw.choice(list(self.spots.values()))
        turn, far = self.draw.random() * 6.283185307, 4_900 * self.draw.random() ** 0.5
        lon = HERE[0] + far * float(np.cos(turn)) / 71_500
        return round(lon, 7), round(HERE[1] + far * float(np.sin(turn)) / 111_300, 7)

    def write(self, count: int) -> tuple[set[UUID], set[UUID]]:
        """Opens, moves and closes places in one transaction; ids touched, and ids that are gone."""
        opened, moved = count // 3, count // 3
        wanted: list[edits.Edit] = []
        standing = self.draw.sample(sorted(self.spots), count - opened)
        for _ in range(opened):
            place = new_city_id(CITY)
            self.spots[place] = self.point()
            self.meets[place] = (True, True, True)
            at = LonLat(*self.spots[place])
            wanted.append(edits.Open(place, at, {"local": "new"}, "cafe", opening_hours=HOURS[1]))
        for place in standing[:moved]:
            self.spots[place] = self.point()
            wanted.append(edits.Move(place, LonLat(*self.spots[place])))
        for place in standing[moved:]:
            del self.spots[place]
            wanted.append(edits.Close(place))
        with self.writer.begin() as conn:
            apply(conn, CITY, wanted, AUTHOR, NOW, follow=follow_places)
        return {edit.place_id for edit in wanted}, set(standing[moved:])


def metres(lon: float, lat: float) -> float:
    """Haversine on the sphere of 6 371 008.7714150598 m, from the origin of the walks."""
    phi, there = np.radians(HERE[1]), np.radians(lat)
    part = np.sin((there - phi) / 2) ** 2 + np.cos(phi) * np.cos(there) * np.sin(np.radians(lon - HERE[0]) / 2) ** 2
    return float(2 * 6371008.7714150598 * np.arcsin(np.sqrt(part)))


def walk(town: Town, number: int, every: int = 1) -> str | None:
    """Walks all pages of a search, writing between them; what was wrong, or None.

    Each page's rows are compared with where the places stand when it is read.
    """
    touched: set[UUID] = set()
    closed: set[UUID] = set()
    before = dict(town.spots)
    met = dict(town.meets)
    seen: list[tuple[int, UUID]] = []
    cursor, pages = None, 0
    pages_expected = sum(met[place][number] for place in before) // LIMIT
    a_page = max(3, WRITES // max(1, pages_expected // every))
    while cursor is not None or pages == 0:
        query = {"lon": HERE[0], "lat": HERE[1], "radius_m": RADIUS_M, "limit": LIMIT, **FILTERS[number]}
        asked = query | ({"cursor": cursor} if cursor else {})
        answer = town.app.test_client().get("/v1/places/nearby", query_string=asked)
        if answer.status_code != 200:
            return f"page {pages} answered {answer.status_code}: {answer.text}"
        page = json.loads(answer.data)
        for item in page["items"]:
            place = UUID(item["place_id"])
            if place in closed:
                return f"{place} was closed before page {pages}"
            far = metres(*town.spots[place])
            if abs(far - item["distance_m"]) > 0.000501:
                return f"{place} is {far} m away, page {pages} says {item['distance_m']}"
            seen.append((round(far * 1000), place))
        cursor, pages = page["next_cursor"], pages + 1
        if cursor is not None and pages % every == 0:
            more, gone = town.write(a_page)
            touched |= more
            closed |= gone
    return _judged(seen, {place for place in before if met[place][number]} - touched, touched)


def _judged(seen: list[tuple[int, UUID]], untouched: set[UUID], touched: set[UUID]) -> str | None:
    ids = [place for _, place in seen]
    if len(set(ids)) != len(ids):
        return "an id came twice"
    if missing := untouched - set(ids):
        return f"{len(missing)} untouched places never came, {min(missing)} among them"
    if strange := set(ids) - untouched - touched:
        return f"{len(strange)} places came that do not meet the filter, {min(strange)} among them"
    for (mm, place), (next_mm, next_place) in pairwise(seen):
        if (next_mm, next_place) < (mm, place):
            return f"{next_place} at {next_mm} mm came after {place} at {mm} mm"
    return None


def town_of(seed: int, world: World, writer: sa.Engine, app: Flask) -> Town:
    """A planted town, drawn from a seed."""
    town = Town(world, writer, app, random.Random(seed))
    town.plant()
    return town
