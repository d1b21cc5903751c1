"""Fences in memory answer what the database answers, whatever changed since they were read."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

import pytest
import shapely

from app.core.settings import Settings
from app.geofencing import queries_sets
from app.geofencing.memory import FenceMemory, KeptFences, StoredFences
from geo.coordinates import LonLat
from tests.app.geofencing.fenced import Fenced, open_fenced
from tests.conftest import MakeDatabase
from tests.factories.loops import CITY, LAT, LON


@pytest.fixture(scope="module")
def fenced(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Fenced]:
    url = make_database(migrated_template)
    found, engine = open_fenced(url, settings_for(url))
    yield found
    found.database.dispose()
    engine.dispose()


def test_tree_and_database_find_the_same_through_all_changes(fenced: Fenced) -> None:
    draw = random.Random(7)

    def spot() -> LonLat:
        return LonLat(LON + draw.uniform(-0.01, 0.01), LAT + draw.uniform(-0.01, 0.01))

    def ways() -> list[shapely.Geometry]:
        ends = [(spot(), spot()) for _ in range(40)]
        lines = [shapely.LineString([(a.lon, a.lat), (b.lon, b.lat)]) for a, b in ends]
        return [*lines, *(shapely.Point(a.lon, a.lat) for a, _ in ends)]

    memory = FenceMemory(fenced.database, read_at_once=8)  # so that changes are laid over, and the tree built anew
    fences = [fenced.fence(center=spot(), radius_m=draw.uniform(30, 400)) for _ in range(14)]
    memory.load(CITY)
    kinds = set()
    for turn in range(12):
        what = draw.choice(("make", "change", "delete"))
        if what == "make":
            fences.append(fenced.fence(center=spot(), radius_m=draw.uniform(30, 400)))
        else:
            fence = fences.pop(draw.randrange(len(fences)))
            if what == "delete":
                fenced.delete(fence)
            else:
                center = spot()
                circle = {"center": {"lon": center.lon, "lat": center.lat}, "radius_m": draw.uniform(30, 400)}
                answer = fenced.change(fence, circle=circle)
                fences.append(answer.get_json() | {"etag": answer.headers["ETag"]})
        with fenced.database.read_primary() as conn:
            (here,) = queries_sets.fence_sets(conn)
            assert here.fence_count == len(fences)
            kept = memory.fences(conn, here)
            if not isinstance(kept, KeptFences):  # it is being read beside; the database answers meanwhile
                kept = _read(memory, fenced, turn)
            kinds.add(bool(kept.changed))
            stored, asked = StoredFences(conn, CITY), ways()
            by_tree = sorted((number, fence.geofence_id, fence.version) for number, fence in kept.touched(asked))
            by_index = sorted((number, fence.geofence_id, fence.version) for number, fence in stored.touched(asked))
            assert by_tree == by_index
            ids = [fence.geofence_id for _, fence in stored.touched(asked)]
            assert kept.by_id(ids).keys() == stored.by_id(ids).keys()
    assert kinds == {True, False}


def _read(memory: FenceMemory, fenced: Fenced, turn: int) -> KeptFences:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with fenced.database.read_primary() as conn:
            (here,) = queries_sets.fence_sets(conn)
            found = memory.fences(conn, here)
        if isinstance(found, KeptFences):
            return found
        time.sleep(0.02)
    raise AssertionError(f"not read in time, turn {turn}")
