"""How much of claims is used, as every part of the flow needs to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, and_, func, select

from app.redemption.tables import redemption_units, redemptions


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
    rows = conn.execute(
        select(
            redemption_units.c.claim_id,
            func.array_agg(redemption_units.c.unit_no).filter(redemptions.c.state == "held").label("held"),
            func.array_agg(redemption_units.c.unit_no).filter(redemptions.c.state == "committed").label("committed"),
        )
        .join(
            redemptions,
            and_(
                redemptions.c.city_id == redemption_units.c.city_id,
                redemptions.c.redemption_id == redemption_units.c.redemption_id,
            ),
        )
        .where(
            redemption_units.c.city_id == city_id,
            redemption_units.c.claim_id.in_(list(claim_ids)),
            redemption_units.c.live,
        )
        .group_by(redemption_units.c.claim_id)
    )
    return {row.claim_id: Usage(tuple(sorted(row.held or ())), tuple(sorted(row.committed or ()))) for row in rows}
