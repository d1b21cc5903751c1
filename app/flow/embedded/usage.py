"""How much of claims is used, as every part of the flow needs to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

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
    """Usage by claim, for claims of one city; those without any are left out."""
    if not claim_ids:
        return {}
    return {
        claim_id: Usage(
            held=tuple(use.unit_no for use in uses if use.held),
            committed=tuple(use.unit_no for use in uses if not use.held),
        )
        for claim_id, uses in uses_of(conn, city_id, claim_ids).items()
    }
