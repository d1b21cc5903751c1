"""Which claim an offered code stands for, and the count of codes that stand for none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson
from sqlalchemy import Connection

from app.claims.codes import CodeKeys, parse_code
from app.claims.errors import CodeMistyped
from app.claims.queries import merchant_claim, merchant_claim_by_code
from app.claims.types import Claim
from app.core.errors import Fault
from app.coupons.own_codes import NoCode, normal
from app.coupons.queries_codes import brings_codes
from app.flow.embedded.till_access import Till
from app.flow.types import OfferedCode, RedemptionRequest
from app.redemption import queries
from app.redemption.errors import CodeUnknown, StaffLocked
from app.redemption.types import COUNTED_FOR, WHOLE_MERCHANT

NOBODY: Final = UUID(int=0)  # whose claim a forged QR is: it is looked for like any other


@dataclass(frozen=True, slots=True)
class ParsedCode:
    """What a claim is found by: the keyed hash of its code, or its id from a QR.

    ``own`` is what was typed as a code that its merchant may have brought; ``mistyped`` says why it is none of ours.
    """

    code_key: bytes | None
    claim_id: UUID
    units: int
    own: str | None = None
    mistyped: CodeMistyped | None = None


def parsed(keys: CodeKeys, city_id: int, offered: OfferedCode) -> ParsedCode:
    """An offered code of a city; CodeMistyped, which nobody counts."""
    if offered.qr is not None:
        return ParsedCode(None, keys.claim_of_qr(offered.qr) or NOBODY, offered.units)
    typed = offered.code or ""
    try:
        own = normal(typed)
    except NoCode:
        own = None
    try:
        return ParsedCode(keys.key_of(city_id, parse_code(typed)), NOBODY, offered.units, own)
    except CodeMistyped as error:
        if own is None:
            raise
        return ParsedCode(None, NOBODY, offered.units, own, error)


def parsed_all(keys: CodeKeys, city_id: int, offered: Sequence[OfferedCode]) -> tuple[ParsedCode, ...]:
    """The codes of a request; CodeMistyped points at the first wrong one."""
    found = []
    for position, each in enumerate(offered):
        try:
            found.append(parsed(keys, city_id, each))
        except CodeMistyped as error:
            raise _mistyped(error, position, "code" if each.qr is None else "qr") from None
    return tuple(found)


def _mistyped(error: CodeMistyped, position: int, member: str) -> CodeMistyped:
    return CodeMistyped(error.detail, faults=[Fault(error.detail, pointer=f"/codes/{position}/{member}")])


def request_hash(keys: CodeKeys, request: RedemptionRequest, codes: Sequence[ParsedCode]) -> bytes:
    """What makes two requests of a till the same; keyed, since a plain hash of a code is soon searched through."""
    order = request.order
    said = {
        "place": str(request.place_id),
        "codes": [
            [(each.code_key or (each.own or "").encode() or each.claim_id.bytes).hex(), each.units] for each in codes
        ],
        "order": None if order is None else [order.gross_minor, order.currency, order.pos_order_no],
        "hold": request.hold,
    }
    return keys.lookup.of(f"till request {orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()}")


def claim_of(conn: Connection, till: Till, keys: CodeKeys, code: ParsedCode) -> Claim:
    """The claim of a code at the till's merchant; CodeUnknown, CodeMistyped.

    Unknown codes, another merchant's and forged ones take the same statements. Where the merchant brings codes of its
    own, any text may be one, so that what is none is counted, typing errors too.
    """
    if code.code_key is not None:
        found = merchant_claim_by_code(conn, till.city_id, till.merchant_id, code.code_key)
    elif code.own is None:
        found = merchant_claim(conn, till.city_id, till.merchant_id, code.claim_id)
    else:
        found = None
    if found is None and code.own is not None and brings_codes(conn, till.city_id, till.merchant_id):
        key = keys.own.key_of(till.city_id, till.merchant_id, code.own)
        found = merchant_claim_by_code(conn, till.city_id, till.merchant_id, key)
    elif found is None and code.mistyped is not None:
        raise code.mistyped
    if found is None:
        raise CodeUnknown("no code of this merchant is like that; read it again")
    return found


def claims_of(conn: Connection, till: Till, keys: CodeKeys, codes: Sequence[ParsedCode]) -> list[Claim]:
    """The claims of the codes of a request; CodeMistyped points at the first wrong one."""
    found = []
    for position, code in enumerate(codes):
        try:
            found.append(claim_of(conn, till, keys, code))
        except CodeMistyped as error:
            raise _mistyped(error, position, "code") from None
    return found


def refuse_locked(conn: Connection, till: Till, now: datetime) -> None:
    """StaffLocked while the wrong codes of the terminal or of its merchant are too many."""
    since = queries.locked_since(conn, till.city_id, till.merchant_id, till.terminal, now)
    if since is not None:
        wait_s = math.ceil((since + COUNTED_FOR - now).total_seconds())
        raise StaffLocked("too many wrong codes within a day; look-ups wait", retry_after_s=max(1, wait_s))


def count_wrong(conn: Connection, till: Till, now: datetime) -> None:
    """Counts a wrong code for the terminal and its merchant; StaffLocked, counting neither, when either is full."""
    counted = (till.terminal, WHOLE_MERCHANT)
    with conn.begin_nested() as savepoint:
        if all(queries.count_wrong(conn, till.city_id, till.merchant_id, each, now) for each in counted):
            return
        savepoint.rollback()
    refuse_locked(conn, till, now)
    raise StaffLocked("too many wrong codes within a day; look-ups wait", retry_after_s=1)
