"""Query strings and bodies of searches by words become frozen values here."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, Final

import shapely
from marshmallow import Schema, ValidationError, fields, post_load

from app.discovery.schemas import PointQuery, point_of, told
from app.discovery.schemas_filters import FilterFields, WithAttributes, attributes_in, filters_of, refused
from app.discovery.schemas_more import Mask
from app.discovery.schemas_near import MAX_RADIUS_M, RadiusMetres
from app.discovery.shapes_text import PlaceFoundSchema
from app.discovery.types import RegionFilter, TextSearch
from app.http.fields import Choice, DecimalNumber, Flag, Id, Text, latitude, longitude
from geo.bbox import Bbox
from geo.coordinates import LonLat
from geo.distance import distance_mm
from geo.errors import GeoError, InvalidBbox
from geo.geojson import parse_polygons
from geo.grid_shift import Datum
from geo.polygons import QUERY_POLYGON, bbox_of

ANYWHERE_MM: Final = 20_100_000_000
"""A little more than half the way around the world."""
NOWHERE: Final = LonLat(0.0, 0.0)
BIAS_M: Final = 200.0
_HAIR: Final = 1e-9
WGS84_ONLY: Final = "boxes and polygons are of WGS 84: leave datum out, or give a circle"
SAID_BOX: Final = "west,south,east,north in degrees; west greater than east crosses 180°"


class TextFields(FilterFields):
    """What a search by words takes beside where."""

    city = told(Text(longest=60, load_default=None), "slug or id from /v1/cities: only places of that city", "hangzhou")
    has_coupon = told(Flag(load_default=False), "only places where a coupon that can be claimed now can be used")
    mask = told(
        Mask(PlaceFoundSchema, data_key="fields", load_default=None),
        "which members to show of each place, with commas between them; `place_id` is always shown",
        "name,location,match",
    )


class PlacesSearchQuery(WithAttributes, TextFields, PointQuery):
    """``GET /v1/places/search``: ``lat`` and ``lon`` put near places first, ``bbox`` or ``region`` keep to some."""

    lat = told(latitude(load_default=None), "with `lon`: near ones first; nothing is left out", 30.25)
    lon = told(longitude(load_default=None), "with `lat`: near ones first; nothing is left out", 120.16)
    radius_m = told(
        RadiusMetres(load_default=None),
        "with `lat` and `lon`: within it nearness makes no difference, beyond it a match counts half with each"
        f" kilometre; 1 to {MAX_RADIUS_M}, {BIAS_M:g} when left out",
    )
    bbox = told(Text(longest=200, load_default=None), f"only places in this box: {SAID_BOX}; its border is inside")

    @post_load(pass_original=True)
    def _search(self, data: dict[str, Any], original: Any, **_: Any) -> TextSearch:
        point = data["lat"], data["lon"]
        if (point[0] is None) != (point[1] is None):
            name = "lat" if point[0] is None else "lon"
            raise refused(name, "lat and lon go together; give both", "missing-parameter")
        if data["radius_m"] is not None and point[0] is None:
            raise refused("radius_m", "radius_m goes with lat and lon; give them too", "missing-parameter")
        shapes = [name for name in ("bbox", "region") if data[name] is not None]
        if len(shapes) > 1 or (shapes and point[0] is not None):
            raise refused(
                shapes[-1],
                "lat and lon bring near places to the front, bbox and region keep to one; give one of the three",
                "conflicting-parameters",
            )
        where: dict[str, Any] = {}
        if point[0] is not None:
            given, origin, datum = point_of(data)
            where = _bias(origin, data["radius_m"] or BIAS_M) | {"given": given, "datum": datum}
        elif data["bbox"] is not None:
            if data["datum"] != Datum.WGS84.value:
                raise refused("datum", WGS84_ONLY)
            try:
                where = _in_box(Bbox.parse(data["bbox"]))
            except GeoError as error:
                raise refused("bbox", _said(error), error.code) from None
        elif data["region"] is not None:
            where = {"scope": "region"}
        return _text_search(data, attributes_in(original), where, "missing-parameter")


class CentreBody(Schema):
    """A position in degrees, in ``datum``."""

    lon = longitude(required=True)
    lat = latitude(required=True)


class CircleBody(Schema):
    """A circle."""

    center = fields.Nested(CentreBody, required=True)
    radius_m = told(RadiusMetres(required=True), f"metres, 1 to {MAX_RADIUS_M}, at most three decimals")


def _box() -> fields.List[Any]:
    return told(fields.List(DecimalNumber(low=-180, high=180, code="invalid-bbox")), f"[{SAID_BOX}]")


class BiasBody(Schema):
    """What places are to be near; a box counts as the circle through its corners."""

    circle = fields.Nested(CircleBody)
    bbox = _box()


class RestrictBody(Schema):
    """What places have to lie in, border included: one of these."""

    circle = fields.Nested(CircleBody)
    bbox = _box()
    polygon = told(
        fields.Dict(), "a GeoJSON Polygon or MultiPolygon of WGS 84: 10,000 points, 20 polygons and 50,000 km² at most"
    )
    region_id = told(Id(), "id from /v1/regions")


class PlacesSearchBody(TextFields):
    """``POST /v1/places/search``."""

    class Meta:
        """Regions stand in ``restrict``."""

        exclude = ("region",)

    bias = fields.Nested(BiasBody)
    restrict = fields.Nested(RestrictBody)
    attributes = told(
        fields.Dict(keys=Text(longest=60), values=fields.List(Text(longest=100)), load_default=dict),
        "values by attribute: places with any of an attribute's values, for each attribute",
    )
    datum = told(
        Choice("wgs84", "gcj02", "bd09", load_default="wgs84"),
        "datum of circles given and of positions shown; boxes and polygons are WGS 84",
    )

    @post_load
    def _search(self, data: dict[str, Any], **_: Any) -> TextSearch:
        bias, restrict = data.get("bias"), data.get("restrict")
        if bias is not None and restrict is not None:
            raise refused("restrict", "bias re-orders and restrict leaves out; give one", "conflicting-parameters")
        where: dict[str, Any] = {}
        name, shape = ("bias", bias) if bias is not None else ("restrict", restrict)
        if shape is not None:
            if len(shape) != 1:
                raise ValidationError({name: {"detail": "give exactly one shape in it", "code": "invalid-body"}})
            kind = next(iter(shape))
            if kind in ("bbox", "polygon") and data["datum"] != Datum.WGS84.value:
                raise refused("datum", WGS84_ONLY)
            try:
                where = _shaped(name, shape, Datum(data["datum"]))
            except GeoError as error:
                raise _fault_at(f"/{name}/{kind}{error.pointer}", error) from None
        region_id = (restrict or {}).get("region_id")
        return _text_search(data | {"region": region_id}, list(data["attributes"].items()), where, "invalid-parameter")


def _shaped(name: str, shape: Mapping[str, Any], datum: Datum) -> dict[str, Any]:
    """Where a search is, from the one shape of a body; raises GeoError under the shape's own pointer."""
    if "circle" in shape:
        center, radius_m = shape["circle"]["center"], shape["circle"]["radius_m"]
        given, origin, _ = point_of({**center, "datum": datum.value})
        at = {"given": given, "datum": datum}
        if name == "bias":
            return _bias(origin, radius_m) | at
        return at | {
            "scope": "circle",
            "origin": origin,
            "radius_mm": round(radius_m * 1000),
            "tells_distance": True,
        }
    if "bbox" in shape:
        if len(shape["bbox"]) != 4:
            raise InvalidBbox("A bbox is four numbers: west,south,east,north.")
        box = Bbox(*shape["bbox"])
        if name == "restrict":
            return _in_box(box)
        middle = box.center.rounded()
        corners = (LonLat(lon, lat) for lon in (box.west, box.east) for lat in (box.south, box.north))
        return _bias(middle, max(distance_mm(middle, corner) for corner in corners) / 1000) | {"tells_distance": False}
    if "polygon" in shape:
        drawn = parse_polygons(shape["polygon"], QUERY_POLYGON).geometry
        return _in_area(RegionFilter(None, 0, 0, shapely.to_wkb(drawn), bbox_of(drawn)), "polygon")
    return {"scope": "region"}


