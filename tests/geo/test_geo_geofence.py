"""Fences: edges, accuracy, the antimeridian, and the distance to the border."""

from math import inf
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon

from geo.coordinates import LonLat, wrap_lon
from geo.distance import destination, distance_m, distances_m
from geo.errors import GeoError, InvalidRadius
from geo.geofence import Circle, border_distance_m, border_distances_m, inside
from geo.polygons import REGION, CheckedPolygons, checked_polygon, checked_polygons, covers

centers = st.builds(LonLat, st.floats(-180, 180), st.floats(-85, 85))
BLOCK = checked_polygon([[[120.0, 30.0], [120.01, 30.0], [120.01, 30.01], [120.0, 30.01]]], REGION)
FIJI = checked_polygon([[[179, -18], [-179, -18], [-179, -16], [179, -16]]], REGION)


@given(centers, st.floats(10, 50_000), st.floats(0, 360))
def test_a_millimetre_decides_at_the_edge_of_a_circle(center: LonLat, radius: float, bearing: float) -> None:
    fence = Circle(center, radius)
    assert inside(fence, destination(center, bearing, radius - 0.001))
    assert not inside(fence, destination(center, bearing, radius + 0.001))


def test_the_edge_itself_is_inside() -> None:
    assert inside(Circle(LonLat(1, 1), 0), LonLat(1, 1))
    assert inside(BLOCK, LonLat(120.0, 30.005))


def test_accuracy_widens_a_fence_up_to_a_hundred_metres() -> None:
    center = LonLat(179.9999, 50)
    for metres, accuracy, expected in [(150, 49, False), (150, 51, True), (250, 5000, False), (199, 5000, True)]:
        assert inside(Circle(center, 100), destination(center, 90, metres), accuracy) is expected


def test_accuracy_widens_a_polygon_too() -> None:
    east = LonLat(120.01 + 0.0005, 30.005)  # 48.15 m east of the border
    assert not inside(BLOCK, east)
    assert not inside(BLOCK, east, 48.0)
    assert inside(BLOCK.geometry, east, 48.3)


def test_the_cut_at_the_antimeridian_is_no_border() -> None:
    assert border_distance_m(FIJI, LonLat(180, -17)) == pytest.approx(-106336, abs=50)
    assert border_distance_m(FIJI, LonLat(-179.5, -17)) == pytest.approx(-53168, abs=25)
    assert border_distance_m(FIJI, LonLat(-178.9, -17)) == pytest.approx(10634, abs=5)
    assert inside(FIJI, LonLat(-178.9995, -17), 60)


@given(st.floats(119.9, 120.1), st.floats(29.9, 30.1))
def test_the_distance_to_a_border_is_that_of_the_nearest_sample(lon: float, lat: float) -> None:
    side = np.linspace(0, 0.01, 2001)
    flat, far = np.zeros_like(side), np.full_like(side, 0.01)
    lons = 120.0 + np.concatenate([side, side, flat, far])
    lats = 30.0 + np.concatenate([flat, far, side, side])
    nearest = distances_m(lon, lat, lons, lats).min()
    signed = border_distance_m(BLOCK, LonLat(lon, lat))
    assert abs(signed) == pytest.approx(nearest, rel=1e-3, abs=0.5)
    assert (signed < 0) == (120.0 < lon < 120.01 and 30.0 < lat < 30.01) or abs(signed) < 1e-6


def test_many_positions_are_as_far_from_a_border_as_each_by_itself() -> None:
    draw = np.random.default_rng(16)
    for fence, lon in ((BLOCK.geometry, 120.0), (FIJI.geometry, 179.5), (Circle(LonLat(120, 30), 500), 120.0)):
        lons, lats = lon + draw.uniform(-0.5, 0.5, 300), draw.uniform(-18, 30.5, 300)
        lons[:2] = 180.0, -180.0
        found = border_distances_m(fence, lons, lats)
        each = [border_distance_m(fence, LonLat(*at)) for at in zip(lons.tolist(), lats.tolist(), strict=True)]
        assert found.tolist() == pytest.approx(each, abs=1e-6)


def test_the_distance_to_a_circle_is_signed() -> None:
    center = LonLat(8, 50)
    assert border_distance_m(Circle(center, 500), destination(center, 10, 200)) == pytest.approx(-300, abs=1e-6)
    assert border_distance_m(Circle(center, 500), destination(center, 10, 800)) == pytest.approx(300, abs=1e-6)
    assert Circle(center, 500).bbox().contains(destination(center, 45, 499))


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_impossible_radii_and_accuracies_are_refused(bad: float) -> None:
    with pytest.raises(InvalidRadius):
        Circle(LonLat(0, 0), bad)
    with pytest.raises(InvalidRadius):
        inside(Circle(LonLat(0, 0), 1), LonLat(0, 0), bad)


def test_a_circle_over_the_pole_holds_the_place_behind_it() -> None:
    """Three kilometres around 89.99° N: the place at 89.99° N on the opposite meridian is 2,223.9 m away."""
    circle, behind = Circle(LonLat(0, 89.99), 3000), LonLat(180, 89.99)
    assert inside(circle, behind)
    assert distance_m(circle.center, behind) == pytest.approx(2223.9, abs=0.05)
    assert circle.bbox().contains(behind)
    assert all(inside(circle, LonLat(lon, 90)) and circle.bbox().contains(LonLat(lon, 90)) for lon in (-180, 0, 77))
    assert not inside(circle, LonLat(180, 89.98))


ANTARCTICA = checked_polygon([[[-180, -90], [180, -90], [180, -70], [-180, -70], [-180, -90]]], REGION)


