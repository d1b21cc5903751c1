"""What the tests of access share: who there is, how to ask, and what the document says of whom."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.flows import geofence_cases
from tests.flows.area_cases import WRITES as AREA_WRITES

ROLES = ("anonymous", "member1", "staff1", "owner1", "owner2", "operator1", "operator2", "admin", "partner1")
Values = Mapping[str, str]
# Operations that change something: each refuses whoever may not call it, and other people's things, without any effect.
WRITES = {
    *("POST /v1/auth/otp", "POST /v1/auth/token", "DELETE /v1/auth/token", "PATCH /v1/me"),
    *("POST /v1/claims", "POST /v1/claims/{claim_id}/cancel", "POST /v1/codes/lookup", "POST /v1/redemptions"),
    *(f"POST /v1/redemptions/{{redemption_id}}/{step}" for step in ("commit", "void", "reverse")),
    *("POST /v1/groups", "POST /v1/groups/{group_id}/join", "POST /v1/payments"),
    *(f"POST /v1/payments/{{payment_id}}/{step}" for step in ("cancel", "resolve", "refunds")),
    "POST /v1/providers/{provider}/notify",
    *("POST /v1/reviews/{review_id}", "POST /v1/overlays", "POST /v1/overlays/{overlay_id}/withdraw"),
    "POST /v1/places/{place_id}/reports",
    "POST /v1/webhook-endpoints",
    *(f"{method} /v1/webhook-endpoints/{{endpoint_id}}" for method in ("PATCH", "DELETE")),
    *(f"POST /v1/webhook-endpoints/{{endpoint_id}}/{step}" for step in ("rotate-secret", "test")),
    "POST /v1/events/{event_id}/redeliver",
    *("PUT /v1/flow/coupons/{external_id}/versions/{version}", "PUT /v1/flow/coupons/{external_id}/stock"),
    *("POST /v1/flow/coupons/{external_id}/end", "POST /v1/flow/notify"),
    *("POST /v1/coupons", "PATCH /v1/coupons/{coupon_id}", "DELETE /v1/coupons/{coupon_id}/draft"),
    *(f"POST /v1/coupons/{{coupon_id}}/{step}" for step in ("publish", "pause", "resume", "end", "codes")),
    *(f"PUT /v1/coupons/{{coupon_id}}/{what}" for what in ("stock", "platform-terms")),
    *(f"POST /v1/datasets/{{city}}/{{kind}}/{what}" for what in ("versions", "rollback")),
    *(
        f"POST /v1/datasets/{{city}}/{{kind}}/versions/{{version}}/{step}"
        for step in ("approve", "activate", "discard", "reload")
    ),
    *AREA_WRITES,
    *geofence_cases.WRITES,
}


@dataclass(frozen=True)
class Case:
    """Path values, and which principals see the thing as theirs (None: it is open to all whom the policy admits)."""

    values: Values
    seen_by: frozenset[str] | None = None


@dataclass(frozen=True)
class Answered:
    """Status and JSON, None where there is none."""

    status: int
    body: Any


def ask(url: str, method: str, path: str, token: str | None, body: Any = None) -> Answered:
    """The answer to a request without a key."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else None
    call = urllib.request.Request(url + path, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(call, timeout=20) as answer:
            status, raw, media = answer.status, answer.read(), answer.headers.get_content_type()
    except urllib.error.HTTPError as refused:
        status, raw, media = refused.code, refused.read(), refused.headers.get_content_type()
    return Answered(status, json.loads(raw) if raw and "json" in media else None)


def operations(document: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Method, path and declaration of every operation."""
    methods = ("get", "post", "put", "patch", "delete")
    return [
        (method.upper(), path, item[method])
        for path, item in sorted(document["paths"].items())
        for method in methods
        if method in item
    ]


def role_of(name: str) -> str:
    """The role of one of the principals."""
    return name.rstrip("12")


def admitted(operation: Mapping[str, Any], name: str) -> bool:
    """Whether the document lets a principal call an operation at all."""
    if name == "anonymous":
        return {} in operation["security"]
    return role_of(name) in operation["x-roles"]


def alike(one: Any, other: Any) -> bool:
    """True when two problem documents differ in the request's id alone."""
    return {**one, "request_id": ""} == {**other, "request_id": ""}
