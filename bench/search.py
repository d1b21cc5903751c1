"""Nearby search in 63 cells: three densities, three radii, seven filters, at several sizes of one database.

Times are those of the statements of a page of 20 as it is served (the first with its total), one connection, from the
driver's side; each question is asked again until every cell has its number of answers. Every question's answer is
compared with brute force over all places in numpy. Limits: the worst median is at most four times that of the dense
cell without filters, the worst p99 ten times, no cell grows more than fivefold from the smallest size to the largest,
page 50 costs at most twice page 1. Run with ``./dev bench search``; ``--sizes 10000,100000`` is shorter.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa

from app.core.db import Database, open_database
from app.core.paging import CursorCodec
from app.discovery.caches import Caches
from app.discovery.search import Reading, search_places
from app.discovery.types import NearbySearch, PlaceFilters
from bench.campaign_api import own_database, settings_over
from bench.search_truth import Truth
from geo.grid_shift import Datum
from tests.servers import fujin

NIGHT = datetime(2026, 11, 24, 19, 40, tzinfo=UTC)  # 03:40 in Shanghai, 20:40 in Paris, 13:40 in Chicago
RADII = (500, 3_000, 20_000)
DENSITIES = {"dense": 101, "suburb": 102, "empty": 103}
PAGE = 20
WARM = 5


@dataclass(slots=True)
class Clock:
    """Seconds that statements of a connection took, since the last look."""

    spent: float = 0.0
    began: float = 0.0

    def watch(self, engine: sa.Engine) -> None:
        """Counts every statement of an engine from now on."""

        @sa.event.listens_for(engine, "before_cursor_execute")
        def begins(*_: Any) -> None:
            self.began = time.perf_counter()

        @sa.event.listens_for(engine, "after_cursor_execute")
        def ends(*_: Any) -> None:
            self.spent += time.perf_counter() - self.began

    def look(self) -> float:
        """Seconds since the last look."""
        spent, self.spent = self.spent, 0.0
        return spent


@dataclass(slots=True)
class Site:
    """One database of synthetic places, what searches it, and the truth about it."""

    database: Database
    truth: Truth
    clock: Clock
    caches: Caches = field(default_factory=Caches)
    cursors: CursorCodec = field(default_factory=lambda: CursorCodec(b"bench"))

    def ask(self, search: NearbySearch) -> tuple[list[UUID], str | None, float]:
        """Ids and cursor of a page, and the seconds of its statements."""
        with self.database.read() as conn:
            self.clock.look()
            found = search_places(Reading(conn, self.caches, self.cursors, NIGHT), search)
            return [hit.card.place.place_id for hit in found.hits], found.next_cursor, self.clock.look()


def searches(truth: Truth, density: str, radius_m: int, count: int) -> Iterator[tuple[str, list[NearbySearch]]]:
    """The questions of seven cells: each filter at some places of a density, drawn by a fixed seed."""
    city = DENSITIES[density]
    filters = {
        "none": PlaceFilters(),
        "common category": PlaceFilters(categories=(truth.common,)),
        "rare category": PlaceFilters(categories=(truth.rare,)),
        "open at night": PlaceFilters(open_at=truth.night(city)),
        "rare, at night": PlaceFilters(categories=(truth.rare,), open_at=truth.night(city)),
        "word": PlaceFilters(text="bakery"),
        "word, category, at night": PlaceFilters(text="bakery", categories=(truth.common,), open_at=truth.night(city)),
    }
    points = truth.origins(density, city, radius_m, count)
    for name, wanted in filters.items():
        yield (
            name,
            [
                NearbySearch(
                    given=point,
                    origin=point,
                    datum=Datum.WGS84,
                    radius_mm=radius_m * 1000,
                    filters=wanted,
                    limit=PAGE,
                    cursor=None,
                )
                for point in points
            ],
        )


Cell = tuple[str, int, str]


def measure(site: Site, questions: int, rounds: int) -> tuple[dict[Cell, list[float]], int, int]:
    """Milliseconds of each cell, and how many answers of how many equal brute force."""
    found: dict[Cell, list[float]] = {}
    right = asked = 0
    for density in DENSITIES:
        for radius_m in RADII:
            for name, cell in searches(site.truth, density, radius_m, questions):
                times: list[float] = []
                for search in cell:
                    ids, _, _ = site.ask(search)
                    right += ids == site.truth.nearest(search, PAGE)
                    asked += 1
                for _ in range(rounds):
                    times += [site.ask(search)[2] * 1000 for search in cell]
                found[density, radius_m, name] = times
    return found, right, asked


def deep(site: Site, pages: int = 50, walks: int = 15) -> tuple[float, float]:
    """Median milliseconds of page 1 and of the last page of walks through the densest city, without its total."""
    first, last = [], []
    for point in site.truth.origins("dense", 101, 20_000, walks):
        search = NearbySearch(
            given=point, origin=point, datum=Datum.WGS84, radius_mm=20_000_000, filters=PlaceFilters(), limit=PAGE,
            cursor=None,
        )  # fmt: skip
        cursor = None
        for page in range(1, pages + 1):
            _, cursor, seconds = site.ask(replace(search, cursor=cursor))
            if page == 1:
                first.append(seconds * 1000)
            if cursor is None:
                break
        else:
            last.append(seconds * 1000)
    return statistics.median(first), statistics.median(last) if last else float("nan")


def p99(times: Sequence[float]) -> float:
    """The 99th percentile."""
    return float(np.percentile(times, 99))


@contextmanager
def site_of(owner_url: str, count: int) -> Iterator[Site]:
    """A database with that many synthetic places, dropped in the end."""
    with tempfile.TemporaryDirectory() as folder, own_database(owner_url) as url:
        own = settings_over(url, Path(folder))
        fujin(own, "seed")
        fujin(own, "seed", "--scale", str(count))
        owner = sa.create_engine(own.database_owner_url or "", isolation_level="AUTOCOMMIT")
        with owner.connect() as conn:
            conn.exec_driver_sql("VACUUM ANALYZE")
            size = conn.exec_driver_sql(
                "SELECT pg_total_relation_size('postings'), (SELECT count(*) FROM postings), "
                "(SELECT count(*) FROM place_facts)"
            ).one()
            truth = Truth.read(conn)
        owner.dispose()
        print(f"\n{count:,} places: {size[1]:,} postings, {size[0] / size[2]:,.0f} bytes of search rows a place")
        database, clock = open_database(own), Clock()
        clock.watch(database.reading)
        yield Site(database, truth, clock)
        database.dispose()


def main() -> None:
    """Every size in turn; ends with 1 when an answer is wrong."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sizes", default="10000,100000,1000000")
    options.add_argument("--questions", type=int, default=20)
    options.add_argument("--rounds", type=int, default=10)
    given = options.parse_args()
    owner_url = os.environ["DATABASE_OWNER_URL"]
    sizes = [int(word) for word in given.sizes.split(",")]
    medians: dict[int, dict[Cell, float]] = {}
    wrong = 0
    for count in sizes:
        with site_of(owner_url, count) as site:
            cells, right, asked = measure(site, given.questions, given.rounds)
            wrong += asked - right
            medians[count] = {cell: statistics.median(times) for cell, times in cells.items()}
            base = medians[count]["dense", 3_000, "none"]
            worst = max(cells, key=lambda cell: medians[count][cell])
            tail = max(cells, key=lambda cell: p99(cells[cell]))
            print(f"dense, 3 km, no filter: p50 {base:.2f} ms; {right} of {asked} answers equal brute force")
            print(f"worst p50 {medians[count][worst]:.2f} ms ({medians[count][worst] / base:.1f} of it): {worst}")
            print(f"worst p99 {p99(cells[tail]):.2f} ms ({p99(cells[tail]) / base:.1f} of it): {tail}")
            one, fifty = deep(site)
            print(f"page 1 {one:.2f} ms, page 50 {fifty:.2f} ms ({fifty / one:.1f} of it)")
            print("\n| density | radius | filter | p50 ms | p99 ms |\n|---|---|---|---|---|")
            for cell in sorted(cells, key=lambda cell: -medians[count][cell])[:12]:
                print(
                    f"| {cell[0]} | {cell[1]:,} m | {cell[2]} | {medians[count][cell]:.2f} | {p99(cells[cell]):.2f} |"
                )
    growth = {cell: medians[sizes[-1]][cell] / medians[sizes[0]][cell] for cell in medians[sizes[0]]}
    grown = max(growth, key=lambda cell: growth[cell])
    print(f"\nlargest growth from {sizes[0]:,} to {sizes[-1]:,} places: {growth[grown]:.1f} ({grown})")
    if wrong:
        raise SystemExit(f"bench: {wrong} answers differ from brute force")


if __name__ == "__main__":
    main()
