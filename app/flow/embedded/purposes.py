"""What payments are for: how a claim or a redemption is locked to be paid, and what money does to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.claims import queries as claims
from app.claims.actions import move
from app.claims.types import EDGES
from app.flow.embedded.group_seats import end_refund, leave_seat, pay_seat
from app.flow.embedded.till_effects import TillEffects
from app.flow.embedded.usage import refuse_in_use
from app.payments.types import Payment
from app.redemption.queries import lock_redemption


@dataclass(frozen=True, slots=True)
class Payable:
    """A claim or a redemption, locked: whose it is, what it costs, and until when it waits for money.

    ``waits`` is True while money is what it waits for; ``until`` is None when that has no end.
    """

    merchant_id: UUID
    member_id: UUID | None
    place_id: UUID | None
    amount_minor: int
    currency: str
    waits: bool
    until: datetime | None


class Purposes:
    """What the money side asks of claims and redemptions; a thing is locked before its payments are."""

    def __init__(self, till: TillEffects) -> None:
        self._till = till

    def lock(self, conn: Connection, city_id: int, purpose: str, purpose_id: UUID) -> Payable | None:
        """A claim or a redemption, locked; None when there is no such thing."""
        if purpose == "redemption":
            return _lock_redemption(conn, city_id, purpose_id)
        claim = claims.lock_claim(conn, city_id, purpose_id)
        if claim is None:
            return None
        return Payable(
            merchant_id=claim.merchant_id,
            member_id=claim.member_id,
            place_id=None,
            amount_minor=claim.price_minor,
            currency=claim.currency,
            waits=claim.state == "pending_payment",
            until=claim.pay_until,
        )

    def paid(
        self, conn: Connection, city_id: int, purpose: str, purpose_id: UUID, now: datetime, trace: str | None
    ) -> bool:
        """An unpaid claim becomes active, a held redemption is committed; False when it waits for no money any more."""
        if purpose == "redemption":
            return self._till.commit_paid(conn, city_id, purpose_id, now, trace)
        claim = claims.lock_claim(conn, city_id, purpose_id)
        if claim is None or claim.state != "pending_payment":
            return False
        if not pay_seat(conn, claim, now, trace):
            return False
        move(conn, claim, "active", now, trace, reason="paid")
        return True

    def refuse_refund(self, conn: Connection, payment: Payment) -> None:
        """A claim that is used, or that a till holds, keeps its money: its redemption is reversed first.

        ClaimHeld, ClaimNotCancellable.
        """
        self.lock(conn, payment.city_id, payment.purpose, payment.purpose_id)
        if payment.purpose == "redemption" or payment.state == "stray":
            return
        claim = claims.read_claim(conn, payment.city_id, payment.purpose_id)
        if claim is None or claim.state == "refunded":
            return  # whether money is left is for the payment to say
        refuse_in_use(conn, claim, "some of it is used; reverse that first")

    def claim_refunded(self, conn: Connection, city_id: int, claim_id: UUID, now: datetime, trace: str | None) -> None:
        """The claim is refunded where its state allows that; one that has ended otherwise stays as it is."""
        claim = claims.lock_claim(conn, city_id, claim_id)
        if claim is not None and (claim.state, "refunded") in EDGES:
            leave_seat(conn, claim, now)
            move(conn, claim, "refunded", now, trace, reason="refunded")

    def seat_refund_ended(self, conn: Connection, city_id: int, claim_id: UUID, now: datetime, *, done: bool) -> None:
        """The refund of a seat of a failed group succeeded or failed."""
        end_refund(conn, city_id, claim_id, now, done=done)

    def reversal_done(
        self, conn: Connection, city_id: int, redemption_id: UUID, now: datetime, trace: str | None
    ) -> None:
        """The redemption is reversed."""
        self._till.finish_reversal(conn, city_id, redemption_id, now, trace)

    def reversal_failed(
        self, conn: Connection, city_id: int, redemption_id: UUID, now: datetime, trace: str | None
    ) -> None:
        """The redemption stays committed."""
        self._till.reversal_failed(conn, city_id, redemption_id, now, trace)


def _lock_redemption(conn: Connection, city_id: int, redemption_id: UUID) -> Payable | None:
    found = lock_redemption(conn, city_id, redemption_id)
    if found is None:
        return None
    return Payable(
        merchant_id=found.merchant_id,
        member_id=None,
        place_id=found.place_id,
        amount_minor=found.split.payable_minor,
        currency=found.currency,
        waits=found.state == "held",
        until=found.lease_until,
    )
