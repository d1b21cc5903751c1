"""Two copies of the product: one in front, whose flow is the other one behind a network that cuts.

Each copy has a database, a web server and a worker of its own, and loads the same places and merchants. ``books``
compares what both have written down.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from app.core.db import open_database
from app.core.settings import Settings
from app.factory import create_app
from tests.factories.loops import Loop, plant_loop
from tests.factories.partners import plant_partner
from tests.factories.worlds import World
from tests.faults.proxy import Cut, FaultProxy, web_proxy
from tests.servers import WebServer, Worker, free_port

SETTLES_S = 45.0


@dataclass
class Side:
    """One copy: its processes, its rows, and people of its own."""

    name: str
    settings: Settings
    engine: sa.Engine
    loop: Loop
    web: WebServer
    worker: Worker

    def kill(self, what: str) -> None:
        """Ends a process with SIGKILL, the web server's workers with it."""
        if what == "worker":
            self.worker.kill()
            return
        workers = self.web.workers()
        if self.web.process is not None:  # first, or it starts others in the place of its workers
            self.web.process.kill()
            self.web.process.wait(10)
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def start(self, what: str) -> None:
        """Starts what was killed."""
        (self.worker if what == "worker" else self.web).start()


@dataclass
class Copies:
    """The copy in front, the one behind, and the network between them."""

    front: Side
    behind: Side
    network: FaultProxy
    draw: random.Random
    sent: list[tuple[str, int, Any]] = field(default_factory=list)

    def ask(self, method: str, path: str, who: tuple[UUID, str], body: Any = None, key: str | None = None) -> Any:
        """Asks the copy in front as a person, under the same key until it answers; status and body."""
        number = key or secrets.token_hex(8)
        ends = time.monotonic() + SETTLES_S
        while True:
            headers = {"Authorization": f"Bearer {self.front.loop.token(*who)}"}
            if method == "POST":
                headers |= {"Idempotency-Key": number, "Content-Type": "application/json"}
            call = urllib.request.Request(
                self.front.web.address + path,
                data=None if body is None else json.dumps(body).encode(),
                method=method,
                headers=headers,
            )
            status, found = 0, None
            try:
                with urllib.request.urlopen(call, timeout=15) as answer:
                    status, found = answer.status, json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as refused:
                with refused:
                    status, found = refused.code, json.loads(refused.read() or b"null")
            except (OSError, ValueError):
                pass
            if status and not (status >= 500 or (found or {}).get("retryable")):
                self.sent.append((f"{method} {path}", status, found))
                return status, found
            assert time.monotonic() < ends, (method, path, status, found)
            time.sleep(0.15)

    def wait(self, true: Callable[[], object], what: str) -> None:
        """Waits until it is true."""
        ends = time.monotonic() + SETTLES_S
        while not true():
            assert time.monotonic() < ends, f"{what} did not come true: {true()}"
            time.sleep(0.1)


