"""A member's claims: claim, wallet, code, cancel."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

import segno
from flask import request

from app.claims.codes import grouped
from app.core.errors import Fault, InvalidBody
from app.core.ids import city_of
from app.core.languages import preferences
from app.flow.present_claims import claim_json
from app.flow.routes_common import (
    CLAIMING,
    FLOW_KEY_PROBLEMS,
    address_of,
    context,
    fix_of,
    flow,
    presence_of,
    without_position,
)
from app.flow.schemas_claims import (
    CancelClaimBody,
    ClaimAnswer,
    ClaimBody,
    ClaimsAnswer,
    ClaimsQuery,
    CodeAnswer,
)
from app.flow.types import ClaimRequest, ClaimView
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in
from app.http.caching import NO_STORE, tagged
from app.http.keyed import KEY_HEADER, key_scope
from app.http.services import services
from app.http.steps import run_plan

blueprint = Blueprint("claims", __name__, description="Claims: a member's right to use a coupon")

OWN = allow("member", owner="claims.member_id is the principal", for_users=True)
SVG = "image/svg+xml"
_CLAIMS = "claims"
_CODE_PROBLEMS = ("not-found", "claim-unpaid", "group-open", "code-revoked", "code-expired", "already-redeemed")


def _present(status: int) -> Any:
    wanted = preferences(request.headers.get("Accept-Language"))

    def present(view: ClaimView) -> Answer:
        return Answer(claim_json(view, wanted), status, NO_STORE)

    return present


@blueprint.post(
    "/v1/claims",
    policy=OWN,
    body=ClaimBody,
    answer=ClaimAnswer,
    status=201,
    takes=KEY_HEADER,
    problems=(*FLOW_KEY_PROBLEMS, *CLAIMING, "claim-id-taken"),
)
def claim(body: dict[str, Any]) -> Answer:
    """Claims one unit of a coupon. A repeated request with the same key gets the first answer, whatever was lost."""
    if "claim_id" in body and signed_in().client_id is None:
        raise InvalidBody(faults=[Fault("only partners' clients make ids of claims", pointer="/claim_id")])
    scope = key_scope("claim", city_of(body["coupon_id"]), without_position(body))
    wanted = ClaimRequest(
        coupon_id=body["coupon_id"],
        fix=fix_of(body),
        device_id=body.get("device_id"),
        claim_id=body.get("claim_id"),
        presence=presence_of(body),
        address=address_of(),
    )
    return run_plan(flow().grant_claim(context(scope.key), wanted), scope, _present(201))


@blueprint.get(
    "/v1/claims",
    policy=OWN,
    query=ClaimsQuery,
    answer=ClaimsAnswer,
    problems=("invalid-cursor", "expired-cursor", "flow-unavailable"),
)
def claims(query: dict[str, Any]) -> Answer:
    """The wallet: one's claims in every city, newest first; usable, used or ended ones when asked so."""
    parts, asked = services(), context()
    state, limit = query.get("state"), query["limit"]
    filters = {"member": signed_in().subject, "state": state}
    before = None
    if "cursor" in query:
        before = UUID(parts.cursors.decode(_CLAIMS, filters, query["cursor"], asked.now))
    found = flow().list_claims(asked, state, before, limit + 1)
    page = found[:limit]
    more = len(found) > limit
    languages = preferences(request.headers.get("Accept-Language"))
    body = {
        "items": [claim_json(view, languages) for view in page],
        "next_cursor": parts.cursors.encode(_CLAIMS, filters, str(page[-1].claim_id), asked.now) if more else None,
        "total": {"value": flow().count_claims(asked, state), "relation": "eq"},
        "applied": {"state": state, "limit": limit},
    }
    return Answer(body, headers=NO_STORE)


@blueprint.get(
    "/v1/claims/<uuid:claim_id>",
    policy=OWN,
    answer=ClaimAnswer,
    other_statuses={304: "Not changed since the ETag in If-None-Match"},
    problems=("not-found", "flow-unavailable"),
)
def one_claim(claim_id: UUID) -> Answer:
    """One of one's claims, as it is at this moment."""
    view = flow().get_claim(context(), claim_id)
    return tagged(_present(200)(view), max_age_s=0, private=True)


@blueprint.post(
    "/v1/claims/<uuid:claim_id>/cancel",
    policy=OWN,
    body=CancelClaimBody,
    answer=ClaimAnswer,
    takes=KEY_HEADER,
    problems=(
        *FLOW_KEY_PROBLEMS,
        *("not-found", "claim-not-cancellable", "claim-held", "refund-not-offered", "refund-in-progress"),
        "provider-unavailable",
    ),
)
def cancel_claim(claim_id: UUID, body: dict[str, Any]) -> Answer:
    """Gives a claim back: its stock returns; what was paid is refunded where the terms say so."""
    scope = key_scope(f"cancel_claim {claim_id}", city_of(claim_id), body)
    return run_plan(flow().cancel_claim(context(scope.key), claim_id, body.get("reason")), scope, _present(200))


@blueprint.get("/v1/claims/<uuid:claim_id>/code", policy=OWN, answer=CodeAnswer, problems=_CODE_PROBLEMS)
def claim_code(claim_id: UUID) -> Answer:
    """The code of a claim, to be shown at the till; never stored by anyone on the way."""
    found = flow().present_code(context(), claim_id)
    body = {
        "claim_id": str(found.claim_id),
        "human_code": grouped(found.digits),
        "qr_payload": found.qr_payload,
        "valid_until": found.valid_until,
        "rotates_every_s": None,
        "state": found.state,
    }
    return Answer(body, headers=NO_STORE)


@blueprint.get(
    "/v1/claims/<uuid:claim_id>/qr.svg", policy=OWN, answer=None, media_types=(SVG,), problems=_CODE_PROBLEMS
)
def claim_qr(claim_id: UUID) -> Answer:
    """The code of a claim as a QR, dark on white with its quiet zone."""
    found = flow().present_code(context(), claim_id)
    code = segno.make_qr(found.qr_payload, error="m")
    picture = io.BytesIO()
    code.save(picture, kind="svg", border=4, dark="#000", light="#fff", omitsize=True, xmldecl=False, nl=False)
    return Answer(picture.getvalue(), headers=NO_STORE, media_type=SVG)
