"""Statements about redemptions, their units and wrong codes; each stays in one city."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, distinct, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.redemption.tables import redemption_units, redemptions, wrong_codes
from app.redemption.types import (
    COUNTED_FOR,
    MERCHANT_LIMIT,
    TERMINAL_LIMIT,
    WHOLE_MERCHANT,
    Redemption,
    Split,
    State,
    Unit,
    Use,
)

_SPLIT = ("gross_minor", "discount_minor", "platform_share_minor", "prepaid_minor", "commission_minor")
_OWN = tuple(name for name in Redemption.__dataclass_fields__ if name != "split")
_REDEMPTION = tuple(redemptions.c[name] for name in (*_OWN, *_SPLIT))
_UNIT_OWN = tuple(name for name in Unit.__dataclass_fields__ if name != "split")
_UNIT = tuple(redemption_units.c[name] for name in (*_UNIT_OWN, *_SPLIT))
_OF_UNIT = and_(
    redemptions.c.city_id == redemption_units.c.city_id,
    redemptions.c.redemption_id == redemption_units.c.redemption_id,
)


def insert_redemption(conn: Connection, fresh: Redemption) -> Redemption | None:
    """A new redemption as stored; None when the merchant's request number is taken."""
    row = conn.execute(
        upsert(redemptions)
        .values(
            **{name: getattr(fresh, name) for name in _OWN},
            **{name: getattr(fresh.split, name) for name in _SPLIT},
            payable_minor=fresh.split.payable_minor,
        )
        .on_conflict_do_nothing(constraint="redemptions_request_uq")
        .returning(*_REDEMPTION)
    ).one_or_none()
    return None if row is None else _redemption(row)


def insert_units(conn: Connection, city_id: int, redemption_id: UUID, units: Sequence[Unit]) -> None:
    """Live units of a redemption, whose claims the caller has locked; IntegrityError for one that is live elsewhere."""
    conn.execute(
        insert(redemption_units),
        [
            {
                "city_id": city_id,
                "redemption_id": redemption_id,
                "live": True,
                **{name: getattr(unit, name) for name in _UNIT_OWN},
                **{name: getattr(unit.split, name) for name in _SPLIT},
            }
            for unit in units
        ],
    )


def redemption_of_request(conn: Connection, city_id: int, merchant_id: UUID, request_no: str) -> Redemption | None:
    """What a merchant's request number stands for."""
    return _one(
        conn,
        _redemptions(city_id).where(redemptions.c.merchant_id == merchant_id, redemptions.c.request_no == request_no),
    )


def read_redemption(conn: Connection, city_id: int, redemption_id: UUID) -> Redemption | None:
    """A redemption as it is."""
    return _one(conn, _redemptions(city_id).where(redemptions.c.redemption_id == redemption_id))


def lock_redemption(conn: Connection, city_id: int, redemption_id: UUID) -> Redemption | None:
    """A redemption, locked until the transaction ends; locked before its claims and its payment."""
    return _one(conn, _redemptions(city_id).where(redemptions.c.redemption_id == redemption_id).with_for_update())


def own_redemption(
    conn: Connection,
    city_id: int,
    redemption_id: UUID,
    merchant_ids: Collection[UUID],
    place_ids: Collection[UUID] | None,
    *,
    lock: bool = False,
) -> Redemption | None:
    """A redemption of some merchants, at some places (None: at any of theirs); another's is as good as missing."""
    wanted = _redemptions(city_id).where(
        redemptions.c.redemption_id == redemption_id, redemptions.c.merchant_id.in_(list(merchant_ids))
    )
    if place_ids is not None:
        wanted = wanted.where(redemptions.c.place_id.in_(list(place_ids)))
    return _one(conn, wanted.with_for_update() if lock else wanted)


