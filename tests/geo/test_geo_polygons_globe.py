"""Polygons on the whole globe: brute-force winding numbers, holes and cuts at 180°, areas across it."""

from contextlib import suppress
from math import atan2, cos, pi, sin
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import assume, example, given
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon

from geo.coordinates import LonLat, wrap_lon
from geo.errors import GeoError, InvalidBbox, InvalidGeometry
from geo.polygons import (
    DRAWN_AREA,
    REGION,
    bbox_of,
    checked_polygon,
    checked_polygons,
    checked_shape,
    covers,
    geodesic_area_m2,
)

Ring = list[tuple[float, float]]
nan = float("nan")


def winding(ring: Ring, lon: float, lat: float) -> int:
    """How often a ring runs around a position: the sum of the angles under which its edges are seen."""
    total = 0.0
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1], strict=True):
        a, b = (x1 - lon, y1 - lat), (x2 - lon, y2 - lat)
        total += atan2(a[0] * b[1] - a[1] * b[0], a[0] * b[0] + a[1] * b[1])
    return round(total / (2 * pi))


@st.composite
def stars(draw: st.DrawFn, size: float = 20.0) -> Ring:
    """A ring that sees (0, 0): angles ascending, radii free, so that it never crosses itself; quarter-thousandths."""
    count = draw(st.integers(3, 12))
    radii = draw(st.lists(st.floats(size / 40, size), min_size=count, max_size=count))
    around = [(r * cos(2 * pi * k / count), r * sin(2 * pi * k / count)) for k, r in enumerate(radii)]
    return [(round(x * 4096) / 4096, round(y * 4096) / 4096) for x, y in around]


places = st.lists(st.tuples(st.floats(-25, 25), st.floats(-25, 25)), min_size=1, max_size=12)


@given(stars(), stars(0.4), places, st.sampled_from([0.0, 90.0, 170.0, 180.0, -179.0]))
def test_a_polygon_covers_what_it_winds_around_and_its_hole_does_not(
    shell: Ring, hole: Ring, looks: Ring, by: float
) -> None:
    """Turned to any place of the globe, 180° included; far enough from the border that both must agree."""
    assume(Polygon(shell).contains(Polygon(hole)))
    rings = [[[wrap_lon(x + by), y] for x, y in ring] for ring in (shell, hole)]
    geometry = checked_polygon(rings, REGION).geometry
    border = shapely.union(Polygon(shell).exterior, Polygon(hole).exterior)
    for x, y in [*looks, (0.0, 0.0)]:
        if border.distance(shapely.Point(x, y)) > 1e-9:
            expected = winding(shell, x, y) != 0 and winding(hole, x, y) == 0
            assert covers(geometry, LonLat(wrap_lon(x + by), y)) == expected


@given(stars())
def test_corners_and_middles_of_edges_belong_to_a_polygon(ring: Ring) -> None:
    geometry = checked_polygon([[list(p) for p in ring]], REGION).geometry
    assert all(covers(geometry, LonLat(*corner)) for corner in ring)
    # Halves of 1/4096 are exact, so that the middle lies on the edge to the last digit.
    middles = [((a + c) / 2, (b + d) / 2) for (a, b), (c, d) in zip(ring, ring[1:] + ring[:1], strict=True)]
    assert all(covers(geometry, LonLat(*middle)) for middle in middles)


@given(stars(), st.booleans(), st.integers(0, 11))
def test_direction_and_first_corner_of_a_ring_change_nothing(ring: Ring, reverse: bool, first: int) -> None:
    turned = ring[first % len(ring) :] + ring[: first % len(ring)]
    turned = turned[::-1] if reverse else turned
    one, other = (checked_polygon([[list(p) for p in r]], REGION) for r in (ring, turned))
    assert one.geometry.equals(other.geometry)
    assert one.bbox == other.bbox
    assert geodesic_area_m2(one.geometry) == pytest.approx(geodesic_area_m2(other.geometry), rel=1e-12)


