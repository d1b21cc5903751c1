"""Holds and uses while money is on its way, came, or goes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection

from app.core.clock import system_clock
from tests.factories.tills import Counter

CITY = 2


def path(redemption: dict[str, Any]) -> str:
    return f"/v1/redemptions/{redemption['redemption_id']}"


def seen(counter: Counter, redemption: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = counter.loop.get(path(redemption), by=(counter.staff, "staff")).get_json()
    return found


def told(counter: Counter, call: Callable[..., Any], redemption: dict[str, Any]) -> Any:
    """What a door of the payments part says, in a transaction of its own."""
    with counter.database.write() as conn:
        found = call(conn, CITY, UUID(redemption["redemption_id"]), system_clock(), "trace")
        conn.commit()
    return found


def over(counter: Counter, redemption: dict[str, Any]) -> None:
    counter.change(redemption, lease_until=datetime.now(UTC) - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        ("created", "payment-pending"),
        ("pending", "payment-pending"),
        ("cancelling", "payment-pending"),
        ("unknown", "payment-unknown"),
    ],
)
def test_a_hold_whose_money_may_come_is_neither_committed_nor_voided(
    counter: Counter, state: str, refusal: str
) -> None:
    held = counter.redeemed(counter.claim().code, mode="hold")
    payment = counter.purse.put(held["redemption_id"], state, 4000)
    shown = seen(counter, held)
    assert (shown["next_actions"], shown["payment"]["payment_id"]) == ([], str(payment.payment_id))
    for what in ("commit", "void"):
        answer = counter.step(held, what)
        assert (answer.status_code, answer.get_json()["code"]) == (409, refusal)
        assert int(answer.headers["Retry-After"]) == 2
    over(counter, held)
    assert counter.swept() == 1
    longer = seen(counter, held)
    assert longer["state"] == "held"
    assert datetime.fromisoformat(longer["lease_until"]) > datetime.now(UTC) + timedelta(seconds=170)
    assert counter.events(held["redemption_id"]) == [(1, "fujin.redemption.held.v1")]


@pytest.mark.parametrize("state", ["failed", "cancelled", "stray"])
def test_a_hold_whose_payment_came_to_nothing_can_be_paid_again_or_ends(counter: Counter, state: str) -> None:
    held = counter.redeemed(counter.claim().code, mode="hold")
    counter.purse.put(held["redemption_id"], state, 4000)
    shown = seen(counter, held)
    assert (shown["next_actions"], shown["payment"]["state"]) == (["commit", "void", "pay"], state)
    over(counter, held)
    assert counter.swept() == 1
    assert seen(counter, held)["state"] == "voided"


def test_money_commits_a_hold_even_after_its_lease_and_once_only(counter: Counter) -> None:
    claim = counter.claim()
    held = counter.redeemed(claim.code, mode="hold")
    over(counter, held)
    counter.purse.put(held["redemption_id"], "succeeded", 4000)
    assert told(counter, counter.flow.effects.commit_paid, held) is True
    assert told(counter, counter.flow.effects.commit_paid, held) is True
    assert counter.step(held, "commit").get_json()["state"] == "committed"
    assert counter.state(claim) == "redeemed"
    assert [seq for seq, _ in counter.events(held["redemption_id"])] == [1, 2]


def test_a_commit_after_the_lease_and_a_sweep_find_the_money_too(counter: Counter) -> None:
    for finish in (lambda held: counter.step(held, "commit"), lambda _: counter.swept()):
        held = counter.redeemed(counter.claim().code, mode="hold")
        over(counter, held)
        counter.purse.put(held["redemption_id"], "succeeded", 4000)
        refusal = counter.step(held, "void")
        assert (refusal.status_code, refusal.get_json()["code"]) == (409, "payment-exists")
        finish(held)
        assert seen(counter, held)["state"] == "committed"


def test_money_for_a_hold_that_is_over_is_stray(counter: Counter) -> None:
    held = counter.redeemed(counter.claim().code, mode="hold")
    counter.step(held, "void")
    assert told(counter, counter.flow.effects.commit_paid, held) is False
    assert told(counter, counter.flow.effects.commit_paid, {"redemption_id": str(UUID(int=1))}) is False
    assert seen(counter, held)["state"] == "voided"


def test_money_for_a_hold_whose_budget_is_gone_is_stray_and_voids_it(counter: Counter) -> None:
    coupon = counter.coupon(platform_share_bp=10000, budget_minor=1500)
    claim = counter.claim(coupon)
    held = counter.redeemed(claim.code, mode="hold")
    counter.redeemed(counter.claim(coupon).code)
    assert told(counter, counter.flow.effects.commit_paid, held) is False
    assert (seen(counter, held)["state"], counter.state(claim)) == ("voided", "active")


def test_a_paid_use_is_refunded_in_full_before_it_is_reversed(counter: Counter) -> None:
    claim = counter.claim()
    done = counter.redeemed(claim.code)
    counter.purse.put(done["redemption_id"], "succeeded", 4000, refunded_minor=500)
    back = counter.step(done, "reverse", reason="wrong dish").get_json()
    assert (back["state"], back["reason"], back["reversal_pending"]) == ("reversed", "wrong dish", False)
    refund = counter.purse.refunds[0]
    assert (refund.cause, str(refund.cause_id), refund.amount_minor) == ("reversal", done["redemption_id"], 3500)
    assert counter.state(claim) == "active"


def test_a_reversal_waits_for_its_refund_and_says_so(counter: Counter) -> None:
    claim = counter.claim()
    done = counter.redeemed(claim.code)
    counter.purse.put(done["redemption_id"], "succeeded", 4000)
    counter.purse.says = "wait"
    waits = counter.step(done, "reverse").get_json()
    assert (waits["state"], waits["reversal_pending"], waits["next_actions"]) == ("committed", True, [])
    again = counter.step(done, "reverse")
    assert (again.status_code, again.get_json()["code"]) == (409, "refund-in-progress")
    assert counter.state(claim) == "redeemed"
    told(counter, counter.flow.effects.finish_reversal, done)
    told(counter, counter.flow.effects.finish_reversal, done)
    assert (seen(counter, done)["state"], counter.state(claim)) == ("reversed", "active")
    assert [seq for seq, _ in counter.events(done["redemption_id"])] == [1, 2]


def test_a_reversal_whose_refund_failed_can_be_asked_for_again(counter: Counter) -> None:
    claim = counter.claim()
    done = counter.redeemed(claim.code)
    counter.purse.put(done["redemption_id"], "succeeded", 4000)
    counter.purse.says = "failed"
    first = counter.step(done, "reverse").get_json()
    assert (first["state"], first["reversal_pending"], first["next_actions"]) == ("committed", False, ["reverse"])
    counter.purse.says = "done"
    assert counter.step(done, "reverse").get_json()["state"] == "reversed"
    assert len({refund.refund_no for refund in counter.purse.refunds}) == 1


def test_a_refund_under_way_keeps_a_reversal_out(counter: Counter) -> None:
    claim = counter.claim()
    done = counter.redeemed(claim.code)
    counter.purse.put(done["redemption_id"], "succeeded", 4000, refunding_minor=4000)
    answer = counter.step(done, "reverse")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "refund-in-progress")
    assert counter.purse.refunds == []
    assert seen(counter, done)["reversal_pending"] is False


def test_a_use_whose_money_went_back_already_is_reversed_at_once(counter: Counter) -> None:
    done = counter.redeemed(counter.claim().code)
    counter.purse.put(done["redemption_id"], "succeeded", 4000, refunded_minor=4000)
    assert counter.step(done, "reverse").get_json()["state"] == "reversed"
    assert counter.purse.refunds == []


def test_money_that_came_between_the_look_and_the_lock_leaves_the_refund_to_its_job(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan was made without a call; the refund is written all the same, and its job asks the provider."""
    done = counter.redeemed(counter.claim().code)
    real = counter.purse.last_payment

    def late(conn: Connection, *asked: Any) -> Any:
        found = real(conn, *asked)
        monkeypatch.setattr(counter.purse, "last_payment", real)
        counter.purse.put(done["redemption_id"], "succeeded", 4000)
        return found

    monkeypatch.setattr(counter.purse, "last_payment", late)
    waits = counter.step(done, "reverse").get_json()
    assert (waits["state"], waits["reversal_pending"]) == ("committed", True)
    assert len(counter.purse.refunds) == 1
