"""Whole loops a second (claim, code, hold, pay, transfers, webhook) beside their statements alone, in the same run.

Clients walk loops through HTTP against two server processes and a worker, which delivers each event to a receiver of
this program. The same loop, walked in this process, is recorded statement by statement and sent again by pgbench over
as many connections, on a copy of the same database: what the database alone could do. Makes and drops databases of its
own. Run with ``./dev bench flow``; ends with 1 when the books are not sound afterwards.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from app.audit.actions import audit_data
from app.core.clock import system_clock
from app.core.db import open_database
from app.core.settings import Settings
from app.factory import create_app
from app.outbox.relay import relay_once
from app.outbox.sender import Sender
from bench.campaign_api import own_database, settings_over
from bench.flow_replay import Recorder, replay
from tests.conftest import as_role
from tests.factories.loops import Loop, plant_loop
from tests.factories.worlds import World
from tests.servers import WebServer, Worker

Ask = Callable[[str, str, str, Any], Any]
COMMITTED = "fujin.redemption.committed.v1"
ORDER = {"gross_minor": 5000, "currency": "CNY"}


class Receiver(ThreadingHTTPServer):
    """Notes when the event of each committed redemption came."""

    daemon_threads = True

    def __init__(self) -> None:
        self.came: dict[str, float] = {}
        super().__init__(("127.0.0.1", 0), _Hook)


class _Hook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["type"] == COMMITTED:
            self.server.came.setdefault(body["data"]["redemption_id"], time.monotonic())  # type: ignore[attr-defined]
        self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def walk(ask: Ask, member: str, staff: str, coupon: str, place: str) -> str:
    """One loop; the id of its redemption, which is committed by its payment."""
    claim = ask("POST", "/v1/claims", member, {"coupon_id": coupon})["claim_id"]
    code = ask("GET", f"/v1/claims/{claim}/code", member, None)["human_code"]
    body = {"codes": [{"code": code}], "place_id": place, "request_no": secrets.token_hex(8), "mode": "hold"}
    held = ask("POST", "/v1/redemptions", staff, body | {"order": ORDER})["redemption_id"]
    payment = {"purpose": "redemption", "purpose_id": held, "provider": "test_wallet", "method": "user_scans"}
    paid = ask("POST", "/v1/payments", staff, payment | {"wallet": {"notices": 0}})
    assert paid["state"] == "succeeded", paid
    return str(held)


def over_http(port: int) -> Ask:
    """Requests over one kept connection."""
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(method: str, path: str, token: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        if method == "POST":
            headers |= {"Idempotency-Key": secrets.token_hex(8), "Content-Type": "application/json"}
        conn.request(method, path, None if body is None else json.dumps(body).encode(), headers)
        answer = conn.getresponse()
        raw = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"bench: {method} {path}: {answer.status} {raw[:300]!r}")
        return json.loads(raw)

    return ask


def in_process(loop: Loop) -> Ask:
    """The same requests to the application of this process."""
    client = loop.client

    def ask(method: str, path: str, token: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": secrets.token_hex(8)}
        answer = client.open(path, method=method, json=body, headers=headers)
        assert answer.status_code < 300, answer.get_json()
        return answer.get_json()

    return ask


@contextmanager
def copy_of(url: str) -> Iterator[str]:
    """A copy of a database that nobody is connected to, dropped at the end."""
    name = f"fujin_bench_{secrets.token_hex(5)}"
    admin = sa.create_engine(make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE "{make_url(url).database}"'))
    try:
        yield make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        # sessions that are just ending are waited for; force may not end those of another role
        for _ in range(10):
            with suppress(OperationalError), admin.connect() as conn:
                conn.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}"'))
                break
            time.sleep(0.5)
        admin.dispose()


def plant(settings: Settings, url: str, members: int, hook: str) -> tuple[Loop, list[Any], Any, Any]:
    """The world: a coupon for everybody, people, and an endpoint that gets every event."""
    database, engine = open_database(settings), sa.create_engine(url)
    loop = plant_loop(create_app(settings, database=database), engine)
    people = loop.members(members)
    staff = loop.employee("staff", loop.merchant, loop.places[:1])
    owner = loop.employee("owner", loop.merchant)
    coupon = loop.coupon(
        min_spend_minor=0, face_value_minor=1000, stock=1_000_000, per_member=100, platform_share_bp=5000,
        commission_bp=250,
    )  # fmt: skip
    body = {"merchant_id": str(loop.merchant), "url": hook}
    made = loop.post("/v1/webhook-endpoints", body, by=(owner, "owner"))
    assert made.status_code == 201, made.get_json()
    # the accounts that every loop posts on are opened by the first one
    tokens = loop.token(people[0], "member"), loop.token(staff, "staff")
    walk(in_process(loop), *tokens, str(coupon), str(loop.places[0]))
    database.dispose()
    engine.dispose()
    return loop, people, staff, coupon


def record(settings: Settings, url: str, loop: Loop, people: list[Any], staff: Any, coupon: Any, count: int) -> Any:
    """Statements of so many loops, a list a loop, and how many there are in one."""
    database, engine = open_database(settings), sa.create_engine(url)
    here = replace(loop, app=create_app(settings, database=database), engine=engine, world=World(engine))
    ask, sender = in_process(here), Sender(database, settings, system_clock)
    till, place = here.token(staff, "staff"), str(loop.places[0])
    tokens = [here.token(person, "member") for person in people[:50]]
    recorder, found = Recorder(), []

    def once(number: int) -> None:
        walk(ask, tokens[number % len(tokens)], till, str(coupon), place)
        relay_once(database, system_clock, "bench")
        while here.one("SELECT count(*) FROM deliveries WHERE state = 'due'"):
            sender.run_once()

    once(0)  # what a process keeps is kept from now on
    for number in range(count):
        recorder.lines = []
        with recorder.on(database.primary, database.reading) as lines:
            once(number)
        found.append(list(lines))
    sender.stop(5)
    database.dispose()
    engine.dispose()
    return found, recorder.statements / count


def measure(web: WebServer, tokens: list[str], till: str, coupon: str, place: str, clients: int, seconds: float) -> Any:
    """Begin and end of each loop by its redemption, walked by some clients for so long."""
    ended: dict[str, tuple[float, float]] = {}
    turn, until = itertools.cycle(tokens), time.monotonic() + seconds

    def go() -> None:
        ask = over_http(web.port)
        while (began := time.monotonic()) < until:
            held = walk(ask, next(turn), till, coupon, place)
            ended[held] = (began, time.monotonic())

    threads = [threading.Thread(target=go) for _ in range(clients)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended, time.monotonic() - began


def at(values: list[float], share: float) -> float:
    """A percentile in milliseconds."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev bench flow", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--recorded", type=int, default=200, help="loops that are recorded and replayed")
    parser.add_argument("--members", type=int, default=300)
    given = parser.parse_args()
    receiver = Receiver()
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    hook = f"127.0.0.1:{receiver.server_port}"
    os.environ |= {"FUJIN_WEBHOOK_ALLOW": hook, "FUJIN_RATE_LIMIT_PER_MINUTE": "1000000"}
    with tempfile.TemporaryDirectory(prefix="fujin-bench-") as made:
        folder = Path(made)
        (folder / "state").mkdir(mode=0o700)
        with own_database(os.environ["DATABASE_OWNER_URL"]) as url:
            settings = settings_over(url, folder / "state")
            loop, people, staff, coupon = plant(settings, url, given.members, f"http://{hook}/hook")
            with copy_of(url) as recorded:
                scripts, each = record(
                    settings_over(recorded, folder / "state"), recorded, loop, people, staff, coupon, given.recorded
                )
            figures = [
                one_round(given, folder, url, loop, people, staff, coupon, scripts, receiver)
                for _ in range(given.rounds)
            ]
    middle = {name: statistics.median(figure[name] for figure in figures) for name in figures[0]}
    print(f"| {given.clients} clients | a second | p50 ms | p99 ms | of the statements |\n|---|---|---|---|---|")
    told = " | ".join(f"{middle[f'told {name}']:,.1f}" for name in ("rate", "p50", "p99"))
    print(f"| whole loops, from the claim until the webhook came | {told} | {middle['ratio']:.2f} |")
    answered = " | ".join(f"{middle[name]:,.1f}" for name in ("rate", "p50", "p99"))
    print(f"| the same until the payment was answered | {answered} | |")
    print(f"| their {each:.0f} statements by pgbench | {middle['bare']:.1f} | | | 1 |")
    wrong = sum(figure["wrong"] for figure in figures)
    print(f"\nLoops without a webhook: {sum(f['untold'] for f in figures):.0f}; broken invariants: {wrong:.0f}.")
    return 1 if wrong or any(figure["untold"] for figure in figures) else 0


