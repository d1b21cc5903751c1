"""Positions over many fences: fixes a second through HTTP, by the tree in memory and by the database's index.

200,000 fences and 100,000 members who are followed, in one city of a database of its own; batches of 100 fixes of one
member each (most stand still, some walk, some drive), a batch a member. Both ways to find fences run in turn; what they
find is compared on a sample first. The limit is storing the fixes over two connections and nothing else. Then batches
are offered at the goal's rate and it is watched when their events stand in the feed (bench/geofence_latency.py), and
once more at half of it with fences that wait for late fixes. Needs ``wrk``. Run with ``./dev bench geofence
--positions``.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import orjson
import shapely
import sqlalchemy as sa

from app.core.db import Database, open_database
from app.core.settings import Settings
from app.geofencing import queries_sets
from app.geofencing.memory import FenceMemory
from bench.campaign_api import own_database, settings_over
from bench.claims import Load, read_wrk
from bench.geofence_latency import HEADING, WINDOWS, at, latencies
from bench.geofence_world import FIXES, batch, cpu_s, plant, until_idle
from tests.factories.worlds import World
from tests.faults.claim_world import CITY, Tokens
from tests.servers import WebServer

ROOT = Path(__file__).parent.parent
LOADERS = 2
GOAL = 5_000
GOAL_MS = 1_000

_STORE = """
    INSERT INTO followed_fixes (city_id, subject_id, occurred_at, lon, lat, accuracy_m, outcome, replayed, received_at)
    SELECT :city, gen_random_uuid(), f.at, f.lon, f.lat, 10, 'counted', false, now()
    FROM unnest(CAST(:at AS timestamptz[]), CAST(:lon AS double precision[]), CAST(:lat AS double precision[]))
         AS f (at, lon, lat)
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run saw."""

    fixes: float
    p50_ms: float
    p99_ms: float
    events: float
    memory_mb: float
    web_ms: float
    database_ms: float

    @property
    def bound(self) -> float:
        """Fixes a second that two processors of this machine's have time for, were they ours alone."""
        return 2_000 / (self.web_ms + self.database_ms) * FIXES


def compare(settings: Settings, draw: random.Random, rounds: int) -> tuple[float, float, float]:
    """Milliseconds for the fences of a hundred fixes by the database and by the tree, and our seconds to read the tree.

    Both must find the same.
    """
    database = open_database(settings)
    try:
        return _compared(database, draw, rounds)
    finally:
        database.dispose()


def _compared(database: Database, draw: random.Random, rounds: int) -> tuple[float, float, float]:
    memory = FenceMemory(database)
    began = time.process_time()
    memory.load(CITY)
    read_s = time.process_time() - began
    asked = [[shapely.Point(each["lon"], each["lat"]) for each in batch(draw)] for _ in range(rounds)]
    by_index, by_tree = [], []
    with database.read_primary() as conn:
        here = next(each for each in queries_sets.fence_sets(conn) if each.city_id == CITY)
        fences = memory.fences(conn, here)
        for ways in asked:
            began = time.perf_counter()
            stored = queries_sets.touched(conn, CITY, ways)
            by_index.append(time.perf_counter() - began)
            began = time.perf_counter()
            kept = fences.touched(ways)
            by_tree.append(time.perf_counter() - began)
            assert sorted(stored) == sorted((number, fence.geofence_id) for number, fence in kept)
    return statistics.median(by_index) * 1000, statistics.median(by_tree) * 1000, read_s


def memory_mb(pids: Sequence[int]) -> float:
    """Resident memory of processes, MB."""
    total = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        total += next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)
    return total / 1024


def backends(world: World) -> list[int]:
    """The database's processes that serve the web server, and those that write for them."""
    rows = world.rows(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " UNION SELECT pid FROM pg_stat_activity"
        " WHERE backend_type IN ('walwriter', 'checkpointer', 'background writer')"
    )
    return [row[0] for row in rows]


