"""A small world with people who have tokens, for tests that walk the loop over the application of this process."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.core.clock import system_clock
from app.core.ids import new_id
from app.members.principals import MemberPrincipals
from tests.factories.tidy import count_rows
from tests.factories.worlds import World

CITY = 2
LON, LAT = 120.16, 30.25


@dataclass
class Loop:
    """One city with three places of one merchant and one of another, and whoever is asked for."""

    app: Flask
    engine: sa.Engine
    world: World
    places: list[UUID]
    merchant: UUID
    rival_place: UUID
    rival: UUID
    now: datetime = field(default_factory=system_clock)

    @property
    def client(self) -> FlaskClient:
        """A fresh client; safe to have one a thread."""
        return self.app.test_client()

    def token(self, member_id: UUID, role: str) -> str:
        """An access token as a sign-in would give it."""
        found: MemberPrincipals = self.app.extensions["fujin"].principals
        return found.parts.issuer.issue(str(member_id), role, system_clock(), session_id=None).token  # type: ignore[arg-type]

    def member(self) -> UUID:
        """A person."""
        return self.members(1)[0]

    def members(self, count: int) -> list[UUID]:
        """People, in one statement."""
        found = [new_id() for _ in range(count)]
        self.world.run(
            "INSERT INTO members (member_id, state, row_version, created_at, display_name)"
            " VALUES (:id, 'active', 1, :now, '林晓')",
            [{"id": each, "now": self.now} for each in found],
        )
        return found

    def employee(self, role: str, merchant: UUID, places: list[UUID] | None = None) -> UUID:
        """Somebody who works for a merchant: its owner, or staff of some places."""
        member_id = self.member()
        row = {"merchant": merchant, "member": member_id, "role": role, "now": self.now}
        self.world.run("INSERT INTO merchant_staff VALUES (:merchant, :member, :role, :now)", row)
        for place in places or []:
            self.world.run("INSERT INTO staff_places VALUES (:merchant, :member, :place)", row | {"place": place})
        return member_id

    def coupon(self, **given: Any) -> UUID:
        """A coupon of the merchant, claimable now, at its first two places unless said otherwise."""
        values = {
            "claim_from": self.now - timedelta(days=1),
            "claim_until": self.now + timedelta(days=1),
            "use_until": self.now + timedelta(days=2),
            "stock": 10,
            "reversal_window_s": 3600,
        } | given
        values.setdefault("quota", values["stock"])
        places = values.pop("places", self.places[:2])
        merchant = values.pop("merchant_id", self.merchant)
        return self.world.coupon(CITY, merchant, places, scopes=places, **values)

    def post(
        self, path: str, body: Any, *, by: tuple[UUID, str], key: str | None = None, **headers: str
    ) -> TestResponse:
        """A POST with a token and a fresh key unless one is given."""
        return self.client.post(
            path,
            json=body,
            headers={
                "Authorization": f"Bearer {self.token(*by)}",
                "Idempotency-Key": key or secrets.token_hex(8),
                **headers,
            },
        )

    def get(self, path: str, *, by: tuple[UUID, str], **headers: str) -> TestResponse:
        """A GET with a token."""
        return self.client.get(path, headers={"Authorization": f"Bearer {self.token(*by)}", **headers})

    def claim(self, coupon: UUID, member: UUID, **more: Any) -> dict[str, Any]:
        """A claim that is granted."""
        answer = self.post("/v1/claims", {"coupon_id": str(coupon), **more}, by=(member, "member"))
        assert answer.status_code == 201, answer.get_json()
        found: dict[str, Any] = answer.get_json()
        return found

    def code(self, claim_id: str, member: UUID) -> str:
        """The twelve digits of a claim."""
        answer = self.get(f"/v1/claims/{claim_id}/code", by=(member, "member"))
        assert answer.status_code == 200, answer.get_json()
        return str(answer.get_json()["human_code"]).replace(" ", "")

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """Rows of a plain query."""
        return self.world.rows(statement, **values)

    def one(self, statement: str, **values: Any) -> Any:
        """The single value of a plain query."""
        return self.rows(statement, **values)[0][0]


def plant_loop(app: Flask, engine: sa.Engine) -> Loop:
    """Plants the world over an empty migrated database."""
    world = World(engine)
    world.basics()
    world.city(CITY, "here", lon=LON, lat=LAT)
    world.dataset(CITY, "places", 1)
    points = [{"lon": LON + n * 0.01, "lat": LAT, "name": f"店{n}"} for n in range(4)]
    places = world.places(CITY, 1, points)
    merchant = world.merchant(CITY, "面馆", places=places[:3])
    rival = world.merchant(CITY, "茶馆", places=places[3:])
    world.activate(CITY, "places", 1)
    count_rows(world)
    return Loop(app, engine, world, places[:3], merchant, places[3], rival)


def beside(loop: Loop) -> Loop:
    """The same world with another merchant of three places, so that tests of a file can share a database."""
    world = loop.world
    points = [{"lon": LON + n * 0.01, "lat": LAT, "name": f"分店{n}"} for n in range(3)]
    places = world.places(CITY, 1, points)
    merchant = world.merchant(CITY, "分店", places=places)
    count_rows(world)
    return Loop(loop.app, loop.engine, world, places, merchant, loop.rival_place, loop.rival)
