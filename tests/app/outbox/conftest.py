"""Receivers on the loopback that note what they get, and an application that may send to them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.clock import system_clock
from app.core.db import Database
from app.core.settings import Settings
from app.factory import create_app
from app.outbox.sender import Sender
from tests.factories.loops import Loop, plant_loop


@dataclass
class Got:
    """One webhook as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers ``status`` with ``headers`` and ``answer`` after ``before`` ran; ``got`` is what arrived, in order."""

    port: int = 0
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""
    before: Callable[[Got], None] = lambda _got: None
    got: list[Got] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [each.headers["webhook-id"] for each in self.got]


@pytest.fixture
def receivers() -> Iterator[Callable[[], Receiver]]:
    """Makes receivers, each on a port of its own."""
    servers: list[ThreadingHTTPServer] = []

    def make() -> Receiver:
        receiver = Receiver()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                got = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                receiver.got.append(got)
                receiver.before(got)
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(receiver.answer)))
                self.end_headers()
                try:
                    self.wfile.write(receiver.answer)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        receiver.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return receiver

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


class MovableClock:
    """The system's clock, some time ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return system_clock() + self.ahead


@dataclass
class Post:
    """A loop whose events can be sent."""

    loop: Loop
    database: Database
    settings: Settings
    clock: MovableClock

    def sender(self) -> Sender:
        return Sender(self.database, self.settings, self.clock)

    def run(self, sender: Sender, rounds: int = 1) -> None:
        """Rounds of the sender, each until nothing is under way."""
        for _ in range(rounds):
            sender.run_once()
            assert sender.wait_idle(20)

    def until(self, true: Callable[[], bool], seconds: float = 15) -> None:
        """Waits, at most so long, until something is true."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "it did not come true in time"
            time.sleep(0.01)

    def states(self) -> list[tuple[str, int]]:
        """State and attempts of each delivery, in order."""
        return [tuple(row) for row in self.loop.rows("SELECT state, attempt FROM deliveries ORDER BY position")]


@pytest.fixture
def post(
    app_settings: Settings, database: Database, owner: sa.Engine, receivers: Callable[[], Receiver]
) -> Callable[..., Post]:
    """An application that may send to some receivers."""

    def make(*allowed: Receiver) -> Post:
        allow = tuple(f"127.0.0.1:{each.port}" for each in allowed)
        settings = replace(app_settings, webhook_allow=allow)
        loop = plant_loop(create_app(settings, database=database), owner)
        return Post(loop, database, settings, MovableClock())

    return make
