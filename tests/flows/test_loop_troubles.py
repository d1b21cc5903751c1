"""Trouble on the way through the whole loop: money in doubt while a hold ends, and two hands on one payment."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.clock import system_clock
from app.core.db import Database
from app.http.steps import run_job
from tests.factories.loops import CITY, Loop
from tests.flows.test_loop import balances, redeem, sound, told


@pytest.fixture
def staff(loop: Loop) -> tuple[UUID, str]:
    return loop.employee("staff", loop.merchant, loop.places[:1]), "staff"


def held(loop: Loop, staff: tuple[UUID, str]) -> dict[str, Any]:
    """A hold of an order of 50.00 less 10.00."""
    member = loop.member()
    claim = loop.claim(loop.coupon(face_value_minor=1000, min_spend_minor=0), member)
    code = loop.code(claim["claim_id"], member)
    return redeem(loop, staff, code, f"n-{claim['claim_id']}", order={"gross_minor": 5000, "currency": "CNY"})


def pay(loop: Loop, staff: tuple[UUID, str], hold: dict[str, Any], **told: Any) -> dict[str, Any]:
    body = {
        "purpose": "redemption",
        "purpose_id": hold["redemption_id"],
        "provider": "test_wallet",
        "method": "user_scans",
        **({"wallet": told} if told else {}),
    }
    answer = loop.post("/v1/payments", body, by=staff)
    assert answer.status_code == 201, answer.get_json()
    found: dict[str, Any] = answer.get_json()
    return found


def test_m10_a_lease_that_ends_while_the_money_is_in_doubt_is_made_longer_until_it_is_known(
    loop: Loop, database: Database, staff: tuple[UUID, str]
) -> None:
    hold = held(loop, staff)
    path = f"/v1/redemptions/{hold['redemption_id']}"
    payment = pay(loop, staff, hold, outcome="pay", lost_answers=2)
    assert payment["state"] == "unknown"
    for step in ("commit", "void"):
        answer = loop.post(f"{path}/{step}", {}, by=staff)
        assert (answer.status_code, answer.get_json()["code"]) == (409, "payment-unknown")
    flow = loop.app.extensions["fujin_flow"]
    later = system_clock() + timedelta(minutes=4)
    with loop.app.app_context():
        for plan in flow.due_work(CITY, later):
            run_job(plan)
        seen = loop.get(path, by=staff).get_json()
        assert seen["state"] == "held"
        assert seen["lease_until"] > hold["lease_until"]
        states = [run_job(flow.resolve_payment(None, UUID(payment["payment_id"]), later)).state for _ in range(3)]
    assert states[-1] == "succeeded"
    assert loop.get(path, by=staff).get_json()["state"] == "committed"
    assert told(loop, hold["redemption_id"]) == ["redemption.held", "redemption.committed"]
    sound(loop, database)


@pytest.mark.parametrize("times", range(3))
def test_m14_reversing_and_refunding_at_once_gives_the_money_back_once(
    loop: Loop, database: Database, staff: tuple[UUID, str], times: int
) -> None:
    hold = held(loop, staff)
    payment = pay(loop, staff, hold)
    gate = threading.Barrier(2)
    answers: list[tuple[str, int, str | None]] = []

    def send(name: str, path: str, body: dict[str, Any]) -> None:
        gate.wait()
        answer = loop.post(path, body, by=staff)
        answers.append((name, answer.status_code, answer.get_json().get("code")))

    refund = {"refund_no": f"r{times}", "amount": {"amount_minor": 4000, "currency": "CNY"}, "reason": "cold"}
    threads = [
        threading.Thread(
            target=send, args=("reverse", f"/v1/redemptions/{hold['redemption_id']}/reverse", {"reason": "cold"})
        ),
        threading.Thread(target=send, args=("refund", f"/v1/payments/{payment['payment_id']}/refunds", refund)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loop.one("SELECT sum(amount_minor) FROM refunds WHERE state = 'succeeded'") == 4000
    assert loop.one("SELECT refunded_minor FROM payments") == 4000
    by_name = {name: (status, code) for name, status, code in answers}
    assert by_name["reverse"][0] == 200 or by_name["refund"][0] == 201, answers
    lost = [each for each in answers if each[1] >= 400]
    assert all(status == 409 for _, status, _ in lost), answers
    books = balances(loop)
    assert "provider_clearing" not in books
    sound(loop, database)
