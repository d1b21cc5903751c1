"""Reviews of a city's places for those who run it, and the reports that anybody sends."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask_limiter.util import get_remote_address
from sqlalchemy import Connection

from app.cities.queries import territory_by_id, territory_by_slug
from app.cities.types import Territory
from app.core.errors import Fault, InvalidBody, NotFound
from app.core.ids import city_of
from app.core.sealing import Keyed, derived_key
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import PUBLIC, allow, current_principal, signed_in
from app.http.caching import NO_STORE
from app.http.idempotency import KeyScope, body_hash, key_from_header
from app.http.keyed import KEY_HEADER, KEY_PROBLEMS, key_scope
from app.http.principals import Principal
from app.http.services import services
from app.http.steps import Plan, run_plan
from app.imports.conflation.deciding import Decision, decide
from app.imports.conflation.present import reviews_json
from app.imports.schemas_reviews import (
    DecisionBody,
    ReportAnswer,
    ReportBody,
    ReviewAnswer,
    ReviewsAnswer,
    ReviewsQuery,
)
from app.places import queries_reviews, reports
from app.places.errors import InvalidEdit, NoPlacesThere, UnknownPlace

blueprint = Blueprint("reviews", __name__, description="What waits for a decision about a city's places")

DECIDERS = allow("operator", "admin", owner="reviews.city_id is one of the operator's cities; an admin has all")
REFUSALS: Final = ("not-found", "invalid-body", "review-decided", "decision-not-offered", "both-run", "overlay-over")
_LIST: Final = "reviews"


def own_city(conn: Connection, slug: str) -> Territory:
    """A city that the caller runs; NotFound for others, as for those that don't exist."""
    found = territory_by_slug(conn, slug)
    if found is None or not runs(signed_in(), found.city_id):
        raise NotFound("there is no such city")
    return found


def runs(principal: Principal, city_id: int) -> bool:
    """Whether the caller runs a city."""
    return principal.role == "admin" or city_id in principal.city_ids


def person(principal: Principal) -> UUID:
    """The author of what the caller decides."""
    return principal.member_id or UUID(int=0)


def refused(refusal: InvalidEdit, pointer: str = "/value") -> InvalidBody:
    """The refusal of a value, with where it stands."""
    return InvalidBody(refusal.detail, faults=[Fault(refusal.detail, pointer=pointer)])


@blueprint.get(
    "/v1/reviews",
    policy=DECIDERS,
    query=ReviewsQuery,
    answer=ReviewsAnswer,
    problems=("not-found", "invalid-cursor", "expired-cursor"),
)
def reviews(query: dict[str, Any]) -> Answer:
    """What waits for a decision, or was decided, in a city: the most urgent first, then the oldest."""
    parts = services()
    now, limit = parts.clock(), query["limit"]
    applied = {name: query.get(name) for name in ("city", "state", "kind")}
    bound = applied | {"caller": signed_in().key}
    after = None
    if "cursor" in query:
        priority, review_id = parts.cursors.decode(_LIST, bound, query["cursor"], now)
        after = (int(priority), UUID(review_id))
    with parts.database.read_primary() as conn:
        city = own_city(conn, query["city"])
        found = queries_reviews.reviews(conn, city.city_id, query["state"], query.get("kind"), after, limit + 1)
        page, more = found[:limit], len(found) > limit
        items = reviews_json(conn, city.city_id, city.slug, page)
    position = [page[-1].priority, str(page[-1].review_id)] if more else None
    body = {
        "items": items,
        "next_cursor": parts.cursors.encode(_LIST, bound, position, now) if more else None,
        "applied": applied | {"limit": limit},
    }
    return Answer(body, headers=NO_STORE)


@blueprint.post(
    "/v1/reviews/<uuid:review_id>",
    policy=DECIDERS,
    body=DecisionBody,
    answer=ReviewAnswer,
    takes=KEY_HEADER,
    problems=(*KEY_PROBLEMS, *REFUSALS),
)
def decide_review(review_id: UUID, body: dict[str, Any]) -> Answer:
    """Decides a review; readers see what comes of it at once. ``decisions`` of the review say what it takes."""
    parts, principal, city_id = services(), signed_in(), city_of(review_id)
    given = Decision(body["decision"], body.get("note"), person(principal), principal.key, body.get("value"))
    if given.value is not None and given.decision != "accept":
        raise InvalidBody("a value goes with accept alone", faults=[Fault("leave this out", pointer="/value")])

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        city = territory_by_id(conn, city_id) if runs(principal, city_id) else None
        if city is None or queries_reviews.review_by_id(conn, city_id, review_id) is None:
            raise NotFound("there is no such review")
        try:
            found = decide(conn, city_id, review_id, given, parts.clock())
        except InvalidEdit as refusal:
            raise refused(refusal) from None
        except (UnknownPlace, NoPlacesThere) as refusal:
            raise NotFound(refusal.detail) from None
        assert found is not None
        return Answer(reviews_json(conn, city_id, city.slug, [found])[0], headers=NO_STORE)

    return run_plan(Plan(lambda _conn: None, settle), key_scope(f"decide_review {review_id}", city_id, body))


@blueprint.post(
    "/v1/places/<uuid:place_id>/reports",
    policy=PUBLIC,
    body=ReportBody,
    answer=ReportAnswer,
    status=201,
    takes=KEY_HEADER,
    problems=(*KEY_PROBLEMS, "not-found", "invalid-body"),
)
def report_place(place_id: UUID, body: dict[str, Any]) -> Answer:
    """Says what is wrong with a place; anybody may, once a place and field. Nothing is kept of who it was."""
    parts, city_id = services(), city_of(place_id)
    mark = _mark(place_id)
    key = key_from_header(required=True)
    assert key is not None
    scope = KeyScope(city_id, f"reporter:{mark.hex()}", f"report_place {place_id}", key, body_hash(body))

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        try:
            report_id, value = reports.report(
                conn, city_id, place_id, body["field"], body["value"], mark, parts.clock()
            )
        except InvalidEdit as refusal:
            raise refused(refusal) from None
        except UnknownPlace:
            raise NotFound("there is no such place") from None
        told = {"report_id": str(report_id), "place_id": str(place_id), "field": body["field"], "value": value}
        return Answer(told, 201, headers=NO_STORE)

    return run_plan(Plan(lambda _conn: None, settle), scope)


def _mark(place_id: UUID) -> bytes:
    """What tells the reporters of one place apart: of no use for another place, or to find out who it was."""
    principal = current_principal()
    address = get_remote_address()
    if ":" in address:  # one household has a whole network of addresses
        address = ":".join(address.split(":")[:4])
    who = principal.subject if principal is not None else address  # in whatever role
    return Keyed(derived_key(services().settings.code_pepper, "reports")).of(f"{place_id}:{who}")[:16]
