"""Positions over many fences: fixes a second through HTTP, by the tree in memory and by the database's index.

200,000 fences and 100,000 members who agreed, in one city of a database of its own; batches of 100 fixes of one member
each (most stand still, some walk, some drive), a batch a member. Both ways to find fences run in turn, with the same
batches; what they find is compared on a sample first. Events are in the database when the answer comes, so the longest
answers are the latency of events. Needs ``wrk``. Run with ``./dev bench geofence --positions``.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import cos, pi, radians, sin
from pathlib import Path
from uuid import UUID

import orjson
import shapely
import sqlalchemy as sa

from app.core.clock import system_clock
from app.core.db import Database, open_database
from app.core.ids import new_city_id
from app.core.settings import Settings
from app.geofencing import queries_sets
from app.geofencing.memory import FenceMemory
from bench.campaign_api import own_database, settings_over
from bench.claims import Load, read_wrk
from tests.factories.worlds import World
from tests.faults.claim_world import CITY, Tokens, plant_claim_world
from tests.servers import WebServer

ROOT = Path(__file__).parent.parent
WEST, SOUTH, WIDE, HIGH = 119.9, 30.05, 0.6, 0.5
FIXES = 100
LOADERS = 2
GOAL = 5_000

_FENCES = """
    INSERT INTO geofences (city_id, geofence_id, merchant_id, external_id, state, current_version, revision, epoch,
                           source, outline, created_at, changed_at)
    SELECT :city, id, :merchant, 'f' || id, 'active', 1, 1, 1, 'drawn', st_geomfromwkb(outline, 4326), :now, :now
    FROM unnest(CAST(:ids AS uuid[]), CAST(:outlines AS bytea[])) AS f (id, outline)
"""
_VERSIONS = """
    INSERT INTO geofence_versions (city_id, geofence_id, version, name, boundary, enter_after_s, dwell_s, exit_after_s,
        exit_buffer_m, max_accuracy_m, cooldown_s, reorder_s, time_zone, tags, created_by, created_at)
    SELECT :city, geofence_id, 1, 'fence', outline, 0, '{60}', 0, 20, 100, 0, 0, 'Asia/Shanghai', '{}', 'bench', :now
    FROM geofences
"""
_CHOICES = """
    INSERT INTO location_choices (member_id, positions_at, time_zone, cities, row_version, changed_at)
    SELECT member_id, :now, 'Asia/Shanghai', '{}', 1, :now FROM members
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


def plant(world: World, fences: int, members: int, draw: random.Random) -> tuple[UUID, ...]:
    """Fences of 30 to 150 m across, five to twelve corners each, so that about one covers any point; the members."""
    planted = plant_claim_world(world, coupons=[], members=members, per_member=1)
    now = system_clock()
    for start in range(0, fences, 10_000):
        ids = [new_city_id(CITY) for _ in range(min(10_000, fences - start))]
        outlines = [shapely.to_wkb(shapely.MultiPolygon([_blob(draw)])) for _ in ids]
        world.run(
            _FENCES,
            {
                "city": CITY,
                "merchant": planted.merchant_id,
                "now": now,
                "ids": list(map(str, ids)),
                "outlines": outlines,
            },
        )
    world.run(_VERSIONS, {"city": CITY, "now": now})
    world.run(_CHOICES, {"now": now})
    world.run(
        "INSERT INTO geofence_sets SELECT :city, 1, count(*), min(st_xmin(outline)), min(st_ymin(outline)),"
        " max(st_xmax(outline)), max(st_ymax(outline)), '{0}' FROM geofences",
        {"city": CITY},
    )
    with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(sa.text("VACUUM ANALYZE"))
    return planted.members


def _blob(draw: random.Random) -> shapely.Polygon:
    lon, lat = draw.uniform(WEST, WEST + WIDE), draw.uniform(SOUTH, SOUTH + HIGH)
    reach, corners = draw.uniform(30, 150) / 111_195, draw.randint(5, 12)
    turns = [2 * pi * (corner + draw.uniform(0, 0.7)) / corners for corner in range(corners)]
    stretch = cos(radians(lat))
    return shapely.Polygon([(lon + reach * cos(turn) / stretch, lat + reach * sin(turn)) for turn in turns])


def batch(draw: random.Random) -> list[dict[str, object]]:
    """A hundred fixes of one member, one a second until now."""
    lon, lat = draw.uniform(WEST, WEST + WIDE), draw.uniform(SOUTH, SOUTH + HIGH)
    speed = draw.choices((0.0, 1.3, 12.0), (0.6, 0.3, 0.1))[0] / 111_195
    turn, end = draw.uniform(0, 2 * pi), system_clock()
    found: list[dict[str, object]] = []
    for number in range(FIXES):
        turn += draw.gauss(0, 0.1)
        lon, lat = lon + speed * cos(turn) / 0.86, lat + speed * sin(turn)
        off = 5 / 111_195
        found.append(
            {
                "at": (end - timedelta(seconds=FIXES - number)).isoformat(),
                "lon": round(lon + draw.gauss(0, off), 7),
                "lat": round(lat + draw.gauss(0, off), 7),
                "accuracy_m": 10,
            }
        )
    return found


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


