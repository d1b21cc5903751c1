"""Whether a coupon can be used at a place at an instant, why not, and when next; pure.

The till's own rules (app.redemption.rules), asked ahead of time: a claim is taken to be made now, or at the instant
where that is earlier. What nobody knows (hours that can't be read) forbids nothing and is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from app.claims.types import Slot
from app.places.opening_hours import Calendar, HoursPattern, OpenState, parse_ok, state_at

HORIZON: Final = timedelta(days=14)
REASONS: Final = (
    "not-yet-usable",
    "use-over",
    "blackout-date",
    "outside-use-hours",
    "place-closed",
    "party-too-small",
    "party-too-large",
    "outside-delivery-area",
    "sold-out-today",
    "member-limit",
    "member-day-limit",
)
PASSING: Final = frozenset(
    {"not-yet-usable", "blackout-date", "outside-use-hours", "place-closed", "sold-out-today", "member-day-limit"}
)
"""Reasons that time can mend."""
CLOSED: Final = {"place-hours": "place-closed", "use-hours": "outside-use-hours"}
"""What may be unknown, and the reason that it gives when it is closed."""


@dataclass(frozen=True, slots=True)
class UseRules:
    """What the terms and the stock say of one coupon at one place."""

    time_zone: str
    claim_until: datetime
    use_from: datetime | None
    use_until: datetime | None
    valid_days_after_claim: int | None
    blackout_dates: tuple[date, ...]
    use_hours: str | None
    party_min: int | None
    party_max: int | None
    delivered: bool
    day_sold_out: bool


@dataclass(frozen=True, slots=True)
class Own:
    """What a member has: coupons of which a claim can be used then, and those of which no further one is granted."""

    held: frozenset[UUID] = frozenset()
    full: frozenset[UUID] = frozenset()
    full_today: frozenset[UUID] = frozenset()

    @property
    def barred(self) -> frozenset[UUID]:
        """Coupons of which neither an old claim helps nor a new one can be had."""
        return (self.full | self.full_today) - self.held


def own_of(slots: Iterable[Slot], claim_at: datetime, use_at: datetime) -> Own:
    """What a member's slots mean for claims made at one instant and used at another."""
    held: set[UUID] = set()
    of_all: dict[UUID, int] = {}
    of_day: dict[UUID, int] = {}
    terms: dict[UUID, Slot] = {}
    for slot in slots:
        terms[slot.coupon_id] = slot
        if slot.state == "active" and slot.valid_from <= use_at < slot.valid_until:
            held.add(slot.coupon_id)
        if slot.member_no <= slot.per_member:
            of_all[slot.coupon_id] = of_all.get(slot.coupon_id, 0) + 1
        today = claim_at.astimezone(ZoneInfo(slot.time_zone)).date()
        if slot.claimed_on == today and (slot.member_day_no or 0) <= (slot.per_member_day or 0):
            of_day[slot.coupon_id] = of_day.get(slot.coupon_id, 0) + 1
    full = {coupon_id for coupon_id, count in of_all.items() if count >= terms[coupon_id].per_member}
    today_full = {
        coupon_id for coupon_id, count in of_day.items() if count >= (terms[coupon_id].per_member_day or count + 1)
    }
    return Own(frozenset(held), frozenset(full), frozenset(today_full))


@dataclass(frozen=True, slots=True)
class Setting:
    """What a use is measured against: its time, when it would be claimed, how many come, the place's hours.

    ``held``: the member has a claim that can be used then; ``full``, ``full_today``: no further one is granted.
    """

    at: datetime
    claim_at: datetime
    party: int | None
    place_hours: HoursPattern | None
    place_calendar: Calendar
    coupon_calendar: Calendar
    held: bool = False
    full: bool = False
    full_today: bool = False


class Redeemable(NamedTuple):
    """The verdict: ``reasons`` against it, what is ``unknown``, and when it becomes true within 14 days."""

    now: bool
    reasons: tuple[str, ...]
    unknown: tuple[str, ...]
    next_at: datetime | None


def pattern_of(use_hours: str, time_zone: str) -> HoursPattern:
    """Hours of use as opening hours; the calendar comes from the coupon's city."""
    return HoursPattern(0, use_hours, time_zone, None, False, parse_ok(use_hours))


