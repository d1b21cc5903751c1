"""Edits of places a second, alone and in batches, and what searches cost meanwhile; on a database of its own.

Places of a synthetic territory are moved, get other hours, another category, are closed and reopened, a quarter each,
by one connection and by four, in batches of 100 a transaction and singly. Meanwhile one reader asks the unfiltered
dense question and four filtered ones, in turn; their medians before, during and after, how many heap rows the
index-only scans had to look at, and in the end whether the audit finds any search row that is not what its place calls
for. Goal: 1,000 places a second in batches, and every filtered median at most four times the unfiltered one, at rest
and under writes. Run with ``./dev bench upkeep``; ``--places 20000 --seconds 5`` is shorter.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from app.audit.actions import audit_data
from app.coupons.search_rows import follow_places
from app.places import edits
from app.places.actions import apply
from app.places.queries_edits import Author
from app.postings.charts import frame, lane_y, slot_of
from bench.campaign_api import own_database, settings_over
from geo.coordinates import LonLat
from tests.servers import fujin

CITY = 101
RADIUS_M = 3_000
AUTHOR = Author(UUID(int=0), "a benchmark")
HOURS = ("24/7", "Mo-Su 06:00-23:00", "Mo-Fr 08:00-18:00")


@dataclass
class Site:
    """The database, its places, and what they may become."""

    url: str
    version: int
    ids: list[UUID]
    points: list[tuple[float, float]]
    categories: list[str]
    questions: dict[str, dict[str, object]] = field(default_factory=dict)


def look(engine: sa.Engine, url: str) -> Site:
    """Reads what is there, and picks a dense point and facets: common, rare, a word."""
    with engine.connect() as conn:
        version = conn.execute(
            sa.text("SELECT version FROM active_dataset WHERE city_id = :c AND kind = 'places'"), {"c": CITY}
        ).scalar_one()
        rows = conn.execute(
            sa.text(
                "SELECT place_id, ST_X(location::geometry), ST_Y(location::geometry), category_id FROM place_facts"
                " WHERE city_id = :c AND version = :v AND NOT closed ORDER BY place_id"
            ),
            {"c": CITY, "v": version},
        ).all()
        cells: dict[tuple[int, int], list[tuple[float, float]]] = {}
        for row in rows:
            cells.setdefault((int(row[1] * 100), int(row[2] * 100)), []).append((row[1], row[2]))
        lon, lat = max(cells.values(), key=len)[0]
        facets = conn.execute(
            sa.text(
                "SELECT f.kind, f.facet, count(*) AS n FROM postings p JOIN search_facets f USING (city_id, facet)"
                " WHERE p.city_id = :c AND p.slot = :s AND f.kind IN ('category', 'word') GROUP BY 1, 2 ORDER BY 3"
            ),
            {"c": CITY, "s": slot_of(version)},
        ).all()
    site = Site(
        url, version, [row[0] for row in rows], [(row[1], row[2]) for row in rows], sorted({row[3] for row in rows})
    )
    by_kind = {kind: [row for row in facets if row.kind == kind and row.n >= 30] for kind in ("category", "word")}
    asked = question(lon, lat, version)
    common, rare = by_kind["category"][-1].facet, by_kind["category"][0].facet
    word = by_kind["word"][len(by_kind["word"]) // 2].facet
    site.questions = {
        "no filter": asked,
        "common category": asked | {"facets": [common], "starts": [1, 2]},
        "rare category": asked | {"facets": [rare], "starts": [1, 2]},
        "word": asked | {"facets": [word], "starts": [1, 2]},
        "open": asked | {"open": bytes([0b01010101] * 64)},
    }
    return site


def question(lon: float, lat: float, version: int) -> dict[str, object]:
    """What places_near takes for a circle around a point."""
    circle, lane = frame(LonLat(lon, lat), RADIUS_M), lane_y(CITY, slot_of(version))
    return {
        "city": CITY, "slot": slot_of(version), "lon": lon, "lat": lat, "x": circle.x, "y": circle.y + lane,
        "west": circle.west, "south": circle.south + lane, "east": circle.east, "north": circle.north + lane,
        "reach": circle.reach, "radius_mm": RADIUS_M * 1000, "inner": circle.sure_m(RADIUS_M),
        "facets": [], "starts": [1], "open": None,
    }  # fmt: skip


NEAR = sa.text("""
    SELECT place_id, distance_mm FROM places_near(:city, CAST(:slot AS smallint), :lon, :lat, :x, :y, :west, :south,
        :east, :north, false, :reach, CAST(:radius_mm AS bigint), :inner, CAST(:facets AS integer[]),
        CAST(:starts AS integer[]), ARRAY[NULL::bigint], NULL, 0::bigint, CAST(:open AS bytea), NULL, NULL, false,
        NULL, NULL, NULL, NULL, 0, NULL, NULL, 21, 0)
""")


def read(site: Site, seconds: float, stop: threading.Event | None = None) -> dict[str, list[float]]:
    """Milliseconds of each question, asked in turn for some time or until told."""
    engine = sa.create_engine(site.url, isolation_level="AUTOCOMMIT")
    took: dict[str, list[float]] = {name: [] for name in site.questions}
    with engine.connect() as conn:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end and not (stop and stop.is_set()):
            for name, asked in site.questions.items():
                begun = time.perf_counter()
                conn.execute(NEAR, asked).all()
                took[name].append((time.perf_counter() - begun) * 1000)
    engine.dispose()
    return took


def edits_of(site: Site, draw: random.Random, mine: Sequence[int], count: int, closed: set[int]) -> list[edits.Edit]:
    """A quarter each of moves, hours, categories, closings and reopenings; of places that are this writer's alone."""
    found: list[edits.Edit] = []
    for number in draw.sample(mine, count):
        place, kind = site.ids[number], draw.randrange(4)
        if number in closed:
            closed.discard(number)
            found.append(edits.Reopen(place))
        elif kind == 0:
            lon, lat = draw.choice(site.points)
            found.append(edits.Move(place, LonLat(lon + draw.uniform(-1e-3, 1e-3), lat + draw.uniform(-1e-3, 1e-3))))
        elif kind == 1:
            found.append(edits.ChangeHours(place, draw.choice(HOURS)))
        elif kind == 2:
            found.append(edits.Change(place, category_id=draw.choice(site.categories)))
        else:
            closed.add(number)
            found.append(edits.Close(place))
    return found


