"""Payments of the stand-in: the test wallet pays, waits, loses its answers or declines, as it is told."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from flask import Flask, jsonify, request

from tests.browser.fake_shop import JSON, Answer, Shop, problem

OPEN = ("pending", "unknown")


def add_wallet(app: Flask, shop: Shop, paid: Callable[[JSON], None]) -> None:
    """The routes of payments; ``paid`` hears of each that succeeds."""
    looks: dict[str, int] = {}

    def start() -> Answer:
        body: JSON = request.json or {}
        answer = shop.once(body["purpose_id"], lambda: made(body))
        if isinstance(answer, tuple):
            return answer
        answer.headers["Retry-After"] = "1"
        return answer

    def made(body: JSON) -> tuple[int, JSON]:
        purpose_id = body["purpose_id"]
        due = (
            shop.claims[purpose_id]["price"]
            if body["purpose"] == "claim"
            else shop.redemptions[purpose_id]["split"]["payable"]
        )
        told = body.get("wallet", {"outcome": "pay"})
        state = "failed" if told["outcome"] == "decline" else "succeeded"
        if told.get("delay_s"):
            state = "pending"
        if told.get("lost_answers"):
            state = "unknown"
        payment: JSON = {
            "payment_id": str(uuid.uuid4()),
            "city_id": 2,
            "purpose": body["purpose"],
            "purpose_id": purpose_id,
            "provider": body["provider"],
            "method": body["method"],
            "amount": due,
            "state": state,
            "failure": "declined" if state == "failed" else None,
            "pay_url": None,
            "refunds": [],
            "next_actions": [],
        }
        shop.payments[payment["payment_id"]] = payment
        if state == "succeeded":
            paid(payment)
        return 201, payment

    def look(payment_id: str) -> Answer:
        if shop.who() is None:
            return problem(401, "expired-token")
        with shop.lock:
            payment = shop.payments[payment_id]
            looks[payment_id] = looks.get(payment_id, 0) + 1
            if payment["state"] in OPEN and looks[payment_id] >= 2:
                payment = shop.payments[payment_id] = {**payment, "state": "succeeded"}
                paid(payment)
        answer = jsonify(payment)
        if payment["state"] in OPEN:
            answer.headers["Retry-After"] = "1"
        return answer

    def flow() -> Answer:
        return jsonify(version="1", capabilities={"providers": shop.providers, "hold": True})

    rules: dict[str, tuple[Any, list[str]]] = {
        "/v1/flow": (flow, ["GET"]),
        "/v1/payments": (start, ["POST"]),
        "/v1/payments/<payment_id>": (look, ["GET"]),
    }
    for rule, (view, methods) in rules.items():
        app.add_url_rule(rule, endpoint=f"wallet {rule}", view_func=view, methods=methods)
