"""The caller's key as ``claim_coupon`` takes it, with the answers of which the one that comes true is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.http.answers import Answer
from app.http.idempotency import KeyScope

_VALUES = (
    *("p_principal", "p_operation", "p_key", "p_hash"),
    *("p_body", "p_media_type", "p_sold_out_body", "p_sold_out_media_type"),
)


@dataclass(frozen=True, slots=True)
class GrantKey:
    """A key and what its request will be answered with."""

    scope: KeyScope
    granted: Answer
    sold_out: Answer


def key_values(key: GrantKey | None) -> dict[str, Any]:
    """Values for the function; all None for a claim without a key."""
    if key is None:
        return dict.fromkeys(_VALUES)
    scope, granted, sold_out = key.scope, key.granted, key.sold_out
    taken = (scope.principal, scope.operation, scope.key, scope.request_hash)
    answers = (granted.encoded(), granted.media_type, sold_out.encoded(), sold_out.media_type)
    return dict(zip(_VALUES, (*taken, *answers), strict=True))
