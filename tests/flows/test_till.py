"""The till over HTTP: look up, hold, redeem, commit, void, reverse; whatever is refused leaves nothing."""

from __future__ import annotations

from collections import Counter as Tally
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.core.ids import city_of
from app.http.idempotency import body_hash
from tests.factories.tills import Counter

WRITTEN = """
    SELECT (SELECT count(*) FROM redemptions), (SELECT count(*) FROM redemption_units WHERE live),
           (SELECT count(*) FROM outbox_events), (SELECT count(*) FROM transfers),
           (SELECT string_agg(state, ',' ORDER BY claim_id) FROM claims)
"""


def refused(counter: Counter, *codes: Any, **more: Any) -> tuple[int, str]:
    """Status and code of a refused redemption that left nothing."""
    before = counter.loop.rows(WRITTEN)
    answer = counter.send(*codes, **more)
    assert counter.loop.rows(WRITTEN) == before
    assert answer.mimetype == "application/problem+json", answer.get_json()
    return answer.status_code, answer.get_json()["code"]


def money(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "CNY"}


def test_a_look_up_tells_what_a_code_is_good_for_and_uses_nothing(counter: Counter) -> None:
    claim = counter.claim(counter.coupon(platform_share_bp=5000, commission_bp=250))
    before = counter.loop.rows(WRITTEN)
    order = {"gross_minor": 5000, "currency": "CNY"}
    answer = counter.look_up(claim.code, order=order)
    found = answer.get_json()
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert (found["claim_id"], found["usable"], found["reason"]) == (str(claim.claim_id), True, None)
    assert found["next_actions"] == ["redeem", "hold"]
    assert found["customer_hint"] == "林*"
    assert found["needs_order"] is True
    assert found["price"] == {
        "gross": money(5000),
        "discount": money(1000),
        "platform_share": money(500),
        "merchant_share": money(500),
        "prepaid": money(0),
        "commission": money(100),
        "payable": money(4000),
    }
    assert counter.look_up(claim.code).get_json()["price"] is None
    assert counter.look_up("", qr=claim.qr, order=order).get_json() == found
    assert counter.loop.rows(WRITTEN) == before


def test_names_follow_the_wanted_language(counter: Counter) -> None:
    claim = counter.claim()
    body = {"code": claim.code, "place_id": str(counter.place)}
    for wanted, title in (("en", "20 off"), ("zh-CN", "满100减20"), ("fr", "满100减20")):
        answer = counter.loop.post("/v1/codes/lookup", body, by=(counter.staff, "staff"), **{"Accept-Language": wanted})
        assert answer.get_json()["title"] == title


def test_redeeming_at_once_uses_the_claim_and_tells_of_it(counter: Counter) -> None:
    claim = counter.claim(counter.coupon(platform_share_bp=5000, commission_bp=250))
    answer = counter.send(claim.code, order={"gross_minor": 5000, "currency": "CNY", "pos_order_no": "A-17"})
    found = answer.get_json()
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert (found["state"], found["next_actions"], found["lease_until"]) == ("committed", ["reverse"], None)
    assert city_of(UUID(found["redemption_id"])) == found["city_id"] == 2
    window = datetime.fromisoformat(found["reverse_before"]) - datetime.fromisoformat(found["committed_at"])
    assert window == timedelta(seconds=3600)
    assert found["split"]["payable"] == money(4000)
    assert [(unit["unit_no"], unit["split"]) for unit in found["units"]] == [(1, found["split"])]
    assert counter.state(claim) == "redeemed"
    assert counter.events(found["redemption_id"]) == [(1, "fujin.redemption.committed.v1")]
    assert counter.events(claim.claim_id) == [(2, "fujin.claim.redeemed.v1")]
    moved = counter.loop.rows("SELECT kind, amount_minor FROM transfers ORDER BY kind")
    assert [tuple(row) for row in moved] == [("commission", 100), ("platform_promo", 500)]
    told = counter.loop.one("SELECT data FROM outbox_events WHERE type LIKE '%redemption%'")
    assert (told["payable_minor"], told["pos_order_no"]) == (4000, "A-17")
    assert str(counter.staff) not in str(told)
    again = counter.send(claim.code)
    problem = again.get_json()
    assert (again.status_code, problem["code"]) == (409, "already-redeemed")
    assert problem["conflict"] == {"at": found["committed_at"], "place_id": str(counter.place)}


