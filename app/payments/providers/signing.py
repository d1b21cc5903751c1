"""Standard Webhooks signatures: HMAC-SHA-256 over ``{id}.{timestamp}.{raw body}``, base64, after ``v1,``.

Source: the Standard Webhooks specification 1.0.0; header names in small letters.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime

from app.payments.errors import InvalidSignature
from app.payments.providers.gateway import SIGNATURE_TOLERANCE_S

_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_MAX_SIGNATURES = 5  # of keys that take turns


def signed_headers(secret: bytes, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers that go with a message."""
    seconds = str(int(at.timestamp()))
    mark = base64.b64encode(_mark(secret, message_id, seconds, body)).decode()
    return {"webhook-id": message_id, "webhook-timestamp": seconds, "webhook-signature": f"v1,{mark}"}


def verified_id(secret: bytes, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The id of a message that is signed, fresh and unchanged; InvalidSignature."""
    message_id = headers.get("webhook-id", "")
    seconds = headers.get("webhook-timestamp", "")
    if not _ID.fullmatch(message_id) or not _SECONDS.fullmatch(seconds):
        raise InvalidSignature
    if abs(now.timestamp() - int(seconds)) > SIGNATURE_TOLERANCE_S:
        raise InvalidSignature
    right = _mark(secret, message_id, seconds, body)
    given = headers.get("webhook-signature", "").split(" ")[:_MAX_SIGNATURES]
    if not any(hmac.compare_digest(right, _decoded(one)) for one in given):
        raise InvalidSignature
    return message_id


def _mark(secret: bytes, message_id: str, seconds: str, body: bytes) -> bytes:
    return hmac.new(secret, f"{message_id}.{seconds}.".encode() + body, hashlib.sha256).digest()


def _decoded(signature: str) -> bytes:
    """The bytes of one signature; none when it is of another version or no base64."""
    version, _, text = signature.partition(",")
    if version != "v1":
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
