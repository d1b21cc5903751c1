"""Cash at the till: paid when staff say so; the merchant holds the money and nobody takes a fee."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from app.payments.errors import InvalidSignature
from app.payments.providers.gateway import ASK_TIMEOUT_S, PAY_TIMEOUT_S
from app.payments.types import (
    Asked,
    Missing,
    Notice,
    Paid,
    PayOrder,
    PayOutcome,
    RefundDone,
    RefundOrder,
    RefundOutcome,
)


class Cash:
    """No partner, no books and no messages: what is asked has happened at the counter."""

    name: Final = "cash"
    methods: Final = frozenset({"cash"})
    currencies: Final = None
    needs_code: Final[frozenset[str]] = frozenset()
    at_hand: Final = True
    sends_notices: Final = False
    thanks: Final = b""

    def pay(self, order: PayOrder, timeout_s: float = PAY_TIMEOUT_S) -> PayOutcome:  # noqa: ARG002 - the protocol's
        """The customer handed it over."""
        return Paid(None, order.amount_minor, order.currency, 0)

    def query(self, trade: Asked, timeout_s: float = ASK_TIMEOUT_S) -> PayOutcome:  # noqa: ARG002 - the protocol's
        """Nobody keeps a book of it but us."""
        return Missing()

    def cancel(self, trade: Asked, timeout_s: float = ASK_TIMEOUT_S) -> PayOutcome:  # noqa: ARG002 - the protocol's
        """There is nothing to stop."""
        return Missing()

    def refund(self, order: RefundOrder, timeout_s: float = ASK_TIMEOUT_S) -> RefundOutcome:  # noqa: ARG002
        """The merchant hands it back."""
        return RefundDone(0)

    def refund_query(self, order: RefundOrder, timeout_s: float = ASK_TIMEOUT_S) -> RefundOutcome:  # noqa: ARG002
        """What was asked has been done."""
        return RefundDone(0)

    def verify_notice(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:  # noqa: ARG002
        """Cash sends none."""
        raise InvalidSignature("cash sends no notices")
