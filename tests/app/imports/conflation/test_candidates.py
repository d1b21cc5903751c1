"""The search for candidates against a look at every pair, on names drawn at random."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import combinations

import sqlalchemy as sa
from sqlalchemy import Connection

from app.imports.conflation.queries import candidates
from app.imports.conflation.rules import ALIKE, WITHIN_M, name_likeness
from app.imports.types import LoadReport
from geo.coordinates import LonLat
from geo.distance import distance_m
from tests.app.imports.loadfiles import CITY, place

WORDS = ("moon", "river", "golden", "dragon", "noodle", "harbour", "cafe", "bar", "house", "old", "inn", "star")
HAN = "知味观楼外河坊咖啡茶面馆杭州西湖龙井大红灯笼"


def named(draw: random.Random) -> str:
    if draw.random() < 0.5:
        return " ".join(draw.sample(WORDS, draw.randint(1, 3))).title()
    return "".join(draw.sample(HAN, draw.randint(2, 6)))


def spoilt(name: str, draw: random.Random) -> str:
    """The name as another source writes it."""
    at = draw.randrange(len(name))
    return draw.choice([name, name.upper(), f"{name}（武林店）", f"{name} Cafe", name[:at] + name[at + 1 :] or name])


def test_every_pair_of_like_names_nearby_is_a_candidate(town: Connection, load: Callable[..., LoadReport]) -> None:
    """All pairs that are much alike, and at least 92 of a hundred of those that are just alike enough.

    Names drawn from twelve words are the worst case: no piece of them is rare.
    """
    draw = random.Random(20261126)
    features = []
    for number in range(350):
        lon, lat = 179.9 + draw.uniform(-0.004, 0.004), -17.0 + draw.uniform(-0.004, 0.004)
        name = named(draw)
        features.append(place(f"a{number}", lon, lat, name=name))
        if number % 2:
            features.append(place(f"b{number}", lon + draw.uniform(-0.001, 0.001), lat, name=spoilt(name, draw)))
    load(features)
    rows = town.execute(
        sa.text(
            "SELECT place_id, names, st_x(location::geometry) AS lon, st_y(location::geometry) AS lat FROM place_facts"
            " WHERE version = 1"
        )
    ).all()
    town.execute(sa.text("DELETE FROM reviews"))
    town.execute(sa.text("UPDATE place_facts SET closed = false"))
    found = [frozenset({pair.one_id, pair.other_id}) for pair in candidates(town, CITY, 1, None)]
    assert len(found) == len(set(found))
    every = {
        frozenset({one.place_id, other.place_id}): likeness
        for one, other in combinations(rows, 2)
        if distance_m(LonLat(one.lon, one.lat), LonLat(other.lon, other.lat)) <= WITHIN_M
        and (likeness := name_likeness(one.names, other.names)) >= ALIKE
    }
    missed = every.keys() - set(found)
    assert len(every) > 100
    assert len(missed) <= 0.08 * len(every), (len(missed), len(every))
    assert [every[pair] for pair in missed if every[pair] > 0.8] == []
