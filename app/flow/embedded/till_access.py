"""At which tills somebody may stand, and whose redemptions they may touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.core.errors import NotFound
from app.core.ids import city_of
from app.http.principals import Principal, require_scope
from app.merchants.queries import operator_among
from app.redemption.queries import own_redemption
from app.redemption.types import Redemption

SCOPE: Final = "redemptions:write"


@dataclass(frozen=True, slots=True)
class Till:
    """Somebody at a place of a merchant; wrong codes are counted by ``terminal``."""

    city_id: int
    merchant_id: UUID
    place_id: UUID
    terminal: str


def till_at(conn: Connection, actor: Principal, place_id: UUID) -> Till:
    """The till of the caller at a place: one of a staff member's own, or any that the caller's merchants run.

    ScopeMissing; NotFound for another's place as for a missing one.
    """
    require_scope(actor, SCOPE)
    reached = actor.merchant_ids if actor.role != "staff" or place_id in actor.place_ids else ()
    city_id = city_of(place_id)
    merchant_id = operator_among(conn, city_id, place_id, reached)
    if merchant_id is None:
        raise NotFound("there is no such place")
    return Till(city_id, merchant_id, place_id, f"{actor.key}@{place_id}")


def reached_redemption(conn: Connection, actor: Principal, redemption_id: UUID, *, lock: bool) -> Redemption:
    """A redemption of the caller's merchants, of staff at their own places; ScopeMissing, NotFound."""
    require_scope(actor, SCOPE)
    places = actor.place_ids if actor.role == "staff" else None
    found = own_redemption(conn, city_of(redemption_id), redemption_id, actor.merchant_ids, places, lock=lock)
    if found is None:
        raise NotFound("there is no such redemption")
    return found
