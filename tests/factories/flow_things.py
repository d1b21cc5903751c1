"""What the model of the flow is about: offers, claims, groups, redemptions, payments, refunds; in minor units."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

GROSS = 5000
LEASE = timedelta(seconds=180)
PAY_WITHIN = timedelta(minutes=15)
GRACE = timedelta(minutes=5)  # for money that was under way at a group's deadline
FEE_BP = 50
OPEN = ("created", "pending", "unknown", "cancelling")
WITHOUT_MONEY = ("failed", "cancelled", "stray")


@dataclass(frozen=True)
class Offer:
    """Terms: ``off`` is what a unit takes off, ``budget`` what the platform gives in all, None without an end.

    A coupon with a ``target`` is sold to groups too, at ``group_price`` a seat.
    """

    name: str
    stock: int
    per_member: int
    off: int
    price: int = 0
    units: int = 1
    share_bp: int = 0
    commission_bp: int = 0
    budget: int | None = None
    group_price: int = 0
    target: int = 0
    seats: int = 0
    deadline_s: int = 0


@dataclass
class Claim:
    """A member's claim; ``used`` and ``held`` are unit numbers."""

    offer: Offer
    member: int
    state: str
    until: datetime
    pay_until: datetime
    group: Group | None = None
    used: set[int] = field(default_factory=set)
    held: set[int] = field(default_factory=set)
    reversed_times: int = 0

    @property
    def price(self) -> int:
        return self.offer.price if self.group is None else self.offer.group_price

    @property
    def free(self) -> list[int]:
        return [no for no in range(1, self.offer.units + 1) if no not in self.used | self.held]


@dataclass
class Seat:
    """A member's seat, which stands on a claim: reserved, joined, left, refunding, refunded."""

    claim: Claim
    state: str = "reserved"


@dataclass
class Group:
    """People who buy together; ``told`` are the events that were told of it, ``most`` the most seats ever paid for."""

    offer: Offer
    starter: int
    deadline: datetime
    state: str = "open"
    most: int = 0
    seats: dict[int, Seat] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    @property
    def taken(self) -> int:
        return sum(seat.state != "left" for seat in self.seats.values())

    @property
    def joined(self) -> int:
        return sum(seat.state in ("joined", "refunding", "refunded") for seat in self.seats.values())

    def seat_of(self, claim: Claim) -> Seat | None:
        """The seat that stands on a claim; one that was given up may stand on a later one."""
        return next((seat for seat in self.seats.values() if seat.claim is claim), None)

    def pay(self, claim: Claim, now: datetime) -> bool:
        """A seat is paid for; the one that was missing makes the deal, once and for ever."""
        seat = self.seat_of(claim)
        if seat is None or seat.state != "reserved" or self.state not in ("open", "succeeded"):
            return False
        if now >= self.deadline + GRACE:
            return False
        seat.state = "joined"
        self.told.append("joined")
        self.most = max(self.most, self.joined)
        if self.state == "open" and self.joined == self.offer.target:
            self.decide("succeeded")
        return True

    def decide(self, state: str) -> None:
        self.state = state
        self.told.append(state)


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
