"""Bad drawings over HTTP: nine ways, each refused with reason and place, and nothing kept."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.db import open_database
from app.core.settings import Settings
from app.factory import create_app
from tests.conftest import MakeDatabase
from tests.factories.desks import code_of, fault_of, made
from tests.factories.drawers import EAST, NORTH, SOUTH, WEST, Drawer, around, square
from tests.factories.loops import LAT, LON, plant_loop


@pytest.fixture(scope="module")
def drawer(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Drawer]:
    """One world for the whole file, in which nothing is ever kept."""
    url = make_database(migrated_template)
    settings = settings_for(url)
    engine, opened = sa.create_engine(url), open_database(settings)
    yield Drawer(plant_loop(create_app(settings, database=opened), engine))
    opened.dispose()
    engine.dispose()


def ring(*positions: tuple[float, float]) -> dict[str, Any]:
    """A polygon of one ring about the middle of the city, by offsets in thousandths of a degree."""
    return {
        "type": "Polygon",
        "coordinates": [[[round(LON + x / 1000, 7), round(LAT + y / 1000, 7)] for x, y in positions]],
    }


BOX = [(0, 0), (10, 0), (10, 10), (0, 10), (0, 0)]
BAD: dict[str, tuple[dict[str, Any], str, str, tuple[float, float] | None]] = {
    "bow-tie": (
        ring((0, 0), (10, 10), (10, 0), (0, 10), (0, 0)), "invalid-geometry", "/geometry/coordinates/0", (5, 5)
    ),
    "open": (ring(*BOX[:4]), "invalid-geometry", "/geometry/coordinates/0", (0, 10)),
    "line": (ring((0, 0), (5, 5), (10, 10), (0, 0)), "invalid-geometry", "/geometry/coordinates/0", (0, 0)),
    "text for a number": (
        {"type": "Polygon", "coordinates": [[[LON, LAT], [LON + 0.01, "x"], [LON, LAT + 0.01], [LON, LAT]]]},
        *("invalid-geometry", "/geometry/coordinates/0/1/1", None),
    ),
    "out of range": (
        {"type": "Polygon", "coordinates": [[[LON, 91], [LON + 0.01, LAT], [LON, LAT + 0.01], [LON, 91]]]},
        *("invalid-geometry", "/geometry/coordinates/0/0/1", None),
    ),
    "hole outside": (
        {"type": "Polygon", "coordinates": [ring(*BOX)["coordinates"][0], around(0.001, LON + 1)["coordinates"][0]]},
        *("invalid-geometry", "/geometry/coordinates/1", None),
    ),
    "sliver": (
        ring((0, 0), (10, 0), (10, 0.002), (0, 0.002), (0, 0)), "invalid-geometry", "/geometry/coordinates", None
    ),
    "parts over each other": (
        {"type": "MultiPolygon", "coordinates": [around(0.01)["coordinates"], around(0.01, LON + 0.01)["coordinates"]]},
        *("invalid-geometry", "/geometry/coordinates", None),
    ),
    "outside the city": (square(EAST - 0.01, LAT, EAST + 0.02, LAT + 0.01), "area-outside-city", "/geometry", None),
    "too large": (square(WEST - 2, SOUTH - 2, EAST + 2, NORTH + 2), "geometry-too-large", "/geometry", None),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_drawing_is_refused_with_its_reason_and_place_and_leaves_nothing(drawer: Drawer, name: str) -> None:
    geometry, code, pointer, offset = BAD[name]
    answer = drawer.draws("bad", geometry=geometry)
    body = answer.get_json()
    assert (code_of(answer), fault_of(answer)) == ((422, code), (422, [pointer])), body
    assert body["errors"][0]["detail"]
    assert pointer in body["detail"]
    assert (body["errors"][0].get("location") is None) == (name in ("text for a number", "out of range"))
    if offset is not None:
        place = body["errors"][0]["location"]
        assert place["lon"] == pytest.approx(LON + offset[0] / 1000, abs=1e-6)
        assert place["lat"] == pytest.approx(LAT + offset[1] / 1000, abs=1e-6)
    assert drawer.loop.one("SELECT count(*) FROM service_areas") == 0


def test_not_a_number_is_no_json_and_told_with_its_pointer(drawer: Drawer) -> None:
    body = json.dumps({"kind": "delivery", "geometry": around()}).replace("120.18", "NaN", 1)
    answer = drawer.loop.client.put(
        drawer.path("bad"),
        data=body,
        content_type="application/json",
        headers={
            "Authorization": f"Bearer {drawer.loop.token(*drawer.owner)}",
            "Idempotency-Key": secrets.token_hex(8),
        },
    )
    assert code_of(answer) == (400, "json-number")
    assert answer.get_json()["errors"][0]["pointer"] == "/geometry/coordinates/0/1/0"


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"kind": "moon"}, ["/kind"]),
        ({"radius_m": 500, "geometry": around()}, ["/radius_m"]),
        ({"geometry": around(), "center": {"lon": LON, "lat": LAT}}, ["/center"]),
        ({"radius_m": 9}, ["/radius_m"]),
        ({"radius_m": "500"}, ["/radius_m"]),
        ({"travel_minutes": 10}, ["/mode"]),
        ({"schedule": "whenever"}, ["/schedule"]),
        ({"fee": {"amount_minor": 1, "currency": "EUR"}}, ["/fee/currency"]),
        ({"fee": {"amount_minor": -1, "currency": "CNY"}}, ["/fee/amount_minor"]),
        ({"tags": ["a", "a"]}, ["/tags"]),
        ({"metadata": {f"k{n}": n for n in range(21)}}, ["/metadata"]),
        ({"metadata": {"a": [1]}}, ["/metadata/a"]),
        ({"effective": {"until": "2020-01-01T00:00:00Z"}}, ["/effective/until", "/effective/until"]),
        ({"priority": 1.5}, ["/priority"]),
        ({"merchant_id": "x"}, ["/merchant_id"]),
        ({"state": "published"}, ["/state"]),
    ],
)
def test_every_fault_of_the_terms_says_where_it_is(drawer: Drawer, given: dict[str, Any], pointers: list[str]) -> None:
    answer = drawer.draws("bad", **given)
    assert fault_of(answer) == (422, pointers), answer.get_json()
    assert drawer.loop.one("SELECT count(*) FROM service_areas") == 0


def test_what_reaches_out_of_the_city_comes_back_cut_at_its_border(drawer: Drawer) -> None:
    reaching = square(EAST - 0.01, LAT, EAST + 0.02, LAT + 0.01)
    body = drawer.draws("bad", geometry=reaching).get_json()
    assert body["errors"][0]["location"]["lon"] > EAST
    (proposed,) = body["proposal"]["geometry"]["coordinates"]
    assert {tuple(position) for position in proposed} == {
        (round(x, 7), round(y, 7)) for x in (EAST - 0.01, EAST) for y in (LAT, LAT + 0.01)
    }
    # an area that ends on the border is inside
    whole = made(drawer.draws("whole", geometry=square(EAST - 0.1, SOUTH, EAST, NORTH)), 201)
    assert whole["state"] == "validated"
    assert drawer.ends(whole, "/draft").status_code == 204


def test_time_and_circles_are_areas_too_and_say_what_they_are(drawer: Drawer) -> None:
    circle = drawer.drawn("circle", radius_m=1500.5)
    assert circle["waiting"]["outline"] == {"center": {"lon": LON, "lat": LAT}, "radius_m": 1500.5}
    assert circle["waiting"]["area_m2"] == pytest.approx(3.14159 * 1500.5**2, rel=0.005)
    walk = drawer.drawn("walk", travel_minutes=13, mode="walk")
    # 13 minutes at 5 km/h are 1,083 m, and ways are 1.3 times as long as the crow flies: 833 m
    outline = walk["waiting"]["outline"]
    assert (outline["source"], outline["radius_m"], outline["mode"]) == ("estimate", 833.3, "walk")
    large = drawer.draws("large", radius_m=18_000, center={"lon": LON, "lat": LAT})
    assert code_of(large) == (422, "geometry-too-large")  # 1,018 km², and the plan allows 1,000
    assert fault_of(large) == (422, ["/radius_m"])
