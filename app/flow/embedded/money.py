"""What the money side of the flow shares: its partners, and what a provider's outcome does to a payment."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from sqlalchemy import Connection

from app.core.db import Database
from app.core.errors import AppError
from app.core.money import Money
from app.flow.embedded.purposes import Purposes
from app.outbox.queries import put_job
from app.payments import queries
from app.payments.actions import begin_refund, capture, move
from app.payments.providers.gateway import Provider
from app.payments.rules import after, asked_of, missing_is_final, stray_refund_no, takes_money
from app.payments.types import Closed, Declined, Missing, Paid, Payment, PayOutcome, Purpose, State, Waiting

log = logging.getLogger("fujin.payments")

RESOLVE_PAYMENT = "payment.resolve"
RESOLVE_REFUND = "refund.resolve"


class Ledger(Protocol):
    """What this side posts; each once a payment or refund, nothing for cash."""

    def post_capture(
        self,
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
        """A payment succeeded."""
        ...

    def post_stray(
        self,
        conn: Connection,
        city_id: int,
        *,
        payment_id: UUID,
        money: Money,
        fee_minor: int,
        now: datetime,
        provider: str,
    ) -> None:
        """Money came for something that is over."""
        ...

    def post_refund(
        self,
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
        """Money went back."""
        ...


@dataclass(frozen=True, slots=True)
class MoneyParts:
    """What payments work with; ``offered`` names the providers that take new payments."""

    database: Database
    providers: Mapping[str, Provider]
    offered: tuple[str, ...]
    purposes: Purposes
    ledger: Ledger


def alarm(what: str, payment: Payment, **more: object) -> None:
    """A line for those who run this: money and books differ, or somebody has to look."""
    about = {"payment_id": str(payment.payment_id), "provider": payment.provider, "trade_no": payment.trade_no}
    log.error(what, extra={"alarm": True, "city_id": payment.city_id, **about, **more})


def ask(provider: Provider, payment: Payment, now: datetime) -> PayOutcome:
    """What became of a payment, as its provider says; knows no transaction.

    A payment that is being cancelled is stopped there first. A trade that the provider does not know is given a
    minute to arrive; then its number is closed there, and it is asked for once more. One for which the payer was sent
    to the provider is waited for: some open the trade only when the payer comes.
    """
    asked = asked_of(payment)
    if payment.state == "cancelling":
        stopped = provider.cancel(asked)
        if isinstance(stopped, (Paid, Closed, Declined)):
            return stopped
    found = provider.query(asked)
    if not isinstance(found, Missing):
        return found
    if payment.state == "pending":
        return Waiting(payment.pay_url)
    if not missing_is_final(payment, now):
        return found
    provider.cancel(asked)
    found = provider.query(asked)
    return Closed("never reached the provider") if isinstance(found, Missing) else found


def apply_outcome(
    conn: Connection, parts: MoneyParts, seen: Payment, outcome: PayOutcome, now: datetime, trace: str | None
) -> Payment:
    """The payment after what its provider said; a message that comes late, twice or out of turn changes nothing.

    ``seen`` need not be locked nor fresh. Locks: the thing paid for, the payment, then what the money moves.
    """
    if isinstance(outcome, Paid):
        return _take_money(conn, parts, seen, outcome, now, trace)
    payment = _locked(conn, seen)
    to = after(payment.state, outcome)
    if to is None:
        return payment
    failure = outcome.reason[:200] if isinstance(outcome, (Declined, Closed)) else None
    pay_url = outcome.pay_url if isinstance(outcome, Waiting) else payment.pay_url if to == "unknown" else None
    known = outcome.provider_trade_no if isinstance(outcome, Waiting) else None
    number = known or payment.provider_trade_no
    return move(conn, payment, to, now, trace, failure=failure, pay_url=pay_url, provider_trade_no=number)


def _take_money(
    conn: Connection, parts: MoneyParts, seen: Payment, paid: Paid, now: datetime, trace: str | None
) -> Payment:
    parts.purposes.lock(conn, seen.city_id, seen.purpose, seen.purpose_id)
    payment = _locked(conn, seen)
    if not takes_money(payment.state):
        return payment
    if (paid.amount_minor, paid.currency) != (payment.amount_minor, payment.currency):
        alarm("a provider tells of another amount", payment, told_minor=paid.amount_minor, told_currency=paid.currency)
        return payment
    good = _purpose_takes(conn, parts, payment, now, trace)
    to: State = "succeeded" if good else "stray"
    money = Money(payment.amount_minor, payment.currency)
    captured = capture(conn, payment, paid, to, now, trace)
    if good:
        parts.ledger.post_capture(
            conn,
            payment.city_id,
            payment_id=payment.payment_id,
            purpose=payment.purpose,
            merchant_id=payment.merchant_id,
            money=money,
            fee_minor=paid.fee_minor,
            provider=payment.provider,
            now=now,
        )
        return captured
    parts.ledger.post_stray(
        conn,
        payment.city_id,
        payment_id=payment.payment_id,
        money=money,
        fee_minor=paid.fee_minor,
        now=now,
        provider=payment.provider,
    )
    return _give_stray_back(conn, captured, now, trace)


def _purpose_takes(conn: Connection, parts: MoneyParts, payment: Payment, now: datetime, trace: str | None) -> bool:
    """True when the thing is paid for by this money; another payment that is under way or done has its place."""
    live = queries.lock_live_payment(conn, payment.city_id, payment.purpose, payment.purpose_id)
    if live is not None and live.payment_id != payment.payment_id:
        return False
    try:
        with conn.begin_nested():
            return parts.purposes.paid(conn, payment.city_id, payment.purpose, payment.purpose_id, now, trace)
    except AppError as refusal:  # such as a budget that was used up meanwhile: the money came all the same
        alarm("what was paid for refused the money", payment, code=refusal.code)
        return False


def _give_stray_back(conn: Connection, payment: Payment, now: datetime, trace: str | None) -> Payment:
    alarm("stray payment, to be refunded", payment, purpose=payment.purpose, amount_minor=payment.captured_minor)
    refund = begin_refund(
        conn,
        payment,
        cause="stray",
        cause_id=payment.payment_id,
        refund_no=stray_refund_no(payment.payment_id),
        amount_minor=payment.captured_minor,
        reason="what was paid for had ended",
        return_coupon=False,
        now=now,
        trace=trace,
    )
    put_job(conn, payment.city_id, RESOLVE_REFUND, refund.refund_id, now, now)
    return _locked(conn, payment)


def _locked(conn: Connection, payment: Payment) -> Payment:
    found = queries.lock_payment(conn, payment.city_id, payment.payment_id)
    if found is None:
        raise LookupError(f"payment {payment.payment_id} is gone")
    return found
