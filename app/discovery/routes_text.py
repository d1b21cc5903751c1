"""Places by words: near what is given, or within it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.discovery.asking import asking, languages, shown_in
from app.discovery.present import as_features
from app.discovery.present_text import text_answer
from app.discovery.schemas_text import PlacesSearchBody, PlacesSearchQuery
from app.discovery.search import Found, Reading
from app.discovery.search_text import search_text
from app.discovery.search_whole import search_whole
from app.discovery.shapes_text import (
    MaskedPlacesFoundSchema,
    MaskedPlacesWithinSchema,
    PlacesFoundSchema,
    PlacesWithinSchema,
)
from app.discovery.types import PlaceHit, TextSearch
from app.discovery.within import PlacesWithinBody, WithinQuery, search_of
from app.http.answers import GEOJSON, JSON, Answer
from app.http.api import Blueprint
from app.http.auth import PUBLIC
from app.http.media import wants_geojson
from app.service_areas.views import remarks_json

blueprint = Blueprint("search", __name__, description="Places by words")
PROBLEMS = (
    "invalid-coordinate",
    "invalid-radius",
    "invalid-bbox",
    "location-required",
    "conflicting-parameters",
    "missing-parameter",
    "unknown-category",
    "unknown-brand",
    "unknown-city",
    "unknown-region",
    "search-rows-missing",
    "invalid-cursor",
    "expired-cursor",
    "not-acceptable",
)
ANSWER = {"anyOf": [PlacesFoundSchema, MaskedPlacesFoundSchema]}
Find = Callable[[Reading, TextSearch], Found[PlaceHit]]
WITHIN = {"anyOf": [PlacesWithinSchema, MaskedPlacesWithinSchema]}


@blueprint.get(
    "/v1/places/search",
    policy=PUBLIC,
    query=PlacesSearchQuery,
    answer=ANSWER,
    media_types=(JSON, GEOJSON),
    problems=PROBLEMS,
)
def places_search(query: TextSearch) -> Answer:
    """Places by telephone number, then by whole name and by words; `lat` and `lon` put near ones first.

    `bbox` or `region` keeps to an area, and then `q` may be left out. In an area or a city alone whole names come
    first, each kind nearest the middle first. With a point a match is worth half with each kilometre, a whole name
    twice as much as words; cities more than 250 km away follow, the nearest first.
    """
    return _found(query)


@blueprint.post(
    "/v1/places/search",
    policy=PUBLIC,
    body=PlacesSearchBody,
    answer=ANSWER,
    media_types=(JSON, GEOJSON),
    problems=(*PROBLEMS, "invalid-geometry", "geometry-too-large"),
)
def places_search_within(body: TextSearch) -> Answer:
    """As the query string does it, for circles and polygons too: `bias` re-orders, `restrict` leaves out."""
    return _found(body)


@blueprint.post(
    "/v1/places/within",
    policy=PUBLIC,
    query=WithinQuery,
    body=PlacesWithinBody,
    answer=WITHIN,
    media_types=(JSON, GEOJSON),
    problems=(
        *("invalid-geometry", "geometry-too-large", "unknown-category", "unknown-brand", "search-rows-missing"),
        *("invalid-cursor", "expired-cursor", "conflicting-parameters", "not-acceptable"),
    ),
)
def places_within(query: dict[str, Any], body: dict[str, Any]) -> Answer:
    """Places in any of up to 20 polygons, border included, from the middle of their box outwards; with all filters.

    `mode=all` keeps the places of merchants that have no place outside of the shapes in the same city."""
    search, remarks = search_of(body, repair=query["repair"])
    find = search_whole if body["mode"] == "all" else search_text
    return _found(search, find, remarks=remarks_json(remarks))


def _found(search: TextSearch, find: Find = search_text, **more: Any) -> Answer:
    geojson = wants_geojson()
    with asking() as reading:
        found = find(reading, search)
    listing = text_answer(found, search, languages(), shown_in(search.datum, geojson=geojson)) | more
    if geojson:
        return Answer(as_features(listing, "place_id"), media_type=GEOJSON)
    return Answer(listing)
