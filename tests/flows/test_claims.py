"""Claiming over HTTP: what is granted, what is refused and leaves nothing, what a repeated request gets."""

from __future__ import annotations

import re
import threading
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.claims.codes import damm
from app.core.ids import city_of, new_city_id
from tests.factories.loops import CITY, LAT, LON, Loop

COUNTS = """
    SELECT (SELECT count(*) FROM claims), (SELECT coalesce(sum(taken), 0) FROM coupon_stock),
           (SELECT count(*) FROM outbox_events)
"""


def refused(loop: Loop, body: dict[str, Any], member: UUID) -> tuple[int, str]:
    """Status and code of a refusal that changed nothing."""
    before = loop.rows(COUNTS)
    answer = loop.post("/v1/claims", body, by=(member, "member"))
    assert loop.rows(COUNTS) == before
    assert answer.mimetype == "application/problem+json"
    return answer.status_code, answer.get_json()["code"]


def fix(loop: Loop, **given: Any) -> dict[str, Any]:
    return {"lat": LAT, "lon": LON, "accuracy_m": 20, "at": loop.now.isoformat(), **given}


def test_a_claim_takes_one_unit_and_tells_of_it(loop: Loop) -> None:
    coupon, member = loop.coupon(), loop.member()
    found = loop.claim(coupon, member)
    assert (found["state"], found["units_left"], found["next_actions"]) == ("active", 1, ["show_code", "cancel"])
    assert found["merchant"]["merchant_id"] == str(loop.merchant)
    assert city_of(UUID(found["claim_id"])) == CITY
    assert loop.one("SELECT taken FROM coupon_stock WHERE coupon_id = :c", c=coupon) == 1
    events = loop.rows("SELECT aggregate_id, seq, type, data FROM outbox_events")
    assert [(str(row[0]), row[1], row[2]) for row in events] == [(found["claim_id"], 1, "fujin.claim.granted.v1")]
    assert events[0][3]["code_tail"] == found["code_tail"]


