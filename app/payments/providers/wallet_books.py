"""The test wallet's own books: trades, refunds and notices to send, each change in a transaction of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from app.core.db import Database
from app.payments.tables import wallet_notices, wallet_refunds, wallet_trades

MAX_TRIES = 8


@dataclass(frozen=True, slots=True)
class Trade:
    """A line in the book of trades."""

    trade_no: str
    wallet_no: str
    amount_minor: int
    currency: str
    state: str
    told: Mapping[str, Any]
    fee_minor: int
    refunded_minor: int
    fee_returned_minor: int
    settles_at: datetime | None
    lost_answers: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WalletRefund:
    """A line in the book of refunds."""

    refund_no: str
    trade_no: str
    amount_minor: int
    fee_returned_minor: int
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A notice to send, ``copies`` times; ``tries`` counts this one."""

    notice_id: str
    trade_no: str
    body: bytes
    copies: int
    tries: int


_TRADE = tuple(wallet_trades.c[name] for name in Trade.__dataclass_fields__)
_REFUND = tuple(wallet_refunds.c[name] for name in WalletRefund.__dataclass_fields__)
_NOTICE = tuple(wallet_notices.c[name] for name in DueNotice.__dataclass_fields__)


@contextmanager
def books(database: Database) -> Iterator[Connection]:
    """A transaction of the wallet, on a connection that is never the caller's; kept when the block ends well."""
    with database.primary.begin() as conn:
        conn.exec_driver_sql(
            f"SET LOCAL statement_timeout = {int(database.write_timeout_s * 1000)}; SET LOCAL lock_timeout = 1000"
        )
        yield conn


def open_trade(conn: Connection, trade: Trade) -> Trade:
    """The trade of that number, locked: the one given when the number is new."""
    conn.execute(
        insert(wallet_trades)
        .values({name: getattr(trade, name) for name in Trade.__dataclass_fields__})
        .on_conflict_do_nothing()
    )
    found = lock_trade(conn, trade.trade_no)
    assert found is not None
    return found


def lock_trade(conn: Connection, trade_no: str) -> Trade | None:
    """A trade, locked."""
    row = conn.execute(select(*_TRADE).where(wallet_trades.c.trade_no == trade_no).with_for_update()).one_or_none()
    return None if row is None else Trade(*tuple(row))


def change_trade(conn: Connection, trade_no: str, **values: Any) -> Trade:
    """The trade with some columns changed; locked by the caller."""
    row = conn.execute(
        update(wallet_trades).where(wallet_trades.c.trade_no == trade_no).values(**values).returning(*_TRADE)
    ).one()
    return Trade(*tuple(row))


def refund_of(conn: Connection, refund_no: str) -> WalletRefund | None:
    """A refund by its number."""
    row = conn.execute(select(*_REFUND).where(wallet_refunds.c.refund_no == refund_no)).one_or_none()
    return None if row is None else WalletRefund(*tuple(row))


def add_refund(conn: Connection, refund: WalletRefund) -> None:
    """A new refund."""
    conn.execute(
        insert(wallet_refunds).values({name: getattr(refund, name) for name in WalletRefund.__dataclass_fields__})
    )


def add_notice(conn: Connection, notice_id: str, trade_no: str, body: bytes, copies: int, send_at: datetime) -> None:
    """A notice to send."""
    conn.execute(
        insert(wallet_notices).values(
            notice_id=notice_id, trade_no=trade_no, body=body, copies=copies, send_at=send_at, tries=0, sent_at=None
        )
    )


def take_due_notices(conn: Connection, now: datetime, limit: int, lease: timedelta) -> Sequence[DueNotice]:
    """Due notices, given to nobody else while the lease lasts; those tried too often stay unsent."""
    due = (
        select(wallet_notices.c.notice_id)
        .where(
            wallet_notices.c.sent_at.is_(None),
            wallet_notices.c.send_at <= now,
            wallet_notices.c.tries < MAX_TRIES,
        )
        .order_by(wallet_notices.c.send_at, wallet_notices.c.notice_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = conn.execute(due).scalars().all()
    if not found:
        return ()
    rows = conn.execute(
        update(wallet_notices)
        .where(wallet_notices.c.notice_id.in_(found))
        .values(send_at=now + lease, tries=wallet_notices.c.tries + 1)
        .returning(*_NOTICE)
    ).all()
    return tuple(DueNotice(row.notice_id, row.trade_no, bytes(row.body), row.copies, row.tries) for row in rows)


def end_notice(conn: Connection, notice_id: str, sent_at: datetime) -> None:
    """The notice was taken, or has nothing to tell any more."""
    conn.execute(update(wallet_notices).where(wallet_notices.c.notice_id == notice_id).values(sent_at=sent_at))


def put_notice_off(conn: Connection, notice_id: str, send_at: datetime) -> None:
    """The notice was not taken; it is sent again."""
    conn.execute(update(wallet_notices).where(wallet_notices.c.notice_id == notice_id).values(send_at=send_at))
