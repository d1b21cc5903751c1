"""What every payment provider provides, in words that are no provider's own.

An adapter turns its provider's words into the outcomes of ``app.payments.types`` and raises nothing for a provider
that is slow, down or unintelligible: that is the outcome ``Silent``. Each trade and each refund is known to the
provider by a number of ours, under which a repeated request changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

from app.payments.types import Asked, Notice, PayOrder, PayOutcome, RefundOrder, RefundOutcome

# Longest wait for one answer. Three of them end before the lock of a caller's key does.
PAY_TIMEOUT_S: Final = 8.0
ASK_TIMEOUT_S: Final = 4.0
SIGNATURE_TOLERANCE_S: Final = 300


class Provider(Protocol):
    """One payment provider; every call but ``verify_notice`` waits at most ``timeout_s`` and knows no transaction."""

    @property
    def name(self) -> str:
        """As in ``/v1/payments`` and in the path of its notices."""
        ...

    @property
    def methods(self) -> frozenset[str]:
        """The ways to pay that it knows."""
        ...

    @property
    def currencies(self) -> frozenset[str] | None:
        """The currencies that it collects; None for any."""
        ...

    @property
    def needs_code(self) -> frozenset[str]:
        """The ways to pay for which it wants what was scanned off the payer's phone, or a token for a card."""
        ...

    @property
    def at_hand(self) -> bool:
        """True when its answers come from this process at once, so that a transaction may wait for them."""
        ...

    @property
    def sends_notices(self) -> bool:
        """True when it reports by itself what becomes of a trade."""
        ...

    @property
    def thanks(self) -> bytes:
        """The word that it waits for after a notice; empty when a status is enough."""
        ...

    def pay(self, order: PayOrder, timeout_s: float = PAY_TIMEOUT_S) -> PayOutcome:
        """Asks for money; a number that is known answers with what became of it."""
        ...

    def query(self, trade: Asked, timeout_s: float = ASK_TIMEOUT_S) -> PayOutcome:
        """What became of a trade."""
        ...

    def cancel(self, trade: Asked, timeout_s: float = ASK_TIMEOUT_S) -> PayOutcome:
        """Asks that a trade take no money any more: Closed, or Paid when it was too late."""
        ...

    def refund(self, order: RefundOrder, timeout_s: float = ASK_TIMEOUT_S) -> RefundOutcome:
        """Asks for money to go back; the same number pays once."""
        ...

    def refund_query(self, order: RefundOrder, timeout_s: float = ASK_TIMEOUT_S) -> RefundOutcome:
        """What became of a refund that was asked for."""
        ...

    def verify_notice(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """What a message says, its signature checked over the bytes as they came; InvalidSignature.

        Names of headers are in small letters.
        """
        ...