def test_the_same_key_gives_the_same_bytes_and_one_claim(loop: Loop) -> None:
    coupon, member = loop.coupon(per_member=5), loop.member()
    body = {"coupon_id": str(coupon)}
    first = loop.post("/v1/claims", body, by=(member, "member"), key="k1")
    again = loop.post("/v1/claims", body, by=(member, "member"), key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    assert again.headers["Idempotency-Replayed"] == "true"
    assert loop.one("SELECT count(*) FROM claims") == 1
    other = loop.post("/v1/claims", body | {"device_id": "d"}, by=(member, "member"), key="k1")
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency-key-mismatch")
    stranger = loop.post("/v1/claims", body, by=(loop.member(), "member"), key="k1")
    assert stranger.status_code == 201
    assert stranger.get_json()["claim_id"] != first.get_json()["claim_id"]


def test_without_a_key_or_with_a_bad_one_nothing_is_claimed(loop: Loop) -> None:
    coupon, member = loop.coupon(), loop.member()
    token = {"Authorization": f"Bearer {loop.token(member, 'member')}"}
    missing = loop.client.post("/v1/claims", json={"coupon_id": str(coupon)}, headers=token)
    bad = loop.client.post("/v1/claims", json={"coupon_id": str(coupon)}, headers=token | {"Idempotency-Key": "é"})
    assert (missing.status_code, missing.get_json()["code"]) == (400, "idempotency-key-missing")
    assert (bad.status_code, bad.get_json()["code"]) == (400, "idempotency-key-invalid")
    assert loop.one("SELECT count(*) FROM claims") == 0


def test_windows_are_half_open_and_say_which_side(loop: Loop) -> None:
    member = loop.member()
    early = loop.coupon(claim_from=loop.now + timedelta(hours=1))
    late = loop.coupon(claim_from=loop.now - timedelta(days=3), claim_until=loop.now - timedelta(seconds=1))
    paused, ended, draft = (loop.coupon(state=state) for state in ("paused", "ended", "draft"))
    assert refused(loop, {"coupon_id": str(early)}, member) == (409, "claim-not-started")
    assert refused(loop, {"coupon_id": str(late)}, member) == (409, "claim-window-closed")
    assert refused(loop, {"coupon_id": str(paused)}, member) == (409, "claim-window-closed")
    assert refused(loop, {"coupon_id": str(ended)}, member) == (409, "claim-window-closed")
    assert refused(loop, {"coupon_id": str(draft)}, member) == (404, "not-found")
    assert refused(loop, {"coupon_id": str(new_city_id(CITY))}, member) == (404, "not-found")


def test_a_sold_out_coupon_stays_sold_out_under_its_key_and_a_new_key_tries_again(loop: Loop) -> None:
    coupon, first, second = loop.coupon(stock=1), loop.member(), loop.member()
    held = loop.claim(coupon, first)
    body = {"coupon_id": str(coupon)}
    gone = loop.post("/v1/claims", body, by=(second, "member"), key="k")
    assert (gone.status_code, gone.get_json()["code"]) == (409, "sold-out")
    back = loop.post(f"/v1/claims/{held['claim_id']}/cancel", {}, by=(first, "member"))
    assert (back.status_code, back.get_json()["state"]) == (200, "cancelled")
    assert loop.one("SELECT taken FROM coupon_stock WHERE coupon_id = :c", c=coupon) == 0
    again = loop.post("/v1/claims", body, by=(second, "member"), key="k")
    assert again.data == gone.data
    assert again.headers["Idempotency-Replayed"] == "true"
    assert loop.post("/v1/claims", body, by=(second, "member"), key="k2").status_code == 201


def test_limits_of_member_day_device_and_coupon_day_hold(loop: Loop) -> None:
    one, two = loop.member(), loop.member()
    twice = loop.coupon(per_member=2)
    daily = loop.coupon(per_member=5, per_member_day=1)
    device = loop.coupon(per_member=5, per_device=1)
    scarce = loop.coupon(per_member=5, per_day=2)
    for _ in range(2):
        loop.claim(twice, one)
        loop.claim(scarce, one)
    loop.claim(daily, one)
    loop.claim(device, one, device_id="phone-1")
    assert refused(loop, {"coupon_id": str(twice)}, one) == (409, "user-limit")
    assert refused(loop, {"coupon_id": str(daily)}, one) == (409, "day-limit")
    assert refused(loop, {"coupon_id": str(device), "device_id": "phone-1"}, two) == (409, "device-limit")
    assert refused(loop, {"coupon_id": str(device)}, two) == (422, "invalid-body")
    assert refused(loop, {"coupon_id": str(scarce)}, two) == (409, "day-limit")
    loop.claim(device, two, device_id="phone-2")
    loop.claim(twice, two)


def test_cancelling_frees_the_slot_and_the_day(loop: Loop) -> None:
    member = loop.member()
    coupon = loop.coupon(per_member=1, per_member_day=1, per_day=1)
    first = loop.claim(coupon, member)
    loop.post(f"/v1/claims/{first['claim_id']}/cancel", {"reason": "mistake"}, by=(member, "member"))
    loop.claim(coupon, member)
    assert loop.one("SELECT taken FROM coupon_day_stock WHERE coupon_id = :c", c=coupon) == 1
    events = loop.rows("SELECT seq, type FROM outbox_events WHERE aggregate_id = :a ORDER BY seq", a=first["claim_id"])
    assert [tuple(row) for row in events] == [(1, "fujin.claim.granted.v1"), (2, "fujin.claim.cancelled.v1")]
    again = loop.post(f"/v1/claims/{first['claim_id']}/cancel", {}, by=(member, "member"))
    assert again.get_json()["state"] == "cancelled"


def test_the_place_condition_wants_a_fresh_accurate_near_and_real_fix(loop: Loop) -> None:
    coupon, member = loop.coupon(claim_within_m=300), loop.member()
    body = {"coupon_id": str(coupon)}
    north = LAT + 0.0036  # about 400 m

    def tried(**given: Any) -> tuple[int, str]:
        return refused(loop, body | {"location": fix(loop, **given)}, member)

    assert refused(loop, body, member) == (403, "location-needed")
    assert tried(mock=True) == (403, "location-suspect")
    assert tried(at=(loop.now - timedelta(seconds=75)).isoformat()) == (403, "location-stale")
    assert tried(at=(loop.now + timedelta(seconds=90)).isoformat()) == (403, "location-stale")
    assert tried(accuracy_m=201) == (403, "location-inaccurate")
    assert tried(lat=north, accuracy_m=20) == (403, "outside-geofence")
    found = loop.claim(coupon, member, location=fix(loop, lat=LAT + 0.0031, accuracy_m=60))
    assert 330 <= found["distance_m"] <= 350
    columns = loop.rows("SELECT distance_m, accuracy_m, fix_age_s FROM claims")
    assert columns[0][:2] == (found["distance_m"], 60)


def test_the_code_is_shown_to_its_owner_alone_and_stands_in_no_other_answer(loop: Loop) -> None:
    coupon, member = loop.coupon(), loop.member()
    found = loop.claim(coupon, member)
    path = f"/v1/claims/{found['claim_id']}"
    shown = loop.get(f"{path}/code", by=(member, "member"))
    digits = shown.get_json()["human_code"].replace(" ", "")
    assert shown.headers["Cache-Control"] == "no-store"
    assert re.fullmatch(r"[0-9]{4} [0-9]{4} [0-9]{4}", shown.get_json()["human_code"])
    assert damm(digits) == 0
    assert digits.endswith(found["code_tail"])
    assert re.fullmatch(rf"LS0:{found['claim_id'].upper()}:[0-9A-F]{{16}}", shown.get_json()["qr_payload"])
    assert loop.get(f"{path}/code", by=(loop.member(), "member")).status_code == 404
    assert loop.get(f"{path}/qr.svg", by=(loop.member(), "member")).status_code == 404
    picture = loop.get(f"{path}/qr.svg", by=(member, "member"))
    assert (picture.mimetype, picture.headers["Cache-Control"]) == ("image/svg+xml", "no-store")
    assert b"<svg" in picture.data
    for other in (path, "/v1/claims"):
        assert digits.encode() not in loop.get(other, by=(member, "member")).data
    stored = loop.rows("SELECT c::text FROM claims c UNION ALL SELECT o::text FROM outbox_events o")
    keys = loop.rows("SELECT convert_from(body, 'UTF8') FROM idempotency_keys")
    assert all(digits not in row[0] for row in (*stored, *keys))


def test_a_wallet_lists_ones_own_claims_newest_first_by_pages_and_groups(loop: Loop) -> None:
    member = loop.member()
    coupon = loop.coupon(per_member=5)
    made = [loop.claim(coupon, member)["claim_id"] for _ in range(5)]
    loop.claim(coupon, loop.member())
    loop.post(f"/v1/claims/{made[1]}/cancel", {}, by=(member, "member"))
    seen: list[str] = []
    path = "/v1/claims?limit=2"
    while path:
        page = loop.get(path, by=(member, "member")).get_json()
        assert page["total"] == {"value": 5, "relation": "eq"}
        seen += [item["claim_id"] for item in page["items"]]
        path = f"/v1/claims?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert seen == sorted(made, reverse=True)
    ended = loop.get("/v1/claims?state=ended", by=(member, "member")).get_json()
    assert [item["claim_id"] for item in ended["items"]] == [made[1]]
    refused_page = loop.get(f"/v1/claims?cursor={'x' * 40}", by=(member, "member"))
    assert refused_page.get_json()["code"] == "invalid-cursor"


def test_a_prepaid_claim_waits_for_its_payment_and_shows_no_code(loop: Loop) -> None:
    coupon, member = (
        loop.coupon(kind="voucher", price_minor=800, face_value_minor=1000, min_spend_minor=0),
        loop.member(),
    )
    found = loop.claim(coupon, member)
    assert (found["state"], found["next_actions"]) == ("pending_payment", ["pay", "cancel"])
    assert found["pay_until"] is not None
    hidden = loop.get(f"/v1/claims/{found['claim_id']}/code", by=(member, "member"))
    assert (hidden.status_code, hidden.get_json()["code"]) == (409, "claim-unpaid")


def test_terms_changed_meanwhile_are_those_that_count(loop: Loop) -> None:
    coupon, member = loop.coupon(per_member=5), loop.member()
    loop.claim(coupon, member)
    loop.world.run("UPDATE coupons SET state = 'paused' WHERE coupon_id = :c", {"c": coupon})
    assert refused(loop, {"coupon_id": str(coupon)}, member) == (409, "claim-window-closed")
    loop.world.run("UPDATE coupons SET state = 'published' WHERE coupon_id = :c", {"c": coupon})
    loop.claim(coupon, member)


@pytest.mark.parametrize("buckets", [1, 4])
def test_parallel_claims_sell_exactly_the_stock(loop: Loop, buckets: int) -> None:
    """Thirty members at once on a stock of ten, spread over buckets: ten claims, and nobody is told sold-out early."""
    coupon = loop.coupon(stock=10)
    for bucket in range(1, buckets):
        loop.world.run(
            "INSERT INTO coupon_stock VALUES (:city, :coupon, :bucket, :quota, 0)",
            {"city": CITY, "coupon": coupon, "bucket": bucket, "quota": 10 // buckets},
        )
    loop.world.run(
        "UPDATE coupon_stock SET quota = :quota WHERE coupon_id = :coupon AND bucket = 0",
        {"coupon": coupon, "quota": 10 - (buckets - 1) * (10 // buckets)},
    )
    outcomes: list[tuple[int, str | None]] = []

    def send(member: UUID) -> None:
        answer = loop.post("/v1/claims", {"coupon_id": str(coupon)}, by=(member, "member"))
        outcomes.append((answer.status_code, answer.get_json().get("code")))

    threads = [threading.Thread(target=send, args=(member,)) for member in loop.members(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = Counter(outcomes)
    waited = sum(count for (status, _), count in counted.items() if status == 503)
    assert counted[201, None] == 10
    assert counted[409, "sold-out"] == 20 - waited
    assert loop.one("SELECT sum(taken) FROM coupon_stock WHERE coupon_id = :c", c=coupon) == 10
    assert loop.one("SELECT count(*) FROM claims WHERE coupon_id = :c", c=coupon) == 10
