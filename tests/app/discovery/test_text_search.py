"""Searches by words, against brute force: every place measured, sorted by the words of docs/api.md."""

from __future__ import annotations

import random
from typing import Any

import pytest
import shapely

from geo.coordinates import LonLat
from geo.distance import distance_mm
from tests.app.discovery.conftest import Planted

SEARCH = "/v1/places/search"
NAMES = (
    "Blue Bakery",
    "Bakery",
    "Bakery (Lake branch)",
    "Old Bakery Café",
    "麦当劳",
    "麦当劳（西湖店）",
    "必胜客(麦当劳旁店)",
    "Tea House",
)
Place = dict[str, Any]


def somewhere(count: int, lon: float, lat: float, spread: float, seed: int) -> list[Place]:
    """Places with a few names around a point."""
    draw = random.Random(seed)
    return [
        {
            "lon": round(lon + draw.uniform(-spread, spread), 7),
            "lat": round(lat + draw.uniform(-spread, spread), 7),
            "name": draw.choice(NAMES),
            "category": draw.choice(("restaurant", "cafe")),
        }
        for _ in range(count)
    ]


@pytest.fixture(scope="module", autouse=True)
def scenes(planted: Planted) -> None:
    """Two cities near each other, one far away, one over 180°, one with telephones."""

    def planted_at(city_id: int, places: list[Place], lon: float, lat: float) -> list[Place]:
        ids = planted.plant(city_id, places, lon=lon, lat=lat)
        return [place | {"id": place_id, "city": city_id} for place_id, place in zip(ids, places, strict=True)]

    planted.scenes |= {
        "near": planted_at(2, somewhere(160, 120.2, 30.2, 0.05, 1), 120.2, 30.2)
        + planted_at(3, somewhere(80, 121.4, 30.8, 0.05, 2), 121.4, 30.8),
        "far": planted_at(4, somewhere(40, 2.35, 48.85, 0.05, 3), 2.35, 48.86),
        "180": planted_at(
            5,
            [
                {"lon": 179.5, "lat": -17, "name": "west of it"},
                {"lon": -179.5, "lat": -17, "name": "east of it"},
                {"lon": 0, "lat": -17, "name": "far from it"},
                {"lon": 180, "lat": -17.5, "name": "on it"},
            ],
            180,
            -17,
        ),
        "phones": planted_at(
            6,
            [
                {"lon": 100, "lat": 0, "name": "Ring 0571 8765 4321", "phone": "+86 571 1234 5678"},
                {"lon": 100.3, "lat": 0, "name": "Silent", "phone": "(0571) 87654321"},
                {"lon": 100.1, "lat": 0, "name": "Short", "phone": "10086; 95516"},
            ],
            100,
            0,
        ),
    }


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["place_id"] for item in items]


def whole(place: Place, *names: str) -> bool:
    return place["name"] in names


def by_kind(places: list[Place], at: tuple[float, float], names: tuple[str, ...], word: str) -> list[str]:
    """Whole names first, then those that have the word, each kind nearest first."""
    here = LonLat(*at)
    found = [
        (not whole(place, *names), distance_mm(here, LonLat(place["lon"], place["lat"])), place["id"])
        for place in places
        if word in place["name"]
    ]
    return [each[2] for each in sorted(found)]


def by_score(
    places: list[Place], at: tuple[float, float], flat_m: float, names: tuple[str, ...], word: str
) -> list[str]:
    """A name is worth 1, words a half; halved with each kilometre beyond the radius; kind, distance, id break ties."""
    found = []
    for place in places:
        if word not in place["name"]:
            continue
        far = distance_mm(LonLat(*at), LonLat(place["lon"], place["lat"]))
        named = whole(place, *names)
        score = round((1e6 if named else 5e5) * 2 ** -(max(0.0, far - flat_m * 1000) / 1e6))
        found.append((-score, not named, far, place["id"]))
    return [each[3] for each in sorted(found)]


BAKERY = ("Bakery", "Bakery (Lake branch)")
MC = ("麦当劳", "麦当劳（西湖店）")


@pytest.mark.parametrize(("q", "names", "word"), [("bakery", BAKERY, "Bakery"), ("麦当劳", MC, "麦当劳")])
@pytest.mark.parametrize("radius", [None, 1500])
def test_bias_orders_and_leaves_nothing_out(
    planted: Planted, q: str, names: tuple[str, ...], word: str, radius: int | None
) -> None:
    at = (120.21, 30.19)
    expected = by_score(planted.scenes["near"], at, radius or 200, names, word)
    expected += by_kind(planted.scenes["far"], (2.35, 48.86), names, word)
    query = {"q": q, "lon": at[0], "lat": at[1]} | ({"radius_m": radius} if radius else {})
    for limit in (7, 100):
        assert ids(planted.walk(SEARCH, **query, limit=limit)) == expected
    page = planted.get(SEARCH, **query, limit=5)
    assert page["total"] == {"value": len(expected), "relation": "eq"}
    first = page["items"][0]
    assert first["match"]["score"] <= 1_000_000
    assert page["applied"]["where"]["kind"] == "bias"
    last = planted.walk(SEARCH, **query, limit=100)[-1]
    far = next(place for place in planted.scenes["far"] if place["id"] == last["place_id"])
    assert last["distance_m"] * 1000 == distance_mm(LonLat(*at), LonLat(far["lon"], far["lat"]))
    assert last["match"] == {"by": "words", "score": None}