@given(stars(), st.sampled_from([0.0, 180.0, -179.5]))
def test_what_was_checked_is_accepted_again_without_remarks(ring: Ring, by: float) -> None:
    once = checked_polygon([[[wrap_lon(x + by), y] for x, y in ring]], REGION)
    again = checked_shape(once.geometry, REGION)
    assert again.remarks == ()
    assert again.geometry.equals(once.geometry)
    assert geodesic_area_m2(again.geometry) == pytest.approx(geodesic_area_m2(Polygon(ring)), rel=1e-9)


SHELL_WEST = [[-180, 0], [-170, 0], [-170, 5], [-180, 5], [-180, 0]]
SHELL_EAST = [[170, 0], [180, 0], [180, 5], [170, 5], [170, 0]]


@pytest.mark.parametrize(
    ("shell", "hole"),
    [
        (SHELL_WEST, [[180, 1], [-179, 1], [-179, 2], [180, 1]]),
        (SHELL_EAST, [[-180, 1], [179, 2], [179, 1], [-180, 1]]),
        (SHELL_EAST, [[179, 1], [-180, 1], [179, 2], [179, 1]]),
    ],
)
def test_a_hole_may_spell_the_antimeridian_as_its_shell_does_not(shell: Any, hole: Any) -> None:
    checked = checked_polygon([shell, hole], REGION)
    assert checked.geometry.area == pytest.approx(50 - 0.5)
    assert not checked.crosses_antimeridian


def test_a_shape_that_only_touches_the_antimeridian_is_not_cut() -> None:
    for ring in ([[180, 0], [-170, 0], [-170, 1], [180, 1], [180, 0]], [[-180, 0], [170, 0], [170, 1], [-180, 0]]):
        checked = checked_polygon([ring], REGION)
        assert (checked.crosses_antimeridian, checked.remarks) == (False, ())
        assert -180 <= checked.geometry.bounds[0] <= checked.geometry.bounds[2] <= 180
        assert checked.bbox.width_deg == 10


BAND = [[-180, 60], [180, 60], [180, 80], [-180, 80], [-180, 60]]


def test_a_hole_over_the_antimeridian_of_a_shell_right_round_the_globe_is_cut() -> None:
    lake = [[179, 65], [-178, 65], [-178, 66], [179, 66], [179, 65]]
    checked = checked_polygon([BAND, lake, [[0, 70], [1, 70], [1, 71], [0, 70]]], REGION)
    assert checked.geometry.area == pytest.approx(360 * 20 - 3 - 0.5)
    assert checked.crosses_antimeridian
    looks = [(180, 65.5), (-180, 65.5), (-178.5, 65.5), (0.7, 70.5), (-177.9, 65.5), (180, 64.9), (180, 65)]
    assert [covers(checked.geometry, LonLat(*look)) for look in looks] == [False] * 4 + [True] * 3


@pytest.mark.parametrize(
    "holes",
    [
        [[[179, 55], [-178, 55], [-178, 66], [179, 66], [179, 55]]],  # beyond the southern side
        [[[179, 65], [-178, 66], [-178, 65], [179, 66], [179, 65]]],  # a bow-tie
        [[[179, 65], [-178, 65], [-178, 67], [179, 67], [179, 65]]] * 2,  # twice
    ],
)
def test_wrong_holes_over_the_antimeridian_are_refused_and_not_cut(holes: Any) -> None:
    with pytest.raises(InvalidGeometry):
        checked_polygon([BAND, *holes], REGION)


@pytest.mark.parametrize("full", [False, True])
def test_edges_on_either_side_of_half_the_globe(full: bool) -> None:
    """An edge of 180° is read as written, the next wider one as crossing, unless `full`."""
    wider = 90 + float(np.spacing(180.0))
    exact = checked_polygon([[[-90, 0], [90, 0], [90, 10], [-90, 10]]], REGION, full=full)
    beyond = checked_polygon([[[-90, 0], [wider, 0], [wider, 10], [-90, 10]]], REGION, full=full)
    assert covers(exact.geometry, LonLat(0, 5))
    assert covers(beyond.geometry, LonLat(0, 5)) == full
    assert covers(beyond.geometry, LonLat(180, 5)) == (not full)


