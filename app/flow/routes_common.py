"""What the flow's routes share: the gateway and the context of a request."""

from __future__ import annotations

from typing import Any

from flask import current_app, request

from app.flow.gateway import FlowGateway
from app.flow.types import Fix, PlaceCode, RequestContext
from app.http.auth import signed_in
from app.http.keyed import KEY_PROBLEMS
from app.http.problems import request_id
from app.http.services import services

FLOW_KEY_PROBLEMS = (*KEY_PROBLEMS, "flow-unavailable", "flow-lacks", "gateway-failed")
CLAIMING = (
    *("not-found", "claim-not-started", "claim-window-closed", "sold-out", "user-limit", "day-limit"),
    *("device-limit", "location-needed", "outside-geofence", "location-stale", "location-inaccurate"),
    *("location-suspect", "place-code-wrong", "velocity-limit", "invalid-coordinate"),
)


def flow() -> FlowGateway:
    """The redemption and payment flow of this installation."""
    found: FlowGateway = current_app.extensions["fujin_flow"]
    return found


def context(request_no: str = "") -> RequestContext:
    """Who asks, when and in which trace; ``request_no`` is the caller's key, empty for reads."""
    return RequestContext(signed_in(), services().clock(), request_no, request_id())


def fix_of(body: dict[str, Any]) -> Fix | None:
    """Where the phone says that it is, in a body that may tell."""
    place = body.get("location")
    return None if place is None else Fix(place["lat"], place["lon"], place["accuracy_m"], place["at"], place["mock"])


def presence_of(body: dict[str, Any]) -> PlaceCode | None:
    """The digits of a place's till, in a body that may have them."""
    given = body.get("place_code")
    return None if given is None else PlaceCode(given["place_id"], given["code"])


def without_position(body: dict[str, Any]) -> dict[str, Any]:
    """What makes two requests the same: a phone that asks again has measured again, or was shown new digits."""
    return {name: value for name, value in body.items() if name not in ("location", "place_code")}


def address_of() -> str | None:
    """Where a request comes from; None for a partner's user, whom only the partner's server speaks for."""
    return None if signed_in().client_id is not None else request.remote_addr
