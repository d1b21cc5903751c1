"""How much of claims is used, as every part of the flow needs to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.claims.errors import ClaimHeld, ClaimNotCancellable
from app.claims.types import Claim
from app.redemption.queries import uses_of


@dataclass(frozen=True, slots=True)
class Usage:
    """Unit numbers of a claim that a till holds, and those that are used."""

    held: tuple[int, ...] = ()
    committed: tuple[int, ...] = ()

    @property
    def live_count(self) -> int:
        """Units that nobody else can use."""
        return len(self.held) + len(self.committed)


def usage_of(conn: Connection, city_id: int, claim_ids: Sequence[UUID]) -> Mapping[UUID, Usage]:
    """Usage of each of some claims of one city."""
    found = uses_of(conn, city_id, claim_ids) if claim_ids else {}
    return {
        claim_id: Usage(
            held=tuple(use.unit_no for use in found.get(claim_id, ()) if use.held),
            committed=tuple(use.unit_no for use in found.get(claim_id, ()) if not use.held),
        )
        for claim_id in claim_ids
    }


def refuse_in_use(conn: Connection, claim: Claim, remedy: str) -> None:
    """ClaimHeld, or ClaimNotCancellable with ``remedy`` as its detail, where any of a claim is held or used."""
    used = usage_of(conn, claim.city_id, [claim.claim_id])[claim.claim_id]
    if used.held:
        raise ClaimHeld("wait until the till is done with it", retry_after_s=5)
    if used.committed:
        raise ClaimNotCancellable(remedy)