def test_a_drawn_area_over_the_antimeridian_is_as_wide_as_it_looks() -> None:
    assert checked_polygon([[[170, 0], [-170, 0], [-170, 1], [170, 1]]], DRAWN_AREA).bbox.width_deg == 20
    with pytest.raises(GeoError, match=r"at most 20° wide; this one is 20\.1° wide"):
        checked_polygon([[[170, 0], [-169.9, 0], [-169.9, 1], [170, 1]]], DRAWN_AREA)


def test_four_faults_of_drawing_and_what_mends_them() -> None:
    """A bow-tie, a line, an open ring and a vertex that is no number: reason, place, and the way out."""
    bow_tie, line = [[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]], [[0, 0], [1, 1], [2, 2], [0, 0]]
    for repair in (False, True):
        with pytest.raises(InvalidGeometry, match="one line") as refused:
            checked_polygon([line], REGION, repair=repair)
        assert (refused.value.pointer, refused.value.location) == ("/0", LonLat(0, 0))
        with pytest.raises(GeoError, match="not finite") as fault:
            checked_polygon([[[0, 0], [1, 0], [nan, 1], [0, 0]]], REGION, repair=repair)
        assert (fault.value.code, fault.value.pointer) == ("invalid-coordinate", "/0/2/0")
    with pytest.raises(InvalidGeometry, match="Self-intersection") as crossed:
        checked_polygon([bow_tie], REGION)
    assert crossed.value.location == LonLat(1, 1)
    assert len(checked_polygon([bow_tie], REGION, repair=True).geometry.geoms) == 2
    closed = checked_polygon([[[0, 0], [1, 0], [1, 1]]], REGION)
    assert [remark.code for remark in closed.remarks] == ["ring-closed"]


def test_a_third_dimension_of_another_readers_shape_is_dropped_and_told() -> None:
    checked = checked_shape(Polygon([(0, 0, 5), (1, 0, 5), (1, 1, 5)]), REGION)
    assert [remark.code for remark in checked.remarks] == ["height-dropped"]
    assert not checked.geometry.has_z


def test_positions_may_be_arrays_of_any_number_type() -> None:
    square = np.array([[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]])
    for kind in (np.int64, np.float32, np.float64):
        assert checked_polygon([square.astype(kind)], REGION).geometry.area == 4
    with pytest.raises(GeoError):
        checked_polygon([square.astype(bool)], REGION)


def test_an_empty_geometry_covers_nothing_and_has_no_box() -> None:
    empty = MultiPolygon([])
    assert not covers(empty, LonLat(0, 0))
    assert geodesic_area_m2(empty) == 0
    with pytest.raises(InvalidBbox):
        bbox_of(empty)


@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=3, max_size=3))
@example([(0.0, -90.0), (170.0, 90.0), (20.0, 80.0)])
def test_areas_of_triangles_across_the_globe_have_five_digits(corners: Ring) -> None:
    triangle = Polygon(corners)
    fine = geodesic_area_m2(shapely.segmentize(triangle, 2.0)) if triangle.area > 1 else 0
    assume(fine > 1e11)
    assert geodesic_area_m2(triangle) == pytest.approx(fine, rel=1e-5, abs=1e8)


@given(stars(5.0), stars(5.0))
def test_areas_and_boxes_of_two_polygons_add_up(a: Ring, b: Ring) -> None:
    east = [[x + 100, y] for x, y in b]
    both = checked_polygons([[[list(p) for p in a]], [east]], REGION)
    parts = [checked_polygon([ring], REGION) for ring in ([list(p) for p in a], east)]
    assert geodesic_area_m2(both.geometry) == pytest.approx(sum(geodesic_area_m2(p.geometry) for p in parts), rel=1e-12)
    assert both.bbox == parts[0].bbox.union(parts[1].bbox)


