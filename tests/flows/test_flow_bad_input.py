"""What the loop refuses: each kind with a code of its own, in a problem document, and with nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from app.claims.codes import code_keys, new_code
from app.core.ids import new_city_id
from app.core.settings import Settings
from tests.factories.digests import loop_contents
from tests.factories.loops import CITY, LAT, LON, Loop
from tests.factories.shops import ORDER, Shop, Who, refused


def mended(code: str) -> str:
    """A code with one digit mistyped, which its check digit finds."""
    return f"{(int(code[0]) + 1) % 10}{code[1:]}"


@pytest.fixture
def shop(loop: Loop) -> Shop:
    """A shop over an empty world."""
    return Shop(loop)


def test_claims_outside_window_place_stock_or_limits(shop: Shop) -> None:
    loop, now, day = shop.loop, shop.loop.now, timedelta(days=1)
    near = shop.coupon(claim_within_m=300)
    twice, daily = shop.coupon(per_member=2), shop.coupon(per_member_day=1)
    device, scarce, gone = shop.coupon(per_device=1), shop.coupon(per_day=1), shop.coupon(stock=1)
    for held in (twice, twice, daily, scarce, gone):
        loop.claim(held, shop.member[0])
    loop.claim(device, shop.member[0], device_id="phone-1")

    def at(**given: Any) -> Callable[[], TestResponse]:
        fix = {"lat": LAT, "lon": LON, "accuracy_m": 20, "at": now.isoformat()} | given
        return shop.asks(coupon_id=str(near), location=fix)

    def of(coupon: UUID, **more: Any) -> Callable[[], TestResponse]:
        return shop.asks(coupon_id=str(coupon), **more)

    refused(
        loop,
        ("before its window", of(shop.coupon(claim_from=now + day / 24)), 409, "claim-not-started"),
        ("after its window", of(shop.coupon(claim_from=now - 3 * day, claim_until=now)), 409, "claim-window-closed"),
        ("usable no more", of(shop.coupon(use_until=now)), 409, "claim-window-closed"),
        ("paused", of(shop.coupon(state="paused")), 409, "claim-window-closed"),
        ("ended", of(shop.coupon(state="ended")), 409, "claim-window-closed"),
        ("a draft", of(shop.coupon(state="draft")), 404, "not-found"),
        ("unknown", of(new_city_id(CITY)), 404, "not-found"),
        ("of a city that is none", of(new_city_id(999_999)), 404, "not-found"),
        ("no position", of(near), 403, "location-needed"),
        ("a mocked position", at(mock=True), 403, "location-suspect"),
        ("an old position", at(at=(now - timedelta(seconds=75)).isoformat()), 403, "location-stale"),
        ("a position of the future", at(at=(now + timedelta(seconds=90)).isoformat()), 403, "location-stale"),
        ("a vague position", at(accuracy_m=201), 403, "location-inaccurate"),
        ("450 m north of a 300 m circle", at(lat=LAT + 0.00404, accuracy_m=99), 403, "outside-geofence"),
        ("the antipode", at(lat=-LAT, lon=LON - 180), 403, "outside-geofence"),
        ("nothing left", of(gone), 409, "sold-out"),
        ("as many as a member may", of(twice), 409, "user-limit"),
        ("as many as a day allows a member", of(daily), 409, "day-limit"),
        ("as many as a day has", of(scarce), 409, "day-limit"),
        ("as many as a device may", of(device, device_id="phone-1"), 409, "device-limit"),
        ("no device where it counts", of(device), 422, "invalid-body"),
        ("a latitude that is none", at(lat=90.5), 400, "invalid-coordinate"),
        ("a time without an offset", at(at="2026-11-22T09:30:00"), 422, "invalid-body"),
        ("an accuracy below nought", at(accuracy_m=-1), 422, "invalid-body"),
        ("half a position", shop.asks(coupon_id=str(near), location={"lat": LAT}), 422, "invalid-body"),
        ("no coupon", shop.asks(), 422, "invalid-body"),
        ("a member nobody knows", of(twice, colour="red"), 422, "invalid-body"),
    )


def test_codes_that_are_not_good_here_and_now(shop: Shop, app_settings: Settings) -> None:
    loop, day = shop.loop, timedelta(days=1)
    today = datetime.now(UTC).date()
    _, used = shop.claim()
    shop.used(used)
    _, held = shop.claim()
    shop.used(held, mode="hold")
    expired_id, expired = shop.claim()
    shop.expire(expired_id)
    cancelled_id, cancelled = shop.claim()
    assert loop.post(f"/v1/claims/{cancelled_id}/cancel", {}, by=shop.member).status_code == 200
    unpaid = loop.claim(shop.coupon(kind="voucher", price_minor=800), shop.member[0])["claim_id"]
    _, early = shop.claim(use_from=loop.now + day)
    _, left_out = shop.claim(blackout_dates=[today + n * day for n in (-1, 0, 1)])
    _, elsewhere = shop.claim(places=[loop.places[2]])
    _, dear = shop.claim(min_spend_minor=5001)
    _, good = shop.claim()
    _, also_good = shop.claim()
    foreign_coupon = shop.coupon(merchant_id=loop.rival, places=[loop.rival_place])
    foreign = loop.code(loop.claim(foreign_coupon, shop.member[0])["claim_id"], shop.member[0])
    told = [
        ("used", used, 409, "already-redeemed"),
        ("held by another till", held, 409, "hold-by-other"),
        ("expired", expired, 410, "code-expired"),
        ("cancelled", cancelled, 410, "code-revoked"),
        ("not yet usable", early, 409, "not-yet-usable"),
        ("a day that is left out", left_out, 409, "blackout-time"),
        ("another store's", elsewhere, 409, "wrong-store"),
        ("an order too small", dear, 409, "min-spend-not-met"),
    ]
    wrong = [
        ("another merchant's", foreign, 404, "code-unknown"),
        ("nobody's", new_code(), 404, "code-unknown"),
        ("mistyped", mended(good), 422, "code-mistyped"),
        ("too short", good[:11], 422, "code-mistyped"),
        ("no digits", "abcdefghijkl", 422, "code-mistyped"),
        ("digits of another script", "".join(chr(0x660 + int(digit)) for digit in good), 422, "code-mistyped"),
    ]

    def look(code: str, **more: Any) -> TestResponse:
        body = {"code": code, "place_id": shop.place, "order": ORDER} | more
        return loop.post("/v1/codes/lookup", body, by=shop.staff)

    refused(loop, *((name, lambda code=code: look(code), status, problem) for name, code, status, problem in wrong))
    refused(
        loop,
        *((name, lambda code=code: shop.use(code), status, problem) for name, code, status, problem in told + wrong),
    )
    before = loop_contents(loop.engine)
    for name, code, _, problem in told:
        answer = look(code)
        assert (answer.status_code, answer.get_json()["usable"], answer.get_json()["reason"]) == (
            200,
            False,
            problem,
        ), name
    keys = code_keys(app_settings.code_pepper, app_settings.secret_key)  # its owner is shown no code before it is paid
    seen = loop.post("/v1/codes/lookup", {"qr": keys.qr_payload(UUID(unpaid)), "place_id": shop.place}, by=shop.staff)
    assert (seen.status_code, seen.get_json()["usable"], seen.get_json()["reason"]) == (200, False, "claim-unpaid")
    assert loop_contents(loop.engine) == before
    euros = {"gross_minor": 5000, "currency": "EUR"}
    refused(
        loop,
        ("another currency", lambda: shop.use(good, order=euros), 409, "currency-mismatch"),
        ("no order where it counts", lambda: shop.use(good, order=None), 422, "order-needed"),
        ("two that stand alone", lambda: shop.use(good, also_good), 409, "not-stackable"),
        ("the same twice", lambda: shop.use(good, good), 422, "invalid-body"),
        ("two units of one", lambda: shop.use(codes=[{"code": good, "units": 2}]), 409, "unit-exhausted"),
        ("no codes", shop.use, 422, "invalid-body"),
        ("code and QR at once", lambda: shop.use(codes=[{"code": good, "qr": "LS0:x"}]), 422, "invalid-body"),
        ("a QR of something else", lambda: shop.use(codes=[{"qr": "LS0:x"}]), 422, "code-mistyped"),
        ("a forged QR", lambda: shop.use(codes=[{"qr": f"LS0:{cancelled_id}:{'0' * 16}"}]), 404, "code-unknown"),
        ("not paid yet", lambda: shop.use(codes=[{"qr": keys.qr_payload(UUID(unpaid))}]), 409, "claim-unpaid"),
        ("a place of nobody", lambda: shop.use(good, place_id=str(new_city_id(CITY))), 404, "not-found"),
        ("a place of another", lambda: shop.use(good, place_id=str(loop.rival_place)), 404, "not-found"),
        ("a place of no terminal", lambda: shop.use(good, place_id=str(loop.places[2])), 404, "not-found"),
        ("less than nothing", lambda: shop.use(good, order=ORDER | {"gross_minor": -1}), 422, "invalid-body"),
        ("a fraction of a fen", lambda: shop.use(good, order=ORDER | {"gross_minor": 5.5}), 422, "invalid-body"),
        ("a number with a space", lambda: shop.use(good, request_no="a b"), 422, "invalid-body"),
        ("a mode nobody knows", lambda: shop.use(good, mode="steal"), 422, "invalid-body"),
        ("a rival", lambda: shop.use(good, by=shop.rival), 404, "not-found"),
        ("a member", lambda: shop.use(good, by=shop.member), 403, "forbidden"),
    )
    assert shop.use(good, order=ORDER | {"gross_minor": 5000.0}).status_code == 201


def test_codes_that_their_owner_is_not_shown(shop: Shop) -> None:
    loop = shop.loop
    used_id, used = shop.claim()
    shop.used(used)
    cancelled_id, _ = shop.claim()
    assert loop.post(f"/v1/claims/{cancelled_id}/cancel", {}, by=shop.member).status_code == 200
    expired_id, _ = shop.claim()
    shop.expire(expired_id)
    unpaid = loop.claim(shop.coupon(kind="voucher", price_minor=800), shop.member[0])["claim_id"]
    told = [
        ("not paid", unpaid, 409, "claim-unpaid"),
        ("used", used_id, 409, "already-redeemed"),
        ("cancelled", cancelled_id, 410, "code-revoked"),
        ("expired", expired_id, 410, "code-expired"),
        ("nobody's", str(new_city_id(CITY)), 404, "not-found"),
    ]
    refused(
        loop,
        *(
            (name, lambda path=f"/v1/claims/{claim}/{ending}": loop.get(path, by=shop.member), status, code)
            for name, claim, status, code in told
            for ending in ("code", "qr.svg")
        ),
        ("used claims stay", lambda: loop.post(f"/v1/claims/{used_id}/cancel", {}, by=shop.member), 409,
         "claim-not-cancellable"),
        ("so do expired ones", lambda: loop.post(f"/v1/claims/{expired_id}/cancel", {}, by=shop.member), 409,
         "claim-not-cancellable"),
    )  # fmt: skip


def test_second_tills_late_commits_and_late_reversals(shop: Shop) -> None:
    loop, past = shop.loop, shop.loop.now - timedelta(seconds=1)
    there = str(loop.places[1])
    held_code, used_code = shop.claim()[1], shop.claim()[1]
    held, used = shop.used(held_code, mode="hold"), shop.used(used_code)
    late = shop.used(shop.claim()[1], mode="hold")
    shop.write("UPDATE redemptions SET lease_until = :past WHERE redemption_id = :r", past=past, r=late)
    voided = shop.used(shop.claim()[1], mode="hold")
    assert shop.step(voided, "void")().status_code == 200
    old = shop.used(shop.claim()[1])
    shop.write("UPDATE redemptions SET reverse_before = :past WHERE redemption_id = :r", past=past, r=old)
    _, back = shop.claim()
    _, fresh = shop.claim()
    reversed_ = shop.used(back)
    assert shop.step(reversed_, "reverse", reason="wrong table")().status_code == 200
    number = {"request_no": "till-7:1"}
    shop.used(back, **number)
    nothing = str(new_city_id(CITY))
    refused(
        loop,
        ("held at another till", lambda: shop.use(held_code, by=shop.owner, place_id=there), 409, "hold-by-other"),
        ("used at another till", lambda: shop.use(used_code, by=shop.owner, place_id=there), 409, "already-redeemed"),
        ("commit after the lease", shop.step(late, "commit"), 409, "hold-expired"),
        ("commit after the void", shop.step(voided, "commit"), 409, "redemption-over"),
        ("commit after the reversal", shop.step(reversed_, "commit"), 409, "redemption-over"),
        ("void after the commit", shop.step(used, "void"), 409, "redemption-over"),
        ("reverse a hold", shop.step(held, "reverse", reason="x"), 409, "redemption-held"),
        ("reverse a void", shop.step(voided, "reverse", reason="x"), 409, "redemption-over"),
        ("reverse too late", shop.step(old, "reverse", reason="x"), 409, "reverse-window-closed"),
        ("reverse twice", shop.step(reversed_, "reverse", reason="x"), 409, "already-reversed"),
        ("reverse without a reason", shop.step(used, "reverse"), 422, "invalid-body"),
        ("a step of nothing", shop.step(nothing, "commit"), 404, "not-found"),
        ("a number for another request", lambda: shop.use(back, mode="hold", **number), 422, "request-number-reused"),
        ("a number for another code", lambda: shop.use(fresh, **number), 422, "request-number-reused"),
    )
    for code, at_till in ((held_code, held), (used_code, used)):
        conflict = shop.use(code, by=shop.owner, place_id=there).get_json()["conflict"]
        first = loop.get(f"/v1/redemptions/{at_till}", by=shop.staff).get_json()
        assert conflict == {"at": first["committed_at"] or first["created_at"], "place_id": shop.place}


def test_money_that_is_too_much_too_late_or_of_another_kind(shop: Shop) -> None:
    loop = shop.loop
    voucher = {"kind": "voucher", "price_minor": 800}
    unpaid = loop.claim(shop.coupon(**voucher), shop.member[0])["claim_id"]
    held = shop.used(shop.claim()[1], mode="hold")
    done = shop.used(shop.claim()[1], mode="hold")
    payment = shop.paid("redemption", done, shop.staff)
    assert shop.refund(payment, 100, "n-1")().status_code == 201
    waiting_for = shop.used(shop.claim()[1], mode="hold")
    waiting = shop.paid("redemption", waiting_for, shop.staff, wallet={"outcome": "wait"})
    void = shop.used(shop.claim()[1], mode="hold")
    assert shop.step(void, "void")().status_code == 200
    free = shop.used(shop.claim(face_value_minor=9000)[1], mode="hold")
    late = loop.claim(shop.coupon(**voucher), shop.member[0])["claim_id"]
    shop.write("UPDATE claims SET pay_until = :past WHERE claim_id = :c", past=loop.now, c=late)
    nothing = str(new_city_id(CITY))

    def pay(purpose: str, thing: str, by: Who, **more: Any) -> Callable[[], TestResponse]:
        return lambda: shop.pay(purpose, thing, by, **more)

    cash = {"provider": "cash", "method": "cash"}
    refused(
        loop,
        ("one fen more than is left", shop.refund(payment, 3901), 409, "refund-exceeds-captured"),
        ("far more", shop.refund(payment, 10**15), 409, "refund-exceeds-captured"),
        ("more than can be", shop.refund(payment, 10**15 + 1), 422, "invalid-body"),
        ("nothing", shop.refund(payment, 0), 422, "invalid-body"),
        ("less than nothing", shop.refund(payment, -1), 422, "invalid-body"),
        ("a fraction of a fen", shop.refund(payment, 1.5), 422, "invalid-body"),
        ("another currency", shop.refund(payment, 1, currency="EUR"), 409, "payment-amount-mismatch"),
        ("no currency", shop.refund(payment, 1, currency="yuan"), 422, "invalid-body"),
        ("a number for another refund", shop.refund(payment, 101, "n-1"), 422, "refund-number-reused"),
        ("a refund of money on its way", shop.refund(waiting, 1), 409, "payment-pending"),
        ("a refund of nothing", shop.refund(nothing, 1), 404, "not-found"),
        ("a refund by a member", shop.refund(payment, 1, by=shop.member), 403, "forbidden"),
        ("paid twice", pay("redemption", done, shop.staff), 409, "payment-exists"),
        ("paid while waiting", pay("redemption", waiting_for, shop.staff), 409, "payment-exists"),
        ("a void", pay("redemption", void, shop.staff), 409, "payment-purpose-over"),
        ("past the time to pay", pay("claim", late, shop.member), 409, "payment-purpose-over"),
        ("nothing to pay", pay("redemption", free, shop.staff), 409, "payment-not-needed"),
        ("nothing", pay("claim", nothing, shop.member), 404, "not-found"),
        ("a provider nobody knows", pay("claim", unpaid, shop.member, provider="x"), 422, "provider-unknown"),
        ("a method it does not have", pay("claim", unpaid, shop.member, method="cash"), 422, "provider-unknown"),
        ("cash by a member", pay("claim", unpaid, shop.member, **cash), 403, "forbidden"),
        ("cash with orders to the wallet", pay("redemption", held, shop.staff, **cash, wallet={}), 422, "invalid-body"),
        ("cancelled when paid", shop.of_payment(payment, "cancel"), 409, "payment-not-cancellable"),
        ("committed before the money", shop.step(waiting_for, "commit"), 409, "payment-pending"),
        ("void before the money", shop.step(waiting_for, "void"), 409, "payment-pending"),
        ("a notice that nobody signed", lambda: shop.notice(b"{}"), 401, "invalid-signature"),
        ("a notice without end", lambda: shop.notice(b" " * 64_001), 413, "body-too-large"),
        ("a notice of nobody", lambda: shop.notice(b"{}", "alipay"), 404, "not-found"),
    )
    exists = shop.pay("redemption", done, shop.staff).get_json()
    assert exists["payment_id"] == payment
    assert shop.refund(payment, 100, "n-1")().status_code == 201  # the same refund again, not another one
    assert shop.refund(payment, 3900.0)().status_code == 201
