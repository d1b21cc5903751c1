"""fakepay as Stripe: payment intents, refunds, idempotency keys, and events signed with HMAC-SHA-256.

It knows the payment methods that Stripe publishes for tests: ``pm_card_visa`` pays, ``pm_card_chargeDeclined`` does
not, ``pm_card_authenticationRequired`` sends the payer to their bank. Source: Stripe's API reference.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import orjson

from app.payments.fakepay.books import HAS_MONEY, Books, Message, Refund, Trade
from app.payments.fakepay.scenario import Script, Step
from app.payments.providers.calling import Call, Reply
from app.payments.rules import half_up

FEE_BP: Final = 290
_DIALECT: Final = "stripe"
_OUTCOME_OF: Final = {"pm_card_chargeDeclined": "decline", "pm_card_authenticationRequired": "wait"}
_STATUS_OF: Final = {
    "new": "requires_payment_method",
    "waiting": "requires_action",
    "paid": "succeeded",
    "finished": "succeeded",
    "declined": "requires_payment_method",
    "closed": "canceled",
}
_EVENT_OF: Final = {
    "waiting": "payment_intent.requires_action",
    "paid": "payment_intent.succeeded",
    "finished": "payment_intent.succeeded",
    "declined": "payment_intent.payment_failed",
    "closed": "payment_intent.canceled",
    "refund_pending": "refund.created",
    "refund_done": "refund.updated",
    "refund_failed": "refund.failed",
}
_REFUND_STATUS: Final = {"pending": "pending", "done": "succeeded", "failed": "failed"}
Object = dict[str, Any]


@dataclass(frozen=True, slots=True, repr=False)
class StripeKeys:
    """The one account that fakepay knows; events go to ``webhook_url``."""

    key: str
    webhook_secret: str
    webhook_url: str | None


class _Refusal(Exception):
    def __init__(self, status: int, code: str, kind: str = "invalid_request_error", **more: Any) -> None:
        super().__init__(code)
        self.status = status
        self.error = {"type": kind, "code": code, "message": f"fakepay: {code}", **more}


class StripeDesk:
    """Answers requests of Stripe's API."""

    def __init__(self, keys: StripeKeys, books: Books, script: Script) -> None:
        self._keys, self._books, self._script = keys, books, script
        self._kept: dict[str, tuple[bytes, Reply]] = {}

    def answer(self, call: Call, now: float) -> tuple[Step, Reply]:
        """The step that was drawn for a request, and the answer."""
        headers = {name.lower(): value for name, value in call.headers.items()}
        if not hmac.compare_digest(headers.get("authorization", "").encode(), f"Bearer {self._keys.key}".encode()):
            return Step(), _error(401, {"type": "invalid_request_error", "message": "fakepay: no such key"})
        parts = urlsplit(call.url)
        path = [piece for piece in parts.path.split("/") if piece][1:]
        text = (call.body or parts.query.encode()).decode(errors="replace")
        given = dict(parse_qsl(text, keep_blank_values=True))
        operation = _operation(call.method, path)
        if operation is None:
            return Step(), _error(404, {"type": "invalid_request_error", "message": "fakepay: no such path"})
        key = headers.get("idempotency-key") if call.method == "POST" else None
        mark = hashlib.sha256(parts.path.encode() + b"\n" + call.body).digest()
        if key in self._kept:
            known, reply = self._kept[key]
            if known != mark:
                return Step(), _error(400, {"type": "idempotency_error", "message": "fakepay: another request"})
            return Step(), reply
        trade = self._trade(operation, path, given)
        amount = trade.amount_minor if trade is not None else _whole(given.get("amount"))
        step = self._script.step(operation, _DIALECT, amount)
        if step.do in ("drop", "fail"):
            return step, _error(500, {"type": "api_error", "message": "fakepay: out of order"})
        reply = self._worked(operation, path, given, trade, step, now)
        if key is not None:
            self._kept[key] = (mark, reply)
        return step, _spoilt(reply, step)

    def notice(self, message: Message, now: float) -> Call:
        """An event as it goes out."""
        told = self._refund(message.trade, message.refund) if message.refund else self._intent(message.trade)
        if message.kind.startswith("refund_"):
            told["status"] = {"refund_pending": "pending", "refund_done": "succeeded"}.get(message.kind, "failed")
        else:
            told["status"] = _STATUS_OF[message.kind]
        told["amount"] += 1 if message.wrong_amount else 0
        event = {
            "id": f"evt_{message.number}",
            "object": "event",
            "type": _EVENT_OF[message.kind],
            "created": int(now),
            "livemode": False,
            "data": {"object": told},
        }
        body = orjson.dumps(event)
        signed = hmac.new(self._keys.webhook_secret.encode(), f"{int(now)}.".encode() + body, hashlib.sha256)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": f"t={int(now)},v1={signed.hexdigest()}",
        }
        return Call("POST", message.trade.notify_url or "", headers, body)

    # operations

    def _worked(
        self, operation: str, path: list[str], given: Mapping[str, str], trade: Trade | None, step: Step, now: float
    ) -> Reply:
        try:
            if operation == "open":
                return _ok(self._open(given, step, now))
            if operation == "refund_query" and path[1:]:
                return _ok(self._one_refund(path[1]))
            if trade is None:
                raise _Refusal(404, "resource_missing")
            if operation == "pay":
                return _ok(self._confirm(trade, given, step, now))
            if operation == "cancel":
                return _ok(self._cancel(trade, step, now))
            if operation == "refund":
                return _ok(self._give_back(trade, given, step, now))
            if operation == "refund_query":
                listed = [self._refund(trade, each) for each in reversed(trade.refunds)]
                return _ok({"object": "list", "data": listed, "has_more": False, "url": "/v1/refunds"})
            return _ok(self._intent(trade))
        except _Refusal as refusal:
            return _error(refusal.status, refusal.error)

    def _open(self, given: Mapping[str, str], step: Step, now: float) -> Object:
        amount, currency = _whole(given.get("amount")), given.get("currency", "").upper()
        if amount <= 0 or len(currency) != 3:
            raise _Refusal(400, "parameter_invalid_integer")
        number = self._books.number("pi_fake")
        order_no = given.get("metadata[trade_no]", number)
        trade = Trade(_DIALECT, number, order_no, amount, currency, "new", self._keys.webhook_url)
        self._books.trades.append(trade)
        if given.get("confirm") == "true":
            return self._confirm(trade, given, step, now)
        return self._intent(trade)

    def _confirm(self, trade: Trade, given: Mapping[str, str], step: Step, now: float) -> Object:
        if trade.state not in ("new", "declined"):
            raise _Refusal(400, "payment_intent_unexpected_state")
        method = given.get("payment_method", "")
        if not method.startswith("pm_"):
            raise _Refusal(400, "parameter_missing")
        outcome = step.outcome or _OUTCOME_OF.get(method, "pay")
        if outcome == "decline":
            trade.state = "declined"
            self._announce(trade, "declined", step, now)
            raise _Refusal(402, "card_declined", "card_error", decline_code="generic_decline")
        if outcome == "wait":
            trade.state = "waiting"
            if step.settles_after_s is not None:
                trade.settles_at = now + step.settles_after_s
                self._announce(trade, "paid", step, trade.settles_at)
        else:
            trade.state = "paid"
            self._announce(trade, "paid", step, now)
        return self._intent(trade)

    def _cancel(self, trade: Trade, step: Step, now: float) -> Object:
        if trade.state in HAS_MONEY or trade.state == "closed":
            raise _Refusal(400, "payment_intent_unexpected_state")
        trade.state, trade.settles_at = "closed", None
        self._announce(trade, "closed", step, now)
        return self._intent(trade)

    def _give_back(self, trade: Trade, given: Mapping[str, str], step: Step, now: float) -> Object:
        amount = _whole(given.get("amount", str(trade.amount_minor)))
        if trade.state not in HAS_MONEY:
            raise _Refusal(400, "charge_not_captured")
        if trade.bound_minor >= trade.amount_minor:
            raise _Refusal(400, "charge_already_refunded")
        if not 0 < amount <= trade.amount_minor - trade.bound_minor:
            raise _Refusal(400, "amount_too_large")
        number = self._books.number("re_fake")
        state = {"done": "done", "pending": "pending", "fail": "failed"}[step.refund]
        refund = Refund(number, given.get("metadata[refund_no]", number), amount, state)  # type: ignore[arg-type]
        trade.refunds.append(refund)
        self._announce(trade, f"refund_{refund.state}", step, now, refund)
        return self._refund(trade, refund)

    def _one_refund(self, number: str) -> Object:
        for trade in self._books.trades:
            for refund in trade.refunds:
                if refund.number == number:
                    return self._refund(trade, refund)
        raise _Refusal(404, "resource_missing")

    def _trade(self, operation: str, path: list[str], given: Mapping[str, str]) -> Trade | None:
        if operation in ("refund", "refund_query"):
            return self._books.of_number(given.get("payment_intent", ""))
        return self._books.of_number(path[1]) if len(path) > 1 else None

    def _announce(self, trade: Trade, kind: str, step: Step, at: float, refund: Refund | None = None) -> None:
        self._books.announce(
            trade,
            kind,
            at + step.notice_delay_s,
            refund=refund,
            copies=step.copies,
            wrong_amount=step.notice_wrong_amount,
        )

    # objects

    def _intent(self, trade: Trade) -> Object:
        paid, number, currency = trade.state in HAS_MONEY, trade.number, trade.currency.lower()
        fee = min(trade.amount_minor, half_up(trade.amount_minor * FEE_BP, 10_000))
        booked = {"id": f"txn_{number}", "object": "balance_transaction", "fee": fee, "currency": currency}
        charge = {"id": f"ch_{number}", "object": "charge", "amount": trade.amount_minor, "balance_transaction": booked}
        action = {"type": "redirect_to_url", "redirect_to_url": {"url": f"https://bank.example/{number}"}}
        error = {"type": "card_error", "code": "card_declined", "decline_code": "generic_decline"}
        return {
            "id": number,
            "object": "payment_intent",
            "amount": trade.amount_minor,
            "amount_received": trade.amount_minor if paid else 0,
            "capture_method": "automatic",
            "currency": currency,
            "last_payment_error": error if trade.state == "declined" else None,
            "latest_charge": charge if paid else None,
            "livemode": False,
            "metadata": {"trade_no": trade.order_no},
            "next_action": action if trade.state == "waiting" else None,
            "status": _STATUS_OF[trade.state],
        }

    def _refund(self, trade: Trade, refund: Refund) -> Object:
        return {
            "id": refund.number,
            "object": "refund",
            "amount": refund.amount_minor,
            "currency": trade.currency.lower(),
            "failure_reason": "declined" if refund.state == "failed" else None,
            "metadata": {"refund_no": refund.refund_no, "trade_no": trade.order_no},
            "payment_intent": trade.number,
            "status": _REFUND_STATUS[refund.state],
        }


