"""What a merchant is told of its statements."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from app.outbox.kinds import COUNT, CURRENCY, ID, MINOR, TEXT, TIME, EventKind, nullable, one_of, said
from app.outbox.types import Event
from app.settlements.types import Settlement


def settlement_event(settlement: Settlement, now: datetime) -> Event:
    """The event of a statement that was closed or paid."""
    totals, netting = settlement.totals, settlement.netting
    file = settlement.file_sha256
    data = {
        "settlement_id": str(settlement.settlement_id),
        "merchant_id": str(settlement.merchant_id),
        "number": settlement.number,
        "period_from": settlement.period_from.isoformat(),
        "period_to": settlement.period_to.isoformat(),
        "currency": settlement.currency,
        "line_count": settlement.line_count,
        "gross_minor": totals.gross_minor,
        "merchant_discount_minor": totals.merchant_discount_minor,
        "platform_discount_minor": totals.platform_discount_minor,
        "platform_fee_minor": totals.platform_fee_minor,
        "provider_fee_minor": totals.provider_fee_minor,
        "net_minor": totals.net_minor,
        "opening_minor": netting.opening_minor,
        "payout_minor": netting.payout_minor,
        "carried_minor": netting.carried_minor,
        "receivable_minor": netting.receivable_minor,
        "recovered_minor": netting.recovered_minor,
        "file_sha256": None if file is None else file.hex(),
        "payout_ref": settlement.payout_ref,
        "state": settlement.state,
        "occurred_at": now.isoformat(),
    }
    return Event(
        city_id=settlement.city_id,
        aggregate_id=settlement.settlement_id,
        seq=settlement.seq,
        type=f"fujin.settlement.{settlement.state}.v1",
        merchant_id=settlement.merchant_id,
        data=data,
        occurred_at=now,
    )


_SIGNED: Final = {"type": "integer"}
_SAYS: Final = {
    "closed": "The statement's lines, amounts and file are fixed; its payout is due.",
    "paid": "The statement's payout left.",
}
KINDS: Final = tuple(
    EventKind(
        f"fujin.settlement.{state}.v1",
        "settlement_id",
        says,
        {
            "settlement_id": ID,
            "merchant_id": ID,
            "number": said(COUNT, "counts the merchant's statements in this city and currency"),
            "period_from": TIME,
            "period_to": said(TIME, "not included"),
            "currency": CURRENCY,
            "line_count": COUNT,
            "gross_minor": said(_SIGNED, "what was rung up"),
            "merchant_discount_minor": said(_SIGNED, "what the merchant gave of the discounts"),
            "platform_discount_minor": said(_SIGNED, "what the platform gave of them"),
            "platform_fee_minor": said(_SIGNED, "the platform's commission"),
            "provider_fee_minor": said(_SIGNED, "what payment providers kept; the platform bears it"),
            "net_minor": said(_SIGNED, "what the lines come to"),
            "opening_minor": said(_SIGNED, "carried on by the statement before, 0 or less"),
            "payout_minor": said(MINOR, "what is paid out"),
            "carried_minor": said(_SIGNED, "what the next statement begins with, 0 or less"),
            "receivable_minor": said(MINOR, "what lies below the floor and is asked of the merchant"),
            "recovered_minor": said(MINOR, "what is held back for what was receivable before"),
            "file_sha256": said({"type": "string", "pattern": "^[0-9a-f]{64}$"}, "of the file of its lines"),
            "payout_ref": said(nullable(TEXT), "under which the bank knows the payout"),
            "state": one_of(state),
            "occurred_at": TIME,
        },
    )
    for state, says in _SAYS.items()
)
