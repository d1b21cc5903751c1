"""What the model of the flow is about: offers, claims, redemptions, payments, refunds. Amounts are minor units."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

GROSS = 5000
LEASE = timedelta(seconds=180)
PAY_WITHIN = timedelta(minutes=15)
FEE_BP = 50
OPEN = ("created", "pending", "unknown", "cancelling")
WITHOUT_MONEY = ("failed", "cancelled", "stray")


@dataclass(frozen=True)
class Offer:
    """Terms: ``off`` is what a unit takes off, ``budget`` what the platform gives in all, None without an end."""

    name: str
    stock: int
    per_member: int
    off: int
    price: int = 0
    units: int = 1
    share_bp: int = 0
    commission_bp: int = 0
    budget: int | None = None


@dataclass
class Claim:
    """A member's claim; ``used`` and ``held`` are unit numbers."""

    offer: Offer
    member: int
    state: str
    until: datetime
    pay_until: datetime
    used: set[int] = field(default_factory=set)
    held: set[int] = field(default_factory=set)
    reversed_times: int = 0

    @property
    def free(self) -> list[int]:
        return [no for no in range(1, self.offer.units + 1) if no not in self.used | self.held]


@dataclass
class Redemption:
    """What a till asked for: units of claims, each with what was paid for it and has not gone back."""

    units: list[tuple[Claim, int, int]]
    state: str
    payable: int
    lease: datetime
    committed_at: datetime | None = None
    reverse_before: datetime | None = None
    pending: bool = False
    lapsed: bool = False


@dataclass
class Payment:
    """A payment; ``trade`` is what the bank's books say of it: none, waiting, paid, declined, closed."""

    of: Claim | Redemption
    amount: int
    cash: bool
    until: datetime
    created: datetime
    state: str = "created"
    trade: str = "none"
    fee: int = 0
    fee_back: int = 0
    refunded: int = 0
    refunding: int = 0
    bank_refunded: int = 0
    bank_fee_back: int = 0

    @property
    def captured(self) -> int:
        return self.amount if self.state in ("succeeded", "stray") else 0

    @property
    def left(self) -> int:
        return self.captured - self.refunded - self.refunding


@dataclass
class Refund:
    """Money going back; ``done`` when the bank's books have it, with the fee that the bank returns."""

    payment: Payment
    amount: int
    cause: str
    state: str = "requested"
    done: bool = False
    fee: int = 0


@dataclass
class Owed:
    """A transfer on the merchant's payable account."""

    amount: int
    redemption: Redemption
    at: datetime
    settled: bool = False
