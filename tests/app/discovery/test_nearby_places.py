"""Places around a point."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from tests.factories.worlds import World


def ask(client: FlaskClient, **query: Any) -> dict[str, Any]:
    """A page of places, which must be there."""
    answer = client.get("/v1/places/nearby", query_string=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def plant(world: World, city_id: int, places: list[dict[str, Any]], **city: Any) -> list[str]:
    """A city of one version, active."""
    world.city(city_id, f"city-{city_id}", **city)
    world.dataset(city_id, "places", 1)
    ids = world.places(city_id, 1, places)
    world.activate(city_id, "places", 1)
    return [str(place_id) for place_id in ids]


def test_nearest_comes_first(world: World, client: FlaskClient) -> None:
    ids = plant(world, 2, [{"lon": 0.02, "lat": 0}, {"lon": 0.01, "lat": 0}, {"lon": 0.5, "lat": 0}])
    found = ask(client, lat=0, lon=0, radius_m=3000)
    assert [item["place_id"] for item in found["items"]] == [ids[1], ids[0]]
    assert found["total"] == {"value": 2, "relation": "eq"}
    assert found["next_cursor"] is None
    assert found["items"][0]["distance_m"] == 1111.951


def test_places_of_two_cities_come_in_one_order_with_ties_by_id(world: World, client: FlaskClient) -> None:
    plant(world, 2, [{"lon": 0.01, "lat": 0}, {"lon": 0.01, "lat": 0}, {"lon": 0.0, "lat": 0.02}])
    plant(world, 3, [{"lon": 0.01, "lat": 0}, {"lon": 0.012, "lat": 0}])
    found = ask(client, lat=0, lon=0, radius_m=5000)
    keys = [(item["distance_m"], item["place_id"]) for item in found["items"]]
    assert keys == sorted(keys)
    assert len(keys) == 5
    walked, cursor = [], None
    while cursor is not None or not walked:
        page = ask(client, lat=0, lon=0, radius_m=5000, limit=1, **({"cursor": cursor} if cursor else {}))
        walked += [(item["distance_m"], item["place_id"]) for item in page["items"]]
        assert page["total"] == {"value": 5, "relation": "eq"}
        cursor = page["next_cursor"]
    assert walked == keys
