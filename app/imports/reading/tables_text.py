"""CSV as a stream."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from app.imports.errors import UnreadableFile
from app.imports.reading.types import Opened, RawRow, SourceFacts, Wishes
from app.imports.reading.vector_text import TrackedFile
from app.imports.types import RowFault


def open_csv(path: Path, wishes: Wishes) -> Opened:
    """A table with a header."""
    del wishes
    file = TrackedFile(path)
    return Opened(SourceFacts("CSV", encoding="UTF-8"), lambda: _rows(file), done=file.done, close=file.close)


def _rows(file: TrackedFile) -> Iterator[RawRow | RowFault]:
    try:
        for number, row in enumerate(csv.DictReader(io.TextIOWrapper(io.BufferedReader(file), "utf-8", newline="")), 1):
            yield RawRow(number, None, row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFile("The file is not CSV in UTF-8.", code="malformed-csv") from error
