"""The polygon gate: what is refused and where, what is told, 180°, and areas against PROJ."""

from math import cos, pi, sin
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from shapely import MultiPolygon, Polygon

from geo.coordinates import LonLat
from geo.errors import GeoError, GeometryTooLarge, InvalidCoordinate, InvalidGeometry
from geo.polygons import (
    DRAWN_AREA,
    QUERY_POLYGON,
    REGION,
    CheckedPolygons,
    bbox_of,
    checked_polygon,
    checked_polygons,
    checked_shape,
    covers,
    geodesic_area_m2,
)

SQUARE = [[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]
FIJI = [[179, -18], [-179, -18], [-179, -16], [179, -16], [179, -18]]
nan = float("nan")


def refusal(rings: Any, limits: Any = REGION, **options: Any) -> GeoError:
    with pytest.raises(GeoError) as refused:
        checked_polygon(rings, limits, pointer="/geometry/coordinates", **options)
    return refused.value


def codes(checked: CheckedPolygons) -> list[str]:
    return [remark.code for remark in checked.remarks]


@pytest.mark.parametrize(
    ("rings", "pointer"),
    [
        (None, ""),
        ("POLYGON", ""),
        ({}, ""),
        (5, ""),
        ([], ""),
        ([[]], "/0"),
        ([None], "/0"),
        ([["a"]], "/0/0"),
        ([[[]]], "/0/0"),
        ([[[1]]], "/0/0"),
        ([[[1, 2, 3, 4]]], "/0/0"),
        ([[0, 0], [1, 1], [1, 0], [0, 0]], "/0/0"),
        ([[[0, 0]]], "/0"),
        ([[[0, 0], [1, 1]]], "/0"),
        ([[[0, 0], [1, 1], [0, 0]]], "/0"),
        ([[[0, 0], [0, 0], [0, 0], [0, 0]]], "/0"),
        ([SQUARE, [[1, 1], [1, 1]]], "/1"),
    ],
)
def test_a_broken_structure_is_refused_with_its_place(rings: Any, pointer: str) -> None:
    fault = refusal(rings)
    assert type(fault) is InvalidGeometry
    assert fault.pointer == "/geometry/coordinates" + pointer


@pytest.mark.parametrize(
    ("position", "pointer", "hint"),
    [
        ([nan, 0], "/0/1/0", None),
        ([0, float("inf")], "/0/1/1", None),
        ([10**400, 0], "/0/1/0", None),
        ([None, 0], "/0/1/0", None),
        (["1", 0], "/0/1/0", None),
        ([True, 0], "/0/1/0", None),
        ([[1], 0], "/0/1/0", None),
        ([0, 0, nan], "/0/1/2", None),
        ([181, 0], "/0/1/0", None),
        ([30.2, 120.1], "/0/1/1", "swapped"),
        ([13377000, 3535000], "/0/1/0", None),
    ],
)
def test_a_bad_number_is_refused_with_its_place(position: Any, pointer: str, hint: str | None) -> None:
    fault = refusal([[[0, 0], position, [1, 1], [0, 0]]])
    assert type(fault) is InvalidCoordinate
    assert (fault.pointer, fault.hint) == ("/geometry/coordinates" + pointer, hint)


def test_a_bow_tie_is_refused_where_it_crosses() -> None:
    fault = refusal([[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]])
    assert "Self-intersection" in fault.detail
    assert fault.location == LonLat(1, 1)


def test_a_bow_tie_over_the_antimeridian_is_refused_where_it_crosses() -> None:
    fault = refusal([[[179.5, 0], [-178.5, 2], [-178.5, 0], [179.5, 2], [179.5, 0]]])
    assert fault.location == LonLat(-179.5, 1)


def test_a_mended_bow_tie_is_two_triangles() -> None:
    checked = checked_polygon([[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]], REGION, repair=True)
    drawn = MultiPolygon([Polygon([(0, 0), (1, 1), (0, 2)]), Polygon([(2, 0), (1, 1), (2, 2)])])
    assert checked.geometry.equals(drawn)
    assert codes(checked) == ["repaired"]


def test_a_star_of_many_crossings_is_not_mended() -> None:
    def star(count: int) -> list[list[float]]:
        step = 2 * pi * ((count - 1) // 2) / count
        return [[cos(k * step), sin(k * step)] for k in range(count)]

    # Each edge of the star {n / (n-1)/2} crosses n - 3 others: 44 crossings for n = 11, 101,925 for n = 453.
    assert codes(checked_polygon([star(11)], REGION, repair=True)) == ["ring-closed", "repaired"]
    assert "more than 100 times" in refusal([star(453)], repair=True).detail


@pytest.mark.parametrize("repair", [False, True])
@pytest.mark.parametrize(
    "ring", [[[0, 0], [1, 1], [3, 3], [0, 0]], [[120.01, 30.01], [120.02, 30.02], [120.03, 30.03]]]
)
def test_a_ring_on_one_line_is_refused_even_when_repair_is_asked(ring: Any, repair: bool) -> None:
    fault = refusal([ring], repair=repair)
    assert "one line" in fault.detail
    assert fault.location == LonLat(*ring[0])


@pytest.mark.parametrize(
    ("polygons", "reason"),
    [
        ([[SQUARE, [[3, 3], [4, 3], [4, 4], [3, 3]]]], "Hole lies outside"),
        ([[SQUARE, [[1, 1], [3, 1], [3, 1.5], [1, 1]]]], "Self-intersection"),
        ([[SQUARE], [[[1, 1], [3, 1], [3, 3], [1, 3], [1, 1]]]], "Self-intersection"),
        ([[SQUARE], [SQUARE]], "Self-intersection"),
        ([[SQUARE], [[[0.5, 0.5], [1, 0.5], [1, 1], [0.5, 0.5]]]], "Nested shells"),
    ],
)
def test_shapes_that_do_not_fit_together_are_refused_with_reason_and_place(polygons: Any, reason: str) -> None:
    with pytest.raises(InvalidGeometry, match=reason) as refused:
        checked_polygons(polygons, REGION)
    assert refused.value.location is not None


def test_an_open_ring_is_closed_and_told() -> None:
    checked = checked_polygon([SQUARE[:-1]], REGION)
    assert checked.geometry.equals(MultiPolygon([Polygon(SQUARE)]))
    assert [(r.code, r.pointer) for r in checked.remarks] == [("ring-closed", "/0")]


def test_repeated_positions_are_dropped_and_told() -> None:
    checked = checked_polygon([[*SQUARE[:2], SQUARE[1], SQUARE[1], *SQUARE[2:], SQUARE[-1]]], REGION)
    assert checked.point_count == 5
    assert codes(checked) == ["repeated-points-dropped"]


def test_heights_are_dropped_and_told() -> None:
    checked = checked_polygon([[[*position, 12.5] for position in SQUARE]], REGION)
    assert not checked.geometry.has_z
    assert codes(checked) == ["height-dropped"]


@pytest.mark.parametrize("reverse", [False, True])
def test_shells_run_anticlockwise_and_holes_clockwise(reverse: bool) -> None:
    hole = [[0.5, 0.5], [1, 0.5], [1, 1], [0.5, 0.5]]
    rings = [ring[::-1] if reverse else ring for ring in (SQUARE, hole)]
    (polygon,) = checked_polygon(rings, REGION).geometry.geoms
    assert polygon.exterior.is_ccw
    assert not polygon.interiors[0].is_ccw


def test_a_hole_is_outside_and_borders_are_inside() -> None:
    hole = [[0.5, 0.5], [1, 0.5], [1, 1], [0.5, 1], [0.5, 0.5]]
    geometry = checked_polygon([SQUARE, hole], REGION).geometry
    assert not covers(geometry, LonLat(0.7, 0.7))
    for border in (LonLat(0, 1), LonLat(2, 2), LonLat(0.5, 0.7), LonLat(1, 1)):
        assert covers(geometry, border)
    assert not covers(geometry, LonLat(2.0000001, 1))


def test_a_box_of_forty_to_sixty_degrees_does_not_cover_sixty_one() -> None:
    geometry = checked_polygon([[[100, 40], [140, 40], [140, 60], [100, 60], [100, 40]]], REGION).geometry
    assert not covers(geometry, LonLat(120, 61))


def test_a_polygon_over_fiji_is_cut_at_the_antimeridian() -> None:
    checked = checked_polygon([FIJI], DRAWN_AREA)
    assert checked.crosses_antimeridian
    assert codes(checked) == ["split-at-180"]
    assert checked.geometry.equals(shapely.union(shapely.box(179, -18, 180, -16), shapely.box(-180, -18, -179, -16)))
    assert checked.bbox.as_list() == [179, -18, -179, -16]
    inside = [covers(checked.geometry, LonLat(lon, -17)) for lon in (179.5, -179.5, 180, -180, 0, 178.9)]
    assert inside == [True, True, True, True, False, False]


def test_a_hole_over_the_antimeridian_stays_a_hole() -> None:
    hole = [[179.5, -17.5], [-179.5, -17.5], [-179.5, -16.5], [179.5, -16.5], [179.5, -17.5]]
    geometry = checked_polygon([FIJI, hole], REGION).geometry
    assert geometry.area == pytest.approx(4 - 1)
    assert not covers(geometry, LonLat(180, -17))
    assert covers(geometry, LonLat(180, -16.2))


@pytest.mark.parametrize("side", [1, -1])
def test_a_hole_beyond_the_antimeridian_finds_its_shell(side: int) -> None:
    shell = [[side * x, y] for x, y in FIJI]
    hole = [[side * -179.8, -17.5], [side * -179.2, -17.5], [side * -179.2, -17], [side * -179.8, -17.5]]
    assert checked_polygon([shell, hole], REGION).geometry.area == pytest.approx(4 - 0.15)


def test_full_reads_wide_edges_as_they_are_written() -> None:
    checked = checked_polygon([FIJI], REGION, full=True)
    assert covers(checked.geometry, LonLat(0, -17))
    assert not covers(checked.geometry, LonLat(179.5, -17))
    assert not checked.crosses_antimeridian


def test_an_edge_of_exactly_half_the_globe_is_not_taken_as_crossing() -> None:
    checked = checked_polygon([[[-90, 0], [90, 0], [90, 10], [-90, 10], [-90, 0]]], REGION)
    assert covers(checked.geometry, LonLat(0, 5))


def test_a_ring_around_a_pole_is_refused_with_a_way_out() -> None:
    fault = refusal([[[0, 80], [120, 80], [-120, 80], [0, 80]]])
    assert fault.hint == "around-pole"


def test_antarctica_as_published_with_an_edge_along_the_pole_is_accepted() -> None:
    ring = [[-180, -90], [180, -90], [180, -84], [60, -66], [-60, -64], [-180, -84], [-180, -90]]
    checked = checked_polygon([ring], REGION)
    assert covers(checked.geometry, LonLat(0, -89))
    assert not covers(checked.geometry, LonLat(0, -60))


def test_a_ring_with_both_spellings_of_the_antimeridian_is_one_shape() -> None:
    checked = checked_polygon([[[179, 0], [180, 0], [-180, 1], [179, 1], [179, 0]]], REGION)
    assert checked.geometry.equals(MultiPolygon([shapely.box(179, 0, 180, 1)]))


def test_a_country_in_two_halves_keeps_a_narrow_box() -> None:
    halves = [[[[178, 0], [180, 0], [180, 1], [178, 0]]], [[[-180, 0], [-177, 0], [-180, 1], [-180, 0]]]]
    checked = checked_polygons(halves, DRAWN_AREA)
    assert not checked.crosses_antimeridian
    assert bbox_of(checked.geometry).as_list() == [178, 0, -177, 1]


def circle(count: int, radius: float = 0.1) -> list[list[float]]:
    ring = [[radius * cos(2 * pi * k / count), radius * sin(2 * pi * k / count)] for k in range(count)]
    return [*ring, ring[0]]


def test_the_limit_of_points_is_allowed_and_one_more_is_refused() -> None:
    assert checked_polygon([circle(1999)], DRAWN_AREA).point_count == 2000
    assert type(refusal([circle(2000)], DRAWN_AREA)) is GeometryTooLarge
    assert type(refusal([circle(2000)[:-1]], DRAWN_AREA)) is GeometryTooLarge  # 2,000, then closed
    assert checked_polygon([circle(9999)], QUERY_POLYGON).point_count == 10_000
    assert type(refusal([circle(10_000)], QUERY_POLYGON)) is GeometryTooLarge


def test_a_huge_body_is_refused_before_it_is_read() -> None:
    assert type(refusal([[["junk"]] * 600_000], REGION)) is GeometryTooLarge
    assert type(refusal([[]] * 5_001, REGION)) is GeometryTooLarge


def test_width_area_and_number_of_polygons_have_limits() -> None:
    wide = [[[0, 0], [20.1, 0], [20.1, 1], [0, 0]]]
    assert type(refusal(wide, DRAWN_AREA)) is GeometryTooLarge
    assert checked_polygon(wide, REGION)
    large = [[[0, 0], [2.1, 0], [2.1, 2], [0, 2], [0, 0]]]  # about 51,600 km²
    assert type(refusal(large, QUERY_POLYGON)) is GeometryTooLarge
    assert checked_polygon([SQUARE], QUERY_POLYGON)
    many = [[[[k, 0], [k + 0.1, 0], [k, 0.1], [k, 0]]] for k in range(21)]
    assert checked_polygons(many[:20], QUERY_POLYGON)
    with pytest.raises(GeometryTooLarge):
        checked_polygons(many, QUERY_POLYGON)


def test_shapes_of_other_readers_pass_the_same_gate() -> None:
    assert checked_shape(shapely.box(0, 0, 1, 1), REGION).geometry.area == 1
    for bad in (shapely.Point(0, 0), Polygon(), MultiPolygon(), Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])):
        with pytest.raises(InvalidGeometry):
            checked_shape(bad, REGION)


