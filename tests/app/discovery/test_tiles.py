"""Vector tiles: what stands where, on both sides of 180°, and what is sent again."""

from __future__ import annotations

from math import atan, degrees, pi, sinh

import pytest

from tests.app.discovery.conftest import Planted
from tests.factories.mvt import Feature, read_tile
from tests.factories.worlds import NOW


def lonlat_of(z: int, x: float, y: float) -> dict[str, float]:
    """The position at column x and row y, parts of a tile included; Web Mercator turned round by hand."""
    count = 1 << z
    return {"lon": x / count * 360 - 180, "lat": degrees(atan(sinh(pi * (1 - 2 * y / count))))}


@pytest.fixture(scope="module", autouse=True)
def scenes(planted: Planted) -> None:
    world = planted.world
    middle = lonlat_of(14, 9000.5, 8000.25)
    edge = lonlat_of(14, 9001.005, 8000.5)
    planted.scenes["dots"] = planted.plant(2, [middle, edge, {**middle, "closed": True}])
    planted.scenes["beside"] = planted.plant(3, [lonlat_of(14, 9000.75, 8000.75)])
    planted.scenes["date line"] = planted.plant(4, [{"lon": 179.9999, "lat": -17}, {"lon": -179.9999, "lat": -17}])
    merchant = world.merchant(2)
    world.coupon(2, merchant, [planted.scenes["dots"][0]])
    world.dataset(2, "regions", 1)
    world.region(2, 1, "POLYGON((17 3, 19 3, 19 5, 17 5, 17 3))", level=6, name="区")
    world.region(2, 1, "POLYGON((17.7 4.1, 17.8 4.1, 17.8 4.2, 17.7 4.1))", level=12, kind="business_district")
    halves = "MULTIPOLYGON(((179 -1, 180 -1, 180 1, 179 1, 179 -1)), ((-180 -1, -179 -1, -179 1, -180 1, -180 -1)))"
    world.region(2, 1, halves, level=2, kind="country", name="两边")
    world.activate(2, "regions", 1)
    for state in ("published", "draft"):
        world.service_area(
            2, planted.scenes["dots"][0], merchant, "POLYGON((17 3, 19 3, 19 5, 17 5, 17 3))", state=state
        )
    world.dataset(2, "basemap", 1)
    world.run(
        "INSERT INTO basemap_features VALUES (2, 1, :n, :layer, :class, :name, :zoom, ST_GeomFromText(:wkt, 4326))",
        [
            {"n": 1, "layer": "road", "class": "primary", "name": "路", "zoom": 8, "wkt": "LINESTRING(17 4.1, 19 4.1)"},
            {"n": 2, "layer": "road", "class": "steps", "name": None, "zoom": 15, "wkt": "LINESTRING(17 4.1, 19 4.1)"},
        ],
    )
    world.activate(2, "basemap", 1)


def tile(planted: Planted, layer: str, z: int, x: int, y: int) -> list[Feature]:
    """Features of a tile's one layer; none for 204."""
    answer = planted.client.get(f"/v1/tiles/{layer}/{z}/{x}/{y}.mvt")
    assert answer.status_code in (200, 204), answer.text
    if answer.status_code == 204:
        assert answer.data == b""
        return []
    assert answer.mimetype == "application/vnd.mapbox-vector-tile"
    layers = read_tile(answer.data)
    assert list(layers) == [layer]
    return layers[layer]


def test_places_of_all_cities_stand_where_they_are(planted: Planted) -> None:
    middle, edge = planted.scenes["dots"][:2]
    (beside,) = planted.scenes["beside"]
    found = {feature.properties["place_id"]: feature for feature in tile(planted, "places", 14, 9000, 8000)}
    assert {place: feature.positions for place, feature in found.items()} == {
        middle: [(2048, 1024)],
        beside: [(3072, 3072)],
        edge: [(4116, 2048)],
    }
    assert {place: feature.properties["coupon_count"] for place, feature in found.items()} == {
        middle: 1,
        beside: 0,
        edge: 0,
    }
    assert set(found[middle].properties) == {"place_id", "name", "category_id", "coupon_count"}


def test_a_dot_near_an_edge_is_whole_in_both_tiles(planted: Planted) -> None:
    edge = planted.scenes["dots"][1]
    (own,) = (f for f in tile(planted, "places", 14, 9001, 8000) if f.properties["place_id"] == edge)
    assert own.positions == [(20, 2048)]


def test_low_zooms_hold_the_same_places(planted: Planted) -> None:
    everything = {*planted.scenes["dots"][:2], *planted.scenes["beside"], *planted.scenes["date line"]}
    assert {feature.properties["place_id"] for feature in tile(planted, "places", 0, 0, 0)} == everything


