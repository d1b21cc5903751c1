"""Hostile files and damaged copies of good ones; ends with 1 when one was answered wrongly or did harm.

Run with ``./dev campaign uploads --count 2000 --seed 1``. The hostile files go through the process that loads use
(``app.imports.child``), the damaged copies through a quicker twin of it that forks for each. ``tests/app/imports/
reading/test_hostile.py`` is its short twin. Files that did harm are kept in the folder that is printed.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

from app.imports import child, frames
from app.imports.errors import UnreadableFile
from app.imports.reader import ReadRequest
from app.imports.reading.limits import Allowance
from tests.app.imports.reading import hostile
from tests.app.imports.reading.judging import judging
from tests.app.imports.reading.opening import ALIASES, PARENTS

WALL_S = 60.0
CONTAINED = ("reading-failed", "reading-limit", "too-much-memory")
CPU_S = 30


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev campaign uploads", description=__doc__)
    parser.add_argument("--count", type=int, default=2_000, help="damaged copies")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    kept = Path(tempfile.mkdtemp(prefix="fujin-harm-"))
    with tempfile.TemporaryDirectory(prefix="fujin-uploads-") as name:
        folder = Path(name)
        (folder / "made").mkdir()
        wrong = corpus(folder) + mutations(folder, given.seed, given.count, kept)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"\n{wrong} wrong; the largest process took {peak:,} MiB")
    if any(kept.iterdir()):
        print(f"what did harm is in {kept}")
    else:
        kept.rmdir()
    return 1 if wrong else 0


def corpus(folder: Path) -> int:
    """The hostile files, one line each; how many got a wrong answer."""
    wrong = count = 0
    scratch = folder / "scratch"
    scratch.mkdir()
    for case in hostile.corpus(folder / "made"):
        path = folder / "hostile.bin"
        path.write_bytes(case.content)
        started = time.monotonic()
        code, rows, faults = told(ReadRequest(str(path), path.name, case.kind, 7, **asked(case.wished)), scratch)
        left = [each.name for each in scratch.iterdir()]
        sound = case.as_expected(code, rows, faults) and not left
        wrong, count = wrong + (not sound), count + 1
        outcome = code if code != hostile.READ else f"read, {faults} of {rows} rows refused"
        mark = "" if sound else "  <-- WRONG"
        print(f"{case.name[:44]:44} {outcome:34} {time.monotonic() - started:6.2f} s{mark}", flush=True)
    print(f"{count} hostile files, {wrong} wrong\n")
    return wrong


def asked(wished: dict[str, object]) -> dict[str, object]:
    """Wishes as a reading process is asked."""
    aliases = tuple((scheme, code, category) for (scheme, code), category in ALIASES.items())
    return {"aliases": aliases, "parents": PARENTS, **wished}


def told(request: ReadRequest, scratch: Path) -> tuple[str, int, int]:
    """Code, rows and refused rows that a reading process answers with."""
    bounds = child.Bounds(Allowance(cpu_s=CPU_S), WALL_S)
    rows = faults = 0
    try:
        for message in child.messages(request, bounds, scratch):
            if message.kind == frames.FAILURE:
                return str(message.content()["code"]), rows, faults
            if message.kind == frames.FAULTS:
                faults += len(message.content())
            if message.kind == frames.END:
                rows = message.content()["declared"]
    except UnreadableFile as error:
        return error.code, rows, faults
    return hostile.READ, rows, faults


def of_a_process(folder: Path, content: bytes, kind: str, wished: dict[str, object]) -> str:
    """What is told of a file by the process that loads use, after which nothing may be left."""
    path, scratch = folder / "again.bin", folder / "again"
    path.write_bytes(content)
    scratch.mkdir(exist_ok=True)
    code, _, _ = told(ReadRequest(str(path), path.name, kind, 7, **asked(wished)), scratch)
    return "left files behind" if any(scratch.iterdir()) else code


def mutations(folder: Path, seed: int, count: int, kept: Path) -> int:
    """Damaged copies; a table of what became of each form. How many did harm."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    wrong, slowest = 0, 0.0
    with judging(folder) as judge:
        for name, content, kind, wished in hostile.mutations(seed, count, folder / "made"):
            verdict = judge.verdict(content, kind, wished)
            slowest = max(slowest, verdict.seconds)
            harm = verdict.harm
            if verdict.died:  # a library that breaks off ends its process alone, and the report says so
                code = of_a_process(folder, content, kind, wished)
                harm = None if code in CONTAINED else f"{verdict.code}, told as {code}"
                table[name.partition(" #")[0]][code] += 1
            else:
                table[name.partition(" #")[0]][verdict.code] += 1
            if harm:
                wrong += 1
                print(f"{name}: {harm}", flush=True)
                (kept / name.replace(" ", "_").replace("#", "")).write_bytes(content)
    for form, codes in sorted(table.items()):
        print(f"{form:16} " + ", ".join(f"{code} {times:,}" for code, times in codes.most_common()))
    print(f"{count:,} damaged copies (seed {seed}), {wrong} did harm; the slowest took {slowest:.1f} s")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
