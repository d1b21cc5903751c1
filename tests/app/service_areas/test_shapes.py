"""What merchants draw: refused with reason and place, or kept as it was drawn; pure."""

from __future__ import annotations

import math
from typing import Any

import pytest
import shapely
from pyproj import Geod

from app.core.errors import AppError
from app.service_areas.errors import InvalidShape, ShapeTooLarge
from app.service_areas.shapes import circle_shape, drawn_shape, geometry_json, simplified
from geo.coordinates import LonLat
from geo.grid_shift import Datum, from_wgs84

SQUARE = [[120.0, 30.0], [120.1, 30.0], [120.1, 30.1], [120.0, 30.1], [120.0, 30.0]]
WGS84 = Geod(ellps="WGS84")


def polygon(*rings: list[Any]) -> dict[str, Any]:
    """A GeoJSON Polygon."""
    return {"type": "Polygon", "coordinates": [*rings]}


def refused(geometry: Any, *, repair: bool = False) -> tuple[AppError, str | None, tuple[float, float] | None]:
    """The refusal, its pointer and its place."""
    with pytest.raises(AppError) as caught:
        drawn_shape(geometry, Datum.WGS84, repair=repair)
    fault = caught.value.faults[0]
    place = None if fault.location is None else (fault.location["lon"], fault.location["lat"])
    assert fault.detail
    assert fault.code == caught.value.code
    return caught.value, fault.pointer, place


def test_nine_bad_polygons_are_refused_each_with_its_reason_and_place() -> None:
    # a bow-tie, crossing itself at 120.05, 30.05
    bow_tie = polygon([[120.0, 30.0], [120.1, 30.1], [120.1, 30.0], [120.0, 30.1], [120.0, 30.0]])
    error, pointer, place = refused(bow_tie)
    assert ("Self-intersection" in error.detail, pointer) == (True, "/geometry/coordinates/0")
    assert place == (120.05, 30.05)
    # an open ring: the last of its four positions is told
    error, pointer, place = refused(polygon(SQUARE[:4]))
    assert (pointer, place, error.faults[0].hint) == ("/geometry/coordinates/0", (120.0, 30.1), "unclosed")
    # all on one line
    _, pointer, place = refused(polygon([[120.0, 30.0], [120.05, 30.05], [120.1, 30.1], [120.0, 30.0]]))
    assert (pointer, place) == ("/geometry/coordinates/0", (120.0, 30.0))
    # a number that is none
    for value in (float("nan"), None, "30", True, float("inf")):
        _, pointer, _ = refused(polygon([[120.0, 30.0], [120.1, value], [120.1, 30.1], [120.0, 30.0]]))
        assert pointer == "/geometry/coordinates/0/1/1", value
    # out of range, latitude and longitude swapped
    error, pointer, _ = refused(polygon([[lat, lon] for lon, lat in SQUARE]))
    assert (pointer, error.faults[0].hint) == ("/geometry/coordinates/0/0/1", "swapped")
    # a hole outside of its shell
    hole = [[121.0, 30.0], [121.01, 30.0], [121.01, 30.01], [121.0, 30.0]]
    error, pointer, place = refused(polygon(SQUARE, hole))
    assert ("outside" in error.detail.lower(), pointer) == (True, "/geometry/coordinates/1")
    assert place is not None
    assert place[0] >= 121.0
    # a sliver of 30 cm
    sliver = polygon([[120.0, 30.0], [120.1, 30.0], [120.1, 30.000003], [120.0, 30.000003], [120.0, 30.0]])
    error, pointer, place = refused(sliver)
    assert (pointer, error.faults[0].hint) == ("/geometry/coordinates", "sliver")
    assert place is not None
    assert 120.0 <= place[0] <= 120.1
    # two parts of one area over each other
    other = [[lon + 0.05, lat + 0.05] for lon, lat in SQUARE]
    _, pointer, place = refused({"type": "MultiPolygon", "coordinates": [[SQUARE], [other]]})
    assert pointer == "/geometry/coordinates"
    assert place in ((120.1, 30.05), (120.05, 30.1))
    # wider than 20 degrees
    wide = polygon([[100.0, 30.0], [121.0, 30.0], [121.0, 31.0], [100.0, 30.0]])
    assert isinstance(refused(wide)[0], ShapeTooLarge)
    # what is no polygon at all
    for nothing in ({"type": "Point", "coordinates": [1, 2]}, {"type": "Polygon", "coordinates": []}, {}, {"type": 7}):
        assert isinstance(refused(nothing)[0], InvalidShape), nothing


def test_repair_closes_and_mends_and_says_so() -> None:
    closed = drawn_shape(polygon(SQUARE[:4]), Datum.WGS84, repair=True)
    assert geometry_json(closed.boundary) == polygon(SQUARE)
    assert [remark.code for remark in closed.remarks] == ["ring-closed"]
    bow_tie = polygon([[120.0, 30.0], [120.1, 30.1], [120.1, 30.0], [120.0, 30.1], [120.0, 30.0]])
    mended = drawn_shape(bow_tie, Datum.WGS84, repair=True)
    assert len(mended.boundary.geoms) == 2  # two triangles
    assert "repaired" in [remark.code for remark in mended.remarks]


