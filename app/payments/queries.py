"""Statements about payments, refunds and notices; all but those about notices stay in one city."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, false, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.payments.rules import PARKED, UNFINISHED
from app.payments.tables import payments, provider_events, refunds
from app.payments.types import Parked, Payment, Reach, Refund

MAX_REFUNDS = 100  # shown with a payment
_WITHOUT_MONEY = ("failed", "cancelled", "stray")  # as in the unique index over live payments

_PAYMENT = tuple(payments.c[name] for name in Payment.__dataclass_fields__)
_OF_PAYMENT = ("merchant_id", "provider", "trade_no", "provider_trade_no")
_REFUND = tuple(refunds.c[name] for name in Refund.__dataclass_fields__ if name not in _OF_PAYMENT)


# payments


def read_payment(conn: Connection, city_id: int, payment_id: UUID, reach: Reach | None = None) -> Payment | None:
    """A payment as it is; with ``reach`` another's is as good as missing."""
    return _payment(conn, _by_id(city_id, payment_id, reach))


def lock_payment(conn: Connection, city_id: int, payment_id: UUID, reach: Reach | None = None) -> Payment | None:
    """A payment, locked until the transaction ends."""
    return _payment(conn, _by_id(city_id, payment_id, reach).with_for_update())


def lock_live_payment(conn: Connection, city_id: int, purpose: str, purpose_id: UUID) -> Payment | None:
    """The payment of a thing that is under way or succeeded, locked."""
    live = (~payments.c.state.in_(_WITHOUT_MONEY), payments.c.purpose == purpose, payments.c.purpose_id == purpose_id)
    return _payment(conn, select(*_PAYMENT).where(payments.c.city_id == city_id, *live).with_for_update())


