"""What the flow's routes share: the gateway and the context of a request."""

from __future__ import annotations

from flask import current_app

from app.flow.gateway import FlowGateway
from app.flow.types import RequestContext
from app.http.auth import signed_in
from app.http.keyed import KEY_PROBLEMS
from app.http.problems import request_id
from app.http.services import services

FLOW_KEY_PROBLEMS = (*KEY_PROBLEMS, "flow-unavailable")


def flow() -> FlowGateway:
    """The redemption and payment flow of this installation."""
    found: FlowGateway = current_app.extensions["fujin_flow"]
    return found


def context(request_no: str = "") -> RequestContext:
    """Who asks, when and in which trace; ``request_no`` is the caller's key, empty for reads."""
    return RequestContext(signed_in(), services().clock(), request_no, request_id())
