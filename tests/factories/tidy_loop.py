"""Claims, redemptions, payments, events and a ledger that keep every invariant, for the tiny world of ``tidy``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.claims.tables import claims, coupon_day_stock
from app.claims.tables_guard import claim_verdicts
from app.core.ids import new_city_id, new_id
from app.core.money import Money
from app.coupons.tables import coupon_codes
from app.fraud.tables import fraud_flags
from app.groups.tables import deal_groups, group_seats
from app.ledger import actions as ledger
from app.ledger.types import UnitSplit
from app.members.tables import members
from app.outbox.tables import (
    deliveries,
    delivery_attempts,
    jobs,
    outbox_events,
    outbox_positions,
    webhook_endpoints,
)
from app.payments.tables import payments, provider_events, refunds
from app.redemption.tables import redemption_units, redemptions
from app.settlements import actions as statements
from tests.factories.tidy_geofences import plant_fence
from tests.factories.worlds import NOW

HOUR = timedelta(hours=1)
PRICE, BUDGET = 3000, 100_000
PAID_TERMS = {
    "price_minor": PRICE, "units": 2, "per_member": 2, "per_member_day": 2, "per_device": 2, "per_day": 5,
    "platform_share_bp": 5000, "budget_minor": BUDGET, "commission_bp": 500, "taken": 3,
}  # fmt: skip
GROUP_TERMS = {
    "price_minor": 4000, "group_price_minor": PRICE, "group_target": 2, "group_seats": 3, "group_deadline_s": 3600,
    "taken": 5,
}  # fmt: skip
CODED_TERMS = {"code_source": "merchant", "stock": 2, "quota": 2, "taken": 1}


@dataclass
class TidyLoop:
    """Ids of what was planted, by name, and who writes it."""

    conn: sa.Connection
    city: int
    merchant: UUID
    place: UUID
    ids: dict[str, UUID] = field(default_factory=dict)
    position: int = 0

    def put(self, table: sa.Table, **values: Any) -> None:
        """One row of the city."""
        if "city_id" in table.c:
            values["city_id"] = self.city
        self.conn.execute(sa.insert(table).values(**values))

    def new(self, name: str) -> UUID:
        """A new id of the city, kept under a name."""
        self.ids[name] = new_city_id(self.city)
        return self.ids[name]

    def told(self, thing: str, aggregate_id: UUID, words: Sequence[str]) -> int:
        """The events of an aggregate, each with the city's next position; their number is its seq."""
        for seq, word in enumerate(words, 1):
            self.position += 1
            self.put(
                outbox_events, event_id=self.new(f"event{self.position}"), aggregate_id=aggregate_id, seq=seq,
                type=f"fujin.{thing}.{word}.v1", merchant_id=self.merchant, data={}, occurred_at=NOW - HOUR,
                position=self.position,
            )  # fmt: skip
        return len(words)

    def claim(self, name: str, coupon: UUID, state: str, words: Sequence[str], **given: Any) -> UUID:
        """A claim of somebody new, with its events."""
        member = new_id()
        self.put(members, member_id=member, state="active", row_version=1, created_at=NOW)
        claim_id = self.new(name)
        ended = {} if state in ("active", "pending_payment") else {"ended_at": NOW}
        self.put(claims, **{
            "claim_id": claim_id, "coupon_id": coupon, "coupon_version": 1, "merchant_id": self.merchant,
            "member_id": member, "state": state, "bucket": 0, "member_no": 1, "claimed_on": NOW.date(),
            "day_limited": False, "units": 1, "price_minor": 0, "currency": "CNY", "valid_from": NOW - HOUR,
            "valid_until": NOW + 24 * HOUR, "code_key": hashlib.sha256(claim_id.bytes).digest(),
            "code_sealed": b"sealed", "code_tail": "0000", "claimed_at": NOW - HOUR,
            "seq": self.told("claim", claim_id, words), **ended, **given,
        })  # fmt: skip
        return claim_id

    def redemption(self, name: str, claim: UUID, coupon: UUID, words: Sequence[str], **split: Any) -> UnitSplit:
        """A redemption of one unit in the state that its last event tells; returns what the unit moves."""
        state, redemption_id = words[-1], self.new(name)
        at = NOW - split.get("hours_ago", 1) * HOUR
        posted_at = at if "hours_ago" in split else NOW
        money = {"gross_minor": 0, "discount_minor": 0, "platform_share_minor": 0, "prepaid_minor": 0,
                 "commission_minor": 0} | {key: split[key] for key in split if key.endswith("_minor")}  # fmt: skip
        was_committed = "committed" in words
        self.put(
            redemptions, redemption_id=redemption_id, merchant_id=self.merchant, place_id=self.place, staff_id="s",
            request_no=name, request_hash=b"", state=state, **money, currency="CNY",
            payable_minor=money["gross_minor"] - money["discount_minor"],
            lease_until=NOW + HOUR if state == "held" else None, committed_at=at if was_committed else None,
            reverse_before=at + 2 * HOUR if was_committed else None, reversal_pending=False, reversal_window_s=3600,
            ended_at=NOW if state in ("voided", "reversed") else None, created_at=NOW - HOUR,
            seq=self.told("redemption", redemption_id, words),
        )  # fmt: skip
        unit_id, budgeted = self.new(f"{name}_unit"), bool(split.get("budgeted"))
        self.put(
            redemption_units, redemption_unit_id=unit_id, redemption_id=redemption_id, claim_id=claim, unit_no=1,
            units=split.get("units", 1), live=state in ("held", "committed"), coupon_id=coupon, **money,
            budgeted=budgeted,
        )  # fmt: skip
        moved = UnitSplit(
            unit_id, coupon, money["platform_share_minor"], money["prepaid_minor"], money["commission_minor"],
            budgeted, BUDGET if budgeted else None,
        )  # fmt: skip
        if was_committed:
            ledger.post_committed(self.conn, self.city, self.merchant, "CNY", [moved], posted_at)
        if state == "reversed":
            ledger.post_reversed(self.conn, self.city, self.merchant, "CNY", [moved], NOW)
        return moved

    def payment(
        self, name: str, purpose: str, purpose_id: UUID, words: Sequence[str], amount: int, **given: Any
    ) -> UUID:
        """A payment in the state that its last event tells, unless it is in one that nobody is told of; its money in
        the ledger."""
        state, payment_id = given.pop("state", None) or words[-1], self.new(name)
        at = given.pop("at", NOW)
        captured = amount if state in ("succeeded", "stray") else 0
        fee = 20 if captured else 0
        self.put(payments, **{
            "payment_id": payment_id, "merchant_id": self.merchant, "purpose": purpose, "purpose_id": purpose_id,
            "attempt": 1, "provider": "test_wallet", "method": "online", "asked": {}, "trade_no": name,
            "provider_trade_no": f"w-{name}" if captured else None, "amount_minor": amount,
            "captured_minor": captured, "refunding_minor": 0, "refunded_minor": 0, "fee_minor": fee,
            "fee_returned_minor": 0, "currency": "CNY", "state": state, "caller": "test", "caller_key": name,
            "pay_until": NOW + HOUR, "created_at": NOW - HOUR, "changed_at": NOW,
            "seq": self.told("payment", payment_id, words), **given,
        })  # fmt: skip
        money = Money(captured, "CNY")
        if state == "stray":
            ledger.post_stray(self.conn, self.city, payment_id=payment_id, money=money, fee_minor=fee, now=NOW)
        elif captured:
            ledger.post_capture(
                self.conn, self.city, payment_id=payment_id, purpose=purpose, merchant_id=self.merchant, money=money,
                fee_minor=fee, provider="test_wallet", now=at,
            )  # type: ignore[arg-type]  # fmt: skip
        return payment_id

    def refund(self, name: str, payment: str, cause: str, purpose: str, words: Sequence[str], amount: int) -> None:
        """A refund in the state that its last event tells, counted in its payment."""
        state, refund_id, fee = words[-1], self.new(name), 5 if words[-1] == "succeeded" else 0
        self.put(
            refunds, refund_id=refund_id, payment_id=self.ids[payment], refund_no=name, provider_refund_no=name,
            cause=cause, cause_id=self.ids[payment], amount_minor=amount, fee_returned_minor=fee, currency="CNY",
            reason="test", return_coupon=False, state=state, created_at=NOW - HOUR, changed_at=NOW,
            seq=self.told("refund", refund_id, words),
        )  # fmt: skip
        column = payments.c.refunded_minor if state == "succeeded" else payments.c.refunding_minor
        self.conn.execute(
            sa.update(payments)
            .where(payments.c.city_id == self.city, payments.c.payment_id == self.ids[payment])
            .values({column: column + amount, payments.c.fee_returned_minor: payments.c.fee_returned_minor + fee})
        )
        if state == "succeeded":
            ledger.post_refund(
                self.conn, self.city, refund_id=refund_id, purpose=purpose, merchant_id=self.merchant,
                money=Money(amount, "CNY"), fee_returned_minor=fee, provider="test_wallet", now=NOW,
            )  # type: ignore[arg-type]  # fmt: skip

    def group(self, name: str, coupon: UUID, state: str, words: Sequence[str], joined: int, **given: Any) -> UUID:
        """A group without seats yet, with its events."""
        group_id = self.new(name)
        decided = None if state == "open" else NOW - timedelta(minutes=1)
        starter = new_id()
        self.put(members, member_id=starter, state="active", row_version=1, created_at=NOW)
        self.put(deal_groups, **{
            "group_id": group_id, "coupon_id": coupon, "coupon_version": 1, "merchant_id": self.merchant,
            "member_id": starter, "state": state, "target": 2, "seats": 3, "taken": joined, "joined": joined,
            "most_joined": joined, "price_minor": PRICE, "currency": "CNY", "deadline": NOW + HOUR,
            "seq": self.told("group", group_id, words), "created_at": NOW - HOUR, "decided_at": decided,
            "closed_at": NOW if state == "closed" else None, **given,
        })  # fmt: skip
        return group_id

    def seat(self, name: str, group: UUID, coupon: UUID, state: str, claim: str, words: Sequence[str]) -> None:
        """A seat on a claim of its own in a state, paid for unless it waits for that."""
        claim_id = self.claim(name, coupon, claim, words, price_minor=PRICE, pay_until=NOW + HOUR, group_id=group)
        member = self.conn.execute(sa.select(claims.c.member_id).where(claims.c.claim_id == claim_id)).scalar_one()
        self.put(group_seats, group_id=group, member_id=member, claim_id=claim_id, state=state, tries=0, changed_at=NOW)
        if state != "reserved":
            self.payment(f"{name}_payment", "claim", claim_id, ["pending", "succeeded"], PRICE)

    def job(self, kind: str, name: str) -> None:
        """Work that is due for a thing in a minute."""
        self.put(
            jobs, job_id=new_city_id(self.city), kind=kind, ref_id=self.ids[name], state="due",
            run_at=NOW + timedelta(minutes=1), tries=0, created_at=NOW,
        )  # fmt: skip


