"""Searches around a point: places and coupons."""

from __future__ import annotations

from dataclasses import replace

from app.claims.queries import member_slots
from app.claims.types import Slot
from app.discovery.asking import asking, languages, shown_in
from app.discovery.banded import find_coupons
from app.discovery.explaining import MERCHANT_ROLES, SEE_ALL, page_explained, with_explanations
from app.discovery.facets import facet_counts, facets_json
from app.discovery.present import View, as_features, coupons_answer, places_answer
from app.discovery.relaxing import search_relaxed
from app.discovery.schemas_near import CouponsNearbyQuery, PlacesNearbyQuery
from app.discovery.shapes import CouponsSchema, MaskedPlacesSchema, PlacesSchema
from app.discovery.types import CouponSearch, NearbySearch
from app.http.answers import GEOJSON, JSON, Answer
from app.http.api import Blueprint
from app.http.auth import PUBLIC, current_principal, signed_in
from app.http.media import wants_geojson
from app.http.principals import Forbidden, Principal
from app.http.services import services

blueprint = Blueprint("nearby", __name__, description="What is around a point")
PROBLEMS = (
    "invalid-coordinate",
    "invalid-radius",
    "invalid-cell",
    "conflicting-parameters",
    "unknown-category",
    "unknown-brand",
    "search-rows-missing",
    "unknown-region",
    "invalid-cursor",
    "expired-cursor",
    "not-acceptable",
)


@blueprint.get(
    "/v1/places/nearby",
    policy=PUBLIC,
    query=PlacesNearbyQuery,
    answer={"anyOf": [PlacesSchema, MaskedPlacesSchema]},
    media_types=(JSON, GEOJSON),
    problems=(*PROBLEMS, "ratings-missing", "missing-token"),
)
def places_nearby(query: NearbySearch) -> Answer:
    """Places within a radius, nearest first or by score, ties by distance and id."""
    geojson = wants_geojson()
    caller = _who_is_told() if query.explain else None
    with asking() as reading:
        found, search = search_relaxed(reading, query)
        told = None if caller is None else page_explained(reading, found, search, caller)
        counts = facet_counts(reading, search, found.frozen)
    wanted = languages()
    facets = None if counts is None else facets_json(counts, View(wanted, query.datum, found.world))
    listing = places_answer(found, search, wanted, shown_in(query.datum, geojson=geojson), facets)
    if told is not None:
        listing = with_explanations(listing, *told)
    if geojson:
        return Answer(as_features(listing, "place_id"), media_type=GEOJSON)
    return Answer(listing)


def _who_is_told() -> Principal:
    """Who asks for explanations; MissingToken or Forbidden for those who get none."""
    caller = signed_in()
    if caller.role not in (*SEE_ALL, *MERCHANT_ROLES):
        raise Forbidden("explanations are for operators, admins and people of merchants; leave explain out")
    return caller


@blueprint.get(
    "/v1/coupons/nearby",
    policy=PUBLIC,
    query=CouponsNearbyQuery,
    answer=CouponsSchema,
    media_types=(JSON, GEOJSON),
    problems=PROBLEMS,
)
def coupons_nearby(query: CouponSearch) -> Answer:
    """Coupons by distance to the nearest place where they can be used, or in another order; ties by id.

    With `redeemable`, a member who is signed in is told of limits as well; anyone else of everything but these.
    """
    geojson = wants_geojson()
    principal = current_principal()
    slots: tuple[Slot, ...] = ()
    if query.redeemable is not None and principal is not None and principal.member_id is not None:
        query = replace(query, member_id=principal.member_id)
        with services().database.read_primary() as conn:  # searches don't see claims
            slots = member_slots(conn, principal.member_id)
    with asking() as reading:
        found = find_coupons(reading, query, slots)
    listing = coupons_answer(found, query, languages(), shown_in(query.datum, geojson=geojson))
    if geojson:
        return Answer(as_features(listing, "coupon_id", ("place", "location")), media_type=GEOJSON)
    return Answer(listing)
