"""What the platform owes a merchant, line by line, as the merchant sees it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.core.errors import NotFound
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in
from app.http.services import services
from app.ledger import queries
from app.ledger.schemas import LedgerAnswer, LedgerQuery
from app.ledger.types import Line

blueprint = Blueprint("ledger", __name__, description="The merchant's side of the ledger")

_LINES = "ledger_lines"
_COUNTED = 10_000  # lines counted a city; a total above it is a lower bound


@blueprint.get(
    "/v1/ledger",
    policy=allow("owner", "partner", owner="accounts.owner_id is one of the principal's merchants"),
    query=LedgerQuery,
    answer=LedgerAnswer,
    problems=("not-found", "invalid-cursor", "expired-cursor"),
)
def ledger_lines(query: dict[str, Any]) -> Answer:
    """The caller's own lines over all cities, newest first; another's merchant answers like a missing one."""
    principal, parts = signed_in(), services()
    wanted: UUID | None = query.get("merchant_id")
    if wanted is not None and wanted not in principal.merchant_ids:
        raise NotFound("there is no such merchant")
    merchant_ids = principal.merchant_ids if wanted is None else (wanted,)
    asked, now = {"merchant_id": str(wanted) if wanted else None}, parts.clock()
    # a cursor is bound to its caller too: the same query of another reads other accounts
    bound = {**asked, "caller": principal.key}
    before = UUID(parts.cursors.decode(_LINES, bound, query["cursor"], now)) if "cursor" in query else None
    limit = query["limit"]
    with parts.database.read_primary() as conn:
        lines, total, exact = _page(conn, merchant_ids, before, limit + 1)
    page = lines[:limit]
    more = len(lines) > limit
    body = {
        "items": [_line(line) for line in page],
        "next_cursor": parts.cursors.encode(_LINES, bound, str(page[-1].transfer_id), now) if more else None,
        "total": {"value": total, "relation": "eq" if exact else "gte"},
        "applied": {**asked, "limit": limit},
    }
    return Answer(body, headers={"Cache-Control": "no-store"})


def _page(
    conn: Connection, merchant_ids: tuple[UUID, ...], before: UUID | None, limit: int
) -> tuple[list[Line], int, bool]:
    """The newest lines of some merchants, how many there are, and whether all were counted; two statements a city."""
    lines: list[Line] = []
    counts: list[int] = []
    for city_id, of in queries.merchant_accounts(conn, merchant_ids).items():
        lines += queries.lines_of(conn, city_id, of, before, limit)
        counts.append(queries.count_lines(conn, city_id, of, _COUNTED + 1))
    lines.sort(key=lambda line: line.transfer_id, reverse=True)
    return lines[:limit], sum(min(count, _COUNTED) for count in counts), max(counts, default=0) <= _COUNTED


def _line(line: Line) -> dict[str, Any]:
    return {
        "transfer_id": str(line.transfer_id),
        "city_id": line.city_id,
        "merchant_id": str(line.merchant_id),
        "kind": line.kind,
        "amount": {"amount_minor": line.amount_minor, "currency": line.currency},
        "event": {"type": line.ref_type, "id": str(line.ref_id)},
        "posted_at": line.posted_at.isoformat(),
    }
