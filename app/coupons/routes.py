"""Coupons as their merchants run them: created, edited, published, paused, resumed, ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from flask import request
from sqlalchemy import Connection

from app.cities.queries import active_datasets, territory_by_id
from app.core.errors import Fault, InvalidBody, NotFound, PreconditionRequired
from app.core.ids import city_of
from app.coupons import actions, drafts, queries_owned
from app.coupons.actions import Author, Expected
from app.coupons.drafts import Draft
from app.coupons.owned_view import briefs_json, owned_json
from app.coupons.schemas import (
    CouponsQuery,
    NewCouponBody,
    NoTermsBody,
    OwnedCouponAnswer,
    OwnedCouponsAnswer,
    PlatformTermsBody,
    QuotaBody,
    TermsBody,
)
from app.coupons.types import Owned
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in
from app.http.caching import NO_STORE, entity_tag
from app.http.keyed import KEY_HEADER, KEY_PROBLEMS, key_scope
from app.http.openapi import HeaderOf
from app.http.principals import Principal
from app.http.problems import request_id
from app.http.services import services
from app.http.steps import Plan, run_plan
from app.merchants.queries import merchant_by_id

blueprint = Blueprint("coupons", __name__, description="A merchant's own coupons")

OWN: Final = "coupons.merchant_id is one of the principal's merchants"
OWNERS = allow("owner", owner=OWN)
LOOKERS = allow("owner", "staff", "operator", "admin", owner=f"{OWN}; operators by coupons.city_id")
PLATFORM = allow("operator", "admin", owner="coupons.city_id is one of the operator's cities")
ONE: Final = "/v1/coupons/<uuid:coupon_id>"
MATCH_PROBLEMS: Final = ("not-found", "precondition-required", "precondition-failed", "clock-skew", "coupon-ended")
_TAGGED: Final = {"ETag": "names this state of the coupon"}
_MATCH: Final = {"If-Match": HeaderOf("the ETag of the coupon: which state is meant", required=True)}
_MAY_MATCH: Final = {"If-Match": HeaderOf("the ETag of the coupon, where another state is not to be touched")}
_LIST: Final = "merchant_coupons"


def author(principal: Principal) -> Author:
    """Who acts on which coupons."""
    assert principal.member_id is not None
    return Author(principal.member_id, _reached(principal), services().clock(), request_id())


def _reached(principal: Principal) -> Any:
    cities = principal.city_ids if principal.role == "operator" else ()
    merchants = principal.merchant_ids if principal.role in ("owner", "staff") else ()
    return queries_owned.reached_by(merchants, cities, sees_all=principal.role == "admin")


def tag_of(coupon: Owned) -> str:
    """The ETag of a coupon's state; claims do not change it."""
    return entity_tag("coupon", coupon.coupon_id, coupon.revision)


def expected(*, required: bool) -> Expected:
    """What If-Match says; PreconditionRequired."""
    if "If-Match" not in request.headers:
        if required:
            raise PreconditionRequired("send If-Match with the ETag of the coupon")
        return lambda _coupon: True
    wanted = request.if_match
    return lambda coupon: wanted.contains(tag_of(coupon).strip('"'))


def shown(conn: Connection, coupon: Owned, status: int = 200) -> Answer:
    """A coupon with its ETag."""
    return Answer(owned_json(conn, coupon), status, headers={"ETag": tag_of(coupon), **NO_STORE})


def run(step: Callable[[Connection], Owned], operation: str | None, coupon_id: UUID, body: Any) -> Answer:
    """One step in one transaction, under the caller's key where the route wants one."""
    scope = None if operation is None else key_scope(f"{operation} {coupon_id}", city_of(coupon_id), body)
    return run_plan(Plan(lambda _conn: None, lambda conn, _p, _o: shown(conn, step(conn))), scope)


def currency_of(conn: Connection, city_id: int) -> str | None:
    """The currency of a city."""
    found = territory_by_id(conn, city_id)
    return None if found is None else found.currency


