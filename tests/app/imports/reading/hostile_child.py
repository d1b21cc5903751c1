"""Judges files one by one, each in a process of its own under the limits of loads; run as a program.

It is started once and forks for each file: libraries are loaded once, limits and crashes concern one file only.
Lines of JSON in: path, kind, wished, folder. Lines of JSON out: code, rows, faults, peak of memory, seconds.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from app.imports import readers
from app.imports.errors import UnreadableFile
from app.imports.members import Unknown
from app.imports.reading import shapefiles  # noqa: F401 -- loaded once, before any fork
from app.imports.reading.limits import Allowance, apply_limits
from app.imports.reading.sources import OPENERS, open_source, opener_of
from app.imports.reading.types import Wishes
from app.imports.types import RowFault
from geo.grid_shift import Datum
from tests.app.imports.reading.opening import ALIASES, PARENTS

CPU_S = 20


def judged(path: Path, kind: str, wished: dict[str, Any], folder: Path) -> tuple[str, int, int]:
    """The answer to a file: its code (`read` when it could be), rows and refused rows."""
    wishes = Wishes(kind, aliases=ALIASES, parents=PARENTS, **wished)
    rows = faults = 0
    try:
        with open_source(path, path.name, wishes, folder=folder) as source:
            for item in readers.parsed(kind, source.rows(), Datum.WGS84, Unknown()):
                rows += 1
                faults += isinstance(item, RowFault)
    except UnreadableFile as error:
        return error.code if error.detail else "says nothing", rows, faults
    except MemoryError:
        return "too-much-memory", rows, faults
    return "read", rows, faults


def forked(asked: dict[str, Any]) -> dict[str, Any]:
    """The answer of a process of its own; ``died`` with the signal when it had none."""
    reading, writing = os.pipe()
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status = 3
        try:
            apply_limits(Allowance(cpu_s=CPU_S))
            answer = judged(Path(asked["path"]), asked["kind"], asked["wished"], Path(asked["folder"]))
            os.write(writing, json.dumps(answer).encode())
            status = 0
        except BaseException as error:
            os.write(writing, json.dumps([f"raised {type(error).__name__}: {error}"[:300], 0, 0]).encode())
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status, usage = os.wait4(child, 0)
    code, rows, faults = json.loads(said) if said else (f"died {os.waitstatus_to_exitcode(status)}", 0, 0)
    seconds = time.monotonic() - started
    return {"code": code, "rows": rows, "faults": faults, "peak_kb": usage.ru_maxrss, "seconds": seconds}


def main() -> None:
    """Until the input ends."""
    for form in OPENERS:
        opener_of(form)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(forked(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