def stored_alone(world: World, draw: random.Random, seconds: float) -> float:
    """Fixes a second that two connections store, a batch a transaction, and do nothing else."""
    bodies = [batch(draw) for _ in range(100)]
    given = [
        {"city": CITY} | {name: "{" + ",".join(str(fix[name]) for fix in body) + "}" for name in ("at", "lon", "lat")}
        for body in bodies
    ]
    end, done = time.monotonic() + seconds, [0, 0]

    def store(number: int) -> None:
        with world.engine.connect() as conn:
            while time.monotonic() < end:
                conn.execute(sa.text(_STORE), given[done[number] % len(given)])
                conn.commit()
                done[number] += 1

    threads = [threading.Thread(target=store, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) * FIXES / seconds


@contextmanager
def serving(
    settings: Settings, members: Sequence[UUID], draw: random.Random, folder: Path, given: argparse.Namespace,
    index: str,
) -> Iterator[WebServer]:  # fmt: skip
    """A server of two processes that find fences by ``index``, once they have read them; ``members`` warm it up."""
    web = WebServer(
        settings, folder / "web.log", workers=2, threads=2, FUJIN_GEOFENCE_INDEX=index,
        FUJIN_RATE_LIMIT_PER_MINUTE="1000000",
    )  # fmt: skip
    web.start()
    try:
        tokens, third = Tokens(replace(settings, public_url=web.address)), len(members) // 3
        for start in (0, third, 2 * third):  # a process that nobody has asked yet has read nothing
            _send(web, tokens, members[start : start + third], draw, folder, 4 * given.clients, 3)
            until_idle(web.workers(), given.warm_s)
        yield web
    finally:
        web.stop()


def through_http(
    settings: Settings, web: WebServer, world: World, members: Sequence[UUID], draw: random.Random, folder: Path,
    given: argparse.Namespace,
) -> Figures:  # fmt: skip
    """Fixes a second through a server from a closed loop of clients; each member is sent once."""
    count = "SELECT (SELECT count(*) FROM geofence_events), (SELECT count(*) FROM followed_fixes)"
    web_pids, database_pids = web.workers(), backends(world)
    before, used = world.rows(count)[0], (cpu_s(web_pids), cpu_s(database_pids))
    tokens = Tokens(replace(settings, public_url=web.address))
    load = _send(web, tokens, members, draw, folder, given.clients, given.seconds)
    used = tuple(cpu_s(pids) - had for pids, had in zip((web_pids, database_pids), used, strict=True))
    after = world.rows(count)[0]
    batches = max(1, (after[1] - before[1]) // FIXES)
    web_ms, database_ms = (seconds * 1000 / batches for seconds in used)
    if load.refused:
        raise SystemExit(f"bench: {load.refused} batches were refused")
    events = (after[0] - before[0]) / given.seconds
    return Figures(load.rate * FIXES, load.p50_ms, load.p99_ms, events, memory_mb(web_pids), web_ms, database_ms)


def _send(
    web: WebServer,
    tokens: Tokens,
    members: Sequence[UUID],
    draw: random.Random,
    folder: Path,
    clients: int,
    seconds: int,
) -> Load:
    """Batches of some members, from a closed loop of clients."""
    path = folder / "batches"
    with path.open("wb") as out:
        for member in members:
            out.write(tokens.of(member).encode() + b"\t" + orjson.dumps({"fixes": batch(draw)}) + b"\n")
    said = subprocess.run(
        [
            *("wrk", f"-t{LOADERS}", f"-c{clients}", f"-d{seconds}s", "--latency", "--timeout", "30s"),
            *("-s", str(ROOT / "bench" / "positions.lua"), web.address, "--", str(path), str(LOADERS)),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return read_wrk(said)


def main(arguments: Sequence[str] | None = None) -> int:
    """Plants, compares, drives; prints Markdown tables; 1 where a goal is missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--fences", type=int, default=200_000)
    options.add_argument("--members", type=int, default=100_000)
    options.add_argument("--seconds", type=int, default=10)
    options.add_argument("--clients", type=int, default=8)
    options.add_argument("--warm-s", type=int, default=240, help="how long the processes may read the fences")
    options.add_argument("--sent", type=int, default=4_000, help="members that are sent a batch of, each way")
    options.add_argument("--seed", type=int, default=16)
    given = options.parse_args(arguments)
    draw = random.Random(given.seed)
    with own_database(os.environ["DATABASE_OWNER_URL"]) as url, tempfile.TemporaryDirectory() as place:
        engine = sa.create_engine(url)
        try:
            world = World(engine)
            began = time.perf_counter()
            members = plant(world, given.fences, given.members, draw)
            print(f"{given.fences:,} fences, {given.members:,} members, planted in {time.perf_counter() - began:.0f} s")
            return measure(settings_over(url, Path(place)), world, members, draw, Path(place), given)
        finally:
            engine.dispose()


def measure(
    settings: Settings, world: World, members: Sequence[UUID], draw: random.Random, folder: Path,
    given: argparse.Namespace,
) -> int:  # fmt: skip
    """All tables; 1 where a goal is missed."""
    by_index, by_tree, read_s = compare(settings, draw, 200)
    print("\n| fences of 100 fixes | median ms |\n|---|---|")
    print(f"| PostGIS, GiST | {by_index:.2f} |")
    print(f"| tree in memory (read in {read_s:.1f} s of processor time) | {by_tree:.2f} |\n")
    print("| through HTTP | fixes/s | p50 ms | p99 ms | events/s | 2 processes MB | web, database CPU ms |", end="")
    print(" fixes/s that 2 processors have time for |\n|---|---|---|---|---|---|---|---|")
    limit = stored_alone(world, draw, given.seconds / 2)
    print(f"| stored and nothing else, no HTTP | {limit:,.0f} | | | | | | |", flush=True)
    part = iter(members[start : start + given.sent] for start in range(0, len(members), given.sent))
    rows, best, late = [], 0.0, False
    for index in ("database", "memory"):
        with serving(settings, next(part)[:600], draw, folder, given, index) as web:
            found = through_http(settings, web, world, next(part), draw, folder, given)
            best = max(best, found.fixes)
            print(
                f"| {index} | {found.fixes:,.0f} | {found.p50_ms:.0f} | {found.p99_ms:.0f} | {found.events:,.0f} |"
                f" {found.memory_mb:,.0f} | {found.web_ms:.1f}, {found.database_ms:.1f} | {found.bound:,.0f} |",
                flush=True,
            )
            if index == "memory":
                here = replace(settings, public_url=web.address)
                rows.append(latencies(here, web, world, next(part), draw, folder, GOAL, given.seconds))
    for statement in WINDOWS:
        world.run(statement, {})
    with serving(settings, next(part)[:600], draw, folder, given, "memory") as web:
        here = replace(settings, public_url=web.address)
        rows.append(latencies(here, web, world, next(part), draw, folder, GOAL / 2, given.seconds))
    print(f"\n{HEADING}")
    for name, row in zip(("fences without a window", "one fence in ten has one"), rows, strict=True):
        print(row.row(name))
        late |= bool(row.missing) or any(some and at(some, 0.99) > GOAL_MS for some in (row.live_ms, row.windowed_ms))
    print(f"\nGoal: {GOAL:,} fixes/s, events within {GOAL_MS} ms (p99).")
    return 1 if late or best < GOAL else 0


if __name__ == "__main__":
    raise SystemExit(main())
