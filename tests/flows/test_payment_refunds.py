"""Refunds at their edges: never more than there is, of two at once one, tried again under the same number."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import Database
from app.core.settings import Settings
from app.http.steps import Plan, run_job
from app.payments.types import RefundAccepted, RefundRefused
from tests.factories.loops import CITY, Loop
from tests.factories.paying import PRICE, Paying, Scripted, at_once, compose


@pytest.fixture
def scripted(app: Flask, loop: Loop, app_settings: Settings, database: Database) -> tuple[Paying, Scripted]:
    """The money side with a wallet whose answers about refunds are given beforehand."""
    made: list[Scripted] = []

    def wrap(provider: Any) -> Scripted:
        made.append(Scripted(provider))
        return made[0]

    return compose(app, loop, app_settings, database, wrap), made[0]


def test_m13_the_database_refuses_one_unit_more_than_was_captured(paying: Paying) -> None:
    staff = paying.staff()
    found = paying.pay("redemption", paying.redemption(), staff).get_json()
    path = f"/v1/payments/{found['payment_id']}/refunds"
    for number, (amount, status) in enumerate([(2500, 201), (1500, 201), (1, 409)]):
        body = {"refund_no": f"r{number}", "amount": {"amount_minor": amount, "currency": "CNY"}, "reason": "x"}
        assert paying.loop.post(path, body, by=staff).status_code == status
    with pytest.raises(sa.exc.IntegrityError, match="payments_amounts_ck"):
        paying.loop.world.run("UPDATE payments SET refunding_minor = 1", {})
    assert paying.payment(found["payment_id"]).refunded_minor == PRICE


def test_ten_parallel_refunds_of_a_third_give_three(paying: Paying) -> None:
    staff = paying.staff()
    found = paying.pay("redemption", paying.redemption(), staff).get_json()

    def refund(number: int) -> int:
        body = {"refund_no": f"r{number}", "amount": {"amount_minor": 1333, "currency": "CNY"}, "reason": "x"}
        return paying.loop.post(f"/v1/payments/{found['payment_id']}/refunds", body, by=staff).status_code

    codes = at_once(*[partial(refund, number) for number in range(10)])
    assert sorted(codes) == [201] * 3 + [409] * 7
    assert paying.payment(found["payment_id"]).refunded_minor == 3999


def test_m14_of_a_reversal_and_a_refund_at_once_one_wins(paying: Paying) -> None:
    staff = paying.staff()
    for _ in range(5):
        redemption = paying.redemption()
        payment_id = paying.pay("redemption", redemption, staff).get_json()["payment_id"]
        ends = at_once(partial(_reverse, paying, redemption), partial(_refund_all, paying, payment_id, staff))
        assert set(ends) in ({"succeeded", "refund-in-progress"}, {"succeeded", "refund-exceeds-captured"})
        state = paying.loop.one("SELECT state FROM redemptions WHERE redemption_id = :id", id=redemption)
        assert state == ("reversed" if ends[0] == "succeeded" else "committed")
        assert paying.payment(payment_id).refunded_minor == PRICE
    assert paying.loop.one("SELECT sum(refunded_minor) FROM wallet_trades") == 5 * PRICE


def _refund_all(paying: Paying, payment_id: str, staff: tuple[UUID, str]) -> str:
    body = {"refund_no": "r", "amount": {"amount_minor": PRICE, "currency": "CNY"}, "reason": "x"}
    answer = paying.loop.post(f"/v1/payments/{payment_id}/refunds", body, by=staff).get_json()
    return str(answer["code"] if "code" in answer else answer["state"])


def _reverse(paying: Paying, redemption: UUID) -> str:
    """A till's reversal: first everything goes back, then it is reversed."""
    part, now = paying.part, paying.loop.now

    def prepare(conn: sa.Connection) -> Any:
        conn.execute(
            sa.text("UPDATE redemptions SET reversal_pending = true WHERE city_id = :city AND redemption_id = :id"),
            {"city": CITY, "id": redemption},
        )
        payment = part.live_payment(conn, CITY, "redemption", redemption)
        assert payment is not None
        return part.start_refund(
            conn,
            payment,
            cause="reversal",
            cause_id=redemption,
            refund_no=f"reversal:{redemption}",
            amount_minor=part.refundable_minor(payment) or payment.captured_minor,
            reason="wrong table",
            return_coupon=True,
            now=now,
            trace=None,
        )

    def settle(conn: sa.Connection, refund: Any, outcome: Any) -> Any:
        return part.settle_refund(conn, refund, outcome, now, None)

    with paying.at_work():
        return str(run_job(Plan(prepare, settle, part.call_refund)).state)


