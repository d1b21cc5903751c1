"""When a coupon can be used, and when next: known answers, and a search by quarter hours beside it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.claims.types import Slot
from app.discovery.redeemable import Own, Redeemable, Setting, UseRules, own_of, redeemable
from app.places.opening_hours import NO_CALENDAR, HoursPattern, SpecialDay

SHANGHAI = "Asia/Shanghai"  # UTC+8 all the year
NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # Monday 12:00 there
FREE = UseRules(
    time_zone=SHANGHAI,
    claim_until=NOON + timedelta(days=30),
    use_from=None,
    use_until=NOON + timedelta(days=40),
    valid_days_after_claim=None,
    blackout_dates=(),
    use_hours=None,
    party_min=None,
    party_max=None,
    delivered=True,
    day_sold_out=False,
)


def hours(text: str, *, parsed: bool = True) -> HoursPattern:
    return HoursPattern(1, text, SHANGHAI, None, False, parsed)


OPEN = hours("24/7")
HERE = Setting(NOON, NOON, None, OPEN, NO_CALENDAR, NO_CALENDAR)


def local(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """An instant of November 2026 on the clock of Shanghai."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


@pytest.mark.parametrize(
    ("rules", "setting", "reasons", "next_at"),
    [
        ({}, {}, (), None),
        ({"use_from": local(25, 9)}, {}, ("not-yet-usable",), local(25, 9)),
        ({"use_from": NOON + timedelta(days=15)}, {}, ("not-yet-usable",), None),
        ({"use_until": NOON}, {}, ("use-over",), None),
        ({"use_until": NOON + timedelta(seconds=1)}, {}, (), None),
        # A claim of Monday the 23rd with one day more is good until the midnight that ends Tuesday.
        ({"valid_days_after_claim": 1}, {"at": local(24, 23, 59)}, (), None),
        ({"valid_days_after_claim": 1}, {"at": local(25)}, ("use-over",), None),
        ({"blackout_dates": (date(2026, 11, 23), date(2026, 11, 24))}, {}, ("blackout-date",), local(25)),
        ({"use_hours": "Mo-Fr 15:00-18:00"}, {}, ("outside-use-hours",), local(23, 15)),
        ({"use_hours": "Sa 10:00-20:00"}, {}, ("outside-use-hours",), local(28, 10)),
        ({"use_hours": "2027 Jan 01 10:00-20:00"}, {}, ("outside-use-hours",), None),
        ({}, {"place_hours": hours("Mo-Su 17:00-22:00")}, ("place-closed",), local(23, 17)),
        (
            {"use_hours": "Mo-Fr 15:00-18:00", "blackout_dates": (date(2026, 11, 23),)},
            {"place_hours": hours("Mo-Su 17:00-22:00")},
            ("blackout-date", "outside-use-hours", "place-closed"),
            local(24, 17),
        ),
        ({"use_hours": "Mo-Fr 15:00-16:00"}, {"place_hours": hours("Mo-Su 17:00-22:00")}, None, None),
        ({"party_min": 2}, {"party": 1}, ("party-too-small",), None),
        ({"party_max": 2}, {"party": 3}, ("party-too-large",), None),
        ({"party_min": 2, "party_max": 4}, {"party": 4}, (), None),
        ({"party_min": 2, "party_max": 4}, {}, (), None),
        ({"delivered": False}, {}, ("outside-delivery-area",), None),
        ({"delivered": False, "use_hours": "Sa 10:00-20:00"}, {}, ("outside-use-hours", "outside-delivery-area"), None),
        ({"day_sold_out": True}, {}, ("sold-out-today",), local(24)),
        ({"day_sold_out": True, "claim_until": local(24)}, {}, ("sold-out-today",), None),
        ({"day_sold_out": True}, {"held": True}, (), None),
        ({}, {"full": True}, ("member-limit",), None),
        ({}, {"full": True, "held": True}, (), None),
        ({}, {"full_today": True}, ("member-day-limit",), local(24)),
    ],
)
def test_reasons_and_the_next_time(
    rules: dict[str, Any], setting: dict[str, Any], reasons: tuple[str, ...] | None, next_at: datetime | None
) -> None:
    found = redeemable(replace(FREE, **rules), replace(HERE, **setting))
    if reasons is not None:
        assert found.reasons == reasons
    assert found.now is (not found.reasons)
    assert found.next_at == next_at