def units_of(conn: Connection, city_id: int, redemption_id: UUID) -> tuple[Unit, ...]:
    """The units of a redemption in the order in which they were asked for, which is that of their ids."""
    rows = conn.execute(
        select(*_UNIT)
        .where(redemption_units.c.city_id == city_id, redemption_units.c.redemption_id == redemption_id)
        .order_by(redemption_units.c.redemption_unit_id)
    )
    return tuple(Unit(**_with_split(row, _UNIT_OWN)) for row in rows)


def uses_of(conn: Connection, city_id: int, claim_ids: Sequence[UUID]) -> dict[UUID, tuple[Use, ...]]:
    """Live units by claim; claims without any are left out."""
    rows = conn.execute(
        select(
            redemption_units.c.claim_id,
            redemption_units.c.unit_no,
            redemptions.c.state,
            func.coalesce(redemptions.c.committed_at, redemptions.c.created_at).label("at"),
            redemptions.c.place_id,
        )
        .join(redemptions, _OF_UNIT)
        .where(
            redemption_units.c.city_id == city_id,
            redemption_units.c.claim_id.in_(list(claim_ids)),
            redemption_units.c.live,
        )
        .order_by(redemption_units.c.claim_id, redemption_units.c.unit_no)
    )
    found: dict[UUID, tuple[Use, ...]] = {}
    for row in rows:
        use = Use(row.unit_no, row.state == "held", row.at, row.place_id)
        found[row.claim_id] = (*found.get(row.claim_id, ()), use)
    return found


def claims_of_order(
    conn: Connection, city_id: int, place_id: UUID, pos_order_no: str, since: datetime
) -> frozenset[UUID]:
    """Claims that are used in an order of a place, by its own number, which counts for so long.

    Two requests for one order take turns, so that the second sees what the first used.
    """
    order = f"{place_id} {pos_order_no}"
    conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(order, 0))))
    rows = conn.execute(
        select(redemption_units.c.claim_id)
        .join(redemptions, _OF_UNIT)
        .where(
            redemptions.c.city_id == city_id,
            redemptions.c.place_id == place_id,
            redemptions.c.pos_order_no == pos_order_no,
            redemptions.c.created_at > since,
            redemption_units.c.city_id == city_id,
            redemption_units.c.live,
        )
    )
    return frozenset(rows.scalars())


def most_reversals(conn: Connection, city_id: int, claim_ids: Sequence[UUID]) -> int:
    """How often the one of some claims was reversed that was reversed most often."""
    counted = (
        select(func.count(distinct(redemption_units.c.redemption_id)).label("reversals"))
        .join(redemptions, _OF_UNIT)
        .where(
            redemption_units.c.city_id == city_id,
            redemption_units.c.claim_id.in_(list(claim_ids)),
            redemption_units.c.live.is_(False),
            redemptions.c.state == "reversed",
        )
        .group_by(redemption_units.c.claim_id)
        .subquery()
    )
    found: int | None = conn.execute(select(func.max(counted.c.reversals))).scalar_one()
    return found or 0


def move_redemption(
    conn: Connection, city_id: int, redemption_id: UUID, before: State, after: State, **columns: Any
) -> Redemption | None:
    """One guarded step, counted in ``seq``; None when the redemption is in another state."""
    return _changed(
        conn,
        and_(redemptions.c.city_id == city_id, redemptions.c.redemption_id == redemption_id),
        before,
        state=after,
        seq=redemptions.c.seq + 1,
        **columns,
    )


def mark_reversal(
    conn: Connection, city_id: int, redemption_id: UUID, *, pending: bool, reason: str | None
) -> Redemption | None:
    """Says whether a refund has to end before a committed redemption is reversed; no step by itself."""
    return _changed(
        conn,
        and_(redemptions.c.city_id == city_id, redemptions.c.redemption_id == redemption_id),
        "committed",
        reversal_pending=pending,
        reason=reason,
    )


