"""Named reference systems: published control values, axis order, refusals."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.coordinates import LonLat
from geo.crs import from_lonlat, is_lonlat, point_to_lonlat, shape_to_lonlat, to_lonlat
from geo.distance import distance_m
from geo.errors import InvalidCoordinate, UnknownCrs


def test_web_mercator_comes_back_as_degrees() -> None:
    """The corner of the square, and the example of EPSG guidance note 7-2 (Popular Visualisation)."""
    assert point_to_lonlat("EPSG:3857", 20037508.342789244, 0).lon == pytest.approx(180, abs=1e-9)
    point = point_to_lonlat("EPSG:3857", -11169055.58, 2800000.00)
    assert point.xy == pytest.approx((-100.333333, 24.381787), abs=1e-6)


def test_axis_order_is_always_longitude_first() -> None:
    for crs in ("EPSG:4326", "EPSG:4490", "OGC:CRS84"):
        point = point_to_lonlat(crs, 120.17, 30.25)
        assert distance_m(point, LonLat(120.17, 30.25)) < 1e-6
        assert is_lonlat(crs)
    assert not is_lonlat("EPSG:3857")


def test_state_plane_feet_of_new_york_land_in_new_york() -> None:
    """EPSG:2263, the origin of the projection: 984,250 ft east of false zero at 40°10' N, 74° W (NAD 83)."""
    assert distance_m(point_to_lonlat("EPSG:2263", 984250.0, 0.0), LonLat(-74.0, 40 + 10 / 60)) < 2


def test_there_and_back_again() -> None:
    lons, lats = np.array([13.4, 13.0, 13.7]), np.array([52.5, 52.4, 52.6])
    back = to_lonlat("EPSG:25833", *from_lonlat("EPSG:25833", lons, lats))
    assert back[0] == pytest.approx(lons, abs=1e-9)
    assert back[1] == pytest.approx(lats, abs=1e-9)


def test_a_shape_moves_vertex_by_vertex() -> None:
    moved = shape_to_lonlat("EPSG:3857", shapely.box(0, 0, 111319.49079327358, 111325.1428663851))
    assert moved.bounds == pytest.approx((0, 0, 1, 1), abs=1e-9)


@pytest.mark.parametrize("crs", ["", "EPSG:999999", "nonsense", "EPSG:4978", "EPSG:5773", "x" * 20_000, "+proj=foo"])
def test_an_unknown_system_is_refused(crs: str) -> None:
    with pytest.raises(UnknownCrs):
        point_to_lonlat(crs, 0, 0)


def test_a_position_outside_its_system_is_refused_by_index() -> None:
    for bad in (1e300, float("nan"), float("inf")):
        with pytest.raises(InvalidCoordinate) as refused:
            to_lonlat("EPSG:25833", np.array([400000.0, bad]), np.array([5800000.0, 0.0]))
        assert refused.value.pointer == "/1"
    with pytest.raises(InvalidCoordinate):
        to_lonlat("EPSG:4326", np.array([10.0]), np.array([95.0]))
    with pytest.raises(InvalidCoordinate):
        from_lonlat("EPSG:25833", np.array([np.nan]), np.array([50.0]))


@given(st.floats(-180, 180), st.floats(-85, 85))
def test_every_position_of_the_web_map_comes_back(lon: float, lat: float) -> None:
    xs, ys = from_lonlat("EPSG:3857", np.array([lon]), np.array([lat]))
    back = point_to_lonlat("EPSG:3857", float(xs[0]), float(ys[0]))
    assert distance_m(back, LonLat(lon, lat)) < 1e-6


def test_rounding_at_the_edge_of_the_map_is_no_fault() -> None:
    """The half side of the web map as it is usually written, 0.06 µm more than the exact one."""
    edge = 20037508.3427893
    assert point_to_lonlat("EPSG:3857", edge, 0).lon == 180
    assert point_to_lonlat("EPSG:3857", -edge, 0).lon == -180
    world = shape_to_lonlat("EPSG:3857", shapely.box(-edge, -100, edge, 100))
    assert world.bounds[::2] == (-180, 180)
    assert point_to_lonlat("EPSG:4326", 180 + 5e-10, 90 + 5e-10) == LonLat(180, 90)
    with pytest.raises(InvalidCoordinate):
        point_to_lonlat("EPSG:4326", 180 + 5e-9, 0)