def _bias(origin: LonLat, radius_m: float) -> dict[str, Any]:
    return {"scope": "bias", "origin": origin, "bias_mm": ceil(radius_m * 1000), "tells_distance": True}


def _in_box(given: Bbox) -> dict[str, Any]:
    """A box as an area. Positions have seven decimals: a hundredth of the last gives it an inside where it has none."""
    box = Bbox(*(round(side, 7) + 0.0 for side in given.as_list()))
    parts = [(part.west, part.east) for part in box.parts()]
    if any(west == -180.0 for west, _ in parts) and all(east < 180.0 for _, east in parts):
        parts.append((180.0, 180.0))  # the same meridian by its other name
    elif any(east == 180.0 for _, east in parts) and all(west > -180.0 for west, _ in parts):
        parts.append((-180.0, -180.0))
    high = _HAIR if box.south == box.north else 0.0
    drawn = []
    for west, east in parts:
        wide = _HAIR if west == east else 0.0
        drawn.append(shapely.box(west - wide, box.south - high, east + wide, box.north + high))
    return _in_area(RegionFilter(None, 0, 0, shapely.to_wkb(shapely.MultiPolygon(drawn)), box), "box")


def _in_area(area: RegionFilter, scope: str) -> dict[str, Any]:
    return {"scope": scope, "area": area, "origin": area.bbox.center.rounded()}


def _fault_at(pointer: str, error: GeoError) -> ValidationError:
    """A fault of geometry under its JSON pointer."""
    said: Any = {"detail": _said(error), "code": error.code, "hint": error.hint}
    for step in reversed(pointer.split("/")[1:]):
        said = {step: said}
    return ValidationError(said)


def _said(error: GeoError) -> str:
    at = error.location
    return error.detail if at is None else f"{error.detail} It is at lon {at.lon}, lat {at.lat}."


def _text_search(
    data: Mapping[str, Any], attributes: list[tuple[str, Any]], where: dict[str, Any], missing: str
) -> TextSearch:
    """The search of a query or a body; ``where`` is empty when only a city is named."""
    if not where and data["city"] is None:
        raise ValidationError(
            {
                "_schema": {
                    "detail": "say where: a city, a point to be near, or an area to keep to",
                    "code": "location-required",
                }
            }
        )
    if data["q"] is None and where.get("scope") not in ("circle", "box", "polygon", "region"):
        raise refused("q", "give words to look for; only an area can be asked for all of its places", missing)
    usual: dict[str, Any] = {
        "given": NOWHERE,
        "origin": NOWHERE,
        "datum": Datum(data["datum"]),
        "radius_mm": ANYWHERE_MM,
        "scope": "city",
    }
    return TextSearch(
        **usual
        | {
            "filters": filters_of(data, attributes),
            "limit": data["limit"],
            "cursor": data["cursor"],
            "city": data["city"],
            "fields": data["mask"],
        }
        | where
    )
