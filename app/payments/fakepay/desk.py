"""fakepay itself: which desk a request goes to, what the payers and banks do, and the notices that go out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from app.payments.fakepay.alipay_desk import AlipayDesk, AlipayKeys
from app.payments.fakepay.books import KINDS, Books, Message, Refund, Trade
from app.payments.fakepay.scenario import BadScenario, Scenario, Script, scenario_of
from app.payments.fakepay.stripe_desk import StripeDesk, StripeKeys
from app.payments.providers.calling import Call, CallFailed, Reply, over_http

CONTROL: Final = "/_fakepay/"
NOTICE_TIMEOUT_S: Final = 10.0
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
# What somebody outside our wire does with a trade, and what that leaves.
ACTS: Final = ("scan", "pay", "decline", "close", "finish", "refund_done", "refund_failed", "refund_outside")
Send = Callable[[Call], bool]


class UnknownAct(ValueError):
    """The control endpoint was asked for something that it does not do; the text says what it does."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What the two dialects are spoken with."""

    alipay: AlipayKeys
    stripe: StripeKeys


class Fakepay:
    """One provider with two dialects; every method may be called by several threads."""

    def __init__(
        self,
        keys: Keys,
        scenario: Scenario | None = None,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        first: int = 0,
    ) -> None:
        self._keys, self._clock, self._sleep = keys, clock, sleep
        self._lock = threading.RLock()
        self._ahead_s = 0.0
        self._books = Books(first)
        self.play(scenario or Scenario())

    def play(self, scenario: Scenario, *, first: int | None = None) -> None:
        """Begins anew: empty books, the steps of a scenario, its seed.

        Numbers of its own are counted on unless ``first`` says from where, since its callers keep those they heard.
        """
        with self._lock:
            self._script, self._books = Script(scenario), Books(self._books.last if first is None else first)
            self._alipay = AlipayDesk(self._keys.alipay, self._books, self._script)
            self._stripe = StripeDesk(self._keys.stripe, self._books, self._script)

    @property
    def now(self) -> float:
        """Its own time, in seconds since 1970, which ``advance`` moves."""
        return self._clock() + self._ahead_s

    def advance(self, seconds: float) -> None:
        """Moves its time on, so that nobody has to wait for what is promised."""
        with self._lock:
            self._ahead_s += seconds

    def handle(self, call: Call) -> Reply | None:
        """The answer to a request; None stands for a connection that ends without one."""
        path = urlsplit(call.url).path
        if path.startswith(CONTROL):
            return self._control(call, path.removeprefix(CONTROL))
        with self._lock:
            self._books.settle(self.now)
            desk = self._stripe if path.startswith("/v1/") else self._alipay
            step, reply = desk.answer(call, self.now)
        if step.delay_s:
            self._sleep(step.delay_s)
        return None if step.do in ("drop", "lose") else reply

    # what happens outside

    def act(self, order_no: str, what: str) -> None:
        """The payer, the bank or a person at the provider's desk does something; UnknownAct."""
        with self._lock:
            trade = self.trade(order_no)
            if what not in ACTS:
                raise UnknownAct(f"do must be one of {', '.join(ACTS)}")
            if what in ("refund_done", "refund_failed", "refund_outside"):
                self._end_refund(trade, what)
                return
            state = {"scan": "waiting", "pay": "paid", "decline": "declined", "close": "closed", "finish": "finished"}
            trade.state = state[what]  # type: ignore[assignment]
            self._books.announce(trade, trade.state, self.now)

    def trade(self, order_no: str) -> Trade:
        """The trade of a caller's number; UnknownAct."""
        found = next((each for each in self._books.trades if each.order_no == order_no and not each.ghost), None)
        if found is None:
            raise UnknownAct("there is no trade of this number")
        return found

    def _end_refund(self, trade: Trade, what: str) -> None:
        if what == "refund_outside":
            number = self._books.number("desk")
            trade.refunds.append(Refund(number, number, trade.amount_minor - trade.bound_minor, "pending"))
            what = "refund_done"
        refund = trade.refunds[-1] if trade.refunds else None
        if refund is None:
            raise UnknownAct("the trade has no refund")
        if what == "refund_failed":
            refund.state = "failed"
        elif trade.dialect == "alipay":
            AlipayDesk.finish_refund(trade, refund)
        else:
            refund.state = "done"
        self._books.announce(trade, what, self.now, refund=refund)

    # notices

    def message(self, order_no: str, kind: str, *, wrong_amount: bool = False, number: str | None = None) -> Call:
        """A rightly signed notice of whatever kind, true or not, which is not put down to be sent."""
        if kind not in KINDS:
            raise UnknownAct(f"a notice is one of {', '.join(KINDS)}")
        with self._lock:
            trade = self.trade(order_no)
            refund = trade.refunds[-1] if kind.startswith("refund_") and trade.refunds else None
            about = Message(number or self._books.number("msg"), trade, kind, refund, self.now, 1, wrong_amount)
            return self._written(about)

    def deliver(self, send: Send | None = None) -> int:
        """Sends what is due, each with its copies, and returns how many notices that were.

        What is not taken is sent again later. In a scenario that reorders, the order is drawn.
        """
        post = send or _to_loopback
        with self._lock:
            self._books.settle(self.now)
            due = self._books.due(self.now)
            if self._script.scenario.reorder:
                self._script.drawn.shuffle(due)
        for message in due:
            with self._lock:
                call = self._written(message)
            taken = [post(call) for _ in range(message.copies)]
            if not all(taken):
                with self._lock:
                    self._books.put_off(message, self.now)
        return len(due)

    def _written(self, message: Message) -> Call:
        desk = self._alipay if message.trade.dialect == "alipay" else self._stripe
        return desk.notice(message, self.now)

    # control

    def state(self) -> list[dict[str, Any]]:
        """The trades as they stand, comparable between runs."""
        with self._lock:
            self._books.settle(self.now)
            return list(self._books.told())

    def _control(self, call: Call, what: str) -> Reply:
        try:
            told = self._controlled(call, what)
        except (UnknownAct, BadScenario, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as fault:
            return Reply(400, _JSON, orjson.dumps({"error": str(fault)}))
        return Reply(200, _JSON, orjson.dumps(told))

    def _controlled(self, call: Call, what: str) -> dict[str, Any]:
        if call.method == "GET" and what == "state":
            return {"trades": self.state()}
        if call.method == "POST" and what == "scenario":
            self.play(scenario_of(call.body))
            return {"steps": len(self._script.scenario.steps)}
        given = orjson.loads(call.body or b"{}")
        if call.method == "POST" and what == "act":
            self.act(str(given["trade"]), str(given["do"]))
            return {"trade": given["trade"], "state": self.trade(str(given["trade"])).state}
        if call.method == "POST" and what == "advance":
            self.advance(float(given["seconds"]))
            return {"ahead_s": self._ahead_s}
        if call.method == "POST" and what == "deliver":
            return {"notices": self.deliver()}
        raise UnknownAct("GET state; POST scenario, act, advance or deliver")


_JSON: Final = {"Content-Type": "application/json"}


def _to_loopback(call: Call) -> bool:
    """Posts a notice to this machine and nowhere else; True when it was taken as the provider expects."""
    if urlsplit(call.url).hostname not in LOOPBACK:
        return True  # dropped: nobody outside is to hear of trades that never were
    try:
        reply = over_http(call, NOTICE_TIMEOUT_S)
    except CallFailed:
        return False
    wants_word = "form" in call.headers["Content-Type"]
    return reply.body == b"success" if wants_word else 200 <= reply.status < 300
