"""Distances against PROJ's geodesic on a sphere, and the lower bound to a box against sampled positions."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyproj import Geod

from geo.bbox import Bbox
from geo.coordinates import LonLat, wrap_lon
from geo.distance import destination, distance_m, distance_mm, distance_to_bbox_m, distances_m
from geo.errors import InvalidRadius
from geo.units import EARTH_RADIUS_M

GEOD = Geod(a=EARTH_RADIUS_M, b=EARTH_RADIUS_M)
lons = st.one_of(st.sampled_from([-180.0, 180.0, 0.0, 5e-324]), st.floats(-180, 180))
lats = st.one_of(st.sampled_from([-90.0, 90.0, 0.0, 5e-324]), st.floats(-90, 90))
points = st.builds(LonLat, lons, lats)


def test_the_radius_is_the_mean_radius_of_wgs84() -> None:
    assert pytest.approx((2 * 6378137.0 + 6356752.314245179498) / 3, rel=1e-15) == EARTH_RADIUS_M


@given(points, points)
@example(LonLat(0, 0), LonLat(180, 0))
@example(LonLat(0, 90), LonLat(77, -90))
@example(LonLat(10, 20), LonLat(-170, -20))
@example(LonLat(10, 20), LonLat(-170 + 1e-9, -20))
@example(LonLat(0, 90), LonLat(123, 90))
@example(LonLat(180, 45), LonLat(-180, 45))
@example(LonLat(5e-324, 0), LonLat(0, 5e-324))
def test_distance_equals_the_geodesic_of_a_sphere(a: LonLat, b: LonLat) -> None:
    _, _, expected = GEOD.inv(a.lon, a.lat, b.lon, b.lat)
    assert distance_m(a, b) == pytest.approx(expected, abs=2e-8)
    assert distance_m(a, b) == distance_m(b, a)


@given(st.floats(-180, 179), st.floats(-89, 89), st.floats(1e-12, 1e-6))
def test_tiny_steps_keep_their_digits(lon: float, lat: float, step: float) -> None:
    """Along a meridian the distance is the angle times the radius, however small."""
    start, goal = LonLat(lon, lat), LonLat(lon, lat + step)
    assert distance_m(start, goal) == pytest.approx(np.radians(goal.lat - start.lat) * EARTH_RADIUS_M, rel=1e-9)


def test_places_on_both_sides_of_a_pole_are_two_kilometres_apart() -> None:
    """0.02° over the pole: 2,223.9 m on the sphere (2,233.9 m on the ellipsoid)."""
    assert distance_m(LonLat(0, 89.99), LonLat(180, 89.99)) == pytest.approx(0.02 * 111195.0797, abs=1e-3)


def test_places_on_both_sides_of_the_antimeridian_are_neighbours() -> None:
    assert distance_m(LonLat(179.99, 0), LonLat(-179.99, 0)) == pytest.approx(0.02 * 111195.0797, abs=1e-3)


def test_shanghai_to_beijing() -> None:
    """Published with the datum vectors: 1,078 km."""
    a, b = LonLat(121.531541859215, 31.17530398364597), LonLat(116.38404722455657, 39.91334545536069)
    assert distance_m(a, b) == pytest.approx(1_078_164, rel=2e-3)


@given(points, points)
def test_millimetres_are_the_nearest_whole(a: LonLat, b: LonLat) -> None:
    assert abs(distance_mm(a, b) - distance_m(a, b) * 1000) <= 0.5 + 1e-5


@given(points, st.lists(points, min_size=1, max_size=20))
def test_many_distances_equal_single_ones(start: LonLat, others: list[LonLat]) -> None:
    many = distances_m(start.lon, start.lat, np.array([p.lon for p in others]), np.array([p.lat for p in others]))
    assert many.tolist() == pytest.approx([distance_m(start, other) for other in others], abs=1e-8)


@given(points, st.floats(0, 360), st.floats(0, 2e7))
def test_a_destination_is_as_far_as_asked(start: LonLat, bearing: float, metres: float) -> None:
    assert distance_m(start, destination(start, bearing, metres)) == pytest.approx(metres, abs=1e-6)


@given(st.builds(LonLat, st.floats(-180, 180), st.floats(-89, 89)), st.floats(0, 360), st.floats(0, 1.9e7))
def test_a_destination_equals_the_geodesic_of_a_sphere(start: LonLat, bearing: float, metres: float) -> None:
    lon, lat, _ = GEOD.fwd(start.lon, start.lat, bearing, metres)
    assert distance_m(destination(start, bearing, metres), LonLat(max(-180, min(180, lon)), lat)) < 1e-5


@pytest.mark.parametrize(
    ("bearing", "metres"),
    [(0, -1), (0, float("nan")), (float("inf"), 1), (0, float("inf")), (0, 10**400), (None, 1)],
)
def test_an_impossible_step_is_refused(bearing: Any, metres: float) -> None:
    with pytest.raises(InvalidRadius):
        destination(LonLat(0, 0), bearing, metres)


@st.composite
def boxes(draw: st.DrawFn) -> Bbox:
    south, north = sorted((draw(lats), draw(lats)))
    west = draw(lons)
    width = draw(st.one_of(st.floats(0, 360), st.floats(0, 3), st.just(0.0)))
    east = west + width
    east = east - 360 if east > 180 else east
    return Bbox(-180.0, south, 180.0, north) if (west, east) == (180.0, -180.0) else Bbox(west, south, east, north)


def _sampled(box: Bbox, near: LonLat) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the box: a grid with all sides, and fine samples along the sides."""
    fine, coarse = np.linspace(0, 1, 201), np.linspace(0, 1, 21)
    across = box.west + np.concatenate([fine, fine, 0 * fine, 0 * fine + 1, np.repeat(coarse, 21)]) * box.width_deg
    height = np.concatenate([0 * fine, 0 * fine + 1, fine, fine, np.tile(coarse, 21)])
    up = np.clip(box.south + height * (box.north - box.south), box.south, box.north)
    across = np.where(across > 180, across - 360, across)
    nearest_lat = min(max(near.lat, box.south), box.north)
    extra_lons = [box.west, box.east] + ([near.lon] if box.contains_lon(near.lon) else [])
    across = np.concatenate([across, extra_lons])
    return across, np.concatenate([up, np.full(len(extra_lons), nearest_lat)])


