"""Statements about settlements and their lines; all but a merchant's list stay in one city."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, func, insert, select, tuple_, update

from app.settlements.tables import settlement_lines, settlement_transfers, settlements
from app.settlements.types import AMOUNTS, Amounts, Collected, Line, Netting, Settlement, Standing, State

MAX_LISTED = 500
LINES_AT_ONCE = 5_000
_NETTING = tuple(Netting.__dataclass_fields__)
_OWN = tuple(name for name in Settlement.__dataclass_fields__ if name not in ("netting", "totals"))
_SETTLEMENT = tuple(settlements.c[name] for name in (*_OWN, *_NETTING, *AMOUNTS))
_LINE_OWN = tuple(name for name in Line.__dataclass_fields__ if name != "amounts")
_LINE = tuple(settlement_lines.c[name] for name in (*_LINE_OWN, *AMOUNTS))


def insert_draft(conn: Connection, draft: Settlement) -> None:
    """A new draft; IntegrityError when the number is taken by another one."""
    conn.execute(
        insert(settlements).values(
            **{name: getattr(draft, name) for name in _OWN},
            **{name: getattr(draft.netting, name) for name in _NETTING},
            **{name: getattr(draft.totals, name) for name in AMOUNTS},
        )
    )


def read_settlement(conn: Connection, city_id: int, settlement_id: UUID, *, lock: bool = False) -> Settlement | None:
    """A statement of whichever merchant."""
    return _one(conn, _by_id(city_id, settlement_id), lock=lock)


def own_settlement(
    conn: Connection, city_id: int, settlement_id: UUID, merchant_ids: Collection[UUID]
) -> Settlement | None:
    """A statement of some merchants; another's is as good as missing."""
    return _one(
        conn, _by_id(city_id, settlement_id).where(settlements.c.merchant_id.in_(list(merchant_ids))), lock=False
    )


def draft_of(conn: Connection, city_id: int, merchant_id: UUID, currency: str) -> Settlement | None:
    """The draft of a merchant, locked."""
    return _one(conn, _of_merchant(city_id, merchant_id, currency).where(settlements.c.state == "draft"), lock=True)


