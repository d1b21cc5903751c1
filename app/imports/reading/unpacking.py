"""A gzip file becomes a plain one in a folder of ours, counted while it is inflated."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import IO, Final

from app.imports.errors import UnreadableFile
from app.imports.reading.refusing import AGAIN
from app.imports.reading.types import Ceilings

GZIP: Final = b"\x1f\x8b"
ZIP: Final = b"PK\x03\x04"
PACKED: Final = (GZIP, ZIP, b"PK\x05\x06", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
CHUNK: Final = 1 << 18


class Meter:
    """Counts what unpacking gives and refuses more than the ceilings allow."""

    def __init__(self, packed_bytes: int, ceilings: Ceilings) -> None:
        self._most = min(ceilings.unpacked_bytes, max(ceilings.free_bytes, int(packed_bytes * ceilings.ratio)))
        self._ceilings = ceilings
        self._seen = 0

    def take(self, size: int) -> None:
        """Notes ``size`` more bytes."""
        self._seen += size
        if self._seen > self._most:
            raise UnreadableFile(
                f"Unpacked, the file is larger than {self._most:,} bytes; at most {self._ceilings.ratio:g} times its "
                f"own size and {self._ceilings.unpacked_bytes:,} bytes are unpacked.",
                code="unpacks-too-large",
                hint="Send it less tightly packed or in parts.",
            )


def damaged_archive(what: str) -> UnreadableFile:
    """An archive that can't be unpacked as it says."""
    return UnreadableFile(what, code="damaged-archive", hint=AGAIN)


def gunzip(path: Path, target: Path, meter: Meter) -> None:
    """Inflates a gzip file of one member, or of several when each is whole (as bgzip and cat make them)."""
    with path.open("rb") as packed, target.open("wb") as out:
        magic = inflate(packed, out, meter)
    if magic.startswith(PACKED):
        raise UnreadableFile("The file is packed twice.", code="nested-archive", hint="Pack it once.")
    if not magic:
        raise UnreadableFile("The packed file is empty.", code="empty-file")


def inflate(packed: IO[bytes], out: IO[bytes], meter: Meter) -> bytes:
    """Inflates gzip members from one file into another; the first bytes that came out."""
    machine, fed, magic = zlib.decompressobj(wbits=31), False, b""
    try:
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
                magic = magic if len(magic) >= 6 else magic + piece[:6]
                chunk = machine.unconsumed_tail or machine.unused_data
        while not machine.eof and (piece := machine.flush(CHUNK)):
            meter.take(len(piece))
            out.write(piece)
    except zlib.error as error:
        raise damaged_archive("The gzip file is damaged.") from error
    if not fed or not machine.eof:
        raise damaged_archive("The gzip file is cut short.")
    return magic
