"""Statements and their lines as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.money import Money
from app.flow.present_claims import money_json
from app.settlements.types import AMOUNTS, Amounts, Line, Settlement

_NETTING = ("opening", "receivable", "recovered", "payout", "carried")


def settlement_json(found: Settlement) -> dict[str, Any]:
    """A statement."""
    netting = {name: money_json(Money(getattr(found.netting, f"{name}_minor"), found.currency)) for name in _NETTING}
    file = None
    if found.file_sha256 is not None:
        href = f"/v1/settlements/{found.settlement_id}/lines.csv"
        file = {"sha256": found.file_sha256.hex(), "rows": found.line_count, "href": href}
    return {
        "settlement_id": str(found.settlement_id),
        "city_id": found.city_id,
        "merchant_id": str(found.merchant_id),
        "number": found.number,
        "state": found.state,
        "currency": found.currency,
        "period_from": found.period_from.isoformat(),
        "period_to": found.period_to.isoformat(),
        "line_count": found.line_count,
        "amounts": _amounts(found.totals, found.currency),
        **netting,
        "file": file,
        "created_at": found.created_at.isoformat(),
        "closed_at": _iso(found.closed_at),
        "paid_at": _iso(found.paid_at),
        "payout_ref": found.payout_ref,
        "disputed_at": _iso(found.disputed_at),
        "dispute_reason": found.dispute_reason,
    }


def line_json(line: Line, currency: str) -> dict[str, Any]:
    """A line of a statement."""
    return {
        "line_no": line.line_no,
        "happening": line.happening,
        "happened_at": line.happened_at.isoformat(),
        "redemption_id": str(line.redemption_id),
        "payment_id": _text(line.payment_id),
        "refund_id": _text(line.refund_id),
        "place_id": str(line.place_id),
        "request_no": line.request_no,
        "pos_order_no": line.pos_order_no,
        "amounts": _amounts(line.amounts, currency),
    }


def _amounts(amounts: Amounts, currency: str) -> dict[str, Any]:
    return {name.removesuffix("_minor"): money_json(Money(getattr(amounts, name), currency)) for name in AMOUNTS}


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