def one_round(
    given: argparse.Namespace,
    folder: Path,
    url: str,
    loop: Loop,
    people: list[Any],
    staff: Any,
    coupon: Any,
    scripts: list[list[str]],
    receiver: Receiver,
) -> dict[str, float]:
    """Both figures of one moment of this machine, each over a fresh copy of the same database."""
    with copy_of(url) as bare:
        spread = [list(itertools.chain(*scripts[first :: given.clients])) for first in range(given.clients)]
        statements_rate = len(scripts) / replay(as_role(bare, "fujin_app"), spread, folder)
    with copy_of(url) as used:
        settings = settings_over(used, folder / "state")
        web = WebServer(settings, folder / "web.log", workers=2, threads=8)
        worker = Worker(settings, folder / "worker.log", folder / "worker.pid")
        issuing = create_app(replace(settings, public_url=web.address))
        tokens = [replace(loop, app=issuing).token(person, "member") for person in people]
        till = replace(loop, app=issuing).token(staff, "staff")
        web.start()
        worker.start()
        try:
            place = str(loop.places[0])
            measure(web, tokens, till, str(coupon), place, given.clients, 2)
            ended, took = measure(web, tokens, till, str(coupon), place, given.clients, given.seconds)
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline and not ended.keys() <= receiver.came.keys():
                time.sleep(0.05)
        finally:
            worker.stop()
            web.stop()
            issuing.extensions["fujin"].database.dispose()
        engine = sa.create_engine(used)
        with engine.connect() as conn:
            found = audit_data(conn, system_clock(), allow_unsafe=True)
        engine.dispose()
    told = {held: receiver.came[held] for held in ended if held in receiver.came}
    took_each = [end - began for began, end in ended.values()]
    told_each = [told[held] - began for held, (began, _) in ended.items() if held in told]
    first = min(began for began, _ in ended.values())
    told_rate = len(told) / (max(told.values()) - first)
    broken = [f"{v.rule}: {v.thing}: {v.detail}" for result in found for v in result.violations]
    print("\n".join(broken[:10]), end="\n" if broken else "", file=sys.stderr)
    return {
        "rate": len(ended) / took,
        "p50": at(took_each, 0.5),
        "p99": at(took_each, 0.99),
        "told rate": told_rate,
        "told p50": at(told_each, 0.5),
        "told p99": at(told_each, 0.99),
        "bare": statements_rate,
        "ratio": told_rate / statements_rate,
        "untold": len(ended) - len(told),
        "wrong": len(broken),
    }


if __name__ == "__main__":
    sys.exit(main())
