"""Stripe: one PaymentIntent a payment, confirmed here with the token that Stripe's own element made of a card.

The library ``stripe`` speaks; what it sends goes over our own wire, so that a call ends in time. An intent is made
without money first, under the payment's number as idempotency key: the same request finds the same intent again for as
long as Stripe keeps keys (a day), which is how an intent is found whose number we never heard. Afterwards it is asked
for by its own number. The token is sent with the second request alone and kept nowhere.

Refunds carry our number in their metadata and are found by it. One that failed stays failed at Stripe, so that a repeat
under our number is a new request there, with the count of those that failed in its key: two at once are still one.
Stripe keeps its fee when money goes back.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import orjson
import stripe

from app.payments.errors import InvalidSignature
from app.payments.providers.calling import Call, Caller, CallFailed, over_http
from app.payments.providers.gateway import ASK_TIMEOUT_S, PAY_TIMEOUT_S, SIGNATURE_TOLERANCE_S
from app.payments.types import (
    Asked,
    Closed,
    Declined,
    Missing,
    Notice,
    Paid,
    PayOrder,
    PayOutcome,
    RefundAccepted,
    RefundDone,
    RefundOrder,
    RefundOutcome,
    RefundRefused,
    Silent,
    Waiting,
)

T = TypeVar("T")

NAME: Final = "stripe"
# Stripe's smallest units are those of ISO 4217 here. Left out: those that it counts otherwise (ISK, UGX, MGA, three
# decimals that must end in 0).
CURRENCIES: Final = frozenset(
    {"AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "INR", "JPY", "KRW", "MXN", "MYR"}
    | {"NOK", "NZD", "PLN", "RON", "SEK", "SGD", "THB", "USD", "ZAR"}
)
MAX_REFUNDS: Final = 100  # of one intent; the flow shows no more either
_FEE: Final = ["latest_charge.balance_transaction"]
_TIME: Final = re.compile(r"[0-9]{1,12}")
_ABOUT_INTENTS: Final = "payment_intent."
_ABOUT_REFUNDS: Final = ("refund.", "charge.refund.")
_GONE: Final = frozenset({"failed", "canceled"})


@dataclass(frozen=True, slots=True, repr=False)
class StripeAccount:
    """An account at Stripe: its secret key, the secret of its notices, and where payers come back to."""

    key: str
    webhook_secret: str
    url: str
    return_url: str

    @property
    def is_live(self) -> bool:
        """True when real money moves."""
        return "_live_" in self.key


class _Wire(stripe.HTTPClient):  # type: ignore[misc]
    """The library's requests over our own wire, all of one operation within one time."""

    name = "fujin"

    def __init__(self, call: Caller, timeout_s: float) -> None:
        super().__init__()
        self._send, self._end = call, time.monotonic() + timeout_s

    def request(  # type: ignore[no-untyped-def]
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_
    ) -> tuple[str, int, Mapping[str, str]]:
        """Body, status and headers; APIConnectionError."""
        body = post_data.encode() if isinstance(post_data, str) else post_data or b""
        left_s = self._end - time.monotonic()
        try:
            if left_s <= 0:
                raise CallFailed("no time left")
            reply = self._send(Call(method.upper(), url, dict(headers or {}), body), left_s)
            return reply.body.decode(), reply.status, reply.headers
        except (CallFailed, UnicodeDecodeError) as fault:
            raise stripe.APIConnectionError(str(fault), should_retry=False) from None

    def close(self) -> None:
        """Each request has a connection of its own."""


class _NoIntent(Exception):
    """Stripe makes no intent of this kind."""


