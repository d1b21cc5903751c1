"""The money side over a small world: a till that only commits, books that only note, a wallet with a movable clock."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Flask, g
from werkzeug.test import TestResponse

from app.claims.actions import move
from app.claims.queries import lock_claim
from app.core.clock import system_clock
from app.core.db import Database
from app.core.errors import AppError
from app.core.ids import new_city_id
from app.core.settings import Settings
from app.flow.embedded.payments import PaymentsPart
from app.flow.embedded.purposes import Purposes
from app.flow.types import PaymentRequest, RequestContext
from app.http.principals import Principal
from app.http.steps import Plan, run_job
from app.payments.providers.cash import Cash
from app.payments.providers.gateway import Provider
from app.payments.providers.signing import signed_headers
from app.payments.providers.test_wallet import NAME, TestWallet, notice_secret
from app.payments.providers.wallet_notices import send_due_notices
from app.payments.types import RefundOrder, RefundOutcome, WalletOrder
from tests.factories.loops import CITY, Loop

PRICE = 4000


class MovableClock:
    """The system's clock, some time ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return system_clock() + self.ahead


class SmallTill:
    """Commits a held redemption and ends reversals, without units, prices or books."""

    def commit_paid(
        self, conn: sa.Connection, city_id: int, redemption_id: UUID, now: datetime, trace: str | None
    ) -> bool:
        done = conn.execute(
            sa.text(
                "UPDATE redemptions SET state = 'committed', committed_at = :now, reverse_before = :now"
                " WHERE city_id = :city AND redemption_id = :id AND state = 'held'"
            ),
            {"now": now, "city": city_id, "id": redemption_id},
        )
        return done.rowcount == 1

    def finish_reversal(
        self, conn: sa.Connection, city_id: int, redemption_id: UUID, now: datetime, trace: str | None
    ) -> None:
        conn.execute(
            sa.text(
                "UPDATE redemptions SET state = 'reversed', ended_at = :now, reversal_pending = false"
                " WHERE city_id = :city AND redemption_id = :id"
            ),
            {"now": now, "city": city_id, "id": redemption_id},
        )

    def reversal_failed(
        self, conn: sa.Connection, city_id: int, redemption_id: UUID, now: datetime, trace: str | None
    ) -> None:
        conn.execute(
            sa.text("UPDATE redemptions SET reversal_pending = false WHERE city_id = :city AND redemption_id = :id"),
            {"city": city_id, "id": redemption_id},
        )


