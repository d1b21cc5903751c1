"""GeoJSON in and out: pointers for each fault, and what RFC 7946 asks of the writer."""

import json
from contextlib import suppress
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.bbox import Bbox
from geo.coordinates import LonLat, wrap_lon
from geo.errors import GeoError, GeometryTooLarge, InvalidGeometry
from geo.geojson import (
    bbox_around,
    bbox_geometry,
    feature,
    feature_collection,
    parse_geometry,
    parse_line,
    parse_point,
    parse_polygons,
    point_geometry,
    polygons_geometry,
)
from geo.polygons import REGION, CheckedPolygons, covers

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}
FIJI = {"type": "Polygon", "coordinates": [[[179, -18], [-179, -18], [-179, -16], [179, -16], [179, -18]]]}


def test_each_type_becomes_its_value() -> None:
    assert parse_geometry({"type": "Point", "coordinates": [1, 2]}, REGION) == LonLat(1, 2)
    line = {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}
    assert parse_geometry(line, REGION) == (LonLat(1, 2), LonLat(3, 4))
    assert isinstance(parse_geometry(SQUARE, REGION), CheckedPolygons)
    multi = {"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"]]}
    assert parse_polygons(multi, REGION).geometry.equals(parse_polygons(SQUARE, REGION).geometry)


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        (None, "/g"),
        ([], "/g"),
        ("POINT(0 0)", "/g"),
        ({}, "/g/type"),
        ({"type": "polygon", "coordinates": []}, "/g/type"),
        ({"type": ["Polygon"], "coordinates": []}, "/g/type"),
        ({"type": "Feature", "geometry": SQUARE}, "/g/type"),
        ({"type": "GeometryCollection", "geometries": []}, "/g/type"),
        ({"type": "Polygon"}, "/g"),
        ({"type": "Polygon", "coordinates": None}, "/g/coordinates"),
        ({"type": "MultiPolygon", "coordinates": []}, "/g/coordinates"),
        ({"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, "x"], [1, 1]]]]}, "/g/coordinates/0/0/1/1"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [0, 91], [1, 1]]]}, "/g/coordinates/0/1/1"),
        ({"type": "Point", "coordinates": [1]}, "/g/coordinates"),
        ({"type": "Point", "coordinates": [None, None]}, "/g/coordinates/0"),
        ({"type": "Point", "coordinates": [1, 2, 3]}, "/g/coordinates"),
        ({"type": "Point", "coordinates": "12"}, "/g/coordinates"),
        ({"type": "LineString", "coordinates": [[1, 2]]}, "/g/coordinates"),
        ({"type": "LineString", "coordinates": {}}, "/g/coordinates"),
        ({"type": "LineString", "coordinates": [[1, 2], [3]]}, "/g/coordinates/1"),
        ({**SQUARE, "crs": {"type": "name", "properties": {"name": "EPSG:3857"}}}, "/g/crs"),
    ],
)
def test_each_fault_points_to_its_place(value: Any, pointer: str) -> None:
    with pytest.raises(GeoError) as refused:
        parse_geometry(value, REGION, pointer="/g")
    assert refused.value.pointer == pointer


def test_a_line_has_a_limit_and_a_type() -> None:
    line = {"type": "LineString", "coordinates": [[0, 0]] * 2001}
    with pytest.raises(GeometryTooLarge):
        parse_line(line)
    with pytest.raises(InvalidGeometry):
        parse_point(line)


