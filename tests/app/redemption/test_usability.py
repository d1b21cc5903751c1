"""Whether a claim can be used here and now: its state, its time in its zone, the place, days and hours, its units."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.places.opening_hours import NO_CALENDAR, Calendar, SpecialDay
from app.redemption.rules import free_units, obstacle
from app.redemption.types import Obstacle, Use
from tests.app.redemption.terms import NOW, terms

HERE, THERE = UUID(int=7), UUID(int=8)
SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")


@dataclass
class Claim:
    state: str = "active"
    units: int = 1
    valid_from: datetime = NOW - timedelta(days=1)
    valid_until: datetime = NOW + timedelta(days=1)


def found(
    claim: Claim | None = None,
    *uses: Use,
    asked: int = 1,
    usable_here: bool = True,
    calendar: Calendar = NO_CALENDAR,
    now: datetime = NOW,
    **of_terms: Any,
) -> Obstacle | None:
    return obstacle(
        claim or Claim(),
        terms(**of_terms),
        uses,
        asked=asked,
        usable_here=usable_here,
        calendar=calendar,
        now=now,
    )


def code(*given: Any, **more: Any) -> str | None:
    stopped = found(*given, **more)
    return None if stopped is None else stopped.code


def use(unit_no: int, minutes_ago: int, *, held: bool = False, place: UUID = HERE) -> Use:
    return Use(unit_no, held, NOW - timedelta(minutes=minutes_ago), place)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("active", None),
        ("pending_payment", "claim-unpaid"),
        ("expired", "code-expired"),
        ("released", "code-revoked"),
        ("cancelled", "code-revoked"),
        ("refunded", "code-revoked"),
        ("redeemed", "already-redeemed"),
    ],
)
def test_every_state_has_its_reason(state: str, reason: str | None) -> None:
    assert code(Claim(state)) == reason


def test_a_used_up_claim_tells_when_and_where_it_was_used_first() -> None:
    stopped = found(Claim("redeemed", units=2), use(1, 5), use(2, 90, place=THERE))
    assert stopped is not None
    assert (stopped.code, stopped.at, stopped.place_id) == ("already-redeemed", NOW - timedelta(minutes=90), THERE)


def test_the_window_is_half_open() -> None:
    claim = Claim()
    tick = timedelta(microseconds=1)
    assert code(claim, now=claim.valid_from - tick) == "not-yet-usable"
    assert code(claim, now=claim.valid_from) is None
    assert code(claim, now=claim.valid_until - tick) is None
    assert code(claim, now=claim.valid_until) == "code-expired"


def test_the_last_second_of_a_day_counts_where_the_place_is() -> None:
    """Good through 22 November in Shanghai: 15:59:59 UTC is still that day, 16:00:00 is not."""
    claim = Claim(valid_until=datetime(2026, 11, 23, tzinfo=SHANGHAI))
    assert code(claim, now=datetime(2026, 11, 22, 23, 59, 59, tzinfo=SHANGHAI)) is None
    assert code(claim, now=datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC)) is None
    assert code(claim, now=datetime(2026, 11, 22, 16, 0, tzinfo=UTC)) == "code-expired"


@pytest.mark.parametrize(
    ("zone", "instant", "reason"),
    [
        ("Asia/Shanghai", datetime(2026, 11, 21, 15, 59, 59, tzinfo=UTC), None),
        ("Asia/Shanghai", datetime(2026, 11, 21, 16, 0, 0, tzinfo=UTC), "blackout-time"),
        ("Asia/Shanghai", datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC), "blackout-time"),
        ("Asia/Shanghai", datetime(2026, 11, 22, 16, 0, 0, tzinfo=UTC), None),
        # New York is five hours behind in November
        ("America/New_York", datetime(2026, 11, 22, 4, 59, 59, tzinfo=UTC), None),
        ("America/New_York", datetime(2026, 11, 22, 5, 0, 0, tzinfo=UTC), "blackout-time"),
        ("America/New_York", datetime(2026, 11, 23, 4, 59, 59, tzinfo=UTC), "blackout-time"),
        ("America/New_York", datetime(2026, 11, 23, 5, 0, 0, tzinfo=UTC), None),
    ],
)
def test_a_day_left_out_is_a_day_of_the_coupons_zone(zone: str, instant: datetime, reason: str | None) -> None:
    claim = Claim(valid_from=instant - timedelta(days=9), valid_until=instant + timedelta(days=9))
    assert code(claim, now=instant, time_zone=zone, blackout_dates=(date(2026, 11, 22),)) == reason


@pytest.mark.parametrize(
    ("instant", "reason"),
    [
        # 1 November 2026, when New York's clocks go back at 02:00: 01:30 comes twice, and both are open
        (datetime(2026, 11, 1, 4, 59, tzinfo=UTC), "blackout-time"),
        (datetime(2026, 11, 1, 5, 0, tzinfo=UTC), None),
        (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), None),
        (datetime(2026, 11, 1, 6, 30, tzinfo=UTC), None),
        (datetime(2026, 11, 1, 7, 0, tzinfo=UTC), "blackout-time"),
        # 8 March 2026, when they go forward: 01:59:59 is followed by 03:00
        (datetime(2026, 3, 8, 6, 59, 59, tzinfo=UTC), None),
        (datetime(2026, 3, 8, 7, 0, tzinfo=UTC), "blackout-time"),
    ],
)
def test_hours_follow_the_clock_on_the_wall_when_it_changes(instant: datetime, reason: str | None) -> None:
    claim = Claim(valid_from=instant - timedelta(days=9), valid_until=instant + timedelta(days=9))
    assert code(claim, now=instant, time_zone="America/New_York", use_hours="Mo-Su 01:00-02:00") == reason


def test_hours_close_on_holidays_and_what_is_unknown_closes_nothing() -> None:
    sunday = datetime(2026, 11, 22, 12, 0, tzinfo=SHANGHAI)
    monday = sunday + timedelta(days=1)
    claim = Claim(valid_until=monday + timedelta(days=9))
    lunch = "Mo-Fr 11:00-14:00; PH off"
    assert code(claim, now=sunday, use_hours=lunch) == "blackout-time"
    assert code(claim, now=monday, use_hours=lunch) is None
    assert code(claim, now=monday + timedelta(hours=2), use_hours=lunch) == "blackout-time"
    holiday = {monday.date(): SpecialDay("holiday")}
    assert code(claim, now=monday, use_hours=lunch, calendar=holiday) == "blackout-time"
    assert code(claim, now=monday, use_hours="by appointment, call us") is None


def test_another_store_is_told_before_the_hour_and_after_the_time() -> None:
    assert code(usable_here=False) == "wrong-store"
    assert code(usable_here=False, use_hours="Mo 10:00-11:00") == "wrong-store"
    assert code(usable_here=False, now=NOW + timedelta(days=2)) == "code-expired"


def test_units_that_others_hold_may_come_back_and_used_ones_do_not() -> None:
    claim = Claim(units=5)
    used, held = [use(1, 50), use(2, 40)], use(4, 1, held=True, place=THERE)
    assert code(claim, *used, asked=3) is None
    assert code(claim, *used, asked=4) == "unit-exhausted"
    assert code(claim, *used, held, asked=2) is None
    stopped = found(claim, *used, held, asked=3)
    assert stopped is not None
    assert (stopped.code, stopped.at, stopped.place_id) == ("hold-by-other", held.at, THERE)
    assert code(claim, *used, held, asked=4) == "unit-exhausted"
    assert free_units(claim, [*used, held]) == (3, 5)
