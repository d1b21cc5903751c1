"""Statements about groups and their seats; each stays in one city."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.groups.tables import deal_groups, group_seats
from app.groups.types import Group, Seat

_GROUP = tuple(deal_groups.c[name] for name in Group.__dataclass_fields__)
_SEAT = tuple(group_seats.c[name] for name in Seat.__dataclass_fields__)


# groups


def read_group(conn: Connection, city_id: int, group_id: UUID) -> Group | None:
    """A group as it is."""
    return _group(conn, _by_id(city_id, group_id))


def lock_group(conn: Connection, city_id: int, group_id: UUID) -> Group | None:
    """A group, locked until the transaction ends; claims are locked before it, stock and money after it."""
    return _group(conn, _by_id(city_id, group_id).with_for_update())


def open_group_of(conn: Connection, city_id: int, coupon_id: UUID, member_id: UUID) -> Group | None:
    """The open group of a coupon that somebody began."""
    return _group(
        conn,
        select(*_GROUP).where(
            deal_groups.c.city_id == city_id,
            deal_groups.c.coupon_id == coupon_id,
            deal_groups.c.member_id == member_id,
            deal_groups.c.state == "open",
        ),
    )


def states_of(conn: Connection, city_id: int, group_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """The states of some groups of one city."""
    if not group_ids:
        return {}
    rows = conn.execute(
        select(deal_groups.c.group_id, deal_groups.c.state).where(
            deal_groups.c.city_id == city_id, deal_groups.c.group_id.in_(list(group_ids))
        )
    )
    return {row.group_id: row.state for row in rows}


def insert_group(conn: Connection, group: Group) -> bool:
    """A new group; False when its starter has an open one of the coupon."""
    values = {name: getattr(group, name) for name in Group.__dataclass_fields__}
    return conn.execute(insert(deal_groups).values(values).on_conflict_do_nothing()).rowcount == 1


def change_group(conn: Connection, group: Group, **values: Any) -> Group | None:
    """One guarded step of a group that the caller has locked; None when it has left the state it was seen in."""
    row = conn.execute(
        update(deal_groups)
        .where(
            deal_groups.c.city_id == group.city_id,
            deal_groups.c.group_id == group.group_id,
            deal_groups.c.state == group.state,
        )
        .values(**values)
        .returning(*_GROUP)
    ).one_or_none()
    return None if row is None else Group(*tuple(row))


def take_due_groups(conn: Connection, city_id: int, now: datetime, limit: int) -> tuple[Group, ...]:
    """Open groups whose deadline is over, locked; those that somebody works on are left for the next round."""
    rows = conn.execute(
        select(*_GROUP)
        .where(deal_groups.c.city_id == city_id, deal_groups.c.state == "open", deal_groups.c.deadline <= now)
        .order_by(deal_groups.c.deadline, deal_groups.c.group_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return tuple(Group(*tuple(row)) for row in rows)


def take_settled_groups(conn: Connection, city_id: int, limit: int, unless: ColumnElement[bool]) -> tuple[Group, ...]:
    """Failed groups of which no seat waits for anything, locked likewise; not those of which ``unless`` is true."""
    waiting = exists().where(
        group_seats.c.city_id == deal_groups.c.city_id,
        group_seats.c.group_id == deal_groups.c.group_id,
        group_seats.c.state.in_(("reserved", "joined", "refunding")),
    )
    rows = conn.execute(
        select(*_GROUP)
        .where(deal_groups.c.city_id == city_id, deal_groups.c.state == "failed", ~waiting, ~unless)
        .order_by(deal_groups.c.group_id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=deal_groups)
    )
    return tuple(Group(*tuple(row)) for row in rows)


def _by_id(city_id: int, group_id: UUID) -> Select[Any]:
    return select(*_GROUP).where(deal_groups.c.city_id == city_id, deal_groups.c.group_id == group_id)


def _group(conn: Connection, statement: Select[Any]) -> Group | None:
    row = conn.execute(statement).one_or_none()
    return None if row is None else Group(*tuple(row))


# seats


def seat_of(conn: Connection, city_id: int, group_id: UUID, member_id: UUID) -> Seat | None:
    """A member's seat, whatever became of it."""
    found = conn.execute(
        select(*_SEAT).where(
            group_seats.c.city_id == city_id,
            group_seats.c.group_id == group_id,
            group_seats.c.member_id == member_id,
        )
    ).one_or_none()
    return _seat(found)


def lock_seat_of_claim(conn: Connection, city_id: int, claim_id: UUID) -> Seat | None:
    """The seat that stands on a claim, which the caller has locked; None for one that stands on a later claim."""
    found = conn.execute(
        select(*_SEAT).where(group_seats.c.city_id == city_id, group_seats.c.claim_id == claim_id).with_for_update()
    ).one_or_none()
    return _seat(found)


def put_seat(conn: Connection, seat: Seat) -> bool:
    """A seat for a member who has none, or has given theirs up; False when they have one."""
    values = {name: getattr(seat, name) for name in Seat.__dataclass_fields__}
    fresh = insert(group_seats).values(values)
    taken = conn.execute(
        fresh.on_conflict_do_update(
            constraint="group_seats_pk",
            set_={name: fresh.excluded[name] for name in ("claim_id", "state", "tries", "retry_at", "changed_at")},
            where=group_seats.c.state == "left",
        )
    )
    return taken.rowcount == 1


def move_seat(conn: Connection, seat: Seat, state: str, now: datetime, **values: Any) -> bool:
    """One guarded step of a seat; False when it has left the state it was seen in."""
    moved = conn.execute(
        update(group_seats)
        .where(
            group_seats.c.city_id == seat.city_id,
            group_seats.c.group_id == seat.group_id,
            group_seats.c.member_id == seat.member_id,
            group_seats.c.claim_id == seat.claim_id,
            group_seats.c.state == seat.state,
        )
        .values(state=state, changed_at=now, **values)
    )
    return moved.rowcount == 1


def claims_of_reserved(conn: Connection, group: Group) -> tuple[UUID, ...]:
    """The claims of a group's seats that are not paid for yet."""
    rows = conn.execute(
        select(group_seats.c.claim_id)
        .where(
            group_seats.c.city_id == group.city_id,
            group_seats.c.group_id == group.group_id,
            group_seats.c.state == "reserved",
        )
        .order_by(group_seats.c.claim_id)
        .limit(group.seats)
    )
    return tuple(rows.scalars())


def to_pay_back(conn: Connection, city_id: int, now: datetime, limit: int) -> tuple[Seat, ...]:
    """Paid seats of failed groups whose money is not on its way back, oldest group first; nothing is locked."""
    rows = conn.execute(
        select(*_SEAT)
        .join(
            deal_groups,
            and_(deal_groups.c.city_id == group_seats.c.city_id, deal_groups.c.group_id == group_seats.c.group_id),
        )
        .where(
            deal_groups.c.city_id == city_id,
            deal_groups.c.state == "failed",
            group_seats.c.city_id == city_id,
            group_seats.c.state == "joined",
            or_(group_seats.c.retry_at.is_(None), group_seats.c.retry_at <= now),
        )
        .order_by(group_seats.c.group_id, group_seats.c.member_id)
        .limit(limit)
    )
    return tuple(Seat(*tuple(row)) for row in rows)


def _seat(row: Row[Any] | None) -> Seat | None:
    return None if row is None else Seat(*tuple(row))
