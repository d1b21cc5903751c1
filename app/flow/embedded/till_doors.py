"""What the till needs of the parts beside it: payments and the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import Connection

from app.flow.embedded.claim_ends import Payments
from app.ledger.types import UnitSplit


class PaymentFacts(Protocol):
    """What a till is told of a payment."""

    @property
    def payment_id(self) -> UUID:
        """Its id."""
        ...

    @property
    def state(self) -> str:
        """A state of payments."""
        ...

    @property
    def provider(self) -> str:
        """Through whom it is paid."""
        ...

    @property
    def amount_minor(self) -> int:
        """How much, in minor units."""
        ...

    @property
    def currency(self) -> str:
        """Its currency."""
        ...


class TillPayments(Payments, Protocol):
    """What the till needs of payments: what claims need, and a look without a lock."""

    def last_payment(self, conn: Connection, city_id: int, purpose: str, purpose_id: UUID) -> PaymentFacts | None:
        """The newest attempt to pay for a thing, however it ended; None without any."""
        ...


class Ledger(Protocol):
    """The postings of uses; ``app.ledger.actions`` is one."""

    def post_committed(
        self,
        conn: Connection,
        city_id: int,
        merchant_id: UUID,
        currency: str,
        units: Sequence[UnitSplit],
        now: datetime,
    ) -> None:
        """Units were used; BudgetExhausted, after which the caller rolls back."""
        ...

    def post_reversed(
        self,
        conn: Connection,
        city_id: int,
        merchant_id: UUID,
        currency: str,
        units: Sequence[UnitSplit],
        now: datetime,
    ) -> None:
        """Their use was undone."""
        ...
