"""What operators do with service areas: review what waits, and say what a merchant's areas may be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.cities.queries import everything_active
from app.core.errors import NotFound
from app.core.ids import city_of
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in
from app.http.caching import NO_STORE
from app.http.keyed import KEY_HEADER, KEY_PROBLEMS, key_scope
from app.http.principals import Principal
from app.http.services import services
from app.http.steps import Plan, run_plan
from app.merchants.queries import merchant_by_id
from app.service_areas import actions, queries_owned
from app.service_areas.routes import (
    CHECKED,
    MATCH,
    MATCH_PROBLEMS,
    ONE,
    TAGGED,
    area_of,
    author,
    expected,
    place_of,
    shown,
)
from app.service_areas.schemas import (
    AreaAnswer,
    AreaNoteBody,
    AreaPlanAnswer,
    AreaPlanBody,
    AreaReasonBody,
    AreaReviewsAnswer,
    AreaReviewsQuery,
)
from app.service_areas.types import Area
from app.service_areas.types import Plan as AreaPlan
from app.service_areas.views import review_json
from geo.grid_shift import Datum

blueprint = Blueprint("service_area_reviews", __name__, description="Reviews of service areas")

REVIEWERS = allow("operator", "admin", owner="service_areas.city_id is one of the operator's cities")
PLAN_READERS = allow(
    "owner", "operator", "admin", owner="merchants.merchant_id is one of the principal's; operators by home city"
)
PLAN_SETTERS = allow("operator", "admin", owner="merchants.home_city_id is one of the operator's cities")
_WAITING: Final = "service_area_reviews"
_PLAN: Final = "/v1/merchants/<uuid:merchant_id>/service-area-plan"
_REVIEW_PROBLEMS: Final = (*KEY_PROBLEMS, *MATCH_PROBLEMS, "not-in-review", "own-work")


@blueprint.get(
    "/v1/service-areas/reviews",
    policy=REVIEWERS,
    query=AreaReviewsQuery,
    answer=AreaReviewsAnswer,
    problems=("not-found", "invalid-cursor", "expired-cursor"),
)
def service_area_reviews(query: dict[str, Any]) -> Answer:
    """What waits for a review in a city, the oldest first."""
    here, principal, limit, datum = services(), signed_in(), query["limit"], Datum(query["datum"])
    asked, now, after = {"city": query["city"]}, here.clock(), None
    if "cursor" in query:
        at, area_id = here.cursors.decode(_WAITING, asked, query["cursor"], now)
        after = (datetime.fromisoformat(at), UUID(area_id))
    with here.database.read_primary() as conn:
        city = everything_active(conn).named(query["city"])
        if city is None or (principal.role == "operator" and city.city_id not in principal.city_ids):
            raise NotFound("there is no such city; give a slug or id of /v1/cities")
        found = queries_owned.in_review(conn, city.city_id, after, limit + 1)
        total = queries_owned.count_in_review(conn, city.city_id)
    page = found[:limit]
    cursor = None
    if len(found) > limit:
        last = page[-1][1]
        assert last.edited_at is not None
        cursor = here.cursors.encode(_WAITING, asked, [last.edited_at.isoformat(), str(last.service_area_id)], now)
    body = {
        "items": [review_json(area, version, datum) for area, version in page],
        "next_cursor": cursor,
        "total": {"value": total, "relation": "eq"},
        "applied": {"city_id": city.city_id, "limit": limit, "datum": datum.value},
    }
    return Answer(body, headers=NO_STORE)


@blueprint.post(
    f"{ONE}/approve",
    policy=REVIEWERS,
    body=AreaNoteBody,
    answer=AreaAnswer,
    takes={**KEY_HEADER, **MATCH},
    headers=TAGGED,
    problems=(*_REVIEW_PROBLEMS, *CHECKED),
)
def approve_service_area(place_id: UUID, external_id: str, body: dict[str, Any]) -> Answer:
    """The drawing that waits comes into force."""
    wanted, by = expected(), author(signed_in())
    return _review(
        lambda conn, area: actions.approve(conn, area, body["note"], wanted, by), place_id, external_id, "approve", body
    )


@blueprint.post(
    f"{ONE}/reject",
    policy=REVIEWERS,
    body=AreaReasonBody,
    answer=AreaAnswer,
    takes={**KEY_HEADER, **MATCH},
    headers=TAGGED,
    problems=_REVIEW_PROBLEMS,
)
def reject_service_area(place_id: UUID, external_id: str, body: dict[str, Any]) -> Answer:
    """The drawing that waits goes back to its merchant with a note."""
    wanted, by = expected(), author(signed_in())
    return _review(
        lambda conn, area: actions.reject(conn, area, body["note"], wanted, by), place_id, external_id, "reject", body
    )


def _review(
    step: Callable[[Connection, Area], Area], place_id: UUID, external_id: str, operation: str, body: Any
) -> Answer:
    principal = signed_in()
    scope = key_scope(f"{operation}_service_area {place_id} {external_id}", city_of(place_id), body)

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        area = area_of(conn, place_of(conn, place_id, principal), external_id)
        return shown(conn, step(conn, area))

    return run_plan(Plan(lambda _conn: None, settle), scope)


@blueprint.get(_PLAN, policy=PLAN_READERS, answer=AreaPlanAnswer, problems=("not-found",))
def service_area_plan(merchant_id: UUID) -> Answer:
    """How large a merchant's areas may be, and whether an operator looks at each first."""
    with services().database.read_primary() as conn:
        _reached(conn, merchant_id, signed_in())
        return Answer(_plan_json(merchant_id, queries_owned.plan_of(conn, merchant_id)), headers=NO_STORE)


@blueprint.put(
    _PLAN, policy=PLAN_SETTERS, body=AreaPlanBody, answer=AreaPlanAnswer, problems=("not-found", "clock-skew")
)
def set_service_area_plan(merchant_id: UUID, body: dict[str, Any]) -> Answer:
    """Gives a merchant a plan; areas that are in force stay."""
    principal, now = signed_in(), services().clock()
    plan = AreaPlan(body["max_area_km2"], body["review"])

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        _reached(conn, merchant_id, principal)
        assert principal.member_id is not None
        queries_owned.put_plan(conn, merchant_id, plan, principal.member_id, now)
        return Answer(_plan_json(merchant_id, plan), headers=NO_STORE)

    return run_plan(Plan(lambda _conn: None, settle), None)


def _reached(conn: Connection, merchant_id: UUID, principal: Principal) -> None:
    found = merchant_by_id(conn, merchant_id)
    foreign = principal.role == "owner" and merchant_id not in principal.merchant_ids
    elsewhere = principal.role == "operator" and found is not None and found.home_city_id not in principal.city_ids
    if found is None or foreign or elsewhere:
        raise NotFound("there is no such merchant")


def _plan_json(merchant_id: UUID, plan: AreaPlan) -> dict[str, Any]:
    return {"merchant_id": str(merchant_id), "max_area_km2": plan.max_area_km2, "review": plan.review}