@given(st.recursive(st.none() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_any_json_is_read_or_refused(value: Any) -> None:
    for raw in (value, {"type": "Point", "coordinates": value}, {"type": value, "coordinates": value}):
        with suppress(GeoError):
            assert isinstance(parse_geometry(raw, REGION), LonLat)


def test_what_is_written_can_be_read_again() -> None:
    for source in (SQUARE, FIJI):
        shape = parse_polygons(source, REGION)
        written = json.loads(json.dumps(polygons_geometry(shape)))
        assert parse_polygons(written, REGION).geometry == shape.geometry
    assert parse_point(point_geometry(LonLat(1.5, 2.5))) == LonLat(1.5, 2.5)


def test_one_part_is_written_as_polygon_and_two_as_multipolygon() -> None:
    assert polygons_geometry(parse_polygons(SQUARE, REGION))["type"] == "Polygon"
    assert polygons_geometry(parse_polygons(FIJI, REGION))["type"] == "MultiPolygon"


def test_a_feature_has_its_members_in_the_usual_order() -> None:
    written = feature(LonLat(1, 2), {"name": "a"}, "p1", bbox=Bbox(1, 2, 1, 2))
    assert list(written) == ["type", "id", "bbox", "geometry", "properties"]
    assert written["geometry"] == {"type": "Point", "coordinates": [1, 2]}
    assert feature(None, {}) == {"type": "Feature", "geometry": None, "properties": {}}
    assert feature(parse_polygons(SQUARE, REGION), {})["geometry"]["type"] == "Polygon"


def test_a_collection_carries_box_and_foreign_members() -> None:
    around = bbox_around([LonLat(179, 0), LonLat(-179, 1)])
    written = feature_collection([feature(LonLat(179, 0), {})], bbox=around, next_cursor=None)
    assert list(written) == ["type", "bbox", "features", "next_cursor"]
    assert written["bbox"] == [179, 0, -179, 1]  # RFC 7946 §5.2: the first longitude is greater


def test_the_box_around_shapes_and_points_crosses_when_narrower() -> None:
    assert bbox_around([]) is None
    fiji = parse_polygons(FIJI, REGION)
    assert bbox_around([fiji, fiji.geometry, LonLat(-170, -20)]) == Bbox(179, -20, -170, -16)


def test_a_box_that_crosses_is_drawn_as_two() -> None:
    drawn = parse_polygons(bbox_geometry(Bbox(179, -1, -178, 1)), REGION).geometry
    assert drawn.equals(shapely.union(shapely.box(179, -1, 180, 1), shapely.box(-180, -1, -178, 1)))
    assert bbox_geometry(Bbox(170, 0, 180, 1))["type"] == "Polygon"


def test_the_example_of_rfc_7946_for_cutting_is_what_becomes_of_the_uncut_polygon() -> None:
    """§3.1.9: the polygon between 170° E and 170° W, 40° to 50° N, as the standard cuts it."""
    uncut = {"type": "Polygon", "coordinates": [[[170, 40], [-170, 40], [-170, 50], [170, 50], [170, 40]]]}
    published = [
        [[[180, 40], [180, 50], [170, 50], [170, 40], [180, 40]]],
        [[[-170, 40], [-170, 50], [-180, 50], [-180, 40], [-170, 40]]],
    ]
    as_published = parse_polygons({"type": "MultiPolygon", "coordinates": published}, REGION)
    assert as_published.remarks == ()
    cut = parse_polygons(uncut, REGION)
    assert cut.geometry.equals(as_published.geometry)
    assert bbox_around([cut]) == bbox_around([as_published]) == Bbox(170, 40, -170, 50)


def test_the_polygon_with_a_hole_of_rfc_7946_is_read_and_written_as_it_is() -> None:
    """Appendix A.3: the shell anticlockwise, the hole clockwise."""
    shell = [[100.0, 0.0], [101.0, 0.0], [101.0, 1.0], [100.0, 1.0], [100.0, 0.0]]
    hole = [[100.8, 0.8], [100.8, 0.2], [100.2, 0.2], [100.2, 0.8], [100.8, 0.8]]
    checked = parse_polygons({"type": "Polygon", "coordinates": [shell, hole]}, REGION)
    assert checked.remarks == ()
    assert polygons_geometry(checked) == {"type": "Polygon", "coordinates": [shell, hole]}


def test_shells_are_written_anticlockwise_whatever_was_given() -> None:
    clockwise = shapely.Polygon([(0, 0), (0, 1), (1, 1), (1, 0)])
    (ring,) = polygons_geometry(shapely.MultiPolygon([clockwise]))["coordinates"]
    assert shapely.LinearRing(ring).is_ccw


@pytest.mark.parametrize(
    ("box", "kind", "coordinates"),
    [
        (Bbox(1, 2, 1, 2), "Point", [1, 2]),
        (Bbox(180, 2, 180, 2), "Point", [180, 2]),
        (Bbox(1, 2, 3, 2), "LineString", [[1, 2], [3, 2]]),
        (Bbox(180, 0, 180, 1), "LineString", [[180, 0], [180, 1]]),
        (Bbox(-180, 0, -180, 1), "LineString", [[-180, 0], [-180, 1]]),
        (Bbox(179, 0, -179, 0), "MultiLineString", [[[179, 0], [180, 0]], [[-180, 0], [-179, 0]]]),
    ],
)
def test_a_box_without_width_or_height_is_drawn_as_what_it_is(box: Bbox, kind: str, coordinates: Any) -> None:
    assert bbox_geometry(box) == {"type": kind, "coordinates": coordinates}


@given(st.floats(-180, 180), st.floats(-90, 90), st.floats(0.01, 359), st.floats(0.01, 90))
def test_a_drawn_box_has_the_box_around_it(lon: float, lat: float, width: float, height: float) -> None:
    lon, lat, width, height = (round(value, 7) for value in (lon, lat, width, height))  # finer parts of it are lines
    box = Bbox(lon, max(-90.0, lat - height), round(wrap_lon(lon + width), 7), max(lat, -89.99))
    drawn = parse_polygons(bbox_geometry(box), REGION, full=True)
    around = bbox_around([drawn])
    assert around is not None
    assert around.width_deg <= box.width_deg + 1e-9
    assert all(covers(drawn.geometry, LonLat(x, y)) for x in (box.west, box.east) for y in (box.south, box.north))


@pytest.mark.parametrize("member", ["type", "coordinates", "geometries", "geometry", "properties"])
def test_members_that_geojson_keeps_for_itself_are_refused_in_a_collection(member: str) -> None:
    with pytest.raises(ValueError, match=member):
        feature_collection([], **{member: "x"})


@given(st.lists(st.builds(LonLat, st.floats(-180, 180), st.floats(-90, 90)), min_size=2, max_size=9))
def test_lines_are_read_as_they_stand(points: list[LonLat]) -> None:
    written = {"type": "LineString", "coordinates": [list(point.xy) for point in points]}
    assert parse_line(json.loads(json.dumps(written))) == tuple(points)
    assert [parse_point(point_geometry(point)) for point in points] == points
    around = bbox_around(points)
    assert around is not None
    assert all(around.contains(point) for point in points)
