"""The process that reads a stranger's file: bound before it opens anything, with no network and no secrets.

Takes a request as JSON from its input and writes messages to its output. ``python -m app.imports.reader_main``.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Any, Final

import orjson

from app.core.processes import give_way
from app.imports.reading.limits import Allowance, apply_limits

_PR_SET_PDEATHSIG: Final = 1


def main() -> int:
    """Reads one file."""
    asked: dict[str, Any] = orjson.loads(sys.stdin.buffer.read())
    _end_with(asked["parent"])
    give_way()
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=1 << 16)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints doesn't speak into the messages
    for sentence in apply_limits(Allowance(**asked["allowance"])):
        sys.stderr.write(f"{sentence}\n")
    # What reads files is loaded under the limits; a fault in it is a fault of this process alone.
    from app.imports import frames, reader

    request = reader.ReadRequest(**_tupled(asked["request"]))
    for message in reader.messages(request):
        frames.put(out, message)
        if message.kind in (frames.FACTS, frames.PROGRESS):
            out.flush()
    out.flush()
    return 0


def _end_with(parent: int) -> None:
    """Dies when the loader does."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _tupled(request: dict[str, Any]) -> dict[str, Any]:
    return {
        **request,
        "area": None if request["area"] is None else tuple(request["area"]),
        "aliases": tuple(tuple(alias) for alias in request["aliases"]),
        "brands": tuple(request["brands"]),
    }


if __name__ == "__main__":
    sys.exit(main())