def test_what_lies_beyond_180_degrees_is_in_the_buffer(planted: Planted) -> None:
    west, east = planted.scenes["date line"]
    row = next(y for y in range(1 << 14) if lonlat_of(14, 0, y + 1)["lat"] <= -17)
    first = {f.properties["place_id"]: f.positions for f in tile(planted, "places", 14, 0, row)}
    last = {f.properties["place_id"]: f.positions for f in tile(planted, "places", 14, (1 << 14) - 1, row)}
    assert first.keys() == last.keys() == {west, east}
    assert first[east][0][0] == 19
    assert first[west][0][0] == -19
    assert last[west][0][0] == 4096 - 19
    assert last[east][0][0] == 4096 + 19


def test_regions_are_thinned_at_low_zooms(planted: Planted) -> None:
    kinds = [f.properties["kind"] for f in tile(planted, "regions", 12, 2250, 2000)]
    assert "district" in kinds
    assert "business_district" in [f.properties["kind"] for f in tile(planted, "regions", 12, 2249, 2001)] + kinds
    assert [f.properties["admin_level"] for f in tile(planted, "regions", 6, 35, 31)] == [6]
    assert tile(planted, "regions", 4, 8, 7) == []


def test_one_tile_alone_writes_the_name_of_an_area(planted: Planted) -> None:
    shown = [
        (feature.properties["names_it"], x, y)
        for x in range(559, 568)
        for y in range(496, 505)
        for feature in tile(planted, "regions", 10, x, y)
        if feature.properties["name"] == "区"
    ]
    assert len(shown) > 30
    assert len([named for named, _, _ in shown if named]) == 1


def test_an_area_over_180_degrees_is_drawn_on_both_sides(planted: Planted) -> None:
    for z in (1, 4):
        last = (1 << z) - 1
        for x in (0, last):
            own, beyond = tile(planted, "regions", z, x, (1 << z) // 2)
            assert own.properties == beyond.properties
            assert own.properties["name"] == "两边"
            assert {own.kind, beyond.kind} == {3}


def test_only_published_service_areas_are_drawn(planted: Planted) -> None:
    (area,) = tile(planted, "areas", 8, 140, 125)
    assert area.properties["place_id"] == planted.scenes["dots"][0]


def test_the_base_map_knows_from_which_zoom(planted: Planted) -> None:
    road = tile(planted, "basemap", 10, 562, 500)
    assert [feature.properties for feature in road] == [{"layer": "road", "class": "primary", "name": "路"}]
    assert tile(planted, "basemap", 7, 70, 62) == []
    assert len(tile(planted, "basemap", 15, 18000, 16008)) in (0, 2)


def test_what_a_caller_holds_is_not_sent_again(planted: Planted) -> None:
    for layer, address in (("places", "14/9000/8000"), ("regions", "6/35/31"), ("basemap", "10/562/500")):
        path = f"/v1/tiles/{layer}/{address}.mvt"
        tag = planted.client.get(path).headers["ETag"]
        again = planted.client.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")
        assert planted.client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_new_version_changes_the_tag(planted: Planted) -> None:
    path = "/v1/tiles/basemap/10/562/500.mvt"
    tag = planted.client.get(path).headers["ETag"]
    planted.world.dataset(2, "basemap", 2)
    planted.world.run(
        "INSERT INTO basemap_features SELECT city_id, 2, feature_no, layer, feature_class, name, min_zoom, shape"
        " FROM basemap_features WHERE version = :v",
        {"v": 1},
    )
    planted.world.activate(2, "basemap", 2)
    assert planted.client.get(path, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("address", ["19/0/0", "3/8/0", "3/0/8", "0/1/0", "99999999999/0/0"])
def test_there_are_no_tiles_outside_the_pyramid(planted: Planted, address: str) -> None:
    assert planted.refused(f"/v1/tiles/places/{address}.mvt") == (404, "tile-out-of-range")


def test_tilejson_says_where_and_what(planted: Planted) -> None:
    for layer in ("places", "regions", "areas", "basemap"):
        about = planted.get(f"/v1/tiles/{layer}.json")
        assert about["tilejson"] == "3.0.0"
        assert about["vector_layers"][0]["id"] == layer
        assert about["tiles"][0].endswith(f"/v1/tiles/{layer}/{{z}}/{{x}}/{{y}}.mvt")
    assert planted.refused("/v1/tiles/secrets.json") == (404, "no-such-route")
    assert planted.now == NOW