def left_of_claims(conn: Connection, city_id: int, claim_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What was paid for each of some claims and is not on its way back; those without money are left out."""
    rows = conn.execute(
        select(
            payments.c.purpose_id,
            (payments.c.captured_minor - payments.c.refunded_minor - payments.c.refunding_minor).label("left_minor"),
        ).where(
            payments.c.city_id == city_id,
            payments.c.purpose == "claim",
            payments.c.purpose_id.in_(list(claim_ids)),
            payments.c.state == "succeeded",
        )
    )
    return {row.purpose_id: row.left_minor for row in rows}


def payment_of_caller(conn: Connection, city_id: int, caller: str, caller_key: str) -> Payment | None:
    """What a caller began under a key."""
    return _payment(
        conn,
        select(*_PAYMENT).where(
            payments.c.city_id == city_id, payments.c.caller == caller, payments.c.caller_key == caller_key
        ),
    )


def last_payment(conn: Connection, city_id: int, purpose: str, purpose_id: UUID) -> Payment | None:
    """The newest attempt to pay for a thing, however it ended."""
    return _payment(
        conn,
        select(*_PAYMENT)
        .where(payments.c.city_id == city_id, payments.c.purpose == purpose, payments.c.purpose_id == purpose_id)
        .order_by(payments.c.attempt.desc())
        .limit(1),
    )


def unfinished_of(conn: Connection, city_id: int, purpose: str, purpose_ids: Sequence[UUID]) -> tuple[UUID, ...]:
    """Those payments of some things whose money may still come."""
    if not purpose_ids:
        return ()
    rows = conn.execute(
        select(payments.c.payment_id)
        .where(
            payments.c.city_id == city_id,
            payments.c.purpose == purpose,
            payments.c.purpose_id.in_(list(purpose_ids)),
            payments.c.state.in_(sorted(UNFINISHED)),
        )
        .order_by(payments.c.payment_id)
    )
    return tuple(rows.scalars())


def insert_payment(conn: Connection, payment: Payment) -> None:
    """A new payment."""
    conn.execute(insert(payments).values({name: getattr(payment, name) for name in Payment.__dataclass_fields__}))


def move_payment(
    conn: Connection, payment: Payment, state: str, now: datetime, *, told: bool, values: Mapping[str, Any]
) -> Payment | None:
    """One guarded step out of the state that ``payment`` was seen in; None when it has left that.

    ``told`` counts an event that the caller writes.
    """
    seq = payments.c.seq + 1 if told else payments.c.seq
    row = conn.execute(
        update(payments)
        .where(
            payments.c.city_id == payment.city_id,
            payments.c.payment_id == payment.payment_id,
            payments.c.state == payment.state,
        )
        .values(state=state, seq=seq, changed_at=now, **values)
        .returning(*_PAYMENT)
    ).one_or_none()
    return None if row is None else Payment(*tuple(row))


def reserve(conn: Connection, payment: Payment, amount_minor: int, now: datetime) -> Payment | None:
    """Sets an amount of captured money aside for a refund; None when less is left."""
    return _move_money(
        conn,
        payment,
        now,
        payments.c.captured_minor - payments.c.refunded_minor - payments.c.refunding_minor >= amount_minor,
        refunding_minor=payments.c.refunding_minor + amount_minor,
    )


def release(conn: Connection, payment: Payment, amount_minor: int, now: datetime) -> Payment | None:
    """Takes back what was set aside, since the provider will not pay it."""
    return _move_money(
        conn,
        payment,
        now,
        payments.c.refunding_minor >= amount_minor,
        refunding_minor=payments.c.refunding_minor - amount_minor,
    )


def give_back(
    conn: Connection, payment: Payment, amount_minor: int, fee_returned_minor: int, now: datetime
) -> Payment | None:
    """What was set aside has gone back, with a part of the fee."""
    return _move_money(
        conn,
        payment,
        now,
        payments.c.refunding_minor >= amount_minor,
        refunding_minor=payments.c.refunding_minor - amount_minor,
        refunded_minor=payments.c.refunded_minor + amount_minor,
        fee_returned_minor=payments.c.fee_returned_minor + fee_returned_minor,
    )


def _move_money(
    conn: Connection, payment: Payment, now: datetime, guard: ColumnElement[bool], **values: Any
) -> Payment | None:
    row = conn.execute(
        update(payments)
        .where(payments.c.city_id == payment.city_id, payments.c.payment_id == payment.payment_id, guard)
        .values(changed_at=now, **values)
        .returning(*_PAYMENT)
    ).one_or_none()
    return None if row is None else Payment(*tuple(row))


def _by_id(city_id: int, payment_id: UUID, reach: Reach | None) -> Select[Any]:
    found = select(*_PAYMENT).where(payments.c.city_id == city_id, payments.c.payment_id == payment_id)
    return found if reach is None else found.where(_reached(reach))


def _reached(reach: Reach) -> ColumnElement[bool]:
    own: ColumnElement[bool] = false() if reach.member_id is None else payments.c.member_id == reach.member_id
    there: ColumnElement[bool] = payments.c.merchant_id.in_(reach.merchant_ids)
    if reach.place_ids is not None:
        there = and_(there, payments.c.place_id.in_(reach.place_ids))
    return or_(own, there)


def _payment(conn: Connection, statement: Select[Any]) -> Payment | None:
    row = conn.execute(statement).one_or_none()
    return None if row is None else Payment(*tuple(row))


# refunds


def read_refund(conn: Connection, city_id: int, refund_id: UUID, reach: Reach | None = None) -> Refund | None:
    """A refund as it is; with ``reach`` that of another's payment is as good as missing."""
    wanted = _refunds().where(refunds.c.city_id == city_id, refunds.c.refund_id == refund_id)
    return _refund(conn, wanted if reach is None else wanted.where(_reached(reach)))


def lock_refund(conn: Connection, city_id: int, refund_id: UUID) -> Refund | None:
    """A refund, locked until the transaction ends."""
    wanted = _refunds().where(refunds.c.city_id == city_id, refunds.c.refund_id == refund_id)
    return _refund(conn, wanted.with_for_update(of=refunds))


def refund_of_no(conn: Connection, payment: Payment, refund_no: str) -> Refund | None:
    """The refund of a payment that carries a number."""
    return _refund(
        conn,
        _refunds().where(
            refunds.c.city_id == payment.city_id,
            refunds.c.payment_id == payment.payment_id,
            refunds.c.refund_no == refund_no,
        ),
    )


def refund_of_provider_no(conn: Connection, payment: Payment, provider_refund_no: str) -> Refund | None:
    """The refund of a payment that its provider knows under a number."""
    return _refund(
        conn,
        _refunds().where(
            refunds.c.city_id == payment.city_id,
            refunds.c.payment_id == payment.payment_id,
            refunds.c.provider_refund_no == provider_refund_no,
        ),
    )


def refunds_of(conn: Connection, city_id: int, payment_id: UUID) -> Sequence[Refund]:
    """The refunds of a payment, oldest first."""
    rows = conn.execute(
        _refunds()
        .where(refunds.c.city_id == city_id, refunds.c.payment_id == payment_id)
        .order_by(refunds.c.refund_id)
        .limit(MAX_REFUNDS)
    )
    return tuple(Refund(*tuple(row)) for row in rows)


def insert_refund(conn: Connection, refund: Refund) -> None:
    """A new refund."""
    conn.execute(insert(refunds).values({column.name: getattr(refund, column.name) for column in _REFUND}))


def move_refund(
    conn: Connection, refund: Refund, state: str, now: datetime, *, told: bool, values: Mapping[str, Any]
) -> Refund | None:
    """One guarded step, as for payments."""
    seq = refunds.c.seq + 1 if told else refunds.c.seq
    row: Row[Any] | None = conn.execute(
        update(refunds)
        .where(
            refunds.c.city_id == refund.city_id,
            refunds.c.refund_id == refund.refund_id,
            refunds.c.state == refund.state,
        )
        .values(state=state, seq=seq, changed_at=now, **values)
        .returning(*_REFUND)
    ).one_or_none()
    return None if row is None else replace(refund, **row._mapping)


def _refunds() -> Select[Any]:
    return select(*_REFUND, *(payments.c[name] for name in _OF_PAYMENT)).join(
        payments, and_(payments.c.city_id == refunds.c.city_id, payments.c.payment_id == refunds.c.payment_id)
    )


def _refund(conn: Connection, statement: Select[Any]) -> Refund | None:
    row = conn.execute(statement).one_or_none()
    return None if row is None else Refund(*tuple(row))


# notices


def add_notice(
    conn: Connection, event_key: str, provider: str, trade_no: str, body: bytes, outcome: str, now: datetime
) -> bool:
    """Keeps a notice as it came; False for a copy of one that is kept. Of parallel copies the later ones wait."""
    kept = conn.execute(
        insert(provider_events)
        .values(
            event_key=event_key,
            provider=provider,
            trade_no=trade_no,
            body=body,
            applied=False,
            outcome=outcome,
            received_at=now,
        )
        .on_conflict_do_nothing()
    )
    return kept.rowcount == 1


def end_notice(conn: Connection, event_key: str, *, applied: bool, outcome: str) -> None:
    """What became of a notice."""
    conn.execute(
        update(provider_events).where(provider_events.c.event_key == event_key).values(applied=applied, outcome=outcome)
    )


def parked_notices(conn: Connection, limit: int) -> Sequence[Parked]:
    """Notices that did not fit our books, the latest first; a look over all that were kept, for a person."""
    kept = provider_events.c
    rows = conn.execute(
        select(
            kept.event_key,
            kept.provider,
            kept.trade_no,
            kept.outcome,
            kept.received_at,
            func.length(kept.body).label("size"),
        )
        .where(kept.outcome.in_(PARKED))
        .order_by(kept.received_at.desc(), kept.event_key)
        .limit(limit)
    )
    return tuple(Parked(*tuple(row)) for row in rows)
