"""What providers tell us: kept as it came, applied once, and never believed without asking back.

A notice that does not fit our books is parked: kept with its reason, told to those who run this, and nothing moves.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client import Counter
from sqlalchemy import Connection

from app.core.errors import NotFound
from app.core.ids import city_of
from app.flow.embedded.money import RESOLVE_PAYMENT, RESOLVE_REFUND, alarm, apply_outcome, ask
from app.flow.embedded.refunds import Refunds
from app.http.steps import Plan
from app.outbox.queries import put_job
from app.payments import queries
from app.payments.errors import InvalidSignature
from app.payments.providers.gateway import Provider
from app.payments.rules import (
    AMOUNT_MISMATCH,
    CAPTURED,
    FIRST_LOOK_AFTER,
    REFUND_AFTER_ALL,
    REFUND_MISMATCH,
    REFUND_TAKEN_BACK,
    UNKNOWN_REFUND,
    UNKNOWN_TRADE,
    payment_id_of,
)
from app.payments.types import (
    Missing,
    Notice,
    Paid,
    Payment,
    PayOutcome,
    Refund,
    RefundDone,
    RefundOutcome,
    Silent,
)

log = logging.getLogger("fujin.payments")

# Outcomes of a notice besides the state that its payment was found in and the reasons for parking it.
RECEIVED: Final = "received"
NOT_CONFIRMED: Final = "not-confirmed"
OF_NO_USE: Final = "of-no-use"
FORGED: Final = "invalid-signature"

NOTICES = Counter("fujin_provider_notices_total", "Notices of providers by what came of them", ["provider", "outcome"])


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a notice is about, once it is kept and fits our books."""

    payment: Payment
    refund: Refund | None


@dataclass(frozen=True, slots=True)
class _Said:
    """What the provider said when it was asked back; None for what was not asked."""

    of_payment: PayOutcome | None
    of_refund: RefundOutcome | None


class Notices(Refunds):
    """Takes the messages of providers in."""

    def provider_notice(self, provider: str, headers: Mapping[str, str], body: bytes, now: datetime) -> Plan:
        """Bytes: the word that the provider waits for. A forged message raises InvalidSignature before anything is
        written, a provider that sends no messages NotFound; everything else is taken, so that it is not sent again.

        Of copies, parallel ones too, the first is applied. With it a job is armed, which ends what a crash between
        our two transactions leaves undone. The amounts are compared with ours, then the provider is asked.
        """
        sender = self._parts.providers.get(provider)
        if sender is None or not sender.sends_notices:
            raise NotFound("there is no such provider")
        try:
            notice = sender.verify_notice(headers, body, now)
        except InvalidSignature:
            NOTICES.labels(provider, FORGED).inc()
            raise
        key = f"{provider}:{notice.event_key}"

        def prepare(conn: Connection) -> _Heard | None:
            if not queries.add_notice(conn, key, provider, notice.trade_no, body, RECEIVED, now):
                return None
            if notice.of_no_use:
                _end(conn, provider, key, OF_NO_USE)
                return None
            return self._heard(conn, sender, notice, key, now)

        def call(heard: _Heard | None) -> _Said | None:
            if heard is None:
                return None
            refund = heard.refund
            told = refund is not None and heard.payment.state in CAPTURED
            of_payment = None if told else ask(sender, heard.payment, now)
            if refund is None:
                return _Said(of_payment, None)
            return _Said(of_payment, self.ask_refund(refund) if refund.state == "failed" else self.call_refund(refund))

        def settle(conn: Connection, heard: _Heard | None, said: _Said | None) -> bytes:
            if heard is not None and said is not None:
                self._apply(conn, heard, said, key, now)
            return sender.thanks

        return Plan(prepare, settle, call)

    def _heard(self, conn: Connection, sender: Provider, notice: Notice, key: str, now: datetime) -> _Heard | None:
        """What the notice is about, with the jobs that ask for it; None for one that is parked."""
        payment = _payment_of(conn, sender.name, notice)
        if payment is None:
            about = {"provider": sender.name, "event_key": key, "outcome": UNKNOWN_TRADE}
            log.error("notice parked", extra={"alarm": True, **about})
            _end(conn, sender.name, key, UNKNOWN_TRADE)
            return None
        refund = None
        if notice.refund_no is not None:
            refund = queries.refund_of_provider_no(conn, payment, notice.refund_no)
        why = _why_parked(payment, refund, notice)
        if why is not None:
            told = {"told_minor": notice.amount_minor, "told_currency": notice.currency, "refund": notice.refund_no}
            alarm("notice parked", payment, event_key=key, outcome=why, **told)
            _end(conn, sender.name, key, why)
            return None
        put_job(conn, payment.city_id, RESOLVE_PAYMENT, payment.payment_id, now + FIRST_LOOK_AFTER, now)
        if refund is not None:
            put_job(conn, refund.city_id, RESOLVE_REFUND, refund.refund_id, now + FIRST_LOOK_AFTER, now)
        return _Heard(payment, refund)

    def _apply(self, conn: Connection, heard: _Heard, said: _Said, key: str, now: datetime) -> None:
        found, heard_back = heard.payment, not isinstance(said.of_payment, Silent)
        if said.of_payment is not None:
            found = apply_outcome(conn, self._parts, heard.payment, said.of_payment, now, None)
            heard_back = heard_back and _fits(found, said.of_payment)
        if heard.refund is not None and heard.refund.state == "failed" and isinstance(said.of_refund, RefundDone):
            # It is right again as soon as somebody sends the refund once more under its number.
            alarm("notice parked", found, event_key=key, outcome=REFUND_AFTER_ALL, refund=heard.refund.refund_no)
            _end(conn, found.provider, key, REFUND_AFTER_ALL)
            return
        if heard.refund is not None:
            self.settle_refund(conn, heard.refund, said.of_refund, now, None)
            heard_back = heard_back and not isinstance(said.of_refund, (Silent, Missing))
        _end(conn, heard.payment.provider, key, found.state if heard_back else NOT_CONFIRMED, applied=heard_back)


def _why_parked(payment: Payment, refund: Refund | None, notice: Notice) -> str | None:
    """Why a notice does not fit our books, if so."""
    of_refund = notice.refund_no is not None
    if notice.currency != payment.currency:
        return AMOUNT_MISMATCH
    if notice.amount_minor != payment.amount_minor and not (of_refund and notice.amount_minor is None):
        return AMOUNT_MISMATCH
    if not of_refund or payment.state not in CAPTURED:
        return None
    if refund is None:
        return UNKNOWN_REFUND
    if notice.refund_minor not in (None, refund.amount_minor):
        return REFUND_MISMATCH
    return REFUND_TAKEN_BACK if notice.refund_failed and refund.state == "succeeded" else None


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


def _end(conn: Connection, provider: str, key: str, outcome: str, *, applied: bool = False) -> None:
    queries.end_notice(conn, key, applied=applied, outcome=outcome)
    NOTICES.labels(provider, outcome).inc()