def test_m20_a_refund_that_fails_after_it_was_accepted_frees_its_money_and_is_tried_again(
    scripted: tuple[Paying, Scripted],
) -> None:
    paying, provider = scripted
    staff = paying.staff()
    found = paying.pay("redemption", paying.redemption(), staff).get_json()
    provider.refunds, provider.refund_queries = [RefundAccepted()], [RefundAccepted(), RefundRefused("card is gone")]
    path = f"/v1/payments/{found['payment_id']}/refunds"
    body = {"refund_no": "r1", "amount": {"amount_minor": 1000, "currency": "CNY"}, "reason": "cold"}
    refund = paying.loop.post(path, body, by=staff).get_json()
    assert (refund["state"], paying.payment(found["payment_id"]).refunding_minor) == ("pending", 1000)
    assert [paying.resolve_refund(refund["refund_id"]) for _ in range(3)] == ["pending", "failed", "failed"]
    row = paying.payment(found["payment_id"])
    assert (row.refunding_minor, row.refunded_minor) == (0, 0)
    seen = paying.loop.get(f"/v1/refunds/{refund['refund_id']}", by=staff).get_json()
    assert (seen["state"], seen["failure"]) == ("failed", "card is gone")
    again = paying.loop.post(path, body, by=staff).get_json()
    assert (again["refund_id"], again["state"]) == (refund["refund_id"], "succeeded")
    assert len(set(provider.numbers)) == 1  # the provider never saw another number
    assert paying.payment(found["payment_id"]).refunded_minor == 1000
    assert paying.events(refund["refund_id"]) == [
        "refund.requested",
        "refund.failed",
        "refund.requested",
        "refund.succeeded",
    ]


def test_a_refund_whose_answer_is_lost_is_asked_for_and_paid_once(scripted: tuple[Paying, Scripted]) -> None:
    paying, _ = scripted
    staff = paying.staff()
    found = paying.pay("redemption", paying.redemption(), staff).get_json()
    paying.loop.world.run("UPDATE wallet_trades SET lost_answers = 1", {})
    body = {"refund_no": "r1", "amount": {"amount_minor": 1000, "currency": "CNY"}, "reason": "cold"}
    refund = paying.loop.post(f"/v1/payments/{found['payment_id']}/refunds", body, by=staff).get_json()
    assert refund["state"] == "pending"
    assert ("refund.resolve", UUID(refund["refund_id"]), "due") in paying.jobs()
    assert paying.resolve_refund(refund["refund_id"]) == "succeeded"
    assert paying.loop.one("SELECT refunded_minor FROM wallet_trades") == 1000
    assert paying.ledger.lines()[-1] == ("refund", "redemption", 1000, 5)


def test_a_failed_reversal_leaves_the_redemption_committed(scripted: tuple[Paying, Scripted]) -> None:
    paying, provider = scripted
    redemption = paying.redemption()
    paying.pay("redemption", redemption, paying.staff())
    provider.refunds = [RefundRefused("no")]
    assert _reverse(paying, redemption) == "failed"
    assert paying.loop.rows("SELECT state, reversal_pending FROM redemptions") == [("committed", False)]
    assert _reverse(paying, redemption) == "succeeded"
    assert paying.loop.one("SELECT state FROM redemptions") == "reversed"


def test_a_reversal_that_failed_is_tried_again_with_what_is_left_by_then(scripted: tuple[Paying, Scripted]) -> None:
    paying, provider = scripted
    redemption, staff = paying.redemption(), paying.staff()
    payment_id = paying.pay("redemption", redemption, staff).get_json()["payment_id"]
    provider.refunds = [RefundRefused("no")]
    assert _reverse(paying, redemption) == "failed"
    body = {"refund_no": "r", "amount": {"amount_minor": 1000, "currency": "CNY"}, "reason": "x"}
    assert paying.loop.post(f"/v1/payments/{payment_id}/refunds", body, by=staff).status_code == 201
    assert _reverse(paying, redemption) == "succeeded"
    assert paying.payment(payment_id).refunded_minor == PRICE
    assert len(set(provider.numbers)) == 3
    assert paying.loop.one("SELECT state FROM redemptions") == "reversed"
