"""The one door: a file of any accepted form is opened by what its bytes say, never by its name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from app.imports.errors import UnreadableFile
from app.imports.reading import tables_text, unpacking
from app.imports.reading.sniffing import Form, form_of
from app.imports.reading.types import Ceilings, Opened, RawRow, SourceFacts, Wishes
from app.imports.reading.vector_text import open_collection, open_list, open_sequence
from app.imports.types import RowFault

Opener = Callable[[Path, Wishes], Opened]

OPENERS: dict[Form, Opener] = {
    Form.FEATURE_COLLECTION: open_collection,
    Form.FEATURE_SEQUENCE: open_sequence,
    Form.JSON_LIST: open_list,
    Form.CSV: tables_text.open_csv,
}


class Source:
    """An opened file: its facts, and its rows once. Close it, or use it with ``with``: it may hold unpacked copies."""

    def __init__(self, opened: Opened, folder: tempfile.TemporaryDirectory[str]) -> None:
        self._opened = opened
        self._folder = folder

    @property
    def facts(self) -> SourceFacts:
        """What the file turned out to be; complete once its rows are read."""
        remarks = (*self._opened.facts.remarks, *self._opened.remarks())
        return replace(self._opened.facts, remarks=remarks)

    @property
    def done(self) -> tuple[int, int | None, str]:
        """How far reading has come: done, total and the unit (``bytes`` of the unpacked file, or ``rows``)."""
        return self._opened.done()

    def rows(self) -> Iterator[RawRow | RowFault]:
        """The rows in the file's order; UnreadableFile when it breaks off or holds more or fewer than it declares."""
        declared, read = self._opened.facts.declared, 0
        for row in self._opened.rows():
            read += 1
            yield row
        passed = read + self._opened.passed_over()
        if declared is not None and passed != declared:
            raise UnreadableFile(
                f"The file says it holds {declared:,} rows, but {passed:,} can be read.",
                code="count-differs",
                hint="The file is damaged or cut short; make or fetch it again.",
            )
        if passed == 0:
            raise UnreadableFile("The file holds no rows.", code="empty-file")

    def close(self) -> None:
        """Gives back files and removes unpacked copies."""
        try:
            self._opened.close()
        finally:
            self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_source(
    path: Path, name: str, wishes: Wishes, *, folder: Path | None = None, ceilings: Ceilings | None = None
) -> Source:
    """Opens a file that its sender calls ``name``; that name is only for remarks and for codes in it.

    Unpacked copies go to a new folder inside ``folder``; who kills this process has to remove that. Raises
    UnreadableFile with a code and a hint; UnsupportedFormat when it is none of the forms that are read.
    """
    holder = tempfile.TemporaryDirectory(prefix="fujin-reading-", dir=folder, ignore_cleanup_errors=True)
    try:
        whole = unpacking.plain(path, name, Path(holder.name), ceilings or Ceilings())
        form = form_of(whole, wishes.kind)
        return Source(OPENERS[form](whole, wishes), holder)
    except OSError as error:
        holder.cleanup()
        raise UnreadableFile(f"The file can't be read: {error.strerror or error}.") from error
    except BaseException:
        holder.cleanup()
        raise
