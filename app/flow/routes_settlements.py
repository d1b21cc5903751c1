"""A merchant's statements: the list, one, its lines, and its lines as a file."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

from app.core.errors import NotFound
from app.flow.present_settlements import line_json, settlement_json
from app.flow.routes_common import context, flow
from app.flow.schemas_settlements import (
    SettlementAnswer,
    SettlementLinesAnswer,
    SettlementLinesQuery,
    SettlementsAnswer,
    SettlementsQuery,
)
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in
from app.http.caching import NO_STORE
from app.http.services import services
from app.settlements.rules import file_name, hash_of

blueprint = Blueprint("settlements", __name__, description="Statements of what merchants are owed")

OWN = allow("owner", "partner", owner="settlements.merchant_id is one of the principal's merchants")
CSV = "text/csv"
_LIST, _LINES = "settlements", "settlement_lines"


@blueprint.get(
    "/v1/settlements",
    policy=OWN,
    query=SettlementsQuery,
    answer=SettlementsAnswer,
    problems=("not-found", "invalid-cursor", "expired-cursor", "flow-unavailable"),
)
def settlements(query: dict[str, Any]) -> Answer:
    """Statements of the caller's merchants over all cities, newest first; of drafts what they would come to now."""
    parts, asked, principal = services(), context(), signed_in()
    wanted: UUID | None = query.get("merchant_id")
    if wanted is not None and wanted not in principal.merchant_ids:
        raise NotFound("there is no such merchant")
    merchant_ids = principal.merchant_ids if wanted is None else (wanted,)
    state, limit = query.get("state"), query["limit"]
    filters = {"merchant_id": None if wanted is None else str(wanted), "state": state}
    bound = {**filters, "caller": principal.key}
    before = UUID(parts.cursors.decode(_LIST, bound, query["cursor"], asked.now)) if "cursor" in query else None
    found = flow().list_settlements(asked, merchant_ids, state, before, limit + 1)
    page, more = found[:limit], len(found) > limit
    body = {
        "items": [settlement_json(each) for each in page],
        "next_cursor": parts.cursors.encode(_LIST, bound, str(page[-1].settlement_id), asked.now) if more else None,
        "total": {"value": flow().count_settlements(asked, merchant_ids, state), "relation": "eq"},
        "applied": {**filters, "limit": limit},
    }
    return Answer(body, headers=NO_STORE)


@blueprint.get(
    "/v1/settlements/<uuid:settlement_id>",
    policy=OWN,
    answer=SettlementAnswer,
    problems=("not-found", "flow-unavailable"),
)
def one_settlement(settlement_id: UUID) -> Answer:
    """A statement, with what became of it."""
    return Answer(settlement_json(flow().get_settlement(context(), settlement_id)), headers=NO_STORE)


@blueprint.get(
    "/v1/settlements/<uuid:settlement_id>/lines",
    policy=OWN,
    query=SettlementLinesQuery,
    answer=SettlementLinesAnswer,
    problems=("not-found", "invalid-cursor", "expired-cursor", "flow-unavailable"),
)
def settlement_lines(settlement_id: UUID, query: dict[str, Any]) -> Answer:
    """Its lines, down to who funded which cent."""
    parts, asked = services(), context()
    found = flow().get_settlement(asked, settlement_id)
    bound = {"settlement": str(settlement_id), "caller": signed_in().key}
    after = int(parts.cursors.decode(_LINES, bound, query["cursor"], asked.now)) if "cursor" in query else 0
    limit = query["limit"]
    lines = flow().settlement_lines(asked, settlement_id, after, limit + 1)
    page, more = lines[:limit], len(lines) > limit
    body = {
        "items": [line_json(line, found.currency) for line in page],
        "next_cursor": parts.cursors.encode(_LINES, bound, str(page[-1].line_no), asked.now) if more else None,
        "total": {"value": found.line_count, "relation": "eq"},
        "applied": {"limit": limit},
    }
    return Answer(body, headers=NO_STORE)


@blueprint.get(
    "/v1/settlements/<uuid:settlement_id>/lines.csv",
    policy=OWN,
    answer=None,
    media_types=(CSV,),
    problems=("not-found", "flow-unavailable"),
    headers={"Repr-Digest": "SHA-256 of the file (RFC 9530)", "Content-Disposition": "the file's name"},
)
def settlement_file(settlement_id: UUID) -> Answer:
    """All its lines as CSV (RFC 4180, UTF-8, amounts in minor units); the bytes that ``file.sha256`` is of."""
    found, content = flow().settlement_file(context(), settlement_id)
    digest = base64.b64encode(hash_of(content)).decode()
    headers = {
        **NO_STORE,
        "Content-Disposition": f'attachment; filename="{file_name(found)}"',
        "Repr-Digest": f"sha-256=:{digest}:",
    }
    return Answer(content, headers=headers, media_type=CSV)
