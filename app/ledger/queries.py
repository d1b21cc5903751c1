"""Statements about accounts and transfers; transfers are only ever added."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, Subquery, and_, func, insert, select, tuple_, union_all, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.core.ids import new_city_id
from app.ledger.tables import accounts, transfers
from app.ledger.types import FLOORS, Account, AccountKey, Line, Posting


def put_accounts(
    conn: Connection, city_id: int, currency: str, keys: Collection[AccountKey], now: datetime
) -> dict[AccountKey, UUID]:
    """Ids of the accounts; those that are missing are opened, in one order so that two transactions can't lock up."""
    found = _accounts(conn, city_id, currency, keys)
    missing = sorted(set(keys) - found.keys())
    if missing:
        rows = [
            {
                "city_id": city_id,
                "account_id": new_city_id(city_id),
                "kind": key.kind,
                "owner_id": key.owner_id,
                "currency": currency,
                "floor_minor": FLOORS.get(key.kind),
                "balance_minor": 0 if key.kind in FLOORS else None,
                "created_at": now,
            }
            for key in missing
        ]
        conn.execute(upsert(accounts).values(rows).on_conflict_do_nothing(constraint="accounts_kind_uq"))
        found |= _accounts(conn, city_id, currency, missing)
    return found


def _accounts(conn: Connection, city_id: int, currency: str, keys: Collection[AccountKey]) -> dict[AccountKey, UUID]:
    rows = conn.execute(
        select(accounts.c.account_id, accounts.c.kind, accounts.c.owner_id).where(
            accounts.c.city_id == city_id,
            accounts.c.currency == currency,
            tuple_(accounts.c.kind, accounts.c.owner_id).in_([(key.kind, key.owner_id) for key in keys]),
        )
    )
    return {AccountKey(row.kind, row.owner_id): row.account_id for row in rows}


def add_transfers(
    conn: Connection,
    city_id: int,
    currency: str,
    postings: Sequence[Posting],
    ids: dict[AccountKey, UUID],
    now: datetime,
) -> None:
    """Writes transfers in the order of their accounts; IntegrityError when one of them is written already."""
    rows = [_row(city_id, currency, posting, ids, now) for posting in postings]
    rows.sort(key=lambda row: sorted((row["debit_account_id"], row["credit_account_id"])))
    conn.execute(insert(transfers), rows)


def add_transfer_once(
    conn: Connection, city_id: int, currency: str, posting: Posting, ids: dict[AccountKey, UUID], now: datetime
) -> bool:
    """Writes a transfer unless it is there; True when it was written now. Waits for whoever is writing the same."""
    added = conn.execute(
        upsert(transfers)
        .values(_row(city_id, currency, posting, ids, now))
        .on_conflict_do_nothing(constraint="transfers_ref_uq")
    )
    return added.rowcount == 1


def _row(city_id: int, currency: str, posting: Posting, ids: dict[AccountKey, UUID], now: datetime) -> dict[str, Any]:
    return {
        "city_id": city_id,
        "transfer_id": new_city_id(city_id),
        "debit_account_id": ids[posting.debit],
        "credit_account_id": ids[posting.credit],
        "currency": currency,
        "amount_minor": posting.amount_minor,
        "ref_type": posting.ref_type,
        "ref_id": posting.ref_id,
        "kind": posting.kind,
        "posted_at": now,
    }


def move_balance(conn: Connection, city_id: int, account_id: UUID, delta_minor: int) -> bool:
    """Moves the balance of a floored account; False when it would fall below its floor, and nothing is changed."""
    moved = conn.execute(
        update(accounts)
        .where(
            accounts.c.city_id == city_id,
            accounts.c.account_id == account_id,
            accounts.c.balance_minor + delta_minor >= accounts.c.floor_minor,
        )
        .values(balance_minor=accounts.c.balance_minor + delta_minor)
    )
    return moved.rowcount == 1


