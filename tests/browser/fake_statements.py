"""Statements on the stand-in: one that was paid, one that is carried on, and what their lines say."""

from __future__ import annotations

import csv
import io
from typing import Any

from flask import Flask, Response, jsonify

JSON = dict[str, Any]
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
NAMES = ("gross", "unused", "merchant_discount", "platform_discount", "paid", "paid_to_merchant", "provider_fee")
NAMES += ("platform_fee", "tax_base", "net")
# The worked example of docs/ledger.md, a sale in cash, and a refund, as docs/settlements.md says them.
SALE = (5000, 0, 500, 500, 4000, 0, 20, 100, 4500, 4400)
CASH = (5000, 0, 500, 500, 4000, 4000, 0, 100, 4500, 400)
REFUND = (-1500, 0, 0, 0, -1500, 0, -8, 0, -1500, -1500)


def money(amount_minor: int) -> JSON:
    return {"amount_minor": amount_minor, "currency": "CNY"}


def amounts(values: tuple[int, ...]) -> JSON:
    return {name: money(value) for name, value in zip(NAMES, values, strict=True)}


def line(number: int, happening: str, values: tuple[int, ...], order: str | None = "T7") -> JSON:
    return {
        "line_no": number,
        "happening": happening,
        "happened_at": f"2026-11-{10 + number}T12:30:00+08:00",
        "request_no": f"n-{number}",
        "pos_order_no": order,
        "amounts": amounts(values),
    }


LINES = {
    "first": [line(1, "sale", SALE), line(2, "sale", CASH, None)],
    "second": [line(1, "refund", REFUND)],
}


def statement(name: str, number: int, **given: Any) -> JSON:
    whole = tuple(sum(each["amounts"][part]["amount_minor"] for each in LINES[name]) for part in NAMES)
    return {
        "settlement_id": name,
        "number": number,
        "state": "closed",
        "period_from": f"2026-{9 + number}-01T00:00:00+08:00",
        "period_to": f"2026-{10 + number}-01T00:00:00+08:00",
        "line_count": len(LINES[name]),
        "amounts": amounts(whole),
        **{part: money(0) for part in ("opening", "receivable", "recovered", "payout", "carried")},
        "file": {"sha256": SHA, "rows": len(LINES[name])},
        "paid_at": None,
        "payout_ref": None,
        **given,
    }


PAID = {"state": "paid", "payout": money(4800), "paid_at": "2026-11-03T10:00:00+08:00", "payout_ref": "bank-7"}
STATEMENTS = [statement("second", 2, carried=money(-1500)), statement("first", 1, **PAID)]


def add_statements(app: Flask) -> None:
    """The routes of the page of statements."""

    def listed(items: list[JSON]) -> Response:
        return jsonify({"items": items, "next_cursor": None, "total": {"value": len(items), "relation": "eq"}})

    def file(name: str) -> Response:
        out = io.StringIO(newline="")
        csv.writer(out).writerows([["line_no", "net_minor"], *([each["line_no"], 0] for each in LINES[name])])
        return Response(out.getvalue(), mimetype="text/csv")

    app.add_url_rule("/v1/settlements", endpoint="statements", view_func=lambda: listed(STATEMENTS))
    app.add_url_rule("/v1/settlements/<name>/lines", endpoint="lines", view_func=lambda name: listed(LINES[name]))
    app.add_url_rule("/v1/settlements/<name>/lines.csv", endpoint="file", view_func=file)
