"""How long a claim is good and from where it may be made; zones and bounds worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.claims.errors import ClaimNotStarted, ClaimWindowClosed
from app.claims.rules import check_window, validity
from app.core.ids import new_city_id, new_id
from app.coupons.types import Terms

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def terms(**given: Any) -> Terms:
    plain = Terms(
        city_id=2,
        coupon_id=new_city_id(2),
        version=1,
        merchant_id=new_id(),
        kind="amount_off",
        titles={"en": "t"},
        currency="CNY",
        price_minor=0,
        list_price_minor=None,
        face_value_minor=100,
        percent_off_bp=None,
        cap_minor=None,
        min_spend_minor=0,
        time_zone="Asia/Shanghai",
        claim_from=NOW - timedelta(days=1),
        claim_until=NOW + timedelta(days=1),
        use_from=None,
        use_until=None,
        valid_days_after_claim=7,
        blackout_dates=(),
        use_hours=None,
        claim_within_m=None,
        fulfilment="in_store",
        party_min=None,
        party_max=None,
        per_day=None,
        per_member=1,
        per_member_day=None,
        per_device=None,
        units=1,
        stacking="exclusive",
        stack_group=None,
        reversal_window_s=3600,
        refund_policy="none",
        rounding_rule="floor",
        budget_minor=None,
        platform_share_bp=0,
        commission_bp=0,
    )
    return replace(plain, **given)


def test_the_claim_window_is_half_open() -> None:
    window = terms(claim_from=NOW, claim_until=NOW + timedelta(seconds=1))
    check_window(window, "published", NOW)
    with pytest.raises(ClaimNotStarted):
        check_window(window, "published", NOW - timedelta(microseconds=1))
    with pytest.raises(ClaimWindowClosed):
        check_window(window, "published", NOW + timedelta(seconds=1))
    with pytest.raises(ClaimWindowClosed):
        check_window(window, "paused", NOW)


def test_days_after_claiming_end_at_the_local_midnight_that_ends_the_last_day() -> None:
    # 22 November 17:30 in Shanghai; seven days on is 29 November, which ends on 30 November 00:00 +08:00
    found = validity(terms(), NOW)
    assert found.claimed_on == date(2026, 11, 22)
    assert found.valid_from == NOW
    assert found.valid_until == datetime(2026, 11, 29, 16, 0, tzinfo=UTC)


def test_the_local_day_of_a_claim_is_the_coupons_not_the_servers() -> None:
    late = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)  # half past midnight on the 23rd in Shanghai
    assert validity(terms(), late).claimed_on == date(2026, 11, 23)
    assert validity(terms(time_zone="America/New_York"), late).claimed_on == date(2026, 11, 22)


def test_days_after_claiming_follow_the_clock_that_changes() -> None:
    # New York leaves daylight saving on 1 November 2026: midnight is 04:00 UTC before and 05:00 UTC after
    made = datetime(2026, 10, 30, 12, 0, tzinfo=UTC)
    zone = terms(time_zone="America/New_York")
    assert validity(replace(zone, valid_days_after_claim=1), made).valid_until == datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert validity(replace(zone, valid_days_after_claim=2), made).valid_until == datetime(2026, 11, 2, 5, tzinfo=UTC)


def test_the_earlier_end_counts_and_an_end_that_has_passed_refuses() -> None:
    soon = NOW + timedelta(hours=2)
    assert validity(terms(use_until=soon), NOW).valid_until == soon
    begins = NOW + timedelta(hours=1)
    assert validity(terms(use_from=begins), NOW).valid_from == begins
    with pytest.raises(ClaimWindowClosed):
        validity(terms(use_until=NOW), NOW)
