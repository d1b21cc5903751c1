"""Messages from the process that reads a file: a letter, a length, a body; JSON or lines of COPY, never code.

Whatever read a stranger's file may have fallen to it, so nothing here is trusted: lengths are bounded, and each body
is parsed as data.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, Any, Final

import orjson

FACTS: Final = b"F"
"""What the file turned out to be, as JSON."""
ROWS: Final = b"R"
"""Lines of COPY for the staging table of the kind."""
RECORDS: Final = b"J"
"""A JSON list of rows of a small kind."""
FAULTS: Final = b"X"
"""A JSON list of refused rows."""
PROGRESS: Final = b"P"
"""How far reading has come, as JSON."""
END: Final = b"E"
"""Counts of a file that was read to its end, as JSON."""
FAILURE: Final = b"!"
"""Why the file as a whole can't be read, as JSON."""

MAX_BODY: Final = 256 << 20
_HEAD: Final = struct.Struct("<cI")
_KINDS: Final = frozenset({FACTS, ROWS, RECORDS, FAULTS, PROGRESS, END, FAILURE})


class BrokenStream(Exception):
    """What came is no message."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    kind: bytes
    body: bytes

    @classmethod
    def of(cls, kind: bytes, content: Any) -> Frame:
        """A message of JSON."""
        return cls(kind, orjson.dumps(content))

    def content(self) -> Any:
        """What a message of JSON says; BrokenStream when it is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise BrokenStream("a message is not JSON") from error


def put(file: IO[bytes], frame: Frame) -> None:
    """Writes a message."""
    file.write(_HEAD.pack(frame.kind, len(frame.body)))
    file.write(frame.body)


def take(file: IO[bytes]) -> Frame | None:
    """The next message; None at the end. Raises BrokenStream for what is none, or breaks off."""
    head = file.read(_HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise BrokenStream("a message breaks off")
    kind, length = _HEAD.unpack(head)
    if kind not in _KINDS or length > MAX_BODY:
        raise BrokenStream("what came is no message")
    body = file.read(length)
    if len(body) < length:
        raise BrokenStream("a message breaks off")
    return Frame(kind, body)
