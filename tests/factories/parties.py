"""People who buy together, over the application of this process and a world that a whole module of tests shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import g
from werkzeug.test import TestResponse

from app.audit.actions import audit_data
from app.core.clock import system_clock
from app.core.db import Database, open_database
from app.core.settings import Settings
from app.factory import create_app
from app.flow.gateway import FlowGateway
from app.http.steps import run_job
from app.worker import Worker
from tests.factories.described import stored_faults
from tests.factories.loops import CITY, Loop, plant_loop
from tests.factories.shops import Shop, Who

GROUP = {
    "kind": "package", "face_value_minor": None, "price_minor": 3000, "list_price_minor": 4000,
    "group_price_minor": 2000, "group_target": 3, "group_seats": 4, "group_deadline_s": 3600, "min_spend_minor": 0,
    "per_member": 1, "stock": 500,
}  # fmt: skip


@dataclass
class Party:
    """A shop whose coupons have group deals."""

    shop: Shop
    settings: Settings
    database: Database

    @property
    def loop(self) -> Loop:
        """The world."""
        return self.shop.loop

    @property
    def flow(self) -> FlowGateway:
        """The flow of the application."""
        found: FlowGateway = self.loop.app.extensions["fujin_flow"]
        return found

    # what members do

    def coupon(self, **given: Any) -> UUID:
        """A coupon of 30.00, 20.00 in a group of three with four seats."""
        return self.loop.coupon(**GROUP | given)

    def people(self, count: int) -> list[Who]:
        """Members."""
        return [(member, "member") for member in self.loop.members(count)]

    def start(self, who: Who, coupon: UUID, *, key: str | None = None, **more: Any) -> TestResponse:
        """Somebody begins a group."""
        return self.loop.post("/v1/groups", {"coupon_id": str(coupon), **more}, by=who, key=key)

    def join(self, who: Who, group: dict[str, Any], *, key: str | None = None, **more: Any) -> TestResponse:
        """Somebody follows an invitation."""
        body = {"invite": group["invite"], **more}
        return self.loop.post(f"/v1/groups/{group['group_id']}/join", body, by=who, key=key)

    def seen(self, who: Who, group: dict[str, Any]) -> dict[str, Any]:
        """The group as somebody sees it who is in it."""
        answer = self.loop.get(f"/v1/groups/{group['group_id']}", by=who)
        assert answer.status_code == 200, answer.get_json()
        found: dict[str, Any] = answer.get_json()
        return found

    def begun(self, who: Who, **terms: Any) -> dict[str, Any]:
        """A new group of a coupon of its own, its first seat not paid for."""
        answer = self.start(who, self.coupon(**terms))
        assert answer.status_code == 201, answer.get_json()
        found: dict[str, Any] = answer.get_json()
        return found

    def seated(self, who: Who, group: dict[str, Any]) -> dict[str, Any]:
        """A seat that is not paid for."""
        answer = self.join(who, group)
        assert answer.status_code == 201, answer.get_json()
        found: dict[str, Any] = answer.get_json()
        return found

    def pay(self, who: Who, group: dict[str, Any], **wallet: Any) -> dict[str, Any]:
        """The payment of somebody's seat, in any state."""
        answer = self.shop.pay("claim", group["claim"]["claim_id"], who, wallet=wallet)
        assert answer.status_code == 201, answer.get_json()
        found: dict[str, Any] = answer.get_json()
        return found

    def paid(self, who: Who, group: dict[str, Any]) -> dict[str, Any]:
        """A seat that is paid for."""
        seat = self.seated(who, group)
        assert self.pay(who, seat)["state"] == "succeeded"
        return seat

    def gathered(self, count: int, **terms: Any) -> tuple[dict[str, Any], list[Who]]:
        """A group in which so many have paid."""
        people = self.people(count)
        group = self.begun(people[0], **terms)
        self.pay(people[0], group)
        for who in people[1:]:
            self.paid(who, group)
        return group, people

    # what time does

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Inside the application, as a worker is."""
        with self.loop.app.test_request_context("/"):
            g.request_id = "test-request"
            yield

    def sweep(self, later: timedelta = timedelta()) -> int:
        """What time has ended, as a worker would find it some time from now."""
        with self.at_work():
            return sum(run_job(plan) for plan in self.flow.due_work(CITY, system_clock() + later))

    def over(self, group: dict[str, Any], since: timedelta = timedelta(seconds=1)) -> None:
        """The group's deadline was so long ago."""
        self.shop.write(
            "UPDATE deal_groups SET deadline = :at WHERE group_id = :g", at=system_clock() - since, g=group["group_id"]
        )

    def unpaid_in_time(self, group: dict[str, Any]) -> None:
        """The time to pay is over for every seat of the group that is not paid for."""
        self.shop.write(
            "UPDATE claims SET pay_until = :past WHERE group_id = :g AND state = 'pending_payment'",
            past=self.loop.now,
            g=group["group_id"],
        )

    def settle(self) -> None:
        """Jobs that are due at some time are done now."""
        self.shop.write("UPDATE jobs SET run_at = :past, lease_until = NULL WHERE state = 'due'", past=self.loop.now)
        worker = Worker(self.loop.app)
        with self.at_work():
            worker.run_jobs()
        worker.stop()

    # what there is

    def row(self, group: dict[str, Any]) -> Any:
        """The group's row."""
        return self.loop.rows("SELECT * FROM deal_groups WHERE group_id = :g", g=group["group_id"])[0]

    def state(self, group: dict[str, Any]) -> str:
        """The group's state."""
        return str(self.row(group).state)

    def events(self, group: dict[str, Any]) -> list[str]:
        """What was told of the group, in order; the numbers have no gap."""
        rows = self.loop.rows(
            "SELECT seq, type FROM outbox_events WHERE aggregate_id = :g ORDER BY seq", g=group["group_id"]
        )
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        return [row.type.removeprefix("fujin.group.").removesuffix(".v1") for row in rows]

    def seats(self, group: dict[str, Any]) -> list[str]:
        """States of its seats, sorted."""
        rows = self.loop.rows("SELECT state FROM group_seats WHERE group_id = :g ORDER BY state", g=group["group_id"])
        return [row.state for row in rows]

    def given_back(self, group: dict[str, Any]) -> list[tuple[int, int]]:
        """Of each claim in the group that was paid for: what was captured, and what the wallet itself gave back."""
        rows = self.loop.rows(
            "SELECT p.captured_minor, (SELECT coalesce(sum(w.amount_minor), 0) FROM wallet_refunds w"
            " WHERE w.trade_no = p.trade_no AND w.state = 'done') AS back"
            " FROM claims c JOIN payments p ON (p.city_id, p.purpose, p.purpose_id) = (c.city_id, 'claim', c.claim_id)"
            " WHERE c.group_id = :g AND p.captured_minor > 0 ORDER BY p.payment_id",
            g=group["group_id"],
        )
        return [(row.captured_minor, int(row.back)) for row in rows]

    def broken(self, at: datetime | None = None) -> list[str]:
        """Invariants that do not hold, as ``fujin audit`` names them, and events that keep to no schema."""
        with self.loop.engine.connect() as conn:
            results = audit_data(conn, at or system_clock(), allow_unsafe=True)
        broken = [f"{each.rule}: {each.thing}, {each.detail}" for result in results for each in result.violations]
        return broken + [str(fault) for fault in stored_faults(self.loop.engine)[1]]


def open_party(owner_url: str, settings: Settings) -> tuple[Party, sa.Engine]:
    """A party over an empty migrated database, and its owner's engine, which the caller disposes of."""
    engine = sa.create_engine(owner_url)
    database = open_database(settings)
    loop = plant_loop(create_app(settings, database=database), engine)
    return Party(Shop(loop), settings, database), engine