@given(points, boxes())
@example(LonLat(0, 89.9), Bbox(170, 80, -170, 89))
@example(LonLat(0, 60), Bbox(100, 10, 120, 80))
@example(LonLat(-179.9, 0), Bbox(179, -1, 179.9, 1))
@example(LonLat(50, 90), Bbox(0, 80, 10, 90))
def test_the_bound_to_a_box_is_never_above_the_truth_and_close_to_it(point: LonLat, box: Bbox) -> None:
    bound = distance_to_bbox_m(point, box)
    truth = distances_m(point.lon, point.lat, *_sampled(box, point)).min()
    assert bound <= truth
    # The foot on a side meridian lies within half a step of a sample, 90°/200 at most.
    step_m = (box.north - box.south) / 400 * 111_195
    assert truth - bound <= 1e-5 + min(step_m, step_m**2 / max(bound, 1e-9))
    if box.contains(point):
        assert bound == 0


def test_a_box_behind_the_pole_is_nearest_at_a_corner() -> None:
    """Straight over the pole it would be 3°; the corner lies one degree aside and a little nearer."""
    _, _, corner = GEOD.inv(0, 89, 179, 88)
    assert distance_to_bbox_m(LonLat(0, 89), Bbox(179, 80, -179, 88)) == pytest.approx(corner, abs=1e-5)


@given(points, points, points)
def test_no_detour_is_shorter_than_the_way(a: LonLat, b: LonLat, c: LonLat) -> None:
    assert distance_m(a, c) <= distance_m(a, b) + distance_m(b, c) + 1e-6
    assert distance_m(a, a) == 0


@given(points, points, st.integers(-7, 7))
def test_turning_the_globe_changes_no_distance(a: LonLat, b: LonLat, turns: int) -> None:
    by = turns * 51.4
    there = distance_m(LonLat(wrap_lon(a.lon + by), a.lat), LonLat(wrap_lon(b.lon + by), b.lat))
    assert there == pytest.approx(distance_m(a, b), abs=1e-6)
    shifted = distances_m(a.lon, a.lat, np.array([b.lon + 360, b.lon - 360]), np.array([b.lat, b.lat]))
    assert shifted == pytest.approx([distance_m(a, b)] * 2, abs=1e-6)


def test_half_the_globe_is_the_longest_distance() -> None:
    half = np.pi * EARTH_RADIUS_M
    for a, b in ((LonLat(0, 90), LonLat(0, -90)), (LonLat(0, 0), LonLat(180, 0)), (LonLat(33, 21), LonLat(-147, -21))):
        assert distance_m(a, b) == pytest.approx(half, abs=1e-8)
        assert distance_mm(a, b) == 20_015_114_352


@pytest.mark.parametrize(
    ("a", "b", "geodesic_m"),
    [
        # GeographicLib: an answer of its online calculator, and Wellington to Salamanca of its JavaScript README.
        (LonLat(113, -30), LonLat(111, -38), 906343.630),
        (LonLat(174.81, -41.32), LonLat(-5.50, 40.96), 19959679.267),
        # Vincenty's formulae as published by Geoscience Australia: Flinders Peak to Buninyong.
        (
            LonLat(144 + 25 / 60 + 29.52440 / 3600, -(37 + 57 / 60 + 3.72030 / 3600)),
            LonLat(143 + 55 / 60 + 35.38390 / 3600, -(37 + 39 / 60 + 10.15610 / 3600)),
            54972.271,
        ),
    ],
)
def test_published_geodesics_differ_by_less_than_the_stated_share(a: LonLat, b: LonLat, geodesic_m: float) -> None:
    assert distance_m(a, b) == pytest.approx(geodesic_m, rel=0.0056)


@given(points, st.floats(0, 360))
def test_no_step_leads_nowhere_else(start: LonLat, bearing: float) -> None:
    assert destination(start, bearing, 0) == start
    assert destination(start, bearing, -0.0) == start
