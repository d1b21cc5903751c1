"""Whether a claim can be used here and now, what a unit of it is worth at the till, and who pays for that. Pure.

Amounts are minor units; parts of one are rounded down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from app.core.money import split
from app.coupons.types import Terms
from app.places.opening_hours import Calendar, HoursPattern, parse_ok, state_at
from app.redemption.errors import CurrencyMismatch, MinSpendNotMet, NotStackable, OrderNeeded
from app.redemption.types import ClaimFacts, Obstacle, Split, Use

OF_THE_ORDER: Final = frozenset({"amount_off", "percent_off", "voucher"})  # kinds whose worth depends on the order
WHOLE_BP: Final = 10_000


@dataclass(frozen=True, slots=True)
class Part:
    """One unit about to be used; ``price_minor`` was paid for its whole claim of ``units`` units."""

    terms: Terms
    price_minor: int
    unit_no: int
    units: int


def needs_order(terms: Terms) -> bool:
    """True when the discount, or whether there is one, depends on the order."""
    return terms.kind in OF_THE_ORDER or terms.min_spend_minor > 0


def check_currency(terms: Sequence[Terms], order_currency: str | None) -> str:
    """The one currency of the coupons and the order; CurrencyMismatch."""
    found = {each.currency for each in terms} | ({order_currency} if order_currency else set())
    if len(found) != 1:
        raise CurrencyMismatch(f"the order and the codes are in {', '.join(sorted(found))}")
    return found.pop()


def check_stacking(terms: Sequence[Terms]) -> None:
    """NotStackable unless the terms of all claims of a request, one entry a claim, let them be used together.

    ``exclusive`` stands alone, ``within_group`` goes with others of its group, ``with_others`` with its like.
    """
    if len(terms) < 2:
        return
    if any(each.stacking == "exclusive" for each in terms):
        raise NotStackable("one of the codes is used alone")
    if len({(each.stacking, each.stack_group) for each in terms}) > 1:
        raise NotStackable("the codes belong to different groups")


def price(parts: Sequence[Part], order_minor: int | None) -> tuple[Split, ...]:
    """The split of each unit, in order; OrderNeeded, MinSpendNotMet.

    With an order each discount is worked out on what the ones before it leave, and the first unit carries what is left
    to pay at last, so that the units' gross amounts sum to the order's. Without one a unit's gross is its worth.
    """
    discounts: list[int] = []
    left = order_minor
    for part in parts:
        _check_order(part.terms, order_minor)
        discount = _worth(part, left)
        if left is not None:
            discount = min(discount, left)
            left -= discount
        discounts.append(discount)
    carried = [left or 0] + [0] * (len(parts) - 1)
    return tuple(
        _split(part, discount, payable) for part, discount, payable in zip(parts, discounts, carried, strict=True)
    )


def _check_order(terms: Terms, order_minor: int | None) -> None:
    if order_minor is None:
        if needs_order(terms):
            raise OrderNeeded("send order with gross_minor and currency")
    elif order_minor < terms.min_spend_minor:
        raise MinSpendNotMet(f"the order must come to {terms.min_spend_minor} {terms.currency} (minor units) or more")


def _worth(part: Part, left: int | None) -> int:
    """What a unit takes off, before it is cut down to what is left of the order."""
    terms = part.terms
    if terms.kind in ("amount_off", "voucher"):
        return terms.face_value_minor or 0
    if terms.kind == "percent_off":
        found = _percent(left or 0, terms.percent_off_bp or 0, terms.rounding_rule)
        return found if terms.cap_minor is None else min(found, terms.cap_minor)
    worth = 0 if terms.kind == "gift" else terms.price_minor
    return _share(worth if terms.list_price_minor is None else terms.list_price_minor, part)


def _percent(amount: int, basis_points: int, rounding_rule: str) -> int:
    whole, rest = divmod(amount * basis_points, WHOLE_BP)
    if rounding_rule == "half_even" and (2 * rest, whole % 2) > (WHOLE_BP, 0):
        return whole + 1
    return whole


def _share(amount: int, part: Part) -> int:
    """The unit's part of an amount for the whole claim; the units' parts sum to it."""
    return split(amount, [1] * part.units)[part.unit_no - 1]


def _split(part: Part, discount: int, payable: int) -> Split:
    """The platform shares what the discount gives beyond the price paid for it; the commission is on all that the
    customer paid, now and before."""
    terms = part.terms
    prepaid = _share(part.price_minor, part)
    return Split(
        gross_minor=discount + payable,
        discount_minor=discount,
        platform_share_minor=max(0, discount - prepaid) * terms.platform_share_bp // WHOLE_BP,
        prepaid_minor=prepaid,
        commission_minor=(payable + prepaid) * terms.commission_bp // WHOLE_BP,
    )


def obstacle(
    claim: ClaimFacts,
    terms: Terms,
    uses: Sequence[Use],
    *,
    asked: int,
    usable_here: bool,
    calendar: Calendar,
    now: datetime,
) -> Obstacle | None:
    """Why ``asked`` units of a claim can't be used at a place now; None when they can.

    The claim's own state is told before its time, its time before the place, the place before days and hours, and what
    other tills hold at last, since that alone passes by itself.
    """
    return (
        _ended(claim, uses)
        or _outside_validity(claim, now)
        or (None if usable_here else Obstacle("wrong-store", "it is used at other places"))
        or _left_out(terms, calendar, now)
        or _short(claim, uses, asked)
    )


def free_units(claim: ClaimFacts, uses: Sequence[Use]) -> tuple[int, ...]:
    """Numbers of the units that nobody uses, lowest first."""
    taken = {use.unit_no for use in uses}
    return tuple(number for number in range(1, claim.units + 1) if number not in taken)


def _ended(claim: ClaimFacts, uses: Sequence[Use]) -> Obstacle | None:
    if claim.state == "active":
        return None
    if claim.state == "pending_payment":
        return Obstacle("claim-unpaid", "the customer has to pay for it first")
    if claim.state == "redeemed":
        first = min((use for use in uses if not use.held), key=lambda use: (use.at, use.unit_no), default=None)
        at, place_id = (first.at, first.place_id) if first else (None, None)
        return Obstacle("already-redeemed", "every unit of it is used", at, place_id)
    if claim.state == "expired":
        return _expired(claim)
    return Obstacle("code-revoked", f"the claim is {claim.state}")


def _expired(claim: ClaimFacts) -> Obstacle:
    return Obstacle("code-expired", f"it was good until {claim.valid_until.isoformat()}")


def _outside_validity(claim: ClaimFacts, now: datetime) -> Obstacle | None:
    if now >= claim.valid_until:
        return _expired(claim)
    if now < claim.valid_from:
        return Obstacle("not-yet-usable", f"it can be used from {claim.valid_from.isoformat()}")
    return None


def _left_out(terms: Terms, calendar: Calendar, now: datetime) -> Obstacle | None:
    """Days and hours that the terms leave out, by the wall clock of the coupon's zone; unknown hours leave none out."""
    if now.astimezone(ZoneInfo(terms.time_zone)).date() in terms.blackout_dates:
        return Obstacle("blackout-time", "its terms leave this day out")
    if terms.use_hours is None:
        return None
    pattern = HoursPattern(0, terms.use_hours, terms.time_zone, None, False, parse_ok(terms.use_hours))
    state, _ = state_at(pattern, calendar, now, horizon_days=0)
    if state == "closed":
        return Obstacle("blackout-time", f"it can be used: {terms.use_hours}")
    return None


def _short(claim: ClaimFacts, uses: Sequence[Use], asked: int) -> Obstacle | None:
    free = len(free_units(claim, uses))
    if asked <= free:
        return None
    held = [use for use in uses if use.held]
    if asked <= free + len(held):
        latest = max(held, key=lambda use: use.at)
        return Obstacle("hold-by-other", "a till holds it at this moment", latest.at, latest.place_id)
    return Obstacle("unit-exhausted", f"{free} of {claim.units} units are left, {asked} were asked for")
