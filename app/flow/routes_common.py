"""What the flow's routes share: the gateway, the context of a request, and where a key counts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import current_app

from app.core.ids import city_of
from app.flow.gateway import FlowGateway
from app.flow.types import RequestContext
from app.http.auth import signed_in
from app.http.idempotency import KEY_PATTERN, KeyScope, body_hash, key_from_header
from app.http.openapi import HeaderOf
from app.http.problems import request_id
from app.http.services import services

NO_STORE = {"Cache-Control": "no-store"}
KEY_HEADER = {
    "Idempotency-Key": HeaderOf(
        "a fresh random value for each intent, the same for its retries", required=True, pattern=KEY_PATTERN
    )
}
KEY_PROBLEMS = (
    "idempotency-key-missing",
    "idempotency-key-invalid",
    "idempotency-key-mismatch",
    "idempotency-key-in-flight",
    "clock-skew",
    "flow-unavailable",
)


def flow() -> FlowGateway:
    """The redemption and payment flow of this installation."""
    found: FlowGateway = current_app.extensions["fujin_flow"]
    return found


def context(request_no: str = "") -> RequestContext:
    """Who asks, when and in which trace; ``request_no`` is the caller's key, empty for reads."""
    return RequestContext(signed_in(), services().clock(), request_no, request_id())


def key_scope(operation: str, thing_id: UUID, body: Any) -> KeyScope:
    """Where the key of the request in hand counts: the city of the thing, the caller, the operation on that thing.

    KeyMissing, KeyInvalid.
    """
    key = key_from_header(required=True)
    assert key is not None
    return KeyScope(city_of(thing_id), signed_in().key, operation, key, body_hash(body))
