"""The whole loop over HTTP: claimed, paid, held, charged, booked, told, undone; and the audit has nothing to say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from app.audit.actions import audit_data
from app.core.clock import system_clock
from app.core.db import Database
from app.http.steps import run_job
from app.outbox.relay import relay_once
from tests.factories.loops import CITY, Loop

PAID = {"provider": "test_wallet", "method": "user_scans"}


def balances(loop: Loop) -> dict[str, int]:
    """Each kind of account with its balance, debit positive; those at zero are left out."""
    rows = loop.rows(
        """
        SELECT a.kind, sum(CASE WHEN t.debit_account_id = a.account_id THEN t.amount_minor ELSE -t.amount_minor END)
        FROM accounts a
        JOIN transfers t ON t.city_id = a.city_id AND a.account_id IN (t.debit_account_id, t.credit_account_id)
        GROUP BY a.kind
        """
    )
    return {row[0]: int(row[1]) for row in rows if row[1]}


def told(loop: Loop, thing: str) -> list[str]:
    rows = loop.rows("SELECT type FROM outbox_events WHERE aggregate_id = :a ORDER BY seq", a=thing)
    return [str(row[0]).removeprefix("fujin.").removesuffix(".v1") for row in rows]


def sound(loop: Loop, database: Database) -> None:
    """Every event has its place, and no invariant is broken."""
    relay_once(database, system_clock, "test")
    with loop.engine.connect() as conn:
        results = audit_data(conn, system_clock(), allow_unsafe=True)
    assert [(v.rule, v.thing, v.detail) for result in results for v in result.violations] == []


def redeem(loop: Loop, staff: tuple[UUID, str], code: str, number: str, **more: Any) -> dict[str, Any]:
    body = {"codes": [{"code": code}], "place_id": str(loop.places[0]), "request_no": number, "mode": "hold", **more}
    answer = loop.post("/v1/redemptions", body, by=staff)
    assert answer.status_code == 201, answer.get_json()
    found: dict[str, Any] = answer.get_json()
    return found


def test_the_worked_example_comes_out_to_the_cent_and_undoing_it_returns_every_balance(
    loop: Loop, database: Database
) -> None:
    """50.00 less 10.00, half of it given by the platform, 0.20 of the provider's, 1.00 of commission."""
    coupon = loop.coupon(face_value_minor=1000, min_spend_minor=5000, platform_share_bp=5000, commission_bp=250)
    member, staff = loop.member(), (loop.employee("staff", loop.merchant, loop.places[:1]), "staff")
    claim = loop.claim(coupon, member)
    code = loop.code(claim["claim_id"], member)
    order = {"gross_minor": 5000, "currency": "CNY"}
    seen = loop.post("/v1/codes/lookup", {"code": code, "place_id": str(loop.places[0]), "order": order}, by=staff)
    split = {name: part["amount_minor"] for name, part in seen.get_json()["price"].items()}
    assert (split["discount"], split["platform_share"], split["commission"], split["payable"]) == (1000, 500, 100, 4000)
    held = redeem(loop, staff, code, "n-1", order=order)
    assert (held["state"], held["next_actions"]) == ("held", ["commit", "void", "pay"])
    assert balances(loop) == {}
    paid = loop.post(
        "/v1/payments", PAID | {"purpose": "redemption", "purpose_id": held["redemption_id"]}, by=staff
    ).get_json()
    assert (paid["state"], paid["amount"]["amount_minor"], paid["fee"]["amount_minor"]) == ("succeeded", 4000, 20)
    done = loop.get(f"/v1/redemptions/by-request/n-1?place_id={loop.places[0]}", by=staff).get_json()
    assert (done["state"], done["next_actions"]) == ("committed", ["reverse"])
    assert loop.get(f"/v1/claims/{claim['claim_id']}", by=(member, "member")).get_json()["state"] == "redeemed"
    assert balances(loop) == {
        "provider_clearing": 3980,
        "provider_fee_expense": 20,
        "promo_expense": 500,
        "merchant_payable": -4400,
        "platform_revenue": -100,
    }
    sound(loop, database)
    back = loop.post(f"/v1/redemptions/{held['redemption_id']}/reverse", {"reason": "wrong table"}, by=staff).get_json()
    assert (back["state"], back["reversal_pending"]) == ("reversed", False)
    assert balances(loop) == {}
    assert loop.get(f"/v1/claims/{claim['claim_id']}", by=(member, "member")).get_json()["state"] == "active"
    assert told(loop, claim["claim_id"]) == ["claim.granted", "claim.redeemed", "claim.activated"]
    assert told(loop, held["redemption_id"]) == ["redemption.held", "redemption.committed", "redemption.reversed"]
    sound(loop, database)