def test_unknown_hours_forbid_nothing_and_are_told() -> None:
    assert redeemable(FREE, replace(HERE, place_hours=None)) == Redeemable(True, (), ("place-hours",), None)
    unread = replace(HERE, place_hours=hours("?", parsed=False))
    rules = replace(FREE, use_hours="when it suits us ??")
    assert redeemable(rules, unread) == Redeemable(True, (), ("place-hours", "use-hours"), None)


def test_holidays_come_from_the_calendars_of_the_coupon_and_of_the_place() -> None:
    calendar = {date(2026, 11, 23): SpecialDay("holiday")}
    text = "Mo-Su 10:00-20:00; PH off"
    assert redeemable(replace(FREE, use_hours=text), HERE).now
    at_rest = redeemable(replace(FREE, use_hours=text), replace(HERE, coupon_calendar=calendar))
    assert (at_rest.reasons, at_rest.next_at) == (("outside-use-hours",), local(24, 10))
    closed = redeemable(FREE, replace(HERE, place_hours=hours(text), place_calendar=calendar))
    assert (closed.reasons, closed.next_at) == (("place-closed",), local(24, 10))


def test_the_next_time_is_the_first_quarter_hour_at_which_it_can_be_used() -> None:
    draw = random.Random(3)
    step = timedelta(minutes=15)
    told = 0
    for _ in range(150):
        rules = replace(
            FREE,
            claim_until=NOON + draw.choice((1, 3, 30)) * timedelta(days=1),
            use_from=draw.choice((None, NOON + timedelta(days=2))),
            use_until=draw.choice((NOON + timedelta(days=5), NOON + timedelta(days=40))),
            valid_days_after_claim=draw.choice((None, 1, 7)),
            blackout_dates=tuple(date(2026, 11, draw.randrange(23, 30)) for _ in range(draw.randrange(3))),
            use_hours=draw.choice((None, "Mo-Fr 15:00-18:00", "Sa,Su 10:00-20:00", "Mo-Su 22:00-02:00")),
        )
        place = draw.choice((None, OPEN, hours("Mo-Su 17:00-23:00"), hours("We 08:00-16:00")))
        setting = replace(HERE, place_hours=place)
        found = redeemable(rules, setting)
        expected = None
        for count in range(1, 14 * 96):
            at = NOON + count * step
            claim_at = min(at, rules.claim_until - timedelta(microseconds=1))
            if redeemable(rules, replace(setting, at=at, claim_at=claim_at)).now:
                expected = at
                break
        if not found.now:
            told += 1
            assert found.next_at == (None if "use-over" in found.reasons else expected), (rules, place)
    assert told > 60


def test_a_members_claims_count_against_the_terms_in_force() -> None:
    coupon, other = uuid4(), uuid4()

    def slot(coupon_id: UUID, number: int, **given: Any) -> Slot:
        values: dict[str, Any] = {
            "state": "redeemed",
            "member_day_no": 1,
            "claimed_on": date(2026, 11, 22),
            "valid_from": NOON - timedelta(days=1),
            "valid_until": NOON + timedelta(days=1),
            "per_member": 2,
            "per_member_day": None,
            "time_zone": SHANGHAI,
        }
        return Slot(coupon_id=coupon_id, member_no=number, **values | given)

    assert own_of([slot(coupon, 1)], NOON, NOON) == Own()
    full = own_of([slot(coupon, 1), slot(coupon, 2), slot(other, 1)], NOON, NOON)
    assert full == Own(full=frozenset({coupon}))
    assert full.barred == {coupon}
    held = own_of([slot(coupon, 1, state="active"), slot(coupon, 2)], NOON, NOON)
    assert (held.held, held.full, held.barred) == ({coupon}, {coupon}, frozenset())
    assert own_of([slot(coupon, 1, state="active")], NOON, NOON + timedelta(days=1)).held == frozenset()
    # The third slot was held under older, wider terms; one of the two that count now is free.
    assert own_of([slot(coupon, 1), slot(coupon, 3)], NOON, NOON).full == frozenset()
    today = slot(coupon, 1, claimed_on=date(2026, 11, 23), per_member_day=1)
    assert own_of([today], NOON, NOON).full_today == {coupon}
    assert own_of([today], NOON + timedelta(days=1), NOON + timedelta(days=1)).full_today == frozenset()
