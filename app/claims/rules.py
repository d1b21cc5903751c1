"""When a coupon may be claimed, and how long the claim is good. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from app.claims.errors import ClaimNotStarted, ClaimWindowClosed
from app.claims.types import Claim, State
from app.coupons.types import Terms

PAY_WITHIN: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Validity:
    """When a claim can be used, half-open, and the local day it was made on."""

    valid_from: datetime
    valid_until: datetime
    claimed_on: date


def check_window(terms: Terms, state: str, now: datetime) -> None:
    """ClaimNotStarted or ClaimWindowClosed; the window is [claim_from, claim_until)."""
    if state == "paused":
        raise ClaimWindowClosed("the merchant has paused this coupon")
    if state != "published":
        raise ClaimWindowClosed("this coupon has ended")
    if now < terms.claim_from:
        raise ClaimNotStarted(f"it can be claimed from {terms.claim_from.isoformat()}")
    if now >= terms.claim_until:
        raise ClaimWindowClosed(f"it could be claimed until {terms.claim_until.isoformat()}")


def validity(terms: Terms, now: datetime, good_from: datetime | None = None) -> Validity:
    """When a claim made now can be used; ClaimWindowClosed when that time is over already.

    "N days after claiming" ends at the local midnight that ends the Nth day after the day of claiming; where a code is
    good no earlier than ``good_from``, the days are counted from that one.
    """
    zone = ZoneInfo(terms.time_zone)
    today = now.astimezone(zone).date()
    counted_from = today if good_from is None else good_from.astimezone(zone).date()
    ends = [terms.use_until] if terms.use_until is not None else []
    if terms.valid_days_after_claim is not None:
        last = counted_from + timedelta(days=terms.valid_days_after_claim + 1)
        ends.append(datetime(last.year, last.month, last.day, tzinfo=zone))
    begins = now if terms.use_from is None else max(terms.use_from, now)
    until = min(ends)
    if until <= (begins if good_from is None else max(begins, good_from)):
        raise ClaimWindowClosed("the time to use it is over")
    return Validity(begins, until, today)


def seen_state(claim: Claim, now: datetime, *, held: bool) -> State:
    """The state as people are told it: one whose time is over is expired, though that is written down a little later.

    One that a till holds stays active until the till is done with it.
    """
    over = claim.state == "active" and claim.valid_until <= now and not held
    return "expired" if over else claim.state
