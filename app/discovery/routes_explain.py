"""Why a place is not in a list."""

from __future__ import annotations

from uuid import UUID

from app.discovery.asking import asking
from app.discovery.explaining import MERCHANT_ROLES, SEE_ALL, why_not
from app.discovery.routes_nearby import PROBLEMS
from app.discovery.schemas_near import PlacesNearbyQuery
from app.discovery.shapes_explain import WhyNotSchema
from app.discovery.types import NearbySearch
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import Policy, signed_in

blueprint = Blueprint("explain", __name__, description="Why a list is as it is")
OWN_PLACES = Policy(
    frozenset((*SEE_ALL, *MERCHANT_ROLES)),
    False,
    "people of the merchant that runs the place; operators and admins all",
)


@blueprint.get(
    "/v1/places/<uuid:place_id>/why-not",
    policy=OWN_PLACES,
    query=PlacesNearbyQuery,
    answer=WhyNotSchema,
    problems=(*PROBLEMS, "ratings-missing", "not-found", "no-such-route"),
)
def place_why_not(place_id: UUID, query: NearbySearch) -> Answer:
    """Each filter's word on one place, under the query of a nearby search: the first that says no, or its position."""
    caller = signed_in()
    with asking() as reading:
        return Answer(why_not(reading, place_id, query, caller))