@blueprint.get(
    "/v1/merchants/<uuid:merchant_id>/coupons",
    policy=LOOKERS,
    query=CouponsQuery,
    answer=OwnedCouponsAnswer,
    problems=("not-found", "invalid-cursor", "expired-cursor"),
)
def merchant_coupons(merchant_id: UUID, query: dict[str, Any]) -> Answer:
    """A merchant's coupons in every city, drafts and ended ones too, newest first; another's merchant is missing."""
    parts, principal, limit = services(), signed_in(), query["limit"]
    state = query.get("state")
    asked, now = {"merchant_id": str(merchant_id), "state": state}, parts.clock()
    before = UUID(parts.cursors.decode(_LIST, asked, query["cursor"], now)) if "cursor" in query else None
    states, reached = None if state is None else [state], _reached(principal)
    with parts.database.read_primary() as conn:
        foreign = principal.role in ("owner", "staff") and merchant_id not in principal.merchant_ids
        if foreign or merchant_by_id(conn, merchant_id) is None:
            raise NotFound("there is no such merchant")
        cities = [city.city_id for city in active_datasets(conn)]
        found = queries_owned.of_merchant(
            conn, merchant_id, cities, reached, states=states, before=before, limit=limit + 1
        )
        total = queries_owned.count_of_merchant(conn, merchant_id, cities, reached, states)
        page = found[:limit]
        items = briefs_json(conn, page)
    more = len(found) > limit
    body = {
        "items": items,
        "next_cursor": parts.cursors.encode(_LIST, asked, str(page[-1].coupon_id), now) if more else None,
        "total": {"value": total, "relation": "eq"},
        "applied": {"merchant_id": str(merchant_id), "limit": limit, "state": state},
    }
    return Answer(body, headers=NO_STORE)


@blueprint.get(f"{ONE}/management", policy=LOOKERS, answer=OwnedCouponAnswer, problems=("not-found",), headers=_TAGGED)
def coupon_management(coupon_id: UUID) -> Answer:
    """A coupon as its merchant runs it: terms in force and waiting, stock, budget, codes; a foreign one is missing."""
    with services().database.read_primary() as conn:
        found = queries_owned.owned(conn, city_of(coupon_id), coupon_id, _reached(signed_in()))
        if found is None:
            raise NotFound("there is no such coupon")
        return shown(conn, found)


@blueprint.post(
    "/v1/coupons",
    policy=OWNERS,
    body=NewCouponBody,
    answer=OwnedCouponAnswer,
    status=201,
    takes=KEY_HEADER,
    headers=_TAGGED,
    problems=(*KEY_PROBLEMS, "not-found"),
)
def create_coupon(body: dict[str, Any]) -> Answer:
    """A draft, which nobody but the merchant's people sees until it is published."""
    principal = signed_in()
    merchant_id = body.get("merchant_id") or _only_merchant(principal)
    if merchant_id not in principal.merchant_ids:
        raise NotFound("there is no such merchant")
    with services().database.read_primary() as conn:
        merchant = merchant_by_id(conn, merchant_id)
        if merchant is None:
            raise NotFound("there is no such merchant")
        city_id = body.get("city_id") or merchant.home_city_id
        city = territory_by_id(conn, city_id)
    if city is None or city.currency is None:
        detail = "give the id of a city, as /v1/cities tells"
        raise InvalidBody(detail, faults=[Fault(detail, pointer="/city_id")])
    said = {name: value for name, value in body.items() if name not in ("merchant_id", "city_id")}
    first = Draft(
        kind=said["kind"],
        titles=said["titles"],
        summaries={},
        currency=city.currency,
        time_zone=city.time_zone,
        claim_from=said["claim_from"],
        claim_until=said["claim_until"],
        quota=said["quota"],
    )
    draft, by = drafts.changed(first, said), author(principal)

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        return shown(conn, actions.create(conn, city_id, merchant_id, draft, city.currency, by), 201)

    return run_plan(Plan(lambda _conn: None, settle), key_scope("create_coupon", city_id, body))


def _only_merchant(principal: Principal) -> UUID:
    if len(principal.merchant_ids) != 1:
        said = "say which of your merchants it is for"
        raise InvalidBody(said, faults=[Fault(said, pointer="/merchant_id")])
    return principal.merchant_ids[0]


@blueprint.patch(
    ONE,
    policy=OWNERS,
    body=TermsBody,
    answer=OwnedCouponAnswer,
    takes=_MATCH,
    headers=_TAGGED,
    problems=MATCH_PROBLEMS,
)
def edit_coupon(coupon_id: UUID, body: dict[str, Any]) -> Answer:
    """Changes the terms that wait; of a published coupon those in force stay until the new ones are published."""
    if not body:
        raise InvalidBody(faults=[Fault("name what is to change", pointer="")])
    wanted, by = expected(required=True), author(signed_in())

    def step(conn: Connection) -> Owned:
        return actions.edit(conn, coupon_id, body, currency_of(conn, city_of(coupon_id)), wanted, by)

    return run(step, None, coupon_id, body)