def test_no_answer_event_or_stored_row_of_a_till_carries_a_code(counter: Counter) -> None:
    """The digits stand in no body, no event and no stored answer; nor does a plain hash of a body with them."""
    claim = counter.claim()
    held = counter.send(claim.code, mode="hold", key="k")
    bodies = [held.data, counter.look_up(claim.code).data, counter.send(claim.code).data]
    bodies += [counter.step(held.get_json(), what).data for what in ("commit", "reverse")]
    bodies.append(counter.look_up("000000000000").data)
    stored = counter.loop.rows(
        "SELECT o::text FROM outbox_events o UNION ALL SELECT r::text FROM redemptions r"
        " UNION ALL SELECT u::text FROM redemption_units u UNION ALL SELECT w::text FROM wrong_codes w"
        " UNION ALL SELECT convert_from(body, 'UTF8') FROM idempotency_keys"
    )
    assert held.status_code == 201
    for text in (*(body.decode() for body in bodies), *(row[0] for row in stored)):
        assert claim.code not in text.replace(" ", "")
    sent = {
        "codes": [{"code": claim.code, "units": 1}],
        "place_id": counter.place,
        "request_no": held.get_json()["request_no"],
        "mode": "hold",
        "order": {"gross_minor": 5000, "currency": "CNY"},
    }
    hashes = {bytes(row[0]) for row in counter.loop.rows("SELECT request_hash FROM idempotency_keys")}
    assert body_hash(sent) not in hashes


def test_a_hold_is_committed_within_its_lease(counter: Counter) -> None:
    claim = counter.claim()
    held = counter.redeemed(claim.code, mode="hold")
    lease = datetime.fromisoformat(held["lease_until"]) - datetime.fromisoformat(held["created_at"])
    assert (held["state"], held["next_actions"], lease.total_seconds()) == ("held", ["commit", "void", "pay"], 180)
    assert counter.state(claim) == "active"
    other = counter.send(claim.code)
    assert (other.status_code, other.get_json()["code"]) == (409, "hold-by-other")
    assert other.get_json()["conflict"]["at"] == held["created_at"]
    assert counter.look_up(claim.code).get_json()["reason"] == "hold-by-other"
    done = counter.step(held, "commit").get_json()
    assert (done["state"], done["redemption_id"]) == ("committed", held["redemption_id"])
    assert counter.step(held, "commit").get_json() == done
    assert counter.state(claim) == "redeemed"
    assert counter.events(held["redemption_id"]) == [
        (1, "fujin.redemption.held.v1"),
        (2, "fujin.redemption.committed.v1"),
    ]


def test_a_voided_hold_frees_its_units(counter: Counter) -> None:
    claim = counter.claim()
    held = counter.redeemed(claim.code, mode="hold")
    over = counter.step(held, "void", reason="guest left").get_json()
    assert (over["state"], over["reason"], over["next_actions"]) == ("voided", "guest left", [])
    assert counter.step(held, "void").get_json() == over
    refusal = counter.step(held, "commit")
    assert (refusal.status_code, refusal.get_json()["code"]) == (409, "redemption-over")
    refusal = counter.step(held, "reverse")
    assert (refusal.status_code, refusal.get_json()["code"]) == (409, "redemption-over")
    counter.redeemed(claim.code)


def test_a_till_that_had_to_wait_for_a_hold_tries_again_with_the_same_key(counter: Counter) -> None:
    claim = counter.claim()
    held = counter.redeemed(claim.code, mode="hold")
    first = counter.send(claim.code, key="k", request_no="r")
    assert (first.get_json()["code"], first.headers["Retry-After"]) == ("hold-by-other", "5")
    counter.step(held, "void")
    assert counter.send(claim.code, key="k", request_no="r").status_code == 201


