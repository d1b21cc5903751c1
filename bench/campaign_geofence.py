"""Ten thousand events of fences: the receiver is down for two simulated hours, workers die twenty times between sending
and marking, and all must arrive, each pair's in order, what comes again under the same id.

Run with ``./dev campaign geofence [--members 100] [--fixes 100] [--kills 20]``; ends with 1 when it does not hold.
Workers are processes, killed with -9: by the receiver after it took an event and before it answers, and once in the
middle of the relay. Two hours pass by moving what is due ten minutes back at a time.
``tests/app/geofencing/test_outage.py`` is its short twin in one process.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.core.db import Database
from app.core.settings import Settings
from bench.campaign_api import own_database, settings_over
from tests.factories.geofence_outage import DOWN_FOR, Desk, run
from tests.factories.loops import Loop
from tests.servers import Worker

STEP_MIN = 10
PATIENCE_S = 90.0
_LATER = (
    "UPDATE deliveries SET next_at = next_at - :step, lease_until = lease_until - :step WHERE state = 'due'",
    "UPDATE webhook_endpoints SET resting_until = resting_until - :step WHERE resting_until IS NOT NULL",
)
_OPEN = """
    SELECT d.state, d.attempt, d.next_at, d.lease_until, d.last_error, e.position, e.tries, e.dead_reason,
           p.resting_until
    FROM outbox_events e
    LEFT JOIN deliveries d ON d.city_id = e.city_id AND d.event_id = e.event_id
    LEFT JOIN webhook_endpoints p ON p.endpoint_id = d.endpoint_id
    WHERE e.done_at IS NULL ORDER BY e.position LIMIT 5
"""


@dataclass
class Killer:
    """Kills a worker with the request that brings ``after`` to nothing, before the receiver answers it."""

    worker: Worker
    after: int = 0
    killed: int = 0
    dead: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> None:
        with self._lock:
            if self.after <= 0:
                return
            self.after -= 1
            if self.after == 0:
                self.kill()

    def kill(self) -> None:
        """Ends it, and says so."""
        self.worker.kill()
        self.killed += 1
        self.dead.set()

    def revive(self) -> bool:
        """Starts another one in the place of a dead one; False when none is dead."""
        if not self.dead.is_set():
            return False
        self.dead.clear()
        self.worker.start()
        return True


def deliver(folder: Path) -> Callable[[Loop, Database, Settings, Desk, int], int]:
    """Worker processes that keep their files in ``folder``."""

    def delivered(loop: Loop, _database: Database, settings: Settings, receiver: Desk, kills: int) -> int:
        worker = Worker(settings, folder / "worker.log", folder / "worker.pid")
        killer = receiver.before_answer = Killer(worker)
        worker.start()
        try:
            _two_hours(loop, receiver, killer, kills)
            receiver.up = True
            _the_rest(loop, killer, kills)
        finally:
            worker.stop()
        return killer.killed

    return delivered


def _two_hours(loop: Loop, receiver: Desk, killer: Killer, kills: int) -> None:
    """Nothing gets through; at most half of the deaths fall in here, the first one in the middle of the relay."""
    receiver.up = False
    end = time.monotonic() + PATIENCE_S
    while not loop.one("SELECT count(*) FROM outbox_events WHERE position IS NOT NULL") and time.monotonic() < end:
        time.sleep(0.02)
    if kills:
        killer.kill()
        killer.revive()
    for _ in range(int(DOWN_FOR.total_seconds() // 60 // STEP_MIN)):
        killer.after = 1 if killer.killed < kills // 2 else 0
        _attempted(loop, receiver, killer)
        killer.after = 0
        killer.revive()
        _pass(loop)


def _attempted(loop: Loop, receiver: Desk, killer: Killer) -> None:
    """Until something was tried again, or a worker died in trying."""
    before, end = receiver.refused, time.monotonic() + PATIENCE_S
    while receiver.refused == before and not killer.dead.is_set():
        if time.monotonic() > end:
            raise SystemExit(f"nothing was tried: {loop.rows('SELECT state, count(*) FROM deliveries GROUP BY 1')}")
        time.sleep(0.05)
    killer.dead.wait(2.0 if killer.after else 0.2)


def _the_rest(loop: Loop, killer: Killer, kills: int) -> None:
    """The receiver is back; the other deaths are spread over what it takes."""
    draw = random.Random(14)
    left = int(loop.one("SELECT count(*) FROM outbox_events WHERE done_at IS NULL"))
    apart, stuck = max(2, left // (kills - killer.killed + 1)), 0
    while left:
        if killer.after == 0 and killer.killed < kills and not killer.dead.is_set():
            killer.after = draw.randint(apart // 2, apart)
        killer.dead.wait(0.5)
        revived = killer.revive()
        now = int(loop.one("SELECT count(*) FROM outbox_events WHERE done_at IS NULL"))
        stuck = stuck + 1 if now == left else 0
        if stuck > PATIENCE_S * 2:
            raise SystemExit(f"{now} events are not told: {loop.rows(_OPEN)} {killer.worker.process}")
        if revived or stuck:  # what a dead worker held, or what waits for its next attempt
            _pass(loop)
        left = now


def _pass(loop: Loop) -> None:
    """Ten minutes go by."""
    for statement in _LATER:
        loop.world.run(statement.replace(":step", f"interval '{STEP_MIN} minutes'"), {})


def main() -> None:
    """Runs it and says what came of it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--members", type=int, default=100)
    options.add_argument("--fixes", type=int, default=100)
    options.add_argument("--kills", type=int, default=20)
    given = options.parse_args()
    with own_database(os.environ["DATABASE_OWNER_URL"]) as url, tempfile.TemporaryDirectory() as folder:
        # nobody waits here: a crowded machine may take its time
        os.environ |= {"FUJIN_RATE_LIMIT_PER_MINUTE": "1000000", "FUJIN_DATABASE_DEADLINE_S": "0"}
        settings = settings_over(url, Path(folder))
        logging.disable(logging.CRITICAL)
        began = time.monotonic()
        found = run(
            url, settings, members=given.members, fixes=given.fixes, kills=given.kills, deliver=deliver(Path(folder))
        )
    print("| events | arrived | again, same id | refused while down | killed | pairs out of order | not done | s |")
    print("|---|---|---|---|---|---|---|---|")
    print(
        f"| {found.events:,} | {found.arrived:,} | {found.again} | {found.refused} | {found.killed} |"
        f" {len(found.unordered)} | {found.open} | {time.monotonic() - began:.0f} |"
    )
    if found.arrived != found.events or found.unordered or found.open or found.killed != given.kills:
        sys.exit(1)


if __name__ == "__main__":
    main()
