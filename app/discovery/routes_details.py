"""One place, one coupon."""

from __future__ import annotations

from uuid import UUID

from app.discovery import details
from app.discovery.asking import asking, languages, shown_in
from app.discovery.masks import masked
from app.discovery.present import feature
from app.discovery.schemas import DatumQuery, PlaceView
from app.discovery.schemas_more import PlaceQuery
from app.discovery.shapes import MaskedPlaceSchema
from app.discovery.shapes_details import CouponDetailSchema, MovedSchema, PlaceDetailSchema
from app.http.answers import GEOJSON, JSON, Answer
from app.http.api import Blueprint
from app.http.auth import PUBLIC, Policy, current_principal
from app.http.caching import tagged
from app.http.media import wants_geojson
from app.http.principals import ROLES

blueprint = Blueprint("details", __name__, description="One place, one coupon")
TAGGED = {"ETag": "Changes with the content; send it back in If-None-Match"}
NOT_MODIFIED = {304: "The caller holds this already"}
OWN_DRAFTS = Policy(frozenset(ROLES), True, "open to all; a draft only to people of its merchant and admins")
MERCHANT_ROLES = ("owner", "staff", "partner")


@blueprint.get(
    "/v1/places/<uuid:place_id>",
    policy=PUBLIC,
    query=PlaceQuery,
    answer={"anyOf": [PlaceDetailSchema, MaskedPlaceSchema, MovedSchema]},
    media_types=(JSON, GEOJSON),
    other_statuses=NOT_MODIFIED,
    problems=("not-found", "no-such-route", "gone", "not-acceptable"),
    headers=TAGGED,
)
def place(place_id: UUID, query: PlaceView) -> Answer:
    """A place with everything that is known of it, or the id it moved to."""
    geojson = wants_geojson()
    with asking() as reading:
        found = details.place(reading, place_id, languages(), shown_in(query.datum, geojson=geojson))
    if "moved_to" not in found:
        found = masked(found, query.fields, "place_id")
    if geojson and "moved_to" not in found:
        return tagged(Answer(feature(found, "place_id"), media_type=GEOJSON), max_age_s=60)
    return tagged(Answer(found), max_age_s=60)


@blueprint.get(
    "/v1/coupons/<uuid:coupon_id>",
    policy=OWN_DRAFTS,
    query=DatumQuery,
    answer=CouponDetailSchema,
    other_statuses=NOT_MODIFIED,
    problems=("not-found", "no-such-route"),
    headers=TAGGED,
)
def coupon(coupon_id: UUID, query: PlaceView) -> Answer:
    """A coupon with its full terms and all places where it can be used; its state says whether it can be claimed."""
    caller = current_principal()
    own = caller.merchant_ids if caller is not None and caller.role in MERCHANT_ROLES else ()
    sees_all = caller is not None and caller.role == "admin"
    with asking() as reading:
        found = details.coupon(reading, coupon_id, languages(), query.datum, merchant_ids=own, sees_all=sees_all)
    return tagged(Answer(found), max_age_s=10, private=caller is not None)
