"""One packed file becomes a plain one in a folder of ours, counted while it is inflated."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

from app.imports.errors import UnreadableFile
from app.imports.reading.types import Ceilings

GZIP: Final = b"\x1f\x8b"
CHUNK: Final = 1 << 18


class Meter:
    """Counts what unpacking gives and refuses more than the ceilings allow."""

    def __init__(self, packed_bytes: int, ceilings: Ceilings) -> None:
        self._most = min(ceilings.unpacked_bytes, max(ceilings.free_bytes, packed_bytes * ceilings.ratio))
        self._ceilings = ceilings
        self._seen = 0

    def take(self, size: int) -> None:
        """Notes ``size`` more bytes."""
        self._seen += size
        if self._seen > self._most:
            raise UnreadableFile(
                f"Unpacked, the file is larger than {self._most:,} bytes, {self._ceilings.ratio} times its size.",
                code="unpacks-too-large",
                hint="Send it less tightly packed or in parts.",
            )


def plain(path: Path, name: str, folder: Path, ceilings: Ceilings) -> Path:
    """The file itself, or what its one gzip member holds."""
    del name
    size = path.stat().st_size
    if size == 0:
        raise UnreadableFile("The file is empty.", code="empty-file")
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] != GZIP:
        return path
    inner = folder / "inflated"
    gunzip(path, inner, Meter(size, ceilings))
    with inner.open("rb") as file:
        if file.read(2) == GZIP:
            raise UnreadableFile("The file is packed twice.", code="nested-archive", hint="Pack it once.")
    if inner.stat().st_size == 0:
        raise UnreadableFile("The packed file is empty.", code="empty-file")
    return inner


def gunzip(path: Path, target: Path, meter: Meter) -> None:
    """Inflates a gzip file of one member, or of several when each is whole (as bgzip and cat make them)."""
    machine = zlib.decompressobj(wbits=31)
    fed = False
    try:
        with path.open("rb") as packed, target.open("wb") as out:
            while chunk := packed.read(CHUNK):
                while chunk:
                    if machine.eof:
                        if not chunk.strip(b"\0"):
                            break
                        machine = zlib.decompressobj(wbits=31)
                    piece = machine.decompress(chunk, CHUNK)
                    fed = True
                    meter.take(len(piece))
                    out.write(piece)
                    chunk = machine.unconsumed_tail or machine.unused_data
            while not machine.eof and (piece := machine.flush(CHUNK)):
                meter.take(len(piece))
                out.write(piece)
    except zlib.error as error:
        raise UnreadableFile(
            "The gzip file is damaged.", code="damaged-archive", hint="Make or fetch it again."
        ) from error
    if not fed or not machine.eof:
        raise UnreadableFile("The gzip file is cut short.", code="damaged-archive", hint="Make or fetch it again.")
