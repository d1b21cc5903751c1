"""Our opening hours against the reference evaluator, opening_hours.js, over real texts at instants of a year.

Run with ``./dev campaign hours [--food FILE] [--sample FILE] [--instants 240] [--year 2021] [--write-vectors]``, or as
``python -m bench.campaign_hours``. Needs node and npm; the package comes from the lock file beside the tests. Ends with
1 when agreement over the texts that both can read is under 99 %. ``tests/app/places/test_hours_vectors.py`` is its
short twin and needs neither.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from app.places.hours_tidy import tidied
from app.places.opening_hours import HORIZON_DAYS, Calendar
from tests.app.places.hours_agreement import Agreement, changes_compared, compared, instants_of, ours
from tests.app.places.hours_vectors import FOLDER, SAMPLE, chosen, sample_texts, write
from tests.app.places.reference_evaluator import ReferenceMissing, answers, install, public_holidays

GOAL = 0.99
WORDS = {"o": "open", "c": "closed", "u": "unknown"}
FOOD_HINT = """The food places are not in this repository: they are OpenStreetMap data, under the ODbL. Give them with
--food FILE, a .geojson or .geojson.gz of features with the property opening_hours, such as data/places.min.json.gz of
https://github.com/KristjanESPERANTO/veggiekarte (docs/opening-hours.md: its state of March 2021)."""


def food_texts(path: Path) -> list[str]:
    """The distinct opening_hours of a GeoJSON file's features."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        features = json.load(file)["features"]
    texts = {feature["properties"].get("opening_hours") for feature in features}
    return sorted(text for text in texts if text and text.strip())


def agreement(texts: Sequence[str], instants: Sequence[datetime], calendar: Calendar) -> Agreement:
    """Both over all texts; the reference works in its own process meanwhile."""
    return compared(texts, instants, ours(texts, instants, calendar), answers(texts, instants))


def report(name: str, found: Agreement, examples: int) -> str:
    """The figures as Markdown."""
    lines = [
        f"### {name}",
        "",
        "| | |",
        "|---|---|",
        f"| texts | {found.texts:,} |",
        f"| instants each | {found.instants} |",
        f"| read by both | {found.read_by_both:,} |",
        f"| **agreement over texts read by both** | **{found.of_both:.3%}** |",
        f"| … without our unknown where the reference is sure ({found.cautious:,} instants) "
        f"| {found.of_both_when_sure:.3%} |",
        f"| … texts with the same answer at every instant | {found.texts_alike:,} |",
        f"| agreement over all texts, unreadable = unknown | {found.of_all:.3%} |",
        f"| not read by us | {len(found.ours_unread)} |",
        f"| … of them read by the reference | {len(set(found.ours_unread) - set(found.reference_unread))} |",
        f"| not read by the reference | {len(found.reference_unread)} |",
        f"| … of them read by us | {len(set(found.reference_unread) - set(found.ours_unread))} |",
        "",
        "| class | ours | reference | texts | instants | for example |",
        "|---|---|---|---:|---:|---|",
    ]
    for (label, letters), texts in sorted(found.classes.items(), key=lambda one: -one[1].total()):
        shown = "<br>".join(f"`{_cell(text)}`" for text, _ in _first(texts, examples))
        told = f"{WORDS[letters[0]]} | {WORDS[letters[1]]}"
        lines.append(f"| {_cell(label)} | {told} | {len(texts)} | {texts.total():,} | {shown} |")
    return "\n".join(lines)


def _first(texts: Counter[str], count: int) -> list[tuple[str, int]]:
    return sorted(texts.items(), key=lambda one: (-one[1], len(one[0]), one[0]))[:count]


def _cell(text: str) -> str:
    return (text if len(text) <= 90 else text[:87] + "…").replace("|", "\\|")


def respelled(found: Agreement, instants: Sequence[datetime], calendar: Calendar) -> str:
    """The texts that only we can read, asked again in our tidy spelling of them."""
    only_ours = sorted(set(found.reference_unread) - set(found.ours_unread))
    if not only_ours:
        return ""
    spelled = [tidied(text) for text in only_ours]
    again = compared(only_ours, instants, ours(only_ours, instants, calendar), answers(spelled, instants))
    read = f"{again.read_by_both} of the {again.texts} texts that only we read"
    return f"\nIn our spelling the reference reads {read}, and agrees at {again.of_both:.3%} of the instants.\n"


def next_changes(texts: Sequence[str], instants: Sequence[datetime], calendar: Calendar) -> str:
    """When the state changes next, at every twentieth instant."""
    few = instants[::20]
    asked, differ = changes_compared(texts, few, calendar, answers(texts, few, HORIZON_DAYS))
    told = ", ".join(f"{label} {count:,}" for label, count in differ.most_common()) or "none"
    share = 1 - differ.total() / (asked or 1)
    return (
        f"The next change, asked {asked:,} times where both see the same state: {share:.3%} alike. Differing: {told}.\n"
    )


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev campaign hours")
    parser.add_argument("--sample", type=Path, default=SAMPLE, help="a file with a text a line")
    parser.add_argument("--food", type=Path, help="a .geojson[.gz] of places with the property opening_hours")
    parser.add_argument("--instants", type=int, default=240, help="instants of the year at which each text is asked")
    parser.add_argument("--year", type=int, default=2021, help="the year; the sample's dated exceptions are of 2021")
    parser.add_argument("--examples", type=int, default=2, help="examples shown a class")
    parser.add_argument("--unread", action="store_true", help="list the texts that one of both can't read")
    parser.add_argument("--write-vectors", action="store_true", help=f"write the test's vectors to {FOLDER.name}/")
    options = parser.parse_args()
    missing = [path for path in (options.sample, options.food) if path and not path.exists()]
    if missing:
        parser.error("; ".join(f"there is no file {path}" for path in missing))
    try:
        install()
    except ReferenceMissing as refusal:
        parser.error(str(refusal))
    calendar = public_holidays([options.year - 1, options.year, options.year + 1])
    instants = instants_of(options.year, options.instants, calendar)
    sets = [("Sample", "sample", sample_texts(options.sample))]
    if options.food:
        sets.append(("Food places", "food", food_texts(options.food)))
    enough = True
    for name, label, texts in sets:
        found = agreement(texts, instants, calendar)
        print(report(name, found, options.examples), flush=True)
        print(respelled(found, instants, calendar), flush=True)
        print(next_changes(texts, instants, calendar), flush=True)
        if options.unread:
            print("\n".join(f"not read by us: {text}" for text in found.ours_unread))
            print("\n".join(f"not read by the reference: {text}" for text in found.reference_unread))
        if options.write_vectors:
            picked, few = chosen(texts, 400), instants[::4]
            write(FOLDER / f"{label}.jsonl", calendar, few, list(zip(picked, answers(picked, few), strict=True)))
        enough = enough and found.of_both >= GOAL
    if not options.food:
        print(FOOD_HINT)
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