def test_the_area_of_the_globe_is_that_of_wgs84() -> None:
    """510,065,621.724 km², the published surface of the ellipsoid."""
    assert geodesic_area_m2(shapely.box(-180, -90, 180, 90)) == pytest.approx(510_065_621.724e6, rel=1e-11)


@given(st.floats(-179, 178), st.floats(-85, 84), st.floats(0.001, 0.2))
def test_small_areas_equal_the_geodesic_ones(lon: float, lat: float, size: float) -> None:
    ring = [(lon, lat), (lon + size, lat + size / 3), (lon + size / 2, lat + size)]
    shape = Polygon(ring)
    expected, _ = Geod(ellps="WGS84").geometry_area_perimeter(shapely.segmentize(shape, size / 50))
    assert geodesic_area_m2(shape) == pytest.approx(expected, rel=1e-5, abs=0.01)


@st.composite
def stars(draw: st.DrawFn) -> list[tuple[float, float]]:
    """A ring that sees its centre (0, lat): angles ascending, radii free, so that it never crosses itself."""
    count = draw(st.integers(3, 12))
    lat = draw(st.floats(-60, 60))
    radii = draw(st.lists(st.floats(0.5, 20), min_size=count, max_size=count))
    return [
        (round(r * cos(2 * pi * k / count), 6), round(lat + r * sin(2 * pi * k / count), 6))
        for k, r in enumerate(radii)
    ]


