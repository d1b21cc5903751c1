"""A redemption about to be stored: which units of which claims, at what price."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from app.core.errors import Fault, InvalidBody
from app.core.ids import new_city_id
from app.coupons.types import Terms
from app.flow.embedded.till_access import Till
from app.flow.embedded.till_offers import Offer, refusal_of
from app.flow.types import RedemptionRequest
from app.redemption import rules
from app.redemption.types import HOLD_LEASE, Redemption, Unit, total


def draft(
    till: Till,
    staff_id: str,
    request: RedemptionRequest,
    digest: bytes,
    offers: Sequence[Offer],
    beside: Sequence[Terms],
    now: datetime,
) -> tuple[Redemption, list[Unit]]:
    """The redemption that a request asks for with its units, or the first refusal.

    ``digest`` is the request's hash, ``beside`` are the terms of other claims that the order has used already.
    """
    for position, offer in enumerate(offers):
        stopped = offer.obstacle(now)
        if stopped is not None:
            raise refusal_of(stopped, f"/codes/{position}")
    order = request.order
    terms = [offer.terms for offer in offers]
    currency = rules.check_currency(terms, order.currency if order else None)
    rules.check_stacking([*terms, *beside])
    units = _units(till.city_id, offers, order.gross_minor if order else None, now)
    window_s = min(each.reversal_window_s for each in terms)
    fresh = Redemption(
        city_id=till.city_id,
        redemption_id=new_city_id(till.city_id),
        merchant_id=till.merchant_id,
        place_id=till.place_id,
        staff_id=staff_id,
        request_no=request.request_no,
        request_hash=digest,
        pos_order_no=order.pos_order_no if order else None,
        state="held" if request.hold else "committed",
        split=total(unit.split for unit in units),
        currency=currency,
        lease_until=now + HOLD_LEASE if request.hold else None,
        committed_at=None if request.hold else now,
        reverse_before=None if request.hold else now + timedelta(seconds=window_s),
        reversal_pending=False,
        ended_at=None,
        reason=None,
        reversal_window_s=window_s,
        seq=1,
        created_at=now,
    )
    return fresh, units


def _units(city_id: int, offers: Sequence[Offer], order_minor: int | None, now: datetime) -> list[Unit]:
    parts = [(offer.claim, part) for offer in offers for part in offer.parts()]
    splits = rules.price([part for _, part in parts], order_minor)
    began_ms = int(now.timestamp() * 1000)
    return [
        Unit(
            # Ids count up by a millisecond, so that units are read in the order in which they were asked for.
            redemption_unit_id=new_city_id(city_id, began_ms + position),
            claim_id=claim.claim_id,
            unit_no=part.unit_no,
            units=part.units,
            coupon_id=claim.coupon_id,
            split=split,
            budgeted=part.terms.budget_minor is not None and split.platform_share_minor > 0,
        )
        for position, ((claim, part), split) in enumerate(zip(parts, splits, strict=True))
    ]


def refuse_twice(claim_ids: Sequence[UUID]) -> None:
    """InvalidBody when two codes of a request stand for one claim; ``units`` says how much of it is used."""
    for position, claim_id in enumerate(claim_ids):
        if claim_id in claim_ids[:position]:
            fault = Fault(
                "this code stands in the request before; say with units how many", pointer=f"/codes/{position}"
            )
            raise InvalidBody("give each code once", faults=[fault])