def test_a_lease_that_is_over_is_no_longer_committed_and_is_swept(counter: Counter) -> None:
    claim = counter.claim()
    held = counter.redeemed(claim.code, mode="hold")
    fresh = counter.redeemed(counter.claim().code, mode="hold")
    counter.change(held, lease_until=datetime.now(UTC) - timedelta(seconds=1))
    path = f"/v1/redemptions/{held['redemption_id']}"
    assert counter.loop.get(path, by=(counter.staff, "staff")).get_json()["next_actions"] == ["void"]
    refusal = counter.step(held, "commit")
    assert (refusal.status_code, refusal.get_json()["code"]) == (409, "hold-expired")
    assert counter.swept() == 1
    assert counter.swept() == 0
    over = counter.loop.get(path, by=(counter.staff, "staff")).get_json()
    assert (over["state"], over["reason"]) == ("voided", "its lease is over")
    refusal = counter.step(held, "commit")
    assert (refusal.status_code, refusal.get_json()["code"]) == (409, "hold-expired")
    assert counter.step(fresh, "commit").status_code == 200
    counter.redeemed(claim.code)


def test_a_hold_taken_in_time_is_honoured_after_the_claims_time(counter: Counter) -> None:
    claim = counter.claim()
    held = counter.redeemed(claim.code, mode="hold")
    counter.loop.world.run(
        "UPDATE claims SET valid_until = :past WHERE claim_id = :c",
        {"past": datetime.now(UTC) - timedelta(seconds=1), "c": claim.claim_id},
    )
    assert counter.step(held, "commit").status_code == 200
    assert counter.state(claim) == "redeemed"
    back = counter.step(held, "reverse").get_json()
    assert back["state"] == "reversed"
    assert counter.state(claim) == "expired"


def test_a_use_is_reversed_within_its_window_and_can_be_made_again(counter: Counter) -> None:
    claim = counter.claim(counter.coupon(platform_share_bp=5000))
    first = counter.redeemed(claim.code)
    back = counter.step(first, "reverse", reason="wrong table").get_json()
    assert (back["state"], back["reason"], back["next_actions"]) == ("reversed", "wrong table", [])
    assert back["committed_at"] == first["committed_at"]
    assert counter.state(claim) == "active"
    again = counter.step(first, "reverse")
    assert (again.status_code, again.get_json()["code"]) == (409, "already-reversed")
    assert again.get_json()["conflict"] == {"at": back["ended_at"], "place_id": str(counter.place)}
    second = counter.redeemed(claim.code)
    counter.change(second, reverse_before=datetime.now(UTC) - timedelta(seconds=1))
    late = counter.step(second, "reverse")
    assert (late.status_code, late.get_json()["code"]) == (409, "reverse-window-closed")
    assert counter.state(claim) == "redeemed"
    held = counter.redeemed(counter.claim().code, mode="hold")
    early = counter.step(held, "reverse")
    assert (early.status_code, early.get_json()["code"]) == (409, "redemption-held")
    kinds = Tally(row[0] for row in counter.loop.rows("SELECT kind FROM transfers"))
    assert kinds == {"platform_promo": 2, "undo_platform_promo": 1}


def test_a_claim_is_reversed_ten_times_at_most(counter: Counter) -> None:
    claim = counter.claim()
    for _ in range(10):
        assert counter.step(counter.redeemed(claim.code), "reverse").status_code == 200
    last = counter.step(counter.redeemed(claim.code), "reverse")
    assert (last.status_code, last.get_json()["code"]) == (409, "reverse-window-closed")


