"""Codes that merchants bring for their coupons."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Final
from uuid import UUID

from sqlalchemy import Connection

from app.core.db import patience
from app.core.errors import NotFound
from app.core.ids import city_of
from app.coupons import actions, queries_codes, queries_owned
from app.coupons.errors import CouponEnded, NotOwnCodes
from app.coupons.own_codes import own_code_keys
from app.coupons.owned_view import stock_json
from app.coupons.routes import ONE, OWNERS, author
from app.coupons.schemas import CodesAnswer, CodesQuery
from app.coupons.types import Owned
from app.coupons.uploads import Report, bring_codes
from app.http.answers import Answer
from app.http.api import Blueprint, FileOf
from app.http.auth import signed_in
from app.http.caching import NO_STORE
from app.http.keyed import KEY_HEADER, KEY_PROBLEMS, key_scope
from app.http.services import services
from app.http.steps import Plan, run_plan

blueprint = Blueprint("coupon-codes", __name__, description="Codes that a merchant brings")

LONGEST: Final = 8_000_000
IN_MEMORY: Final = 256_000
CHUNK: Final = 64_000
PATIENCE_S: Final = 30.0  # a long file is many statements, all of them short


class _CheckedOnly(Exception):
    """The file was read, and nothing of it is to be kept."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


@blueprint.post(
    f"{ONE}/codes",
    policy=OWNERS,
    query=CodesQuery,
    file=FileOf(
        "text/csv",
        LONGEST,
        "one code a row; with several columns the one that is headed `code`; 100,000 rows and 8 MB at most",
    ),
    answer=CodesAnswer,
    takes=KEY_HEADER,
    problems=(*KEY_PROBLEMS, "not-found", "invalid-body", "coupon-ended", "codes-are-generated"),
)
def upload_coupon_codes(coupon_id: UUID, query: dict[str, Any], body: BinaryIO) -> Answer:
    """Brings codes of the merchant's own for a coupon whose `code_source` is `merchant`; each is handed out once.

    Rows that give no code are told with their line and why, the others are kept. `check_only=true` keeps nothing.
    """
    parts, by, only_look = services(), author(signed_in()), query["check_only"]
    keys = own_code_keys(parts.settings.code_pepper, parts.settings.secret_key)
    with SpooledTemporaryFile(max_size=IN_MEMORY) as kept:
        digest = _spooled(body, kept)
        scope = key_scope(f"upload_coupon_codes {coupon_id}", city_of(coupon_id), {"sha256": digest, "look": only_look})

        def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
            coupon = _own(conn, coupon_id, by)
            kept.seek(0)
            if not only_look:
                report = bring_codes(conn, coupon, _chunks(kept), keys, by.now)
                actions.codes_came(conn, coupon)
                return _told(conn, coupon, report, look=False)
            try:
                with conn.begin_nested():
                    report = bring_codes(conn, coupon, _chunks(kept), keys, by.now)
                    raise _CheckedOnly(_told(conn, coupon, report, look=True))
            except _CheckedOnly as looked:
                return looked.answer

        with patience(PATIENCE_S):
            return run_plan(Plan(lambda _conn: None, settle), scope)


def _own(conn: Connection, coupon_id: UUID, by: actions.Author) -> Owned:
    coupon = queries_owned.owned(conn, city_of(coupon_id), coupon_id, by.reached, lock=True)
    if coupon is None:
        raise NotFound("there is no such coupon")
    if coupon.state == "ended":
        raise CouponEnded("create another coupon")
    terms = actions.waiting(conn, coupon) or actions.in_force(conn, coupon)
    if terms.draft.code_source != "merchant":
        raise NotOwnCodes("set code_source to merchant before the first publication")
    return coupon


def _told(conn: Connection, coupon: Owned, report: Report, *, look: bool) -> Answer:
    count = queries_codes.count_codes(conn, coupon.city_id, coupon.coupon_id)
    body = {
        "accepted": report.accepted,
        "refused_count": report.refused_count,
        "refused": [{"line": line, "reason": reason} for line, reason in report.refused],
        "check_only": look,
        "codes": {"uploaded": count.uploaded, "left": count.left},
        "stock": stock_json(conn, coupon)["stock"],
    }
    return Answer(body, headers=NO_STORE)


def _spooled(body: BinaryIO, kept: SpooledTemporaryFile[bytes]) -> str:
    """Writes the body where it can be read again, memory first; its SHA-256."""
    digest = hashlib.sha256()
    while chunk := body.read(CHUNK):
        digest.update(chunk)
        kept.write(chunk)
    return digest.hexdigest()


def _chunks(kept: SpooledTemporaryFile[bytes]) -> Iterator[bytes]:
    while chunk := kept.read(CHUNK):
        yield chunk
