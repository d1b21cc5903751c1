"""Who gets a seat, until when money counts and when a deal has failed: each at its very edge."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.groups import rules
from app.groups.errors import GroupNotOffered
from app.groups.types import EDGES, SEAT_EDGES, Group
from tests.app.redemption.terms import terms

DEADLINE = datetime(2026, 11, 26, 20, tzinfo=UTC)
TICK = timedelta(microseconds=1)
GRACE = timedelta(minutes=5)
ID = UUID(int=7)
OFFER = terms(group_price_minor=2000, group_target=3, group_seats=4, group_deadline_s=3600)


def group(**given: Any) -> Group:
    """Two of three have paid, four seats, one of them taken and unpaid."""
    plain = Group(
        city_id=2, group_id=ID, coupon_id=ID, coupon_version=1, merchant_id=ID, member_id=ID, state="open", target=3,
        seats=4, taken=3, joined=2, most_joined=2, price_minor=2000, currency="CNY", deadline=DEADLINE, seq=2,
        created_at=DEADLINE - timedelta(hours=1), decided_at=None, closed_at=None,
    )  # fmt: skip
    return replace(plain, **given)


@pytest.mark.parametrize(
    ("given", "now", "code"),
    [
        ({}, DEADLINE - TICK, None),
        ({"state": "succeeded"}, DEADLINE - TICK, None),
        ({}, DEADLINE, "group-closed"),
        ({"state": "succeeded"}, DEADLINE, "group-closed"),
        ({"state": "failed"}, DEADLINE - TICK, "group-closed"),
        ({"state": "closed"}, DEADLINE - TICK, "group-closed"),
        ({"taken": 4}, DEADLINE - TICK, "group-full"),
        ({"taken": 4}, DEADLINE, "group-closed"),
        ({"currency": "EUR"}, DEADLINE - TICK, "group-closed"),
    ],
)
def test_a_seat_is_given_until_the_deadline_while_there_is_one(
    given: dict[str, Any], now: datetime, code: str | None
) -> None:
    refusal = rules.why_no_seat(group(**given), OFFER, now)
    assert (None if refusal is None else refusal.code) == code


def test_a_coupon_without_a_group_deal_has_no_groups() -> None:
    refusal = rules.why_no_seat(group(), terms(), DEADLINE - TICK)
    assert refusal is not None
    assert refusal.code == "group-closed"
    with pytest.raises(GroupNotOffered):
        rules.check_offer(terms())
    rules.check_offer(OFFER)


@pytest.mark.parametrize(
    ("state", "now", "counts"),
    [
        ("open", DEADLINE + GRACE - TICK, True),
        ("open", DEADLINE + GRACE, False),
        ("succeeded", DEADLINE + GRACE - TICK, True),
        ("failed", DEADLINE - TICK, False),
        ("closed", DEADLINE - TICK, False),
    ],
)
def test_money_counts_for_five_minutes_after_the_deadline(state: Any, now: datetime, counts: bool) -> None:
    assert rules.money_counts(group(state=state), now) is counts


@pytest.mark.parametrize(
    ("given", "now", "money_under_way", "failed"),
    [
        ({}, DEADLINE - TICK, False, False),
        ({}, DEADLINE, False, True),
        ({}, DEADLINE, True, False),
        ({}, DEADLINE + GRACE - TICK, True, False),
        ({}, DEADLINE + GRACE, True, True),
        ({"joined": 3}, DEADLINE + GRACE, False, False),
        ({"state": "succeeded"}, DEADLINE + GRACE, False, False),
        ({"state": "failed"}, DEADLINE + GRACE, False, False),
    ],
)
def test_a_group_fails_at_its_deadline_or_when_money_can_come_no_more(
    given: dict[str, Any], now: datetime, money_under_way: bool, failed: bool
) -> None:
    assert rules.has_failed(group(**given), now, money_under_way=money_under_way) is failed


def test_the_target_is_reached_once_and_from_open_alone() -> None:
    assert [rules.tips(group(), joined) for joined in (2, 3, 4)] == [False, True, True]
    assert not rules.tips(group(state="succeeded"), 3)
    assert not rules.tips(group(state="failed"), 3)


def test_the_deadline_lies_within_the_time_to_claim() -> None:
    now = OFFER.claim_until - timedelta(minutes=90)
    assert rules.deadline_of(OFFER, now) == now + timedelta(hours=1)
    assert rules.deadline_of(OFFER, OFFER.claim_until - timedelta(minutes=30)) == OFFER.claim_until


def test_a_refund_that_was_refused_is_tried_ever_later() -> None:
    waits = [rules.retry_at(tries, DEADLINE) - DEADLINE for tries in (0, 1, 2, 6, 7, 500)]
    assert [int(wait.total_seconds() // 60) for wait in waits] == [5, 10, 20, 320, 360, 360]


def test_ends_are_ends() -> None:
    assert {before for before, _ in EDGES} == {"open", "failed"}
    assert {before for before, _ in SEAT_EDGES} == {"reserved", "joined", "left", "refunding"}
    assert rules.refund_no(group(), "m") == f"group:{ID}:m"