@pytest.mark.parametrize(
    "ring",
    [
        [[-180, 0], [180, 1], [-180, 2], [-170, 1]],
        [[180, 0], [-180, 1], [180, 2], [-170, 1]],
        [[180, 0], [180, 2], [-170, 1]],
    ],
)
def test_both_spellings_in_one_side_are_a_change_of_spelling_and_not_a_way_round_the_globe(ring: Any) -> None:
    checked = checked_polygon([ring], REGION)
    assert checked.geometry.equals(MultiPolygon([Polygon([(-180, 0), (-170, 1), (-180, 2)])]))


def test_one_position_spelled_twice_is_kept_once_and_told() -> None:
    checked = checked_polygon([[[179, 0], [180, 0], [-180, 0], [-180, 1], [179, 1], [179, 0]]], REGION)
    assert [remark.code for remark in checked.remarks] == ["repeated-points-dropped"]
    assert (checked.point_count, checked.geometry.area) == (5, 1)
    with pytest.raises(InvalidGeometry, match="three different positions") as refused:
        checked_polygon([[[180, 0], [-180, 0], [180, 1], [-180, 1], [180, 0]]], REGION)
    assert refused.value.location == LonLat(180, 0)


OUTSIDE = [[3, 3], [4, 3], [4, 4], [3, 3]]
HOLE = [[0.2, 0.2], [0.4, 0.2], [0.4, 0.4], [0.2, 0.2]]
BOW_TIE = [[0.5, 0.5], [1, 1], [1, 0.5], [0.5, 1], [0.5, 0.5]]
SQUARE = [[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]


@pytest.mark.parametrize(
    ("rings", "pointer"),
    [
        ([SQUARE, HOLE, OUTSIDE], "/3/2"),
        ([SQUARE, HOLE, BOW_TIE], "/3/2"),
        ([[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]], "/3/0"),
        ([SQUARE, HOLE, HOLE], "/3"),
        ([[[x + 179 if x < 1 else x - 181, y] for x, y in SQUARE], HOLE], "/3/1"),
    ],
)
def test_the_pointer_of_an_invalid_polygon_leads_to_the_ring_at_fault(rings: Any, pointer: str) -> None:
    others = [[[[x + 10 * k, y - 50] for x, y in SQUARE]] for k in range(3)]
    with pytest.raises(InvalidGeometry) as refused:
        checked_polygons([*others, rings], REGION)
    assert refused.value.pointer == pointer


def test_slivers_that_cutting_leaves_are_dropped_and_the_rest_is_accepted_again() -> None:
    """Over 180° by 11 nm: no place is that narrow, and the piece would be refused as a line when it is read again."""
    over = 1e-13 - 180
    checked = checked_polygon([[[179, 0], [over, 0], [over, 1], [179, 1], [179, 0]]], REGION)
    assert checked.geometry.equals(MultiPolygon([shapely.box(179, 0, 180, 1)]))
    assert checked_shape(checked.geometry, REGION).geometry.equals(checked.geometry)


def test_what_geos_mends_into_something_that_is_not_valid_is_refused() -> None:
    """A shell and a hole with vertices 1e-300° apart, found by trying: GEOS 3.13 leaves the hole outside the shell."""
    near = 1e-13
    shell = [[180 - near, 90 - near], [0, 45], [180 - near, 90 - near], [1e-300, 0], [near - 180, -1], [5e-324, 0]]
    hole = [[-178.5, -90], [180 - near, -90], [180 - near, 5e-324], [-179, 0]]
    with suppress(InvalidGeometry):
        assert checked_polygon([[*shell, [1e-300, 90 - near]], hole], REGION, repair=True).geometry.is_valid


def test_vertices_closer_than_any_number_can_tell_are_no_crash() -> None:
    ring = [[0, 0], [5e-324, 1e-300], [1e-300, 45], [170, -1], [0, 45], [1, 0]]
    for repair in (False, True):
        with suppress(InvalidGeometry):
            assert checked_polygon([ring], REGION, repair=repair).geometry.is_valid
