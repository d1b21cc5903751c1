"""Streets, water and green are drawn from the PBF extracts, cut to the city's outline and simplified to 2 m."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import cos, radians
from pathlib import Path
from typing import Any

import shapely
from shapely import affinity
from shapely.geometry import LineString, Polygon, mapping
from shapely.geometry.base import BaseGeometry
from shapely.ops import linemerge, polygonize

from seeds.make import clean
from seeds.make.pbf import elements
from seeds.make.places import METRES_PER_DEGREE
from seeds.make.writing import write_feature_lines

DECIMALS = 6  # 0.1 m, enough to draw
SIMPLIFY_M = 2.0
COAST_GAP_DEGREES = 0.0008
SMALLEST_GREEN_M2 = 150.0
SOURCE_KEYS = ("highway", "waterway", "natural", "leisure", "landuse", "railway", "water")

ROADS = {
    "motorway": "motorway",
    "trunk": "motorway",
    "primary": "primary",
    "secondary": "secondary",
    "tertiary": "secondary",
    "unclassified": "minor",
    "residential": "minor",
    "living_street": "minor",
    "pedestrian": "minor",
    "road": "minor",
    "busway": "minor",
    "footway": "path",
    "path": "path",
    "cycleway": "path",
    "steps": "path",
    "track": "track",
}
WATERWAYS = {"river": "river", "canal": "canal", "stream": "stream"}
GREENS = {
    ("leisure", "park"): "park",
    ("leisure", "garden"): "garden",
    ("leisure", "pitch"): "pitch",
    ("leisure", "golf_course"): "park",
    ("landuse", "forest"): "wood",
    ("natural", "wood"): "wood",
    ("landuse", "grass"): "grass",
    ("landuse", "meadow"): "grass",
    ("natural", "grassland"): "grass",
    ("landuse", "cemetery"): "cemetery",
    ("natural", "scrub"): "scrub",
    ("natural", "heath"): "scrub",
}


def drawn_as(tags: Mapping[str, str], kind: str) -> tuple[str, str] | None:
    """(layer, class), or None for what isn't drawn."""
    if kind == "line":
        road = ROADS.get(tags.get("highway", "").removesuffix("_link"))
        if road and tags.get("area") != "yes":
            return "road", road
        if tags.get("railway") == "rail" and tags.get("service") is None:
            return "road", "rail"
        if tags.get("waterway") in WATERWAYS and tags.get("tunnel") is None:
            return "water", WATERWAYS[tags["waterway"]]
        return None
    if kind == "area":
        if tags.get("natural") == "water" or tags.get("landuse") in ("reservoir", "basin"):
            return "water", "river" if tags.get("water") == "river" else "lake"
        for key in ("leisure", "landuse", "natural"):
            if (key, tags.get(key, "")) in GREENS:
                return "green", GREENS[key, tags[key]]
    return None


def basemap_features(path: Path, outline: BaseGeometry, skip: frozenset[str]) -> list[dict[str, Any]]:
    """GeoJSON features inside the outline, sorted; `skip` names classes that would make the file too large."""
    lines: dict[tuple[str, str, str], list[BaseGeometry]] = {}
    areas: list[tuple[tuple[str, str, str], BaseGeometry]] = []
    coast: list[BaseGeometry] = []
    for element in elements(path, SOURCE_KEYS):
        if element.kind == "line" and element.tags.get("natural") == "coastline":
            coast.append(element.geometry)
        look = drawn_as(element.tags, element.kind)
        if look is None or look[1] in skip:
            continue
        key = (*look, clean.tidy(element.tags.get("name")) or "")
        if element.kind == "line":
            lines.setdefault(key, []).append(element.geometry)
        else:
            areas.append((key, element.geometry))
    drawn = [*areas, *((key, linemerge(parts) if len(parts) > 1 else parts[0]) for key, parts in lines.items())]
    drawn += [(("water", "sea", ""), part) for part in sea(coast, outline)]
    shapely.prepare(outline)
    features = [feature for key, shape in drawn for feature in _features(key, shape, outline)]
    return sorted(
        features, key=lambda each: (*map(str, each["properties"].values()), str(each["geometry"]["coordinates"]))
    )