def test_a_prepaid_voucher_is_paid_on_the_phone_and_used_with_cash(loop: Loop, database: Database) -> None:
    coupon = loop.coupon(
        kind="voucher", price_minor=800, face_value_minor=1000, min_spend_minor=0, commission_bp=600, units=1
    )
    member, staff = loop.member(), (loop.employee("staff", loop.merchant, loop.places[:1]), "staff")
    claim = loop.claim(coupon, member)
    body = {"purpose": "claim", "purpose_id": claim["claim_id"], "provider": "test_wallet", "method": "online"}
    paid = loop.post("/v1/payments", body, by=(member, "member"))
    assert (paid.status_code, paid.get_json()["state"]) == (201, "succeeded")
    assert balances(loop) == {"provider_clearing": 796, "provider_fee_expense": 4, "prepaid_liability": -800}
    held = redeem(
        loop, staff, loop.code(claim["claim_id"], member), "n-2", order={"gross_minor": 3000, "currency": "CNY"}
    )
    assert held["split"]["payable"]["amount_minor"] == 2000
    body = {"purpose": "redemption", "purpose_id": held["redemption_id"], "provider": "cash", "method": "cash"}
    cash = loop.post("/v1/payments", body, by=staff)
    assert (cash.status_code, cash.get_json()["state"]) == (201, "succeeded")
    # 6 % of the 28.00 that the customer paid in all are the platform's
    assert balances(loop) == {
        "provider_clearing": 796,
        "provider_fee_expense": 4,
        "merchant_payable": -800 + 168,
        "platform_revenue": -168,
    }
    sound(loop, database)


def test_a_paid_claim_given_back_is_refunded_and_its_code_is_dead_at_once(loop: Loop, database: Database) -> None:
    terms = {"kind": "voucher", "price_minor": 800, "face_value_minor": 1000, "min_spend_minor": 0}
    member, staff = loop.member(), (loop.employee("staff", loop.merchant, loop.places[:1]), "staff")
    kept = loop.claim(loop.coupon(**terms, refund_policy="none"), member)
    claim = loop.claim(loop.coupon(**terms, refund_policy="unused"), member)
    for each in (kept, claim):
        body = {"purpose": "claim", "purpose_id": each["claim_id"], "provider": "test_wallet", "method": "online"}
        assert loop.post("/v1/payments", body, by=(member, "member")).get_json()["state"] == "succeeded"
    code = loop.code(claim["claim_id"], member)
    no = loop.post(f"/v1/claims/{kept['claim_id']}/cancel", {}, by=(member, "member"))
    assert (no.status_code, no.get_json()["code"]) == (409, "refund-not-offered")
    yes = loop.post(f"/v1/claims/{claim['claim_id']}/cancel", {}, by=(member, "member"))
    assert (yes.status_code, yes.get_json()["state"]) == (200, "refunded")
    seen = loop.post("/v1/codes/lookup", {"code": code, "place_id": str(loop.places[0])}, by=staff).get_json()
    assert (seen["usable"], seen["reason"]) == (False, "code-revoked")
    assert loop.one("SELECT state FROM refunds") == "succeeded"
    assert loop.one("SELECT sum(taken) FROM coupon_stock") == 2
    assert balances(loop) == {"provider_clearing": 796, "provider_fee_expense": 4, "prepaid_liability": -800}
    sound(loop, database)


def test_due_work_releases_what_was_not_paid_and_expires_what_was_not_used(loop: Loop, database: Database) -> None:
    terms = {"kind": "voucher", "price_minor": 800, "face_value_minor": 1000, "min_spend_minor": 0}
    member = loop.member()
    unpaid = loop.claim(loop.coupon(**terms), member)
    paid = loop.claim(loop.coupon(**terms, refund_policy="unused_and_expired"), member)
    free = loop.claim(loop.coupon(), member)
    body = {"purpose": "claim", "purpose_id": paid["claim_id"], "provider": "test_wallet", "method": "online"}
    loop.post("/v1/payments", body, by=(member, "member"))
    flow = loop.app.extensions["fujin_flow"]

    def at(hours: float) -> None:
        with loop.app.app_context():
            for plan in flow.due_work(CITY, system_clock() + timedelta(hours=hours)):
                run_job(plan)

    def state(claim: dict[str, Any]) -> str:
        return str(loop.one("SELECT state FROM claims WHERE claim_id = :c", c=claim["claim_id"]))

    at(0.2)
    assert [state(each) for each in (unpaid, paid, free)] == ["pending_payment", "active", "active"]
    at(0.3)
    assert [state(each) for each in (unpaid, paid, free)] == ["released", "active", "active"]
    at(49)
    assert [state(each) for each in (unpaid, paid, free)] == ["released", "expired", "expired"]
    assert loop.rows("SELECT state, cause FROM refunds") == [("requested", "claim")]
    refund = loop.one("SELECT refund_id FROM refunds")
    with loop.app.app_context():
        assert run_job(flow.resolve_refund(refund, system_clock() + timedelta(hours=49))).state == "succeeded"
    assert state(paid) == "refunded"
    assert balances(loop) == {}
    assert loop.one("SELECT sum(taken) FROM coupon_stock") == 2
