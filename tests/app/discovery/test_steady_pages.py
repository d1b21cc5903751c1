"""A place that moves on while a search is read does not come again, in whatever order the pages are."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from app.coupons.search_rows import follow_places
from app.places import edits
from app.places.actions import apply
from app.places.queries_edits import Author
from geo.coordinates import LonLat
from tests.app.discovery.conftest import Planted
from tests.factories.worlds import NOW

NEARBY = "/v1/places/nearby"
PLACES = 40


@pytest.mark.parametrize(
    ("city_id", "asked"),
    [
        (2, {"sort": "blend"}),
        (3, {"sort": "popularity"}),
        (4, {"collapse": "merchant"}),
        (5, {"sort": "blend", "collapse": "merchant"}),
        (6, {"cell": True}),
    ],
)
def test_what_moves_on_does_not_come_again(planted: Planted, city_id: int, asked: dict[str, Any]) -> None:
    lon = 10.0 * city_id
    ids = planted.plant(city_id, [{"lon": round(lon + 0.0006 * n, 7), "lat": 0.001} for n in range(PLACES)])
    around = {"lat": 0.001, "lon": lon, "radius_m": 20_000}
    if "cell" in asked:
        around = {"cell": cell_at(lon), "radius_m": 20_000}
        asked = {}
    page = planted.get(NEARBY, **around, **asked, limit=10)
    seen = [item["place_id"] for item in page["items"]]
    assert len(seen) == 10
    # The first three of the page go to the far end, where later pages would find them; one of a later page comes near.
    later = next(place for place in reversed(ids) if place not in seen)
    spots = [(place, LonLat(lon + 0.05, 0.001)) for place in seen[:3]] + [(later, LonLat(lon, 0.001))]
    moves: list[edits.Edit] = [edits.Move(UUID(place), spot) for place, spot in spots]
    with planted.world.engine.begin() as conn:
        apply(conn, city_id, moves, Author(UUID(int=7), "a test"), NOW, follow=follow_places)
    while page["next_cursor"]:
        page = planted.get(NEARBY, **around, **asked, limit=10, cursor=page["next_cursor"])
        seen += [item["place_id"] for item in page["items"]]
    assert len(seen) == len(set(seen))
    assert set(ids) - set(seen) <= {later}


def cell_at(lon: float) -> str:
    """The geohash of six characters that a place by the line of latitude 0.001 lies in, by hand from its definition."""
    low, high, south, north = -180.0, 180.0, -90.0, 90.0
    bits = []
    for number in range(30):
        if number % 2 == 0:
            middle = (low + high) / 2
            bits.append(lon >= middle)
            low, high = (middle, high) if bits[-1] else (low, middle)
        else:
            middle = (south + north) / 2
            bits.append(middle <= 0.001)
            south, north = (middle, north) if bits[-1] else (south, middle)
    letters = "0123456789bcdefghjkmnpqrstuvwxyz"
    return "".join(letters[int("".join("01"[bit] for bit in bits[at : at + 5]), 2)] for at in range(0, 30, 5))
