"""Alipay, face to face: the merchant scans the payer's code (``trade.pay``), or the payer ours (``precreate``).

A thin adapter over the gateway of version 1.0. Every answer is believed for its signature alone, each word of it mapped
by what it means for the money:

- 10000 done; 10003 the payer is typing; 20000 nobody knows; 40004 refused, but for the sub-codes that say to ask again;
- TRADE_CLOSED is an unpaid trade past its time and also one that was refunded whole: either way no money is with us,
  and payments that have their money are never asked for again;
- TRADE_FINISHED is paid too, and can be the first word of success where a product knows no refunds;
- a cancelled trade that was paid is refunded by Alipay itself (``action=refund``), so that it is asked for first;
  ``retry_flag=Y`` wants it cancelled again;
- a refund that is asked for twice answers ``fund_change=N`` and is then looked up; a look-up without an amount means
  that nothing was refunded;
- a trade made by ``precreate`` does not exist before the payer scans it.

Alipay tells its fee in the daily bill only, so that none is noted here.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from app.core.clock import Clock
from app.payments.errors import InvalidSignature
from app.payments.providers.alipay_signing import (
    BadForm,
    form_of,
    is_signed,
    nodes_of,
    notice_text,
    request_text,
    sign,
)
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

log = logging.getLogger("fujin.payments")

NAME: Final = "alipay"
CURRENCY: Final = "CNY"
SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
# Alipay repeats a notice for 25 hours; how far its clock may be ahead is the tolerance of every provider.
NOTICE_LIFE: Final = timedelta(hours=26)
CANCEL_TRIES: Final = 3
_DONE, _TYPING, _UNKNOWN, _REFUSED = "10000", "10003", "20000", "40004"
# Refusals that decide nothing: Alipay itself is in doubt, or the number was paid before.
_ASK_AGAIN: Final = frozenset(
    {"ACQ.SYSTEM_ERROR", "AQC.SYSTEM_ERROR", "SYSTEM_ERROR", "aop.ACQ.SYSTEM_ERROR", "ACQ.TRADE_HAS_SUCCESS"}
)
_NO_TRADE: Final = "ACQ.TRADE_NOT_EXIST"
_CLOSED: Final = "ACQ.TRADE_HAS_CLOSE"
_YUAN: Final = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2}))?")
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, repr=False)
class AlipayAccount:
    """An application at Alipay: its number, its seller's, its own key and Alipay's key for it."""

    app_id: str
    seller_id: str
    key: RSAPrivateKey
    alipay_key: RSAPublicKey
    url: str
    notify_url: str


def yuan(amount_minor: int) -> str:
    """Fen as Alipay writes amounts, such as ``0.01``."""
    return f"{amount_minor // 100}.{amount_minor % 100:02d}"


def fen(text: object) -> int | None:
    """An amount of Alipay's in fen; None when it can't be read."""
    found = _YUAN.fullmatch(text) if isinstance(text, str) else None
    return None if found is None else int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


class Alipay:
    """The adapter; holds no state but the account."""

    name: Final = NAME
    methods: Final = frozenset({"merchant_scans", "user_scans"})
    currencies: Final = frozenset({CURRENCY})
    needs_code: Final = frozenset({"merchant_scans"})
    at_hand: Final = False
    sends_notices: Final = True
    thanks: Final = b"success"

    def __init__(self, account: AlipayAccount, clock: Clock, call: Caller = over_http) -> None:
        self._account, self._clock, self._call = account, clock, call

    # what a provider provides

    def pay(self, order: PayOrder, timeout_s: float = PAY_TIMEOUT_S) -> PayOutcome:
        """Takes the money with the payer's code, or opens a code for the payer to scan."""
        content = {
            "out_trade_no": order.trade_no,
            "total_amount": yuan(order.amount_minor),
            "subject": f"订单 {order.trade_no[:12]}",
            "time_expire": _shanghai(order.pay_until),
        }
        if order.method == "user_scans":
            answer = self._ask("alipay.trade.precreate", content, timeout_s, notify=True)
            return answer if isinstance(answer, Silent) else _scannable(answer)
        content |= {"scene": "bar_code", "auth_code": order.auth_code or ""}
        answer = self._ask("alipay.trade.pay", content, timeout_s, notify=True)
        return answer if isinstance(answer, Silent) else _paid_at_once(answer, order.trade_no)

    def query(self, trade: Asked, timeout_s: float = ASK_TIMEOUT_S) -> PayOutcome:
        """What became of a trade."""
        answer = self._ask("alipay.trade.query", {"out_trade_no": trade.trade_no}, timeout_s)
        if isinstance(answer, Silent):
            return answer
        if answer["code"] == _REFUSED and answer.get("sub_code") == _NO_TRADE:
            return Missing()
        if answer["code"] != _DONE:
            return Silent(_why(answer))
        return _of_state(answer, trade.trade_no)

    def cancel(self, trade: Asked, timeout_s: float = ASK_TIMEOUT_S) -> PayOutcome:
        """Closes a trade, unless it is paid. One that is paid between our question and this is refunded by Alipay.

        Cancelling gives money back that came, so that it is never asked for while nobody says that there is none.
        """
        end = time.monotonic() + timeout_s
        found = self.query(trade, timeout_s)
        if isinstance(found, (Paid, Closed, Silent)):
            return found
        for _ in range(CANCEL_TRIES):
            left_s = end - time.monotonic()
            if left_s <= 0:
                break
            answer = self._ask("alipay.trade.cancel", {"out_trade_no": trade.trade_no}, left_s)
            if isinstance(answer, Silent):
                return answer
            if answer["code"] != _DONE:
                return Silent(_why(answer))
            if answer.get("retry_flag") != "Y":
                back = answer.get("action") == "refund"
                return Closed("paid meanwhile, and given back by Alipay" if back else "closed by Alipay")
        return Silent("Alipay wants it cancelled again")

    def refund(self, order: RefundOrder, timeout_s: float = ASK_TIMEOUT_S) -> RefundOutcome:
        """Gives money back; a repeat, which moves nothing, is looked up."""
        end = time.monotonic() + timeout_s
        content = {
            "out_trade_no": order.trade_no,
            "out_request_no": order.refund_no,
            "refund_amount": yuan(order.amount_minor),
            "refund_reason": order.reason,
        }
        answer = self._ask("alipay.trade.refund", content, timeout_s)
        if isinstance(answer, Silent):
            return answer
        if answer["code"] == _REFUSED and answer.get("sub_code") not in _ASK_AGAIN:
            return RefundRefused(_why(answer))
        if answer["code"] != _DONE:
            return Silent(_why(answer))
        if answer.get("fund_change") == "Y":
            return RefundDone(0)
        found = self.refund_query(order, max(0.001, end - time.monotonic()))
        return RefundAccepted() if isinstance(found, Missing) else found

    def refund_query(self, order: RefundOrder, timeout_s: float = ASK_TIMEOUT_S) -> RefundOutcome:
        """What became of a refund; Missing when nothing was refunded under its number."""
        content = {"out_trade_no": order.trade_no, "out_request_no": order.refund_no}
        answer = self._ask("alipay.trade.fastpay.refund.query", content, timeout_s)
        if isinstance(answer, Silent):
            return answer
        if answer["code"] == _REFUSED and answer.get("sub_code") == _NO_TRADE:
            return Missing()
        if answer["code"] != _DONE:
            return Silent(_why(answer))
        if "refund_amount" not in answer:
            return Missing()
        if answer.get("refund_status", "REFUND_SUCCESS") != "REFUND_SUCCESS":
            return Silent(f"refund_status {answer['refund_status']}")
        if fen(answer["refund_amount"]) != order.amount_minor:
            return RefundRefused("the number stands for another amount")
        return RefundDone(0)

    def verify_notice(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """What a notice of Alipay's says; InvalidSignature, also for another application's, seller's or an old one."""
        if headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
            raise InvalidSignature
        try:
            told = form_of(body)
        except BadForm:
            raise InvalidSignature from None
        account = self._account
        if told.get("sign_type") != "RSA2" or told.get("charset", "utf-8").lower() != "utf-8":
            raise InvalidSignature
        if not is_signed(account.alipay_key, notice_text(told), told.get("sign", "")):
            raise InvalidSignature
        if (told.get("app_id"), told.get("seller_id")) != (account.app_id, account.seller_id):
            raise InvalidSignature
        if not _is_fresh(told.get("notify_time", ""), now):
            raise InvalidSignature
        number = told.get("notify_id") or hashlib.sha256(body).hexdigest()
        about_refund = "out_biz_no" in told and "refund_fee" in told
        return Notice(
            event_key=f"{number}:{told.get('trade_status', '')}"[:200],
            trade_no=told.get("out_trade_no", ""),
            amount_minor=fen(told.get("total_amount")),
            currency=CURRENCY,
            refund_no=told["out_biz_no"] if about_refund else None,
            of_no_use=told.get("notify_type") != "trade_status_sync",
        )

    # the wire

    def _ask(
        self, method: str, content: Mapping[str, str], timeout_s: float, *, notify: bool = False
    ) -> Mapping[str, Any] | Silent:
        """The signed answer to a request, which has a ``code``."""
        account = self._account
        fields = {
            "app_id": account.app_id,
            "biz_content": orjson.dumps(content).decode(),
            "charset": "utf-8",
            "format": "JSON",
            "method": method,
            "sign_type": "RSA2",
            "timestamp": _shanghai(self._clock()),
            "version": "1.0",
        }
        if notify:
            fields["notify_url"] = account.notify_url
        fields["sign"] = sign(account.key, request_text(fields))
        # As Alipay's own libraries do: everything in the address but the content, which may hold the payer's code.
        body = urlencode({"biz_content": fields.pop("biz_content")}).encode()
        headers = {"Content-Type": f"{_FORM};charset=utf-8", "Accept": "application/json"}
        try:
            reply = self._call(Call("POST", f"{account.url}?{urlencode(fields)}", headers, body), timeout_s)
        except CallFailed as fault:
            return Silent(str(fault))
        if reply.status != 200:
            return Silent(f"answered {reply.status}")
        return self._opened(reply.body, f"{method.replace('.', '_')}_response")

    def _opened(self, body: bytes, node: str) -> Mapping[str, Any] | Silent:
        """An answer whose signature is good for the bytes of its node."""
        try:
            nodes = nodes_of(body)
            signature = orjson.loads(nodes.get("sign", '""'))
            text = nodes[node]
            answer = orjson.loads(text)
        except (KeyError, ValueError, RecursionError):
            return Silent("the answer can't be read")
        if not isinstance(signature, str) or not is_signed(self._account.alipay_key, text.encode(), signature):
            log.error("an answer of Alipay's is not signed by it", extra={"alarm": True, "provider": NAME})
            return Silent("the answer's signature is not good")
        if not isinstance(answer, dict) or not isinstance(answer.get("code"), str):
            return Silent("the answer can't be read")
        return answer


def _paid_at_once(answer: Mapping[str, Any], trade_no: str) -> PayOutcome:
    """What an answer to a scanned code means."""
    code = answer["code"]
    if code == _DONE:
        return _money(answer, trade_no)
    if code == _TYPING:
        return Waiting(None, _trade_no(answer))
    return _refusal(answer)


def _scannable(answer: Mapping[str, Any]) -> PayOutcome:
    """What an answer to ``precreate`` means."""
    if answer["code"] != _DONE:
        return _refusal(answer)
    link = answer.get("qr_code")
    return Waiting(link) if isinstance(link, str) and link else Silent("there is no code to scan")


def _refusal(answer: Mapping[str, Any]) -> PayOutcome:
    code, sub_code = answer["code"], answer.get("sub_code")
    if code == _UNKNOWN or sub_code in _ASK_AGAIN or not code.startswith("4"):
        return Silent(_why(answer))
    return Closed(_why(answer)) if sub_code == _CLOSED else Declined(_why(answer))


def _of_state(answer: Mapping[str, Any], trade_no: str) -> PayOutcome:
    state = answer.get("trade_status")
    if state in ("TRADE_SUCCESS", "TRADE_FINISHED"):
        return _money(answer, trade_no)
    if state == "WAIT_BUYER_PAY":
        return Waiting(None, _trade_no(answer))
    if state == "TRADE_CLOSED":
        return Closed("closed at Alipay, or refunded there")
    return Silent(f"trade_status {state}"[:200])


def _money(answer: Mapping[str, Any], trade_no: str) -> PayOutcome:
    amount = fen(answer.get("total_amount"))
    if amount is None or answer.get("out_trade_no") != trade_no:
        return Silent("the answer is about another trade, or tells no amount")
    return Paid(_trade_no(answer), amount, CURRENCY, 0)


def _trade_no(answer: Mapping[str, Any]) -> str | None:
    found = answer.get("trade_no")
    return found if isinstance(found, str) and 0 < len(found) <= 64 else None


def _why(answer: Mapping[str, Any]) -> str:
    words = [str(answer.get(name, "")) for name in ("code", "sub_code", "sub_msg")]
    return " ".join(word for word in words if word)[:200]


def _shanghai(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def _is_fresh(text: str, now: datetime) -> bool:
    try:
        at = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    except ValueError:
        return False
    return now - NOTICE_LIFE <= at <= now + timedelta(seconds=SIGNATURE_TOLERANCE_S)
