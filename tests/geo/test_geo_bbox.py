"""Boxes: 180°, poles, and the smallest box around things, against brute force."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.bbox import Bbox
from geo.coordinates import LonLat
from geo.distance import destination, distance_m
from geo.errors import InvalidBbox, InvalidRadius

lons = st.one_of(st.sampled_from([-180.0, 180.0, 0.0]), st.floats(-180, 180))
lats = st.one_of(st.sampled_from([-90.0, 90.0, 0.0]), st.floats(-90, 90))
points = st.builds(LonLat, lons, lats)


@st.composite
def boxes(draw: st.DrawFn) -> Bbox:
    south, north = sorted((draw(lats), draw(lats)))
    west, east = draw(lons), draw(lons)
    if (west, east) == (180.0, -180.0):
        west, east = -180.0, 180.0
    return Bbox(west, south, east, north)


def test_a_box_over_fiji_holds_both_sides_and_not_greenwich() -> None:
    box = Bbox.parse("179,-18,-179,-16")
    assert box.crosses_antimeridian
    assert [box.contains(LonLat(lon, -17)) for lon in (179.5, -179.5, 0, 180, -180)] == [True, True, False, True, True]
    assert box.parts() == (Bbox(179, -18, 180, -16), Bbox(-180, -18, -179, -16))
    assert box.width_deg == 2
    assert box.center.lon in (180.0, -180.0)


def test_the_whole_width_is_allowed_and_the_empty_box_is_not() -> None:
    whole = Bbox.parse("-180,-90,180,90")
    assert whole.parts() == (whole,)
    with pytest.raises(InvalidBbox, match="empty"):
        Bbox.parse("180,-1,-180,1")


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("", ""),
        ("1,2,3", ""),
        ("1,2,3,4,5,6", ""),
        ("0,1,0,0", "/1"),
        ("0,0,181,0", "/2"),
        ("-181,0,0,0", "/0"),
        ("0,-91,0,0", "/1"),
        ("0,0,0,90.5", "/3"),
        ("0,0,0,1e1", "/3"),
        ("a,0,0,0", "/0"),
        ("0, 0,0,0", "/1"),
        ("0,nan,0,0", "/1"),
        ("0,0,1" + "0" * 400 + ",0", "/2"),
    ],
)
def test_a_malformed_box_is_refused_with_its_place(text: str, pointer: str) -> None:
    with pytest.raises(InvalidBbox) as refused:
        Bbox.parse(text)
    assert refused.value.pointer == pointer


def test_numbers_that_are_none_are_refused() -> None:
    for bad in (float("nan"), 10**400, True, "1"):
        with pytest.raises(InvalidBbox) as refused:
            Bbox(0, 0, 1, bad)  # type: ignore[arg-type]
        assert refused.value.pointer == "/3"


def test_swapped_axes_are_hinted() -> None:
    with pytest.raises(InvalidBbox) as refused:
        Bbox.parse("30,120,31,121")
    assert refused.value.hint == "swapped"


def test_a_box_that_ends_on_the_antimeridian_finds_both_spellings() -> None:
    for box in (Bbox(170, 0, 180, 1), Bbox(-180, 0, -170, 1), Bbox(180, 0, -170, 1), Bbox(180, 0, 180, 1)):
        for lon in (180.0, -180.0):
            assert box.contains(LonLat(lon, 0.5))
            assert any(part.west <= lon <= part.east for part in box.parts())


@given(boxes(), points)
def test_the_parts_together_are_the_box(box: Bbox, point: LonLat) -> None:
    parts = box.parts()
    assert 1 <= len(parts) <= 2
    assert not any(part.crosses_antimeridian for part in parts)
    in_parts = any(p.west <= point.lon <= p.east and p.south <= point.lat <= p.north for p in parts)
    assert in_parts == box.contains(point)


@given(boxes(), boxes(), points)
def test_a_shared_position_means_that_boxes_intersect(a: Bbox, b: Bbox, point: LonLat) -> None:
    assert a.intersects(b) == b.intersects(a)
    if a.contains(point) and b.contains(point):
        assert a.intersects(b)


@given(boxes(), boxes())
def test_boxes_intersect_when_a_corner_meridian_of_one_lies_in_the_other(a: Bbox, b: Bbox) -> None:
    """Two arcs of a circle meet exactly when the start of one lies in the other."""
    lat_overlap = max(a.south, b.south) <= min(a.north, b.north)
    arcs_meet = a.contains_lon(b.west) or b.contains_lon(a.west) or a.contains_lon(b.east) or b.contains_lon(a.east)
    assert a.intersects(b) == (lat_overlap and arcs_meet)


@given(boxes(), boxes(), points)
def test_a_union_holds_what_either_holds(a: Bbox, b: Bbox, point: LonLat) -> None:
    union = a.union(b)
    assert union == b.union(a)
    if a.contains(point) or b.contains(point):
        assert union.contains(point)


@given(st.lists(st.integers(-180, 180), min_size=1, max_size=8))
def test_the_box_of_points_is_the_narrowest(meridians: list[int]) -> None:
    box = Bbox.of_points([LonLat(lon, 0) for lon in meridians])
    assert all(box.contains(LonLat(lon, 0)) for lon in meridians)
    # Brute force: eastwards from each point, how far to the last of the others.
    narrowest = min(max((lon - start) % 360 for lon in meridians) for start in meridians)
    assert box.width_deg == narrowest


def test_a_box_of_no_points_is_refused() -> None:
    with pytest.raises(InvalidBbox):
        Bbox.of_points([])


@given(points, st.floats(0, 2.1e7), st.floats(0, 360), st.floats(0, 1))
def test_the_box_around_a_circle_holds_it(center: LonLat, radius: float, bearing: float, part: float) -> None:
    goal = destination(center, bearing, radius * part)
    box = Bbox.around(center, radius)
    on_a_pole = abs(goal.lat) > 90 - 1e-12
    assert box.contains(goal) or (on_a_pole and box.south <= goal.lat <= box.north)


@given(st.builds(LonLat, lons, st.floats(-80, 80)), st.floats(1, 1e6))
def test_the_box_around_a_circle_is_tight(center: LonLat, radius: float) -> None:
    box = Bbox.around(center, radius)
    assert distance_m(center, LonLat(center.lon, box.north)) == pytest.approx(radius, abs=1e-3)
    # The easternmost position of the circle touches the eastern side.
    side = min(distance_m(center, LonLat(box.east, box.south + (box.north - box.south) * k / 200)) for k in range(201))
    assert radius <= side + 1e-3
    assert side <= radius * 1.002


def test_a_circle_around_a_pole_takes_all_meridians() -> None:
    box = Bbox.around(LonLat(0, 89.99), 3000)
    assert (box.west, box.east, box.north) == (-180, 180, 90)
    assert box.south == pytest.approx(89.99 - 3000 / 111195.08, abs=1e-6)


def test_a_circle_over_the_antimeridian_crosses() -> None:
    assert Bbox.around(LonLat(179.99, 0), 3000).crosses_antimeridian


@pytest.mark.parametrize("radius", [-1, float("nan"), float("inf")])
def test_an_impossible_radius_is_refused(radius: float) -> None:
    with pytest.raises(InvalidRadius):
        Bbox.around(LonLat(0, 0), radius)
