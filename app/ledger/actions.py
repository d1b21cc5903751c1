"""Writes what business events move, in the transaction that records the event.

An event is posted once: callers change a state by a guarded update first, and a second posting raises IntegrityError.
Amounts are minor units. Each city and currency has books of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from app.core.money import Money
from app.ledger import queries, rules
from app.ledger.errors import BudgetExhausted
from app.ledger.types import FLOORS, AccountKey, Posting, Purpose, UnitSplit


def post_capture(
    conn: Connection,
    city_id: int,
    *,
    payment_id: UUID,
    purpose: Purpose,
    merchant_id: UUID,
    money: Money,
    fee_minor: int,
    provider: str,
    now: datetime,
) -> None:
    """A payment succeeded: its money stands with the provider, owed to the merchant or to a claim's use."""
    if provider != rules.CASH:
        postings = rules.captured(payment_id, purpose, merchant_id, money.amount_minor, fee_minor)
        _post(conn, city_id, money.currency, postings, now)


def post_stray(
    conn: Connection,
    city_id: int,
    *,
    payment_id: UUID,
    money: Money,
    fee_minor: int,
    now: datetime,
    provider: str = "",
) -> None:
    """Money came for something that is over; it is owed back to its payer. Cash is in the merchant's till."""
    if provider != rules.CASH:
        postings = rules.captured(payment_id, "stray", None, money.amount_minor, fee_minor)
        _post(conn, city_id, money.currency, postings, now)


def post_refund(
    conn: Connection,
    city_id: int,
    *,
    refund_id: UUID,
    purpose: Purpose | Literal["stray"],
    merchant_id: UUID,
    money: Money,
    fee_returned_minor: int,
    provider: str,
    now: datetime,
) -> None:
    """A refund succeeded; ``purpose`` is that of its payment, ``stray`` for a stray one."""
    if provider != rules.CASH:
        postings = rules.refunded(refund_id, purpose, merchant_id, money.amount_minor, fee_returned_minor)
        _post(conn, city_id, money.currency, postings, now)


def post_committed(
    conn: Connection, city_id: int, merchant_id: UUID, currency: str, units: Sequence[UnitSplit], now: datetime
) -> None:
    """A redemption was committed; BudgetExhausted, after which the caller rolls back to its savepoint."""
    for budget in rules.budgets(units):
        ids = queries.put_accounts(conn, city_id, currency, {budget.debit, budget.credit}, now)
        if queries.add_transfer_once(conn, city_id, currency, budget, ids, now):
            _move_balances(conn, city_id, [budget], ids)
    _post(conn, city_id, currency, rules.used(merchant_id, units), now)


def post_reversed(
    conn: Connection, city_id: int, merchant_id: UUID, currency: str, units: Sequence[UnitSplit], now: datetime
) -> None:
    """A committed redemption was reversed: what its units moved goes back, the budget is free for others again."""
    _post(conn, city_id, currency, rules.used(merchant_id, units, undo=True), now)


def post_settled(
    conn: Connection,
    city_id: int,
    *,
    settlement_id: UUID,
    merchant_id: UUID,
    currency: str,
    lines_minor: int,
    receivable_minor: int,
    recovered_minor: int,
    now: datetime,
) -> None:
    """A statement was closed: its lines leave the payable account, which then holds what no statement has."""
    postings = rules.settled(settlement_id, merchant_id, lines_minor, receivable_minor, recovered_minor)
    _post(conn, city_id, currency, postings, now)


def post_paid_out(
    conn: Connection, city_id: int, *, settlement_id: UUID, merchant_id: UUID, money: Money, now: datetime
) -> None:
    """The money of a closed statement left for the merchant's bank."""
    _post(conn, city_id, money.currency, rules.paid_out(settlement_id, merchant_id, money.amount_minor), now)


def _post(conn: Connection, city_id: int, currency: str, postings: Sequence[Posting], now: datetime) -> None:
    if not postings:
        return
    keys = {key for posting in postings for key in (posting.debit, posting.credit)}
    ids = queries.put_accounts(conn, city_id, currency, keys, now)
    _move_balances(conn, city_id, postings, ids)
    queries.add_transfers(conn, city_id, currency, postings, ids, now)


def _move_balances(conn: Connection, city_id: int, postings: Sequence[Posting], ids: dict[AccountKey, UUID]) -> None:
    """Moves floored balances in the order of their accounts, before the transfers that depend on them."""
    deltas: Counter[AccountKey] = Counter()
    for posting in postings:
        deltas[posting.debit] += posting.amount_minor
        deltas[posting.credit] -= posting.amount_minor
    floored = [(ids[key], key, delta) for key, delta in deltas.items() if key.kind in FLOORS and delta]
    for account_id, key, delta in sorted(floored):
        if not queries.move_balance(conn, city_id, account_id, delta):
            raise BudgetExhausted(f"less is left of the budget of coupon {key.owner_id} than this takes")
