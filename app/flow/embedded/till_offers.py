"""What offered codes are good for at a till: facts gathered once, then the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.claims.errors import AlreadyRedeemed, ClaimUnpaid, CodeExpired, CodeRevoked
from app.claims.types import Claim
from app.core.errors import AppError, Fault
from app.core.kept import Kept
from app.coupons.queries import usable_at
from app.coupons.types import Terms
from app.flow.embedded.reference import Reference, for_a_minute
from app.flow.embedded.till_access import Till
from app.flow.types import PriceSplit
from app.groups.queries import states_of
from app.payments.queries import left_of_claims
from app.places.opening_hours import NO_CALENDAR, Calendar
from app.places.queries import calendar_in_force
from app.redemption import rules
from app.redemption.errors import BlackoutTime, HoldByOther, NotYetUsable, UnitExhausted, WrongStore
from app.redemption.queries import uses_of
from app.redemption.types import Obstacle, Split, Use

_REFUSALS: Final[Mapping[str, type[AppError]]] = {
    refusal.code: refusal
    for refusal in (
        AlreadyRedeemed,
        BlackoutTime,
        ClaimUnpaid,
        CodeExpired,
        CodeRevoked,
        HoldByOther,
        NotYetUsable,
        UnitExhausted,
        WrongStore,
    )
}
ASK_AGAIN_S: Final = 5  # when another till holds what is left


@dataclass(frozen=True, slots=True)
class Offer:
    """A claim at a till, with all that decides whether units of it can be used.

    ``paid_minor`` is what was paid for the claim and has not been given back.
    """

    claim: Claim
    terms: Terms
    uses: tuple[Use, ...]
    usable_here: bool
    calendar: Calendar
    asked: int
    waits: bool  # for the rest of its group
    paid_minor: int

    def obstacle(self, now: datetime) -> Obstacle | None:
        """Why the units asked for can't be used now; None when they can."""
        if self.waits and self.claim.state == "active":
            return Obstacle("not-yet-usable", "its group deal is not complete")
        return rules.obstacle(
            self.claim,
            self.terms,
            self.uses,
            asked=self.asked,
            usable_here=self.usable_here,
            calendar=self.calendar,
            now=now,
        )

    @property
    def free(self) -> tuple[int, ...]:
        """Numbers of the units that nobody uses, lowest first."""
        return rules.free_units(self.claim, self.uses)

    def parts(self) -> list[rules.Part]:
        """The units to be used: as many as were asked for, lowest numbers first."""
        claim = self.claim
        return [rules.Part(self.terms, self.paid_minor, number, claim.units) for number in self.free[: self.asked]]


class Offers:
    """Gathers what decides about claims at a till."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._calendars: Kept[str, Calendar] = for_a_minute()

    def of(self, conn: Connection, till: Till, claims: Sequence[Claim], asked: Sequence[int]) -> list[Offer]:
        """One offer a claim, in their order."""
        city_id = till.city_id
        terms = self._reference.terms.many(conn, [(city_id, c.coupon_id, c.coupon_version) for c in claims])
        uses = uses_of(conn, city_id, [claim.claim_id for claim in claims])
        groups = states_of(conn, city_id, [claim.group_id for claim in claims if claim.group_id is not None])
        priced = [claim.claim_id for claim in claims if claim.price_minor > 0]
        paid = left_of_claims(conn, city_id, priced) if priced else {}
        here = usable_at(conn, city_id, [(c.coupon_id, c.coupon_version) for c in claims], till.place_id)
        found = []
        for claim, units in zip(claims, asked, strict=True):
            own = terms[city_id, claim.coupon_id, claim.coupon_version]
            found.append(
                Offer(
                    claim=claim,
                    terms=own,
                    uses=uses.get(claim.claim_id, ()),
                    usable_here=(claim.coupon_id, claim.coupon_version) in here,
                    calendar=self._calendar(conn, city_id, own),
                    asked=units,
                    waits=claim.group_id is not None and groups[claim.group_id] != "succeeded",
                    paid_minor=paid.get(claim.claim_id, claim.price_minor),
                )
            )
        return found

    def _calendar(self, conn: Connection, city_id: int, terms: Terms) -> Calendar:
        """The city's holidays, where the terms' hours speak of them."""
        if "PH" not in (terms.use_hours or ""):
            return NO_CALENDAR
        territory = self._reference.territory(conn, city_id)
        name = territory.calendar if territory is not None else None
        return NO_CALENDAR if name is None else self._calendars.get(name, lambda: calendar_in_force(conn, name))


def refusal_of(obstacle: Obstacle, pointer: str) -> AppError:
    """The refusal for an obstacle that the code at ``pointer`` met."""
    extra = {}
    if obstacle.at is not None:
        extra["conflict"] = {"at": obstacle.at.isoformat(), "place_id": _text(obstacle.place_id)}
    return _REFUSALS[obstacle.code](
        obstacle.detail,
        faults=[Fault(obstacle.detail, pointer=pointer)],
        retry_after_s=ASK_AGAIN_S if obstacle.code == HoldByOther.code else None,
        extra=extra,
    )


def split_view(split: Split, currency: str) -> PriceSplit:
    """A split as the flow shows it."""
    return PriceSplit(
        currency=currency,
        gross_minor=split.gross_minor,
        discount_minor=split.discount_minor,
        platform_share_minor=split.platform_share_minor,
        prepaid_minor=split.prepaid_minor,
        commission_minor=split.commission_minor,
    )


def _text(place_id: UUID | None) -> str | None:
    return None if place_id is None else str(place_id)
