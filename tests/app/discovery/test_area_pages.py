"""Pages of service areas at a point, while areas and versions change between them."""

from __future__ import annotations

from uuid import UUID

from tests.app.discovery.conftest import Planted

CONTAINING = "/v1/service-areas/containing"


def test_pages_go_on_behind_the_last_area_shown_in_the_version_of_the_first(planted: Planted) -> None:
    world, drawn = planted.world, "POLYGON((40 40, 41 40, 41 41, 40 41, 40 40))"
    (place,) = (UUID(place) for place in planted.plant(8, [{"lon": 40.5, "lat": 40.5}]))
    merchant = world.merchant(8)
    areas = [str(world.service_area(8, place, merchant, drawn, priority=priority)) for priority in (7, 5, 3)]
    asked = {"lat": 40.5, "lon": 40.5, "limit": 1}
    first = planted.get(CONTAINING, **asked)
    world.service_area(8, place, merchant, drawn, priority=9)
    world.dataset(8, "places", 2)
    world.activate(8, "places", 2)  # states no place at all
    second = planted.get(CONTAINING, **asked, cursor=first["next_cursor"])
    third = planted.get(CONTAINING, **asked, cursor=second["next_cursor"])
    assert [page["items"][0]["service_area_id"] for page in (first, second, third)] == areas
    assert third["next_cursor"] is None
    assert planted.get(CONTAINING, **asked)["items"] == []
