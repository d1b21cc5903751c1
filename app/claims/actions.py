"""How a claim changes its state: one guarded step, its event, and the stock that goes back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.claims import queries
from app.claims.types import EDGES, EVENT_OF, RETURNS_STOCK, Claim, State
from app.outbox.queries import append
from app.outbox.types import Event


class IllegalStep(RuntimeError):
    """The claim is not in a state from which this one can be reached; callers look at the locked claim first."""


def move(
    conn: Connection, claim: Claim, to: State, now: datetime, trace: str | None, *, reason: str, **data: Any
) -> Claim:
    """The claim in its new state, with its event written and its stock returned; IllegalStep.

    ``claim`` is locked by the caller. ``data`` are further members of the event.
    """
    if (claim.state, to) not in EDGES:
        raise IllegalStep(f"a claim can't go from {claim.state} to {to}")
    ended_at = None if to in ("active", "pending_payment") else now
    moved = queries.move_claim(conn, claim.city_id, claim.claim_id, [claim.state], to, ended_at)
    if moved is None:
        raise IllegalStep(f"claim {claim.claim_id} is no longer {claim.state}")
    returned = to in RETURNS_STOCK
    append(
        conn,
        Event(
            city_id=moved.city_id,
            aggregate_id=moved.claim_id,
            seq=moved.seq,
            type=f"fujin.claim.{EVENT_OF[to]}.v1",
            merchant_id=moved.merchant_id,
            data={
                "claim_id": str(moved.claim_id),
                "coupon_id": str(moved.coupon_id),
                "coupon_version": moved.coupon_version,
                "merchant_id": str(moved.merchant_id),
                "state": to,
                "reason": reason,
                "stock_returned": returned,
                "occurred_at": now.isoformat(),
                **data,
            },
            occurred_at=now,
            trace=trace,
        ),
    )
    if returned:
        day = moved.claimed_on if moved.day_limited else None
        queries.return_stock(conn, moved.city_id, moved.coupon_id, moved.bucket, day)
    return moved
