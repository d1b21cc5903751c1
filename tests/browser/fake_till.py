"""The till's side of the stand-in: codes whose digits decide what happens, redemptions with their states."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, jsonify, request

from app.claims.codes import damm
from tests.browser.fake_shop import FUTURE, JSON, Answer, Shop, money, problem
from tests.browser.fake_wallet import add_wallet


def code(begin: str) -> str:
    """A whole code from its first digits."""
    body = begin.ljust(11, "0")
    return f"{body}{damm(body)}"


GIFT, OFF, VOUCHER, FIVE = code("11"), code("12"), code("13"), code("14")
USED, ELSEWHERE, UNKNOWN, LOCKED = code("21"), code("22"), code("23"), code("24")
TITLES = {GIFT: "到店小礼", OFF: "满100减20", VOUCHER: "40元代50元券", FIVE: "五次卡", USED: "满100减20"}
PLACES = ["place-0", "place-3"]


def split(gross: int, discount: int, prepaid: int = 0) -> JSON:
    """A bill; the merchant bears the discount."""
    return {
        "gross": money(gross),
        "discount": money(discount),
        "platform_share": money(0),
        "merchant_share": money(discount),
        "prepaid": money(prepaid),
        "commission": money(0),
        "payable": money(gross - discount),
    }


def price_of(digits: str, order: JSON | None) -> JSON | None:
    """What a coupon makes of an order; None while its amount is needed and not given."""
    if digits == OFF:
        return None if order is None else split(order["gross_minor"], 2000)
    return split(5000, 5000, 4000) if digits == VOUCHER else split(0, 0)


def later(seconds: int) -> str:
    """That many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def look_up(digits: str, order: JSON | None) -> JSON:
    """The answer for a code that the merchant knows."""
    found: JSON = {
        "claim_id": str(uuid.uuid5(uuid.NAMESPACE_URL, digits)),
        "coupon_id": "coupon-0",
        "title": TITLES.get(digits, "满100减20"),
        "lang": "zh-Hans",
        "kind": {GIFT: "gift", VOUCHER: "voucher", FIVE: "package"}.get(digits, "amount_off"),
        "state": "active",
        "units": 5 if digits == FIVE else 1,
        "units_left": 4 if digits == FIVE else 1,
        "usable": True,
        "reason": None,
        "detail": None,
        "conflict": None,
        "valid_from": "2026-11-01T00:00:00+08:00",
        "valid_until": FUTURE,
        "needs_order": digits == OFF,
        "price": price_of(digits, order),
        "places": [],
        "customer_hint": "林*",
        "code_tail": digits[-4:],
        "terms": {"min_spend": money(10000) if digits == OFF else None, "use_hours": None, "blackout_dates": []},
        "next_actions": ["redeem", "hold"],
    }
    no: JSON = {"usable": False, "next_actions": [], "price": None}
    if digits == USED:
        conflict = {"at": "2026-11-22T12:01:00+08:00", "place_id": "place-3"}
        return found | no | {"reason": "already-redeemed", "detail": "used before", "conflict": conflict}
    if digits == ELSEWHERE:
        places = [{"place_id": "place-9", "name": "西湖店"}, {"place_id": "place-12", "name": "滨江店"}]
        return found | no | {"reason": "wrong-store", "detail": "the code is good, but not here", "places": places}
    if digits == OFF and order is not None and order["gross_minor"] < 10000:
        return found | no | {"reason": "min-spend-not-met", "detail": "the least spend is ¥100"}
    return found


