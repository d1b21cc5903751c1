"""Pages stay on the versions of the first; areas and datums around a point."""

from __future__ import annotations

import pytest

from tests.app.discovery.conftest import Planted

NEARBY = "/v1/places/nearby"
# Tian'anmen in WGS 84 and, by an independent implementation of the public formula, in GCJ-02.
BEIJING = (116.3912757, 39.9072203)


@pytest.fixture(scope="module", autouse=True)
def scenes(planted: Planted) -> None:
    world = planted.world
    planted.scenes["moving"] = planted.plant(2, [{"lon": 0.001 * n, "lat": 0} for n in range(6)])
    square = "POLYGON((20 0, 20.01 0, 20.01 0.01, 20 0.01, 20 0))"
    planted.scenes["square"] = planted.plant(
        3, [{"lon": 20.005, "lat": 0.005}, {"lon": 20.01, "lat": 0.005}, {"lon": 20.0100001, "lat": 0.005}]
    )
    planted.scenes["neighbours"] = planted.plant(4, [{"lon": 20.004, "lat": 0.005}, {"lon": 20.02, "lat": 0.005}])
    world.dataset(3, "regions", 1, stored=1)
    planted.scenes["region"] = str(world.region(3, 1, square))
    world.activate(3, "regions", 1)
    planted.scenes["beijing"] = planted.plant(5, [{"lon": BEIJING[0], "lat": BEIJING[1]}])
    planted.scenes["native gcj02"] = planted.plant(
        6,
        [{"lon": 121.4737, "lat": 31.2304, "datum": "gcj02", "source_lon": 121.4782055, "source_lat": 31.2284629}],
    )


def test_a_region_keeps_places_on_its_border_and_of_any_city(planted: Planted) -> None:
    inside, border, _ = planted.scenes["square"]
    neighbour, _ = planted.scenes["neighbours"]
    found = planted.get(NEARBY, lat=0.005, lon=20.005, region=planted.scenes["region"])
    assert [item["place_id"] for item in found["items"]] == [inside, neighbour, border]
    assert "© regions of 3" in found["applied"]["attribution"]


def test_a_region_that_is_not_there_is_refused(planted: Planted) -> None:
    for unknown in (planted.scenes["square"][0], "00000000-0000-7000-8000-000000000000"):
        assert planted.refused(NEARBY, lat=0, lon=20, region=unknown) == (400, "unknown-region")


def test_positions_go_in_and_out_in_the_datum_asked(planted: Planted) -> None:
    plain = planted.get(NEARBY, lat=BEIJING[1], lon=BEIJING[0])["items"][0]
    assert plain["distance_m"] == 0
    for datum in ("gcj02", "bd09"):
        shown = planted.get(f"/v1/places/{plain['place_id']}", datum=datum)["location"]
        assert abs(shown["lon"] - BEIJING[0]) > 0.005
        again = planted.get(NEARBY, lat=shown["lat"], lon=shown["lon"], datum=datum)
        assert again["applied"]["datum"] == datum
        assert again["items"][0]["location"] == shown
        assert again["items"][0]["distance_m"] <= 0.02


def test_geojson_is_wgs84_whatever_the_datum(planted: Planted) -> None:
    (place,) = planted.scenes["beijing"]
    true = {"type": "Point", "coordinates": [BEIJING[0], BEIJING[1]]}
    wanted = {"Accept": "application/geo+json"}
    for datum in ("gcj02", "bd09"):
        shown = planted.get(f"/v1/places/{place}", datum=datum)
        assert shown["datum"] == datum
        feature = planted.get(f"/v1/places/{place}", datum=datum, headers=wanted)
        assert (feature["geometry"], feature["properties"]["datum"]) == (true, "wgs84")
        at = {"lat": shown["location"]["lat"], "lon": shown["location"]["lon"], "datum": datum}
        found = planted.get(NEARBY, **at, headers=wanted)
        assert (found["features"][0]["geometry"], found["applied"]["datum"]) == (true, datum)


def test_positions_known_in_a_datum_are_not_converted_twice(planted: Planted) -> None:
    (place,) = planted.scenes["native gcj02"]
    assert planted.get(f"/v1/places/{place}", datum="gcj02")["location"] == {"lon": 121.4782055, "lat": 31.2284629}


def test_pages_finish_on_their_version_and_end_when_it_is_purged(planted: Planted) -> None:
    world, old = planted.world, planted.scenes["moving"]
    at = {"lat": 0, "lon": 0, "limit": 2}
    first = planted.get(NEARBY, **at)
    world.dataset(2, "places", 2)
    world.places(2, 2, [{"lon": 0.0005, "lat": 0}])
    world.activate(2, "places", 2)
    second = planted.get(NEARBY, **at, cursor=first["next_cursor"])
    assert [item["place_id"] for item in first["items"] + second["items"]] == old[:4]
    assert second["total"] == {"value": 6, "relation": "eq"}
    assert second["applied"]["versions"] == {"2": 1}
    assert planted.get(NEARBY, **at)["applied"]["versions"] == {"2": 2}
    world.run("DELETE FROM place_facts WHERE city_id = :c AND version = 1", {"c": 2})
    assert planted.refused(NEARBY, **at, cursor=second["next_cursor"]) == (410, "expired-cursor")


def test_an_insert_behind_the_cursor_is_shown_and_before_it_is_not(planted: Planted) -> None:
    ids = planted.plant(7, [{"lon": 60 + 0.001 * n, "lat": 0} for n in range(4)])
    at = {"lat": 0, "lon": 60, "limit": 2}
    first = planted.get(NEARBY, **at)
    before, behind = planted.world.places(7, 1, [{"lon": 60.0005, "lat": 0}, {"lon": 60.0025, "lat": 0}])
    second = planted.get(NEARBY, **at, cursor=first["next_cursor"])
    assert [item["place_id"] for item in second["items"]] == [ids[2], str(behind)]
    assert str(before) not in [item["place_id"] for item in second["items"]]
