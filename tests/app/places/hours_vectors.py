"""The reference's answers to a choice of texts, as a file that a test reads without the reference."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from app.places.opening_hours import Calendar, SpecialDay
from tests.app.places.hours_agreement import FEATURES, past_midnight
from tests.app.places.reference_evaluator import Answer

FOLDER = Path(__file__).parents[2] / "data" / "opening_hours"
SAMPLE = FOLDER / "osm_sample.txt"


@dataclass(frozen=True)
class Vectors:
    """Texts with the reference's states, a letter an instant; a text that it can't read has None."""

    calendar: Calendar
    instants: tuple[datetime, ...]
    cases: tuple[tuple[str, str | None], ...]


def sample_texts(path: Path) -> list[str]:
    """One text a line, each once."""
    return list(dict.fromkeys(line for line in path.read_text("utf-8").splitlines() if line.strip()))


def chosen(texts: Sequence[str], count: int, seed: int = 1) -> list[str]:
    """A choice that holds every feature: up to a twentieth of the count for each, the rest at random."""
    rng = random.Random(seed)
    shuffled = rng.sample(list(texts), len(texts))
    picked: dict[str, None] = {}
    for sign in [sign for _, sign in FEATURES]:
        picked |= dict.fromkeys([text for text in shuffled if re.search(sign, text)][: count // 20])
    picked |= dict.fromkeys([text for text in shuffled if past_midnight(text)][: count // 5])
    for text in shuffled:
        if len(picked) >= count:
            break
        picked[text] = None
    return sorted(picked)


def write(path: Path, calendar: Calendar, instants: Sequence[datetime], cases: Sequence[tuple[str, Answer]]) -> None:
    """One case a line, so that a change can be read."""
    head = {"holidays": [day.isoformat() for day in sorted(calendar)], "instants": [at.isoformat() for at in instants]}
    lines = [json.dumps(head), *(json.dumps([text, answer.states], ensure_ascii=False) for text, answer in cases)]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def read(path: Path) -> Vectors:
    """What `write` wrote."""
    head, *lines = path.read_text("utf-8").splitlines()
    given = json.loads(head)
    calendar = {date.fromisoformat(day): SpecialDay("holiday") for day in given["holidays"]}
    instants = tuple(datetime.fromisoformat(at) for at in given["instants"])
    return Vectors(calendar, instants, tuple((text, states) for text, states in map(json.loads, lines)))