class NotedLedger:
    """Notes what is posted as a row, so that what is rolled back is not noted."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        with engine.begin() as conn:
            conn.execute(sa.text("CREATE TABLE noted (kind text, id uuid, purpose text, amount int, fee int)"))
            conn.execute(sa.text("GRANT ALL ON noted TO fujin_app"))

    def post_capture(self, conn: sa.Connection, city_id: int, **given: Any) -> None:
        self._note(conn, "capture", given["payment_id"], given["purpose"], given["money"], given["fee_minor"])

    def post_stray(self, conn: sa.Connection, city_id: int, **given: Any) -> None:
        self._note(conn, "stray", given["payment_id"], "stray", given["money"], given["fee_minor"])

    def post_refund(self, conn: sa.Connection, city_id: int, **given: Any) -> None:
        self._note(conn, "refund", given["refund_id"], given["purpose"], given["money"], given["fee_returned_minor"])

    def _note(self, conn: sa.Connection, kind: str, thing: UUID, purpose: str, money: Any, fee: int) -> None:
        conn.execute(
            sa.text("INSERT INTO noted VALUES (:kind, :id, :purpose, :amount, :fee)"),
            {"kind": kind, "id": thing, "purpose": purpose, "amount": money.amount_minor, "fee": fee},
        )

    def lines(self) -> list[tuple[str, str, int, int]]:
        """Kind, purpose, amount and fee of each posting, sorted."""
        with self._engine.connect() as conn:
            rows = conn.execute(sa.text("SELECT kind, purpose, amount, fee FROM noted ORDER BY 1, 2, 3, 4")).all()
        return [(row[0], row[1], row[2], row[3]) for row in rows]


class SmallFlow:
    """The money side in front of whatever flow the application has."""

    def __init__(self, rest: Any, part: PaymentsPart) -> None:
        self._rest, self._part = rest, part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name, None) or getattr(self._rest, name)


@dataclass
class Paying:
    """Everything a test of payments needs."""

    loop: Loop
    settings: Settings
    database: Database
    clock: MovableClock
    wallet: TestWallet
    ledger: NotedLedger
    part: PaymentsPart
    slept: list[float] = field(default_factory=list)

    # things to pay for

    def claim(self, price: int = PRICE, **terms: Any) -> tuple[UUID, UUID]:
        """An unpaid claim and its member."""
        member = self.loop.member()
        coupon = self.loop.coupon(price_minor=price, list_price_minor=price * 2, **terms)
        found = self.loop.claim(coupon, member)
        assert found["state"] == "pending_payment"
        return UUID(found["claim_id"]), member

    def redemption(self, payable: int = PRICE, state: str = "held", lease_s: float = 180) -> UUID:
        """A redemption at the merchant's first place, without units."""
        redemption_id = new_city_id(CITY)
        now = self.loop.now
        self.loop.world.run(
            "INSERT INTO redemptions (city_id, redemption_id, merchant_id, place_id, staff_id, request_no,"
            " request_hash, state, gross_minor, discount_minor, platform_share_minor, prepaid_minor,"
            " commission_minor, payable_minor, currency, lease_until, ended_at, reversal_pending, reversal_window_s,"
            " seq, created_at) VALUES (:city, :id, :merchant, :place, 's', :no, '\\x00', :state, :gross, 1000, 0, 0,"
            " 0, :payable, 'CNY', :lease, :ended, false, 3600, 1, :now)",
            {
                "city": CITY,
                "id": redemption_id,
                "merchant": self.loop.merchant,
                "place": self.loop.places[0],
                "no": secrets.token_hex(6),
                "state": state,
                "gross": payable + 1000,
                "payable": payable,
                "lease": now + timedelta(seconds=lease_s),
                "ended": now if state == "voided" else None,
                "now": now,
            },
        )
        return redemption_id

    def staff(self) -> tuple[UUID, str]:
        """Staff of the merchant's first place."""
        return self.loop.employee("staff", self.loop.merchant, self.loop.places[:1]), "staff"

    # over HTTP

    def pay(self, purpose: str, purpose_id: UUID, by: tuple[UUID, str], **more: Any) -> TestResponse:
        """POST /v1/payments through the test wallet unless said otherwise."""
        key = more.pop("key", None)
        body = {
            "purpose": purpose,
            "purpose_id": str(purpose_id),
            "provider": NAME,
            "method": "online" if purpose == "claim" else "user_scans",
        } | more
        return self.loop.post("/v1/payments", body, by=by, key=key)

    def paid_claim(self, price: int = PRICE, **wallet: Any) -> tuple[dict[str, Any], UUID, UUID]:
        """A payment of a claim, the claim and its member."""
        claim_id, member = self.claim(price)
        answer = self.pay("claim", claim_id, (member, "member"), wallet=wallet)
        assert answer.status_code == 201, answer.get_json()
        return answer.get_json(), claim_id, member

    def notify(self, body: bytes, headers: Mapping[str, str]) -> TestResponse:
        """A message at the provider's door."""
        return self.loop.client.post(
            f"/v1/providers/{NAME}/notify", data=body, headers={"Content-Type": "application/json", **headers}
        )

    def send_notices(self) -> int:
        """The wallet's due notices go through the door of this process."""

        def send(headers: Mapping[str, str], body: bytes) -> bool:
            return self.notify(body, headers).status_code == 204

        return send_due_notices(self.database, self.settings, self.clock, send)

    def notice(self, trade_no: str, *, number: str | None = None, kind: str = "paid", amount: int = PRICE) -> Signed:
        """A rightly signed message of the wallet."""
        body = (
            f'{{"type":"trade.{kind}","data":{{"trade_no":"{trade_no}","amount_minor":{amount},"currency":"CNY"}}}}'
        ).encode()
        return Signed(body, signed_headers(self.secret, number or f"msg_{secrets.token_hex(8)}", system_clock(), body))

    @property
    def secret(self) -> bytes:
        return notice_secret(self.settings)

    # step by step, as a crash leaves it

    @contextmanager
    def at_work(self) -> Any:
        """Inside the application, as a worker or a request is."""
        with self.loop.app.test_request_context("/"):
            g.request_id = "test-request"
            yield

    def prepared(self, plan: Plan) -> Any:
        """The first transaction of a plan alone."""
        with self.database.write() as conn:
            found = plan.prepare(conn)
            conn.commit()
        return found

    def settled(self, plan: Plan, prepared: Any, outcome: Any) -> Any:
        """The last one."""
        with self.database.write() as conn:
            found = plan.settle(conn, prepared, outcome)
            conn.commit()
        return found

    def creating(self, claim_id: UUID, member: UUID, key: str = "k", **wallet: Any) -> Plan:
        """The plan of paying a claim."""
        order = WalletOrder(**wallet)
        request = PaymentRequest("claim", claim_id, NAME, "online", None, order)
        return self.part.create_payment(self.context(member, key), request)

    def context(self, member: UUID, key: str = "k") -> RequestContext:
        now = system_clock()
        actor = Principal(str(member), "member", member, (), (), (), (), "t", now + timedelta(minutes=5))
        return RequestContext(actor, now, key, "test-trace")

    def resolve(self, payment_id: UUID | str, after_s: float = 0) -> str:
        """The job asks, some time from now; the state that is found."""
        self.clock.ahead = timedelta(seconds=after_s)
        with self.at_work():
            view = run_job(self.part.resolve_payment(None, UUID(str(payment_id)), self.clock()))
        return str(view.state)

    def resolve_refund(self, refund_id: UUID | str) -> str:
        """The job asks for a refund; the state that is found."""
        with self.at_work():
            return str(run_job(self.part.resolve_refund(UUID(str(refund_id)), self.clock())).state)

    # what there is

    def payment(self, payment_id: UUID | str) -> Any:
        """The row."""
        return self.loop.rows("SELECT * FROM payments WHERE payment_id = :id", id=UUID(str(payment_id)))[0]

    def state_of(self, claim_id: UUID) -> str:
        """A claim's."""
        return str(self.loop.one("SELECT state FROM claims WHERE claim_id = :id", id=claim_id))

    def release(self, claim_id: UUID) -> None:
        """The claim's time to pay is over and its stock goes to somebody else, as the sweeper does it."""
        with self.database.write() as conn:
            claim = lock_claim(conn, CITY, claim_id)
            assert claim is not None
            move(conn, claim, "released", self.clock(), None, reason="not paid in time")
            conn.commit()

    def events(self, aggregate_id: UUID | str) -> list[str]:
        """Kinds of the events of one thing, in order; their numbers have no gap."""
        rows = self.loop.rows(
            "SELECT seq, type FROM outbox_events WHERE aggregate_id = :id ORDER BY seq", id=UUID(str(aggregate_id))
        )
        assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
        return [str(row[1]).removeprefix("fujin.").removesuffix(".v1") for row in rows]

    def jobs(self) -> list[tuple[str, UUID, str]]:
        """Kind, thing and state of each job."""
        rows = self.loop.rows("SELECT kind, ref_id, state FROM jobs ORDER BY kind, ref_id")
        return [(row[0], row[1], row[2]) for row in rows]


