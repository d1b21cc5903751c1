"""Cities, categories and regions."""

from __future__ import annotations

from uuid import UUID

from app.discovery import areas, catalogue
from app.discovery.asking import asking, json_only, languages
from app.discovery.present import Json, as_drawn_features, as_features, drawn_feature
from app.discovery.routes_details import NOT_MODIFIED, TAGGED
from app.discovery.schemas import (
    CategoriesQuery,
    CategoriesSearch,
    LookupQuery,
    PointSearch,
    RegionsQuery,
    RegionsSearch,
)
from app.discovery.shapes_details import (
    CategoriesSchema,
    CitiesSchema,
    FollowedRegionSchema,
    LookupSchema,
    RegionDetailSchema,
    RegionsSchema,
)
from app.http.answers import GEOJSON, JSON, Answer
from app.http.api import Blueprint
from app.http.auth import PUBLIC
from app.http.caching import tagged
from app.http.media import wants_geojson

blueprint = Blueprint("catalogue", __name__, description="Cities, categories and regions")
SHORT_S = 60


@blueprint.get(
    "/v1/cities",
    policy=PUBLIC,
    answer=CitiesSchema,
    media_types=(JSON, GEOJSON),
    other_statuses=NOT_MODIFIED,
    problems=("not-acceptable",),
    headers=TAGGED,
)
def cities() -> Answer:
    """Every territory with live places."""
    geojson = wants_geojson()
    with asking() as reading:
        found = catalogue.cities(reading, languages())
    if geojson:
        return tagged(Answer(as_features(found, "city_id", ("centre",)), media_type=GEOJSON), max_age_s=SHORT_S)
    return tagged(Answer(found), max_age_s=SHORT_S)


@blueprint.get(
    "/v1/categories",
    policy=PUBLIC,
    query=CategoriesQuery,
    answer=CategoriesSchema,
    other_statuses=NOT_MODIFIED,
    problems=("unknown-category", "not-acceptable"),
    headers=TAGGED,
)
def categories(query: CategoriesSearch) -> Answer:
    """The category tree, or what lies beneath one category."""
    json_only()
    with asking() as reading:
        found = catalogue.categories(reading, query.parent_id, query.depth, languages())
    return tagged(Answer(found), max_age_s=SHORT_S)


@blueprint.get(
    "/v1/regions",
    policy=PUBLIC,
    query=RegionsQuery,
    answer=RegionsSchema,
    media_types=(JSON, GEOJSON),
    problems=("unknown-city", "unknown-region", "invalid-cursor", "expired-cursor", "not-acceptable"),
)
def regions(query: RegionsSearch) -> Answer:
    """Areas by city, kind and parent; as GeoJSON with their boundaries."""
    geojson = wants_geojson()
    with asking() as reading:
        found = areas.regions(reading, query, languages(), drawn=geojson)
    return _drawn(found, "region_id") if geojson else Answer(found)


@blueprint.get(
    "/v1/regions/lookup",
    policy=PUBLIC,
    query=LookupQuery,
    answer=LookupSchema,
    media_types=(JSON, GEOJSON),
    problems=("invalid-coordinate", "not-acceptable"),
)
def regions_lookup(query: PointSearch) -> Answer:
    """The chain of areas at a point, outermost first; as GeoJSON with their boundaries."""
    geojson = wants_geojson()
    with asking() as reading:
        found = areas.lookup(reading, query, languages(), drawn=geojson)
    return _drawn(found, "region_id") if geojson else Answer(found)


@blueprint.get(
    "/v1/regions/<uuid:region_id>",
    policy=PUBLIC,
    answer={"anyOf": [RegionDetailSchema, FollowedRegionSchema]},
    media_types=(JSON, GEOJSON),
    other_statuses=NOT_MODIFIED,
    problems=("not-found", "no-such-route", "not-acceptable"),
    headers=TAGGED,
)
def region(region_id: UUID) -> Answer:
    """An area with its drawing; of one that was split or merged, the areas that followed it."""
    geojson = wants_geojson()
    with asking() as reading:
        found = areas.region(reading, region_id, languages())
    if geojson and "successors" not in found:
        return tagged(Answer(drawn_feature(found, "region_id"), media_type=GEOJSON), max_age_s=SHORT_S)
    return tagged(Answer(found), max_age_s=SHORT_S)


def _drawn(found: Json, id_name: str) -> Answer:
    return Answer(as_drawn_features(found, id_name), media_type=GEOJSON)
