"""Tills over a small world, with a purse that stands for the payments part."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from werkzeug.test import TestResponse

from app.claims.codes import CodeKeys, code_keys
from app.core.clock import system_clock
from app.core.db import Database
from app.core.sealing import Keyed, derived_key
from app.core.settings import Settings
from app.factory import create_app
from app.flow.embedded.flow import EmbeddedFlow
from app.flow.embedded.reference import Reference
from app.flow.embedded.till import TillPart
from app.flow.embedded.till_effects import TillEffects
from tests.factories.claims import PlantedClaim, plant_claim
from tests.factories.loops import Loop, plant_loop

OVER = ("failed", "cancelled", "stray")
LIVE = ("created", "pending", "unknown", "cancelling")


@dataclass(frozen=True)
class Coin:
    """A payment as the till's protocol shows it."""

    purpose_id: UUID
    state: str
    amount_minor: int
    provider: str = "test_wallet"
    currency: str = "CNY"
    refunding_minor: int = 0
    refunded_minor: int = 0
    payment_id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True)
class Back:
    """A refund as the till's protocol shows it."""

    coin: Coin
    cause: str
    cause_id: UUID
    refund_no: str
    amount_minor: int


class Purse:
    """Payments kept in memory; ``says`` is what the provider answers to a refund: done, failed or wait."""

    def __init__(self) -> None:
        self.coins: dict[UUID, Coin] = {}
        self.refunds: list[Back] = []
        self.says = "done"
        self.effects: TillEffects | None = None

    def put(self, redemption_id: str, state: str, amount_minor: int, **given: Any) -> Coin:
        """A payment for a redemption, in place of the one before."""
        coin = Coin(UUID(redemption_id), state, amount_minor, **given)
        self.coins[coin.purpose_id] = coin
        return coin

    def live_payment(self, _conn: sa.Connection, _city_id: int, _purpose: str, purpose_id: UUID) -> Coin | None:
        coin = self.coins.get(purpose_id)
        return None if coin is None or coin.state in OVER else coin

    def last_payment(self, _conn: sa.Connection, _city_id: int, _purpose: str, purpose_id: UUID) -> Coin | None:
        return self.coins.get(purpose_id)

    def unfinished(self, payment: Coin) -> bool:
        return payment.state in LIVE

    def refundable_minor(self, payment: Coin) -> int:
        return payment.amount_minor - payment.refunding_minor - payment.refunded_minor

    def start_refund(
        self,
        _conn: sa.Connection,
        payment: Coin,
        *,
        cause: str,
        cause_id: UUID,
        refund_no: str,
        amount_minor: int,
        **_rest: Any,
    ) -> Back:
        self.coins[payment.purpose_id] = replace(payment, refunding_minor=amount_minor)
        self.refunds.append(Back(payment, cause, cause_id, refund_no, amount_minor))
        return self.refunds[-1]

    def call_refund(self, _refund: Back) -> str:
        return self.says

    def settle_refund(self, conn: sa.Connection, refund: Back, outcome: str, now: datetime, trace: str | None) -> Back:
        assert self.effects is not None
        city_id = conn.execute(
            sa.text("SELECT city_id FROM redemptions WHERE redemption_id = :r"), {"r": refund.cause_id}
        ).scalar_one()
        if outcome == "done":
            self.coins[refund.coin.purpose_id] = replace(refund.coin, refunded_minor=refund.amount_minor)
            self.effects.finish_reversal(conn, city_id, refund.cause_id, now, trace)
        if outcome == "failed":
            self.coins[refund.coin.purpose_id] = refund.coin
            self.effects.reversal_failed(conn, city_id, refund.cause_id, now, trace)
        return refund


class TillFlow(EmbeddedFlow):
    """The embedded flow, its till over a purse."""

    def __init__(self, settings: Settings, database: Database, purse: Purse) -> None:
        super().__init__(settings, database, system_clock)
        reference = Reference()
        self.keys = code_keys(settings.code_pepper, settings.secret_key)
        self.effects = TillEffects(reference, Keyed(derived_key(settings.code_pepper, "staff")))
        self.till = self._till = TillPart(database, self.keys, reference, purse, self.effects)
        purse.effects = self.effects


