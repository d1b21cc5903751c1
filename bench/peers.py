"""Fujin and what else answers "what is near here", over HTTP, in one run: the same places, questions and clients.

Synthetic places are loaded into a database of its own, and copied into tables for the peers, with an index for each way
of asking (``bench/peers/tables.sql``). The questions are drawn from a seed; what is right is found by measuring every
place with numpy. Each server has two processes; those of threads have eight each. They take turns over the rounds,
figures are medians, ratios those of the same round.

Each peer in its best ordinary configuration, in a virtual environment of its own beside the state of ``./dev``:

- GeoDjango with djangorestframework-gis under gunicorn: no middleware, JSON only, connections kept; filters by
  ``dwithin``, orders by ``Distance`` and id as its documentation does, or by ``<->``, which the index serves; coupons
  prefetched. It is told when places open by a table of weekly spans.
- tipg under uvicorn: a function in SQL that says all that ours does, nearest through the index; and a plain table with
  bbox and property filters, as it publishes any table. It counts all matches for each answer.
- pygeoapi under gunicorn with its PostgreSQL provider, bbox and property filters. It counts as well.
- Redis ``GEOSEARCH … ASC COUNT 20`` over bare sockets, a key for each filter: the floor of an index in memory, which
  gives ids and no facts.

A box has no distance and no order: what bbox servers answer is the first twenty ids of the box around the circle. A
filter that a server can't express is left out, and its answer counts as not right. Ours says more than any of them
(hours, merchant, a total up to 1,000, the next page), and pays for it here.
Run with ``./dev bench peers [--places 100000]``; needs ``wrk``.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from app.core.settings import Settings
from bench.campaign_api import own_database, settings_over
from bench.peers_candidates import Candidate, Entry, Given, made, makers
from bench.peers_load import Load
from bench.peers_questions import Question, questions
from bench.peers_servers import Missing, versions
from bench.peers_world import Measure, World, make_tables, read_world
from devtools.state import open_state
from devtools.terminal import Stopped, on_signals
from tests.servers import fujin

LONGEST_S = 120


@dataclass
class Judgement:
    """Of how many questions the answer was right, right by its own distance, the same set, refused, not expressible."""

    right: int = 0
    own: int = 0
    same: int = 0
    refused: int = 0
    unsaid: int = 0
    wrong: list[Question] = field(default_factory=list)


@dataclass
class Line:
    """What was found of one candidate."""

    judged: Judgement
    seconds: int
    loads: list[Load] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)


class Truth:
    """Right answers by question, minute and measure, each worked out once: hours change on whole minutes only."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._known: dict[tuple[Question, int, Measure], list[str]] = {}

    def of(self, asked: Question, at: datetime, measure: Measure) -> list[str]:
        """The right answer at a time."""
        key = (asked, int(at.timestamp()) // 60, measure)
        if key not in self._known:
            self._known[key] = self.world.nearest(asked, at, measure)
        return self._known[key]

    def judge(self, candidate: Candidate, asked: Sequence[Question], given: Sequence[Given]) -> Judgement:
        """Holds answers against the truth, at the time of the question or at that of the answer."""
        found = Judgement()
        for question, answer in zip(asked, given, strict=True):
            found.refused += answer.ids is None
            found.unsaid += not candidate.says(question)
            if answer.ids is None or not candidate.says(question):
                found.wrong.append(question)
                continue
            times = (answer.asked_at, answer.answered_at)
            sphere = [self.of(question, at, "sphere") for at in times]
            own = [self.of(question, at, candidate.measure) for at in times]
            found.right += answer.ids in sphere
            found.own += answer.ids in own
            found.same += set(answer.ids) in [set(ids) for ids in sphere]
            found.wrong += [] if answer.ids in sphere else [question]
        return found


def judged(candidate: Candidate, asked: Sequence[Question], truth: Truth, seconds: int) -> Line:
    """Asks everything once; a load lasts at least as long as that took, so that a slow server is asked it all too."""
    begun = time.monotonic()
    answers = candidate.answers(asked)
    took = time.monotonic() - begun
    return Line(truth.judge(candidate, asked, answers), max(seconds, min(LONGEST_S, math.ceil(took))))


def measure(
    entries: dict[str, Entry | str], asked: Sequence[Question], truth: Truth, folder: Path, given: argparse.Namespace
) -> dict[str, Line]:
    """Rounds of all servers in turn; a server that can't be started is told of and left out from then on."""
    lines: dict[str, Line] = {}
    for number in range(given.rounds):
        for name, entry in list(entries.items()):
            if isinstance(entry, str):
                continue
            print(f"round {number + 1} of {given.rounds}: {name} …", file=sys.stderr, flush=True)
            try:
                entry.server.start()
                for candidate in entry.candidates:
                    if candidate.name not in lines:
                        lines[candidate.name] = judged(candidate, asked, truth, given.seconds)
                    line = lines[candidate.name]
                    candidate.load(asked, folder, given.clients, 1)
                    line.loads.append(candidate.load(asked, folder, given.clients, line.seconds))
            except Missing as missing:
                entries[name] = str(missing)
            finally:
                entry.server.stop()
        _note_ratios(lines, next(iter(lines), ""))
    return lines


def _note_ratios(lines: dict[str, Line], ours: str) -> None:
    rounds = len(lines[ours].loads) if ours else 0
    for line in lines.values():
        if len(line.loads) == rounds:
            line.ratios.append(line.loads[-1].rate / lines[ours].loads[-1].rate)


def report(
    lines: dict[str, Line], entries: dict[str, Entry | str], asked: Sequence[Question], clients: int
) -> Iterator[str]:
    """The table, what is missing in it, and what every round gave."""
    yield f"\n{len(asked)} questions, {clients} clients; {', '.join(versions())}\n"
    yield "| server | requests/s | of ours | p50 ms | p99 ms | right | by its own distance | same 20 | can't be asked |"
    yield "|---" * 9 + "|"
    for name, line in lines.items():
        rate, p50, p99 = (
            statistics.median(getattr(load, what) for load in line.loads) for what in ("rate", "p50_ms", "p99_ms")
        )
        figures = f"{rate:,.0f} | {statistics.median(line.ratios):.2f} × | {p50:.1f} | {p99:.1f}"
        found = line.judged
        yield f"| {name} | {figures} | {found.right} | {found.own} | {found.same} | {found.unsaid} |"
    for name, entry in entries.items():
        if isinstance(entry, str):
            yield f"| {name} | not measured: {entry} | | | | | | | |"
    yield ""
    for name, line in lines.items():
        refused = max(load.refused for load in line.loads)
        if line.judged.refused or refused:
            yield f"{name} refused {line.judged.refused} questions, {refused:.0%} of the load."
        yield f"{name}, round by round: {', '.join(f'{load.rate:,.0f}' for load in line.loads)} requests/s"
        if name.startswith("Fujin"):
            yield from (f"{name}, not right: {question}" for question in line.judged.wrong)


def prepared(settings: Settings, places: int) -> tuple[sa.Engine, World]:
    """The places in our tables, the peers' and the arrays."""
    print(f"loading {places:,} places …", file=sys.stderr, flush=True)
    fujin(settings, "seed", "--scale", str(places))
    engine = sa.create_engine(settings.database_owner_url or "")
    make_tables(engine)
    return engine, read_world(engine)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev bench peers")
    parser.add_argument("--places", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--points", type=int, default=2, help="points of each of four kinds; 18 questions a point")
    parser.add_argument("--only", help="comma-separated servers; the first is what ratios are taken to")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("bench: wrk is missing; install it with: apt-get install wrk")
    on_signals()
    try:
        return compared(given)
    except Stopped as stopped:
        return 128 + int(stopped.args[0])


def compared(given: argparse.Namespace) -> int:
    """The whole run, over a database that is dropped at its end."""
    with tempfile.TemporaryDirectory(prefix="fujin-bench-") as temporary:
        folder = Path(temporary)
        (folder / "state").mkdir(mode=0o700)
        with own_database(os.environ["DATABASE_OWNER_URL"]) as url:
            settings = settings_over(url, folder / "state")
            engine, world = prepared(settings, given.places)
            try:
                asked = questions(engine, given.points)
                makes = makers(settings, open_state(), folder, world)
                chosen = given.only.split(",") if given.only else list(makes)
                entries = {name: made(makes[name]) for name in chosen}
                lines = measure(entries, asked, Truth(world), folder, given)
            finally:
                engine.dispose()
    print(f"{len(world.ids):,} places that are not closed, of {given.places:,}")
    print("\n".join(report(lines, entries, asked, given.clients)))
    return 1 if any(line.judged.wrong for name, line in lines.items() if name.startswith("Fujin")) else 0


if __name__ == "__main__":
    sys.exit(main())