class Scripted:
    """A provider whose next answers about refunds are given beforehand; ``numbers`` are those it was asked with."""

    def __init__(self, inner: Provider) -> None:
        self._inner = inner
        self.refunds: list[RefundOutcome] = []
        self.refund_queries: list[RefundOutcome] = []
        self.numbers: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def refund(self, order: RefundOrder, timeout_s: float = 4.0) -> RefundOutcome:
        self.numbers.append(order.refund_no)
        return self.refunds.pop(0) if self.refunds else self._inner.refund(order)

    def refund_query(self, order: RefundOrder, timeout_s: float = 4.0) -> RefundOutcome:
        self.numbers.append(order.refund_no)
        return self.refund_queries.pop(0) if self.refund_queries else self._inner.refund_query(order)


@dataclass(frozen=True)
class Signed:
    """A message and its headers."""

    body: bytes
    headers: dict[str, str]


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Results of works that begin at the same moment, each in a thread of its own; a refusal counts as its code."""
    gate = threading.Barrier(len(works))
    found: list[Any] = [None] * len(works)

    def run(number: int) -> None:
        gate.wait()
        try:
            found[number] = works[number]()
        except AppError as refusal:
            found[number] = refusal.code

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def compose(
    app: Flask,
    loop: Loop,
    settings: Settings,
    database: Database,
    wrap: Callable[[Provider], Any] = lambda provider: provider,
) -> Paying:
    """The application with the money side composed from its parts and small neighbours."""
    clock = MovableClock()
    slept: list[float] = []
    wallet = TestWallet(database, notice_secret(settings), clock, sleep=slept.append)
    ledger = NotedLedger(loop.engine)
    providers: dict[str, Provider] = {"cash": Cash(), NAME: wrap(wallet)}
    purposes = Purposes(SmallTill())
    part = PaymentsPart(database, providers, ("cash", NAME), purposes, ledger)
    app.extensions["fujin_flow"] = SmallFlow(app.extensions["fujin_flow"], part)
    return Paying(loop, replace(settings, providers=("cash", NAME)), database, clock, wallet, ledger, part, slept)
