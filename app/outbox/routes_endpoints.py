"""Where merchants want to be told: registered, changed, tested, given fresh secrets, deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from flask import request
from sqlalchemy import Connection

from app.core.errors import Fault, InvalidBody, NotFound, PreconditionFailed, PreconditionRequired
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in_with
from app.http.caching import NO_STORE, entity_tag
from app.http.idempotency import KeyScope
from app.http.keyed import KEY_HEADER, KEY_PROBLEMS, key_scope
from app.http.openapi import HeaderOf
from app.http.problems import request_id
from app.http.services import services
from app.http.steps import Plan, run_plan
from app.http.transaction import writing
from app.outbox import actions, queries_endpoints
from app.outbox.guard import checked_for_caller
from app.outbox.schemas import (
    EndpointAnswer,
    EndpointBody,
    EndpointChangeBody,
    EndpointsAnswer,
    EndpointSecretAnswer,
    NoMembersBody,
    QueuedAnswer,
)
from app.outbox.signing import EndpointSecrets, endpoint_secrets
from app.outbox.types import Endpoint

blueprint = Blueprint("webhooks", __name__, description="Webhook endpoints: where a merchant's events are sent")

SCOPE = "webhooks:write"
MINE = allow("owner", "partner", owner="webhook_endpoints.merchant_id is one of the principal's merchants")
_ONE = "/v1/webhook-endpoints/<uuid:endpoint_id>"


def _secrets() -> EndpointSecrets:
    return endpoint_secrets(services().settings.secret_key)


def _json(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "endpoint_id": str(endpoint.endpoint_id),
        "merchant_id": str(endpoint.merchant_id),
        "url": endpoint.url,
        "types": list(endpoint.types),
        "description": endpoint.description,
        "state": endpoint.state,
        "disabled_reason": endpoint.disabled_reason,
        "failures": endpoint.failures,
        "old_secret_until": endpoint.old_secret_until,
        "created_at": endpoint.created_at,
    }


def _tag(endpoint: Endpoint) -> str:
    return entity_tag(endpoint.endpoint_id, endpoint.row_version)


def _shown(endpoint: Endpoint) -> Answer:
    return Answer(_json(endpoint), headers={"ETag": _tag(endpoint), "Cache-Control": "private, no-cache"})


@blueprint.get("/v1/webhook-endpoints", policy=MINE, answer=EndpointsAnswer, problems=("scope-missing",))
def webhook_endpoints() -> Answer:
    """The endpoints of one's merchants, oldest first; a merchant has ten at most."""
    actor = signed_in_with(SCOPE)
    with services().database.read_primary() as conn:
        found = queries_endpoints.endpoints_of(conn, actor.merchant_ids)
    return Answer({"items": [_json(endpoint) for endpoint in found]}, headers=NO_STORE)


@blueprint.post(
    "/v1/webhook-endpoints",
    policy=MINE,
    body=EndpointBody,
    answer=EndpointSecretAnswer,
    status=201,
    takes=KEY_HEADER,
    problems=(*KEY_PROBLEMS, "scope-missing", "not-found", "endpoint-refused", "endpoint-limit"),
)
def create_webhook_endpoint(body: dict[str, Any]) -> Answer:
    """Registers where a merchant is told. The secret is shown in this answer alone."""
    actor, parts = signed_in_with(SCOPE), services()
    scope = key_scope("create_webhook_endpoint", None, body)
    wanted = actions.NewEndpoint(body["merchant_id"], body["url"], tuple(body["types"]), body.get("description"))

    def prepare(_conn: Connection) -> None:
        if wanted.merchant_id not in actor.merchant_ids:
            raise NotFound("there is no such merchant")

    def check(_prepared: None) -> None:
        """Looks a name up, so no transaction may wait for it; a repeated request is answered without it."""
        checked_for_caller(wanted.url, parts.settings.webhook_allow)

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Endpoint:
        return actions.create_endpoint(conn, wanted, _secrets(), actor.key, parts.clock())

    return _with_secret(Plan(prepare, settle, check), scope, 201)


def _with_secret(plan: Plan, scope: KeyScope, status: int) -> Answer:
    """The answer is stored without the secret, which only who asked first gets to see."""
    made: list[Endpoint] = []

    def present(endpoint: Endpoint) -> Answer:
        made.append(endpoint)
        return Answer(_json(endpoint) | {"secret": None}, status, NO_STORE)

    answer = run_plan(plan, scope, present)
    if not made or answer.status != status or "Idempotency-Replayed" in answer.headers:
        return answer
    endpoint = made[-1]
    secret = _secrets().reveal(endpoint.endpoint_id, endpoint.secret_sealed)
    return Answer(orjson.loads(answer.encoded()) | {"secret": secret}, status, NO_STORE)


