"""What is told of a redemption: ids, amounts and who did it by a pseudonym; never a code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.outbox.kinds import COUNT, CURRENCY, ID, MINOR, TEXT, TIME, EventKind, Shape, nullable, one_of, said
from app.outbox.types import Event
from app.redemption.types import Occasion, Redemption, State, Unit


def told(redemption: Redemption, units: Sequence[Unit], on: Occasion) -> Event:
    """The event of the state that the redemption has just reached."""
    split = redemption.split
    data: dict[str, Any] = {
        "redemption_id": str(redemption.redemption_id),
        "merchant_id": str(redemption.merchant_id),
        "place_id": str(redemption.place_id),
        "staff_ref": on.staff_ref,
        "request_no": redemption.request_no,
        "pos_order_no": redemption.pos_order_no,
        "units": _by_claim(units),
        "gross_minor": split.gross_minor,
        "discount_minor": split.discount_minor,
        "platform_share_minor": split.platform_share_minor,
        "prepaid_minor": split.prepaid_minor,
        "commission_minor": split.commission_minor,
        "payable_minor": split.payable_minor,
        "currency": redemption.currency,
        "state": redemption.state,
        "occurred_at": on.now.isoformat(),
    }
    if redemption.state == "held":
        data["lease_until"] = _iso(redemption.lease_until)
    if redemption.state == "committed":
        data["reverse_before"] = _iso(redemption.reverse_before)
    if redemption.state in ("voided", "reversed"):
        data["reason"] = redemption.reason
    if redemption.state == "reversed":
        data["original_committed_at"] = _iso(redemption.committed_at)
    return Event(
        city_id=redemption.city_id,
        aggregate_id=redemption.redemption_id,
        seq=redemption.seq,
        type=f"fujin.redemption.{redemption.state}.v1",
        merchant_id=redemption.merchant_id,
        data=data,
        occurred_at=on.now,
        trace=on.trace,
    )


def _by_claim(units: Sequence[Unit]) -> list[dict[str, Any]]:
    """Unit numbers by claim: a request of many units must not outgrow what a receiver takes."""
    numbers: dict[tuple[UUID, UUID], list[int]] = {}
    for unit in units:
        numbers.setdefault((unit.claim_id, unit.coupon_id), []).append(unit.unit_no)
    return [
        {"claim_id": str(claim_id), "coupon_id": str(coupon_id), "unit_nos": sorted(found)}
        for (claim_id, coupon_id), found in numbers.items()
    ]


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


_PARTS: Final = (
    *("gross_minor", "discount_minor", "platform_share_minor", "prepaid_minor", "commission_minor", "payable_minor"),
)
_UNITS: Final[Shape] = {
    "type": "array",
    "minItems": 1,
    "description": "which units of which claims",
    "items": {
        "type": "object",
        "required": ["claim_id", "coupon_id", "unit_nos"],
        "properties": {
            "claim_id": ID,
            "coupon_id": ID,
            "unit_nos": {"type": "array", "minItems": 1, "items": COUNT},
        },
    },
}
_OF_ALL: Final = {
    "redemption_id": ID,
    "merchant_id": ID,
    "place_id": ID,
    "staff_ref": said(TEXT, "a pseudonym of who did it, another one for each merchant"),
    "request_no": said(TEXT, "the till's own number"),
    "pos_order_no": nullable(TEXT),
    "units": _UNITS,
    **dict.fromkeys(_PARTS, MINOR),
    "currency": CURRENCY,
    "occurred_at": TIME,
}
_ENDED: Final = {"reason": nullable(TEXT)}
_SAYS: Final[dict[State, tuple[str, dict[str, Shape]]]] = {
    "held": ("Units are kept for a till until `lease_until`.", {"lease_until": TIME}),
    "committed": ("Units were used; that can be reversed until `reverse_before`.", {"reverse_before": TIME}),
    "voided": ("A hold was given up or its time ran out; its units can be used again.", _ENDED),
    "reversed": ("A use was undone; its units can be used again.", _ENDED | {"original_committed_at": TIME}),
}
KINDS: Final = tuple(
    EventKind(f"fujin.redemption.{state}.v1", "redemption_id", says, _OF_ALL | more | {"state": one_of(state)})
    for state, (says, more) in _SAYS.items()
)
