"""Values of this module: a fence and its rules, a fix, where a subject stands to a fence, and what happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shapely import MultiPolygon

from app.places.opening_hours import HoursPattern
from geo.geofence import Circle

Phase = Literal["out", "pending_in", "in", "pending_out"]
What = Literal["entered", "dwelled", "exited", "crossed"]
Cause = Literal["fix", "timer", "fence_changed", "expired", "deleted", "withdrawn"]
Confidence = Literal["low", "medium", "high"]
Side = Literal["inside", "margin", "outside"]
Outcome = Literal["counted", "late", "duplicate", "mock", "inaccurate", "ahead", "too_old"]


@dataclass(frozen=True, slots=True)
class Rules:
    """When a fence speaks: seconds and metres; ``dwell_s`` in ascending order, three at most."""

    enter_after_s: int = 0
    dwell_s: tuple[int, ...] = ()
    exit_after_s: int = 0
    exit_buffer_m: float = 0.0
    max_accuracy_m: float = 100.0
    cooldown_s: int = 0
    reorder_s: int = 0


@dataclass(frozen=True, slots=True)
class Fix:
    """A position as a device measured it; ``accuracy_m`` is the radius that it lies in."""

    at: datetime
    lon: float
    lat: float
    accuracy_m: float
    mock: bool = False
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """A fix as one fence sees it.

    ``margin`` is outside by no more than the fence's exit buffer; ``border_m`` is negative inside; ``crossed`` says
    that the way from the fix before cut the fence, though neither fix lies in it.
    """

    at: datetime
    side: Side
    border_m: float
    accuracy_m: float
    crossed: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a subject stands to a fence.

    ``since_at`` is when the phase began, with the border distance and the accuracy of the fix that began it;
    ``entered_at`` and ``exited_at`` are those of the last stay; ``dwelt`` counts its dwell times that have passed;
    ``seq`` counts what was told of the pair.
    """

    phase: Phase = "out"
    since_at: datetime | None = None
    since_border_m: float = 0.0
    since_accuracy_m: float = 0.0
    entered_at: datetime | None = None
    entered_border_m: float = 0.0
    entered_accuracy_m: float = 0.0
    exited_at: datetime | None = None
    dwelt: int = 0
    seq: int = 0


NEVER_SEEN = Pair()


@dataclass(frozen=True, slots=True)
class Happening:
    """Something to tell of a pair: ``at`` is when it happened, ``fix_at`` the fix that it is known by."""

    what: What
    seq: int
    at: datetime
    cause: Cause
    fix_at: datetime | None
    border_m: float | None
    accuracy_m: float | None
    dwell_s: int | None = None


@dataclass(frozen=True, slots=True)
class Fence:
    """A fence as fixes meet it: the version in force, its outline and its rules."""

    city_id: int
    geofence_id: UUID
    merchant_id: UUID
    external_id: str
    version: int
    shape: Circle | MultiPolygon
    rules: Rules
    hours: HoursPattern | None
    expires_at: datetime | None
    offers: bool = False


@dataclass(frozen=True, slots=True)
class StoredPair:
    """A pair as it is kept; ``pair_id`` names it outside, ``revision`` guards its changes (0: not kept yet)."""

    city_id: int
    subject_id: UUID
    geofence_id: UUID
    member_id: UUID
    pair_id: UUID
    fence_version: int
    revision: int
    pair: Pair


@dataclass(frozen=True, slots=True)
class Lane:
    """How far the fixes of a subject have been looked at by fences with the same reorder window."""

    city_id: int
    subject_id: UUID
    reorder_s: int
    member_id: UUID
    watermark_at: datetime | None
    last_lon: float | None
    last_lat: float | None
    release_at: datetime | None


@dataclass(frozen=True, slots=True)
class FenceSet:
    """What a city's fences are now: a number that grows with each change, how many, and the box around them."""

    city_id: int
    epoch: int
    fence_count: int
    west: float
    south: float
    east: float
    north: float
    reorders: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A happening with everything that is kept and sent of it."""

    event_id: UUID
    fence: Fence
    pair_id: UUID
    subject_id: UUID
    member_id: UUID
    happening: Happening
    detected_at: datetime
    confidence: Confidence
    late: bool
    replayed: bool
    cell_lon: int | None
    cell_lat: int | None


@dataclass(frozen=True, slots=True)
class FenceRow:
    """A fence as its merchant runs it, without its drawing."""

    city_id: int
    geofence_id: UUID
    merchant_id: UUID
    external_id: str
    state: Literal["active", "expired", "deleted"]
    current_version: int
    revision: int
    source: Literal["drawn", "service_area", "region"]
    source_id: UUID | None
    expires_at: datetime | None
    created_at: datetime
    changed_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class FenceVersion:
    """What one version of a fence says; ``boundary`` as GeoJSON text, None for a circle."""

    version: int
    name: str
    boundary: str | None
    center_lon: float | None
    center_lat: float | None
    radius_m: float | None
    enter_after_s: int
    dwell_s: list[int]
    exit_after_s: int
    exit_buffer_m: float
    max_accuracy_m: float
    cooldown_s: int
    reorder_s: int
    schedule: str | None
    tags: list[str]
    source_version: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """A drawing with its rules, checked, as it becomes a version."""

    name: str
    shape: Circle | MultiPolygon
    rules: Rules
    schedule: str | None
    time_zone: str
    tags: tuple[str, ...]
    expires_at: datetime | None
    source: Literal["drawn", "service_area", "region"] = "drawn"
    source_id: UUID | None = None
    source_version: int | None = None
