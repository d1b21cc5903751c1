"""What a receiver of webhooks does, with the standard library alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping


def verified(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """True when one of the signatures (Standard Webhooks) is good for the body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mine = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(each, f"v1,{mine}") for each in headers["webhook-signature"].split(" "))
