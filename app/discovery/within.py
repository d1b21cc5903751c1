"""Places within drawn shapes: several polygons become one area, which the search by words then keeps to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import shapely
from marshmallow import Schema, fields, post_load, validate

from app.core.errors import Fault, InvalidBody
from app.discovery.schemas import told
from app.discovery.schemas_filters import filters_of, refused
from app.discovery.schemas_text import ANYWHERE_MM, NOWHERE, TextFields
from app.discovery.types import PlaceFilters, RegionFilter, TextSearch
from app.http.fields import Choice, Flag, Text
from app.service_areas.shapes import refusal
from geo.antimeridian import polygons_in
from geo.errors import GeoError
from geo.geojson import parse_polygons
from geo.grid_shift import Datum
from geo.polygons import QUERY_POLYGON, bbox_of, geodesic_area_m2
from geo.rings import Remark

MOST_SHAPES: Final = 20
MOST_KM2: Final = 50_000
SAID: Final = "a GeoJSON Polygon or MultiPolygon of WGS 84: 10,000 points, 20 polygons and 50,000 km² at most"


class WithinQuery(Schema):
    """Whether a shape may be mended."""

    repair = told(Flag(load_default=False), "mend shapes that cross themselves; `remarks` tell what was done")


class PlacesWithinBody(TextFields):
    """``POST /v1/places/within``: one shape or several, and the filters of other searches."""

    class Meta:
        """Regions are shapes of their own; a city is not needed."""

        exclude = ("region", "include_fringe", "city")

    geometry = told(fields.Dict(), SAID)
    geometries = told(
        fields.List(fields.Dict(), validate=validate.Length(1, MOST_SHAPES)),
        f"several; places in any of them. Each {SAID}",
    )
    relation = told(
        Choice("within", "intersects", load_default="within"), "how a place lies to the shapes; for points both are one"
    )
    mode = told(
        Choice("any", "all", load_default="any"),
        "`all`: only places of merchants all of whose places in the city lie in the shapes; goes without filters",
    )
    attributes = told(
        fields.Dict(keys=Text(longest=60), values=fields.List(Text(longest=100)), load_default=dict),
        "values by attribute: places with any of an attribute's values, for each attribute",
    )
    datum = told(
        Choice("wgs84", "gcj02", "bd09", load_default="wgs84"), "datum of positions shown; shapes are of WGS 84"
    )

    @post_load
    def _filters(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        filters = filters_of({"region": None, "include_fringe": False, **data}, list(data["attributes"].items()))
        if data["mode"] == "all" and filters != PlaceFilters():
            raise refused("mode", "mode all goes without filters; leave them out, or give mode any")
        return data | {"filters": filters}


def search_of(body: Mapping[str, Any], *, repair: bool) -> tuple[TextSearch, tuple[Remark, ...]]:
    """The search that a body asks for, and what of its shapes was changed; InvalidBody and refusals of shapes."""
    given = [name for name in ("geometry", "geometries") if name in body]
    if len(given) != 1:
        said = "give geometry, or geometries"
        raise InvalidBody(said, faults=[Fault(said, pointer=f"/{given[1] if given else 'geometry'}")])
    shapes = [body["geometry"]] if given == ["geometry"] else body["geometries"]
    parts: list[shapely.Geometry] = []
    remarks: list[Remark] = []
    for number, shape in enumerate(shapes):
        pointer = "/geometry" if given == ["geometry"] else f"/geometries/{number}"
        try:
            checked = parse_polygons(shape, QUERY_POLYGON, repair=repair, pointer=pointer)
        except GeoError as error:
            raise refusal(error) from error
        parts += checked.geometry.geoms
        remarks += checked.remarks
    whole = shapely.MultiPolygon(polygons_in(shapely.union_all(parts)))
    km2 = geodesic_area_m2(whole) / 1e6
    if len(parts) > MOST_SHAPES or km2 > MOST_KM2:
        said = f"give at most {MOST_SHAPES} polygons and {MOST_KM2:,} km² in all; not {len(parts)} and {km2:,.0f} km²"
        raise InvalidBody(said, faults=[Fault(said, pointer=f"/{given[0]}", code="geometry-too-large")])
    area = RegionFilter(None, 0, 0, shapely.to_wkb(whole), bbox_of(whole))
    search = TextSearch(
        given=NOWHERE,
        origin=area.bbox.center.rounded(),
        datum=Datum(body["datum"]),
        radius_mm=ANYWHERE_MM,
        scope="polygon",
        area=area,
        filters=body["filters"],
        limit=body["limit"],
        cursor=body["cursor"],
        fields=body["mask"],
    )
    return search, tuple(remarks)
