"""Group deals: beginning a group, joining it by its invitation, and how far it is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request

from app.core.ids import city_of
from app.core.languages import preferences
from app.flow.present_groups import group_json
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
from app.flow.schemas_groups import GroupAnswer, GroupQuery, JoinGroupBody, StartGroupBody
from app.flow.types import ClaimRequest
from app.flow.types_groups import GroupView, JoinRequest
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import Policy, allow, current_principal
from app.http.caching import NO_STORE
from app.http.keyed import KEY_HEADER, key_scope
from app.http.principals import ROLES
from app.http.services import services
from app.http.steps import run_plan

blueprint = Blueprint("groups", __name__, description="Group deals: seats that are paid for together")

MEMBERS = allow("member", owner="group_seats.member_id is the principal", for_users=True)
SEEN = Policy(frozenset(ROLES), True, "group_seats.member_id is the principal, or the invitation is shown", True)
_JOINING = ("group-closed", "group-full", "group-already-joined")


def _present(status: int) -> Any:
    wanted = preferences(request.headers.get("Accept-Language"))
    public_url = services().settings.public_url

    def present(view: GroupView) -> Answer:
        return Answer(group_json(view, wanted, public_url), status, NO_STORE)

    return present


@blueprint.post(
    "/v1/groups",
    policy=MEMBERS,
    body=StartGroupBody,
    answer=GroupAnswer,
    status=201,
    takes=KEY_HEADER,
    problems=(*FLOW_KEY_PROBLEMS, *CLAIMING, "group-not-offered", *_JOINING),
)
def start_group(body: dict[str, Any]) -> Answer:
    """Begins a group of a coupon's group deal and takes its first seat; the seat counts once it is paid for."""
    scope = key_scope("start_group", city_of(body["coupon_id"]), without_position(body))
    wanted = ClaimRequest(
        coupon_id=body["coupon_id"],
        fix=fix_of(body),
        device_id=body.get("device_id"),
        presence=presence_of(body),
        address=address_of(),
    )
    return run_plan(flow().start_group(context(scope.key), wanted), scope, _present(201))


@blueprint.post(
    "/v1/groups/<uuid:group_id>/join",
    policy=MEMBERS,
    body=JoinGroupBody,
    answer=GroupAnswer,
    status=201,
    takes=KEY_HEADER,
    problems=(*FLOW_KEY_PROBLEMS, *CLAIMING, *_JOINING),
)
def join_group(group_id: UUID, body: dict[str, Any]) -> Answer:
    """Takes a seat; pay for its claim as for any other. The seat that completes the group makes the deal."""
    scope = key_scope(f"join_group {group_id}", city_of(group_id), without_position(body))
    wanted = JoinRequest(
        group_id=group_id,
        invite=body.get("invite"),
        fix=fix_of(body),
        device_id=body.get("device_id"),
        presence=presence_of(body),
        address=address_of(),
    )
    return run_plan(flow().join_group(context(scope.key), wanted), scope, _present(201))


@blueprint.get(
    "/v1/groups/<uuid:group_id>",
    policy=SEEN,
    query=GroupQuery,
    answer=GroupAnswer,
    problems=("not-found", "flow-unavailable"),
)
def one_group(group_id: UUID, query: dict[str, Any]) -> Answer:
    """A group as it is at this moment, for whoever is in it or has its invitation, and for its merchant."""
    view = flow().get_group(current_principal(), group_id, query.get("invite"), services().clock())
    shown: Answer = _present(200)(view)
    return shown
