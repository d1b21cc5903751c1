"""The loader's side of the process that reads a file: started, fed, watched, ended; what it says is data.

A process that dies, hangs or passes a limit makes the file unreadable, with a reason, and nothing worse.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Final, cast

import orjson

from app.imports import frames
from app.imports.ahead import Ahead
from app.imports.errors import UnreadableFile
from app.imports.frames import BrokenStream, Frame
from app.imports.reader import ReadRequest
from app.imports.reading.limits import ENVIRONMENT, Allowance
from app.imports.scratch import folder

_log = logging.getLogger(__name__)
ROOT: Final = Path(__file__).parent.parent.parent
_PACKED: Final = (b"\x1f\x8b", b"PK", b"PAR1", b"BZh", b"\x28\xb5\x2f\xfd")
_PACKED_TIMES: Final = 10
_WAIT_S: Final = 5.0
_HINT: Final = "If the file is in order, cut it into smaller ones or write it in a simpler form."
_KEPT_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "COVERAGE_PROCESS_START")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a reading process may take; ``wall_s`` is how long its loader waits for it in all, be it busy or idle."""

    allowance: Allowance
    wall_s: float


def bounds_of(path: Path, unpacked_bytes: int = 8 << 30) -> Bounds:
    """Bounds by the size of a file; a packed one counts as ten times as large."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            packed = file.read(4).startswith(_PACKED)
    except OSError as error:
        raise UnreadableFile(f"The file can't be read: {error.strerror}.") from error
    allowance = Allowance.of_file(size * _PACKED_TIMES if packed else size, unpacked_bytes=unpacked_bytes)
    return Bounds(allowance, 60.0 + 4.0 * allowance.cpu_s)


def messages(
    request: ReadRequest, bounds: Bounds | None = None, scratch: Path | None = None
) -> Generator[Frame, None, None]:
    """What a process of its own says of a file, up to its end; UnreadableFile when it doesn't get that far.

    Unpacked copies go to a folder in ``scratch`` that is removed in any case.
    """
    limits = bounds or bounds_of(Path(request.path), request.unpacked_bytes)
    with folder(scratch) as copies, tempfile.TemporaryFile() as said:
        yield from _Child(replace(request, scratch=str(copies)), limits, said).messages()


class _Child:
    """One reading process."""

    def __init__(self, request: ReadRequest, bounds: Bounds, said: IO[bytes]) -> None:
        self._request = request
        self._bounds = bounds
        self._said = said

    def messages(self) -> Iterator[Frame]:
        process = self._start()
        output = cast(IO[bytes], process.stdout)
        ahead, left_s = Ahead(lambda: self._next(output)), self._bounds.wall_s
        try:
            while True:
                began = time.monotonic()
                message = ahead.next_one(left_s)
                left_s -= time.monotonic() - began
                if message is None:
                    break
                yield message
                if message.kind in (frames.END, frames.FAILURE):
                    return
            process.wait(_WAIT_S)
            raise self._why(process.returncode)
        except TimeoutError:
            detail = f"Reading the file took longer than the {self._bounds.wall_s:,.0f} seconds it may take."
            raise UnreadableFile(detail, code="reading-timeout", hint=_HINT) from None
        except subprocess.TimeoutExpired:
            raise UnreadableFile("Reading the file came to no end.", code="reading-failed") from None
        finally:
            _end(process, ahead)

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        process = subprocess.Popen(
            [sys.executable, "-m", "app.imports.reader_main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            cwd=ROOT,
            env=environment | ENVIRONMENT | {"TMPDIR": str(self._request.scratch)},
            start_new_session=True,
        )
        asked: dict[str, Any] = {
            "parent": os.getpid(),
            "allowance": asdict(self._bounds.allowance),
            "request": asdict(self._request),
        }
        asking = cast(IO[bytes], process.stdin)
        with contextlib.suppress(BrokenPipeError):  # it ended already; its output says so
            asking.write(orjson.dumps(asked))
            asking.close()
        return process

    def _next(self, output: IO[bytes]) -> Frame | None:
        try:
            return frames.take(output)
        except BrokenStream:
            return None  # cut off in the middle, or no message: what ended it says more

    def _why(self, code: int) -> UnreadableFile:
        allowed = self._bounds.allowance
        if code in (-signal.SIGKILL, -signal.SIGXCPU):
            detail = f"Reading the file was ended: it may take {allowed.cpu_s:,} seconds of one processor."
            return UnreadableFile(detail, code="reading-limit", hint=_HINT)
        if code == -signal.SIGXFSZ:
            detail = f"The file unpacks to more than {allowed.file_bytes:,} bytes."
            return UnreadableFile(detail, code="reading-limit", hint=_HINT)
        if code < 0:
            detail = f"Reading the file broke off ({signal.Signals(-code).name})."
            return UnreadableFile(detail, code="reading-failed", hint="The file is damaged, or written to do harm.")
        last = self._last_words()
        if "MemoryError" in last:
            detail = f"The file needs more than the {allowed.memory_bytes:,} bytes of memory it may take to be read."
            return UnreadableFile(detail, code="too-much-memory", hint=_HINT)
        _log.error("the reading process ended with %s: %s", code, last or "no word")
        return UnreadableFile("Reading the file failed; the log says more.", code="reading-failed")

    def _last_words(self) -> str:
        self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, self._said.tell() - 4_000))
        spoken = self._said.read().decode(errors="replace").strip().splitlines()
        return spoken[-1][:200].rstrip(".") if spoken else ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the process with all it started, which are in a session of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes], ahead: Ahead) -> None:
    if process.poll() is None:
        _kill(process)
    ahead.close()
    for pipe in (process.stdout, process.stdin):
        if pipe is not None:
            pipe.close()
    process.wait()
