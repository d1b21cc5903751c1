"""Boxes: 180°, poles, and the smallest box around things, against brute force."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.bbox import Bbox
from geo.coordinates import LonLat, wrap_lon
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


@pytest.mark.parametrize("radius", [-1, float("nan"), float("inf"), 10**400, True, "5"])
def test_an_impossible_radius_is_refused(radius: Any) -> None:
    with pytest.raises(InvalidRadius):
        Bbox.around(LonLat(0, 0), radius)


def test_the_boxes_of_rfc_7946() -> None:
    """§5.2: Fiji from 177° E to 178° W is 5° wide, its complement 355°; §5.3: a box around the North Pole."""
    fiji = Bbox(177, -20, -178, -16)
    assert (fiji.width_deg, fiji.crosses_antimeridian) == (5, True)
    assert Bbox(-178, -20, 177, -16).width_deg == 355
    assert Bbox.of_points([LonLat(177, -20), LonLat(-178, -16)]) == fiji
    arctic = Bbox.around(LonLat(12.3, 90), 1_111_950.797)
    assert arctic.as_list() == pytest.approx([-180, 80, 180, 90], abs=1e-6)


def test_places_over_the_antimeridian_are_chosen_and_greenwich_is_not() -> None:
    box = Bbox.parse("179,-18,-179,-16")
    places = [LonLat(179.5, -17), LonLat(-179.5, -17), LonLat(0, -17)]
    assert [place for place in places if box.contains(place)] == places[:2]
    assert [place for place in places if any(part.contains(place) for part in box.parts())] == places[:2]


def turned(lon: float, by: float) -> float:
    return wrap_lon(lon + by)


@given(st.lists(st.tuples(st.integers(-1440, 1440), lats), min_size=1, max_size=8), st.integers(0, 2879))
def test_turning_the_globe_turns_the_box_of_points(raw: list[tuple[int, float]], eighths: int) -> None:
    """Eighths of a degree are exact, so that turning rounds nothing."""
    here = Bbox.of_points([LonLat(lon / 8, lat) for lon, lat in raw])
    moved = [LonLat(turned(lon / 8, eighths / 8), lat) for lon, lat in raw]
    there = Bbox.of_points(moved)
    assert there.width_deg == here.width_deg
    assert (there.south, there.north) == (here.south, here.north)
    assert all(there.contains(point) for point in moved)


@given(boxes(), boxes())
def test_a_union_is_no_wider_than_going_round_from_either_side(a: Bbox, b: Bbox) -> None:
    """Of the ranges that hold both, one begins where either begins and ends where either ends."""
    width = a.union(b).width_deg
    ways = [
        max((b.west - a.west) % 360 + b.width_deg, a.width_deg),
        max((a.west - b.west) % 360 + a.width_deg, b.width_deg),
    ]
    assert width <= min(360.0, *ways) + 1e-9


@given(boxes())
def test_a_box_is_read_again_as_it_is_written(box: Bbox) -> None:
    assert Bbox(*box.as_list()) == box
    text = ",".join(f"{value:.7f}" for value in box.as_list())
    again = Bbox.parse(text) if text.split(",")[::2] != ["180.0000000", "-180.0000000"] else box
    assert again.as_list() == pytest.approx(box.as_list(), abs=0.51e-7)


@given(boxes())
def test_the_centre_of_a_box_is_in_it(box: Bbox) -> None:
    assert box.contains(box.center) or box.width_deg < 1e-9 or box.north - box.south < 1e-9


def test_a_range_given_backwards_is_refused() -> None:
    for low, high in ((170.0, -170.0), (float("nan"), 1.0)):
        with pytest.raises(InvalidBbox, match="from low to high"):
            Bbox.of_ranges([(0.0, 1.0), (low, high)], [0.0])


def test_zeroes_are_written_without_a_minus() -> None:
    assert str(Bbox(-0.0, -0.0, 0, 0).as_list()) == "[0.0, 0.0, 0.0, 0.0]"