def test_units_are_used_lowest_first_until_none_is_left(counter: Counter) -> None:
    coupon = counter.coupon(
        kind="package", units=4, price_minor=7000, list_price_minor=10000, face_value_minor=None, refund_policy="none"
    )
    claim = counter.claim(coupon)
    first = counter.redeemed({"code": claim.code, "units": 2}, gross=None)
    assert [unit["unit_no"] for unit in first["units"]] == [1, 2]
    assert (first["split"]["gross"], first["split"]["prepaid"]) == (money(5000), money(3500))
    assert counter.state(claim) == "active"
    assert counter.look_up(claim.code).get_json()["units_left"] == 2
    assert refused(counter, {"code": claim.code, "units": 3}, gross=None) == (409, "unit-exhausted")
    held = counter.redeemed({"code": claim.code}, gross=None, mode="hold")
    assert [unit["unit_no"] for unit in held["units"]] == [3]
    counter.step(first, "reverse")
    rest = counter.redeemed({"code": claim.code, "units": 3}, gross=None)
    assert [unit["unit_no"] for unit in rest["units"]] == [1, 2, 4]
    assert counter.state(claim) == "active"
    counter.step(held, "commit")
    assert counter.state(claim) == "redeemed"


def test_several_codes_are_used_together_or_not_at_all(counter: Counter) -> None:
    one = counter.claim(counter.coupon(stacking="with_others"))
    two = counter.claim(
        counter.coupon(stacking="with_others", kind="percent_off", percent_off_bp=1000, face_value_minor=None)
    )
    used = counter.claim(counter.coupon(stacking="with_others"))
    alone = counter.claim(counter.coupon())
    counter.redeemed(used.code)
    assert refused(counter, one.code, used.code) == (409, "already-redeemed")
    assert refused(counter, one.code, alone.code) == (409, "not-stackable")
    assert refused(counter, one.code, {"qr": one.qr}) == (422, "invalid-body")
    assert refused(counter, one.code, "100000000009") == (422, "code-mistyped")
    found = counter.redeemed(one.code, {"qr": two.qr})
    assert [unit["claim_id"] for unit in found["units"]] == [str(one.claim_id), str(two.claim_id)]
    assert [unit["split"]["gross"] for unit in found["units"]] == [money(4600), money(400)]
    assert found["split"]["payable"] == money(3600)
    assert (counter.state(one), counter.state(two)) == ("redeemed", "redeemed")


def test_a_till_that_asks_again_gets_the_redemption_as_it_is_now(counter: Counter) -> None:
    claim = counter.claim()
    path = "/v1/redemptions/by-request/till-7:42"
    by = (counter.staff, "staff")
    assert counter.loop.get(f"{path}?place_id={counter.place}", by=by).status_code == 404
    first = counter.send(claim.code, mode="hold", request_no="till-7:42", key="k1")
    same_key = counter.send(claim.code, mode="hold", request_no="till-7:42", key="k1")
    new_key = counter.send(claim.code, mode="hold", request_no="till-7:42", key="k2")
    assert first.status_code == same_key.status_code == new_key.status_code == 201
    assert first.data == same_key.data == new_key.data
    assert counter.loop.get(f"{path}?place_id={counter.place}", by=by).data == first.data
    counter.step(first.get_json(), "commit")
    assert counter.send(claim.code, mode="hold", request_no="till-7:42").get_json()["state"] == "committed"
    assert counter.loop.one("SELECT count(*) FROM redemptions") == 1
    for other in ({"mode": "redeem"}, {"mode": "hold", "gross": 4999}):
        assert refused(counter, claim.code, request_no="till-7:42", **other) == (422, "request-number-reused")
    assert refused(counter, counter.claim().code, mode="hold", request_no="till-7:42") == (422, "request-number-reused")
    elsewhere = f"{path}?place_id={counter.loop.places[1]}"
    assert counter.loop.get(elsewhere, by=by).status_code == 404
    assert counter.loop.get(elsewhere, by=(counter.owner, "owner")).status_code == 404
    counter.loop.world.run("DELETE FROM idempotency_keys", {})
    assert counter.send(claim.code, mode="hold", request_no="till-7:42").get_json()["state"] == "committed"


