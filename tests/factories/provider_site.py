"""The whole application with Alipay and Stripe set up, both of them fakepay in this process, and real books."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Flask, g
from werkzeug.test import TestResponse

from app.claims.actions import move
from app.claims.queries import lock_claim
from app.core.clock import system_clock
from app.core.db import Database
from app.core.settings import Settings
from app.factory import create_app
from app.flow.types import PaymentRequest, RequestContext
from app.http.principals import Principal
from app.http.steps import Plan, run_job
from app.payments.providers.calling import Call
from tests.factories.fakepay import AUTH_CODE, Bench, bench_in
from tests.factories.loops import CITY, Loop, plant_loop

PRICE = 4000
# How a payment is begun with each provider so that its payer has still to act.
METHOD = {"alipay": "user_scans", "stripe": "online"}
ASKS_THE_PAYER = {"alipay": None, "stripe": "pm_card_authenticationRequired"}
PAYS = {"alipay": AUTH_CODE, "stripe": "pm_card_visa"}
PAYS_BY = {"alipay": "merchant_scans", "stripe": "online"}


@dataclass
class Site:
    """One application, one database, one fakepay; things are made anew for each test."""

    app: Flask
    loop: Loop
    bench: Bench
    database: Database
    coupon: UUID
    owner: tuple[UUID, str]

    @property
    def flow(self) -> Any:
        return self.app.extensions["fujin_flow"]

    # over HTTP

    def claim(self) -> tuple[UUID, UUID]:
        """An unpaid claim and its member."""
        member = self.loop.member()
        return UUID(self.loop.claim(self.coupon, member)["claim_id"]), member

    def pay(self, claim_id: UUID, member: UUID, provider: str, *, at_once: bool = False, **more: Any) -> TestResponse:
        """POST /v1/payments; the payer has still to act unless ``at_once``."""
        code = PAYS[provider] if at_once else ASKS_THE_PAYER[provider]
        body = {
            "purpose": "claim",
            "purpose_id": str(claim_id),
            "provider": provider,
            "method": PAYS_BY[provider] if at_once else METHOD[provider],
        }
        body |= {} if code is None else {"auth_code": code}
        return self.loop.post("/v1/payments", body | more, by=(member, "member"))

    def waiting(self, provider: str) -> tuple[dict[str, Any], UUID, UUID]:
        """A payment whose payer has still to act, its claim and member."""
        claim_id, member = self.claim()
        found = self.pay(claim_id, member, provider)
        assert (found.status_code, found.get_json()["state"]) == (201, "pending"), found.get_json()
        return found.get_json(), claim_id, member

    def paid(self, provider: str) -> tuple[dict[str, Any], UUID, UUID]:
        """A payment that succeeded."""
        claim_id, member = self.claim()
        found = self.pay(claim_id, member, provider, at_once=True)
        assert (found.status_code, found.get_json()["state"]) == (201, "succeeded"), found.get_json()
        return found.get_json(), claim_id, member

    def refund(self, payment_id: str, amount: int = PRICE, refund_no: str = "r1") -> TestResponse:
        """POST …/refunds by the merchant's owner."""
        body = {"refund_no": refund_no, "amount": {"amount_minor": amount, "currency": "CNY"}, "reason": "凉了"}
        return self.loop.post(f"/v1/payments/{payment_id}/refunds", body, by=self.owner)

    def deliver(self, provider: str, call: Call, **headers: str) -> TestResponse:
        """A message at the provider's door, as it came."""
        return self.loop.client.post(
            f"/v1/providers/{provider}/notify", data=call.body, headers={**call.headers, **headers}
        )

    # step by step, as a crash leaves it

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Inside the application, as a worker is."""
        with self.app.test_request_context("/"):
            g.request_id = "test-request"
            yield

    def context(self) -> RequestContext:
        """The merchant's owner asks."""
        at = system_clock()
        person, merchant = self.owner[0], self.loop.merchant
        actor = Principal(str(person), "owner", person, (), (merchant,), (), (), "t", at + timedelta(minutes=5))
        return RequestContext(actor, at, secrets.token_hex(8), "test-trace")

    def creating(self, claim_id: UUID, member: UUID, provider: str) -> Plan:
        """The plan of paying a claim at once."""
        at = system_clock()
        actor = Principal(str(member), "member", member, (), (), (), (), "t", at + timedelta(minutes=5))
        context = RequestContext(actor, at, secrets.token_hex(8), "test-trace")
        request = PaymentRequest("claim", claim_id, provider, PAYS_BY[provider], PAYS[provider], None)
        return self.flow.create_payment(context, request)  # type: ignore[no-any-return]

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

    def resolve(self, payment_id: UUID | str, after_s: float = 0) -> str:
        """The job asks, some time from now; the state that is found."""
        now = system_clock() + timedelta(seconds=after_s)
        with self.at_work():
            return str(run_job(self.flow.resolve_payment(None, UUID(str(payment_id)), now)).state)

    def resolve_refunds(self, payment_id: UUID | str) -> list[str]:
        """The jobs ask for the refunds of a payment; the states that are found."""
        found = self.loop.rows(
            "SELECT refund_id FROM refunds WHERE payment_id = :id ORDER BY refund_id", id=UUID(str(payment_id))
        )
        with self.at_work():
            return [str(run_job(self.flow.resolve_refund(row[0], system_clock())).state) for row in found]

    def release(self, claim_id: UUID) -> None:
        """The claim's time to pay is over, as the sweeper ends it."""
        with self.database.write() as conn:
            claim = lock_claim(conn, CITY, claim_id)
            assert claim is not None
            move(conn, claim, "released", system_clock(), None, reason="not paid in time")
            conn.commit()

    # what there is

    def payment(self, payment_id: UUID | str) -> Any:
        """The row."""
        return self.loop.rows("SELECT * FROM payments WHERE payment_id = :id", id=UUID(str(payment_id)))[0]

    def state_of(self, claim_id: UUID) -> str:
        """A claim's."""
        return str(self.loop.one("SELECT state FROM claims WHERE claim_id = :id", id=claim_id))

    def told(self, thing: UUID | str) -> list[str]:
        """Kinds of the events of one thing, in order; their numbers have no gap."""
        rows = self.loop.rows(
            "SELECT seq, type FROM outbox_events WHERE aggregate_id = :id ORDER BY seq", id=UUID(str(thing))
        )
        assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
        return [str(row[1]).removeprefix("fujin.").removesuffix(".v1") for row in rows]

    def books(self, payment_id: UUID | str) -> list[tuple[str, int]]:
        """What the ledger has of a payment and its refunds: kinds and amounts, sorted."""
        rows = self.loop.rows(
            "SELECT t.kind, t.amount_minor FROM transfers t WHERE t.ref_id = :id OR t.ref_id IN"
            " (SELECT refund_id FROM refunds WHERE payment_id = :id) ORDER BY 1, 2",
            id=UUID(str(payment_id)),
        )
        return [(row[0], row[1]) for row in rows]

    def kept(self, trade_no: str) -> list[tuple[str, bool]]:
        """What became of the notices about a trade, sorted."""
        rows = self.loop.rows(
            "SELECT outcome, applied FROM provider_events WHERE trade_no = :no ORDER BY 1, 2", no=trade_no
        )
        return [(row[0], row[1]) for row in rows]

    def everything(self) -> dict[str, Any]:
        """Counts and sums of all that a notice could have moved, to compare before and after."""
        tables = ("payments", "refunds", "claims", "transfers", "provider_events", "outbox_events", "jobs")
        counts = {table: self.loop.one(f"SELECT count(*) FROM {table}") for table in tables}
        states = self.loop.rows("SELECT state, count(*), sum(captured_minor) FROM payments GROUP BY 1 ORDER BY 1")
        return counts | {"payments by state": states}


