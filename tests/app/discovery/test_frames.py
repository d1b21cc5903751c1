"""Frames that hold a box, however far from the point: whatever lies in it stands in one, and charts never mislead."""

from __future__ import annotations

from math import hypot

from hypothesis import given
from hypothesis import strategies as st

from app.postings.charts import Frame, frames_over, spots_of
from geo.bbox import Bbox
from geo.coordinates import LonLat
from geo.distance import distance_m

lons = st.one_of(st.sampled_from((-180.0, -179.9999999, 0.0, 179.9999999, 180.0)), st.floats(-180, 180))
lats = st.one_of(st.sampled_from((-90.0, -85.0, 0.0, 85.0, 90.0)), st.floats(-90, 90))
points = st.builds(LonLat, lons, lats).map(LonLat.rounded)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[Bbox, LonLat]:
    """A box and a point in it."""
    south, lat, north = sorted(draw(st.tuples(lats, lats, lats)))
    west, east, share = draw(lons), draw(lons), draw(st.floats(0, 1))
    if (west, east) == (180.0, -180.0):
        west, east = east, west
    box = Bbox(west, south, east, north)
    lon = west + share * box.width_deg
    inside = LonLat(lon - 360 if lon > 180 else lon, lat)
    return box, inside if box.contains(inside) else LonLat(west, lat)


@given(points, boxes())
def test_what_lies_in_the_box_stands_in_a_frame_and_no_nearer_than_it_is(
    origin: LonLat, at: tuple[Bbox, LonLat]
) -> None:
    box, place = at
    frames = frames_over(origin, box)
    standing = [
        (frame, spot.x, spot.y)
        for frame in frames
        for spot in spots_of(place)
        if (spot.image == 2) == frame.polar and in_box(frame, spot.x, spot.y)
    ]
    assert standing
    true_m = distance_m(origin, place)
    for frame, x, y in standing:
        # From 89.9999° on Mercator's chart is looked at from that parallel, up to 12 m away.
        assert hypot(x - frame.x, y - frame.y) >= frame.sure_m(max(0.0, true_m - 12)) - 1e-3


def in_box(frame: Frame, x: float, y: float) -> bool:
    return frame.west <= x <= frame.east and frame.south <= y <= frame.north


def test_most_boxes_are_one_frame() -> None:
    assert len(frames_over(LonLat(120, 30), Bbox(119, 29, 121, 31))) == 1
    assert len(frames_over(LonLat(180, -17), Bbox(175, -20, -175, -15))) == 2
    assert len(frames_over(LonLat(0, 0), Bbox(-180, -90, 180, 90))) == 3