def write(site: Site, writer_url: str, connections: int, batch: int, seconds: float) -> float:
    """Places a second."""
    done = [0] * connections
    end = time.perf_counter() + seconds

    def work(number: int) -> None:
        draw, closed = random.Random(f"{number} {connections} {batch}"), set[int]()
        mine = range(number, len(site.ids), connections)
        engine = sa.create_engine(writer_url)
        while time.perf_counter() < end:
            with engine.begin() as conn:
                wanted = edits_of(site, draw, mine, batch, closed)
                done[number] += len(apply(conn, CITY, wanted, AUTHOR, datetime.now(UTC), follow=follow_places).changed)
        with engine.begin() as conn:
            left = [edits.Reopen(site.ids[one]) for one in sorted(closed)]
            for at in range(0, len(left), 100):
                apply(conn, CITY, left[at : at + 100], AUTHOR, datetime.now(UTC), follow=follow_places)
        engine.dispose()

    begun = time.perf_counter()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / max(seconds, min(time.perf_counter() - begun, seconds * 1.5))


def line(name: str, took: dict[str, list[float]]) -> tuple[str, float]:
    """Medians in a row, and the worst against the unfiltered one."""
    medians = {question: statistics.median(times) for question, times in took.items()}
    worst = max(medians.values()) / medians["no filter"]
    cells = " | ".join(f"{medians[question]:.2f}" for question in medians)
    return f"| {name} | {cells} | {worst:.1f} |", worst


def heap_fetches(conn: sa.Connection, site: Site) -> int:
    """Heap rows that a scan of the unfiltered question looks at."""
    asked = site.questions["no filter"]
    conn.exec_driver_sql("SET enable_seqscan = off; SET enable_bitmapscan = off")
    plan = conn.execute(
        sa.text(
            "EXPLAIN (ANALYZE, FORMAT JSON) SELECT place_id, lon7 FROM postings p WHERE p.spot <@"
            " box(point(:west, :south), point(:east, :north)) ORDER BY p.spot <-> point(:x, :y) LIMIT 100"
        ),
        asked,
    ).scalar_one()[0]["Plan"]
    while "Plans" in plan:
        plan = plan["Plans"][0]
    return int(plan.get("Heap Fetches", -1))


def measured(work: Callable[[], float], site: Site, seconds: float) -> tuple[float, dict[str, list[float]]]:
    """A run of the writers with a reader beside."""
    stop, took = threading.Event(), list[dict[str, list[float]]]()
    reader = threading.Thread(target=lambda: took.append(read(site, seconds * 3, stop)))
    reader.start()
    rate = work()
    stop.set()
    reader.join()
    return rate, took[0]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev bench upkeep", description=__doc__)
    parser.add_argument("--places", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=30)
    given = parser.parse_args()
    os.environ["FUJIN_DATABASE_DEADLINE_S"] = "0"
    owner = os.environ["DATABASE_OWNER_URL"]
    with tempfile.TemporaryDirectory() as folder, own_database(owner) as url:
        settings = settings_over(url, Path(folder))
        fujin(settings, "seed", "--scale", str(given.places))
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as conn:
            conn.exec_driver_sql("VACUUM ANALYZE postings")
        site = look(engine, settings.database_read_url or url)
        writer = settings.database_import_url or url
        print(f"{len(site.ids):,} places of territory {CITY}; medians of a page in ms")
        print(
            "| | "
            + " | ".join(site.questions)
            + " | worst / no filter |\n|---"
            + "|---" * (len(site.questions) + 1)
            + "|"
        )
        words, worst = line("at rest", read(site, min(5.0, given.seconds)))
        print(words)
        batched = []
        for connections, batch in ((1, 100), (4, 100), (1, 1), (4, 1)):

            def work(connections: int = connections, batch: int = batch) -> float:
                return write(site, writer, connections, batch, given.seconds)

            rate, took = measured(work, site, given.seconds)
            words, under = line(f"{connections} × {batch} a transaction: {rate:,.0f} places/s", took)
            worst = max(worst, under)
            batched += [rate] if batch > 1 else []
            with engine.connect() as conn:
                print(f"{words} heap fetches of 100 rows: {heap_fetches(conn, site)}", flush=True)
        with engine.connect() as conn:
            conn.exec_driver_sql("VACUUM postings")
            print(line("at rest, vacuumed", read(site, min(5.0, given.seconds)))[0])
            print(f"heap fetches after a vacuum: {heap_fetches(conn, site)}")
        with engine.connect() as conn:
            found = [v for r in audit_data(conn, datetime.now(UTC), allow_unsafe=True) for v in r.violations]
        broken = [v for v in found if v.rule.startswith(("search-", "extent-", "active-row"))]
        print(f"audit of search rows: {len(broken)} violations{''.join(f'; {v}' for v in broken[:3])}")
        engine.dispose()
    met = max(batched) >= 1_000 and worst <= 4 and not broken
    print("goals met" if met else "GOALS MISSED")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
