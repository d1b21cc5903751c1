"""What the platform owes a merchant, transfer by transfer: who funded it, and what it was for."""

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
from app.ledger.rules import FUNDED_BY, UNDO
from app.ledger.types import Line
from app.settlements.queries import statements_of_transfers
from app.settlements.queries_due import events_of_transfers
from app.settlements.schemas import LedgerAnswer, LedgerQuery

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
        known = _explained(conn, page)
    more = len(lines) > limit
    body = {
        "items": [_line(line, known[line.transfer_id]) for line in page],
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


def _explained(conn: Connection, page: list[Line]) -> dict[UUID, dict[str, Any]]:
    """What each line of a page was for, and which statement has it; two statements a city."""
    found: dict[UUID, dict[str, Any]] = {}
    for city_id in sorted({line.city_id for line in page}):
        ids = [line.transfer_id for line in page if line.city_id == city_id]
        settled = statements_of_transfers(conn, city_id, ids)
        about = events_of_transfers(conn, city_id, ids)
        for transfer_id in ids:
            redemption, place, coupon, claim = about.get(transfer_id, (None, None, None, None))
            found[transfer_id] = {
                "redemption_id": _text(redemption),
                "place_id": _text(place),
                "coupon_id": _text(coupon),
                "claim_id": _text(claim),
                "settlement_id": _text(settled.get(transfer_id)),
            }
    for line in page:
        if line.ref_type == "settlement":
            found[line.transfer_id]["settlement_id"] = str(line.ref_id)
    return found


def _line(line: Line, known: dict[str, Any]) -> dict[str, Any]:
    return {
        "transfer_id": str(line.transfer_id),
        "city_id": line.city_id,
        "merchant_id": str(line.merchant_id),
        "kind": line.kind,
        "amount": {"amount_minor": line.amount_minor, "currency": line.currency},
        "funded_by": FUNDED_BY.get(line.kind.removeprefix(UNDO)),
        "event": {"type": line.ref_type, "id": str(line.ref_id)},
        **known,
        "posted_at": line.posted_at.isoformat(),
    }


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
