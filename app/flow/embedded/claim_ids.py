"""Ids of claims that a partner's client made: looked at first, so that one that is known is that claim again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from app.claims import queries
from app.claims.errors import ClaimIdTaken
from app.claims.types import Claim
from app.core.errors import Fault, InvalidBody
from app.core.ids import city_of
from app.flow.types import ClaimRequest, RequestContext
from app.http.answers import Answer
from app.http.idempotency import KeyScope, begin, finish


def known_claim(conn: Connection, context: RequestContext, request: ClaimRequest) -> Claim | None:
    """The claim that the id stands for; None when it is new or the server makes it. InvalidBody, ClaimIdTaken."""
    if request.claim_id is None:
        return None
    city_id = city_of(request.coupon_id)
    if request.claim_id.version != 7 or city_of(request.claim_id) != city_id:
        said = f"give a UUIDv7 whose low 20 bits are those of the coupon's city ({city_id})"
        raise InvalidBody(faults=[Fault(said, pointer="/claim_id")])
    known = queries.read_claim(conn, city_id, request.claim_id)
    if known is None:
        return None
    if (known.member_id, known.coupon_id) != (context.actor.member_id, request.coupon_id):
        raise ClaimIdTaken("make a new id for a new claim")
    return known


def answered_again(conn: Connection, scope: KeyScope, answer: Answer, now: datetime) -> Answer:
    """The answer under a key that may have one already."""
    stored = begin(conn, scope, now)
    if stored is None:
        finish(conn, scope, answer, now)
    return stored or answer
