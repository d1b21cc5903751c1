"""fakepay's books: trades and refunds in memory, in words that are no provider's own, and the notices to send."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

State = Literal["new", "waiting", "paid", "finished", "declined", "closed"]
RefundState = Literal["pending", "done", "failed"]
# What a notice can tell.
KINDS: Final = (
    *("waiting", "paid", "finished", "declined", "closed"),
    *("refund_pending", "refund_done", "refund_failed"),
)
HAS_MONEY: Final = frozenset({"paid", "finished"})
MAX_TRIES: Final = 8


@dataclass(slots=True)
class Refund:
    """Money going back; ``refund_no`` is the caller's number, ``number`` fakepay's own."""

    number: str
    refund_no: str
    amount_minor: int
    state: RefundState


@dataclass(slots=True)
class Trade:
    """A trade; ``order_no`` is the caller's number. A ghost is a number that was cancelled before it was used."""

    dialect: str
    number: str
    order_no: str
    amount_minor: int
    currency: str
    state: State
    notify_url: str | None = None
    settles_at: float | None = None
    ghost: bool = False
    refunds: list[Refund] = field(default_factory=list)

    @property
    def refunded_minor(self) -> int:
        """What went back."""
        return sum(each.amount_minor for each in self.refunds if each.state == "done")

    @property
    def bound_minor(self) -> int:
        """What went back or is on its way."""
        return sum(each.amount_minor for each in self.refunds if each.state != "failed")

    def refund_of(self, refund_no: str) -> Refund | None:
        """The newest refund under a number."""
        return next((each for each in reversed(self.refunds) if each.refund_no == refund_no), None)


@dataclass(slots=True)
class Message:
    """A notice to send ``copies`` times."""

    number: str
    trade: Trade
    kind: str
    refund: Refund | None
    send_at: float
    copies: int
    wrong_amount: bool
    tries: int = 0


class Books:
    """Everything that fakepay knows; locked by whoever calls. Its own numbers are counted up from ``first``."""

    def __init__(self, first: int = 0) -> None:
        self._last = first
        self.trades: list[Trade] = []
        self.messages: list[Message] = []

    def number(self, prefix: str) -> str:
        """A number of fakepay's own."""
        self._last += 1
        return f"{prefix}{self._last:012d}"

    @property
    def last(self) -> int:
        """The count of the number that was given last."""
        return self._last

    def of_order(self, dialect: str, order_no: str) -> Trade | None:
        """The trade of a caller's number."""
        return next((each for each in self.trades if (each.dialect, each.order_no) == (dialect, order_no)), None)

    def of_number(self, number: str) -> Trade | None:
        """The trade of fakepay's own number."""
        return next((each for each in self.trades if each.number == number), None)

    def settle(self, now: float) -> None:
        """What the payers promised to do by now is done."""
        for trade in self.trades:
            if trade.settles_at is not None and trade.settles_at <= now and trade.state in ("new", "waiting"):
                trade.state, trade.settles_at = "paid", None

    def announce(
        self,
        trade: Trade,
        kind: str,
        send_at: float,
        *,
        refund: Refund | None = None,
        copies: int = 1,
        wrong_amount: bool = False,
    ) -> None:
        """Puts a notice down to be sent."""
        if trade.notify_url is not None and copies:
            number = self.number("msg")
            self.messages.append(Message(number, trade, kind, refund, send_at, copies, wrong_amount))

    def due(self, now: float) -> list[Message]:
        """Notices whose time has come, taken off the list; one that isn't taken is put back by ``put_off``."""
        found = [each for each in self.messages if each.send_at <= now]
        self.messages = [each for each in self.messages if each.send_at > now]
        return found

    def put_off(self, message: Message, now: float) -> None:
        """Sends a notice again later, each time later, at most eight times."""
        message.tries += 1
        if message.tries < MAX_TRIES:
            message.send_at = now + 2.0**message.tries
            self.messages.append(message)

    def told(self) -> Iterator[dict[str, Any]]:
        """The trades by the callers' numbers, without anything that counts requests or time."""
        for trade in sorted(self.trades, key=lambda each: (each.dialect, each.order_no)):
            if trade.ghost:
                continue
            yield {
                "dialect": trade.dialect,
                "order_no": trade.order_no,
                "amount_minor": trade.amount_minor,
                "currency": trade.currency,
                "state": trade.state,
                "refunded_minor": trade.refunded_minor,
                "refunds": [
                    {"refund_no": each.refund_no, "amount_minor": each.amount_minor, "state": each.state}
                    for each in trade.refunds
                ],
            }
