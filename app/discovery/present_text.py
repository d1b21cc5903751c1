"""The JSON of searches by words; pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.discovery.masks import masked
from app.discovery.present import ALWAYS, Json, View, applied_filters, listing_json, metres, place_hit
from app.discovery.search import Found
from app.discovery.types import PlaceHit, TextSearch
from geo.distance import distance_mm
from geo.grid_shift import Datum


def text_answer(found: Found[PlaceHit], search: TextSearch, languages: Sequence[str], datum: Datum) -> Json:
    """A page of places; positions in ``datum``."""
    view = View(languages, datum, found.world)
    filters = search.filters
    applied = applied_filters(found, search) | {
        "city": search.city,
        "where": _where(search),
        "open_now": filters.open_now,
        "include_unknown": filters.include_unknown,
        "has_coupon": filters.has_coupon,
        "fields": None if search.fields is None else list(search.fields.named),
    }
    items = [masked(_item(hit, view, found, search), search.fields, *ALWAYS) for hit in found.hits]
    return listing_json(items, found, applied)


def _item(hit: PlaceHit, view: View, found: Found[PlaceHit], search: TextSearch) -> Json:
    """A place; far cities are in order of distance from their own centres, so its distance is measured anew."""
    far = distance_mm(found.frozen.origin, hit.card.place.location) if search.tells_distance else None
    match = None if hit.match is None else {"by": hit.match.by, "score": hit.match.score}
    return place_hit(hit, view) | {"distance_m": None if far is None else metres(far), "match": match}


def _where(search: TextSearch) -> Json:
    box = None if search.area is None else search.area.bbox.as_list()
    radius_mm = {"bias": search.bias_mm, "circle": search.radius_mm}.get(search.scope)
    point = search.given if search.scope in ("bias", "circle") else None
    return {
        "kind": search.scope,
        "lat": None if point is None else point.lat,
        "lon": None if point is None else point.lon,
        "radius_m": None if radius_mm is None else metres(radius_mm),
        "bbox": box,
        "region": None if search.filters.region_id is None else str(search.filters.region_id),
        "include_fringe": search.filters.include_fringe,
    }