def balances(conn: Connection, city_id: int, currency: str, merchant_id: UUID | None = None) -> dict[str, int]:
    """Balance by kind of account, debits positive, worked out from the transfers; of one merchant's accounts if given.

    Kinds without a transfer are left out; those of a whole city sum to 0.
    """

    def side(account: Any, amount: Any) -> Select[Any]:
        wanted = (
            select(accounts.c.kind, amount.label("amount_minor"))
            .join(transfers, and_(transfers.c.city_id == accounts.c.city_id, account == accounts.c.account_id))
            .where(accounts.c.city_id == city_id, accounts.c.currency == currency)
        )
        return wanted if merchant_id is None else wanted.where(accounts.c.owner_id == merchant_id)

    both = union_all(
        side(transfers.c.debit_account_id, transfers.c.amount_minor),
        side(transfers.c.credit_account_id, -transfers.c.amount_minor),
    ).subquery()
    statement = (
        select(both.c.kind, func.sum(both.c.amount_minor).label("balance_minor"))
        .group_by(both.c.kind)
        .order_by(both.c.kind)
    )
    return {row.kind: int(row.balance_minor) for row in conn.execute(statement)}


def merchant_accounts(conn: Connection, merchant_ids: Collection[UUID]) -> dict[int, list[Account]]:
    """Accounts of some merchants by city, over all cities; by index."""
    rows = conn.execute(
        select(accounts.c.city_id, accounts.c.account_id, accounts.c.kind, accounts.c.owner_id)
        .prefix_with("/* cross-city */")
        .where(accounts.c.owner_id.in_(list(merchant_ids)), accounts.c.kind == "merchant_payable")
        .order_by(accounts.c.city_id, accounts.c.account_id)
        .limit(10_000)
    )
    found: dict[int, list[Account]] = {}
    for row in rows:
        found.setdefault(row.city_id, []).append(Account(row.account_id, AccountKey(row.kind, row.owner_id)))
    return found


def lines_of(
    conn: Connection, city_id: int, of: Sequence[Account], before: UUID | None, limit: int
) -> tuple[Line, ...]:
    """A page of the transfers of some accounts of a city, newest first (ids are made in the order of time)."""
    ids = [account.account_id for account in of]
    owner = {account.account_id: account.key.owner_id for account in of}

    def side(account: Any, amount: Any) -> Subquery:
        wanted = select(
            transfers.c.transfer_id,
            account.label("account_id"),
            amount.label("amount_minor"),
            transfers.c.kind,
            transfers.c.ref_type,
            transfers.c.ref_id,
            transfers.c.currency,
            transfers.c.posted_at,
        ).where(transfers.c.city_id == city_id, account.in_(ids))
        if before is not None:
            wanted = wanted.where(transfers.c.transfer_id < before)
        return wanted.order_by(transfers.c.transfer_id.desc()).limit(limit).subquery()

    owed = side(transfers.c.credit_account_id, transfers.c.amount_minor)
    taken = side(transfers.c.debit_account_id, -transfers.c.amount_minor)
    both = union_all(select(owed), select(taken)).subquery()
    rows = conn.execute(select(both).order_by(both.c.transfer_id.desc()).limit(limit))
    return tuple(
        Line(
            city_id,
            row.transfer_id,
            owner[row.account_id],
            row.kind,
            row.ref_type,
            row.ref_id,
            row.amount_minor,
            row.currency,
            row.posted_at,
        )
        for row in rows
    )


def count_lines(conn: Connection, city_id: int, of: Sequence[Account], at_most: int) -> int:
    """How many transfers some accounts of a city have; counting stops at a bound."""
    ids = [account.account_id for account in of]
    some = (
        select(transfers.c.transfer_id)
        .where(
            transfers.c.city_id == city_id,
            transfers.c.credit_account_id.in_(ids) | transfers.c.debit_account_id.in_(ids),
        )
        .limit(at_most)
        .subquery()
    )
    return conn.execute(select(func.count()).select_from(some)).scalar_one()
