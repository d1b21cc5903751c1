"""Events of fences while their receiver is down for two hours and workers are killed between sending and marking."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa

from app.core.clock import system_clock
from app.core.db import Database, open_database
from app.core.settings import Settings
from app.factory import create_app
from app.outbox.relay import relay_once
from app.outbox.sender import Sender
from app.outbox.types import Outcome, Parcel, Target
from tests.factories.loops import LAT, LON, Loop, plant_loop

DOWN_FOR = timedelta(hours=2)


@dataclass
class Clock:
    """The system's, some time ahead."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return system_clock() + self.ahead


@dataclass
class Desk:
    """A receiver that is down or takes everything; subject, sequence and id of each event that it took.

    ``before_answer`` is called with each request, once it is taken or refused and before anybody hears of it.
    """

    up: bool = True
    took: list[tuple[str, int, str]] = field(default_factory=list)
    refused: int = 0
    before_answer: Callable[[], None] = lambda: None


class Mortal(Sender):
    """A sender whose process dies, as often as it is to: what was sent then is never marked."""

    deaths: int = 0

    def _ended(self, parcel: Parcel, outcome: Outcome, target: Target | None) -> Parcel | None:
        with self._changed:
            dies = self.deaths > 0
            self.deaths -= dies
            self._stopping = self._stopping or dies
        if dies:
            raise SystemError("killed")
        return super()._ended(parcel, outcome, target)


@dataclass(frozen=True)
class Outcomes:
    """What came of a run."""

    events: int
    arrived: int
    again: int
    refused: int
    killed: int
    unordered: Sequence[str]
    open: int


@contextmanager
def desk() -> Iterator[tuple[Desk, str]]:
    """A receiver on the loopback and its address."""
    found = Desk()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if found.up:
                found.took.append((said["subject"], int(said["sequence"]), said["id"]))
            else:
                found.refused += 1
            found.before_answer()
            with suppress(OSError):
                self.send_response(204 if found.up else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found, f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


Deliver = Callable[[Loop, Database, Settings, Desk, int], int]
"""Has all events sent while the receiver is down for two hours and workers die, as often as given; how often."""


def run(
    owner_url: str, settings: Settings, *, members: int, fixes: int, kills: int, deliver: Deliver | None = None
) -> Outcomes:
    """Members go in and out of a fence at each fix; then the receiver goes down, and workers die."""
    with desk() as (receiver, address):
        allowed = replace(settings, webhook_allow=(address,))
        engine, database = sa.create_engine(owner_url), open_database(allowed)
        try:
            loop = plant_loop(create_app(allowed, database=database), engine)
            _draw(loop, f"http://{address}/hook")
            for member in loop.members(members):
                _walk(loop, member, fixes)
            killed = (deliver or _deliver)(loop, database, allowed, receiver, kills)
            events = loop.one("SELECT count(*) FROM outbox_events WHERE type LIKE 'fujin.geofence.%'")
            left = loop.one("SELECT count(*) FROM outbox_events WHERE done_at IS NULL")
        finally:
            database.dispose()
            engine.dispose()
    ids = {event_id for _, _, event_id in receiver.took}
    return Outcomes(
        events, len(ids), len(receiver.took) - len(ids), receiver.refused, killed, _unordered(receiver), left
    )


def _draw(loop: Loop, url: str) -> None:
    owner = loop.employee("owner", loop.merchant), "owner"
    circle = {"center": {"lon": LON, "lat": LAT}, "radius_m": 200}
    assert (
        loop.post("/v1/geofences", {"external_id": "door", "name": "d", "circle": circle}, by=owner).status_code == 201
    )
    hook = {"merchant_id": str(loop.merchant), "url": url, "types": ["fujin.geofence.*"]}
    assert loop.post("/v1/webhook-endpoints", hook, by=owner).status_code == 201


def _walk(loop: Loop, member: UUID, fixes: int) -> None:
    headers = {"Authorization": f"Bearer {loop.token(member, 'member')}"}
    agreed = loop.client.put("/v1/me/location", json={"positions": True, "offers": False}, headers=headers)
    assert agreed.status_code == 200
    now = system_clock()
    walk = [
        {
            "at": (now - timedelta(seconds=fixes - number)).isoformat(),
            "lon": LON + (number % 2) * 0.01,
            "lat": LAT,
            "accuracy_m": 5,
        }
        for number in range(fixes)
    ]
    for start in range(0, fixes, 100):
        answer = loop.client.post("/v1/positions", json={"fixes": walk[start : start + 100]}, headers=headers)
        assert answer.get_json()["events"] == len(walk[start : start + 100])


def _deliver(_loop: Loop, database: Database, settings: Settings, receiver: Desk, kills: int) -> int:
    """Senders of this process, which never mark what they sent when they die; time is their clock moved ahead."""
    clock, draw = Clock(), random.Random(14)
    while relay_once(database, clock, "test"):
        pass
    receiver.up = False
    began, left = clock(), kills
    while clock() - began < DOWN_FOR:
        left -= _turn(database, settings, clock, draw.randint(0, 1) if left > kills // 2 else 0)
        clock.ahead += timedelta(minutes=10)
    receiver.up = True
    for _ in range(500):
        left -= _turn(database, settings, clock, min(left, 1))
        with database.read_primary() as conn:
            due = conn.execute(sa.text("SELECT count(*) FROM deliveries WHERE state = 'due'")).scalar_one()
        if not due and not left:
            break
        clock.ahead += timedelta(minutes=10)
    return kills - left


def _turn(database: Database, settings: Settings, clock: Clock, deaths: int) -> int:
    """One worker's life: until it has nothing to do, or dies; how many times somebody was killed."""
    sender = Mortal(database, settings, clock)
    sender.deaths = deaths
    while sender.run_once() and not (deaths and not sender.deaths):
        assert sender.wait_idle(60)
    sender.stop(20)
    return deaths - sender.deaths


def _unordered(receiver: Desk) -> list[str]:
    """Subjects whose events did not first arrive in the order of their numbers, whole."""
    first: dict[str, list[int]] = defaultdict(list)
    seen: set[str] = set()
    for subject, sequence, event_id in receiver.took:
        if event_id not in seen:
            seen.add(event_id)
            first[subject].append(sequence)
    return [subject for subject, numbers in first.items() if numbers != list(range(1, len(numbers) + 1))]