def open_site(settings: Settings, database: Database, owner: sa.Engine, folder: Path) -> Site:
    """The application with its providers over an empty migrated database."""
    bench = bench_in(folder, f"{settings.public_url}/v1/providers/stripe/notify")
    bench.goes_on = True
    given = bench.settings("http://127.0.0.1:1")
    full = replace(
        settings,
        providers=("cash", "test_wallet", "alipay", "stripe"),
        alipay_app_id=given["FUJIN_ALIPAY_APP_ID"],
        alipay_seller_id=given["FUJIN_ALIPAY_SELLER_ID"],
        alipay_key_file=Path(given["FUJIN_ALIPAY_KEY_FILE"]),
        alipay_public_key_file=Path(given["FUJIN_ALIPAY_PUBLIC_KEY_FILE"]),
        alipay_url=given["FUJIN_ALIPAY_URL"],
        stripe_key=given["FUJIN_STRIPE_KEY"],
        stripe_webhook_secret=given["FUJIN_STRIPE_WEBHOOK_SECRET"],
        stripe_url=given["FUJIN_STRIPE_URL"],
    )
    app = create_app(full, database=database)
    providers = app.extensions["fujin_flow"]._payments._parts.providers
    for name in ("alipay", "stripe"):  # the wire without a socket; with one they stand in tests/app/payments
        providers[name]._call = bench.call
    loop = plant_loop(app, owner)
    coupon = loop.coupon(price_minor=PRICE, list_price_minor=2 * PRICE, stock=10_000)
    person = loop.employee("owner", loop.merchant)
    return Site(app, loop, bench, database, coupon, (person, "owner"))
