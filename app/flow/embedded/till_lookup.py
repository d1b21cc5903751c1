"""What a till is told of a code before anything is used."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.claims.rules import seen_state
from app.core.errors import AppError
from app.coupons.queries import usable_places
from app.flow.embedded.reference import Reference
from app.flow.embedded.till_access import Till
from app.flow.embedded.till_offers import Offer, split_view
from app.flow.types import Conflict, LookupView, Order, PlaceName, PriceSplit
from app.members.queries import display_names
from app.places.queries import names_of
from app.redemption import rules
from app.redemption.errors import CurrencyMismatch, MinSpendNotMet, OrderNeeded
from app.redemption.types import Obstacle

PLACES_SHOWN: Final = 5


def lookup_view(
    conn: Connection, reference: Reference, till: Till, offer: Offer, order: Order | None, now: datetime
) -> LookupView:
    """What the code is good for, why not if it isn't, and the split of its next unit."""
    claim, terms = offer.claim, offer.terms
    stopped = offer.obstacle(now)
    split = None
    if stopped is None:
        split, stopped = _priced(offer, order)
    territory = reference.territory(conn, till.city_id)
    state = seen_state(claim, now, held=any(use.held for use in offer.uses))
    return LookupView(
        claim_id=claim.claim_id,
        coupon_id=claim.coupon_id,
        titles=terms.titles,
        default_language=territory.default_language if territory else "en",
        kind=terms.kind,
        state=state,
        units=claim.units,
        units_left=len(offer.free) if state in ("active", "pending_payment") else 0,
        reason=stopped.code if stopped else None,
        detail=stopped.detail if stopped else None,
        conflict=Conflict(stopped.at, stopped.place_id) if stopped and stopped.at else None,
        valid_from=claim.valid_from,
        valid_until=claim.valid_until,
        needs_order=rules.needs_order(terms),
        split=split,
        places=() if offer.usable_here else _elsewhere(conn, till.city_id, claim.coupon_id, stopped),
        customer_hint=_hint(display_names(conn, [claim.member_id]).get(claim.member_id)),
        code_tail=claim.code_tail,
        currency=terms.currency,
        min_spend_minor=terms.min_spend_minor,
        cap_minor=terms.cap_minor,
        face_value_minor=terms.face_value_minor,
        percent_off_bp=terms.percent_off_bp,
        use_hours=terms.use_hours,
        blackout_dates=terms.blackout_dates,
        party_min=terms.party_min,
        party_max=terms.party_max,
    )


def _priced(offer: Offer, order: Order | None) -> tuple[PriceSplit | None, Obstacle | None]:
    """The split of the next unit alone; nothing where it depends on an order that was not sent."""
    try:
        currency = rules.check_currency([offer.terms], order.currency if order else None)
        return split_view(rules.price(offer.parts(), order.gross_minor if order else None)[0], currency), None
    except OrderNeeded:
        return None, None
    except (CurrencyMismatch, MinSpendNotMet) as refusal:
        return None, _told(refusal)


def _told(refusal: AppError) -> Obstacle:
    return Obstacle(refusal.code, refusal.detail)


def _elsewhere(conn: Connection, city_id: int, coupon_id: UUID, stopped: Obstacle | None) -> tuple[PlaceName, ...]:
    """Where the coupon is used, when that is what stands in the way."""
    if stopped is None or stopped.code != "wrong-store":
        return ()
    place_ids = usable_places(conn, city_id, coupon_id, PLACES_SHOWN)
    names = names_of(conn, city_id, place_ids)
    return tuple(PlaceName(place_id, names[place_id]) for place_id in place_ids if place_id in names)


def _hint(name: str | None) -> str | None:
    """Enough for a nod across the counter, too little to know somebody by."""
    shown = (name or "").strip()
    return f"{shown[0]}*" if shown else None
