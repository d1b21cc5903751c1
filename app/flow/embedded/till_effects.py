"""What follows of a redemption's steps for its claims and the ledger, whether a till or money brought them about.

Locks are taken in one order: redemption, claims by id, then the ledger's accounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.claims.actions import move
from app.claims.queries import lock_claims
from app.claims.types import Claim, State
from app.core.sealing import Keyed
from app.flow.embedded.reference import Reference
from app.ledger import actions as ledger
from app.ledger.errors import BudgetExhausted
from app.ledger.types import UnitSplit
from app.redemption import actions, queries
from app.redemption.types import Occasion, Redemption, Unit

BUDGET_GONE: Final = "the coupon's budget is used up"
USED: Final = "every unit of it is used"
REVERSED: Final = "a use of it was reversed"


class TillEffects:
    """Steps of redemptions with everything that belongs to them."""

    def __init__(self, reference: Reference, staff: Keyed) -> None:
        self._reference, self._staff = reference, staff

    def occasion(self, merchant_id: UUID, staff_id: str, now: datetime, trace: str | None) -> Occasion:
        """A step of somebody, who is another pseudonym to each merchant."""
        return Occasion(self._staff.of(f"{merchant_id}:{staff_id}").hex()[:24], now, trace)

    def used(
        self,
        conn: Connection,
        committed: Redemption,
        units: Sequence[Unit],
        claims: Mapping[UUID, Claim],
        on: Occasion,
    ) -> None:
        """Posts what the units move, and ends the claims of which every unit is used now; BudgetExhausted.

        ``claims`` are locked.
        """
        city_id = committed.city_id
        splits = self._splits(conn, city_id, units, claims)
        ledger.post_committed(conn, city_id, committed.merchant_id, committed.currency, splits, on.now)
        uses = queries.uses_of(conn, city_id, list(claims))
        for claim in _in_order(claims):
            done = [use for use in uses.get(claim.claim_id, ()) if not use.held]
            if claim.state == "active" and len(done) == claim.units:
                about = {"redemption_id": str(committed.redemption_id)}
                move(conn, claim, "redeemed", on.now, on.trace, reason=USED, **about)

    def commit(self, conn: Connection, held: Redemption, on: Occasion) -> Redemption:
        """The hold, which is locked, becomes a use; BudgetExhausted."""
        units, claims = self._locked(conn, held)
        committed = actions.commit(conn, held, units, on)
        self.used(conn, committed, units, claims, on)
        return committed

    def void(self, conn: Connection, held: Redemption, reason: str | None, on: Occasion) -> Redemption:
        """The hold, which is locked, is over unused."""
        units = queries.units_of(conn, held.city_id, held.redemption_id)
        return actions.void(conn, held, units, reason, on)

    def reverse(self, conn: Connection, committed: Redemption, reason: str | None, on: Occasion) -> Redemption:
        """The use, which is locked, is undone: postings turn round, and used-up claims are active or expired again."""
        units, claims = self._locked(conn, committed)
        reversed_ = actions.reverse(conn, committed, units, reason, on)
        splits = self._splits(conn, committed.city_id, units, claims)
        ledger.post_reversed(conn, committed.city_id, committed.merchant_id, committed.currency, splits, on.now)
        for claim in _in_order(claims):
            if claim.state == "redeemed":
                back: State = "active" if on.now < claim.valid_until else "expired"
                about = {"redemption_id": str(committed.redemption_id)}
                move(conn, claim, back, on.now, on.trace, reason=REVERSED, **about)
        return reversed_

    # doors of the payments part

    def commit_paid(
        self, conn: Connection, city_id: int, redemption_id: UUID, now: datetime, trace: str | None
    ) -> bool:
        """A payment for a redemption succeeded. True when the redemption is committed, now or before; False when it is
        over, or is voided now since the budget behind its discount is gone: the money is stray then.

        Callers lock the redemption before its payment (``redemption.queries.lock_redemption``).
        """
        found = queries.lock_redemption(conn, city_id, redemption_id)
        if found is None or found.state != "held":
            return found is not None and found.state == "committed"
        on = self._own_occasion(found, now, trace)
        try:
            with conn.begin_nested():
                self.commit(conn, found, on)
        except BudgetExhausted:
            self.void(conn, found, BUDGET_GONE, on)
            return False
        return True

    def finish_reversal(
        self, conn: Connection, city_id: int, redemption_id: UUID, now: datetime, trace: str | None
    ) -> None:
        """The refund of a reversal succeeded; a redemption that waits for none is left alone."""
        found = queries.lock_redemption(conn, city_id, redemption_id)
        if found is not None and found.reversal_pending:
            self.reverse(conn, found, found.reason, self._own_occasion(found, now, trace))

    def reversal_failed(
        self,
        conn: Connection,
        city_id: int,
        redemption_id: UUID,
        now: datetime,  # noqa: ARG002 - the three doors are called alike
        trace: str | None,  # noqa: ARG002
    ) -> None:
        """The refund of a reversal failed: the redemption stays committed and may be reversed again."""
        found = queries.lock_redemption(conn, city_id, redemption_id)
        if found is not None and found.reversal_pending:
            queries.mark_reversal(conn, city_id, redemption_id, pending=False, reason=None)

    def _own_occasion(self, redemption: Redemption, now: datetime, trace: str | None) -> Occasion:
        """A step that nobody at a till takes is told as that of who began."""
        return self.occasion(redemption.merchant_id, redemption.staff_id, now, trace)

    def _locked(self, conn: Connection, redemption: Redemption) -> tuple[tuple[Unit, ...], dict[UUID, Claim]]:
        units = queries.units_of(conn, redemption.city_id, redemption.redemption_id)
        claims = lock_claims(conn, redemption.city_id, list({unit.claim_id for unit in units}))
        return units, claims

    def _splits(
        self, conn: Connection, city_id: int, units: Sequence[Unit], claims: Mapping[UUID, Claim]
    ) -> list[UnitSplit]:
        versions = {claim.claim_id: (city_id, claim.coupon_id, claim.coupon_version) for claim in claims.values()}
        terms = self._reference.terms.many(conn, list(versions.values()))
        return [
            UnitSplit(
                redemption_unit_id=unit.redemption_unit_id,
                coupon_id=unit.coupon_id,
                platform_share_minor=unit.split.platform_share_minor,
                prepaid_minor=unit.split.prepaid_minor,
                commission_minor=unit.split.commission_minor,
                budgeted=unit.budgeted,
                budget_minor=terms[versions[unit.claim_id]].budget_minor,
            )
            for unit in units
        ]


def _in_order(claims: Mapping[UUID, Claim]) -> list[Claim]:
    return [claims[claim_id] for claim_id in sorted(claims)]
