"""Starts the judge of hostile files and asks it; holds that nothing stays behind and nothing takes too much."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from app.imports.reading.limits import ENVIRONMENT

ROOT = Path(__file__).parents[4]
MOST_KB = 1_500_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one file."""

    code: str
    rows: int
    faults: int
    peak_kb: int
    seconds: float
    left_over: bool

    @property
    def died(self) -> bool:
        """Whether the process ended amid the file."""
        return self.code.startswith("died")

    @property
    def harm(self) -> str | None:
        """What went wrong whatever the file was, or None."""
        if self.code.startswith(("died", "raised", "says nothing")):
            return self.code
        if self.left_over:
            return "left files behind"
        if self.peak_kb > MOST_KB:
            return f"took {self.peak_kb // 1024:,} MiB"
        return None


class Judge:
    """One process that forks for each file."""

    def __init__(self, folder: Path) -> None:
        self._file, self._work = folder / "judged.bin", folder / "work"
        self._work.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.app.imports.reading.hostile_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT},
        )

    def verdict(self, content: bytes, kind: str, wished: dict[str, Any]) -> Verdict:
        """The answer to a file with that content."""
        self._file.write_bytes(content)
        asked = {"path": str(self._file), "kind": kind, "wished": wished, "folder": str(self._work)}
        said = cast(IO[str], self._process.stdin)
        said.write(json.dumps(asked) + "\n")
        said.flush()
        answer = json.loads(cast(IO[str], self._process.stdout).readline())
        left = list(self._work.iterdir())
        for each in left:
            shutil.rmtree(each)
        # Who is killed can't tidy up; whoever started it does.
        return Verdict(**answer, left_over=bool(left) and not answer["code"].startswith("died"))

    def close(self) -> None:
        """Ends the process."""
        cast(IO[str], self._process.stdin).close()
        cast(IO[str], self._process.stdout).close()
        self._process.wait(20)


@contextmanager
def judging(folder: Path) -> Iterator[Judge]:
    """A judge with a folder of its own."""
    judge = Judge(folder)
    try:
        yield judge
    finally:
        judge.close()