def plant_tidy_loop(
    engine: sa.Engine,
    city: int,
    merchant: UUID,
    place: UUID,
    coupon: UUID,
    paid_coupon: UUID,
    group_coupon: UUID,
    coded_coupon: UUID,
) -> dict[str, UUID]:
    """Plants it: of ``coupon`` 4 units are taken, of ``paid_coupon`` (of ``PAID_TERMS``) 3, of ``group_coupon`` (of
    ``GROUP_TERMS``) 5, of ``coded_coupon`` (of ``CODED_TERMS``) 1; returns ids by name."""
    with engine.begin() as conn:
        loop = TidyLoop(conn, city, merchant, place)
        _plant_free(loop, coupon)
        _plant_paid(loop, paid_coupon)
        _plant_groups(loop, group_coupon)
        plant_fence(loop)
        _plant_signal(loop)
        _plant_statements(loop, coupon)
        _plant_coded(loop, coded_coupon)
        _run_by_merchant(loop, paid_coupon, 10)
        _run_by_merchant(loop, coded_coupon, 2)
        _plant_deliveries(loop)
    return loop.ids


def _plant_free(loop: TidyLoop, coupon: UUID) -> None:
    """A free coupon: one claim held at a till, one used in a paid order, one used and given back, one cancelled."""
    held = loop.claim("held_claim", coupon, "active", ["granted"])
    loop.redemption("voided", held, coupon, ["held", "voided"], gross_minor=12000, discount_minor=2000)
    loop.redemption("held", held, coupon, ["held"], gross_minor=12000, discount_minor=2000)
    used = loop.claim("redeemed_claim", coupon, "redeemed", ["granted", "redeemed"])
    order = {"gross_minor": 12000, "discount_minor": 2000, "platform_share_minor": 700, "commission_minor": 100}
    loop.redemption("committed", used, coupon, ["held", "committed"], **order)
    loop.payment("till_payment", "redemption", loop.ids["committed"], ["pending", "succeeded"], 10000)
    loop.refund("till_refund", "till_payment", "asked", "redemption", ["requested", "succeeded"], 2500)
    loop.refund("open_refund", "till_payment", "asked", "redemption", ["requested"], 1000)
    loop.job("refund.resolve", "open_refund")
    given_back = loop.claim("reversed_claim", coupon, "active", ["granted", "redeemed", "activated"])
    loop.redemption("reversed", given_back, coupon, ["held", "committed", "reversed"], **order)
    for name, paid_for, words in (("created", "reversed", ()), ("cancelling", "voided", ("pending",))):
        loop.payment(name, "redemption", loop.ids[paid_for], words, 10000, state=name)
        loop.job("payment.resolve", name)
    loop.claim("cancelled_claim", coupon, "cancelled", ["granted", "cancelled"])
    member = loop.conn.execute(sa.select(claims.c.member_id).where(claims.c.claim_id == held)).scalar_one()
    loop.put(
        claim_verdicts, verdict_id=loop.new("verdict"), coupon_id=coupon, merchant_id=loop.merchant, member_id=member,
        claim_id=held, verdict="allow", distance_m=80, judged_at=NOW,
    )  # fmt: skip


