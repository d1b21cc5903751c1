"""How long after a fix arrives its event can be read in the feed, at an offered rate; and after a window closes.

Batches come at their own times, each of a member of its own, to a web server of two processes, with a worker beside
it. An event's latency counts from the moment at which its batch was sent, or from the end of its fence's
reorder window, until the relay gave it its position, from which on feed and webhooks have it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import orjson
import sqlalchemy as sa

from app.core.settings import Settings
from bench.geofence_world import FIXES, batch, until_idle
from bench.open_loop import offer
from tests.factories.worlds import World
from tests.faults.claim_world import CITY, Tokens
from tests.servers import WebServer, Worker

LOOKS_EVERY_S = 0.01
LEFT_S = 5.0
WARM_S = 240.0
WINDOW_S = 2

_SEEN = sa.text("SELECT event_id, position FROM outbox_events WHERE city_id = :city AND position > :last")
_TOLD = """
    SELECT e.event_id, e.member_id, v.reorder_s
    FROM geofence_events e
    JOIN geofence_versions v ON v.city_id = e.city_id AND v.geofence_id = e.geofence_id AND v.version = e.fence_version
    WHERE e.city_id = :city AND e.cause = 'fix' AND e.member_id = ANY (CAST(:members AS uuid[]))
"""
# One fence in ten waits for fixes that come late; whoever reads them afterwards sees it.
WINDOWS = (
    f"UPDATE geofence_versions SET reorder_s = {WINDOW_S} WHERE get_byte(uuid_send(geofence_id), 9) % 10 = 0",
    f"UPDATE geofence_sets SET epoch = epoch + 1, reorders = '{{0,{WINDOW_S}}}'",
)


@dataclass
class Watch(threading.Thread):
    """Sees events get their positions; ``seen_at`` by event."""

    engine: sa.Engine
    last: int
    seen_at: dict[UUID, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        """Looks every few milliseconds until it is told that it is over."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            while not self.over.wait(LOOKS_EVERY_S):
                rows = conn.execute(_SEEN, {"city": CITY, "last": self.last}).all()
                now = time.time()
                for row in rows:
                    self.seen_at[row.event_id] = now
                    self.last = max(self.last, row.position)


@dataclass(frozen=True, slots=True)
class Latency:
    """What one run saw: the rate that was offered, answers and events in milliseconds; ``missing`` never came."""

    fixes: float
    answer_p50_ms: float
    answer_p99_ms: float
    live_ms: Sequence[float]
    windowed_ms: Sequence[float]
    missing: int

    def row(self, name: str) -> str:
        """A line of the table."""
        said = [
            f"{len(some):,} | {at(some, 0.5):,.0f} | {at(some, 0.99):,.0f}" if some else "0 | | "
            for some in (self.live_ms, self.windowed_ms)
        ]
        return (
            f"| {name} | {self.fixes:,.0f} | {self.answer_p50_ms:.0f} | {self.answer_p99_ms:.0f} |"
            f" {' | '.join(said)} | {self.missing} |"
        )


HEADING = (
    "| events until they stand in the feed | fixes/s offered | answer p50 ms | p99 ms | live events | p50 ms | p99 ms |"
    f" events after a window of {WINDOW_S} s | p50 ms | p99 ms | missing |\n|{'---|' * 11}"
)


def at(some: Sequence[float], share: float) -> float:
    """The value that this share of some stays within."""
    ordered = sorted(some)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def latencies(
    settings: Settings, web: WebServer, world: World, members: Sequence[UUID], draw: random.Random, folder: Path,
    rate: float, seconds: float,
) -> Latency:  # fmt: skip
    """Offers batches at ``rate`` fixes a second, a member each, to a server that is warm."""
    worker = Worker(settings, folder / "worker.log", folder / "worker.pid", FUJIN_GEOFENCE_INDEX="memory")
    worker.start()
    try:
        tokens, warm = Tokens(settings), len(members) // 10
        offer(web.port, _requests(members[:warm], tokens, draw, {}), rate=warm / 8, seconds=4)
        _until_relayed(world)
        assert worker.process is not None
        until_idle([worker.process.pid], WARM_S)
        watch = Watch(world.engine, int(world.rows("SELECT coalesce(max(position), 0) FROM outbox_events")[0][0]))
        watch.start()
        sent: dict[UUID, float] = {}
        requests = _requests(members[warm:], tokens, draw, sent)
        offered = offer(web.port, requests, rate=rate / FIXES, seconds=seconds)
        time.sleep(WINDOW_S + LEFT_S)
        watch.over.set()
        watch.join(10)
    finally:
        worker.stop()
    if set(offered.statuses) != {200}:
        raise SystemExit(f"bench: {dict(offered.statuses)}")
    told = world.rows(_TOLD, city=CITY, members=[str(member) for member in sent])
    live, windowed, missing = [], [], 0
    for event_id, member_id, reorder_s in told:
        if event_id not in watch.seen_at:
            missing += 1
            continue
        took_ms = (watch.seen_at[event_id] - sent[member_id] - reorder_s) * 1000
        (windowed if reorder_s else live).append(took_ms)
    done = len(offered.latencies_ms) * FIXES / offered.took_s
    p50, p99 = offered.percentile_ms(0.5), offered.percentile_ms(0.99)
    return Latency(done, p50, p99, live, windowed, missing)


def _requests(members: Sequence[UUID], tokens: Tokens, draw: random.Random, sent: dict[UUID, float]) -> Iterator[bytes]:
    """Batches, whole as bytes; each says in ``sent`` when it went out."""
    for member in members:
        body = orjson.dumps({"fixes": batch(draw)})
        sent[member] = time.time()
        head = (
            f"POST /v1/positions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {tokens.of(member)}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body
    raise SystemExit("bench: there are not enough members for this rate and time")


def _until_relayed(world: World) -> None:
    """Until the worker is at work and has nothing left of what came before."""
    end = time.monotonic() + 120
    while world.rows("SELECT 1 FROM outbox_events WHERE position IS NULL LIMIT 1"):
        if time.monotonic() > end:
            raise SystemExit("bench: the relay does not get through what came before")
        time.sleep(0.5)