def shut_at(use_hours: str, time_zone: str, calendar: Calendar, at: datetime) -> bool:
    """Whether hours of use are closed for sure at an instant."""
    return state_at(pattern_of(use_hours, time_zone), calendar, at, horizon_days=0)[0] == "closed"


def redeemable(rules: UseRules, setting: Setting) -> Redeemable:
    """Whether a coupon can be used in a setting; ``next_at`` None when it can, or when waiting does not help."""
    at = setting.at
    states = {name: _hours(*clock, at) for name, clock in _clocks(rules, setting).items()}
    against = set(_standing(rules, setting))
    if rules.use_from is not None and at < rules.use_from:
        against.add("not-yet-usable")
    if at >= _ends(rules, setting.claim_at):
        against.add("use-over")
    if _local_date(rules, at) in rules.blackout_dates:
        against.add("blackout-date")
    against |= {CLOSED[name] for name, (state, _) in states.items() if state == "closed"}
    reasons = tuple(reason for reason in REASONS if reason in against)
    unknown = tuple(name for name, (state, _) in states.items() if state == "unknown")
    waits = bool(against) and against <= PASSING
    return Redeemable(not against, reasons, unknown, _next(rules, setting, against) if waits else None)


def _standing(rules: UseRules, setting: Setting) -> Iterator[str]:
    """Reasons that don't lie in the time of day."""
    party = setting.party
    if party is not None and rules.party_min is not None and party < rules.party_min:
        yield "party-too-small"
    if party is not None and rules.party_max is not None and party > rules.party_max:
        yield "party-too-large"
    if not rules.delivered:
        yield "outside-delivery-area"
    if setting.held:
        return
    if rules.day_sold_out:
        yield "sold-out-today"
    if setting.full:
        yield "member-limit"
    if setting.full_today:
        yield "member-day-limit"


def _ends(rules: UseRules, claim_at: datetime) -> datetime:
    """The end of a claim made at an instant; the terms always name one."""
    ends = [rules.use_until] if rules.use_until is not None else []
    if rules.valid_days_after_claim is not None:
        ends.append(_midnight(rules, _local_date(rules, claim_at) + timedelta(days=rules.valid_days_after_claim + 1)))
    return min(ends)


def _next(rules: UseRules, setting: Setting, against: set[str]) -> datetime | None:
    """The first instant of the next 14 days at which nothing that passes stands against it any more.

    It may be claimed later than now: until the last moment of its claims, whose day decides how long it lasts.
    """
    at = max(setting.at, rules.use_from or setting.at)
    claim_at = setting.claim_at
    if against & {"sold-out-today", "member-day-limit"}:
        claim_at = _midnight(rules, _local_date(rules, claim_at) + timedelta(days=1))
        at = max(at, claim_at)
        if claim_at >= rules.claim_until:
            return None
    last_claim = max(claim_at, rules.claim_until - timedelta(microseconds=1))
    until = min(_ends(rules, last_claim), setting.at + HORIZON)
    clocks = _clocks(rules, setting).values()
    while at < until:
        later: datetime | None = at
        if _local_date(rules, at) in rules.blackout_dates:
            later = _midnight(rules, _local_date(rules, at) + timedelta(days=1))
        else:
            for pattern, calendar in clocks:
                state, change = _hours(pattern, calendar, at)
                if state == "closed":
                    later = change
                    break
        if later is None:
            return None
        if later == at:
            return at
        at = later
    return None


def _clocks(rules: UseRules, setting: Setting) -> dict[str, tuple[HoursPattern | None, Calendar]]:
    """Hours that must not be closed: the place's, and those of the terms where they name any."""
    clocks: dict[str, tuple[HoursPattern | None, Calendar]] = {
        "place-hours": (setting.place_hours, setting.place_calendar)
    }
    if rules.use_hours is not None:
        clocks["use-hours"] = (pattern_of(rules.use_hours, rules.time_zone), setting.coupon_calendar)
    return clocks


def _hours(pattern: HoursPattern | None, calendar: Calendar, at: datetime) -> tuple[OpenState, datetime | None]:
    return ("unknown", None) if pattern is None else state_at(pattern, calendar, at)


def _local_date(rules: UseRules, at: datetime) -> date:
    return at.astimezone(ZoneInfo(rules.time_zone)).date()


def _midnight(rules: UseRules, on: date) -> datetime:
    return datetime(on.year, on.month, on.day, tzinfo=ZoneInfo(rules.time_zone)).astimezone(UTC)
