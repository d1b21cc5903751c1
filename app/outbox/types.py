"""Values of this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one aggregate; ``seq`` counts its events from 1 without a gap.

    ``type`` is ``fujin.<aggregate>.<what>.v1``; ``data`` is JSON and carries no code, token or position;
    ``merchant_id`` says whose endpoints are told; ``event_id`` is made where the teller keeps none of its own.
    """

    city_id: int
    aggregate_id: UUID
    seq: int
    type: str
    merchant_id: UUID
    data: Mapping[str, Any]
    occurred_at: datetime
    trace: str | None = None
    event_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is due for one thing; ``tries`` counts those begun, this one included."""

    city_id: int
    job_id: UUID
    kind: str
    ref_id: UUID
    tries: int


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it lies in the outbox; ``position`` None: the relay has not been there yet."""

    city_id: int
    event_id: UUID
    aggregate_id: UUID
    seq: int
    type: str
    merchant_id: UUID
    data: Any
    trace: str | None
    occurred_at: datetime
    position: int | None
    tries: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a merchant's events are sent; ``types`` are patterns, ``failures`` counts those since the last success."""

    merchant_id: UUID
    endpoint_id: UUID
    url: str
    types: tuple[str, ...]
    description: str | None
    state: str
    disabled_reason: str | None
    failures: int
    resting_until: datetime | None
    secret_sealed: bytes
    old_secret_sealed: bytes | None
    old_secret_until: datetime | None
    row_version: int
    created_at: datetime

    def rests(self, now: datetime) -> bool:
        """True while nothing is sent there, because it failed again and again or asked to wait."""
        return self.resting_until is not None and self.resting_until > now


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint with ``count`` deliveries in one city that could begin now, and since when."""

    city_id: int
    merchant_id: UUID
    endpoint_id: UUID
    since: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery under a lease: the event, where it goes, and the number of this attempt.

    ``round_after`` is the last attempt before the delivery was made due by hand, 0 when it never was.
    """

    event: StoredEvent
    endpoint: Endpoint
    attempt: int
    round_after: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt met: a status, or words for why there was none; ``took_ms`` from the look-up to the end."""

    ok: bool
    status: int | None
    error: str | None
    took_ms: int
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far an event is on its way to an endpoint."""

    city_id: int
    endpoint_id: UUID
    event_id: UUID
    type: str
    aggregate_id: UUID
    position: int
    state: str
    attempt: int
    next_at: datetime
    last_error: str | None
    created_at: datetime
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a delivery."""

    endpoint_id: UUID
    attempt: int
    at: datetime
    took_ms: int
    ok: bool
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in a city: events without a position and the oldest one's time, deliveries due, and what is dead."""

    city_id: int
    position: int
    waiting: int
    waiting_since: datetime | None
    due: int
    due_since: datetime | None
    dead_events: int
    dead_deliveries: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that could not be told (``endpoint_id`` None), or could not be delivered to one endpoint."""

    city_id: int
    event_id: UUID
    endpoint_id: UUID | None
    type: str
    merchant_id: UUID
    reason: str
    since: datetime
