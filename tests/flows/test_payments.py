"""Paying over HTTP: for a claim, at a till, in cash; cancelling, asking again, refunds; who may see what."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.core.ids import new_city_id, new_id
from tests.factories.loops import CITY
from tests.factories.paying import PRICE, Paying, at_once

COUNTS = """
    SELECT (SELECT count(*) FROM payments), (SELECT count(*) FROM refunds), (SELECT count(*) FROM outbox_events),
           (SELECT count(*) FROM wallet_trades), (SELECT coalesce(sum(refunding_minor), 0) FROM payments)
"""
MONEY = {"amount_minor": PRICE, "currency": "CNY"}


def test_a_paid_claim_becomes_active_and_the_books_know_it(paying: Paying) -> None:
    found, claim_id, _member = paying.paid_claim()
    assert (found["state"], found["amount"], found["captured"]) == ("succeeded", MONEY, MONEY)
    assert found["fee"] == {"amount_minor": 20, "currency": "CNY"}
    assert (found["trade_no"], found["next_actions"]) == (UUID(found["payment_id"]).hex, [])
    assert paying.state_of(claim_id) == "active"
    assert paying.events(claim_id) == ["claim.granted", "claim.activated"]
    assert paying.events(found["payment_id"]) == ["payment.succeeded"]
    assert paying.ledger.lines() == [("capture", "claim", PRICE, 20)]
    assert ("payment.resolve", UUID(found["payment_id"]), "due") in paying.jobs()


def test_the_same_key_pays_once_and_gets_the_same_bytes(paying: Paying) -> None:
    claim_id, member = paying.claim()
    first = paying.pay("claim", claim_id, (member, "member"), key="k1")
    again = paying.pay("claim", claim_id, (member, "member"), key="k1")
    assert (first.status_code, again.status_code, again.data) == (201, 201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert paying.loop.one("SELECT count(*) FROM wallet_trades") == 1
    other = paying.pay("claim", claim_id, (member, "member"), key="k1", method="user_scans")
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency-key-mismatch")


def test_ten_parallel_payments_of_one_claim_leave_one(paying: Paying) -> None:
    claim_id, member = paying.claim()

    def decided() -> int:
        """The answer of one who asks again after a 503: they all wait for one row, on a busy machine too long."""
        codes = (paying.pay("claim", claim_id, (member, "member")).status_code for _ in range(10))
        return next((code for code in codes if code != 503), 503)

    codes = at_once(*[decided] * 10)
    assert sorted(codes) == [201] + [409] * 9
    assert paying.loop.one("SELECT count(*) FROM payments") == 1
    assert paying.ledger.lines() == [("capture", "claim", PRICE, 20)]


def test_a_till_collects_and_the_redemption_is_committed(paying: Paying) -> None:
    redemption, staff = paying.redemption(), paying.staff()
    answer = paying.pay("redemption", redemption, staff, method="merchant_scans", auth_code="2888000011112222")
    found = answer.get_json()
    assert (answer.status_code, found["state"], found["next_actions"]) == (201, "succeeded", ["refund"])
    assert paying.loop.one("SELECT state FROM redemptions") == "committed"
    assert paying.ledger.lines() == [("capture", "redemption", PRICE, 20)]
    kept = paying.loop.one(
        "SELECT (SELECT asked FROM payments)::text || (SELECT string_agg(data::text, '') FROM outbox_events)"
    )
    assert "2888000011112222" not in kept


def test_cash_is_there_at_once_without_a_provider_a_fee_or_a_job(paying: Paying) -> None:
    redemption = paying.redemption()
    found = paying.pay("redemption", redemption, paying.staff(), provider="cash", method="cash").get_json()
    assert (found["state"], found["fee"]["amount_minor"]) == ("succeeded", 0)
    assert paying.loop.one("SELECT state FROM redemptions") == "committed"
    assert paying.loop.one("SELECT count(*) FROM wallet_trades") == 0


def test_what_can_not_be_paid_is_refused_and_leaves_nothing(paying: Paying) -> None:
    claim_id, member = paying.claim()
    staff, rival = paying.staff(), (paying.loop.employee("owner", paying.loop.rival), "owner")
    held, void, late = paying.redemption(), paying.redemption(state="voided"), paying.redemption(lease_s=-1)
    elsewhere = (paying.loop.employee("staff", paying.loop.merchant, paying.loop.places[1:2]), "staff")
    before = paying.loop.rows(COUNTS)
    me = (member, "member")
    refused = [
        (paying.pay("claim", claim_id, (paying.loop.member(), "member")), 404, "not-found"),
        (paying.pay("claim", claim_id, staff), 404, "not-found"),
        (paying.pay("claim", new_city_id(CITY), me), 404, "not-found"),
        (paying.pay("redemption", held, me), 404, "not-found"),
        (paying.pay("redemption", held, rival), 404, "not-found"),
        (paying.pay("redemption", held, elsewhere), 404, "not-found"),
        (paying.pay("redemption", void, staff), 409, "payment-purpose-over"),
        (paying.pay("redemption", late, staff), 409, "payment-purpose-over"),
        (paying.pay("redemption", paying.redemption(payable=0), staff), 409, "payment-not-needed"),
        (paying.pay("claim", claim_id, me, provider="alipay"), 422, "provider-unknown"),
        (paying.pay("claim", claim_id, me, method="cash"), 422, "provider-unknown"),
        (paying.pay("claim", claim_id, me, provider="cash", method="cash"), 403, "forbidden"),
        (paying.pay("claim", claim_id, staff, provider="cash", method="cash"), 422, "invalid-body"),
        (paying.pay("redemption", held, staff, provider="cash", method="cash", wallet={}), 422, "invalid-body"),
        (paying.pay("claim", claim_id, me, wallet={"lost_answers": 6}), 422, "invalid-body"),
    ]
    assert [(answer.status_code, answer.get_json()["code"]) for answer, _, _ in refused] == [
        (status, code) for _, status, code in refused
    ]
    assert paying.loop.rows(COUNTS) == before
    assert paying.state_of(claim_id) == "pending_payment"


def test_a_waiting_payment_says_where_to_pay_and_when_to_ask_again(paying: Paying) -> None:
    found, claim_id, member = paying.paid_claim(outcome="wait")
    assert (found["state"], found["next_actions"]) == ("pending", ["cancel", "resolve"])
    assert found["pay_url"].startswith("test-wallet://pay/W")
    seen = paying.loop.get(f"/v1/payments/{found['payment_id']}", by=(member, "member"))
    assert (seen.headers["Retry-After"], seen.get_json()) == ("2", found)
    second = paying.pay("claim", claim_id, (member, "member"))
    assert (second.status_code, second.get_json()["payment_id"]) == (409, found["payment_id"])
    assert paying.wallet.tell(found["trade_no"], "pay")
    path = f"/v1/payments/{found['payment_id']}/resolve"
    solved = paying.loop.post(path, {}, by=(member, "member"))
    assert (solved.status_code, solved.get_json()["state"]) == (200, "succeeded")
    assert "Retry-After" not in solved.headers
    assert paying.events(found["payment_id"]) == ["payment.pending", "payment.succeeded"]


def test_a_cancelled_payment_can_be_begun_anew(paying: Paying) -> None:
    found, claim_id, member = paying.paid_claim(outcome="wait")
    path = f"/v1/payments/{found['payment_id']}/cancel"
    stopped = paying.loop.post(path, {}, by=(member, "member"))
    assert (stopped.status_code, stopped.get_json()["state"]) == (200, "cancelled")
    assert paying.loop.post(path, {}, by=(member, "member")).get_json()["state"] == "cancelled"
    assert paying.events(found["payment_id"]) == ["payment.pending", "payment.cancelled"]
    again = paying.pay("claim", claim_id, (member, "member")).get_json()
    assert (again["state"], paying.state_of(claim_id)) == ("succeeded", "active")
    assert paying.loop.rows("SELECT attempt FROM payments ORDER BY attempt") == [(1,), (2,)]
    late = paying.loop.post(f"/v1/payments/{again['payment_id']}/cancel", {}, by=(member, "member"))
    assert (late.status_code, late.get_json()["code"]) == (409, "payment-not-cancellable")


def test_money_that_is_faster_than_the_cancellation_is_kept(paying: Paying) -> None:
    found, claim_id, member = paying.paid_claim(outcome="wait")
    assert paying.wallet.tell(found["trade_no"], "pay")
    answer = paying.loop.post(f"/v1/payments/{found['payment_id']}/cancel", {}, by=(member, "member"))
    assert (answer.status_code, answer.get_json()["state"]) == (200, "succeeded")
    assert paying.state_of(claim_id) == "active"


def test_a_declined_payment_leaves_the_claim_to_be_paid(paying: Paying) -> None:
    found, claim_id, _member = paying.paid_claim(outcome="decline")
    assert (found["state"], found["failure"]) == ("failed", "declined by the wallet")
    assert (paying.state_of(claim_id), paying.ledger.lines()) == ("pending_payment", [])


@pytest.mark.parametrize("amounts", [[4000], [1333, 1333, 1334], [1, 3999], [1999, 2001]])
def test_refunds_in_parts_return_the_whole_fee_and_never_more(paying: Paying, amounts: list[int]) -> None:
    staff = paying.staff()
    payment = paying.pay("redemption", paying.redemption(), staff).get_json()
    path = f"/v1/payments/{payment['payment_id']}/refunds"
    for number, amount in enumerate(amounts):
        body = {"refund_no": f"r{number}", "amount": {"amount_minor": amount, "currency": "CNY"}, "reason": "cold"}
        answer = paying.loop.post(path, body, by=staff)
        assert (answer.status_code, answer.get_json()["state"]) == (201, "succeeded"), answer.get_json()
    row = paying.payment(payment["payment_id"])
    assert (row.refunded_minor, row.refunding_minor, row.fee_returned_minor) == (4000, 0, 20)
    before = paying.loop.rows(COUNTS)
    body = {"refund_no": "more", "amount": {"amount_minor": 1, "currency": "CNY"}, "reason": "cold"}
    more = paying.loop.post(path, body, by=staff)
    assert (more.status_code, more.get_json()["code"]) == (409, "refund-exceeds-captured")
    assert paying.loop.rows(COUNTS) == before
    returned = sum(fee for kind, _, _, fee in paying.ledger.lines() if kind == "refund")
    assert returned == 20


def test_a_refund_number_is_one_refund_whatever_the_key(paying: Paying) -> None:
    staff = paying.staff()
    payment = paying.pay("redemption", paying.redemption(), staff).get_json()
    path = f"/v1/payments/{payment['payment_id']}/refunds"
    body = {"refund_no": "r1", "amount": {"amount_minor": 100, "currency": "CNY"}, "reason": "cold"}
    first, again = paying.loop.post(path, body, by=staff), paying.loop.post(path, body, by=staff)
    assert (again.status_code, again.get_json()) == (201, first.get_json())
    other = paying.loop.post(path, body | {"amount": {"amount_minor": 99, "currency": "CNY"}}, by=staff)
    assert (other.status_code, other.get_json()["code"]) == (422, "refund-number-reused")
    euros = paying.loop.post(
        path, body | {"refund_no": "r2", "amount": {"amount_minor": 9, "currency": "EUR"}}, by=staff
    )
    assert (euros.status_code, euros.get_json()["code"]) == (409, "payment-amount-mismatch")
    assert paying.loop.one("SELECT sum(refunded_minor) FROM payments") == 100
    assert paying.loop.one("SELECT count(*) FROM wallet_refunds") == 1
    assert paying.events(first.get_json()["refund_id"]) == ["refund.requested", "refund.succeeded"]


def test_a_claim_whose_whole_price_went_back_is_refunded(paying: Paying) -> None:
    payment, claim_id, member = paying.paid_claim()
    owner = (paying.loop.employee("owner", paying.loop.merchant), "owner")
    path = f"/v1/payments/{payment['payment_id']}/refunds"
    half = {"refund_no": "a", "amount": {"amount_minor": 2000, "currency": "CNY"}, "reason": "sorry"}
    assert paying.loop.post(path, half, by=owner).status_code == 201
    assert paying.state_of(claim_id) == "active"
    assert paying.loop.post(path, half | {"refund_no": "b"}, by=owner).status_code == 201
    assert paying.state_of(claim_id) == "refunded"
    seen = paying.loop.get(f"/v1/payments/{payment['payment_id']}", by=(member, "member")).get_json()
    assert [(each["refund_no"], each["cause"]) for each in seen["refunds"]] == [("a", "asked"), ("b", "asked")]


def test_others_see_nothing_of_a_payment(paying: Paying) -> None:
    claim_payment, _, member = paying.paid_claim()
    staff = paying.staff()
    till = paying.pay("redemption", paying.redemption(), staff).get_json()
    body = {"refund_no": "r", "amount": {"amount_minor": 1, "currency": "CNY"}, "reason": "x"}
    refund = paying.loop.post(f"/v1/payments/{till['payment_id']}/refunds", body, by=staff).get_json()
    elsewhere = (paying.loop.employee("staff", paying.loop.merchant, paying.loop.places[1:2]), "staff")
    strangers = [
        (paying.loop.member(), "member"),
        (paying.loop.employee("owner", paying.loop.rival), "owner"),
        elsewhere,
    ]
    missing = new_city_id(CITY)
    for who in strangers:
        for thing in (claim_payment["payment_id"], till["payment_id"], missing):
            assert paying.loop.get(f"/v1/payments/{thing}", by=who).status_code == 404
            assert paying.loop.post(f"/v1/payments/{thing}/cancel", {}, by=who).status_code == 404
            assert paying.loop.post(f"/v1/payments/{thing}/resolve", {}, by=who).status_code == 404
            expected = 403 if who[1] == "member" else 404
            assert paying.loop.post(f"/v1/payments/{thing}/refunds", body, by=who).status_code == expected
        for thing in (refund["refund_id"], missing):
            assert paying.loop.get(f"/v1/refunds/{thing}", by=who).status_code == 404
    assert paying.loop.get(f"/v1/payments/{claim_payment['payment_id']}", by=(member, "member")).status_code == 200
    assert paying.loop.get(f"/v1/payments/{till['payment_id']}", by=staff).status_code == 200
    assert paying.loop.get(f"/v1/refunds/{refund['refund_id']}", by=staff).get_json() == refund


def test_a_partner_needs_the_scope_for_tills(paying: Paying) -> None:
    redemption, codes = paying.redemption(), []
    for scopes in ((), ("redemptions:write",)):
        client = f"pos-{new_id()}"
        paying.loop.world.run(
            "INSERT INTO api_clients (client_id, name, secret_hash, merchant_ids, scopes, enabled, created_at)"
            " VALUES (:id, 'pos', '\\x00', ARRAY[:merchant], CAST(:scopes AS text[]), true, :now)",
            {"id": client, "merchant": paying.loop.merchant, "scopes": list(scopes), "now": paying.loop.now},
        )
        issuer = paying.loop.app.extensions["fujin"].principals.parts.issuer
        token = issuer.issue(client, "partner", paying.clock(), client_id=client).token
        body = {
            "purpose": "redemption",
            "purpose_id": str(redemption),
            "provider": "test_wallet",
            "method": "user_scans",
        }
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": client}
        answer = paying.loop.client.post("/v1/payments", json=body, headers=headers)
        codes.append((answer.status_code, answer.get_json().get("code")))
    assert codes == [(403, "scope-missing"), (201, None)]