def _operation(method: str, path: list[str]) -> str | None:
    known = {
        ("POST", "payment_intents", 1): "open",
        ("GET", "payment_intents", 2): "query",
        ("POST", "refunds", 1): "refund",
        ("GET", "refunds", 1): "refund_query",
        ("GET", "refunds", 2): "refund_query",
    }
    if len(path) == 3 and path[0] == "payment_intents" and method == "POST":
        return {"confirm": "pay", "cancel": "cancel"}.get(path[2])
    return known.get((method, path[0] if path else "", len(path)))


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else 0


def _ok(told: Object) -> Reply:
    return Reply(200, {"Content-Type": "application/json"}, orjson.dumps(told))


def _error(status: int, error: Object) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, orjson.dumps({"error": error}))


def _spoilt(reply: Reply, step: Step) -> Reply:
    """The answer as the step wants it; what has happened has happened."""
    if step.do == "doubt":
        return _error(500, {"type": "api_error", "message": "fakepay: out of order"})
    if step.do in ("garble", "forge"):
        return Reply(reply.status, reply.headers, reply.body[: len(reply.body) // 2])
    told = orjson.loads(reply.body)
    if step.do == "strange" and "status" in told:
        told["status"] = "unheard_of"
    if step.do == "wrong_amount" and "amount_received" in told:
        told["amount_received"] += 1
    return Reply(reply.status, reply.headers, orjson.dumps(told))
