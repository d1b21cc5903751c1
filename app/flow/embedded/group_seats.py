"""What the ends of claims and refunds do to seats; the claim is locked by the caller, stock and money move later."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.claims.types import Claim
from app.groups import actions
from app.groups.queries import lock_seat_of_claim


def leave_seat(conn: Connection, claim: Claim, now: datetime) -> None:
    """A claim that is given up, not paid in time or refunded leaves its seat to somebody else."""
    if claim.group_id is not None:
        actions.seat_left(conn, claim.city_id, claim.group_id, claim.claim_id, now)


def pay_seat(conn: Connection, claim: Claim, now: datetime, trace: str | None) -> bool:
    """The claim is paid; False when its group takes no money any more, so that the money is stray."""
    if claim.group_id is None:
        return True
    return actions.seat_paid(conn, claim.city_id, claim.group_id, claim.claim_id, now, trace)


def end_refund(conn: Connection, city_id: int, claim_id: UUID, now: datetime, *, done: bool) -> None:
    """The refund of a seat of a failed group ended: the money went back, or is asked for again later."""
    seat = lock_seat_of_claim(conn, city_id, claim_id)
    if seat is None or seat.state != "refunding":
        return
    if done:
        actions.seat_refunded(conn, seat, now)
    else:
        actions.refund_refused(conn, seat, now)