def test_holes_are_left_out_and_the_area_is_that_of_the_ellipsoid() -> None:
    hole = [[120.02, 30.02], [120.02, 30.04], [120.04, 30.04], [120.04, 30.02], [120.02, 30.02]]
    shape = drawn_shape(polygon(SQUARE, hole), Datum.WGS84, repair=False)
    shell, inner = (
        abs(WGS84.geometry_area_perimeter(shapely.Polygon(ring).segmentize(0.001))[0]) for ring in (SQUARE, hole)
    )
    assert shape.area_m2 == pytest.approx(shell - inner, rel=1e-6)
    assert not shape.boundary.covers(shapely.Point(120.03, 30.03))


def wavy(points: int, radius_deg: float = 0.05, depth: float = 0.002) -> dict[str, Any]:
    """A ring of so many points around 120.2, 30.2 whose edge waves gently."""
    ring = []
    for n in range(points):
        angle = 2 * math.pi * n / points
        radius = radius_deg + depth * math.sin(40 * angle)
        ring.append([round(120.2 + radius * math.cos(angle), 7), round(30.2 + radius * math.sin(angle), 7)])
    return polygon([*ring, ring[0]])


def test_more_than_two_thousand_points_are_refused_with_a_simpler_drawing_within_five_metres() -> None:
    given = wavy(9_000)
    error, pointer, _ = refused(given)
    assert (error.code, pointer, error.faults[0].hint) == ("geometry-too-large", "/geometry", "too-many-points")
    assert "9,001" in error.detail
    proposal = error.extra["proposal"]
    assert proposal["point_count"] <= 2000
    kept = drawn_shape(proposal["geometry"], Datum.WGS84, repair=False)
    # On a plane of our own, densely: no point of one outline is farther than 5 m from the other.
    scale = (111_195.08 * math.cos(math.radians(30.2)), 111_195.08)
    one, other = (
        shapely.transform(shape.boundary, lambda xy: xy * scale)
        for shape in (kept.boundary, shapely.geometry.shape(given))
    )
    assert one.hausdorff_distance(other) <= 5.0
    assert shapely.hausdorff_distance(one, other, densify=0.2) <= 5.0
    assert proposal["hausdorff_m"] == pytest.approx(one.hausdorff_distance(other), abs=0.1)


def test_what_no_simpler_drawing_within_five_metres_could_hold_is_refused_without_one() -> None:
    teeth = []
    for n in range(4_000):  # teeth of 100 m
        teeth.append([round(120.0 + n * 0.0001, 7), 30.1 + (0.001 if n % 2 else 0.0)])
    comb = polygon([[120.0, 30.0], [120.4, 30.0], *reversed(teeth), [120.0, 30.0]])
    error, _, _ = refused(comb)
    assert error.extra == {}
    assert simplified(shapely.geometry.MultiPolygon([shapely.geometry.shape(comb)])) is None


def test_two_thousand_points_are_kept_as_they_are_drawn() -> None:
    given = wavy(1_999)
    assert (
        geometry_json(drawn_shape(given, Datum.WGS84, repair=False).boundary)["coordinates"][0]
        == (given["coordinates"][0])
    )


@pytest.mark.parametrize("datum", [Datum.GCJ02, Datum.BD09])
def test_a_drawing_in_another_datum_is_kept_in_wgs84_and_shown_as_it_came(datum: Datum) -> None:
    written = [list(from_wgs84(LonLat(*position), datum).rounded().xy) for position in SQUARE]
    shape = drawn_shape(polygon(written), datum, repair=False)
    kept = geometry_json(shape.boundary)["coordinates"][0]
    for (lon, lat), (lon_kept, lat_kept) in zip(SQUARE, kept, strict=True):
        assert abs(lon - lon_kept) < 2e-7
        assert abs(lat - lat_kept) < 2e-7
    shown = geometry_json(shape.boundary, datum)["coordinates"][0]
    for (lon, lat), (lon_shown, lat_shown) in zip(written, shown, strict=True):
        assert abs(lon - lon_shown) < 3e-7
        assert abs(lat - lat_shown) < 3e-7


@pytest.mark.parametrize(
    ("lon", "lat", "radius_m"), [(120.16, 30.25, 3000), (24.94, 60.17, 50_000), (179.99, -17, 5000), (0, 0, 10)]
)
def test_a_circle_lies_within_its_radius_and_leaves_little_out(lon: float, lat: float, radius_m: float) -> None:
    shape = circle_shape(LonLat(lon, lat), radius_m)
    # the cap of a sphere of PostGIS's radius, Archimedes; a polygon of 256 sides holds 0.9999 of it
    cap = 2 * math.pi * 6371008.7714150598**2 * (1 - math.cos(radius_m / 6371008.7714150598))
    assert shape.area_m2 == pytest.approx(cap, rel=0.008)  # the ellipsoid is up to 0.7 % off the sphere
    parts = shapely.get_coordinates(shape.boundary)
    sphere = Geod(a=6371008.7714150598, b=6371008.7714150598)
    for x, y in parts:
        if abs(x) < 180:
            assert sphere.inv(lon, lat, x, y)[2] <= radius_m + 0.02


def test_a_circle_over_a_pole_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidShape) as caught:
        circle_shape(LonLat(10, 89.9), 50_000)
    assert caught.value.faults[0].pointer == "/radius_m"
    assert caught.value.faults[0].location is not None
