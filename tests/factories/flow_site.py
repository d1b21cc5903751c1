"""The embedded flow over one connection of one database: a run is one transaction that is rolled back.

Nothing is committed and no second connection is opened, so that thousands of steps take seconds and every run begins in
the same small world. The bank stands for a payment provider; what it knows is kept in memory.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

import sqlalchemy as sa

from app.audit.flow_rules import RULES as FLOW_RULES
from app.audit.group_rules import RULES as GROUP_RULES
from app.audit.ledger_rules import RULES as LEDGER_RULES
from app.audit.outbox_rules import RULES as OUTBOX_RULES
from app.audit.payment_rules import RULES as PAYMENT_RULES
from app.audit.rules import RULES
from app.audit.settlement_rules import RULES as SETTLEMENT_RULES
from app.core.errors import AppError
from app.core.settings import Settings
from app.flow.embedded.flow import EmbeddedFlow
from app.flow.types import RequestContext
from app.http.principals import Principal
from app.http.steps import Plan
from app.payments.providers.cash import Cash
from app.payments.types import (
    Asked,
    Closed,
    Declined,
    Missing,
    Paid,
    PayOrder,
    PayOutcome,
    RefundDone,
    RefundOrder,
    RefundOutcome,
    Silent,
    Waiting,
)
from tests.factories.flow_things import Offer
from tests.factories.loops import Loop

OFFERS = [
    Offer("plain", stock=5, per_member=3, off=1000, share_bp=5000, commission_bp=250),
    Offer("prepaid", stock=4, per_member=2, off=1000, price=801, units=2, share_bp=3000, commission_bp=600),
    Offer("budget", stock=6, per_member=3, off=1000, share_bp=10_000, budget=2500),
    Offer(
        "together",
        stock=9,
        per_member=3,
        off=1000,
        price=900,
        share_bp=2000,
        commission_bp=300,
        group_price=601,
        target=2,
        seats=3,
        deadline_s=1800,
    ),
]
TOGETHER = OFFERS[-1]
SILENCE = Silent("nothing came back")
# The state predicates of L1 to L20 and L22; those about the relay's and the sender's work have tests of their own.
_NOT_HERE = {"event-relayed", "delivery-in-time", "done-is-delivered", "positions-dense"}
PREDICATES = tuple(
    rule
    for rule in (
        *RULES[:3],
        *FLOW_RULES,
        *GROUP_RULES,
        *PAYMENT_RULES,
        *LEDGER_RULES,
        *SETTLEMENT_RULES,
        *OUTBOX_RULES,
    )
    if rule.name not in _NOT_HERE
)


@dataclass
class Trade:
    """The bank's side of a payment."""

    state: str
    amount: int
    fee: int
    refunded: int = 0
    fee_back: int = 0