def _plant_paid(loop: TidyLoop, coupon: UUID) -> None:
    """A prepaid coupon with a budget: half used, waiting for its payment, refunded, released with late money."""
    device = {"device_key": b"phone", "member_day_no": 1, "day_limited": True}
    priced = {"price_minor": PRICE, "units": 2, "pay_until": NOW + HOUR, **device}
    words = ["granted", "activated"]
    half = loop.claim("paid_claim", coupon, "active", words, **priced, device_no=1)
    loop.payment("paid", "claim", half, ["pending", "succeeded"], PRICE)
    loop.redemption(
        "prepaid_use", half, coupon, ["held", "committed"], units=2, budgeted=True, gross_minor=5000,
        discount_minor=2500, platform_share_minor=500, prepaid_minor=1500, commission_minor=75,
    )  # fmt: skip
    waiting = loop.claim("unpaid_claim", coupon, "pending_payment", ["granted"], **priced, device_no=2)
    loop.payment("open_payment", "claim", waiting, ["pending"], PRICE)
    loop.job("payment.resolve", "open_payment")
    refunded = loop.claim("refunded_claim", coupon, "refunded", [*words, "refunded"], **priced, device_no=1)
    loop.payment("refunded_payment", "claim", refunded, ["pending", "succeeded"], PRICE)
    loop.refund("claim_refund", "refunded_payment", "claim", "claim", ["requested", "succeeded"], PRICE)
    late = loop.claim("released_claim", coupon, "released", ["granted", "released"], **priced, device_no=1)
    loop.payment("stray", "claim", late, ["pending", "cancelled", "stray"], PRICE)
    loop.refund("stray_refund", "stray", "stray", "stray", ["requested", "succeeded"], PRICE)
    loop.put(coupon_day_stock, coupon_id=coupon, claimed_on=NOW.date(), bucket=0, quota=5, taken=3)
    loop.put(
        provider_events, event_key="test_wallet:1", provider="test_wallet", trade_no="paid", body=b"paid",
        applied=True, outcome="succeeded", received_at=NOW,
    )  # fmt: skip


