"""Whether a member may claim from where they are: a verdict on a position, with its evidence. Pure.

``allow`` lets the claim through, ``challenge`` says what would (a fresh position, the digits at the place's till),
``deny`` ends the request. Inside means: distance <= the terms' metres + min(accuracy, 100 m). Positions can be faked on
any phone, so a gate guards claiming alone; value leaves at the till.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from app.claims.errors import (
    GateRefusal,
    LocationInaccurate,
    LocationNeeded,
    LocationStale,
    LocationSuspect,
    OutsideGeofence,
    PlaceCodeWrong,
)
from app.coupons.types import Terms
from geo.coordinates import LonLat
from geo.distance import distance_m

MAX_FIX_AGE_S: Final = 60
MAX_FIX_AHEAD_S: Final = 60  # phones' clocks are off by as much
MAX_ACCURACY_M: Final = 200.0
ALLOWED_ACCURACY_M: Final = 100.0  # how much of the fix's own error counts in the member's favour
IMPOSSIBLE_KMH: Final = 300
FAST_KMH: Final = 150  # trains go that fast: whoever does says more
CELLS_A_DEGREE: Final = 100  # evidence keeps a square of a hundredth of a degree, about a kilometre
# Two positions known by their squares, and the fix's own error: so far apart may look who has not moved.
CELL_SLACK_M: Final = 1600.0 + MAX_ACCURACY_M
VERDICTS_KEPT: Final = timedelta(days=30)
FIXES_KEPT: Final = timedelta(hours=24)
WINDOW: Final = timedelta(hours=1)

Verdict = Literal["allow", "challenge", "deny"]
Answer = Literal["fresh_fix", "place_code"]
_BOTH: Final[tuple[Answer, ...]] = ("fresh_fix", "place_code")
_REFUSALS: Final = {
    refusal.code: refusal
    for refusal in (
        LocationInaccurate,
        LocationNeeded,
        LocationStale,
        LocationSuspect,
        OutsideGeofence,
        PlaceCodeWrong,
    )
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A square of a hundredth of a degree, by its south-western corner in hundredths."""

    lon: int
    lat: int

    @property
    def centre(self) -> LonLat:
        """The point that stands for it."""
        return LonLat((self.lon + 0.5) / CELLS_A_DEGREE, (self.lat + 0.5) / CELLS_A_DEGREE)


@dataclass(frozen=True, slots=True)
class Seen:
    """Where and when a member claimed last."""

    cell: Cell
    at: datetime


@dataclass(frozen=True, slots=True)
class MeasuredFix:
    """A phone's fix with its distance to where the coupon's terms want it (None: there is no such place or area)."""

    distance_mm: int | None
    accuracy_m: float
    at: datetime
    mock: bool
    cell: Cell | None = None


@dataclass(frozen=True, slots=True)
class PlaceEvidence:
    """How the place condition was met or missed: whole metres, seconds and km/h and a square, never a position."""

    distance_m: int | None = None
    accuracy_m: int | None = None
    fix_age_s: int | None = None
    speed_kmh: int | None = None
    cell: Cell | None = None
    place_id: UUID | None = None  # whose till's digits were given


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict; ``code`` and ``detail`` say why not, ``answers`` what a challenge is answered with."""

    verdict: Verdict
    evidence: PlaceEvidence
    code: str | None = None
    detail: str = ""
    answers: tuple[Answer, ...] = ()


def cell_of(lon: float, lat: float) -> Cell:
    """The square of a position; the last one before 180° and the poles takes their edge in."""
    lon_no, lat_no = int(lon * CELLS_A_DEGREE // 1), int(lat * CELLS_A_DEGREE // 1)
    return Cell(min(lon_no, 180 * CELLS_A_DEGREE - 1), min(lat_no, 90 * CELLS_A_DEGREE - 1))


def guarded(terms: Terms) -> bool:
    """True when the terms want to know where a member is."""
    return terms.claim_within_m is not None or terms.claim_in_area


def speed_kmh(before: Seen | None, fix: MeasuredFix) -> int | None:
    """How fast somebody must have come from where they claimed last, at least; None without both positions."""
    if before is None or fix.cell is None:
        return None
    apart_m = max(0.0, distance_m(before.cell.centre, fix.cell.centre) - CELL_SLACK_M)
    seconds = max(1.0, abs((fix.at - before.at).total_seconds()))
    return min(1_000_000, round(apart_m / seconds * 3.6))


def judge(
    terms: Terms, fix: MeasuredFix | None, before: Seen | None, now: datetime, presence: UUID | None = None
) -> Judgement:
    """The verdict on a position; ``presence`` is the place whose till's digits were given rightly."""
    evidence = _evidence(fix, before, now)
    if presence is not None:
        return Judgement("allow", replace(evidence, place_id=presence))
    if fix is None:
        said = "send location with lat, lon, accuracy_m and at, or the digits of the place's till"
        return Judgement("challenge", evidence, LocationNeeded.code, said, _BOTH)
    age_s = (now - fix.at).total_seconds()
    if fix.mock:
        return Judgement("deny", evidence, LocationSuspect.code, "turn simulated positions off and try again")
    if not -MAX_FIX_AHEAD_S <= age_s <= MAX_FIX_AGE_S:
        said = f"send a position measured within the last {MAX_FIX_AGE_S} s"
        return Judgement("challenge", evidence, LocationStale.code, said, _BOTH)
    if fix.accuracy_m > MAX_ACCURACY_M:
        said = f"send a position accurate to {MAX_ACCURACY_M:g} m or better"
        return Judgement("challenge", evidence, LocationInaccurate.code, said, _BOTH)
    speed = evidence.speed_kmh or 0
    if speed > IMPOSSIBLE_KMH:
        said = "nobody comes that fast from where you claimed last"
        return Judgement("deny", evidence, LocationSuspect.code, said)
    allowed_mm = round(((terms.claim_within_m or 0) + min(fix.accuracy_m, ALLOWED_ACCURACY_M)) * 1000)
    if fix.distance_mm is None or fix.distance_mm > allowed_mm:
        return Judgement("deny", evidence, OutsideGeofence.code, _nearer(terms))
    if speed > FAST_KMH:
        said = "you came here fast: give the digits that the place's till shows"
        return Judgement("challenge", evidence, LocationSuspect.code, said, ("place_code",))
    return Judgement("allow", evidence)


def refusal_of(judgement: Judgement) -> GateRefusal:
    """The refusal that tells a verdict other than ``allow``, with what would answer it."""
    assert judgement.code is not None
    extra = {"verdict": judgement.verdict, "answer_with": list(judgement.answers)}
    refusal: GateRefusal = _REFUSALS[judgement.code](judgement.detail, extra=extra)
    return refusal


def window_of(now: datetime) -> datetime:
    """The hour within which tries are counted."""
    return now.replace(minute=0, second=0, microsecond=0)


def _evidence(fix: MeasuredFix | None, before: Seen | None, now: datetime) -> PlaceEvidence:
    if fix is None:
        return PlaceEvidence()
    return PlaceEvidence(
        distance_m=None if fix.distance_mm is None else round(fix.distance_mm / 1000),
        accuracy_m=round(fix.accuracy_m),
        fix_age_s=max(0, min(86_400, round((now - fix.at).total_seconds()))),
        speed_kmh=speed_kmh(before, fix),
        cell=fix.cell,
    )


def _nearer(terms: Terms) -> str:
    if terms.claim_in_area:
        return "claim it inside one of the areas that it is for"
    return f"come within {terms.claim_within_m} m of a place where it can be used"
