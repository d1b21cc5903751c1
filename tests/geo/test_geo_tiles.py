"""Tiles against the published examples of the OSM wiki and of mercantile's documentation."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyproj import Transformer

from geo.coordinates import LonLat
from geo.errors import InvalidTile
from geo.tiles import MAX_ZOOM, Tile, tile_at
from geo.units import MAX_MERCATOR_LAT, MERCATOR_EDGE_M

points = st.builds(LonLat, st.floats(-180, 180), st.floats(-90, 90))


@st.composite
def tiles(draw: st.DrawFn) -> Tile:
    z = draw(st.integers(0, MAX_ZOOM))
    return Tile(z, draw(st.integers(0, (1 << z) - 1)), draw(st.integers(0, (1 << z) - 1)))


def test_the_example_of_the_osm_wiki() -> None:
    assert tile_at(LonLat(139.7006793, 35.6590699), 18) == Tile(18, 232798, 103246)


def test_the_examples_of_mercantile() -> None:
    assert tile_at(LonLat(20.6852, 40.1222), 9) == Tile(9, 285, 193)
    box = Tile(10, 486, 332).bbox()
    expected = [-9.140625, 53.12040528310657, -8.7890625, 53.33087298301705]
    assert box.as_list() == pytest.approx(expected, abs=1e-12)
    metres = (-1017529.7205322663, 7005300.768279833, -978393.962050256, 7044436.526761846)
    assert Tile(10, 486, 332).mercator_bounds() == pytest.approx(metres, abs=1e-6)


def test_the_pyramid_ends_at_the_published_latitude() -> None:
    assert Tile(0, 0, 0).bbox().as_list() == pytest.approx([-180, -MAX_MERCATOR_LAT, 180, MAX_MERCATOR_LAT], abs=1e-12)
    assert pytest.approx(20037508.342789244, abs=1e-9) == MERCATOR_EDGE_M


@given(tiles())
def test_metres_and_degrees_of_a_tile_agree_with_proj(tile: Tile) -> None:
    to_mercator = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True)
    box = tile.bbox()
    west, south = to_mercator.transform(box.west, box.south)
    east, north = to_mercator.transform(box.east, box.north)
    assert tile.mercator_bounds() == pytest.approx((west, south, east, north), abs=1e-6)


@given(points, st.integers(0, MAX_ZOOM))
@example(LonLat(-5e-324, 5e-324), 1)
@example(LonLat(-5e-324, -5e-324), MAX_ZOOM)
def test_a_tile_holds_its_positions(point: LonLat, z: int) -> None:
    box = tile_at(point, z).bbox()
    lat = float(np.clip(point.lat, -MAX_MERCATOR_LAT, MAX_MERCATOR_LAT))
    assert box.west <= point.lon
    assert point.lon < box.east or box.east == 180
    assert box.south < lat or box.south <= -MAX_MERCATOR_LAT
    assert lat <= box.north


@given(tiles(), st.sampled_from([-1, 1]), st.sampled_from([-1, 1]))
def test_the_doubles_next_to_a_corner_fall_on_either_side_of_it(tile: Tile, east: int, north: int) -> None:
    """The corner itself is in the tile; one double west or north of it is in the neighbour."""
    box = tile.bbox()
    assert tile_at(LonLat(box.west, box.north), tile.z) == tile
    lon, lat = float(np.nextafter(box.west, 200 * east)), float(np.nextafter(box.north, 100 * north))
    if box.west > -180 and tile.y > 0:
        expected = Tile(tile.z, tile.x - (east < 0), tile.y - (north > 0))
        assert tile_at(LonLat(lon, lat), tile.z) == expected


@given(tiles())
def test_a_tile_holds_its_own_centre(tile: Tile) -> None:
    assert tile_at(tile.bbox().center, tile.z) == tile


@given(tiles())
def test_children_and_parent_fit_together(tile: Tile) -> None:
    children = tile.children()
    assert len(children) == (0 if tile.z == MAX_ZOOM else 4)
    assert all(child.parent() == tile for child in children)
    if children:
        boxes = [child.bbox() for child in children]
        union = [min(b.west for b in boxes), min(b.south for b in boxes)]
        union += [max(b.east for b in boxes), max(b.north for b in boxes)]
        assert union == tile.bbox().as_list()


def test_the_root_has_no_parent() -> None:
    assert Tile(0, 0, 0).parent() is None


@pytest.mark.parametrize("lat", [90, 86])
def test_the_poles_and_the_antimeridian_fall_into_the_outermost_tiles(lat: float) -> None:
    assert tile_at(LonLat(180, lat), 3) == Tile(3, 7, 0)
    assert tile_at(LonLat(-180, -lat), 3) == Tile(3, 0, 7)


@pytest.mark.parametrize(
    ("z", "x", "y", "pointer"),
    [
        (-1, 0, 0, "/z"),
        (23, 0, 0, "/z"),
        (0, 1, 0, "/x"),
        (3, 0, 8, "/y"),
        (3, -1, 0, "/x"),
        (1.0, 0, 0, "/z"),
        (True, 0, 0, "/z"),
    ],
)
def test_an_address_outside_the_pyramid_is_refused(z: int, x: int, y: int, pointer: str) -> None:
    with pytest.raises(InvalidTile) as refused:
        Tile(z, x, y)
    assert refused.value.pointer == pointer
