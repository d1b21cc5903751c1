"""The code of a claim: a new one, or one of those that the merchant brought, which is handed out once."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.claims.codes import CodeKeys, new_code
from app.claims.errors import SoldOut
from app.coupons import queries_codes
from app.coupons.types import Terms


@dataclass(frozen=True, slots=True)
class ClaimCode:
    """A code as it is shown, what it is found by, its last characters, and its row if its merchant brought it."""

    shown: str
    key: bytes
    tail: str
    code_id: UUID | None = None


def code_for(conn: Connection, keys: CodeKeys, terms: Terms) -> ClaimCode:
    """A code for a claim under some terms; one that was brought is this transaction's until it ends. SoldOut."""
    if terms.code_source != "merchant":
        code = new_code()
        return ClaimCode(code, keys.key_of(terms.city_id, code), code[-4:])
    taken = queries_codes.take_code(conn, terms.city_id, terms.coupon_id)
    if taken is None:
        raise SoldOut("every code that the merchant brought is handed out")
    code_id, key, sealed, tail = taken
    return ClaimCode(keys.own.unseal(code_id, sealed), key, tail, code_id)


def handed_out(conn: Connection, terms: Terms, code: ClaimCode, claim_id: UUID) -> None:
    """The claim is granted: nobody else gets its code."""
    if code.code_id is not None:
        queries_codes.hand_out(conn, terms.city_id, code.code_id, claim_id)
