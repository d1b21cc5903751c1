"""Who serves a point, and who serves each of many."""

from __future__ import annotations

from typing import Any

from app.discovery import serving
from app.discovery.asking import asking, json_only, languages
from app.discovery.present import as_drawn_features
from app.discovery.schemas_serving import ContainingQuery, ContainingSearch, ServingCheckBody
from app.discovery.shapes_serving import CheckedPointsSchema, CoveringAreasSchema
from app.http.answers import GEOJSON, JSON, Answer
from app.http.api import Blueprint
from app.http.auth import PUBLIC
from app.http.caching import NO_STORE
from app.http.media import wants_geojson

blueprint = Blueprint("serving", __name__, description="Service areas at a point")


@blueprint.get(
    "/v1/service-areas/containing",
    policy=PUBLIC,
    query=ContainingQuery,
    answer=CoveringAreasSchema,
    media_types=(JSON, GEOJSON),
    problems=("invalid-coordinate", "invalid-cursor", "expired-cursor", "not-acceptable"),
)
def service_areas_containing(query: ContainingSearch) -> Answer:
    """Service areas that cover a point, and which of each place's serves it; as GeoJSON with their boundaries.

    Where nobody serves it: the nearest area. With ``place_id``: whether that place does, and if not, who else.
    """
    geojson = wants_geojson()
    with asking() as reading:
        found = serving.containing(reading, query, languages(), drawn=geojson)
    if geojson:
        return Answer(as_drawn_features(found, "service_area_id"), media_type=GEOJSON)
    return Answer(found)


@blueprint.post(
    "/v1/service-areas/check",
    policy=PUBLIC,
    body=ServingCheckBody,
    answer=CheckedPointsSchema,
    problems=("not-acceptable", "invalid-coordinate"),
)
def service_areas_check(body: dict[str, Any]) -> Answer:
    """Who serves each of up to 100 points, in their order; nothing is stored, so no key is wanted."""
    json_only()
    with asking() as reading:
        found = serving.check(reading, body["check"], languages())
    return Answer(found, headers=NO_STORE)
