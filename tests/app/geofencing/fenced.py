"""A city whose merchant draws fences and whose members send fixes, over the application of this process."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import g
from werkzeug.test import TestResponse

from app.core.clock import system_clock
from app.core.db import Database, open_database
from app.core.ids import city_of
from app.core.settings import Settings
from app.factory import create_app
from app.geofencing import actions_fences, sweeping
from app.geofencing.memory import FenceMemory
from app.worker import Worker
from geo.coordinates import LonLat
from geo.distance import destination
from tests.factories.described import stored_faults
from tests.factories.loops import CITY, LAT, LON, Loop, plant_loop
from tests.factories.shops import Who

HERE = LonLat(LON, LAT)
RADIUS_M = 200.0


@dataclass
class Fenced:
    """A merchant with an owner, and a worker that works when it is asked to, at any time."""

    loop: Loop
    database: Database
    settings: Settings
    owner: Who

    @property
    def memory(self) -> FenceMemory:
        found: FenceMemory = self.loop.app.extensions["fujin_fences"]
        return found

    # what merchants do

    def ask(self, method: str, path: str, by: Who, body: Any = None, **headers: str) -> TestResponse:
        """Any request."""
        said = {"Authorization": f"Bearer {self.loop.token(*by)}", **headers}
        return self.loop.client.open(path, method=method, json=body, headers=said)

    def fence(
        self, external_id: str | None = None, *, radius_m: float = RADIUS_M, center: LonLat = HERE, **more: Any
    ) -> dict[str, Any]:
        """A circle unless something else is said, under a name of its own."""
        external_id = external_id or f"fence-{secrets.token_hex(4)}"
        body = {"external_id": external_id, "name": external_id, **more}
        if not {"geometry", "follows"} & body.keys():
            body["circle"] = {"center": {"lon": center.lon, "lat": center.lat}, "radius_m": radius_m}
        answer = self.loop.post("/v1/geofences", body, by=self.owner)
        assert answer.status_code == 201, answer.get_json()
        found: dict[str, Any] = answer.get_json() | {"etag": answer.headers["ETag"]}
        return found

    def change(self, fence: dict[str, Any], **body: Any) -> TestResponse:
        """A change of the fence as it was read."""
        path = f"/v1/geofences/{fence['geofence_id']}"
        return self.ask("PATCH", path, self.owner, body, **{"If-Match": fence["etag"]})

    def delete(self, fence: dict[str, Any]) -> None:
        answer = self.ask("DELETE", f"/v1/geofences/{fence['geofence_id']}", self.owner)
        assert answer.status_code == 204, answer.get_json()

    # what members do

    def member(self, *, positions: bool = True, **more: Any) -> Who:
        """Somebody who agreed."""
        who: Who = (self.loop.member(), "member")
        body = {"positions": positions, "offers": False, **more}
        answer = self.ask("PUT", "/v1/me/location", who, body)
        assert answer.status_code == 200, answer.get_json()
        return who

    def send(self, who: Who, *fixes: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Fixes that are taken."""
        answer = self.ask("POST", "/v1/positions", who, {"fixes": list(fixes), **more})
        assert answer.status_code == 200, answer.get_json()
        found: dict[str, Any] = answer.get_json()
        return found

    # what time does

    def work(self, later: timedelta = timedelta()) -> None:
        """Timers, held fixes, ends and changes of fences, as a worker would see to them some time from now."""
        now = system_clock() + later
        with self.database.write() as conn:
            actions_fences.expire_due(conn, CITY, now)
            conn.commit()
        for fence_id in self.loop.rows("SELECT geofence_id FROM geofences ORDER BY 1"):
            with self.database.write() as conn:
                while sweeping.let_out(conn, CITY, fence_id[0], now) == "more":
                    pass
                conn.commit()
        for work in (sweeping.release_held, sweeping.run_timers):
            with self.database.write() as conn:
                while work(conn, self.memory, CITY, now):
                    pass
                conn.commit()

    def relay(self) -> Worker:
        """A worker over the same application."""
        with self.loop.app.test_request_context("/"):
            g.request_id = "test-request"
            return Worker(self.loop.app)

    # what there is

    def told(self, who: Who) -> list[tuple[str, str]]:
        """What was told of a member, pair by pair in order: what and why; each pair's numbers have no gap."""
        rows = self.loop.rows(
            "SELECT e.pair_id, e.seq, e.what, e.cause, o.type, o.seq AS oseq FROM geofence_events e"
            " JOIN outbox_events o ON (o.city_id, o.event_id) = (e.city_id, e.event_id)"
            " WHERE e.member_id = :m ORDER BY e.pair_id, e.seq",
            m=who[0],
        )
        numbers: dict[UUID, list[int]] = {}
        for row in rows:
            assert (row.type, row.oseq) == (f"fujin.geofence.{row.what}.v1", row.seq)
            numbers.setdefault(row.pair_id, []).append(row.seq)
        assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())
        return [(row.what, row.cause) for row in rows]

    def whats(self, who: Who) -> list[str]:
        return [what for what, _ in self.told(who)]


def fix(seconds_ago: float, metres_east: float = 0.0, *, now: datetime | None = None, **more: Any) -> dict[str, Any]:
    """A fix so long ago, so far east of the middle (negative: west)."""
    bearing = 90.0 if metres_east >= 0 else 270.0
    spot = destination(HERE, bearing, abs(metres_east))
    at = (now or system_clock()) - timedelta(seconds=seconds_ago)
    return {"at": at.isoformat(), "lon": spot.lon, "lat": spot.lat, "accuracy_m": 10.0, **more}


def open_fenced(owner_url: str, settings: Settings) -> tuple[Fenced, sa.Engine]:
    """The world over an empty migrated database, and its owner's engine, which the caller disposes of."""
    engine = sa.create_engine(owner_url)
    database = open_database(settings)
    loop = plant_loop(create_app(settings, database=database), engine)
    return Fenced(loop, database, settings, (loop.employee("owner", loop.merchant), "owner")), engine


def schema_faults(engine: sa.Engine) -> Sequence[str]:
    """Stored events that keep to no schema."""
    return [str(fault) for fault in stored_faults(engine)[1]]


def city(fence: dict[str, Any]) -> int:
    return city_of(UUID(fence["geofence_id"]))
