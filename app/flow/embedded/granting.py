"""A claim about to be granted: all that is known of it, how its owner sees it, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.claims.gates import PlaceEvidence
from app.claims.rules import Validity
from app.core.money import Money
from app.core.sealing import Keyed
from app.coupons.types import Terms
from app.flow.embedded.claim_views import next_actions
from app.flow.embedded.handing_out import ClaimCode
from app.flow.embedded.reference import Reference
from app.flow.embedded.usage import Usage
from app.flow.types import ClaimView, RequestContext


@dataclass(frozen=True, slots=True)
class Seating:
    """What a group makes of a claim: its price, and that its time to be used is counted from the deadline."""

    group_id: UUID
    price_minor: int
    deadline: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Granting:
    """A claim about to be granted."""

    claim_id: UUID
    terms: Terms
    price_minor: int
    seating: Seating | None
    validity: Validity
    evidence: PlaceEvidence
    state: str
    code: ClaimCode
    pay_until: datetime | None
    device: bytes | None


def new_view(conn: Connection, reference: Reference, g: Granting, now: datetime) -> ClaimView:
    """The claim as its owner will see it."""
    terms = g.terms
    return ClaimView(
        claim_id=g.claim_id,
        city_id=terms.city_id,
        coupon_id=terms.coupon_id,
        coupon_version=terms.version,
        merchant_id=terms.merchant_id,
        merchant_names=reference.merchant_names(conn, terms.merchant_id),
        titles=terms.titles,
        kind=terms.kind,
        state=g.state,
        units=terms.units,
        units_left=terms.units,
        price=Money(g.price_minor, terms.currency),
        code_tail=g.code.tail,
        claimed_at=now,
        valid_from=g.validity.valid_from,
        valid_until=g.validity.valid_until,
        time_zone=terms.time_zone,
        pay_until=g.pay_until,
        use_hours=terms.use_hours,
        blackout_dates=terms.blackout_dates,
        refund_policy=terms.refund_policy,
        distance_m=g.evidence.distance_m,
        group_id=None if g.seating is None else g.seating.group_id,
        next_actions=next_actions(
            g.state,
            terms,
            Usage(),
            price_minor=g.price_minor,
            group=None if g.seating is None else g.seating.state,
        ),
    )


def granted_event(pseudonyms: Keyed, context: RequestContext, g: Granting) -> dict[str, Any]:
    """The data of the event that tells of it."""
    terms = g.terms
    return {
        "claim_id": str(g.claim_id),
        "coupon_id": str(terms.coupon_id),
        "coupon_version": terms.version,
        "merchant_id": str(terms.merchant_id),
        # the same member is another number to each merchant
        "user_ref": pseudonyms.of(f"{terms.merchant_id}:{context.actor.member_id}").hex()[:24],
        "units": terms.units,
        "state": g.state,
        "price_minor": g.price_minor,
        "currency": terms.currency,
        "valid_until": g.validity.valid_until.isoformat(),
        "code_tail": g.code.tail,
        "distance_m": g.evidence.distance_m,
        "group_id": None if g.seating is None else str(g.seating.group_id),
        "occurred_at": context.now.isoformat(),
    }
