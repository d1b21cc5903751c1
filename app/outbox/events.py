"""What the outbox tells of itself: tests of endpoints."""

from __future__ import annotations

from typing import Final

from app.outbox.kinds import ID, EventKind, said

TEST_TYPE: Final = "fujin.webhook.test.v1"
KINDS: Final = (
    EventKind(
        TEST_TYPE,
        None,
        "Somebody tries an endpoint; it goes to that endpoint alone.",
        {"endpoint_id": said(ID, "the endpoint that is tried"), "merchant_id": ID},
    ),
)