def standing_of(conn: Connection, city_id: int, merchant_id: UUID, currency: str) -> Standing:
    """Where the closed statements of a merchant stand."""
    row = conn.execute(
        select(settlements.c.number, settlements.c.period_to, settlements.c.carried_minor)
        .where(
            settlements.c.city_id == city_id,
            settlements.c.merchant_id == merchant_id,
            settlements.c.currency == currency,
            settlements.c.state != "draft",
        )
        .order_by(settlements.c.number.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return Standing(0, None, 0, 0)
    receivable = conn.execute(
        select(func.sum(settlements.c.receivable_minor - settlements.c.recovered_minor)).where(
            settlements.c.city_id == city_id,
            settlements.c.merchant_id == merchant_id,
            settlements.c.currency == currency,
            settlements.c.state != "draft",
        )
    ).scalar_one()
    return Standing(row.number, row.period_to, row.carried_minor, int(receivable))


def settlements_of(
    conn: Connection, merchant_ids: Collection[UUID], state: str | None, before: UUID | None, limit: int
) -> tuple[Settlement, ...]:
    """A page of the statements of some merchants over all cities, newest first (ids are made in the order of time)."""
    wanted = (
        select(*_SETTLEMENT)
        .prefix_with("/* cross-city */")
        .where(settlements.c.merchant_id.in_(list(merchant_ids)))
        .order_by(settlements.c.settlement_id.desc())
        .limit(limit)
    )
    if state is not None:
        wanted = wanted.where(settlements.c.state == state)
    if before is not None:
        wanted = wanted.where(settlements.c.settlement_id < before)
    return tuple(_settlement(row) for row in conn.execute(wanted))


def count_settlements(conn: Connection, merchant_ids: Collection[UUID], state: str | None) -> int:
    """How many statements some merchants have over all cities."""
    wanted = (
        select(func.count())
        .select_from(settlements)
        .prefix_with("/* cross-city */")
        .where(settlements.c.merchant_id.in_(list(merchant_ids)))
    )
    if state is not None:
        wanted = wanted.where(settlements.c.state == state)
    return conn.execute(wanted).scalar_one()


def city_settlements(conn: Connection, city_id: int, state: str | None) -> tuple[Settlement, ...]:
    """The latest statements of a city, newest first; MAX_LISTED at most."""
    wanted = select(*_SETTLEMENT).where(settlements.c.city_id == city_id)
    if state is not None:
        wanted = wanted.where(settlements.c.state == state)
    rows = conn.execute(wanted.order_by(settlements.c.settlement_id.desc()).limit(MAX_LISTED))
    return tuple(_settlement(row) for row in rows)


def drafts_of_city(conn: Connection, city_id: int) -> Sequence[tuple[UUID, str]]:
    """Merchant and currency of each draft of a city."""
    rows = conn.execute(
        select(settlements.c.merchant_id, settlements.c.currency)
        .where(settlements.c.city_id == city_id, settlements.c.state == "draft")
        .order_by(settlements.c.merchant_id, settlements.c.currency)
        .limit(100_000)
    )
    return [(row.merchant_id, row.currency) for row in rows]


def move_settlement(
    conn: Connection, before: Settlement, to: State, *, told: bool, **columns: Any
) -> Settlement | None:
    """One guarded step, counted in ``seq`` when it is told; None when the statement is in another state."""
    row = conn.execute(
        update(settlements)
        .where(
            settlements.c.city_id == before.city_id,
            settlements.c.settlement_id == before.settlement_id,
            settlements.c.state == before.state,
        )
        .values(state=to, seq=settlements.c.seq + int(told), **columns)
        .returning(*_SETTLEMENT)
    ).one_or_none()
    return None if row is None else _settlement(row)


def move_cut(conn: Connection, draft: Settlement, period_to: datetime) -> None:
    """A draft ends at another time."""
    conn.execute(
        update(settlements)
        .where(
            settlements.c.city_id == draft.city_id,
            settlements.c.settlement_id == draft.settlement_id,
            settlements.c.state == "draft",
        )
        .values(period_to=period_to)
    )


def closing(netting: Netting, totals: Amounts, line_count: int) -> dict[str, Any]:
    """The columns that closing a statement fixes."""
    return {
        **{name: getattr(netting, name) for name in _NETTING},
        **{name: getattr(totals, name) for name in AMOUNTS},
        "line_count": line_count,
    }


# lines


def insert_lines(conn: Connection, settlement: Settlement, collected: Collected) -> None:
    """Lines and what they are made of; IntegrityError for a transfer that another statement has."""
    key = {"city_id": settlement.city_id, "settlement_id": settlement.settlement_id}
    lines = [
        {
            **key,
            **{name: getattr(line, name) for name in _LINE_OWN},
            **{name: getattr(line.amounts, name) for name in AMOUNTS},
        }
        for line in collected.lines
    ]
    parts = [
        {**key, "line_no": number, "transfer_id": entry.transfer_id, "amount_minor": entry.amount_minor}
        for number, entries in collected.entries.items()
        for entry in entries
    ]
    for table, rows in ((settlement_lines, lines), (settlement_transfers, parts)):
        for first in range(0, len(rows), LINES_AT_ONCE):
            conn.execute(insert(table), rows[first : first + LINES_AT_ONCE])


def lines_after(conn: Connection, city_id: int, settlement_id: UUID, after: int, limit: int) -> tuple[Line, ...]:
    """A page of the lines of a closed statement, behind a line's number."""
    rows = conn.execute(
        select(*_LINE)
        .where(
            settlement_lines.c.city_id == city_id,
            settlement_lines.c.settlement_id == settlement_id,
            settlement_lines.c.line_no > after,
        )
        .order_by(settlement_lines.c.line_no)
        .limit(limit)
    )
    return tuple(_line(row) for row in rows)


def all_lines(conn: Connection, city_id: int, settlement_id: UUID) -> Iterator[Line]:
    """Every line of a closed statement, in order."""
    after = 0
    while True:
        page = lines_after(conn, city_id, settlement_id, after, LINES_AT_ONCE)
        yield from page
        if len(page) < LINES_AT_ONCE:
            return
        after = page[-1].line_no


def statements_of_transfers(conn: Connection, city_id: int, transfer_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Which statement has each of some transfers; those that none has are left out."""
    rows = conn.execute(
        select(settlement_transfers.c.transfer_id, settlement_transfers.c.settlement_id).where(
            tuple_(settlement_transfers.c.city_id, settlement_transfers.c.transfer_id).in_(
                [(city_id, each) for each in transfer_ids]
            )
        )
    )
    return {row.transfer_id: row.settlement_id for row in rows}


def _by_id(city_id: int, settlement_id: UUID) -> Select[Any]:
    return select(*_SETTLEMENT).where(settlements.c.city_id == city_id, settlements.c.settlement_id == settlement_id)


def _of_merchant(city_id: int, merchant_id: UUID, currency: str) -> Select[Any]:
    return select(*_SETTLEMENT).where(
        settlements.c.city_id == city_id,
        settlements.c.merchant_id == merchant_id,
        settlements.c.currency == currency,
    )


def _one(conn: Connection, wanted: Select[Any], *, lock: bool) -> Settlement | None:
    row = conn.execute(wanted.with_for_update() if lock else wanted).one_or_none()
    return None if row is None else _settlement(row)


def _settlement(row: Row[Any]) -> Settlement:
    found = row._mapping
    return Settlement(
        **{name: found[name] for name in _OWN},
        netting=Netting(*(found[name] for name in _NETTING)),
        totals=Amounts(*(found[name] for name in AMOUNTS)),
    )


def _line(row: Row[Any]) -> Line:
    found = row._mapping
    return Line(**{name: found[name] for name in _LINE_OWN}, amounts=Amounts(*(found[name] for name in AMOUNTS)))