@contextmanager
def two_copies(
    make_database: Callable[..., str], template: str, settings_for: Callable[[str], Settings], folder: Path, seed: int
) -> Iterator[Copies]:
    """Both copies at work, the network between them whole at first."""
    draw = random.Random(seed)
    url = make_database(template)
    behind_settings = settings_for(url)
    behind_web = WebServer(behind_settings, folder / "behind-web.log")
    behind_settings = replace(behind_settings, public_url=behind_web.address)
    behind_engine = sa.create_engine(url)
    behind_database = open_database(behind_settings)
    behind_loop = plant_loop(create_app(behind_settings, database=behind_database), behind_engine)
    behind_engine.dispose()
    front_url = make_database(make_url(url).database)  # the same places and merchants, under the same ids
    client_id, secret = plant_partner(behind_loop.world, [behind_loop.merchant], client_id="front")
    port = free_port()
    front_settings = replace(
        settings_for(front_url),
        flow=f"http://127.0.0.1:{port}",
        flow_client_id=client_id,
        flow_secret=secret,
        flow_allow=(f"127.0.0.1:{port}",),
        flow_poll_s=0.3,
        flow_timeout_s=2.0,
    )
    more = {
        "FUJIN_FLOW": front_settings.flow or "",
        "FUJIN_FLOW_CLIENT": client_id,
        "FUJIN_FLOW_SECRET": secret,
        "FUJIN_FLOW_ALLOW": f"127.0.0.1:{port}",
        "FUJIN_FLOW_POLL_S": "0.3",
        "FUJIN_FLOW_TIMEOUT_S": "2",
    }
    front_web = WebServer(front_settings, folder / "front-web.log", **more)
    front_settings = replace(front_settings, public_url=front_web.address)
    front_engine = sa.create_engine(front_url)
    front_database = open_database(front_settings)
    app = create_app(front_settings, database=front_database)
    front_loop = replace(behind_loop, app=app, engine=front_engine, world=World(front_engine))
    front = Side(
        "front",
        front_settings,
        front_engine,
        front_loop,
        front_web,
        Worker(front_settings, folder / "front-worker.log", folder / "front.pid", **more),
    )
    behind = Side(
        "behind",
        behind_settings,
        behind_engine,
        behind_loop,
        behind_web,
        Worker(behind_settings, folder / "behind-worker.log", folder / "behind.pid"),
    )
    with web_proxy(port, behind_web.port, seed=seed) as network:
        try:
            for side in (behind, front):
                side.start("web")
                side.start("worker")
            yield Copies(front, behind, network, draw)
        finally:
            for side in (front, behind):
                side.worker.stop()
                side.web.stop()
            for opened in (front_database, behind_database):
                opened.dispose()
            front_engine.dispose()
            behind_engine.dispose()


def cuts(probability: float) -> tuple[Cut, ...]:
    """A network that loses requests and answers between the copies."""
    return (
        Cut(b"POST /v1/", probability, after="answer"),
        Cut(b"PUT /v1/", probability, after="request"),
        Cut(b"GET /v1/", probability / 2, after="answer"),
    )


def disagreements(copies: Copies) -> list[str]:
    """What the books of the two say differently; empty when they agree."""
    found: list[str] = []
    front, behind = copies.front.loop, copies.behind.loop
    doubt = front.rows("SELECT claim_id, state FROM flow_intents WHERE state IN ('granting', 'unknown')")
    found += [f"claim {row[0]} is still {row[1]} in front" for row in doubt]
    granted = {row[0] for row in front.rows("SELECT claim_id FROM flow_intents WHERE state = 'granted'")}
    for kind, table, key in (
        ("claim", "claims", "claim_id"),
        ("redemption", "redemptions", "redemption_id"),
        ("payment", "payments", "payment_id"),
        ("refund", "refunds", "refund_id"),
    ):
        there = {row[0]: row[1] for row in behind.rows(f"SELECT {key}, state FROM {table}")}
        here = {
            row[0]: row[1]
            for row in front.rows("SELECT subject_id, state FROM flow_mirror WHERE kind = :kind", kind=kind)
        }
        if kind == "claim":
            found += [f"claim {each} is granted in front and unknown behind" for each in granted - set(there)]
            ours = [row[0] for row in front.rows("SELECT remote_id FROM flow_coupons")]
            mine = {
                row[0] for row in behind.rows("SELECT claim_id FROM claims WHERE coupon_id = ANY(:ours)", ours=ours)
            }
            found += [f"claim {each} is there behind and not granted in front" for each in mine - granted]
        for each in set(there) | set(here):
            if there.get(each) != here.get(each):
                found.append(f"{kind} {each} is {here.get(each)} in front, {there.get(each)} behind")
    taken = {
        row[0]: int(row[1])
        for row in behind.rows(
            "SELECT split_part(p.external_key, '|', 2), sum(s.taken) FROM partner_coupons p"
            " JOIN coupon_stock s USING (city_id, coupon_id) WHERE p.external_key LIKE 'front|%' GROUP BY 1"
        )
    }
    shown = {
        str(row[0]): int(row[1])
        for row in front.rows(
            "SELECT c.coupon_id, sum(s.taken) FROM flow_coupons c"
            " JOIN coupon_stock s USING (city_id, coupon_id) GROUP BY 1"
        )
    }
    if taken != shown:
        found.append(f"taken: {shown} in front, {taken} behind")
    return found
