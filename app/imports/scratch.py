"""Folders for unpacked copies: one a load, held by a lock that ends with its process; what nobody holds is swept."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "fujin-load-"


@contextmanager
def folder(within: Path | None = None) -> Iterator[Path]:
    """A folder that is removed in any case: here, or by a later ``sweep`` when this process is killed."""
    sweep(within)
    made, held = _made(within)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(held)


def _made(within: Path | None) -> tuple[Path, int]:
    """A new folder and the lock on it; one that was swept before it was locked is made again."""
    while True:
        made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=within))
        with suppress(FileNotFoundError):
            held = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(held, fcntl.LOCK_EX)
            if made.exists():
                return made, held
            os.close(held)


def sweep(within: Path | None = None) -> int:
    """Removes the folders of processes that are gone; how many."""
    removed = 0
    for path in (within or Path(tempfile.gettempdir())).glob(f"{_PREFIX}*"):
        try:
            held = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # somebody else's, or gone by now
        try:
            if os.fstat(held).st_uid == os.getuid():
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
                removed += 1
        except BlockingIOError:
            pass  # in use
        finally:
            os.close(held)
    return removed
