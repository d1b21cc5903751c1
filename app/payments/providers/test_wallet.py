"""The test wallet: a provider with books of its own that does what it is told, so that troubles can be tried out.

It stands where a partner's system would: it keeps trades and refunds in its own transactions, answers late or not at
all, and sends signed notices, once, several times, late or with a wrong amount. It takes 50 basis points of what is
paid, rounded half up, and gives the fee back in proportion to what is refunded.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeVar

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from app.core.clock import Clock
from app.core.db import Database
from app.core.sealing import derived_key
from app.core.settings import Settings
from app.payments.providers import wallet_books as book
from app.payments.providers.gateway import ASK_TIMEOUT_S, PAY_TIMEOUT_S
from app.payments.providers.signing import verified_id
from app.payments.providers.wallet_books import Trade, WalletRefund, books
from app.payments.rules import half_up
from app.payments.types import (
    Asked,
    Closed,
    Declined,
    Missing,
    Notice,
    Paid,
    PayOrder,
    PayOutcome,
    RefundDone,
    RefundOrder,
    RefundOutcome,
    RefundRefused,
    Silent,
    Waiting,
    WalletOrder,
)

T = TypeVar("T")

NAME: Final = "test_wallet"
FEE_BP: Final = 50
NO_CURRENCY: Final = "XXX"  # ISO 4217: no currency involved
_STATE_OF: Final = {"pay": "paid", "decline": "declined", "wait": "waiting"}
_LOST = Silent("no answer in time")


def notice_secret(settings: Settings) -> bytes:
    """The key that wallet and product share for notices."""
    return derived_key(settings.secret_key, "test wallet notices")


class TestWallet:
    """The stand-in; a provider for production code, not a test."""

    __test__ = False  # pytest is not to take the name for a test's
    name: Final = NAME
    methods: Final = frozenset({"online", "user_scans", "merchant_scans"})
    currencies: Final = None
    needs_code: Final[frozenset[str]] = frozenset()
    at_hand: Final = False
    sends_notices: Final = True
    thanks: Final = b""

    def __init__(
        self, database: Database, secret: bytes, clock: Clock, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._database, self._secret, self._clock, self._sleep = database, secret, clock, sleep

    # what a provider provides

    def pay(self, order: PayOrder, timeout_s: float = PAY_TIMEOUT_S) -> PayOutcome:
        """Opens a trade, or answers with that of the number; another amount under it is refused."""
        told = WalletOrder(**order.told)

        def open_trade(conn: Connection) -> PayOutcome:
            new = self._new_trade(order, told)
            trade = book.open_trade(conn, new)
            if (trade.amount_minor, trade.currency) != (order.amount_minor, order.currency):
                return Closed("closed before it was opened") if trade.state == "closed" else Declined("number reused")
            fresh = trade.wallet_no == new.wallet_no
            if fresh and told.outcome != "wait":
                self._announce(conn, trade, told, new.created_at)
            if fresh and trade.settles_at is not None:
                self._announce(conn, replace(trade, state="paid"), told, trade.settles_at)
            return self._answer(conn, trade)

        outcome = self._with_books(open_trade)
        self._sleep(min(told.delay_s, timeout_s))
        return _LOST if told.delay_s > timeout_s else outcome

    def query(self, trade: Asked, timeout_s: float = ASK_TIMEOUT_S) -> PayOutcome:  # noqa: ARG002 - the protocol's
        """What became of a trade."""

        def look(conn: Connection) -> PayOutcome:
            found = book.lock_trade(conn, trade.trade_no)
            return Missing() if found is None else self._answer(conn, self.settled(conn, found))

        return self._with_books(look)

    def cancel(self, trade: Asked, timeout_s: float = ASK_TIMEOUT_S) -> PayOutcome:  # noqa: ARG002 - the protocol's
        """Closes a trade that nobody has paid; a number that is not known takes no money later either."""

        def close(conn: Connection) -> PayOutcome:
            found = self.settled(conn, book.open_trade(conn, self._closed_trade(trade.trade_no)))
            if found.state in ("waiting", "declined"):
                found = book.change_trade(conn, trade.trade_no, state="closed")
            return self._answer(conn, found)

        return self._with_books(close)

    def refund(self, order: RefundOrder, timeout_s: float = ASK_TIMEOUT_S) -> RefundOutcome:  # noqa: ARG002
        """Gives money back once a number; never more than was paid."""

        def pay_back(conn: Connection) -> RefundOutcome:
            trade = book.lock_trade(conn, order.trade_no)
            known = book.refund_of(conn, order.refund_no)
            if known is not None and (known.trade_no, known.amount_minor) != (order.trade_no, order.amount_minor):
                return RefundRefused("number reused")
            if trade is None or trade.state != "paid":
                return RefundRefused("nothing was paid")
            return self._refund_answer(conn, trade, known or self._new_refund(conn, trade, order))

        return self._with_books(pay_back)

    def refund_query(self, order: RefundOrder, timeout_s: float = ASK_TIMEOUT_S) -> RefundOutcome:  # noqa: ARG002
        """What became of a refund."""

        def look(conn: Connection) -> RefundOutcome:
            known = book.refund_of(conn, order.refund_no)
            if known is None:
                return Missing()
            trade = book.lock_trade(conn, known.trade_no)
            assert trade is not None
            return self._refund_answer(conn, trade, known)

        return self._with_books(look)

    def verify_notice(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """A notice as this wallet sends it; InvalidSignature."""
        message_id = verified_id(self._secret, headers, body, now)
        try:
            data = orjson.loads(body)["data"]
            return Notice(message_id, str(data["trade_no"]), int(data["amount_minor"]), str(data["currency"]))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return Notice(message_id, "", None, None)

    # what the payer does, and what comes with time

    def tell(self, trade_no: str, outcome: Literal["pay", "decline"]) -> bool:
        """The payer acts, however the trade stands, even after it was closed; False when it is unknown or paid."""
        now = self._clock()
        with books(self._database) as conn:
            trade = book.lock_trade(conn, trade_no)
            if trade is None or trade.state == "paid" or trade.currency == NO_CURRENCY:
                return False
            changed = book.change_trade(conn, trade_no, state=_STATE_OF[outcome], settles_at=None)
            self._announce(conn, changed, WalletOrder(**changed.told), now)
        return True

    def settled(self, conn: Connection, trade: Trade) -> Trade:
        """The trade as it stands now: one that waits, or was declined and is paid after all, is paid when its time has
        come. ``trade`` is locked."""
        if trade.state not in ("waiting", "declined") or trade.settles_at is None or trade.settles_at > self._clock():
            return trade
        return book.change_trade(conn, trade.trade_no, state="paid")

    # its own affairs

    def _with_books(self, work: Callable[[Connection], T]) -> T | Silent:
        try:
            with books(self._database) as conn:
                return work(conn)
        except SQLAlchemyError as error:
            return Silent(f"its books do not answer ({type(error).__name__})")

    def _new_trade(self, order: PayOrder, told: WalletOrder) -> Trade:
        now = self._clock()
        wait_s = told.settles_after_s
        return Trade(
            trade_no=order.trade_no,
            wallet_no=f"W{secrets.token_hex(12)}",
            amount_minor=order.amount_minor,
            currency=order.currency,
            state=_STATE_OF[told.outcome],
            told=dict(order.told),
            fee_minor=half_up(order.amount_minor * FEE_BP, 10_000),
            refunded_minor=0,
            fee_returned_minor=0,
            settles_at=now + timedelta(seconds=wait_s) if told.outcome != "pay" and wait_s is not None else None,
            lost_answers=told.lost_answers,
            created_at=now,
        )

    def _closed_trade(self, trade_no: str) -> Trade:
        """What stands in the book for a number that was cancelled before it was used."""
        return Trade(
            trade_no, f"W{secrets.token_hex(12)}", 0, NO_CURRENCY, "closed", {}, 0, 0, 0, None, 0, self._clock()
        )

    def _answer(self, conn: Connection, trade: Trade) -> PayOutcome:
        """What the wallet says of a trade, unless it was told to lose its next answers."""
        if self._loses(conn, trade):
            return _LOST
        if trade.state == "paid":
            return Paid(trade.wallet_no, trade.amount_minor, trade.currency, trade.fee_minor)
        if trade.state == "waiting":
            return Waiting(f"test-wallet://pay/{trade.wallet_no}")
        return Declined("declined by the wallet") if trade.state == "declined" else Closed("closed by the wallet")

    def _refund_answer(self, conn: Connection, trade: Trade, refund: WalletRefund) -> RefundOutcome:
        if self._loses(conn, trade):
            return _LOST
        return (
            RefundDone(refund.fee_returned_minor) if refund.state == "done" else RefundRefused("exceeds what is left")
        )

    def _loses(self, conn: Connection, trade: Trade) -> bool:
        if trade.lost_answers == 0:
            return False
        book.change_trade(conn, trade.trade_no, lost_answers=trade.lost_answers - 1)
        return True

    def _new_refund(self, conn: Connection, trade: Trade, order: RefundOrder) -> WalletRefund:
        refunded = trade.refunded_minor + order.amount_minor
        fits = refunded <= trade.amount_minor
        # Of the sum that is back, not of this part: so the last part brings the rest of the fee, to the last unit.
        fee = half_up(trade.fee_minor * refunded, trade.amount_minor) - trade.fee_returned_minor if fits else 0
        refund = WalletRefund(
            order.refund_no, trade.trade_no, order.amount_minor, fee, "done" if fits else "refused", self._clock()
        )
        book.add_refund(conn, refund)
        if fits:
            book.change_trade(
                conn, trade.trade_no, refunded_minor=refunded, fee_returned_minor=trade.fee_returned_minor + fee
            )
        return refund

    def _announce(self, conn: Connection, trade: Trade, told: WalletOrder, at: datetime) -> None:
        """Puts the notice of a trade's end into the books, to be sent later."""
        if told.notices == 0:
            return
        data: dict[str, Any] = {
            "trade_no": trade.trade_no,
            "provider_trade_no": trade.wallet_no,
            "amount_minor": trade.amount_minor + (1 if told.wrong_amount else 0),
            "currency": trade.currency,
            "fee_minor": trade.fee_minor,
        }
        body = orjson.dumps({"type": f"trade.{trade.state}", "timestamp": at.isoformat(), "data": data})
        send_at = at + timedelta(seconds=told.notice_delay_s)
        book.add_notice(conn, f"msg_{secrets.token_hex(12)}", trade.trade_no, body, told.notices, send_at)