def add_till(app: Flask, shop: Shop) -> None:
    """The routes of tills; payments that succeed commit what they pay for."""

    def paid(payment: JSON) -> None:
        if payment["purpose"] == "claim":
            shop.move(payment["purpose_id"], "active")
            shop.claims[payment["purpose_id"]]["next_actions"] = ["show_code", "cancel"]
            return
        redemption = shop.redemptions[payment["purpose_id"]]
        brief = {name: payment[name] for name in ("payment_id", "state", "amount", "provider")}
        shop.redemptions[payment["purpose_id"]] = committed(redemption) | {"payment": brief}

    add_wallet(app, shop, paid)

    def me() -> Answer:
        who = shop.who()
        if who is None:
            return problem(401, "expired-token")
        subject, role = who
        places = {"staff": PLACES[: 1 if subject.endswith("1") else 2]}.get(role, [])
        return jsonify(
            subject=subject,
            role=role,
            member_id=None,
            display_name="周敏",
            language=None,
            marketing_consent=False,
            cities=[],
            merchants=["merchant-1"],
            places=places,
            scopes=[],
        )

    def lookup() -> Answer:
        body: JSON = request.json or {}
        if shop.who() is None:
            return problem(401, "expired-token")
        digits = body.get("code", GIFT)
        if digits == UNKNOWN:
            return problem(404, "code-unknown")
        if digits == LOCKED:
            return problem(429, "staff-locked", retry_after=3600)
        return jsonify(look_up(digits, body.get("order")))

    def redeem() -> Answer:
        body: JSON = request.json or {}
        return shop.once(body["codes"][0].get("code", GIFT), lambda: made(body))

    def made(body: JSON) -> tuple[int, JSON]:
        known = [each for each in shop.redemptions.values() if each["request_no"] == body["request_no"]]
        if known:
            return 201, known[0]
        digits = body["codes"][0].get("code", GIFT)
        found = look_up(digits, body.get("order"))
        unit = {"claim_id": found["claim_id"], "unit_no": 1, "coupon_id": "coupon-0", "title": found["title"]}
        redemption: JSON = {
            "redemption_id": str(uuid.uuid4()),
            "request_no": body["request_no"],
            "city_id": 2,
            "merchant_id": "merchant-1",
            "place_id": body["place_id"],
            "state": "held",
            "units": [{**unit, "code_tail": digits[-4:], "split": found["price"]}] * body["codes"][0].get("units", 1),
            "split": found["price"],
            "lease_until": later(180),
            "committed_at": None,
            "reverse_before": None,
            "ended_at": None,
            "reason": None,
            "reversal_pending": False,
            "payment": None,
            "next_actions": ["pay", "commit", "void"],
            "created_at": later(0),
        }
        if body["mode"] == "redeem":
            redemption = committed(redemption)
        shop.redemptions[redemption["redemption_id"]] = redemption
        return 201, redemption

    def by_request(request_no: str) -> Answer:
        found = [each for each in shop.redemptions.values() if each["request_no"] == request_no]
        if shop.who() is None:
            return problem(401, "expired-token")
        return jsonify(found[0]) if found else problem(404, "not-found")

    def one(redemption_id: str) -> Answer:
        return jsonify(shop.redemptions[redemption_id])

    def change(redemption_id: str, how: str) -> Answer:
        def run() -> tuple[int, JSON]:
            shop.redemptions[redemption_id] = changes[how](shop.redemptions[redemption_id])
            return 200, shop.redemptions[redemption_id]

        return shop.once(redemption_id, run)

    changes: dict[str, Callable[[JSON], JSON]] = {
        "commit": committed,
        "void": lambda each: each | {"state": "voided", "ended_at": later(0), "next_actions": []},
        "reverse": lambda each: each | {"state": "reversed", "ended_at": later(0), "next_actions": []},
    }

    def presence(place_id: str) -> Answer:
        if shop.who() is None:
            return problem(401, "expired-token")
        return jsonify(place_id=place_id, code="042137", valid_until=later(120), rotates_every_s=300)

    routes: dict[str, tuple[Any, list[str]]] = {
        "/v1/places/<place_id>/presence-code": (presence, ["GET"]),
        "/v1/me": (me, ["GET"]),
        "/v1/merchants/<merchant_id>/places": (merchant_places, ["GET"]),
        "/v1/codes/lookup": (lookup, ["POST"]),
        "/v1/redemptions": (redeem, ["POST"]),
        "/v1/redemptions/by-request/<request_no>": (by_request, ["GET"]),
        "/v1/redemptions/<redemption_id>": (one, ["GET"]),
        "/v1/redemptions/<redemption_id>/<how>": (change, ["POST"]),
    }
    for rule, (view, methods) in routes.items():
        app.add_url_rule(rule, endpoint=f"till {rule}", view_func=view, methods=methods)


def merchant_places(merchant_id: str) -> Answer:
    """Where an owner's merchant runs a place."""
    items = [{"place_id": place_id, "city_id": 2, "merchant_id": merchant_id} for place_id in PLACES]
    return jsonify(items=items, next_cursor=None, total={"value": 2, "relation": "eq"}, applied={})


def committed(redemption: JSON) -> JSON:
    """The redemption after its commit, with an hour to undo it."""
    return redemption | {
        "state": "committed",
        "committed_at": later(0),
        "reverse_before": later(3600),
        "lease_until": None,
        "next_actions": ["reverse"],
    }