def half_turn(lon: float) -> float:
    return round(lon - 180 if lon > 0 else lon + 180, 6)


@given(stars(), st.lists(st.tuples(st.floats(-21, 21), st.floats(-81, 81)), min_size=1, max_size=10))
def test_half_a_turn_of_the_globe_changes_no_answer(ring: Any, places: Any) -> None:
    here = checked_polygon([ring], REGION)
    there = checked_polygon([[(half_turn(lon), lat) for lon, lat in ring]], REGION)
    assert there.geometry.area == pytest.approx(here.geometry.area, rel=1e-9)
    assert there.bbox.width_deg == pytest.approx(here.bbox.width_deg, abs=1e-6)
    border = here.geometry.boundary
    for lon, lat in places:
        if border.distance(shapely.Point(lon, lat)) > 1e-5:
            assert covers(here.geometry, LonLat(lon, lat)) == covers(there.geometry, LonLat(half_turn(lon), lat))


junk = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-200, 200), st.floats(), st.text(max_size=3), st.just({})),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=60,
)
numbers = st.one_of(st.sampled_from([0, 1, 2, -1, 179, -179, 180, -180, 90, -90, 0.5]), st.floats(-200, 200))
rings = st.lists(st.lists(numbers, min_size=2, max_size=3), max_size=8)


@settings(max_examples=400)
@given(st.one_of(junk, st.lists(rings, max_size=3)), st.booleans(), st.booleans())
def test_any_input_is_a_valid_shape_or_a_refusal(raw: Any, full: bool, repair: bool) -> None:
    for check, value in ((checked_polygon, raw), (checked_polygons, [raw])):
        try:
            checked = check(value, REGION, full=full, repair=repair)
        except GeoError:
            continue
        geometry = checked.geometry
        assert geometry.is_valid
        assert not geometry.is_empty
        west, south, east, north = geometry.bounds
        assert -180 <= west <= east <= 180
        assert -90 <= south <= north <= 90
        assert all(part.exterior.is_ccw for part in geometry.geoms)


def test_the_place_of_a_bad_vertex_is_named_for_shapes_of_other_readers() -> None:
    with pytest.raises(InvalidCoordinate) as refused:
        checked_shape(Polygon([(0, 0), (1, 0), (1, 95), (0, 0)]), REGION)
    assert (refused.value.pointer, refused.value.hint) == ("/0/0/2/1", "swapped")


def test_half_a_million_points_pass_in_seconds() -> None:
    ring = np.array(circle(400_000, 5.0))
    assert checked_shape(Polygon(ring), REGION).point_count == 400_001
