"""What providers tell us: kept as it came, applied once, and never believed without asking back."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from app.core.errors import NotFound
from app.core.ids import city_of
from app.flow.embedded.money import RESOLVE_PAYMENT, MoneyParts, alarm, apply_outcome, ask
from app.http.steps import Plan
from app.outbox.queries import put_job
from app.payments import queries
from app.payments.rules import FIRST_LOOK_AFTER, payment_id_of
from app.payments.types import Notice, Paid, Payment, PayOutcome, Silent

log = logging.getLogger("fujin.payments")

# Outcomes of a notice besides the state that its payment was found in.
RECEIVED: Final = "received"
UNKNOWN_TRADE: Final = "unknown-trade"
AMOUNT_MISMATCH: Final = "amount-mismatch"
NOT_CONFIRMED: Final = "not-confirmed"


class Notices:
    """Takes the messages of providers in."""

    def __init__(self, parts: MoneyParts) -> None:
        self._parts = parts

    def provider_notice(self, provider: str, headers: Mapping[str, str], body: bytes, now: datetime) -> Plan:
        """None. A forged message raises InvalidSignature before anything is written, a provider that sends no
        messages NotFound; everything else is taken, so that the provider stops sending it.

        Of copies, parallel ones too, the first is applied. With it a job is armed, which ends what a crash between
        our two transactions leaves undone. The amount is compared with ours, then the provider is asked.
        """
        sender = self._parts.providers.get(provider)
        if sender is None or not sender.sends_notices:
            raise NotFound("there is no such provider")
        notice = sender.verify_notice(headers, body, now)
        key = f"{provider}:{notice.event_key}"

        def prepare(conn: Connection) -> Payment | None:
            if not queries.add_notice(conn, key, provider, notice.trade_no, body, RECEIVED, now):
                return None
            payment = _payment_of(conn, provider, notice)
            if payment is None:
                log.warning("notice of an unknown trade", extra={"provider": provider, "event_key": key})
                queries.end_notice(conn, key, applied=False, outcome=UNKNOWN_TRADE)
                return None
            if (notice.amount_minor, notice.currency) != (payment.amount_minor, payment.currency):
                alarm("notice with another amount", payment, event_key=key, told_minor=notice.amount_minor)
                queries.end_notice(conn, key, applied=False, outcome=AMOUNT_MISMATCH)
                return None
            put_job(conn, payment.city_id, RESOLVE_PAYMENT, payment.payment_id, now + FIRST_LOOK_AFTER, now)
            return payment

        def call(payment: Payment | None) -> PayOutcome | None:
            return None if payment is None else ask(sender, payment, now)

        def settle(conn: Connection, payment: Payment | None, outcome: PayOutcome | None) -> None:
            if payment is None or outcome is None:
                return
            found = apply_outcome(conn, self._parts, payment, outcome, now, None)
            heard = not isinstance(outcome, Silent) and _fits(found, outcome)
            queries.end_notice(conn, key, applied=heard, outcome=found.state if heard else NOT_CONFIRMED)

        return Plan(prepare, settle, call)


def _payment_of(conn: Connection, provider: str, notice: Notice) -> Payment | None:
    """The payment that a notice is about: its number carries the city."""
    payment_id = payment_id_of(notice.trade_no)
    if payment_id is None:
        return None
    found = queries.read_payment(conn, city_of(payment_id), payment_id)
    return found if found is not None and found.provider == provider else None


def _fits(payment: Payment, outcome: PayOutcome) -> bool:
    if not isinstance(outcome, Paid):
        return True
    return (outcome.amount_minor, outcome.currency) == (payment.amount_minor, payment.currency)