def extend_lease(conn: Connection, city_id: int, redemption_id: UUID, until: datetime) -> Redemption | None:
    """Holds on for longer; no step by itself."""
    return _changed(
        conn,
        and_(redemptions.c.city_id == city_id, redemptions.c.redemption_id == redemption_id),
        "held",
        lease_until=until,
    )


def free_units_of(conn: Connection, city_id: int, redemption_id: UUID) -> None:
    """The units of a redemption that is over can be used by others."""
    conn.execute(
        update(redemption_units)
        .where(redemption_units.c.city_id == city_id, redemption_units.c.redemption_id == redemption_id)
        .values(live=False)
    )


def take_ended_leases(conn: Connection, city_id: int, now: datetime, limit: int) -> tuple[Redemption, ...]:
    """Holds whose lease is over, locked; those that somebody works on are left for the next round."""
    rows = conn.execute(
        _redemptions(city_id)
        .where(redemptions.c.state == "held", redemptions.c.lease_until <= now)
        .order_by(redemptions.c.lease_until, redemptions.c.redemption_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return tuple(_redemption(row) for row in rows)


def locked_since(conn: Connection, city_id: int, merchant_id: UUID, terminal: str, now: datetime) -> datetime | None:
    """From when on the wrong codes are counted that lock a terminal or its whole merchant; None when neither is."""
    full = case((wrong_codes.c.terminal == WHOLE_MERCHANT, MERCHANT_LIMIT), else_=TERMINAL_LIMIT)
    found: datetime | None = conn.execute(
        select(func.max(wrong_codes.c.counted_from)).where(
            wrong_codes.c.city_id == city_id,
            wrong_codes.c.merchant_id == merchant_id,
            wrong_codes.c.terminal.in_([terminal, WHOLE_MERCHANT]),
            wrong_codes.c.wrong_count >= full,
            wrong_codes.c.counted_from > now - COUNTED_FOR,
        )
    ).scalar_one()
    return found


def count_wrong(conn: Connection, city_id: int, merchant_id: UUID, terminal: str, now: datetime) -> bool:
    """Counts one wrong code; False when the count of the day is full, so that exactly so many are ever answered."""
    limit = MERCHANT_LIMIT if terminal == WHOLE_MERCHANT else TERMINAL_LIMIT
    old = wrong_codes.c.counted_from <= now - COUNTED_FOR
    fresh = upsert(wrong_codes).values(
        city_id=city_id, merchant_id=merchant_id, terminal=terminal, wrong_count=1, counted_from=now
    )
    counted = conn.execute(
        fresh.on_conflict_do_update(
            constraint="wrong_codes_pk",
            set_={
                "wrong_count": case((old, 1), else_=wrong_codes.c.wrong_count + 1),
                "counted_from": case((old, now), else_=wrong_codes.c.counted_from),
            },
            where=or_(old, wrong_codes.c.wrong_count < limit),
        )
    )
    return counted.rowcount == 1


def _changed(conn: Connection, here: ColumnElement[bool], before: State, **columns: Any) -> Redemption | None:
    row = conn.execute(
        update(redemptions).where(here, redemptions.c.state == before).values(**columns).returning(*_REDEMPTION)
    ).one_or_none()
    return None if row is None else _redemption(row)


def _redemptions(city_id: int) -> Select[Any]:
    return select(*_REDEMPTION).where(redemptions.c.city_id == city_id)


def _one(conn: Connection, statement: Select[Any]) -> Redemption | None:
    row = conn.execute(statement).one_or_none()
    return None if row is None else _redemption(row)


def _redemption(row: Row[Any]) -> Redemption:
    values = _with_split(row, _OWN)
    return Redemption(**values | {"request_hash": bytes(values["request_hash"])})


def _with_split(row: Row[Any], own: Sequence[str]) -> dict[str, Any]:
    values = row._mapping
    return {name: values[name] for name in own} | {"split": Split(**{name: values[name] for name in _SPLIT})}
