"""Terms of an area as a merchant writes them, and what is wrong with them; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from app.core.errors import Fault
from app.places.hours_text import MAX_CHARS
from app.places.opening_hours import NO_CALENDAR, Calendar, HoursPattern, OpenState, parse_ok, state_at
from app.service_areas.errors import ShapeTooLarge
from app.service_areas.shapes import Shape, fault_at, inner_place, written_in
from geo.coordinates import LonLat
from geo.grid_shift import Datum

MOST_TAGS: Final = 20
MOST_METADATA: Final = 20
LONGEST_TEXT: Final = 500


@dataclass(frozen=True, slots=True)
class Circle:
    """An area given by its middle (None: the place) and its radius."""

    center: LonLat | None
    radius_m: float


@dataclass(frozen=True, slots=True)
class Travel:
    """An area given by how long one travels from its middle (None: the place)."""

    center: LonLat | None
    minutes: int
    mode: Literal["walk", "bike", "drive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Everything that a merchant says of an area but its id; exactly one way to say where it is."""

    kind: str
    names: Mapping[str, str]
    geometry: object
    circle: Circle | None
    travel: Travel | None
    datum: Datum
    schedule: str | None
    priority: int
    currency: str | None
    fee_minor: int
    min_order_minor: int
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]
    effective_from: datetime | None
    effective_until: datetime | None
    unfinished: bool


def faults_of(draft: Draft, currency: str | None, now: datetime) -> tuple[Fault, ...]:
    """What is wrong with the terms themselves, each with its pointer."""
    return tuple(_faults(draft, currency, now))


def _faults(draft: Draft, currency: str | None, now: datetime) -> Iterator[Fault]:
    if draft.schedule is not None and (len(draft.schedule) > MAX_CHARS or not parse_ok(draft.schedule)):
        yield Fault("this schedule can't be read; write it like Mo-Fr 11:00-14:00, 17:00-22:00", pointer="/schedule")
    if draft.currency is not None and draft.currency != currency:
        yield Fault(f"money of this city is {currency or 'not known'}", pointer="/fee/currency")
    begins = draft.effective_from or now
    if draft.effective_until is not None and draft.effective_until <= begins:
        yield Fault("it must come after the time from which the area is in force", pointer="/effective/until")
    if draft.effective_until is not None and draft.effective_until <= now:
        yield Fault("it is over already", pointer="/effective/until")
    if len(draft.metadata) > MOST_METADATA:
        yield Fault(f"give {MOST_METADATA} keys at most", pointer="/metadata")
    for key, value in draft.metadata.items():
        at = "/metadata/" + key.replace("~", "~0").replace("/", "~1")
        if not 1 <= len(key) <= 60 or any(ord(char) < 32 for char in key):
            yield Fault("a key has 1 to 60 characters and no control characters", pointer=at)
        elif not isinstance(value, str | int | float | bool) or len(str(value)) > LONGEST_TEXT:
            yield Fault(f"give text of at most {LONGEST_TEXT} characters, a number, true or false", pointer=at)
    if len(set(draft.tags)) < len(draft.tags):
        yield Fault("a tag stands here twice", pointer="/tags")


def too_large(shape: Shape, max_area_km2: int, datum: Datum, pointer: str) -> Fault | None:
    """The fault of more ground than the merchant's plan allows."""
    if shape.area_m2 <= max_area_km2 * 1e6:
        return None
    said = f"the plan allows {max_area_km2:,} km²; this is {shape.area_m2 / 1e6:,.0f} km²"
    where = written_in(datum, inner_place(shape.boundary))
    return fault_at(said, pointer, where, code=ShapeTooLarge.code, hint="too-large")


def schedule_state(schedule: str | None, time_zone: str, calendar: Calendar, at: datetime) -> OpenState:
    """Whether an area's schedule is open at an instant; without one it always is."""
    if schedule is None:
        return "open"
    pattern = HoursPattern(0, schedule, time_zone, None, False, parse_ok(schedule))
    return state_at(pattern, calendar or NO_CALENDAR, at, horizon_days=0)[0]