def cpu_s(pids: Sequence[int]) -> float:
    """Processor time of processes until now."""
    total = 0
    for pid in pids:
        try:
            words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += int(words[11]) + int(words[12])
    return total / os.sysconf("SC_CLK_TCK")


def backends(world: World) -> list[int]:
    """The database's processes that serve the web server, and those that write for them."""
    rows = world.rows(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " UNION SELECT pid FROM pg_stat_activity"
        " WHERE backend_type IN ('walwriter', 'checkpointer', 'background writer')"
    )
    return [row[0] for row in rows]


def through_http(
    settings: Settings, world: World, members: Sequence[UUID], draw: random.Random, folder: Path,
    given: argparse.Namespace, index: str,
) -> Figures:  # fmt: skip
    """Fixes a second through a server whose processes find fences by ``index``; each member is sent once."""
    web = WebServer(
        settings, folder / "web.log", workers=2, threads=2, FUJIN_GEOFENCE_INDEX=index,
        FUJIN_RATE_LIMIT_PER_MINUTE="1000000",
    )  # fmt: skip
    web.start()
    try:
        tokens = Tokens(replace(settings, public_url=web.address))
        warm, rest = members[:200], members[200:]
        _send(web, tokens, warm[:100], draw, folder, given.clients, 4)
        _until_idle(web, given.warm_s)
        _send(web, tokens, warm[100:], draw, folder, given.clients, 4)
        count = "SELECT (SELECT count(*) FROM geofence_events), (SELECT count(*) FROM followed_lanes)"
        web_pids, database_pids = web.workers(), backends(world)
        before, used = world.rows(count)[0], (cpu_s(web_pids), cpu_s(database_pids))
        load = _send(web, tokens, rest, draw, folder, given.clients, given.seconds)
        after, batches = world.rows(count)[0], 0
        batches = max(1, after[1] - before[1])
        web_ms, database_ms = (
            (cpu_s(pids) - had) * 1000 / batches for pids, had in zip((web_pids, database_pids), used, strict=True)
        )
        if load.refused:
            raise SystemExit(f"bench: {load.refused} batches were refused")
        events = (after[0] - before[0]) / given.seconds
        memory = memory_mb(web_pids)
        return Figures(load.rate * FIXES, load.p50_ms, load.p99_ms, events, memory, web_ms, database_ms)
    finally:
        web.stop()


def _until_idle(web: WebServer, most_s: float) -> None:
    """Until the server's processes do nothing, so that nobody reads fences any more."""
    end, before = time.monotonic() + most_s, cpu_s(web.workers())
    while time.monotonic() < end:
        time.sleep(2)
        now = cpu_s(web.workers())
        if now - before < 0.05:
            return
        before = now
    raise SystemExit(f"bench: the fences were not read within {most_s} s")


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Plants, compares, drives; prints a Markdown table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--positions", action="store_true", help="(this half of the bench)")
    options.add_argument("--fences", type=int, default=200_000)
    options.add_argument("--members", type=int, default=100_000)
    options.add_argument("--seconds", type=int, default=10)
    options.add_argument("--clients", type=int, default=8)
    options.add_argument("--warm-s", type=int, default=240, help="how long the processes may read the fences")
    options.add_argument("--sent", type=int, default=2_000, help="members that are sent a batch of, each way")
    options.add_argument("--seed", type=int, default=16)
    given = options.parse_args(arguments)
    draw = random.Random(given.seed)
    with own_database(os.environ["DATABASE_OWNER_URL"]) as url, tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        settings = settings_over(url, folder)
        engine = sa.create_engine(url)
        try:
            world = World(engine)
            began = time.perf_counter()
            members = plant(world, given.fences, given.members, draw)
            print(
                f"{given.fences:,} fences, {given.members:,} members, planted in {time.perf_counter() - began:.0f} s\n"
            )
            by_index, by_tree, read_s = compare(settings, draw, 200)
            print("| fences of 100 fixes | median ms |\n|---|---|")
            print(f"| PostGIS, GiST | {by_index:.2f} |")
            print(f"| tree in memory (read in {read_s:.1f} s of processor time) | {by_tree:.2f} |\n")
            print(
                "| through HTTP | fixes/s | p50 ms | p99 ms | events/s | 2 processes MB | web, database CPU ms |",
                end="",
            )
            print(" fixes/s that 2 processors have time for |\n|---|---|---|---|---|---|---|---|")
            part = iter(members[start : start + given.sent] for start in range(0, len(members), given.sent))
            for index in ("database", "memory"):
                found = through_http(settings, world, next(part), draw, folder, given, index)
                print(
                    f"| {index} | {found.fixes:,.0f} | {found.p50_ms:.0f} | {found.p99_ms:.0f} | {found.events:,.0f} |"
                    f" {found.memory_mb:,.0f} | {found.web_ms:.1f}, {found.database_ms:.1f} | {found.bound:,.0f} |"
                )
        finally:
            engine.dispose()
        print(f"\nGoal: {GOAL:,} fixes/s, events within 1 s.")


if __name__ == "__main__":
    main()