@blueprint.delete(
    f"{ONE}/draft",
    policy=OWNERS,
    answer=None,
    status=204,
    takes=_MATCH,
    problems=(*MATCH_PROBLEMS, "nothing-to-publish"),
)
def discard_coupon_draft(coupon_id: UUID) -> Answer:
    """Gives up the terms that wait; a coupon that was never published goes with them."""
    wanted, by = expected(required=True), author(signed_in())

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        actions.discard(conn, coupon_id, wanted, by)
        return Answer(b"", 204)

    return run_plan(Plan(lambda _conn: None, settle), None)


@blueprint.post(
    f"{ONE}/publish",
    policy=OWNERS,
    body=NoTermsBody,
    answer=OwnedCouponAnswer,
    takes={**KEY_HEADER, **_MATCH},
    headers=_TAGGED,
    problems=(
        *(*KEY_PROBLEMS, *MATCH_PROBLEMS),
        *("nothing-to-publish", "platform-consent-needed", "coupon-usable-nowhere"),
    ),
)
def publish_coupon(coupon_id: UUID, body: dict[str, Any]) -> Answer:
    """The terms that wait come into force as the next version, and the next search finds the coupon."""
    wanted, by = expected(required=True), author(signed_in())

    def step(conn: Connection) -> Owned:
        return actions.publish(conn, coupon_id, currency_of(conn, city_of(coupon_id)), wanted, by)

    return run(step, "publish_coupon", coupon_id, body)


@blueprint.post(
    f"{ONE}/pause",
    policy=OWNERS,
    body=NoTermsBody,
    answer=OwnedCouponAnswer,
    takes=_MAY_MATCH,
    headers=_TAGGED,
    problems=("not-found", "precondition-failed", "clock-skew", "coupon-ended", "coupon-not-published"),
)
def pause_coupon(coupon_id: UUID, body: dict[str, Any]) -> Answer:
    """Nobody finds or claims it any more, until it is resumed; codes that people hold stay good."""
    wanted, by = expected(required=False), author(signed_in())
    return run(lambda conn: actions.pause(conn, coupon_id, wanted, by), None, coupon_id, body)


@blueprint.post(
    f"{ONE}/resume",
    policy=OWNERS,
    body=NoTermsBody,
    answer=OwnedCouponAnswer,
    takes=_MAY_MATCH,
    headers=_TAGGED,
    problems=("not-found", "precondition-failed", "clock-skew", "coupon-ended", "coupon-not-published"),
)
def resume_coupon(coupon_id: UUID, body: dict[str, Any]) -> Answer:
    """A paused coupon is found and claimed again, under the terms in force."""
    wanted, by = expected(required=False), author(signed_in())
    return run(lambda conn: actions.resume(conn, coupon_id, wanted, by), None, coupon_id, body)


@blueprint.post(
    f"{ONE}/end",
    policy=OWNERS,
    body=NoTermsBody,
    answer=OwnedCouponAnswer,
    takes=_MAY_MATCH,
    headers=_TAGGED,
    problems=("not-found", "precondition-failed", "clock-skew", "coupon-not-published"),
)
def end_coupon(coupon_id: UUID, body: dict[str, Any]) -> Answer:
    """Over for good: nobody claims it again; codes that people hold stay good under their terms."""
    wanted, by = expected(required=False), author(signed_in())
    return run(lambda conn: actions.end(conn, coupon_id, wanted, by), None, coupon_id, body)


@blueprint.put(
    f"{ONE}/stock",
    policy=OWNERS,
    body=QuotaBody,
    answer=OwnedCouponAnswer,
    takes=_MATCH,
    headers=_TAGGED,
    problems=(*MATCH_PROBLEMS, "coupon-not-published"),
)
def set_coupon_stock(coupon_id: UUID, body: dict[str, Any]) -> Answer:
    """How many may be claimed in all; the terms and their version stay as they are."""
    wanted, by = expected(required=True), author(signed_in())
    return run(lambda conn: actions.give(conn, coupon_id, body["quota"], wanted, by), None, coupon_id, body)


@blueprint.put(
    f"{ONE}/platform-terms",
    policy=PLATFORM,
    body=PlatformTermsBody,
    answer=OwnedCouponAnswer,
    takes=_MATCH,
    headers=_TAGGED,
    problems=MATCH_PROBLEMS,
)
def set_platform_terms(coupon_id: UUID, body: dict[str, Any]) -> Answer:
    """The platform agrees to pay a share of what the waiting terms give, and says its commission."""
    wanted, by = expected(required=True), author(signed_in())
    share, commission = body["platform_share_bp"], body.get("commission_bp")
    return run(lambda conn: actions.agree(conn, coupon_id, share, commission, wanted, by), None, coupon_id, body)
