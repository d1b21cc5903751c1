"""What the checks find: findings with their first rows, the verdict with its reasons, the report that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

Severity = Literal["file", "row", "warning", "info"]
Need = Literal["open", "note", "second_person", "blocked"]
NEEDS: Final[tuple[Need, ...]] = ("open", "note", "second_person", "blocked")
"""What a version waits for, mildest first."""

FAILURES: Final = frozenset({"no-rows", "rows-lost", "nothing-stored", "too-many-refused"})
"""Findings of a file as a whole after which none of its rows is kept."""

MAX_FIRST: Final = 100
"""So many rows of a finding are kept with their place."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """One row or thing a check met; ``row`` counts from 1 in the file where that is known."""

    reason: str
    row: int | None = None
    source_key: str | None = None
    thing_id: UUID | None = None
    lon: float | None = None
    lat: float | None = None

    def as_json(self) -> Json:
        """The members a report shows."""
        return {
            "row": self.row,
            "source_key": self.source_key,
            "id": None if self.thing_id is None else str(self.thing_id),
            "reason": self.reason,
            "lon": self.lon,
            "lat": self.lat,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: how many, in one sentence, and the first of them."""

    check: str
    count: int
    detail: str
    first: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class Threshold:
    """One measured change against its limit; ``needs`` says what passing it asks for."""

    code: str
    value: float
    limit: float
    needs: Need
    detail: str

    @property
    def exceeded(self) -> bool:
        """True when the value is above the limit."""
        return self.value > self.limit

    def as_json(self) -> Json:
        """The members a difference shows."""
        return {
            "code": self.code,
            "value": self.value,
            "limit": self.limit,
            "exceeded": self.exceeded,
            "needs": self.needs,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the gate isn't open."""

    code: str
    detail: str
    needs: Need = "note"


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a version may be shown: open, with a note, with a second person, or not at all."""

    verdict: Need = "open"
    reasons: tuple[Reason, ...] = ()

    def as_json(self) -> Json:
        """The members that a version shows."""
        return {
            "verdict": self.verdict,
            "reasons": [{"code": r.code, "detail": r.detail, "needs": r.needs} for r in self.reasons],
        }


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a change asks for somebody's word, and refused rows block; shares are of 1.

    A packed file may hold ``unpacked_bytes``, and ``unpack_ratio`` times its own size.
    ``refused_share`` None is the kind's own: 0.5 % of places and base map, none of the rest.
    """

    count_change: float = 0.02
    lost_share: float = 0.2
    lost_rows: int = 10
    moved_m: float = 50.0
    far_share: float = 0.05
    reshaped_share: float = 0.1
    churn_share: float = 0.02
    refused_share: float | None = None
    unpacked_bytes: int = 8 << 30
    unpack_ratio: float = 20.0


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the checks say of a version; ``against`` is the version readers saw then, ``made_at`` when."""

    city_id: int
    kind: str
    version: int
    against: int | None
    made_at: datetime
    counts: Mapping[str, int]
    findings: tuple[Finding, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    gate: Gate = field(default_factory=Gate)
    datum: str = "wgs84"
    limits: Limits = field(default_factory=Limits)

    @property
    def verdict(self) -> Need:
        """What the version waits for."""
        return self.gate.verdict

    @property
    def failure(self) -> Reason | None:
        """Why nothing of the file is worth keeping: its counts alone say so. What else blocks a version is staged."""
        return next((reason for reason in self.gate.reasons if reason.code in FAILURES), None)