@dataclass
class Counter:
    """A loop with somebody at the till of the merchant's first place."""

    loop: Loop
    flow: TillFlow
    purse: Purse
    database: Database
    staff: UUID
    owner: UUID

    @property
    def place(self) -> UUID:
        """Where the staff works."""
        return self.loop.places[0]

    @property
    def keys(self) -> CodeKeys:
        """The keys of the installation's codes."""
        return self.flow.keys

    def coupon(self, **given: Any) -> UUID:
        """A coupon: 10.00 off without a least spend, unless said otherwise."""
        return self.loop.coupon(**{"min_spend_minor": 0, "face_value_minor": 1000, "stock": 50} | given)

    def claim(self, coupon: UUID | None = None, **given: Any) -> PlantedClaim:
        """A claim of somebody new."""
        member = given.pop("member_id", None) or self.loop.member()
        return plant_claim(self.loop.world, self.keys, coupon or self.coupon(), member, self.loop.now, **given)

    def look_up(self, code: str, *, by: tuple[UUID, str] | None = None, **body: Any) -> TestResponse:
        """A look-up at the staff's place."""
        sent = {"code": code, "place_id": str(self.place), **body}
        if "qr" in body:
            del sent["code"]
        return self.loop.post("/v1/codes/lookup", sent, by=by or (self.staff, "staff"))

    def send(
        self,
        *codes: str | dict[str, Any],
        mode: str = "redeem",
        gross: int | None = 5000,
        request_no: str | None = None,
        by: tuple[UUID, str] | None = None,
        key: str | None = None,
        **body: Any,
    ) -> TestResponse:
        """A redemption of some codes at the staff's place, of an order unless ``gross`` is None."""
        sent = {
            "codes": [{"code": code} if isinstance(code, str) else code for code in codes],
            "place_id": str(self.place),
            "request_no": request_no or f"r-{secrets.token_hex(8)}",
            "mode": mode,
            **({} if gross is None else {"order": {"gross_minor": gross, "currency": "CNY"}}),
            **body,
        }
        return self.loop.post("/v1/redemptions", sent, by=by or (self.staff, "staff"), key=key)

    def redeemed(self, *codes: str | dict[str, Any], **more: Any) -> dict[str, Any]:
        """A redemption that is made."""
        answer = self.send(*codes, **more)
        assert answer.status_code == 201, answer.get_json()
        found: dict[str, Any] = answer.get_json()
        return found

    def step(self, redemption: dict[str, Any], what: str, **body: Any) -> TestResponse:
        """commit, void or reverse."""
        if what == "reverse":
            body.setdefault("reason", "wrong table")
        path = f"/v1/redemptions/{redemption['redemption_id']}/{what}"
        return self.loop.post(path, body, by=(self.staff, "staff"))

    def state(self, claim: PlantedClaim) -> str:
        """A claim's state as stored."""
        return str(self.loop.one("SELECT state FROM claims WHERE claim_id = :c", c=claim.claim_id))

    def events(self, aggregate_id: object) -> list[tuple[int, str]]:
        """What was told of a thing, in order."""
        rows = self.loop.rows(
            "SELECT seq, type FROM outbox_events WHERE aggregate_id = :a ORDER BY seq", a=str(aggregate_id)
        )
        return [(row[0], row[1]) for row in rows]

    def change(self, redemption: dict[str, Any], **columns: Any) -> None:
        """Writes columns of a redemption, to bring its times about."""
        assigned = ", ".join(f"{name} = :{name}" for name in columns)
        self.loop.world.run(
            f"UPDATE redemptions SET {assigned} WHERE redemption_id = :r",
            columns | {"r": redemption["redemption_id"]},
        )

    def swept(self) -> int:
        """What the sweeper of leases does now."""
        with self.database.write() as conn:
            count = self.flow.till.sweep_leases(conn, 2, system_clock(), 200)
            conn.commit()
        return count


def open_counter(settings: Settings, database: Database, owner: sa.Engine) -> Counter:
    """The application over a small world, its till over a purse."""
    built = create_app(settings, database=database)
    purse = Purse()
    flow = TillFlow(settings, database, purse)
    built.extensions["fujin_flow"] = flow
    loop = plant_loop(built, owner)
    staff = loop.employee("staff", loop.merchant, loop.places[:1])
    return Counter(loop, flow, purse, database, staff, loop.employee("owner", loop.merchant))