def test_a_pole_inside_a_fence_is_no_border() -> None:
    for lon in (-180, 0, 123):
        deep = border_distance_m(ANTARCTICA, LonLat(lon, -89.9))
        assert deep == pytest.approx(-19.9 * 111195.0797, abs=1)
    assert not inside(ANTARCTICA, LonLat(0, -69.999))
    assert inside(ANTARCTICA, LonLat(0, -69.9995), 60)


def test_a_fence_without_border_is_infinitely_far_from_it() -> None:
    globe, nowhere = MultiPolygon([shapely.box(-180, -90, 180, 90)]), MultiPolygon([])
    for point in (LonLat(0, 0), LonLat(180, 45), LonLat(-180, -90)):
        assert border_distance_m(globe, point) == -inf
        assert border_distance_m(nowhere, point) == inf
        assert inside(globe, point)
        assert not inside(nowhere, point, 100)


@given(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2), st.sampled_from([-179.875, -90.0, 0.0, 90.0, 179.5, 180.0]))
def test_a_turned_fence_answers_as_the_one_that_was_not_turned(east: float, north: float, by: float) -> None:
    ring = [(-0.125, -0.0625), (0.125, -0.0625), (0.0625, 0.125)]
    here = checked_polygon([[list(position) for position in ring]], REGION)
    there = checked_polygon([[[wrap_lon(lon + by), lat] for lon, lat in ring]], REGION)
    near, far = LonLat(east, north), LonLat(wrap_lon(east + by), north)
    expected = border_distance_m(here, near)
    assert border_distance_m(there, far) == pytest.approx(expected, abs=1e-3)
    if abs(expected) > 1e-3 and abs(abs(expected) - 50) > 1e-3:
        assert [inside(there, far), inside(there, far, 50)] == [inside(here, near), inside(here, near, 50)]
    circle, turned = Circle(LonLat(0, 0), 9000), Circle(LonLat(by, 0), 9000)
    assert border_distance_m(turned, far) == pytest.approx(border_distance_m(circle, near), abs=1e-3)


@pytest.mark.parametrize("bad", [10**400, True, None, "5"])
def test_what_is_no_length_is_refused_by_its_place(bad: Any) -> None:
    with pytest.raises(InvalidRadius) as refused:
        Circle(LonLat(0, 0), bad)
    assert refused.value.pointer == "/radius_m"
    with pytest.raises(InvalidRadius) as refused:
        inside(BLOCK, LonLat(0, 0), bad)
    assert refused.value.pointer == "/accuracy_m"


def test_along_180_degrees_only_what_has_a_neighbour_is_a_cut() -> None:
    """Ten degrees of the meridian from the west, of which two, 3° to 5° N, go on to the east."""
    fence = MultiPolygon([shapely.box(170, 0, 180, 10), shapely.box(-180, 3, -170, 5)])
    degree = 111195.0797
    for lon in (180, -180):
        assert border_distance_m(fence, LonLat(lon, 2)) == pytest.approx(0, abs=1e-6)
        assert border_distance_m(fence, LonLat(lon, 4)) == pytest.approx(-degree, abs=0.01)
        assert border_distance_m(fence, LonLat(lon, 7)) == pytest.approx(0, abs=1e-6)
        assert border_distance_m(fence, LonLat(lon, 10.5)) == pytest.approx(degree / 2, abs=0.01)


def test_pieces_stacked_along_180_degrees_are_told_apart() -> None:
    west = [shapely.box(179, lat, 180, lat + 1) for lat in (0, 2, 4)]
    east = [shapely.box(-180, lat, -179, lat + 1) for lat in (0, 4)]
    fence = MultiPolygon([*west, *east])
    inside_by = [-border_distance_m(fence, LonLat(180, lat + 0.5)) / 111195.0797 for lat in (0, 2, 4)]
    assert inside_by == pytest.approx([0.5, 0, 0.5], abs=1e-6)


def test_a_border_of_half_a_million_edges_is_looked_through_at_once() -> None:
    angles = np.linspace(0, 2 * np.pi, 500_000)
    fence = MultiPolygon([shapely.Polygon(np.column_stack([np.cos(angles), np.sin(angles)]))])
    assert border_distance_m(fence, LonLat(0, 0)) == pytest.approx(-111195.0797, abs=20)


shaky = st.sampled_from([-180.0, 180.0, 179.0, -179.0, 0.0, 5e-324, 1e-300, 90.0, -90.0, 180 - 1e-13, 1e-13 - 180])
heights = st.sampled_from([-90.0, 90.0, 0.0, 1.0, 5e-324, 1e-300, 90 - 1e-13])
shaky_rings = st.lists(st.tuples(shaky, heights).map(list), min_size=3, max_size=8)


@settings(max_examples=300)
@given(st.lists(st.lists(shaky_rings, min_size=1, max_size=2), min_size=1, max_size=2), st.booleans(), shaky, heights)
def test_whatever_passes_the_gate_has_a_border_that_agrees_with_it(
    polygons: Any, full: bool, lon: float, lat: float
) -> None:
    """Vertices 1e-300° apart, slivers at 180° and at the poles: refused, or a fence that answers and is read again."""
    try:
        fence = checked_polygons(polygons, REGION, full=full, repair=True)
    except GeoError:
        return
    metres = border_distance_m(fence, LonLat(lon, lat))
    assert not np.isnan(metres)
    assert metres <= 0 or not covers(fence.geometry, LonLat(lon, lat))
    again = checked_polygons(coordinates_of(fence), REGION, full=True)
    assert again.geometry == fence.geometry


def coordinates_of(fence: CheckedPolygons) -> Any:
    """The coordinates of a MultiPolygon."""
    parts = fence.geometry.geoms
    return [[shapely.get_coordinates(ring) for ring in (part.exterior, *part.interiors)] for part in parts]