class Bank:
    """A payment provider that is up, down, or lossy: it does what it is asked, and the answers are lost."""

    name = "test_wallet"
    methods = frozenset({"online", "user_scans"})
    currencies = None
    needs_code: frozenset[str] = frozenset()
    at_hand = False
    sends_notices = True
    thanks = b""

    def __init__(self) -> None:
        self.mode = "up"
        self.next = "pay"
        self.trades: dict[str, Trade] = {}
        self.refunds: dict[str, int] = {}

    def _told(self, trade_no: str) -> PayOutcome:
        trade = self.trades.get(trade_no)
        if trade is None:
            return Missing()
        if trade.state == "paid":
            return Paid(f"w{trade_no}", trade.amount, "CNY", trade.fee)
        return {"waiting": Waiting("https://pay.example"), "declined": Declined("no"), "closed": Closed("over")}[
            trade.state
        ]

    def pay(self, order: PayOrder, timeout_s: float = 0) -> PayOutcome:
        if self.mode == "down" or self.next == "missing":
            return SILENCE
        state = {"pay": "paid", "wait": "waiting", "decline": "declined"}[self.next]
        self.trades[order.trade_no] = Trade(state, order.amount_minor, (2 * order.amount_minor * 50 + 10_000) // 20_000)
        return SILENCE if self.mode == "lossy" else self._told(order.trade_no)

    def query(self, trade: Asked, timeout_s: float = 0) -> PayOutcome:
        return self._told(trade.trade_no) if self.mode == "up" else SILENCE

    def cancel(self, trade: Asked, timeout_s: float = 0) -> PayOutcome:
        trade_no = trade.trade_no
        if self.mode != "down" and trade_no in self.trades and self.trades[trade_no].state == "waiting":
            self.trades[trade_no].state = "closed"
        return self._told(trade_no) if self.mode == "up" else SILENCE

    def refund(self, order: RefundOrder, timeout_s: float = 0) -> RefundOutcome:
        if self.mode == "down":
            return SILENCE
        if order.refund_no not in self.refunds:
            trade = self.trades[order.trade_no]
            trade.refunded += order.amount_minor
            assert trade.refunded <= trade.amount, "the bank was asked for more than it has"
            due = (2 * trade.fee * trade.refunded + trade.amount) // (2 * trade.amount)
            self.refunds[order.refund_no], trade.fee_back = due - trade.fee_back, due
        return SILENCE if self.mode == "lossy" else RefundDone(self.refunds[order.refund_no])

    def refund_query(self, order: RefundOrder, timeout_s: float = 0) -> RefundOutcome:
        refund_no = order.refund_no
        if self.mode != "up":
            return SILENCE
        return RefundDone(self.refunds[refund_no]) if refund_no in self.refunds else Missing()

    def verify_notice(self, headers: Any, body: bytes, now: datetime) -> Any:
        raise NotImplementedError


class OneConnection:
    """Stands for the engines: whoever asks gets the connection of the run, nothing is ended."""

    def __init__(self) -> None:
        self.conn: sa.Connection | None = None

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        assert self.conn is not None
        yield self.conn

    read = read_primary = single_reads = write


@dataclass
class FlowSite:
    """A world with the offers and four members, and the flow over it."""

    loop: Loop
    engine: sa.Engine
    flow: EmbeddedFlow
    database: OneConnection
    coupons: dict[str, UUID]
    members: list[UUID]
    staff: Principal
    owner: Principal
    bank: Bank = field(default_factory=Bank)
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.loop.now

    @property
    def conn(self) -> sa.Connection:
        """The transaction of the run."""
        assert self.database.conn is not None
        return self.database.conn

    @contextmanager
    def run(self) -> Iterator[None]:
        """One run; afterwards the world is as before."""
        with self.engine.connect() as conn:
            self.database.conn, self.now = conn, self.loop.now
            self.bank.mode, self.bank.next = "up", "pay"
            self.bank.trades.clear()
            self.bank.refunds.clear()
            try:
                yield
            finally:
                self.database.conn = None
                conn.rollback()

    def as_member(self, number: int) -> RequestContext:
        """A request of a member."""
        member = self.members[number]
        actor = Principal(str(member), "member", member, (), (), (), (), "t", self.now + timedelta(minutes=5))
        return RequestContext(actor, self.now, secrets.token_hex(8), "trace")

    def at_till(self) -> RequestContext:
        """A request of the staff."""
        return RequestContext(self.staff, self.now, secrets.token_hex(8), "trace")

    def at_till_owner(self) -> RequestContext:
        """A request of the owner, who reaches what members paid for too."""
        return RequestContext(self.owner, self.now, secrets.token_hex(8), "trace")

    def do(self, plan: Plan) -> Any:
        """The plan's value, or the code of its refusal; its effects lie in savepoints of the run."""
        try:
            with self.conn.begin_nested():
                prepared = plan.prepare(self.conn)
                if plan.call is None:
                    return plan.settle(self.conn, prepared, None)
            outcome = plan.call(prepared)
            with self.conn.begin_nested():
                return plan.settle(self.conn, prepared, outcome)
        except AppError as refusal:
            if plan.refused is not None:
                plan.refused(self.conn, refusal)
            return refusal.code

    def qr(self, claim_id: UUID) -> str:
        """What the code of a claim looks like to a scanner, shown to its owner or not."""
        return self.flow._claims._keys.qr_payload(claim_id)

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """Rows as the run sees them."""
        return list(self.conn.execute(sa.text(statement), values).all())

    def broken(self) -> list[tuple[str, str, str]]:
        """What the predicates find."""
        found = []
        for rule in PREDICATES:
            if rule.check is not None:
                rows = rule.check(self.conn, 5)
            else:
                statement = sa.text(f"SELECT * FROM ({rule.sql}) AS found (thing, detail) LIMIT 5")
                rows = [tuple(row) for row in self.conn.execute(statement, {"now": self.now})]
            found += [(rule.name, thing, detail) for thing, detail in rows]
        return found


def open_site(loop: Loop, settings: Settings, app_url: str) -> FlowSite:
    """The site over a planted world, as the application's role."""
    engine = sa.create_engine(app_url)
    database, bank = OneConnection(), Bank()
    with patch("app.flow.embedded.flow.providers_of", lambda *_: {"cash": Cash(), bank.name: bank}):
        flow = EmbeddedFlow(settings, database, lambda: loop.now)  # type: ignore[arg-type]
    coupons = {
        offer.name: loop.coupon(
            kind="voucher" if offer.price else "amount_off",
            face_value_minor=offer.off,
            min_spend_minor=0,
            price_minor=offer.price,
            units=offer.units,
            stock=offer.stock,
            per_member=offer.per_member,
            platform_share_bp=offer.share_bp,
            commission_bp=offer.commission_bp,
            budget_minor=offer.budget,
            group_price_minor=offer.group_price or None,
            group_target=offer.target or None,
            group_seats=offer.seats or None,
            group_deadline_s=offer.deadline_s or None,
            refund_policy="unused_and_expired",
            stacking="with_others",
            reversal_window_s=3600,
        )
        for offer in OFFERS
    }
    members = loop.members(4)
    person = loop.employee("staff", loop.merchant, loop.places[:1])
    expires = loop.now + timedelta(days=9)
    merchants, places = (loop.merchant,), (loop.places[0],)
    staff = Principal(str(person), "staff", person, (), merchants, places, (), "t", expires)
    boss = loop.employee("owner", loop.merchant)
    owner = Principal(str(boss), "owner", boss, (), merchants, (), (), "t", expires)
    return FlowSite(loop, engine, flow, database, coupons, members, staff, owner, bank)
