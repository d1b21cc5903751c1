"""Statements as merchants see them: stored ones as they are, drafts as they would be if they were closed now."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection

from app.core.db import Database
from app.core.errors import NotFound
from app.core.ids import city_of
from app.flow.types import RequestContext
from app.settlements import queries
from app.settlements.actions import collected, foreseen, lines_shown
from app.settlements.rules import file_of
from app.settlements.types import Line, Settlement


class SettlementsPart:
    """Reads; statements are made by operators."""

    def __init__(self, database: Database, floor_minor: int) -> None:
        self._database, self._floor_minor = database, floor_minor

    def listed(
        self,
        context: RequestContext,
        merchant_ids: Sequence[UUID],
        state: str | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[Settlement]:
        """A page, newest first; merchants that are not the caller's are left out."""
        with self._database.read_primary() as conn:
            found = queries.settlements_of(conn, _own(context, merchant_ids), state, before, limit)
            return [foreseen(conn, each, self._floor_minor) for each in found]

    def count(self, context: RequestContext, merchant_ids: Sequence[UUID], state: str | None) -> int:
        """How many there are."""
        with self._database.read_primary() as conn:
            return queries.count_settlements(conn, _own(context, merchant_ids), state)

    def get(self, context: RequestContext, settlement_id: UUID) -> Settlement:
        """One of the caller's merchants'; NotFound."""
        with self._database.read_primary() as conn:
            return foreseen(conn, _found(conn, context, settlement_id), self._floor_minor)

    def lines(self, context: RequestContext, settlement_id: UUID, after: int, limit: int) -> Sequence[Line]:
        """Its lines behind a number; NotFound."""
        with self._database.read_primary() as conn:
            found = _found(conn, context, settlement_id)
            if found.state == "draft":
                return collected(conn, found).lines[after : after + limit]
            return queries.lines_after(conn, found.city_id, settlement_id, after, limit)

    def file(self, context: RequestContext, settlement_id: UUID) -> tuple[Settlement, bytes]:
        """Its lines as a file; NotFound."""
        with self._database.read_primary() as conn:
            found = _found(conn, context, settlement_id)
            return found, file_of(found.currency, lines_shown(conn, found))


def _own(context: RequestContext, merchant_ids: Sequence[UUID]) -> list[UUID]:
    return [each for each in merchant_ids if each in context.actor.merchant_ids]


def _found(conn: Connection, context: RequestContext, settlement_id: UUID) -> Settlement:
    found = queries.own_settlement(conn, city_of(settlement_id), settlement_id, context.actor.merchant_ids)
    if found is None:
        raise NotFound("there is no such settlement")
    return found
