"""Nearby search with coupons through HTTP, beside the same SQL by pgbench and a bare answer by the same server.

Eight clients ask for 20 places with their coupons around points of dense, thin and empty places. The limit is pgbench
with the very statements that the application sent for these questions, taken down word for word, in transactions like
the application's. Processor time in Python a request is that of the server's processes, compared with a route that
answers a constant through the same middleware. Memory is what the web processes hold afterwards. Needs ``wrk`` and
``pgbench``; makes and drops a database of its own. Run with ``./dev bench http``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import make_url

from app.core.db import open_database
from app.core.settings import Settings
from app.factory import create_app
from bench.campaign_api import own_database, settings_over
from bench.claims import Load, read_wrk
from tests.servers import WebServer, fujin

ROOT = Path(__file__).parent.parent
CLIENTS = 8
SCRIPTS = 96  # pgbench takes at most 128
POINTS = {"dense": (121.47, 31.23, 0.03), "thin": (2.4, 48.8, 0.3), "empty": (-99.5, 41.0, 2.0)}
FILTERS = ("", "", "", "&category=food", "&open_now=true", "&has_coupon=true")


def paths() -> list[str]:
    """The questions: three densities, three radii, filters as people use them; drawn by a fixed seed."""
    draw = np.random.default_rng(20261125)
    found = []
    for number in range(SCRIPTS):
        lon, lat, spread = list(POINTS.values())[number % 3]
        x, y = draw.normal(0, spread, 2)
        radius = (500, 3_000, 20_000)[number // 3 % 3]
        more = FILTERS[int(draw.integers(len(FILTERS)))]
        found.append(f"/v1/places/nearby?lat={lat + y:.6f}&lon={lon + x:.6f}&radius_m={radius}&limit=20{more}")
    return found


def taken_down(app: Flask, asked: list[str]) -> list[str]:
    """For each question the statements of the application as one script for pgbench, after a first round to warm up."""
    said: list[str] = []

    def note(_conn: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        said.append(cursor.mogrify(statement, parameters).decode())

    engine = app.extensions["fujin"].database.reading
    client, scripts = app.test_client(), []
    for path in asked:
        client.get(path)
    sa.event.listen(engine, "before_cursor_execute", note)
    for path in asked:
        said.clear()
        answer = client.get(path)
        assert answer.status_code == 200, answer.get_json()
        body = ";\n".join(" ".join(statement.split()) for statement in said)
        limits = "SET LOCAL lock_timeout = 1000; SET LOCAL statement_timeout = 2000"
        scripts.append(f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n{limits};\n{body};\nROLLBACK;\n")
    sa.event.remove(engine, "before_cursor_execute", note)
    return scripts


def pgbench(url: str, scripts: list[Path], seconds: int) -> tuple[float, float]:
    """Scripts a second and mean milliseconds of each, eight connections."""
    there = make_url(url)
    names = [part for script in scripts for part in ("-f", str(script))]
    command = ["pgbench", "-n", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds), *names]
    options = {"PGHOST": str(there.query.get("host", there.host)), "PGPORT": str(there.query.get("port", there.port))}
    said = subprocess.run(
        [*command, str(there.database)],
        env={**os.environ, **options, "PGUSER": str(there.username), "PGPASSWORD": there.password or ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return _number(r"tps = ([\d.]+)", said), _number(r"latency average = ([\d.]+)", said)


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"bench: can't read\n{text}")
    return float(found[1])


def wrk(web: WebServer, lines: Path, seconds: int) -> Load:
    """A closed loop of eight clients over the paths of a file."""
    said = subprocess.run(
        [
            *("wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--latency", "-s", str(ROOT / "bench" / "paths.lua")),
            *(web.address, "--", str(lines), "1"),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    load = read_wrk(said)
    if load.refused:
        raise SystemExit(f"bench: {load.refused} answers were refused\n{said}")
    return load


def processor_s(pids: list[int]) -> float:
    """Seconds of processor time that some processes have used (proc(5))."""
    ticks = 0
    for pid in pids:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pids: list[int]) -> float:
    """The largest resident set of some processes."""
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids]
    return max(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def rounds(settings: Settings, folder: Path, given: argparse.Namespace) -> Iterator[dict[str, float]]:
    """Figures of each round: the limit, the bare answer and the search in turn."""
    asked = paths()
    searches, hellos = folder / "searches", folder / "hellos"
    searches.write_text("".join(f"{path}\n" for path in asked))
    hellos.write_text("/bench/hello\n")
    database = open_database(settings)
    scripts = []
    for number, text in enumerate(taken_down(create_app(settings, database=database), asked)):
        scripts.append(folder / f"{number}.sql")
        scripts[-1].write_text(text)
    database.dispose()
    web = WebServer(
        settings,
        folder / "web.log",
        server=given.server,
        workers=2,
        threads=given.threads,
        application="bench.http_app:app",
        FUJIN_RATE_LIMIT_PER_MINUTE="1000000",
        FUJIN_LOG_LEVEL="WARNING",
    )
    web.start()
    try:
        pids = web.workers()
        wrk(web, searches, 2)
        wrk(web, hellos, 1)
        for _ in range(given.rounds):
            found: dict[str, float] = {}
            found["sql"], found["sql ms"] = pgbench(
                settings.database_read_url or settings.database_url, scripts, given.seconds
            )
            for name, lines in (("hello", hellos), ("search", searches)):
                before = processor_s(pids)
                load = wrk(web, lines, given.seconds)
                found[name], found[f"{name} p50"], found[f"{name} p99"] = load.rate, load.p50_ms, load.p99_ms
                found[f"{name} cpu"] = (processor_s(pids) - before) * 1000 / (load.rate * given.seconds)
            found["ratio"] = found["search"] / found["sql"]
            found["cpu ratio"] = found["search cpu"] / found["hello cpu"]
            found["memory"] = memory_mb(pids)
            yield found
    finally:
        web.stop()


def main() -> None:
    """The table, medians over the rounds; ratios are those of the same round."""
    parser = argparse.ArgumentParser(prog="./dev bench http", description=__doc__)
    parser.add_argument("--places", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--threads", type=int, default=8, help="of each of the two processes")
    parser.add_argument("--server", default="granian", choices=("granian", "gunicorn"))
    parser.add_argument("--here", action="store_true", help="with the database fujin_scale as it is")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("bench: wrk is missing; install it with: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="fujin-bench-") as made:
        folder = Path(made)
        (folder / "state").mkdir(mode=0o700)
        if given.here:
            url = os.environ["DATABASE_OWNER_URL"]
            found = list(rounds(settings_over(url, folder / "state"), folder, given))
        else:
            with own_database(os.environ["DATABASE_OWNER_URL"]) as url:
                settings = settings_over(url, folder / "state")
                fujin(settings, "seed", "--scale", str(given.places))
                vacuum(url)
                found = list(rounds(settings, folder, given))
    middle = {name: statistics.median(one[name] for one in found) for name in found[0]}
    print(f"{CLIENTS} clients, {given.server} with 2 processes of {given.threads} threads, median of {given.rounds}\n")
    print("| | a second | p50 ms | p99 ms | processor time in Python | |\n|---|---|---|---|---|---|")
    print(f"| the same SQL by pgbench | {middle['sql']:,.0f} | {middle['sql ms']:.1f} (mean) | | | the limit |")
    for name, words in (("hello", "a constant, same middleware"), ("search", "places nearby with coupons")):
        rate, p50, p99, cpu = (middle[key] for key in (name, f"{name} p50", f"{name} p99", f"{name} cpu"))
        ratio = f"{middle['ratio']:.2f} of the limit, {middle['cpu ratio']:.1f} × the constant's processor time"
        print(f"| {words} | {rate:,.0f} | {p50:.1f} | {p99:.1f} | {cpu:.2f} ms | {ratio if name == 'search' else ''} |")
    print(f"\nLargest web process: {middle['memory']:.0f} MB")


def vacuum(url: str) -> None:
    """Statistics and the visibility map, as autovacuum keeps them."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.exec_driver_sql("VACUUM ANALYZE")
    engine.dispose()


if __name__ == "__main__":
    sys.exit(main())