def test_a_city_alone_is_ordered_from_its_centre(planted: Planted) -> None:
    here = [place for place in planted.scenes["near"] if place["city"] == 2]
    for named in ("city-2", "2"):
        found = planted.walk(SEARCH, q="bakery", city=named, limit=9)
        assert ids(found) == by_kind(here, (120.2, 30.2), BAKERY, "Bakery")
        assert {item["distance_m"] for item in found} == {None}


def inside(shape: shapely.Geometry, places: list[Place]) -> list[Place]:
    return [place for place in places if shape.covers(shapely.Point(place["lon"], place["lat"]))]


def test_restriction_is_hard_in_every_shape(planted: Planted) -> None:
    places = planted.scenes["near"] + planted.scenes["far"]
    box = (120.19, 30.18, 121.41, 30.81)
    kept = inside(shapely.box(*box), places)
    assert 10 < len(kept) < len(places)
    middle = (120.8, 30.495)
    expected = by_kind(kept, middle, BAKERY, "Bakery")
    drawn = {"type": "Polygon", "coordinates": [[[120.15, 30.15], [120.25, 30.15], [120.2, 30.25], [120.15, 30.15]]]}
    triangle = inside(shapely.geometry.shape(drawn), places)
    circle = {"center": {"lon": 120.2, "lat": 30.2}, "radius_m": 2500}
    round_about = [
        place for place in places if distance_mm(LonLat(120.2, 30.2), LonLat(place["lon"], place["lat"])) <= 2_500_000
    ]
    cases: list[tuple[Any, list[str]]] = [
        ({"bbox": list(box)}, expected),
        ({"polygon": drawn}, by_kind(triangle, (120.2, 30.2), BAKERY, "Bakery")),
        ({"circle": circle}, by_kind(round_about, (120.2, 30.2), BAKERY, "Bakery")),
    ]
    for shape, right in cases:
        assert walk_posted(planted, {"q": "bakery", "restrict": shape}, limit=6) == right
    assert ids(planted.walk(SEARCH, q="bakery", bbox=",".join(map(str, box)), limit=6)) == expected


