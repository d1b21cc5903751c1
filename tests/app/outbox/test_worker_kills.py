"""A worker killed while a receiver holds its event: the event comes again under the same id, and is ended once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.clock import system_clock
from app.core.ids import new_city_id
from app.outbox.queries import append
from app.outbox.types import Event
from tests.app.outbox.conftest import Got, Post, Receiver
from tests.factories.loops import CITY
from tests.servers import ROOT, environment

KILLS = 6
EVENTS = 12


def start(post: Post, log: Path) -> subprocess.Popen[bytes]:
    """A worker process over the same database, allowed to send to the same receivers."""
    argv = [sys.executable, "-m", "flask", "--app", "wsgi", "fujin", "worker"]
    with log.open("ab") as output:
        return subprocess.Popen(argv, cwd=ROOT, env=environment(post.settings), stdout=output, stderr=output)


@pytest.mark.timeout(150)
def test_killed_between_sending_and_marking_again_and_again_every_event_arrives_and_keeps_its_id(
    post: Callable[..., Post], receivers: Callable[[], Receiver], tmp_path: Path
) -> None:
    receiver = receivers()
    made = post(receiver)
    owner = made.loop.employee("owner", made.loop.merchant), "owner"
    body = {"merchant_id": str(made.loop.merchant), "url": receiver.url}
    assert made.loop.post("/v1/webhook-endpoints", body, by=owner).status_code == 201
    running: list[subprocess.Popen[bytes]] = []
    killed: list[str] = []
    busy = threading.Lock()

    def kill_first(got: Got) -> None:
        """The receiver has the event; the worker does not live to hear so."""
        with busy:
            webhook_id = got.headers["webhook-id"]
            if len(killed) < KILLS and webhook_id not in killed:
                killed.append(webhook_id)
                os.kill(running[-1].pid, signal.SIGKILL)
                running[-1].wait(10)

    receiver.before = kill_first
    with made.database.write() as conn:
        for number in range(EVENTS):
            now = system_clock()
            data: dict[str, Any] = {"number": number}
            append(conn, Event(CITY, new_city_id(CITY), 1, "fujin.claim.granted.v1", made.loop.merchant, data, now))
        conn.commit()
    running.append(start(made, tmp_path / "worker.log"))
    try:

        def ended() -> bool:
            if running[-1].poll() is not None:  # the lease of what it had in hand is over at once
                made.loop.world.run("UPDATE deliveries SET lease_until = :past", {"past": made.loop.now})
                running.append(start(made, tmp_path / "worker.log"))
            return made.states() and all(state == "done" for state, _ in made.states())

        made.until(ended, 120)
    finally:
        running[-1].kill()
        running[-1].wait(10)
    assert len(killed) == KILLS
    counted = Counter(receiver.ids)
    assert len(counted) == EVENTS
    assert {counted[webhook_id] for webhook_id in killed} <= {2, 3}
    events = made.loop.rows("SELECT event_id, position FROM outbox_events ORDER BY position")
    assert sorted(counted) == sorted(str(row[0]) for row in events)
    assert [row[1] for row in events] == list(range(1, EVENTS + 1))
    bodies = {got.headers["webhook-id"]: got.body for got in receiver.got}
    assert all(got.body == bodies[got.headers["webhook-id"]] for got in receiver.got)
    assert made.loop.one("SELECT count(*) FROM outbox_events WHERE done_at IS NULL") == 0
