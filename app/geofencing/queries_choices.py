"""Statements about what members agreed to; each is about one member."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.core.ids import new_id
from app.geofencing.tables_following import location_choices, location_consents


@dataclass(frozen=True, slots=True)
class Choices:
    """What a member agreed to and since when, when they want quiet, and the cities that follow them."""

    member_id: UUID
    positions_at: datetime | None
    offers_at: datetime | None
    time_zone: str
    quiet_from_min: int | None
    quiet_until_min: int | None
    cities: tuple[int, ...]
    row_version: int


_OF_MEMBER = select(*(location_choices.c[name] for name in Choices.__dataclass_fields__)).where(
    location_choices.c.member_id == bindparam("member")
)
_LOCKED = _OF_MEMBER.with_for_update()


def choices_of(conn: Connection, member_id: UUID, *, lock: bool = False) -> Choices | None:
    """What a member chose; None when they never did."""
    row = conn.execute(_LOCKED if lock else _OF_MEMBER, {"member": member_id}).one_or_none()
    return None if row is None else Choices(**dict(row._mapping) | {"cities": tuple(row.cities)})


def put_choices(conn: Connection, choices: Choices, now: datetime) -> None:
    """What a member chooses from now on; the cities stay as they are."""
    columns = {
        "positions_at": choices.positions_at,
        "offers_at": choices.offers_at,
        "time_zone": choices.time_zone,
        "quiet_from_min": choices.quiet_from_min,
        "quiet_until_min": choices.quiet_until_min,
        "changed_at": now,
    }
    fresh = upsert(location_choices).values(member_id=choices.member_id, cities=[], row_version=1, **columns)
    grown = location_choices.c.row_version + 1
    conn.execute(fresh.on_conflict_do_update(constraint="location_choices_pk", set_=columns | {"row_version": grown}))


def note_consent(conn: Connection, member_id: UUID, purpose: str, *, given: bool, now: datetime) -> None:
    """That a member agreed, or withdrew."""
    conn.execute(
        insert(location_consents).values(member_id=member_id, consent_id=new_id(), purpose=purpose, given=given, at=now)
    )


def put_cities(conn: Connection, member_id: UUID, cities: tuple[int, ...]) -> None:
    """Cities that keep something of a member."""
    conn.execute(
        update(location_choices).where(location_choices.c.member_id == member_id).values(cities=sorted(cities))
    )
