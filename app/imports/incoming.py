"""What the reading process says, on its way into the tables in which rows wait; nothing is gathered in memory."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, Final

import psycopg2
from sqlalchemy import Connection, Table

from app.imports import frames
from app.imports.copying import copy_stream
from app.imports.errors import UnreadableFile
from app.imports.frames import BrokenStream, Frame
from app.imports.tally import Tally
from app.imports.types import BrandRecord, CategoryRecord, HolidayRecord, RowFault
from geo.coordinates import LonLat

Told = Callable[[str, int, int | None, str], None]
"""Told the stage, how much of it is done, of how much if that is known, and the unit."""

READING: Final = "reading"


class Incoming:
    """The messages of one file: rows go where they are asked for, all else is counted on the way."""

    def __init__(self, messages: Iterator[Frame], tally: Tally, told: Told | None) -> None:
        self._messages = messages
        self._tally = tally
        self._told = told
        self.ended = False

    def copy_to(
        self, conn: Connection, table: Table, columns: Sequence[str], head: Sequence[Any], rows: int | None = None
    ) -> int:
        """Lines into a table, each begun with values that the reading process has no say in; how many.

        ``rows`` ends it with the message that reaches so many; the next call goes on from there.
        """
        before = "".join(f"{value}\t" for value in head).encode()
        stream = _Stream(_some(self.bodies(frames.ROWS, before), rows))
        try:
            return copy_stream(conn, table, columns, stream)
        except (psycopg2.DataError, psycopg2.IntegrityError) as error:
            raise unusable() from error
        except psycopg2.Error:
            if stream.failure is not None:
                raise stream.failure from None
            raise

    def records(self, make: Callable[[dict[str, Any]], Any]) -> Iterator[Any]:
        """Rows of a small kind, one by one."""
        for body in self.bodies(frames.RECORDS):
            try:
                found = [make(item) for item in Frame(frames.RECORDS, body).content()]
            except (BrokenStream, TypeError, ValueError, KeyError, AttributeError) as error:
                raise unusable() from error
            yield from found

    def bodies(self, wanted: bytes, before: bytes = b"") -> Iterator[bytes]:
        """Bodies of one sort of message up to the file's end; raises UnreadableFile for a failure."""
        for message in self._messages:
            if message.kind == wanted:
                yield _begun(message.body, before) if before else message.body
            elif message.kind in (frames.ROWS, frames.RECORDS):
                raise unusable()
            else:
                self._take(message)
        if not self.ended:
            raise unusable()

    def _take(self, message: Frame) -> None:
        try:
            said = message.content()
            if message.kind == frames.FAULTS:
                for row, key, code, reason, lon, lat, raw in said:
                    at = None if lon is None else LonLat(lon, lat)
                    self._tally.refuse(RowFault(int(row), key, str(reason), str(code), at, raw))
            elif message.kind == frames.PROGRESS:
                if self._told is not None:
                    self._told(READING, int(said["done"]), said["total"], str(said["unit"]))
            elif message.kind == frames.FACTS:
                self._tally.facts = dict(said)
            elif message.kind == frames.END:
                self._tally.declared, self._tally.facts = int(said["declared"]), dict(said["facts"])
                remarks = (*said["unknown"], *said["facts"].get("remarks", ()))
                self._tally.remarks = tuple(map(str, remarks))
                self.ended = True
            else:
                raise UnreadableFile(str(said["detail"]), code=str(said["code"]), hint=said["hint"])
        except (BrokenStream, TypeError, ValueError, KeyError) as error:
            raise unusable() from error


def category(item: dict[str, Any]) -> CategoryRecord:
    """A category as it was sent."""
    return CategoryRecord(**{**item, "aliases": tuple((scheme, code) for scheme, code in item["aliases"])})


def brand(item: dict[str, Any]) -> BrandRecord:
    """A brand as it was sent."""
    return BrandRecord(**item)


def holiday(item: dict[str, Any]) -> HolidayRecord:
    """A date of a calendar as it was sent."""
    return HolidayRecord(**{**item, "on_date": date.fromisoformat(str(item["on_date"]))})


def _begun(body: bytes, before: bytes) -> bytes:
    """Lines with ``before`` at the start of each; a line end inside a value is always escaped."""
    if not body.endswith(b"\n"):
        raise unusable()
    return before + body[:-1].replace(b"\n", b"\n" + before) + b"\n"


def _some(bodies: Iterator[bytes], rows: int | None) -> Iterator[bytes]:
    """Bodies up to the one in which so many lines are reached."""
    taken = 0
    for body in bodies:
        yield body
        taken += body.count(b"\n")
        if rows is not None and taken >= rows:
            return


def unusable() -> UnreadableFile:
    """What is raised when the reading process says what it should not."""
    return UnreadableFile("What was read of the file can't be used.", code="reading-failed")


class _Stream(io.RawIOBase):
    """A file-like that COPY pulls from; keeps what went wrong, since COPY tells only that something did."""

    def __init__(self, bodies: Iterator[bytes]) -> None:
        self._bodies = bodies
        self._rest = memoryview(b"")
        self.failure: BaseException | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            while not self._rest:
                body = next(self._bodies, None)
                if body is None:
                    return b""
                self._rest = memoryview(body)
        except BaseException as error:  # somebody's Ctrl-C too
            self.failure = error
            raise
        wanted = len(self._rest) if size < 0 else size
        part, self._rest = bytes(self._rest[:wanted]), self._rest[wanted:]
        return part
