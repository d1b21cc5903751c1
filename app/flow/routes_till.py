"""The till: look a code up, hold or redeem, commit, void, reverse, and what became of a request."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from flask import request

from app.core.errors import NotFound
from app.core.ids import city_of
from app.core.languages import preferences
from app.core.sealing import Keyed, derived_key
from app.flow.present_till import lookup_json, redemption_json
from app.flow.routes_common import FLOW_KEY_PROBLEMS, context, flow
from app.flow.schemas_till import (
    REQUEST_NO,
    ByRequestQuery,
    CommitBody,
    LookupAnswer,
    LookupBody,
    PresenceAnswer,
    RedemptionAnswer,
    RedemptionBody,
    ReverseBody,
    VoidBody,
)
from app.flow.types import LookupRequest, LookupView, OfferedCode, Order, RedemptionRequest, RedemptionView
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow
from app.http.caching import NO_STORE
from app.http.keyed import KEY_HEADER, key_scope
from app.http.services import services
from app.http.steps import run_plan

blueprint = Blueprint("till", __name__, description="Tills: codes and their redemption")

AT_PLACE = allow(
    "staff",
    "owner",
    "partner",
    owner="place_operators holds a merchant of the principal for place_id; of staff the place is one of their own",
)
REACHED = allow(
    "staff",
    "owner",
    "partner",
    owner="redemptions.merchant_id is the principal's; of staff redemptions.place_id too",
)
_CODE_PROBLEMS = ("not-found", "scope-missing", "code-mistyped", "code-unknown", "staff-locked")
_USE_PROBLEMS = (
    "code-revoked",
    "code-expired",
    "claim-unpaid",
    "wrong-store",
    "not-yet-usable",
    "blackout-time",
    "min-spend-not-met",
    "order-needed",
    "currency-mismatch",
    "not-stackable",
    "already-redeemed",
    "unit-exhausted",
    "hold-by-other",
    "request-number-reused",
    "budget-exhausted",
)
_STEP_PROBLEMS = (
    *FLOW_KEY_PROBLEMS,
    "not-found",
    "scope-missing",
    "redemption-over",
    "payment-pending",
    "payment-unknown",
)


def _present(status: int) -> Callable[[RedemptionView], Answer]:
    wanted = preferences(request.headers.get("Accept-Language"))

    def present(view: RedemptionView) -> Answer:
        return Answer(redemption_json(view, wanted), status, NO_STORE)

    return present


@blueprint.post(
    "/v1/codes/lookup",
    policy=AT_PLACE,
    body=LookupBody,
    answer=LookupAnswer,
    problems=(*_CODE_PROBLEMS, "clock-skew", "flow-unavailable"),
)
def look_code_up(body: dict[str, Any]) -> Answer:
    """What a code is good for at a place: nothing is used. Wrong codes are counted and lock the terminal for a day."""
    wanted = preferences(request.headers.get("Accept-Language"))

    def present(view: LookupView) -> Answer:
        return Answer(lookup_json(view, wanted), headers=NO_STORE)

    asked = LookupRequest(_offered(body), body["place_id"], _order(body.get("order")))
    return run_plan(flow().lookup(context(), asked), None, present)


@blueprint.post(
    "/v1/redemptions",
    policy=AT_PLACE,
    body=RedemptionBody,
    answer=RedemptionAnswer,
    status=201,
    takes=KEY_HEADER,
    problems=(*FLOW_KEY_PROBLEMS, *_CODE_PROBLEMS, *_USE_PROBLEMS),
)
def redeem(body: dict[str, Any]) -> Answer:
    """Holds codes for three minutes, or uses them at once; all of them or none.

    The same request number with the same request is answered with the redemption as it is now, for ever.
    """
    scope = key_scope("redeem", city_of(body["place_id"]), _sealed(body))
    asked = RedemptionRequest(
        offered=tuple(_offered(each) for each in body["codes"]),
        place_id=body["place_id"],
        request_no=body["request_no"],
        order=_order(body.get("order")),
        hold=body["mode"] == "hold",
    )
    return run_plan(flow().redeem(context(scope.key), asked), scope, _present(201))


@blueprint.post(
    "/v1/redemptions/<uuid:redemption_id>/commit",
    policy=REACHED,
    body=CommitBody,
    answer=RedemptionAnswer,
    takes=KEY_HEADER,
    problems=(*_STEP_PROBLEMS, "hold-expired", "budget-exhausted"),
)
def commit_redemption(redemption_id: UUID, body: dict[str, Any]) -> Answer:
    """A hold becomes a use, which can be reversed until ``reverse_before``."""
    scope = key_scope(f"commit_redemption {redemption_id}", city_of(redemption_id), body)
    return run_plan(flow().commit(context(scope.key), redemption_id), scope, _present(200))


@blueprint.post(
    "/v1/redemptions/<uuid:redemption_id>/void",
    policy=REACHED,
    body=VoidBody,
    answer=RedemptionAnswer,
    takes=KEY_HEADER,
    problems=(*_STEP_PROBLEMS, "hold-expired", "payment-exists"),
)
def void_redemption(redemption_id: UUID, body: dict[str, Any]) -> Answer:
    """Gives a hold up: its units can be used again."""
    scope = key_scope(f"void_redemption {redemption_id}", city_of(redemption_id), body)
    return run_plan(flow().void(context(scope.key), redemption_id, body.get("reason")), scope, _present(200))


@blueprint.post(
    "/v1/redemptions/<uuid:redemption_id>/reverse",
    policy=REACHED,
    body=ReverseBody,
    answer=RedemptionAnswer,
    takes=KEY_HEADER,
    problems=(
        *_STEP_PROBLEMS,
        *("redemption-held", "already-reversed", "reverse-window-closed", "refund-in-progress"),
        *("refund-exceeds-captured", "provider-unavailable"),
    ),
)
def reverse_redemption(redemption_id: UUID, body: dict[str, Any]) -> Answer:
    """Undoes a use within its window; where it was paid, ``reversal_pending`` says that the refund is on its way."""
    scope = key_scope(f"reverse_redemption {redemption_id}", city_of(redemption_id), body)
    return run_plan(flow().reverse(context(scope.key), redemption_id, body["reason"]), scope, _present(200))


@blueprint.get(
    "/v1/redemptions/by-request/<request_no>",
    policy=AT_PLACE,
    query=ByRequestQuery,
    answer=RedemptionAnswer,
    problems=("not-found", "scope-missing", "flow-unavailable"),
)
def redemption_by_request(request_no: str, query: dict[str, Any]) -> Answer:
    """What became of a request whose answer was lost; not-found when it left nothing, so that it can be sent again."""
    if not REQUEST_NO.fullmatch(request_no):
        raise NotFound("no request has such a number")
    return _present(200)(flow().get_by_request(context(), query["place_id"], request_no))


@blueprint.get(
    "/v1/redemptions/<uuid:redemption_id>",
    policy=REACHED,
    answer=RedemptionAnswer,
    problems=("not-found", "scope-missing", "flow-unavailable"),
)
def one_redemption(redemption_id: UUID) -> Answer:
    """A redemption as it is at this moment."""
    return _present(200)(flow().get_redemption(context(), redemption_id))


def _offered(body: dict[str, Any]) -> OfferedCode:
    return OfferedCode(body.get("code"), body.get("qr"), body.get("units", 1))


def _order(body: dict[str, Any] | None) -> Order | None:
    return None if body is None else Order(body["gross_minor"], body["currency"], body.get("pos_order_no"))


def _sealed(body: dict[str, Any]) -> str:
    """What stands for a body with codes: its plain hash, kept with the answer, could be searched for them."""
    written = orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()
    return _body_marks(services().settings.secret_key).of(written).hex()


@lru_cache(maxsize=8)
def _body_marks(secret_key: str) -> Keyed:
    return Keyed(derived_key(secret_key, "till request body"))


@blueprint.get(
    "/v1/places/<uuid:place_id>/presence-code",
    policy=AT_PLACE,
    answer=PresenceAnswer,
    problems=("not-found", "scope-missing", "flow-unavailable"),
)
def presence_code(place_id: UUID) -> Answer:
    """The digits that a till shows to members whose position is not good enough to claim: who reads them is there."""
    found = flow().presence_code(context(), place_id)
    body = {
        "place_id": str(found.place_id),
        "code": found.code,
        "valid_until": found.valid_until,
        "rotates_every_s": found.rotates_every_s,
    }
    return Answer(body, headers=NO_STORE)