def walk_posted(planted: Planted, body: dict[str, Any], limit: int) -> list[str]:
    found, cursor = [], None
    while True:
        answer = planted.client.post(SEARCH, json=body | {"limit": limit} | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        page = answer.get_json()
        found += ids(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            assert page["total"] is not None
            return found


def test_an_area_may_be_asked_for_all_of_its_places(planted: Planted) -> None:
    places = [place for place in planted.scenes["near"] if place["category"] == "cafe"]
    box = (120.19, 30.18, 120.23, 30.21)
    found = planted.walk(SEARCH, bbox=",".join(map(str, box)), category="cafe", limit=5)
    middle = LonLat(120.21, 30.195)
    expected = sorted(
        (distance_mm(middle, LonLat(place["lon"], place["lat"])), place["id"])
        for place in inside(shapely.box(*box), places)
    )
    assert ids(found) == [place_id for _, place_id in expected]
    assert {item["match"] for item in found} == {None}


def test_a_box_over_180_degrees_holds_both_sides(planted: Planted) -> None:
    west, east, _, on = (place["id"] for place in planted.scenes["180"])
    for box in ("179,-18,-179,-16", "179,-17,-179,-17", "179.5,-18,-179.5,-17"):
        found = planted.get(SEARCH, bbox=box)
        assert set(ids(found["items"])) == {west, east} | ({on} if "18" in box else set())
        assert found["total"]["value"] == len(found["items"])
    assert ids(planted.walk(SEARCH, bbox="179,-18,-179,-16", limit=1, q="it")) == [*sorted((west, east)), on]
    edges = planted.get(SEARCH, bbox="-180,-18,-170,-16")
    assert set(ids(edges["items"])) == {east, on}
    assert set(ids(planted.get(SEARCH, bbox="170,-18,180,-16")["items"])) == {west, on}
    point = planted.get(SEARCH, bbox="179.5,-17,179.5,-17")
    assert ids(point["items"]) == [west]


def test_a_region_restricts(planted: Planted) -> None:
    planted.world.dataset(2, "regions", 1)
    region = planted.world.region(2, 1, "POLYGON((120.18 30.18, 120.22 30.18, 120.22 30.22, 120.18 30.18))")
    planted.world.activate(2, "regions", 1)
    shape = shapely.from_wkt("POLYGON((120.18 30.18, 120.22 30.18, 120.22 30.22, 120.18 30.18))")
    kept = by_kind(inside(shape, planted.scenes["near"]), (120.2, 30.2), BAKERY, "Bakery")
    assert kept
    assert ids(planted.walk(SEARCH, q="bakery", region=str(region), limit=4)) == kept
    assert walk_posted(planted, {"q": "bakery", "restrict": {"region_id": str(region)}}, limit=4) == kept


def test_a_number_is_found_as_it_is_dialled(planted: Planted) -> None:
    ring, silent, short = (place["id"] for place in planted.scenes["phones"])
    for said in ("0571 8765 4321", "+86 571 87654321", "(0571)8765-4321", "+8657187654321"):
        found = planted.get(SEARCH, q=said, city="city-6")["items"]
        assert found[0]["place_id"] == silent
        assert found[0]["match"]["by"] == "phone"
    both = planted.get(SEARCH, q="0571 8765 4321", city="city-6")["items"]
    assert [(item["place_id"], item["match"]["by"]) for item in both] == [(silent, "phone"), (ring, "words")]
    assert ids(planted.get(SEARCH, q="95516", city="city-6")["items"]) == [short]
    assert ids(planted.get(SEARCH, q="8765", city="city-6")["items"]) == [ring]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"q": "bakery"}, 400, "location-required"),
        ({"q": "  ", "city": "city-2"}, 400, "invalid-parameter"),
        ({"q": "?!。", "city": "city-2"}, 400, "invalid-parameter"),
        ({"city": "city-2"}, 400, "missing-parameter"),
        ({"q": "bakery", "lat": 1}, 400, "missing-parameter"),
        ({"q": "bakery", "radius_m": 100, "city": "city-2"}, 400, "missing-parameter"),
        ({"q": "bakery", "lat": 1, "lon": 1, "bbox": "0,0,1,1"}, 400, "conflicting-parameters"),
        ({"q": "bakery", "bbox": "0,1,1,0"}, 400, "invalid-bbox"),
        ({"q": "bakery", "bbox": "0,0,1"}, 400, "invalid-bbox"),
        ({"q": "bakery", "bbox": "180,0,-180,1"}, 400, "invalid-bbox"),
        ({"q": "bakery", "bbox": "0,0,1,1", "datum": "gcj02"}, 400, "invalid-parameter"),
        ({"q": "bakery", "city": "atlantis"}, 400, "unknown-city"),
        ({"q": "bakery", "lat": 95, "lon": 1}, 400, "invalid-coordinate"),
        ({"q": "bakery", "city": "city-2", "colour": "red"}, 400, "unknown-parameter"),
    ],
)
def test_what_can_not_be_meant_is_refused(planted: Planted, query: dict[str, Any], status: int, code: str) -> None:
    assert planted.refused(SEARCH, **query) == (status, code)


BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"q": "a", "bias": {"bbox": [0, 0, 1, 1]}, "restrict": {"bbox": [0, 0, 1, 1]}}, 400, "/restrict"),
        ({"q": "a", "restrict": {"bbox": [0, 0, 1]}}, 400, "/restrict/bbox"),
        ({"q": "a", "restrict": {"bbox": [0, 1, 1, 0]}}, 400, "/restrict/bbox/1"),
        ({"q": "a", "restrict": {}}, 422, "/restrict"),
        ({"q": "a", "restrict": {"bbox": [0, 0, 1, 1], "region_id": "x"}}, 422, "/restrict/region_id"),
        ({"q": "a", "restrict": {"polygon": BOW_TIE}}, 422, "/restrict/polygon/coordinates/0"),
        ({"q": "a", "restrict": {"polygon": {"type": "Point", "coordinates": [0, 0]}}}, 422, "/restrict/polygon/type"),
        (
            {"restrict": {"circle": {"center": {"lon": 0, "lat": 95}, "radius_m": 10}}},
            400,
            "/restrict/circle/center/lat",
        ),
        ({"q": "a", "region": "x"}, 422, "/region"),
        ({"bias": {"bbox": [0, 0, 1, 1]}}, 422, "/q"),
    ],
)
def test_bodies_are_refused_where_they_are_wrong(
    planted: Planted, body: dict[str, Any], status: int, pointer: str
) -> None:
    answer = planted.client.post(SEARCH, json=body)
    problem = answer.get_json(force=True)
    assert (answer.status_code, [fault["pointer"] for fault in problem["errors"]]) == (status, [pointer]), problem


def test_a_cursor_belongs_to_its_shape(planted: Planted) -> None:
    cursor = planted.get(SEARCH, q="bakery", bbox="120,30,122,31", limit=1)["next_cursor"]
    assert planted.refused(SEARCH, q="bakery", bbox="120,30,122,32", limit=1, cursor=cursor) == (400, "invalid-cursor")


def test_masks_and_geojson(planted: Planted) -> None:
    page = planted.get(SEARCH, q="bakery", city="city-2", fields="name,match", limit=1)
    assert set(page["items"][0]) == {"place_id", "name", "match"}
    features = planted.get(SEARCH, q="bakery", city="city-2", limit=3, headers={"Accept": "application/geo+json"})
    assert [feature["geometry"]["type"] for feature in features["features"]] == ["Point"] * 3