@pytest.mark.parametrize(
    ("given", "sent", "refusal"),
    [
        ({"min_spend_minor": 5001}, {}, (409, "min-spend-not-met")),
        ({}, {"gross": None}, (422, "order-needed")),
        ({}, {"order": {"gross_minor": 5000, "currency": "EUR"}}, (409, "currency-mismatch")),
        ({"use_hours": "off"}, {}, (409, "blackout-time")),
    ],
)
def test_terms_that_are_not_met_leave_nothing(
    counter: Counter, given: dict[str, Any], sent: dict[str, Any], refusal: tuple[int, str]
) -> None:
    assert refused(counter, counter.claim(counter.coupon(**given)).code, **sent) == refusal


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        ("pending_payment", (409, "claim-unpaid")),
        ("cancelled", (410, "code-revoked")),
        ("refunded", (410, "code-revoked")),
        ("expired", (410, "code-expired")),
    ],
)
def test_claims_that_are_not_active_leave_nothing(counter: Counter, state: str, refusal: tuple[int, str]) -> None:
    coupon = counter.coupon(kind="voucher", price_minor=800)
    claim = counter.claim(coupon, state=state)
    assert refused(counter, claim.code) == refusal
    assert counter.look_up(claim.code).get_json()["reason"] == refusal[1]


def test_a_claim_is_used_within_its_time_alone(counter: Counter) -> None:
    now = counter.loop.now
    early = counter.claim(valid_from=now + timedelta(hours=1))
    late = counter.claim(valid_until=now - timedelta(seconds=1))
    assert refused(counter, early.code) == (409, "not-yet-usable")
    assert refused(counter, late.code) == (410, "code-expired")
    assert counter.look_up(late.code).get_json()["state"] == "expired"


def test_a_code_for_other_places_names_them(counter: Counter) -> None:
    claim = counter.claim(counter.coupon(places=counter.loop.places[1:]))
    assert refused(counter, claim.code) == (409, "wrong-store")
    found = counter.look_up(claim.code).get_json()
    assert (found["usable"], found["reason"], found["next_actions"]) == (False, "wrong-store", [])
    named = sorted((str(place), f"店{n}") for n, place in enumerate(counter.loop.places) if n)
    assert [(place["place_id"], place["name"]) for place in found["places"]] == named


def test_a_budget_that_is_used_up_leaves_nothing(counter: Counter) -> None:
    coupon = counter.coupon(platform_share_bp=10000, budget_minor=1500, stock=3)
    counter.redeemed(counter.claim(coupon).code)
    assert refused(counter, counter.claim(coupon).code) == (409, "budget-exhausted")


def test_another_merchants_staff_reach_nothing(counter: Counter) -> None:
    loop = counter.loop
    claim = counter.claim()
    held = counter.redeemed(claim.code, mode="hold")
    colleague = loop.employee("staff", loop.merchant, loop.places[1:2])
    rival = loop.employee("owner", loop.rival)
    before = loop.rows(WRITTEN)
    for by in ((colleague, "staff"), (rival, "owner")):
        assert counter.look_up(claim.code, by=by).get_json()["code"] == "not-found"
        assert counter.send(claim.code, by=by).get_json()["code"] == "not-found"
        for what in ("commit", "void", "reverse"):
            body = {"reason": "no"} if what == "reverse" else {}
            answer = loop.post(f"/v1/redemptions/{held['redemption_id']}/{what}", body, by=by)
            assert (answer.status_code, answer.get_json()["code"]) == (404, "not-found")
        assert loop.get(f"/v1/redemptions/{held['redemption_id']}", by=by).status_code == 404
    assert loop.get(f"/v1/redemptions/{uuid4()}", by=(counter.staff, "staff")).status_code == 404
    assert (
        loop.get(
            "/v1/redemptions/by-request/%00?place_id=" + str(counter.place), by=(counter.staff, "staff")
        ).status_code
        == 404
    )
    assert loop.rows(WRITTEN) == before
    assert loop.get(f"/v1/redemptions/{held['redemption_id']}", by=(counter.owner, "owner")).status_code == 200
