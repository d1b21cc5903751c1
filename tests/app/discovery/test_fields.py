"""Field masks: answers show the members that a caller names, and its id."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.discovery.conftest import Planted

NEARBY = "/v1/places/nearby"


@pytest.fixture(scope="module", autouse=True)
def scenes(planted: Planted) -> None:
    places = [{"lon": 0.001, "lat": 0, "name": "一", "hours_no": 1}, {"lon": 0.002, "lat": 0, "name": "二"}]
    planted.scenes["pair"] = planted.plant(2, places, hours={1: "Mo-Su 08:00-20:00"})
    shifted = [{"lon": 120.16, "lat": 30.25, "datum": "gcj02", "source_lon": 120.1646999, "source_lat": 30.2477}]
    planted.scenes["shifted"] = planted.plant(3, shifted)


def test_lists_show_what_is_named_and_the_id(planted: Planted) -> None:
    first, second = planted.scenes["pair"]
    found = planted.get(NEARBY, lat=0, lon=0, fields="name,hours.state,distance_m")
    assert found["items"] == [
        {"place_id": first, "name": "一", "hours": {"state": "open"}, "distance_m": 111.195},
        {"place_id": second, "name": "二", "hours": {"state": "unknown"}, "distance_m": 222.39},
    ]
    assert found["applied"]["fields"] == ["name", "hours.state", "distance_m"]
    assert planted.get(NEARBY, lat=0, lon=0)["applied"]["fields"] is None


def test_one_place_shows_what_is_named_and_the_id(planted: Planted) -> None:
    first, _ = planted.scenes["pair"]
    whole = planted.get(f"/v1/places/{first}")
    shown = planted.get(f"/v1/places/{first}", fields="name,location,hours,coupons")
    assert shown == {name: whole[name] for name in ("place_id", "name", "location", "hours", "coupons")}
    assert planted.get(f"/v1/places/{first}", fields="location.lat,location") == {
        "place_id": first,
        "location": {"lon": 0.001, "lat": 0.0},
    }


def test_members_of_listed_things_can_be_named(planted: Planted) -> None:
    first, _ = planted.scenes["pair"]
    categories = planted.get(f"/v1/places/{first}", fields="categories.category_id")["categories"]
    assert categories == [{"category_id": "food"}, {"category_id": "restaurant"}]


def test_an_unknown_member_is_refused_with_those_there_are(planted: Planted) -> None:
    first, _ = planted.scenes["pair"]
    for path, around in ((NEARBY, {"lat": 0, "lon": 0}), (f"/v1/places/{first}", {})):
        for wrong in ("nome", "name,nome", "hours.nome", "name.inner", "hours.state.deep", "*", "", ",", "name,"):
            answer = planted.client.get(path, query_string={**around, "fields": wrong})
            problem = answer.get_json(force=True)
            assert (answer.status_code, problem["code"]) == (400, "invalid-parameter"), wrong
            assert problem["errors"][0]["parameter"] == "fields"
        told = planted.client.get(path, query_string={**around, "fields": "nome"}).get_json(force=True)
        assert "hours.state" in told["errors"][0]["detail"]


def test_a_mask_without_a_location_makes_a_feature_without_one(planted: Planted) -> None:
    wanted: dict[str, Any] = {"headers": {"Accept": "application/geo+json"}, "fields": "name"}
    first, _ = planted.scenes["pair"]
    feature = planted.get(f"/v1/places/{first}", **wanted)
    assert (feature["geometry"], feature["properties"]) == (None, {"place_id": first, "name": "一"})
    features = planted.get(NEARBY, lat=0, lon=0, **wanted)["features"]
    assert [feature["geometry"] for feature in features] == [None, None]


def test_a_mask_may_change_from_page_to_page(planted: Planted) -> None:
    _, second = planted.scenes["pair"]
    cursor = planted.get(NEARBY, lat=0, lon=0, limit=1, fields="name")["next_cursor"]
    assert planted.get(NEARBY, lat=0, lon=0, limit=1, fields="lang", cursor=cursor)["items"] == [
        {"place_id": second, "lang": "zh-Hans"}
    ]


def test_a_place_tells_the_digits_of_its_source_and_their_datum(planted: Planted) -> None:
    (shifted,) = planted.scenes["shifted"]
    source = planted.get(f"/v1/places/{shifted}")["source"]
    given = {name: source[name] for name in ("datum", "lon", "lat", "method")}
    assert given == {"datum": "gcj02", "lon": 120.1646999, "lat": 30.2477, "method": "gcj02_inverse"}
    first, _ = planted.scenes["pair"]
    assert planted.get(f"/v1/places/{first}", fields="source.datum,source.method")["source"] == {
        "datum": "wgs84",
        "method": "as_given",
    }
