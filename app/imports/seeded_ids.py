"""Ids that two seedings agree on: UUIDv7 with one fixed time, whose random bits come from names."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from app.core.ids import CITY_BITS, MAX_CITY_ID

SEEDED_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_UNIX_MS: Final = int(SEEDED_AT.timestamp() * 1000)


def seeded_id(*names: object) -> UUID:
    """The id of a thing that belongs to no city, from what names it."""
    digest = hashlib.sha256("\x1f".join(str(name) for name in names).encode()).digest()
    bits = int.from_bytes(digest[:10], "big")
    random_a, random_b = bits >> 62 & 0xFFF, bits & ((1 << 62) - 1)
    return UUID(int=_UNIX_MS << 80 | 0x7 << 76 | random_a << 64 | 0b10 << 62 | random_b)


def seeded_city_id(city_id: int, *names: object) -> UUID:
    """The id of a thing of a city, from what names it; ``city_of`` reads the city back."""
    if not 1 <= city_id <= MAX_CITY_ID:
        raise ValueError(f"city_id must lie in 1..{MAX_CITY_ID}, got {city_id}")
    whole = seeded_id(city_id, *names).int
    return UUID(int=whole >> CITY_BITS << CITY_BITS | city_id)