@blueprint.get(
    _ONE,
    policy=MINE,
    answer=EndpointAnswer,
    problems=("not-found", "scope-missing"),
    headers={"ETag": "names this state"},
)
def webhook_endpoint(endpoint_id: UUID) -> Answer:
    """One endpoint."""
    actor = signed_in_with(SCOPE)
    with services().database.read_primary() as conn:
        return _shown(actions.own_endpoint(conn, endpoint_id, actor.merchant_ids))


@blueprint.patch(
    _ONE,
    policy=MINE,
    body=EndpointChangeBody,
    answer=EndpointAnswer,
    takes={"If-Match": HeaderOf("the ETag of the endpoint: which state is being changed", required=True)},
    headers={"ETag": "names the new state"},
    problems=(
        *("not-found", "scope-missing", "endpoint-refused", "precondition-required", "precondition-failed"),
        "clock-skew",
    ),
)
def change_webhook_endpoint(endpoint_id: UUID, body: dict[str, Any]) -> Answer:
    """Changes address, types, description, or switches it off and on; If-Match says which state is meant."""
    actor = signed_in_with(SCOPE)
    if "If-Match" not in request.headers:
        raise PreconditionRequired("send If-Match with the ETag of the endpoint")
    if not body:
        raise InvalidBody(faults=[Fault("name what is to change", pointer="")])
    if "types" in body:
        body = body | {"types": tuple(body["types"])}
    if "url" in body:
        with services().database.read_primary() as conn:
            actions.own_endpoint(conn, endpoint_id, actor.merchant_ids)
        checked_for_caller(body["url"], services().settings.webhook_allow)
    with writing() as conn:
        found = actions.own_endpoint(conn, endpoint_id, actor.merchant_ids, lock=True)
        if not request.if_match.contains(_tag(found).strip('"')):
            raise PreconditionFailed("read it again and send the change with the new ETag")
        changed = actions.change_endpoint(conn, found, body)
    return _shown(changed)


@blueprint.delete(_ONE, policy=MINE, answer=None, status=204, problems=("not-found", "scope-missing", "clock-skew"))
def delete_webhook_endpoint(endpoint_id: UUID) -> Answer:
    """Removes an endpoint with its secrets; what is due for it is given up."""
    actor = signed_in_with(SCOPE)
    with writing() as conn:
        actions.delete_endpoint(conn, actions.own_endpoint(conn, endpoint_id, actor.merchant_ids, lock=True))
    return Answer(b"", 204)


@blueprint.post(
    f"{_ONE}/rotate-secret",
    policy=MINE,
    body=NoMembersBody,
    answer=EndpointSecretAnswer,
    takes=KEY_HEADER,
    problems=(*KEY_PROBLEMS, "scope-missing", "not-found", "precondition-failed"),
)
def rotate_webhook_secret(endpoint_id: UUID, body: dict[str, Any]) -> Answer:
    """Makes a fresh secret, shown in this answer alone; for a day webhooks are signed with the old one too."""
    actor, parts = signed_in_with(SCOPE), services()
    scope = key_scope(f"rotate_webhook_secret {endpoint_id}", None, body)

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Endpoint:
        found = actions.own_endpoint(conn, endpoint_id, actor.merchant_ids, lock=True)
        return actions.rotate_secret(conn, found, _secrets(), parts.clock())

    return _with_secret(Plan(lambda _conn: None, settle), scope, 200)


@blueprint.post(
    f"{_ONE}/test",
    policy=MINE,
    body=NoMembersBody,
    answer=QueuedAnswer,
    status=202,
    takes=KEY_HEADER,
    problems=(*KEY_PROBLEMS, "scope-missing", "not-found", "endpoint-refused"),
)
def test_webhook_endpoint(endpoint_id: UUID, body: dict[str, Any]) -> Answer:
    """Sends a test event to this endpoint alone, by the same road as all others."""
    actor, parts = signed_in_with(SCOPE), services()
    scope = key_scope(f"test_webhook_endpoint {endpoint_id}", None, body)

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        found = actions.own_endpoint(conn, endpoint_id, actor.merchant_ids)
        subject = actions.queue_test(conn, found, parts.clock(), request_id())
        return Answer({"subject": str(subject)}, 202, NO_STORE)

    return run_plan(Plan(lambda _conn: None, settle), scope)