def _plant_statements(loop: TidyLoop, coupon: UUID) -> None:
    """A sale that can't be reversed any more, in a statement that was paid; a draft that ends later."""
    used = loop.claim("settled_claim", coupon, "redeemed", ["granted", "redeemed"])
    order = {"gross_minor": 6000, "discount_minor": 1000, "platform_share_minor": 500, "commission_minor": 50}
    loop.redemption("settled", used, coupon, ["committed"], **order, hours_ago=4)
    at = NOW - 4 * HOUR
    loop.payment("settled_payment", "redemption", loop.ids["settled"], ["pending", "succeeded"], 5000, at=at)
    draft = statements.draft(loop.conn, loop.city, loop.merchant, "CNY", NOW - HOUR, NOW)
    closed = statements.close(loop.conn, draft.settlement_id, 0, NOW)
    statements.pay(loop.conn, closed.settlement_id, "bank-1", NOW)
    loop.ids["settlement"] = closed.settlement_id
    loop.ids["draft"] = statements.draft(loop.conn, loop.city, loop.merchant, "CNY", NOW, NOW).settlement_id
    for seq in (1, 2):
        loop.position += 1
        loop.conn.execute(
            sa.update(outbox_events)
            .where(outbox_events.c.aggregate_id == closed.settlement_id, outbox_events.c.seq == seq)
            .values(position=loop.position)
        )


