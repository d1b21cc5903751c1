"""The reference evaluator of opening hours, opening_hours.js, as a process of its own that answers JSON lines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from threading import Thread
from zoneinfo import ZoneInfo

from app.places.opening_hours import Calendar, SpecialDay

FOLDER = Path(__file__).parent / "reference"
ZONE = "Europe/Berlin"
PLACE = {"lat": "52.52", "lon": "13.40", "address": {"country_code": "de", "state": "Berlin"}}


class ReferenceMissing(RuntimeError):
    """Node or the package can't be had here; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the reference says of one text: a letter an instant (open, closed, unknown), or why it can't be read."""

    states: str | None
    error: str | None
    changes: tuple[datetime | None, ...] = ()


def install() -> None:
    """The package as the lock file pins it; nothing when it is there."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise ReferenceMissing("node and npm are needed for the reference evaluator: apt-get install nodejs npm")
    wanted = json.loads((FOLDER / "package.json").read_text())["dependencies"]["opening_hours"]
    there = FOLDER / "node_modules" / "opening_hours" / "package.json"
    if not there.exists() or json.loads(there.read_text())["version"] != wanted:
        subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=FOLDER, check=True)


def answers(texts: Sequence[str], instants: Sequence[datetime], horizon_days: int = 0) -> Iterator[Answer]:
    """What the reference says of each text, in order; it works ahead while the caller does.

    With a horizon, also when the state of each instant changes next; None: not within it.
    """
    process = subprocess.Popen(
        ["node", "evaluate.mjs"],
        cwd=FOLDER,
        env={**os.environ, "TZ": ZONE},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin = process.stdin

    def ask() -> None:
        at = [int(instant.timestamp() * 1000) for instant in instants]
        head = {"place": PLACE, "at": at, "horizon": horizon_days * 86_400_000}
        try:
            for asked in (head, *texts):
                stdin.write(json.dumps(asked) + "\n")
            stdin.close()
        except BrokenPipeError:
            pass  # the reader below sees the end of the answers and says so

    asking = Thread(target=ask, daemon=True)
    asking.start()
    try:
        for _ in texts:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the reference evaluator ended with {process.wait()}")
            answer = json.loads(line)
            changes = (ms and datetime.fromtimestamp(ms / 1000, UTC) for ms in answer.get("changes", ()))
            yield Answer(answer.get("states"), answer.get("error"), tuple(changes))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        asking.join()


def public_holidays(years: Sequence[int]) -> Calendar:
    """The public holidays that the reference knows at its place, so that both know the same."""
    days = [date(year, 1, 1) + timedelta(days=n) for year in years for n in range(366)]
    days = [day for day in dict.fromkeys(days) if day.year in years]
    noons = [datetime.combine(day, time(12), ZoneInfo(ZONE)).astimezone(UTC) for day in days]
    (answer,) = answers(["PH"], noons)
    assert answer.states is not None, answer.error
    return {day: SpecialDay("holiday") for day, letter in zip(days, answer.states, strict=True) if letter == "o"}
