"""The one door: a file of any accepted form is opened by what its bytes say, never by its name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Self

from app.imports.errors import UnreadableFile
from app.imports.reading.archives import Archive
from app.imports.reading.bundles import ShapefileSet, Single, unpacked
from app.imports.reading.meaning import understood
from app.imports.reading.sniffing import Form, form_of
from app.imports.reading.types import Ceilings, Opened, RawRow, SourceFacts, Wishes
from app.imports.reading.unpacking import Meter, gunzip
from app.imports.types import RowFault

Opener = Callable[[Path, Wishes, Path], Opened]

# By module and function: the libraries behind them are large, and only a process that reads files loads them.
OPENERS: dict[Form, tuple[str, str]] = {
    Form.FEATURE_COLLECTION: ("geojsontext", "open_collection"),
    Form.FEATURE_SEQUENCE: ("geojsontext", "open_sequence"),
    Form.GEOMETRY: ("geojsontext", "open_geometry"),
    Form.JSON_LIST: ("geojsontext", "open_list"),
    Form.CSV: ("csvtext", "open_csv"),
    Form.GEOPACKAGE: ("geopackages", "open_geopackage"),
    Form.FLATGEOBUF: ("vectors", "open_flatgeobuf"),
    Form.PARQUET: ("parquet", "open_parquet"),
    Form.PBF: ("osmfiles", "open_pbf"),
    Form.OVERPASS: ("overpass", "open_overpass"),
}


def opener_of(form: Form) -> Opener:
    """The function that opens files of a form."""
    module, function = OPENERS[form]
    found: Opener = getattr(import_module(f"app.imports.reading.{module}"), function)
    return found


class Source:
    """An opened file: its facts, and its rows once. Close it, or use it with ``with``: it may hold unpacked copies."""

    def __init__(self, opened: Opened, folder: tempfile.TemporaryDirectory[str]) -> None:
        self._opened = opened
        self._folder = folder

    @property
    def facts(self) -> SourceFacts:
        """What the file turned out to be; its remarks, and what was left out, are complete once its rows are read."""
        remarks = (*self._opened.facts.remarks, *self._opened.remarks())
        return replace(self._opened.facts, remarks=remarks, left_out=self._opened.passed_over())

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
        if read == 0:
            remarks = "; ".join(self.facts.remarks)[:600]
            if passed == 0 and not remarks and not self._opened.final:
                raise UnreadableFile("The file holds no rows.", code="empty-file")
            raise UnreadableFile(
                f"None of the file's rows is one of the kind asked for{': ' if remarks else ''}{remarks}.",
                code="no-such-rows",
                hint="Choose another kind, or declare which columns hold what.",
            )

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
    """Opens a file that its sender calls ``name``, which is only for words: what it is comes from its bytes.

    Unpacked copies go to a new folder inside ``folder``; who kills this process has to remove that. Raises
    UnreadableFile with a code and a hint; UnsupportedFormat when it is none of the forms that are read.
    """
    holder = tempfile.TemporaryDirectory(prefix="fujin-reading-", dir=folder, ignore_cleanup_errors=True)
    try:
        opened = _opened(path.resolve(), name, wishes, Path(holder.name), ceilings or Ceilings())
        try:
            return Source(understood(opened, wishes), holder)
        except UnreadableFile as error:
            opened.close()
            error.facts = error.facts or opened.facts
            raise
        except BaseException:
            opened.close()
            raise
    except OSError as error:
        holder.cleanup()
        raise UnreadableFile(f"The file can't be read: {error.strerror or error}.") from error
    except (MemoryError, RecursionError) as error:
        holder.cleanup()
        raise UnreadableFile(
            "The file asks for more memory than reading a file may use.",
            code="too-much-memory",
            hint="Send it in parts.",
        ) from error
    except BaseException:
        holder.cleanup()
        raise


def _opened(path: Path, name: str, wishes: Wishes, folder: Path, ceilings: Ceilings) -> Opened:
    form = form_of(path)
    if form is Form.GZIP:
        inner = folder / "inflated"
        gunzip(path, inner, Meter(path.stat().st_size, ceilings))
        path, form = inner, form_of(inner)
    elif form is Form.ZIP:
        found = unpacked(Archive(path, ceilings), wishes, folder)
        if isinstance(found, Opened):
            return found
        if isinstance(found, ShapefileSet):
            from app.imports.reading.shapefiles import open_shapefile

            return open_shapefile(found.folder, found.stem, found.name, wishes)
        path, form, name, wishes = found.path, form_of(found.path), found.name, _inside(found, wishes)
    if form is Form.SHAPES:
        raise UnreadableFile(
            f"{name[:80]!r} is one part of a Shapefile.",
            code="incomplete-shapefile",
            hint="Pack .shp, .shx, .dbf, .prj and .cpg into one zip file.",
        )
    return opener_of(form)(path, wishes, folder)


def _inside(found: Single, wishes: Wishes) -> Wishes:
    """A layer that named the file within the archive is served; another one is for the file itself."""
    named = wishes.layer in (found.name, found.name.rpartition("/")[2].rpartition(".")[0])
    return replace(wishes, layer=None) if named else wishes
