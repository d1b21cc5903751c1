"""Signals of abuse, for a merchant's owners and those who run the city."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, true

from app.core.errors import NotFound
from app.fraud import queries
from app.fraud.schemas import FlagsAnswer, FlagsQuery
from app.fraud.types import Flag
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in
from app.http.caching import NO_STORE
from app.http.principals import Principal
from app.http.services import services
from app.members.queries import display_names

blueprint = Blueprint("fraud", __name__, description="Signals of abuse")

LOOKERS = allow(
    *("owner", "operator", "admin"),
    owner="fraud_flags.merchant_id is an owner's, fraud_flags.city_id an operator's",
)
_LIST = "flags"


@blueprint.get(
    "/v1/flags",
    policy=LOOKERS,
    query=FlagsQuery,
    answer=FlagsAnswer,
    problems=("not-found", "invalid-cursor", "expired-cursor"),
)
def flags(query: dict[str, Any]) -> Answer:
    """What tills did that looks like abuse, newest first; a signal to look at, never a proof."""
    parts, actor = services(), signed_in()
    wanted: UUID | None = query.get("merchant_id")
    state, limit, now = query.get("state"), query["limit"], parts.clock()
    filters = {"merchant_id": None if wanted is None else str(wanted), "state": state}
    bound = {**filters, "caller": actor.key}
    before = UUID(parts.cursors.decode(_LIST, bound, query["cursor"], now)) if "cursor" in query else None
    with parts.database.read_primary() as conn:
        found = queries.flags(conn, _reach(actor, wanted), state, before, limit + 1)
        people = {each.flag_id: _person(each) for each in found}
        names = display_names(conn, list({each for each in people.values() if each is not None}))
    page, more = found[:limit], len(found) > limit
    body = {
        "items": [_flag_json(each, _name(people[each.flag_id], names)) for each in page],
        "next_cursor": parts.cursors.encode(_LIST, bound, str(page[-1].flag_id), now) if more else None,
        "total": {"value": len(found), "relation": "gte" if more or before is not None else "eq"},
        "applied": {**filters, "limit": limit},
    }
    return Answer(body, headers=NO_STORE)


def _reach(actor: Principal, merchant_id: UUID | None) -> ColumnElement[bool]:
    """What the caller may see; NotFound for another's merchant."""
    if actor.role == "owner":
        if merchant_id is not None and merchant_id not in actor.merchant_ids:
            raise NotFound("there is no such merchant")
        return queries.of_merchants(actor.merchant_ids if merchant_id is None else [merchant_id])
    everywhere = true() if actor.role == "admin" else queries.of_cities(actor.city_ids)
    return everywhere if merchant_id is None else everywhere & queries.of_merchants([merchant_id])


def _person(flag: Flag) -> UUID | None:
    """The person behind an account such as ``staff:<id>``."""
    try:
        return UUID(flag.staff_id.partition(":")[2])
    except ValueError:
        return None


def _name(person: UUID | None, names: Mapping[UUID, str | None]) -> str | None:
    return None if person is None else names.get(person)


def _flag_json(flag: Flag, name: str | None) -> dict[str, Any]:
    """A flag; the member whom it may concern is not named."""
    return {
        "flag_id": str(flag.flag_id),
        "city_id": flag.city_id,
        "rule": flag.rule,
        "merchant_id": str(flag.merchant_id),
        "place_id": str(flag.place_id),
        "staff_id": flag.staff_id,
        "staff_name": name,
        "redemption_id": str(flag.about) if flag.rule == "soon_and_far" else None,
        "count": flag.count,
        "first_at": flag.first_at,
        "last_at": flag.last_at,
        "state": flag.state,
        "settled_at": flag.settled_at,
        "note": flag.note,
        "created_at": flag.created_at,
    }
