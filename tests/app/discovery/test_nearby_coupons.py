"""Coupons around a point."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from tests.factories.worlds import World


def ask(client: FlaskClient, **query: Any) -> dict[str, Any]:
    """A page of coupons, which must be there."""
    answer = client.get("/v1/coupons/nearby", query_string=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def test_the_distance_is_to_the_nearest_place_where_the_coupon_can_be_used(world: World, client: FlaskClient) -> None:
    world.city(2, "two")
    world.dataset(2, "places", 1)
    places = world.places(2, 1, [{"lon": 0.001 * number, "lat": 0} for number in range(1, 10)])
    world.activate(2, "places", 1)
    merchant = world.merchant(2, places=places)
    coupon = world.coupon(2, merchant, [places[4], places[7]])
    found = ask(client, lat=0, lon=0, radius_m=5000)
    assert [item["coupon_id"] for item in found["items"]] == [str(coupon)]
    assert found["items"][0]["distance_m"] == 555.975
    assert found["items"][0]["place"]["place_id"] == str(places[4])
    assert found["items"][0]["place_count"] == 2
