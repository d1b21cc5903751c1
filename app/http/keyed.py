"""What routes that want an Idempotency-Key declare, and where the key of the request in hand counts."""

from __future__ import annotations

from typing import Any

from app.http.auth import signed_in
from app.http.idempotency import KEY_PATTERN, KeyScope, body_hash, key_from_header
from app.http.openapi import HeaderOf

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
)


def key_scope(operation: str, city_id: int | None, body: Any) -> KeyScope:
    """The caller's key for an operation on a thing of a city (None: of none); KeyMissing, KeyInvalid."""
    key = key_from_header(required=True)
    assert key is not None
    return KeyScope(city_id, signed_in().key, operation, key, body_hash(body))
