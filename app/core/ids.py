"""Ids that carry their city: UUIDv7 (RFC 9562) whose low 20 random bits hold ``city_id``; 54 random bits stay.

A request that names a thing can so be sent to the shard of its city without a look-up. Ids of things that belong to
no city (members, merchants, tokens) have random bits there: see ``new_id``.
"""

from __future__ import annotations

import secrets
import time
from uuid import UUID

CITY_BITS = 20
MAX_CITY_ID = (1 << CITY_BITS) - 1


def _uuid7(unix_ms: int, tail: int, tail_bits: int) -> UUID:
    random_a = secrets.randbits(12)
    random_b = (secrets.randbits(62 - tail_bits) << tail_bits) | tail
    value = (unix_ms & ((1 << 48) - 1)) << 80 | 0x7 << 76 | random_a << 64 | 0b10 << 62 | random_b
    return UUID(int=value)


def new_id(unix_ms: int | None = None) -> UUID:
    """A UUIDv7 for a thing that belongs to no city."""
    return _uuid7(time.time_ns() // 1_000_000 if unix_ms is None else unix_ms, 0, 0)


def new_city_id(city_id: int, unix_ms: int | None = None) -> UUID:
    """A UUIDv7 for a thing of a city; ``city_of`` reads the city back."""
    if not 1 <= city_id <= MAX_CITY_ID:
        raise ValueError(f"city_id must lie in 1..{MAX_CITY_ID}, got {city_id}")
    return _uuid7(time.time_ns() // 1_000_000 if unix_ms is None else unix_ms, city_id, CITY_BITS)


def city_of(thing_id: UUID) -> int:
    """The city an id of ``new_city_id`` carries; for other UUIDs any number, so a caller checks the row."""
    return thing_id.int & MAX_CITY_ID
