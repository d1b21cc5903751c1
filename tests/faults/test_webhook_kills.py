"""Worker processes killed with -9 between sending a webhook and writing it down: nothing is lost, order holds."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
import sqlalchemy as sa

from app.audit.actions import audit_data
from app.core.clock import system_clock
from app.core.db import Database
from app.core.ids import new_city_id
from app.core.settings import Settings
from app.factory import create_app
from app.outbox.queries import append
from app.outbox.types import Event
from tests.factories.loops import CITY, Loop, plant_loop
from tests.factories.webhooks import verified
from tests.servers import Worker

THINGS, EACH, KILLS = 60, 2, 2


class Flaky:
    """A receiver that fails the first attempt of three events in ten, and kills the sender in mid-delivery.

    ``kill_at`` are counts of requests; from each on, the next one that is taken kills, before any answer.
    """

    def __init__(self, kill_at: list[int]) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.taken: list[str] = []
        self.killed = threading.Event()
        self.kill: Callable[[], None] = lambda: None
        self._kill_at, self._lock = kill_at, threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = outer.answer({name.lower(): value for name, value in self.headers.items()}, body)
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, headers: dict[str, str], body: bytes) -> int:
        """The status for a webhook; what is taken has had its effect, whatever becomes of the answer."""
        webhook_id = headers["webhook-id"]
        with self._lock:
            first = all(webhook_id != seen["webhook-id"] for seen, _ in self.got)
            self.got.append((headers, body))
            if first and hashlib.sha256(webhook_id.encode()).digest()[0] < 77:  # 77 of 256
                return 500
            self.taken.append(webhook_id)
            if self._kill_at and len(self.got) >= self._kill_at[0]:
                self._kill_at.pop(0)
                self.kill()
                self.killed.set()
        return 204


@pytest.fixture
def site(
    app_settings: Settings, database: Database, owner: sa.Engine, tmp_path: Path
) -> Iterator[tuple[Loop, Flaky, Worker]]:
    receiver = Flaky([15 * number for number in range(1, KILLS + 1)])
    settings = replace(app_settings, webhook_allow=(f"127.0.0.1:{receiver.server.server_port}",))
    loop = plant_loop(create_app(settings, database=database), owner)
    worker = Worker(settings, tmp_path / "worker.log", tmp_path / "worker.pid")
    receiver.kill = worker.kill
    yield loop, receiver, worker
    worker.stop()
    receiver.server.shutdown()
    receiver.server.server_close()


def happen(loop: Loop) -> list[UUID]:
    things = [new_city_id(CITY) for _ in range(THINGS)]
    with loop.engine.begin() as conn:
        for seq in range(1, EACH + 1):
            for thing in things:
                event = Event(CITY, thing, seq, "fujin.webhook.test_step.v1", loop.merchant, {"n": seq}, system_clock())
                append(conn, event)
    return things


@pytest.mark.timeout(180)
def test_m16_killed_workers_lose_nothing_and_send_again_under_the_same_id(site: tuple[Loop, Flaky, Worker]) -> None:
    loop, receiver, worker = site
    owner = loop.employee("owner", loop.merchant), "owner"
    url = f"http://127.0.0.1:{receiver.server.server_port}/"
    made = loop.post("/v1/webhook-endpoints", {"merchant_id": str(loop.merchant), "url": url}, by=owner)
    secret = made.get_json()["secret"]
    things = happen(loop)
    kills, end = 0, time.monotonic() + 150
    worker.start()
    while loop.one("SELECT count(*) FROM outbox_events WHERE done_at IS NULL"):
        assert time.monotonic() < end, loop.rows("SELECT state, attempt, last_error FROM deliveries")
        if receiver.killed.wait(0.2):
            kills += 1
            receiver.killed.clear()
            # What a dead worker held runs out; the test does not sit through it.
            loop.world.run("UPDATE deliveries SET lease_until = :now WHERE lease_until > :now", {"now": system_clock()})
            worker.start()
        loop.world.run(
            "UPDATE deliveries SET next_at = :now WHERE state = 'due' AND lease_until IS NULL AND next_at > :now",
            {"now": system_clock()},
        )
        loop.world.run("UPDATE webhook_endpoints SET resting_until = NULL", {})
    worker.stop()

    assert kills == KILLS
    times = Counter(receiver.taken)
    events = {str(row[0]) for row in loop.rows("SELECT event_id FROM outbox_events")}
    assert set(times) == events, "each event was taken"
    assert len(events) == THINGS * EACH
    assert KILLS <= sum(times.values()) - len(events) <= KILLS * 4, "only what was under way came again"
    assert all(verified(headers, body, secret) for headers, body in receiver.got)
    assert len({(headers["webhook-id"], body) for headers, body in receiver.got}) == len(events), "to the byte"
    of = {orjson.loads(body)["id"]: orjson.loads(body) for _, body in receiver.got}
    first_taken = list(dict.fromkeys(receiver.taken))
    for thing in things:
        mine = [of[each]["sequence"] for each in first_taken if of[each]["subject"] == str(thing)]
        assert mine == ["1", "2"]
    with loop.engine.connect() as conn:
        results = list(audit_data(conn, system_clock(), allow_unsafe=True))
    assert [violation for result in results for violation in result.violations] == []
