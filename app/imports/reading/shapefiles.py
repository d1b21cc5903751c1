"""A Shapefile set out of a zip: its parts have to agree before GDAL sees them, and its texts are decoded by us."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.imports.errors import UnreadableFile
from app.imports.reading import encodings
from app.imports.reading.refusing import damaged
from app.imports.reading.types import Opened, Wishes
from app.imports.reading.vectors import open_layer

Bytes = NDArray[np.uint8]
Offsets = NDArray[np.int64]
MAGIC: Final = b"\x00\x00\x27\x0a"
_NEEDED: Final = ("shp", "shx", "dbf")
_SAMPLED_ROWS: Final = 20_000
_KINDS: Final = frozenset({0, 1, 3, 5, 8, 11, 13, 15, 18, 21, 23, 25, 28})
# The byte in a DBF's header that says its code page, where one is common.
_CODE_PAGES: Final = {0x4D: "936", 0x7A: "936", 0x03: "1252", 0x57: "1252", 0xC8: "1250", 0xC9: "1251"}


def open_shapefile(folder: Path, stem: str, name: str, wishes: Wishes) -> Opened:
    """The set ``folder/stem.*``, which its sender calls ``name``."""
    lacking = [part for part in _NEEDED if not (folder / f"{stem}.{part}").exists()]
    if lacking:
        raise UnreadableFile(
            f"The Shapefile {name[:80]!r} lacks .{' and .'.join(lacking)}.",
            code="incomplete-shapefile",
            hint="Pack .shp, .shx, .dbf, .prj and .cpg into one zip file.",
        )
    shapes = _check_shapes(folder / f"{stem}.shp", folder / f"{stem}.shx")
    samples, rows, page = _table_samples(folder / f"{stem}.dbf")
    if rows != shapes:
        raise damaged(f"The Shapefile holds {shapes:,} shapes, but its table says {rows:,} rows.")
    cpg = folder / f"{stem}.cpg"
    stated = cpg.read_bytes()[:100].decode("latin-1") if cpg.exists() else page
    codec, remarks = encodings.settle(
        samples, wishes.encoding, stated, "the .cpg" if cpg.exists() else "the table's header"
    )
    if cpg.exists():
        cpg.unlink()  # GDAL would decode by it; the bytes are wanted as they are

    def text_of(text: str) -> str:
        # GDAL was told Latin 1, which keeps every byte.
        return encodings.decoded(codec, text.encode("latin-1")) if not text.isascii() else text

    return open_layer(
        folder / f"{stem}.shp",
        "Shapefile",
        wishes,
        layer=None,
        declared=shapes,
        where="No .prj in the zip file",
        encoding=codec,
        text_of=text_of,
        remarks=remarks,
        shown_layer=name,
    )


def _check_shapes(shp: Path, shx: Path) -> int:
    """How many shapes there are; every record has to lie where the index says and be of the file's kind."""
    size, index_size = shp.stat().st_size, shx.stat().st_size
    with shp.open("rb") as file:
        header = file.read(100)
    index = np.fromfile(shx, dtype=">i4")
    if len(header) < 100 or header[:4] != MAGIC or index_size < 100 or index[0] != 9994:
        raise damaged("The .shp or .shx has no header of a Shapefile.")
    kind = struct.unpack("<i", header[32:36])[0]
    if kind not in _KINDS:
        raise damaged(f"The .shp is of kind {kind}, which there is not.")
    if struct.unpack(">i", header[24:28])[0] * 2 != size or int(index[6]) * 2 != index_size or (index_size - 100) % 8:
        raise damaged("The .shp or .shx is longer or shorter than it says.")
    starts = index[25::2].astype(np.int64) * 2
    lengths = index[26::2].astype(np.int64) * 2
    if len(starts) and (int(starts.min()) < 100 or lengths.min() < 4 or int((starts + lengths).max()) + 8 > size):
        raise damaged("The .shx points outside the .shp.")
    if len(starts) and not _records_agree(np.memmap(shp, dtype=np.uint8, mode="r"), starts, lengths, kind):
        raise damaged("A record of the .shp is not where the .shx says, or of another kind.")
    return len(starts)


def _records_agree(content: Bytes, starts: Offsets, lengths: Offsets, kind: int) -> bool:
    """True when each record states the length that the index does, and is empty or of the file's kind."""
    ahead, behind = np.arange(4, 8), np.arange(8, 12)
    stated = content[starts[:, None] + ahead].copy().view(">i4").ravel().astype(np.int64) * 2
    kinds = content[starts[:, None] + behind].copy().view("<i4").ravel()
    return bool(np.isin(kinds, (0, kind)).all() and (stated == lengths).all())


def _table_samples(dbf: Path) -> tuple[list[bytes], int, str | None]:
    """Texts with bytes beyond ASCII from the table's start, its number of rows, the code page that it states."""
    size = dbf.stat().st_size
    with dbf.open("rb") as file:
        header = file.read(32)
        if len(header) < 32:
            raise damaged("The .dbf is cut short.")
        rows, start, width = struct.unpack("<IHH", header[4:12])
        if start < 33 or width < 1 or not start + rows * width <= size <= start + rows * width + 2:
            raise damaged("The .dbf is longer or shorter than it says.")
        fields = _fields(file.read(start - 32), width)
        samples: set[bytes] = {name for name, _, _, _ in fields if not name.isascii()}
        deleted = 0
        file.seek(start)
        for _ in range(min(rows, _SAMPLED_ROWS)):
            record = file.read(width)
            deleted += record[:1] == b"*"
            if not record.isascii():
                cells = (record[at : at + length].rstrip(b" \0") for _, kind, at, length in fields if kind == b"C")
                samples.update(cell for cell in cells if not cell.isascii())
    if deleted:
        raise UnreadableFile(
            "The table holds rows that are marked as deleted.",
            code="damaged-file",
            hint="Repack the table, or save it again.",
        )
    return list(samples), rows, _CODE_PAGES.get(header[29])


def _fields(described: bytes, width: int) -> list[tuple[bytes, bytes, int, int]]:
    """Name, kind, place and length of each column."""
    fields, at = [], 1
    for begin in range(0, len(described) - 31, 32):
        if described[begin] == 0x0D:
            break
        entry = described[begin : begin + 32]
        fields.append((entry[:11].split(b"\0")[0], entry[11:12], at, entry[16]))
        at += entry[16]
    if not fields or at != width:
        raise damaged("The .dbf's columns don't add up to its width.")
    return fields
