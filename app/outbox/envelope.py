"""An event as a message: a structured CloudEvent 1.0 that is a Standard Webhooks payload too.

The bytes depend on the stored row and the installation's address alone, so that every attempt and the feed show the
same ones. ``timestamp`` repeats ``time`` for Standard Webhooks; ``sequence`` is text, as CloudEvents' extension of that
name is; ``dataschema`` says where the installation serves the schema of the data.
"""

from __future__ import annotations

import re
from datetime import UTC
from typing import Any, Final

import orjson

from app.outbox.errors import Unrenderable
from app.outbox.kinds import schema_address
from app.outbox.types import StoredEvent

MEDIA_TYPE: Final = "application/cloudevents+json"
SOURCE: Final = "/flow/fujin"
MAX_BYTES: Final = 20_000
LONGEST_ADDRESS: Final = "https://" + "x" * 248  # stands for any installation's where only the size counts
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context


def message(event: StoredEvent, installation: str) -> dict[str, Any]:
    """The message of an installation (its public address) as a JSON value; Unrenderable when its data is no object."""
    if not isinstance(event.data, dict):
        raise Unrenderable(f"its data is no object but {type(event.data).__name__}")
    time = event.occurred_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(event.event_id),
        "source": SOURCE,
        "type": event.type,
        "subject": str(event.aggregate_id),
        "time": time,
        "timestamp": time,
        "datacontenttype": "application/json",
        "dataschema": schema_address(installation, event.type),
        "sequence": str(event.seq),
    }
    if event.trace is not None and _TRACEPARENT.fullmatch(event.trace):
        body["traceparent"] = event.trace
    return body | {"data": event.data}


def render(event: StoredEvent, installation: str) -> bytes:
    """The bytes of the message; Unrenderable when they are too many or can't be written."""
    try:
        body = orjson.dumps(message(event, installation), option=orjson.OPT_SORT_KEYS)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise Unrenderable(f"it can't be written as JSON: {error}") from None
    if len(body) > MAX_BYTES:
        raise Unrenderable(f"it has {len(body)} bytes, {MAX_BYTES} at most can be sent")
    return body
