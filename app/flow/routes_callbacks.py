"""The door at which a flow that stands elsewhere tells what happened."""

from __future__ import annotations

from flask import request

from app.flow.routes_common import flow
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import PUBLIC
from app.http.openapi import HeaderOf
from app.http.services import services
from app.http.steps import run_plan
from app.outbox.envelope import MAX_BYTES

blueprint = Blueprint("callbacks", __name__, description="What a flow elsewhere tells")


@blueprint.post(
    "/v1/flow/notify",
    policy=PUBLIC,
    raw_body=MAX_BYTES,
    answer=None,
    status=204,
    takes={
        name: HeaderOf(f"of Standard Webhooks: {words}")
        for name, words in {
            "webhook-id": "the event's id, the same in every attempt",
            "webhook-timestamp": "when this attempt was made",
            "webhook-signature": "v1,… over id, timestamp and the raw body",
        }.items()
    },
    problems=("not-found", "invalid-signature", "body-too-large", "clock-skew"),
)
def flow_notice(body: bytes) -> Answer:
    """An event of the flow behind this installation, as a webhook; kept by its id and applied once, by its sequence."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    plan = flow().flow_notice(headers, body, services().clock())
    return run_plan(plan, None, lambda _none: Answer(b"", 204))
