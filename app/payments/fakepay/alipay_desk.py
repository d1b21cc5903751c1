"""fakepay as Alipay: the gateway of version 1.0, its codes, and notices signed with RSA2.

Source: Alipay Open Platform, face-to-face payment: trade.pay, precreate, query, cancel, refund, fastpay.refund.query.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from app.payments.fakepay.books import HAS_MONEY, Books, Message, Refund, Trade
from app.payments.fakepay.scenario import Script, Step
from app.payments.providers.alipay import SHANGHAI, fen, yuan
from app.payments.providers.alipay_signing import BadForm, form_of, is_signed, notice_text, request_text, sign
from app.payments.providers.calling import Call, Reply

OPERATION_OF: Final = {
    "alipay.trade.precreate": "open",
    "alipay.trade.pay": "pay",
    "alipay.trade.query": "query",
    "alipay.trade.cancel": "cancel",
    "alipay.trade.refund": "refund",
    "alipay.trade.fastpay.refund.query": "refund_query",
}
_STATUS_OF: Final = {
    "new": None,
    "waiting": "WAIT_BUYER_PAY",
    "paid": "TRADE_SUCCESS",
    "finished": "TRADE_FINISHED",
    "declined": "TRADE_CLOSED",
    "closed": "TRADE_CLOSED",
}
_AUTH_CODE: Final = re.compile(r"(2[5-9]|30)[0-9]{14,22}")
_DIALECT: Final = "alipay"
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, repr=False)
class AlipayKeys:
    """The one application that fakepay knows: its numbers, its public key, and the key that answers are signed with."""

    app_id: str
    seller_id: str
    app_key: RSAPublicKey
    key: RSAPrivateKey


@dataclass(frozen=True, slots=True)
class _Request:
    """A request that is good: what it says, the trade of its number, and the step that was drawn for it."""

    content: Answer
    trade: Trade | None
    step: Step
    now: float
    notify_url: str | None


class AlipayDesk:
    """Answers requests of Alipay's gateway."""

    def __init__(self, keys: AlipayKeys, books: Books, script: Script) -> None:
        self._keys, self._books, self._script = keys, books, script

    def answer(self, call: Call, now: float) -> tuple[Step, Reply]:
        """The step that was drawn for a request, and the answer."""
        try:
            fields = self._fields(call)
        except BadForm:
            return Step(), Reply(400, {}, b"the request is no form")
        method = fields.get("method", "")
        node = f"{method.replace('.', '_')}_response"
        wrong = self._why_refused(fields)
        if wrong is not None:
            return Step(), self._signed(node, _refused("40002", wrong), Step())
        try:
            content = orjson.loads(fields.get("biz_content", ""))
            assert isinstance(content, dict)
        except (orjson.JSONDecodeError, AssertionError):
            return Step(), self._signed(node, _refused("40002", "isv.invalid-parameter"), Step())
        operation = OPERATION_OF[method]
        trade = self._books.of_order(_DIALECT, str(content.get("out_trade_no", "")))
        amount = trade.amount_minor if trade is not None else fen(content.get("total_amount"))
        step = self._script.step(operation, _DIALECT, amount)
        if step.do == "retry" and operation == "cancel":
            return step, self._signed(node, _done(out_trade_no=str(content["out_trade_no"]), retry_flag="Y"), step)
        if step.do in ("drop", "fail"):
            return step, self._signed(node, _unknown(), step)
        work = {
            "open": self._open,
            "pay": self._pay,
            "query": self._query,
            "cancel": self._cancel,
            "refund": self._refund,
            "refund_query": self._refund_query,
        }[operation]
        told = work(_Request(content, trade, step, now, fields.get("notify_url")))
        if step.do == "doubt":
            told = _unknown()
        if step.do == "strange" and "trade_status" in told:
            told["trade_status"] = "TRADE_UNHEARD_OF"
        if step.do == "wrong_amount" and "total_amount" in told:
            told["total_amount"] = yuan((fen(told["total_amount"]) or 0) + 1)
        return step, self._signed(node, told, step)

    def notice(self, message: Message, now: float) -> Call:
        """A notice as it goes out."""
        trade, kind = message.trade, message.kind
        at = datetime.fromtimestamp(now, SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
        extra = 1 if message.wrong_amount else 0
        status = {"finished": "TRADE_FINISHED", "waiting": "WAIT_BUYER_PAY", "paid": "TRADE_SUCCESS"}.get(kind)
        fields = {
            "app_id": self._keys.app_id,
            "auth_app_id": self._keys.app_id,
            "buyer_logon_id": "fak***@example.com",
            "charset": "utf-8",
            "gmt_create": at,
            "notify_id": message.number,
            "notify_time": at,
            "notify_type": "trade_status_sync",
            "out_trade_no": trade.order_no,
            "seller_id": self._keys.seller_id,
            "sign_type": "RSA2",
            "subject": f"订单 {trade.order_no[:12]}",
            "total_amount": yuan(trade.amount_minor + extra),
            "trade_no": trade.number,
            "trade_status": status or "TRADE_CLOSED",
            "version": "1.0",
        }
        if message.refund is not None:
            whole = trade.refunded_minor >= trade.amount_minor
            fields |= {
                "gmt_refund": f"{at}.000",
                "out_biz_no": message.refund.refund_no,
                "refund_fee": yuan(trade.refunded_minor),
                "trade_status": "TRADE_CLOSED" if whole else "TRADE_SUCCESS",
            }
        fields["sign"] = sign(self._keys.key, notice_text(fields))
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        return Call("POST", trade.notify_url or "", headers, urlencode(fields).encode())

    # operations

    def _open(self, asked: _Request) -> Answer:
        trade = asked.trade
        order_no, amount = str(asked.content.get("out_trade_no", "")), fen(asked.content.get("total_amount"))
        if not order_no or not amount or not asked.content.get("subject"):
            return _refused("40004", "ACQ.INVALID_PARAMETER")
        if trade is not None and (trade.ghost or trade.state == "closed"):
            return _refused("40004", "ACQ.TRADE_HAS_CLOSE")
        if trade is not None and trade.state in HAS_MONEY:
            return _refused("40004", "ACQ.TRADE_HAS_SUCCESS")
        if trade is None:
            if asked.step.outcome == "decline":
                return _refused("40004", "ACQ.TOTAL_FEE_EXCEED")
            trade = self._new(order_no, amount, asked.notify_url)
            self._promise(trade, asked.step, asked.now)
        return _done(out_trade_no=order_no, qr_code=f"https://qr.example/{trade.number}")

    def _pay(self, asked: _Request) -> Answer:
        trade = asked.trade
        order_no, amount = str(asked.content.get("out_trade_no", "")), fen(asked.content.get("total_amount"))
        if not order_no or not amount or asked.content.get("scene") not in ("bar_code", "wave_code"):
            return _refused("40004", "ACQ.INVALID_PARAMETER")
        if trade is not None:
            return self._known(trade, amount)
        if not _AUTH_CODE.fullmatch(str(asked.content.get("auth_code", ""))):
            return _refused("40004", "ACQ.PAYMENT_AUTH_CODE_INVALID")
        trade = self._new(order_no, amount, asked.notify_url)
        if asked.step.outcome == "decline":
            trade.state = "declined"
            self._announce(trade, "declined", asked.step, asked.now)
            return _refused("40004", "ACQ.BUYER_BALANCE_NOT_ENOUGH")
        if asked.step.outcome == "wait":
            trade.state = "waiting"
            self._promise(trade, asked.step, asked.now)
            return {
                **_done(out_trade_no=order_no, trade_no=trade.number),
                "code": "10003",
                "msg": "order success pay inprocess",
            }
        trade.state = "paid"
        self._announce(trade, "paid", asked.step, asked.now)
        return _done(out_trade_no=order_no, trade_no=trade.number, total_amount=yuan(amount))

    def _known(self, trade: Trade, amount: int) -> Answer:
        if trade.ghost or trade.state in ("closed", "declined"):
            return _refused("40004", "ACQ.TRADE_HAS_CLOSE")
        if trade.amount_minor != amount:
            return _refused("40004", "ACQ.CONTEXT_INCONSISTENT")
        if trade.state in HAS_MONEY:
            return _refused("40004", "ACQ.TRADE_HAS_SUCCESS")
        return {**_done(out_trade_no=trade.order_no, trade_no=trade.number), "code": "10003"}

    def _query(self, asked: _Request) -> Answer:
        trade = asked.trade
        status = None if trade is None or trade.ghost else _STATUS_OF[trade.state]
        if trade is None or status is None:
            return _refused("40004", "ACQ.TRADE_NOT_EXIST")
        return _done(
            out_trade_no=trade.order_no,
            trade_no=trade.number,
            trade_status=status,
            total_amount=yuan(trade.amount_minor),
            buyer_logon_id="fak***@example.com",
        )

    def _cancel(self, asked: _Request) -> Answer:
        trade = asked.trade
        order_no = str(asked.content.get("out_trade_no", ""))
        if trade is None:
            ghost = self._new(order_no, 0, None)
            ghost.state, ghost.ghost = "closed", True
            return _done(out_trade_no=order_no, retry_flag="N")
        if trade.state == "finished":
            return _refused("40004", "ACQ.TRADE_HAS_FINISHED")
        never_begun = trade.ghost or trade.state == "new"
        action = "refund" if trade.state == "paid" else "close"
        if trade.state == "paid":
            if trade.bound_minor:
                return _refused("40004", "ACQ.REASON_TRADE_REFUND_FEE_ERR")
            number = self._books.number("cancel")
            trade.refunds.append(Refund(number, number, trade.amount_minor, "done"))
        trade.state, trade.settles_at = "closed", None
        told = _done(out_trade_no=order_no, retry_flag="N")
        return told if never_begun else {**told, "trade_no": trade.number, "action": action}

    def _refund(self, asked: _Request) -> Answer:
        trade = asked.trade
        amount = fen(asked.content.get("refund_amount"))
        refund_no = str(asked.content.get("out_request_no", ""))
        if trade is None or trade.ghost or trade.state == "new":
            return _refused("40004", "ACQ.TRADE_NOT_EXIST")
        if trade.state == "finished":
            return _refused("40004", "ACQ.TRADE_HAS_FINISHED")
        known = trade.refund_of(refund_no)
        if known is None and trade.state != "paid":
            return _refused("40004", "ACQ.TRADE_STATUS_ERROR")
        if not amount or not refund_no:
            return _refused("40004", "ACQ.INVALID_PARAMETER")
        if known is not None and known.amount_minor != amount:
            return _refused("40004", "ACQ.DISCORDANT_REPEAT_REQUEST")
        if asked.step.refund == "fail":
            return _refused("40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH")
        moved = known is None or known.state == "failed"
        if moved and trade.bound_minor + amount > trade.amount_minor:
            return _refused("40004", "ACQ.REASON_TRADE_REFUND_FEE_ERR")
        if known is None:
            known = Refund(self._books.number("R"), refund_no, amount, "failed")
            trade.refunds.append(known)
        if moved:
            known.state = "pending" if asked.step.refund == "pending" else "done"
            if known.state == "done":
                self.finish_refund(trade, known)
                self._announce(trade, "refund_done", asked.step, asked.now, known)
        change = "Y" if moved and known.state == "done" else "N"
        told = _done(out_trade_no=trade.order_no, trade_no=trade.number, refund_fee=yuan(trade.refunded_minor))
        return {**told, "fund_change": change}

    def _refund_query(self, asked: _Request) -> Answer:
        trade = asked.trade
        if trade is None or trade.ghost or trade.state == "new":
            return _refused("40004", "ACQ.TRADE_NOT_EXIST")
        known = trade.refund_of(str(asked.content.get("out_request_no", "")))
        if known is None or known.state != "done":
            return _done()
        return _done(
            out_trade_no=trade.order_no,
            trade_no=trade.number,
            out_request_no=known.refund_no,
            total_amount=yuan(trade.amount_minor),
            refund_amount=yuan(known.amount_minor),
            refund_status="REFUND_SUCCESS",
        )

    @staticmethod
    def finish_refund(trade: Trade, refund: Refund) -> None:
        """The money is back; a trade of which nothing is left is closed."""
        refund.state = "done"
        if trade.refunded_minor >= trade.amount_minor:
            trade.state = "closed"

    # the wire

    def _fields(self, call: Call) -> dict[str, str]:
        query = urlsplit(call.url).query
        found = form_of(query.encode()) if query else {}
        if call.body:
            found |= form_of(call.body)
        return found

    def _why_refused(self, fields: Mapping[str, str]) -> str | None:
        if fields.get("method") not in OPERATION_OF:
            return "isv.invalid-method"
        if fields.get("app_id") != self._keys.app_id:
            return "isv.invalid-app-id"
        if fields.get("sign_type") != "RSA2" or fields.get("charset", "").lower() != "utf-8":
            return "isv.invalid-signature-type"
        good = is_signed(self._keys.app_key, request_text(fields), fields.get("sign", ""))
        return None if good else "isv.invalid-signature"

    def _signed(self, node: str, told: Answer, step: Step) -> Reply:
        text = orjson.dumps(told)
        mark = sign(self._keys.key, text + (b" " if step.do == "forge" else b""))
        body = b'{"' + node.encode() + b'":' + text + b',"sign":"' + mark.encode() + b'"}'
        if step.do == "garble":
            body = body[: len(body) // 2]
        return Reply(200, {"Content-Type": "text/html;charset=utf-8"}, body)

    def _new(self, order_no: str, amount: int, notify_url: str | None) -> Trade:
        trade = Trade(_DIALECT, self._books.number("2026"), order_no, amount, "CNY", "new", notify_url)
        self._books.trades.append(trade)
        return trade

    def _promise(self, trade: Trade, step: Step, now: float) -> None:
        if step.settles_after_s is not None:
            trade.settles_at = now + step.settles_after_s
            self._announce(trade, "paid", step, trade.settles_at)

    def _announce(self, trade: Trade, kind: str, step: Step, at: float, refund: Refund | None = None) -> None:
        self._books.announce(
            trade,
            kind,
            at + step.notice_delay_s,
            refund=refund,
            copies=step.copies,
            wrong_amount=step.notice_wrong_amount,
        )


def _done(**members: str) -> Answer:
    return {"code": "10000", "msg": "Success", **members}


def _unknown() -> Answer:
    return {"code": "20000", "msg": "Service Currently Unavailable", "sub_code": "aop.unknow-error"}


def _refused(code: str, sub_code: str) -> Answer:
    return {"code": code, "msg": "Business Failed", "sub_code": sub_code, "sub_msg": "假支付拒绝"}