def _plant_signal(loop: TidyLoop) -> None:
    """Something that somebody has to look at."""
    flag = loop.new("flag")
    loop.put(
        fraud_flags, flag_id=flag, rule="many_reversals", merchant_id=loop.merchant, staff_id="staff:s",
        place_id=loop.place, flagged_on=NOW.date(), count=5, first_at=NOW - HOUR, last_at=NOW, state="open",
        created_at=NOW,
    )  # fmt: skip
    loop.told("fraud", flag, ["flagged"])


def _plant_groups(loop: TidyLoop, coupon: UUID) -> None:
    """A deal that is made, one that waits, one that has just failed, and one whose only member was paid back."""
    words = ["granted", "activated"]
    made = loop.group("made_group", coupon, "succeeded", ["joined", "joined", "succeeded"], 2)
    for name in ("made_seat", "other_seat"):
        loop.seat(name, made, coupon, "joined", "active", words)
    waiting = loop.group("open_group", coupon, "open", [], 0, taken=1)
    loop.seat("open_seat", waiting, coupon, "reserved", "pending_payment", ["granted"])
    failed = loop.group("failed_group", coupon, "failed", ["joined", "failed"], 1)
    loop.seat("failed_seat", failed, coupon, "joined", "active", words)
    closed = loop.group("closed_group", coupon, "closed", ["joined", "failed", "closed"], 1)
    loop.seat("closed_seat", closed, coupon, "refunded", "refunded", [*words, "refunded"])
    loop.refund("seat_refund", "closed_seat_payment", "group", "claim", ["requested", "succeeded"], PRICE)


def _plant_coded(loop: TidyLoop, coupon: UUID) -> None:
    """A coupon whose merchant brought two codes: one is handed out."""
    claim_id = loop.claim("coded_claim", coupon, "active", ["granted"])
    for key, whose in ((hashlib.sha256(claim_id.bytes).digest(), claim_id), (b"another code".ljust(32), None)):
        loop.put(
            coupon_codes, code_id=new_city_id(loop.city), coupon_id=coupon, merchant_id=loop.merchant, code_key=key,
            code_sealed=b"sealed", code_tail="0000", claim_id=whose, uploaded_at=NOW - HOUR,
        )  # fmt: skip


def _run_by_merchant(loop: TidyLoop, coupon: UUID, quota: int) -> None:
    """A planted coupon, published as merchants do it: told of, its stock of its version."""
    here = {"city": loop.city, "coupon": coupon}
    seq = loop.told("coupon", coupon, ["published"])
    run = "UPDATE coupons SET quota = :quota, seq = :seq WHERE city_id = :city AND coupon_id = :coupon"
    loop.conn.execute(sa.text(run), {**here, "quota": quota, "seq": seq})
    own = "UPDATE coupon_stock SET version = 1 WHERE city_id = :city AND coupon_id = :coupon"
    loop.conn.execute(sa.text(own), here)


def _plant_deliveries(loop: TidyLoop) -> None:
    """One event delivered at the second try, one that is due."""
    loop.put(outbox_positions, position=loop.position)
    endpoint = new_id()
    loop.ids["endpoint"] = endpoint
    loop.put(
        webhook_endpoints, merchant_id=loop.merchant, endpoint_id=endpoint, url="https://shop.example/hook", types=[],
        secret_sealed=b"sealed", slot=1, state="enabled", failures=0, row_version=1, created_by="test", created_at=NOW,
    )  # fmt: skip
    for number, state in ((1, "done"), (2, "due")):
        event = {"endpoint_id": endpoint, "event_id": loop.ids[f"event{number}"]}
        aggregate = sa.select(outbox_events.c.aggregate_id).where(outbox_events.c.event_id == event["event_id"])
        loop.put(
            deliveries, **event, merchant_id=loop.merchant, aggregate_id=loop.conn.execute(aggregate).scalar_one(),
            position=number, state=state, attempt=2 if state == "done" else 0,
            attempts_before=0, next_at=NOW, created_at=NOW,
            done_at=NOW if state == "done" else None,
        )  # fmt: skip
        for attempt, ok in ((1, False), (2, True)) if state == "done" else ():
            loop.put(
                delivery_attempts, **event, attempt=attempt, at=NOW, took_ms=5, ok=ok, status_code=204 if ok else 500
            )
