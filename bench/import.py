"""A load of a million places beside its limit, COPY of the same final rows; its memory; searches meanwhile.

A file of synthetic places goes the whole road: read and checked by a process of its own, stored, checked as a whole,
conflated, search rows written. The limit is COPY of exactly the rows that the load left (identities, facts, hours,
facets, search rows) into tables like ours, in one transaction: once with indexes and foreign keys in place, as every
table has them that somebody reads meanwhile, and once into bare tables whose indexes are built afterwards. Steps that
no COPY has (checks of the whole, conflation, links) are told apart. Then the version is shown and found, and a second
load goes on while searches come at half of the greatest rate. ``./dev bench import``, shorter with ``--rows 100000``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from app.cities import queries as cities
from app.cities.types import Origin, Territory
from app.core.db import normalised_url
from app.core.processes import give_way
from app.imports import actions, hooks, pipeline, search_waiting
from app.imports.incoming import Incoming
from app.imports.types import LoadRequest
from bench import imports_files
from bench.campaign_api import own_database, settings_over
from bench.imports_limit import limits
from bench.imports_searches import searches_meanwhile
from geo.coordinates import LonLat
from tests.servers import fujin

CITY: Final = 901
ORIGIN: Final = Origin("Fujin synthetic places", "CC0-1.0", "Synthetic data")
BENCH: Final = Territory(
    CITY, "bench", "city", {"en": "Bench"}, "en", "CN", "Asia/Shanghai", "CNY", None, LonLat(*imports_files.CENTRE), 11
)
GOAL: Final = 0.7
MAX_MEMORY_MB: Final = 500


def prepare(engine: sa.Engine, folder: Path) -> list[str]:
    """A territory with one region around everything; the categories there are."""
    lon, lat = imports_files.CENTRE
    ring = [[lon - 2, lat - 2], [lon + 2, lat - 2], [lon + 2, lat + 2], [lon - 2, lat + 2], [lon - 2, lat - 2]]
    region = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "source_key": "r", "kind": "city", "admin_level": 4, "region_code": "r", "names": {"en": "Bench"},
        },
    }  # fmt: skip
    path = folder / "regions.geojsonl"
    path.write_text(json.dumps(region) + "\n")
    now = datetime.now(UTC)
    with engine.begin() as conn:
        cities.put_territory(conn, BENCH, now)
        report = actions.load(conn, LoadRequest(CITY, "regions", path, ORIGIN, trusted=True), now)
        actions.activate(conn, CITY, "regions", report.version, now)
        known = conn.execute(sa.text("SELECT DISTINCT category_id FROM categories ORDER BY 1")).scalars()
        return list(known)


def load(url: str, path: Path) -> dict[str, Any]:
    """One load in this process; seconds of its parts, and the memory of the loader and of the reading process."""
    parts: dict[str, float] = {}

    def timed(holder: Any, name: str, part: str) -> None:
        inner: Callable[..., Any] = getattr(holder, name)

        @wraps(inner)
        def run(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return inner(*args, **kwargs)
            finally:
                parts[part] = parts.get(part, 0.0) + time.perf_counter() - began

        setattr(holder, name, run)

    timed(Incoming, "copy_to", "read: waited for, and stored where they wait")
    timed(pipeline, "place_rows", "facts")
    timed(search_waiting, "put_waiting", "search rows")
    timed(pipeline, "carry_places", "carried along")
    timed(pipeline._Road, "check", "checks")
    timed(hooks, "conflate", "conflation")
    timed(hooks, "link", "links")
    timed(pipeline._Road, "end", "search rows mended")
    give_way()  # as the worker's process does
    engine = sa.create_engine(normalised_url(url))
    began = time.perf_counter()
    with engine.begin() as conn:
        report = actions.load(conn, LoadRequest(CITY, "places", path, ORIGIN), datetime.now(UTC))
    whole = time.perf_counter() - began
    engine.dispose()
    memory = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "outcome": report.outcome, "blocked": report.blocked, "version": report.version, "stored": report.stored,
        "refused": report.refused, "seconds": whole, "parts": parts, "memory_mb": memory,
    }  # fmt: skip


def loaded(url: str, path: Path) -> dict[str, Any]:
    """The same in a process of its own, whose memory is the load's alone."""
    words = [sys.executable, "-m", "bench.import", "--load", str(path), "--url", url]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    if said.returncode:
        raise SystemExit(f"bench: the load failed\n{said.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return found


def shown(engine: sa.Engine, version: int) -> float:
    """Seconds from asking for a version until a reader finds its places."""
    began = time.perf_counter()
    with engine.begin() as conn:
        actions.activate(conn, CITY, "places", version, datetime.now(UTC))
    with engine.connect() as conn:
        assert cities.everything_active(conn).city(CITY).versions["places"] == version  # type: ignore[union-attr]
    return time.perf_counter() - began


def tell(done: dict[str, Any], rows: int, limit: dict[str, float], visible: float) -> bool:
    """The tables; whether the goals are met."""
    parts = done["parts"]
    apart = parts.get("checks", 0.0) + parts.get("conflation", 0.0) + parts.get("links", 0.0)
    own = done["seconds"] - apart
    memory = sum(done["memory_mb"])
    print(f"\n{rows:,} places, {done['refused']:,} refused\n\n| part | seconds | places/s |\n|---|---|---|")
    for name, took in parts.items():
        print(f"| {name} | {took:.1f} | {rows / took if took > 0.05 else 0:,.0f} |")
    print(f"| whole load | {done['seconds']:.1f} | {rows / done['seconds']:,.0f} |")
    print(f"| load without checks of the whole, conflation, links | {own:.1f} | {rows / own:,.0f} |")
    for name, took in limit.items():
        print(f"| limit: {name} | {took:.1f} | {rows / took:,.0f} |")
    reached = {name: took / own for name, took in limit.items()}
    for name, share in reached.items():
        print(f"\nload against {name}: {share:.2f}")
    print(f"memory at most: loader {done['memory_mb'][0]:.0f} MB, reading process {done['memory_mb'][1]:.0f} MB")
    print(f"shown and found after {visible:.2f} s")
    return next(iter(reached.values())) >= GOAL and memory <= MAX_MEMORY_MB and visible <= 1.0


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev bench import", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--searches", type=int, default=100_000, help="places of the load beside searches; 0: none")
    parser.add_argument("--load", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--no-limit", action="store_true", help="only the load")
    given = parser.parse_args()
    os.environ["FUJIN_DATABASE_DEADLINE_S"] = "0"
    if given.load:
        print(json.dumps(load(given.url, given.load)))
        return 0
    with tempfile.TemporaryDirectory() as folder, own_database(os.environ["DATABASE_OWNER_URL"]) as url:
        settings = settings_over(url, Path(folder))
        os.environ["FUJIN_DEMO"] = "0"
        fujin(settings, "seed")
        engine = sa.create_engine(url)
        known = prepare(engine, Path(folder))
        path = Path(folder) / "places.geojsonl"
        imports_files.write(path, given.rows, known)
        print(f"{path.stat().st_size / 1e6:,.0f} MB of {given.rows:,} places written", flush=True)
        base = Path(folder) / "base"
        done = loaded(url, path)
        print(json.dumps(done), flush=True)
        if done["outcome"] != "staged":
            raise SystemExit(f"bench: the load was {done['outcome']}: {done['blocked']}")
        visible = shown(engine, done["version"])
        limit = {} if given.no_limit else limits(engine, url, CITY, done["version"], base)
        met = tell(done, given.rows, limit, visible) if limit else True
        if not limit:
            print(f"shown and found after {visible:.2f} s")
        if given.searches:
            more = Path(folder) / "more.geojsonl"
            imports_files.write(more, given.searches, known, seed=8)
            met &= searches_meanwhile(settings, lambda: loaded(url, more))
        engine.dispose()
    print("goals met" if met else "GOALS MISSED")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
