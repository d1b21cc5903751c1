"""Who can join a group, until when money counts, and when a deal is made or has failed. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.core.errors import AppError
from app.coupons.types import Terms
from app.groups.errors import GroupClosed, GroupFull, GroupNotOffered
from app.groups.types import GRACE, Group

RETRY_AFTER: Final = timedelta(minutes=5)
RETRY_AT_MOST: Final = timedelta(hours=6)


def check_offer(terms: Terms) -> None:
    """GroupNotOffered for terms without a group deal."""
    if terms.group_target is None:
        raise GroupNotOffered("claim it alone")


def deadline_of(terms: Terms, now: datetime) -> datetime:
    """When a group that begins now ends: as long as the terms say, but not beyond the time to claim."""
    return min(now + timedelta(seconds=terms.group_deadline_s or 0), terms.claim_until)


def why_no_seat(group: Group, terms: Terms, now: datetime) -> AppError | None:
    """Why nobody can take a seat; None when somebody can. A deal that is made has seats until its deadline."""
    if group.state not in ("open", "succeeded"):
        return GroupClosed(f"the group has {'failed' if group.state == 'failed' else 'ended'}")
    if now >= group.deadline:
        return GroupClosed(f"it could be joined until {group.deadline.isoformat()}")
    if terms.group_target is None or terms.currency != group.currency:
        return GroupClosed("its coupon has no such group deal any more")
    if group.taken >= group.seats:
        return GroupFull("a seat that is not paid for within fifteen minutes is free again")
    return None


def money_counts(group: Group, now: datetime) -> bool:
    """True while a payment that succeeds makes its seat a paid one: until five minutes after the deadline, for those
    that were under way then."""
    return group.state in ("open", "succeeded") and now < group.deadline + GRACE


def tips(group: Group, joined: int) -> bool:
    """True when so many paid seats make the deal of a group that waits for it."""
    return group.state == "open" and joined >= group.target


def has_failed(group: Group, now: datetime, *, money_under_way: bool) -> bool:
    """True when an open group ends without its target: at the deadline, later while money may still come in time."""
    if group.state != "open" or now < group.deadline or group.joined >= group.target:
        return False
    return not money_under_way or now >= group.deadline + GRACE


def retry_at(tries: int, now: datetime) -> datetime:
    """When a refund that its provider refused is tried again: 5, 10, 20 … minutes later, at most six hours."""
    wait: timedelta = RETRY_AFTER * (1 << min(tries, 10))
    return now + min(RETRY_AT_MOST, wait)


def refund_no(group: Group, member_id: object) -> str:
    """The number of the refund of a member's seat; the same for the same, so that a repeat pays nothing twice."""
    return f"group:{group.group_id}:{member_id}"
