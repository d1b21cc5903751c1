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
    ``merchant_id`` says whose endpoints are told.
    """

    city_id: int
    aggregate_id: UUID
    seq: int
    type: str
    merchant_id: UUID
    data: Mapping[str, Any]
    occurred_at: datetime
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it stands in the outbox; ``position`` is None until the relay has given it one."""

    city_id: int
    event_id: UUID
    aggregate_id: UUID
    seq: int
    type: str
    merchant_id: UUID
    data: Mapping[str, Any]
    trace: str | None
    occurred_at: datetime
    position: int | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a merchant wants to be told, and of which types: ``*``, one, or a beginning as ``fujin.claim.*``."""

    endpoint_id: UUID
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is due for one thing; ``tries`` counts those begun, this one included."""

    city_id: int
    job_id: UUID
    kind: str
    ref_id: UUID
    tries: int