def _features(key: tuple[str, str, str], shape: BaseGeometry, outline: BaseGeometry) -> Iterator[dict[str, Any]]:
    layer, look, name = key
    cut = shape if outline.covers(shape) else shapely.intersection(shapely.make_valid(shape), outline)
    wanted = "Polygon" if "Polygon" in shape.geom_type else "LineString"
    parts = [simplified(part) for part in shapely.get_parts(cut) if part.geom_type == wanted and not part.is_empty]
    for part in parts:
        if part.is_empty or (layer == "green" and area_m2(part) < SMALLEST_GREEN_M2):
            continue
        document = mapping(shapely.normalize(part))
        properties = {"layer": layer, "class": look, "name": name or None}
        geometry = {"type": document["type"], "coordinates": _rounded(document["coordinates"])}
        yield {"type": "Feature", "geometry": geometry, "properties": properties}


def sea(coast: list[BaseGeometry], outline: BaseGeometry) -> list[BaseGeometry]:
    """Water inside the outline's box: OSM draws coastlines with the land on their left.

    The box is cut along the coast; a piece is sea when a point just right of a coastline lies in it.
    """
    if not coast:
        return []
    frame = shapely.box(*outline.bounds)
    lines = [led_to(frame.boundary, line) for line in shapely.get_parts(linemerge(coast))]
    pieces = polygonize(shapely.union_all([frame.boundary, *lines]))
    pieces = [piece for piece in pieces if frame.covers(piece.representative_point())]
    right = [point for line in lines for point in _points_on_the_right(line) if frame.contains(point)]
    return [piece for piece in pieces if any(piece.contains(point) for point in right)]


def led_to(edge: BaseGeometry, line: LineString) -> LineString:
    """The line with both ends drawn on to the nearest point of the edge: the extract cuts it up to 60 m short."""
    points = list(line.coords)
    for end in (0, -1):
        point = shapely.Point(points[end])
        nearest = edge.interpolate(edge.project(point))
        if 0 < point.distance(nearest) < COAST_GAP_DEGREES:
            points.insert(0 if end == 0 else len(points), (nearest.x, nearest.y))
    return LineString(points)


def _points_on_the_right(line: LineString) -> Iterator[shapely.Point]:
    step = 1e-6
    points = list(line.coords)
    for (x1, y1), (x2, y2) in pairwise(points):
        length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
        if length > 0:
            yield shapely.Point((x1 + x2) / 2 + step * (y2 - y1) / length, (y1 + y2) / 2 - step * (x2 - x1) / length)


def simplified(shape: BaseGeometry) -> BaseGeometry:
    """Simplified by 2 m on the ground, valid on the 6-decimal grid; empty when nothing is left."""
    factor = _cosine(float(shapely.get_coordinates(shape)[:, 1].mean()))
    flat = affinity.scale(shape, xfact=factor, yfact=1.0, origin=(0, 0))
    flat = shapely.simplify(flat, SIMPLIFY_M / METRES_PER_DEGREE)
    back = affinity.scale(flat, xfact=1 / factor, yfact=1.0, origin=(0, 0))
    return _largest(shapely.set_precision(back, 10.0**-DECIMALS))


def _largest(shape: BaseGeometry) -> BaseGeometry:
    parts = [part for part in shapely.get_parts(shape) if not part.is_empty]
    if not parts:
        return Polygon()
    return max(parts, key=lambda part: (part.area, part.length))


def area_m2(shape: BaseGeometry) -> float:
    return float(shape.area * METRES_PER_DEGREE**2 * _cosine(shape.centroid.y))


def _cosine(latitude: float) -> float:
    return cos(radians(latitude))


def _rounded(item: Any) -> Any:
    if isinstance(item, float):
        return round(item, DECIMALS)
    return [_rounded(part) for part in item]


def write_basemap(path: Path, features: list[dict[str, Any]]) -> None:
    write_feature_lines(path, features)