class Stripe:
    """The adapter; holds no state but the account."""

    name: Final = NAME
    methods: Final = frozenset({"online"})
    currencies: Final = CURRENCIES
    needs_code: Final = frozenset({"online"})
    at_hand: Final = False
    sends_notices: Final = True
    thanks: Final = b""

    def __init__(self, account: StripeAccount, call: Caller = over_http) -> None:
        self._account, self._call = account, call
        stripe.enable_telemetry = False

    # what a provider provides

    def pay(self, order: PayOrder, timeout_s: float = PAY_TIMEOUT_S) -> PayOutcome:
        """Makes the intent and confirms it with the payer's token."""
        asked = Asked(order.trade_no, order.amount_minor, order.currency, order.method)
        given = {"payment_method": order.auth_code, "return_url": self._account.return_url, "expand": _FEE}

        def work(client: Any) -> PayOutcome:
            try:
                number = self._made(client, asked)
            except (_NoIntent, stripe.IdempotencyError) as refusal:
                return Declined(str(refusal) if isinstance(refusal, _NoIntent) else "number reused")
            try:
                options = {"idempotency_key": f"{order.trade_no}:confirm"}
                return _of_intent(client.v1.payment_intents.confirm(number, given, options))
            except stripe.CardError as refusal:
                return Declined(_why(refusal))
            except stripe.InvalidRequestError as refusal:
                if refusal.code == "payment_intent_unexpected_state":
                    return _of_intent(self._seen(client, number))
                return Declined(_why(refusal))

        return self._ask(work, timeout_s)

    def query(self, trade: Asked, timeout_s: float = ASK_TIMEOUT_S) -> PayOutcome:
        """What became of an intent; one that was never confirmed counts as missing."""

        def work(client: Any) -> PayOutcome:
            return _of_intent(self._seen(client, trade.provider_trade_no or self._made(client, trade)))

        return self._ask(work, timeout_s)

    def cancel(self, trade: Asked, timeout_s: float = ASK_TIMEOUT_S) -> PayOutcome:
        """Cancels an intent; Paid when the money was faster."""

        def work(client: Any) -> PayOutcome:
            number = trade.provider_trade_no or self._made(client, trade)
            try:
                return _of_intent(client.v1.payment_intents.cancel(number))
            except stripe.InvalidRequestError:
                return _of_intent(self._seen(client, number))

        return self._ask(work, timeout_s)

    def refund(self, order: RefundOrder, timeout_s: float = ASK_TIMEOUT_S) -> RefundOutcome:
        """Gives money back, once a number unless it failed."""

        def work(client: Any) -> RefundOutcome:
            if order.provider_trade_no is None:
                return RefundRefused("nothing was paid")
            known = self._refunds(client, order)
            standing = [refund for refund in known if refund.status not in _GONE]
            if standing:
                return _of_refund(standing[0], order)
            given = {
                "payment_intent": order.provider_trade_no,
                "amount": order.amount_minor,
                "metadata": {"refund_no": order.refund_no, "trade_no": order.trade_no},
            }
            options = {"idempotency_key": f"{order.refund_no}:{len(known)}"}
            try:
                return _of_refund(client.v1.refunds.create(given, options), order)
            except stripe.InvalidRequestError as refusal:
                return RefundRefused(_why(refusal))

        return self._ask(work, timeout_s)

    def refund_query(self, order: RefundOrder, timeout_s: float = ASK_TIMEOUT_S) -> RefundOutcome:
        """What became of a refund, the newest under its number."""

        def work(client: Any) -> RefundOutcome:
            known = [] if order.provider_trade_no is None else self._refunds(client, order)
            standing = [refund for refund in known if refund.status not in _GONE]
            return _of_refund((standing or known)[0], order) if known else Missing()

        return self._ask(work, timeout_s)

    def verify_notice(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """What an event of Stripe's says; InvalidSignature, also for another account's or of tests among live ones."""
        if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise InvalidSignature
        mark = headers.get("stripe-signature", "")
        if not _is_fresh(mark, now):
            raise InvalidSignature
        try:
            stripe.WebhookSignature.verify_header(body, mark, self._account.webhook_secret, None)
            event = orjson.loads(body)
            kind, number, told = event["type"], event["id"], event["data"]["object"]
            foreign = event.get("account") is not None or event["livemode"] is not self._account.is_live
        except (stripe.StripeError, KeyError, TypeError, AttributeError, ValueError):
            raise InvalidSignature from None
        if foreign or not isinstance(number, str) or not isinstance(kind, str) or not isinstance(told, dict):
            raise InvalidSignature
        return _notice(number[:200], kind, told)

    # the library

    def _ask(self, work: Callable[[Any], T], timeout_s: float) -> T | Missing | Silent:
        """What a piece of work found within its time; Silent when Stripe did not answer it."""
        client = stripe.StripeClient(
            self._account.key,
            base_addresses={"api": self._account.url},
            http_client=_Wire(self._call, timeout_s),
            max_network_retries=0,
        )
        try:
            return work(client)
        except _NoIntent:
            return Missing()
        except stripe.InvalidRequestError as refusal:
            return Missing() if refusal.code == "resource_missing" else Silent(_why(refusal))
        except stripe.StripeError as fault:
            return Silent(_why(fault))
        except (AttributeError, KeyError, TypeError, ValueError) as fault:
            return Silent(f"the answer can't be read ({type(fault).__name__})")

    def _made(self, client: Any, trade: Asked) -> str:
        """The number of a trade's intent, which is made unless it is there: the same request under the same key.

        _NoIntent when Stripe refuses to make it, so that there is none.
        """
        given = {
            "amount": trade.amount_minor,
            "currency": trade.currency.lower(),
            "payment_method_types": ["card"],
            "capture_method": "automatic",
            "metadata": {"trade_no": trade.trade_no},
        }
        try:
            return str(client.v1.payment_intents.create(given, {"idempotency_key": trade.trade_no}).id)
        except stripe.InvalidRequestError as refusal:
            raise _NoIntent(_why(refusal)) from None

    def _seen(self, client: Any, number: str) -> Any:
        return client.v1.payment_intents.retrieve(number, {"expand": _FEE})

    def _refunds(self, client: Any, order: RefundOrder) -> list[Any]:
        """Refunds under a number of ours, the newest first, as Stripe lists them."""
        wanted = {"payment_intent": order.provider_trade_no, "limit": MAX_REFUNDS}
        listed = client.v1.refunds.list(wanted).data
        return [refund for refund in listed if refund.metadata.to_dict().get("refund_no") == order.refund_no]


def _of_intent(intent: Any) -> PayOutcome:
    number, status = str(intent.id), intent.status
    if status == "succeeded":
        return Paid(number, int(intent.amount_received), str(intent.currency).upper(), _fee(intent))
    if status == "requires_action":
        return Waiting(_link(intent), number)
    if status == "processing":
        return Waiting(None, number)
    if status == "canceled":
        return Closed("cancelled at Stripe")
    if status == "requires_payment_method" and intent.last_payment_error is not None:
        error = intent.last_payment_error.to_dict()
        return Declined(str(error.get("decline_code") or error.get("code") or "declined")[:200])
    if status in ("requires_payment_method", "requires_confirmation"):
        return Missing()
    return Silent(f"status {status}"[:200])


def _link(intent: Any) -> str | None:
    action = intent.next_action.to_dict() if intent.next_action is not None else {}
    link = (action.get("redirect_to_url") or {}).get("url")
    return link if isinstance(link, str) else None


def _fee(intent: Any) -> int:
    """Stripe's fee where it is known and in the payment's currency; what it converts is in its own reports."""
    charge = intent.to_dict().get("latest_charge")
    booked = charge.get("balance_transaction") if isinstance(charge, dict) else None
    if not isinstance(booked, dict) or booked.get("currency") != intent.currency:
        return 0
    return max(0, min(int(booked["fee"]), int(intent.amount_received)))


def _of_refund(refund: Any, order: RefundOrder) -> RefundOutcome:
    if int(refund.amount) != order.amount_minor:
        return RefundRefused("the number stands for another amount")
    if refund.status == "succeeded":
        return RefundDone(0)
    if refund.status in ("pending", "requires_action"):
        return RefundAccepted()
    if refund.status in _GONE:
        return RefundRefused(str(refund.to_dict().get("failure_reason") or refund.status)[:200])
    return Silent(f"status {refund.status}"[:200])


def _notice(number: str, kind: str, told: Mapping[str, Any]) -> Notice:
    about_refund = kind.startswith(_ABOUT_REFUNDS)
    if not about_refund and not kind.startswith(_ABOUT_INTENTS):
        return Notice(number, "", None, None, of_no_use=True)
    ours = told.get("metadata")
    ours = ours if isinstance(ours, dict) else {}
    amount, currency = told.get("amount"), told.get("currency")
    amount = amount if type(amount) is int else None
    currency = currency.upper() if isinstance(currency, str) else None
    trade_no = str(ours.get("trade_no", ""))
    if not about_refund:
        return Notice(number, trade_no, amount, currency)
    refund_no = str(ours.get("refund_no", ""))
    return Notice(number, trade_no, None, currency, refund_no, amount, told.get("status") in _GONE)


def _why(fault: Any) -> str:
    """A refusal in few words; Stripe's own sentences may hold what was sent."""
    words = [type(fault).__name__, fault.code, getattr(fault.error, "decline_code", None) if fault.error else None]
    return " ".join(str(word) for word in words if word)[:200]


def _is_fresh(mark: str, now: datetime) -> bool:
    """True when exactly one time stands in the signature, near ours; the library minds neither two nor the future."""
    times = [part.partition("=")[2] for part in mark.split(",") if part.partition("=")[0].strip() == "t"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]):
        return False
    return abs(now.timestamp() - int(times[0])) <= SIGNATURE_TOLERANCE_S
