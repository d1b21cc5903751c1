"""CSV: encoding, delimiter and header are found out and told; rows are a stream."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from app.imports.checks.refused import FAULT, unguarded
from app.imports.errors import UnreadableFile
from app.imports.reading import encodings
from app.imports.reading.columns import is_known
from app.imports.reading.geojsontext import TrackedFile
from app.imports.reading.refusing import said
from app.imports.reading.types import Opened, RawRow, SourceFacts, Wishes
from app.imports.types import RowFault

MAX_CELL_CHARS: Final = 32_000_000
MAX_COLUMNS: Final = 2_000
DELIMITERS: Final = ",;\t|"
_LOOKED_AT: Final = 60
_SAMPLE_BYTES: Final = 4_000_000
_NUMBER: Final = re.compile(r"[-+]?\d+([.,]\d+)?([eE][-+]?\d+)?")
_FLAGS: Final = frozenset({"t", "f", "true", "false"})
_HEX: Final = re.compile(r"[0-9A-Fa-f]{20,}")
_MARKS: Final = {codecs.BOM_UTF8: "UTF-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def open_csv(path: Path, wishes: Wishes, folder: Path) -> Opened:
    """A table whose first row is a header, or whose columns are called column_1, column_2, …"""
    del folder
    csv.field_size_limit(MAX_CELL_CHARS)
    codec, remarks = _encoding(path, wishes.encoding)
    delimiter = _delimiter(path, codec)
    head = list(islice(_records(path, codec, delimiter), _LOOKED_AT))
    first, others = head[0], head[1:]
    titled = _is_header(first, others)
    columns = _columns(first) if titled else tuple(f"column_{number}" for number in range(1, len(first) + 1))
    if not titled:
        remarks += ("the first row is no header: columns are called by their number, column_1 and on",)
    facts = SourceFacts(
        "CSV", encoding="UTF-16" if codec == "utf-16" else codec, columns=columns, remarks=remarks, layer=None
    )
    file = TrackedFile(path, keep_mark=codec == "utf-16")
    return Opened(facts, lambda: _rows(file, codec, delimiter, columns, titled), done=file.done, close=file.close)


def _encoding(path: Path, wished: str | None) -> tuple[str, tuple[str, ...]]:
    with path.open("rb") as file:
        head = file.read(_SAMPLE_BYTES)
    marked = next((codec for mark, codec in _MARKS.items() if head.startswith(mark)), None)
    if marked == "utf-16":
        return "utf-16", ()
    if b"\0" in head:
        raise UnreadableFile("The file holds NUL bytes, so it is no text.", code="malformed-csv")
    if marked is None and wished is None and _is_utf8(path):
        return encodings.UTF8, ()
    lines = [line for line in head.split(b"\n")[:-1] or [head] if not line.isascii()]
    return encodings.settle(lines[:5_000], wished, marked, "the mark at the file's start")


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(path: Path, codec: str) -> str:
    """The one by which the first rows have the same number of cells, the more the better, and the very first as many.

    Numbers with decimal commas cut rows into as many cells as the real delimiter does, but no header.
    """
    best, most = ",", 1
    for delimiter in DELIMITERS:
        try:
            found = [len(row) for row in islice(_records(path, codec, delimiter), _LOOKED_AT)]
        except UnreadableFile:
            continue
        widths = Counter(found)
        width, times = widths.most_common(1)[0] if widths else (1, 0)
        if width > most and width == found[0] and times >= 0.8 * widths.total():
            best, most = delimiter, width
    return best


def _records(path: Path, codec: str, delimiter: str) -> Iterator[list[str]]:
    with TrackedFile(path, keep_mark=codec == "utf-16") as file:
        yield from _parsed(file, codec, delimiter)


def _parsed(file: TrackedFile, codec: str, delimiter: str) -> Iterator[list[str]]:
    """Cells of each row that holds any."""
    text = io.TextIOWrapper(io.BufferedReader(file), codec, newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if len(row) > MAX_COLUMNS:
                raise UnreadableFile(f"A row has more than {MAX_COLUMNS:,} cells.", code="malformed-csv")
            if any(row):
                yield row
    except UnicodeDecodeError as error:
        raise UnreadableFile(
            f"Near line {reader.line_num + 1:,} the text is not {codec}.",
            code="wrong-encoding",
            hint="Declare the encoding, or save the file as UTF-8.",
        ) from error
    except csv.Error as error:
        raise UnreadableFile(
            f"Near line {reader.line_num:,} the file is not CSV: {said(error)}.",
            code="malformed-csv",
            hint="A quote may be open, or a cell may hold control characters.",
        ) from error


def _is_header(first: list[str], others: list[list[str]]) -> bool:
    """A header has texts that differ from each other and are no values; some known words among them settle it."""
    filled = [cell.strip() for cell in first if cell.strip()]
    known = sum(is_known(cell) for cell in filled)
    values = sum(bool(_NUMBER.fullmatch(cell) or _HEX.fullmatch(cell) or cell in _FLAGS) for cell in filled)
    if known > values or (known and not values):
        return True
    if len({cell.casefold() for cell in filled}) < len(filled) or len(filled) < len(first) / 2:
        return False
    return not values and bool(others or filled)


def _columns(first: list[str]) -> tuple[str, ...]:
    """The header's words; what is empty or there twice gets a number."""
    columns: list[str] = []
    for number, cell in enumerate(first, 1):
        word = " ".join(cell.split())[:200] or f"column_{number}"
        columns.append(word if word not in columns else f"{word} ({number})")
    return tuple(columns)


def _rows(
    file: TrackedFile, codec: str, delimiter: str, columns: tuple[str, ...], titled: bool
) -> Iterator[RawRow | RowFault]:
    records = _parsed(file, codec, delimiter)
    if titled:
        next(records, None)
    for number, record in enumerate(records, 1):
        # Spreadsheets end rows with empty cells beyond the last column.
        cells = record if any(record[len(columns) :]) else record[: len(columns)]
        if len(cells) != len(columns):
            yield RowFault(number, None, f"has {len(cells)} cells, but there are {len(columns)} columns")
        else:
            found = map(unguarded, cells) if FAULT[0] in columns else cells
            yield RawRow(number, None, dict(zip(columns, found, strict=True)))
