"""The body of an event: a CloudEvents 1.0 structured event that is a Standard Webhooks payload too.

The same event always gives the same bytes, whenever and to whomever it is sent. Sources: CloudEvents 1.0.2 (JSON
event format, the ``sequence`` extension), Standard Webhooks 1.0 (``type``, ``timestamp``, ``data``).
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from app.outbox.types import StoredEvent

SOURCE: Final = "/flow/fujin"
MEDIA_TYPE: Final = "application/cloudevents+json"
MAX_BODY_BYTES: Final = 20_000


class Unrenderable(ValueError):
    """An event that can't be sent: its data are no JSON, or too long."""


def event_json(event: StoredEvent) -> dict[str, Any]:
    """The members of an event, in the order in which they are written."""
    at = event.occurred_at.isoformat()
    members: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(event.event_id),
        "source": SOURCE,
        "type": event.type,
        "subject": str(event.aggregate_id),
        "time": at,
        "timestamp": at,
        "datacontenttype": "application/json",
        "sequence": str(event.seq),
    }
    if event.trace:
        members["traceid"] = event.trace
    return {**members, "data": dict(sorted(event.data.items()))}


def event_body(event: StoredEvent) -> bytes:
    """The bytes of an event; Unrenderable."""
    try:
        body = orjson.dumps(event_json(event))
    except (TypeError, ValueError) as error:
        raise Unrenderable(f"no JSON: {error}") from None
    if len(body) > MAX_BODY_BYTES:
        raise Unrenderable(f"{len(body)} bytes, more than {MAX_BODY_BYTES}")
    return body
