"""Claims of one hot coupon, each figure beside the limit that the same machine gives in the same run.

Through HTTP against the same server's authenticated POST that inserts and commits one row (``bench/claims_app.py``),
and the claim statement alone by pgbench against the naive claim of two statements. Needs ``wrk`` and ``pgbench``;
makes and drops a database of its own. Prints a Markdown table of medians, and ends with 1 when a coupon was not sold
exactly.
Run with ``./dev bench claims``.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID, uuid4

import sqlalchemy as sa

from app.core.settings import Settings
from bench import claims_sql
from bench.campaign_api import own_database, settings_over
from bench.open_loop import offer, post
from bench.server import milliseconds
from tests.factories.worlds import World
from tests.faults.claim_world import CITY, ClaimWorld, Tokens, hot_coupon, plant_claim_world
from tests.servers import WebServer

ROOT = Path(__file__).parent.parent
LOADERS = 2  # threads of wrk
BUCKETS = (1, 4, 16, 32)
HOT = 16
PLENTY = 1_000_000
SOLD_OUT_STOCK = 1_500


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw: requests a second, p50 and p99 in milliseconds, and how many answers were refusals."""

    rate: float
    p50_ms: float
    p99_ms: float
    refused: int


@dataclass(slots=True)
class Bench:
    """One server over one database, and the figures found so far, by name, one a round."""

    settings: Settings
    world: World
    planted: ClaimWorld
    web: WebServer
    folder: Path
    seconds: int
    figures: dict[str, list[float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def note(self, name: str, value: float) -> float:
        """Keeps a figure of this round."""
        self.figures.setdefault(name, []).append(value)
        return value

    def coupon(self, quota: int, buckets: int) -> UUID:
        """A fresh coupon, one a member."""
        return hot_coupon(self.world, self.planted.merchant_id, self.planted.place_id, quota, buckets, 1)

    def tokens(self) -> Path:
        """A file with a token for each member, good for fifteen minutes from now."""
        made = Tokens(replace(self.settings, public_url=self.web.address))
        path = self.folder / "tokens"
        path.write_text("".join(f"{made.of(member)}\n" for member in self.planted.members))
        return path

    def load(self, path: str, coupon: UUID, tokens: Path, clients: int, seconds: int) -> Load:
        """A closed loop of clients."""
        said = subprocess.run(
            [
                *("wrk", f"-t{LOADERS}", f"-c{clients}", f"-d{seconds}s", "--latency", "--timeout", "30s"),
                *("-s", str(ROOT / "bench" / "claims.lua"), self.web.address, "--"),
                *(path, str(coupon), str(tokens), str(LOADERS), uuid4().hex),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return read_wrk(said)

    def sold_exactly(self, coupon: UUID, wanted: int | None = None) -> int:
        """How many claims a coupon has; what does not add up is told at the end."""
        claims, taken, events = claims_sql.sold(self.world, coupon)
        if not claims == taken == events or (wanted is not None and claims != wanted):
            self.wrong.append(f"{claims} claims, {taken} taken, {events} events, {wanted} wanted")
        return claims


def read_wrk(said: str) -> Load:
    lines = [line.split() for line in said.splitlines()]
    found = {words[0]: words for words in lines if words}
    refused = next((int(words[-1]) for words in lines if words[:1] == ["Non-2xx"]), 0)
    if "Socket" in found and any(int(part.rstrip(",")) for part in found["Socket"][3::2]):
        raise SystemExit(f"bench: some requests were not answered\n{said}")
    rate = float(found["Requests/sec:"][1])
    return Load(rate, milliseconds(found["50%"][1]), milliseconds(found["99%"][1]), refused)


def http_round(bench: Bench, clients: tuple[int, ...]) -> None:
    """The row-insert route, claims with stock enough, and the generator's own ceiling, at each number of clients."""
    tokens = bench.tokens()
    for count in clients:
        bench.note(f"healthz {count}", bench.load("/healthz", uuid4(), tokens, count, 2).rate)
        rows = bench.load("/bench/rows", uuid4(), tokens, count, bench.seconds)
        coupon = bench.coupon(PLENTY, HOT)
        bench.load("/v1/claims", bench.coupon(PLENTY, HOT), tokens, count, 1)
        claims = bench.load("/v1/claims", coupon, tokens, count, bench.seconds)
        if rows.refused or claims.refused:
            bench.wrong.append(f"{rows.refused} rows and {claims.refused} claims were refused")
        bench.sold_exactly(coupon)
        for name, load in (("row", rows), ("claim", claims)):
            bench.note(f"{name} {count}", load.rate)
            bench.note(f"{name} {count} p50", load.p50_ms)
            bench.note(f"{name} {count} p99", load.p99_ms)
        bench.note(f"ratio {count}", claims.rate / rows.rate)


def sold_out_round(bench: Bench, clients: int) -> None:
    """A stock that sells out under load, to the last unit; then what those who come late have to wait."""
    tokens = bench.tokens()
    coupon = bench.coupon(SOLD_OUT_STOCK, HOT)
    bench.load("/v1/claims", coupon, tokens, clients, bench.seconds)
    bench.note("sold out", bench.sold_exactly(coupon, SOLD_OUT_STOCK))
    rate = bench.figures[f"row {clients}"][-1] / 2
    late = offer(bench.web.port, _late(coupon, tokens), rate=rate, seconds=bench.seconds)
    if set(late.statuses) != {409}:
        bench.wrong.append(f"the sold-out coupon answered {dict(late.statuses)}")
    bench.note("late offered", len(late.latencies_ms) / late.took_s)
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        bench.note(f"late {name}", late.percentile_ms(share))


def _late(coupon: UUID, tokens: Path) -> Iterator[bytes]:
    known = tokens.read_text().split()
    body = f'{{"coupon_id":"{coupon}"}}'.encode()
    for token in itertools.cycle(reversed(known)):
        yield post("/v1/claims", token, uuid4().hex, body)


def database_round(bench: Bench) -> None:
    """pgbench, 32 connections: a bare row, the naive claim, and the claim function over more and more buckets."""
    app_url, seconds = bench.settings.database_url, max(2, bench.seconds // 2)
    bare, _ = claims_sql.pgbench(app_url, claims_sql.BARE.format(coupon=uuid4()), bench.folder, seconds)
    bench.note("bare", bare)
    counter = uuid4()
    claims_sql.plant_stock(bench.world, counter)
    naive, _ = claims_sql.pgbench(app_url, claims_sql.NAIVE.format(coupon=counter), bench.folder, seconds)
    bench.note("naive", naive)
    for buckets in BUCKETS:
        coupon = bench.coupon(PLENTY, buckets)
        names = {"coupon": coupon, "merchant": bench.planted.merchant_id, "city": CITY}
        rate, count = claims_sql.pgbench(app_url, claims_sql.OURS.format(**names), bench.folder, seconds)
        if bench.sold_exactly(coupon) != count:
            bench.wrong.append(f"of {count} calls some did not grant")
        bench.note(f"function {buckets}", rate)
        bench.note(f"function {buckets} ratio", rate / naive)


def report(bench: Bench, clients: tuple[int, ...]) -> Iterator[str]:
    """The table, medians over the rounds; ratios are those of the same round."""
    middle = {name: statistics.median(values) for name, values in bench.figures.items()}
    yield "| through HTTP | a second | p50 ms | p99 ms | |\n|---|---|---|---|---|"
    for count in clients:
        yield f"| generator against `/healthz`, {count} clients | {middle[f'healthz {count}']:,.0f} | | | |"
        for name, words in (("row", "POST that inserts and commits one row"), ("claim", "claim of one hot coupon")):
            ratio = f"{middle[f'ratio {count}']:.2f} of it" if name == "claim" else ""
            p50, p99 = middle[f"{name} {count} p50"], middle[f"{name} {count} p99"]
            yield f"| {words}, {count} clients | {middle[f'{name} {count}']:,.0f} | {p50:.1f} | {p99:.1f} | {ratio} |"
    p50, p95, p99 = (middle[f"late {name}"] for name in ("p50", "p95", "p99"))
    yield f"| sold out, offered | {middle['late offered']:,.0f} | {p50:.1f} | {p99:.1f} | p95 {p95:.1f} ms |"
    yield f"\n| pgbench, {claims_sql.CLIENTS} connections | a second | of the naive claim |\n|---|---|---|"
    yield f"| one row inserted and committed | {middle['bare']:,.0f} | {middle['bare'] / middle['naive']:.1f} × |"
    yield f"| naive claim: counter, then row | {middle['naive']:,.0f} | |"
    for buckets in BUCKETS:
        rate, ratio = middle[f"function {buckets}"], middle[f"function {buckets} ratio"]
        yield f"| `claim_coupon`, {buckets} bucket{'s' * (buckets > 1)} | {rate:,.0f} | {ratio:.1f} × |"
    yield f"\nSold in the run that sells out: {bench.figures['sold out']} of {SOLD_OUT_STOCK:,} each time."
    yield from (f"WRONG: {text}" for text in bench.wrong)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev bench claims", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--clients", default="32,128")
    parser.add_argument("--members", type=int, default=30_000)
    parser.add_argument("--server", default="granian", choices=("granian", "gunicorn"))
    parser.add_argument("--only", choices=("http", "database"), help="a part of it")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("bench: wrk is missing; install it with: apt-get install wrk")
    clients = tuple(int(count) for count in given.clients.split(","))
    with tempfile.TemporaryDirectory(prefix="fujin-bench-") as made:
        folder = Path(made)
        (folder / "state").mkdir(mode=0o700)
        with own_database(os.environ["DATABASE_OWNER_URL"]) as url:
            bench = prepared(settings_over(url, folder / "state"), folder, given)
            try:
                bench.web.start()
                for _ in range(given.rounds):
                    if given.only != "database":
                        http_round(bench, clients)
                        sold_out_round(bench, clients[0])
                    if given.only != "http":
                        database_round(bench)
            finally:
                bench.web.stop()
                bench.world.engine.dispose()
    if given.only is None:
        print("\n".join(report(bench, clients)))
    else:
        for name, values in bench.figures.items():
            print(f"{name}: {statistics.median(values):,.2f}  {[round(value, 2) for value in values]}")
        print("\n".join(bench.wrong))
    return 1 if bench.wrong else 0


def prepared(settings: Settings, folder: Path, given: argparse.Namespace) -> Bench:
    """The world, the tables and a server that is not started yet: two processes of eight threads, as ``./dev`` has."""
    world = World(sa.create_engine(settings.database_owner_url or ""))
    planted = plant_claim_world(world, coupons=[], members=given.members, per_member=1)
    claims_sql.prepare(world)
    web = WebServer(
        settings, folder / "web.log", server=given.server, workers=2, threads=8, application="bench.claims_app:app"
    )
    return Bench(settings, world, planted, web, folder, given.seconds)


if __name__ == "__main__":
    sys.exit(main())
