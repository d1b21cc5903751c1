"""A file into messages: opened, read, each row checked, what is good as lines of COPY. Touches no database.

Runs in a process of its own for strangers' files (``reader_main``), and in the loader's for those we ship.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson

from app.core.ids import new_city_id
from app.imports import copy_lines, frames, readers
from app.imports.errors import RowRefused, UnreadableFile
from app.imports.frames import Frame
from app.imports.members import Unknown
from app.imports.reading.sources import Source, open_source
from app.imports.reading.types import Ceilings, SourceFacts, Wishes
from app.imports.seeded_ids import seeded_city_id
from app.imports.territory import check_inside
from app.imports.types import NO_CODE, PlaceRecord, RowFault, code_in
from app.places.types import Category, Taxonomy
from geo.bbox import Bbox
from geo.grid_shift import Datum

FLUSH_CHARS: Final = 256_000
TOLD_EVERY_S: Final = 0.25
MAX_RAW_BYTES: Final = 8_000
SMALL_KINDS: Final = ("categories", "brands", "holidays")


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What is to be read, and what a row is checked against.

    ``area`` is the box in which places have to lie, ``parents`` each known category's parent, ``brands`` the known
    brands, ``seeded`` whether ids come from the source's keys. ``aliases`` are (scheme, code, category).
    """

    path: str
    name: str
    kind: str
    city_id: int
    country: str | None = None
    seeded: bool = False
    area: tuple[float, float, float, float] | None = None
    parents: Mapping[str, str | None] = field(default_factory=dict)
    aliases: tuple[tuple[str, str, str], ...] = ()
    brands: tuple[str, ...] = ()
    datum: str | None = None
    crs: str | None = None
    encoding: str | None = None
    layer: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    unpacked_bytes: int = Ceilings.unpacked_bytes
    unpack_ratio: float = Ceilings.ratio
    scratch: str | None = None

    def wishes(self) -> Wishes:
        """What the file is opened with."""
        return Wishes(
            self.kind,
            None if self.datum is None else Datum(self.datum),
            self.crs,
            self.encoding,
            self.layer,
            self.mapping,
            {(scheme, code): category for scheme, code, category in self.aliases},
            self.parents,
        )


def messages(request: ReadRequest) -> Generator[Frame, None, None]:
    """Everything that is to be said of a file: its facts, rows and refused rows as they come, its end or its failure.

    Facts come before the first row, and complete with the end.
    """
    try:
        scratch = None if request.scratch is None else Path(request.scratch)
        ceilings = Ceilings(unpacked_bytes=request.unpacked_bytes, ratio=request.unpack_ratio)
        with open_source(
            Path(request.path), request.name, request.wishes(), folder=scratch, ceilings=ceilings
        ) as source:
            yield Frame.of(frames.FACTS, _said(source))
            yield from _Reading(request, source).messages()
    except UnreadableFile as error:
        if error.facts is not None:
            # Which columns there are is what its sender needs to mend the mapping.
            yield Frame.of(frames.FACTS, _as_said(error.facts))
        yield failure(error.code, str(error), error.hint)
    except MemoryError:
        yield failure("too-much-memory", "The file needs more memory than a file may take to be read.")


def failure(code: str, detail: str, hint: str | None = None) -> Frame:
    """Says that the file as a whole is no good."""
    return Frame.of(frames.FAILURE, {"code": code, "detail": detail, "hint": hint})


def _said(source: Source) -> dict[str, Any]:
    return _as_said(source.facts)


def _as_said(facts: SourceFacts) -> dict[str, Any]:
    return asdict(facts) | {"datum": facts.datum.value, "guessed": sorted(facts.guessed)}


class _Reading:
    """The rows of one source on their way out, gathered to messages of some size."""

    def __init__(self, request: ReadRequest, source: Source) -> None:
        self._request = request
        self._source = source
        self._unknown = Unknown()
        self._area = None if request.area is None else Bbox(*request.area)
        self._categories = frozenset(request.parents)
        self._brands = frozenset(request.brands)
        by_id = {name: Category(name, parent, {}, 0) for name, parent in request.parents.items()}
        self._tree = Taxonomy(0, by_id, {})
        self._out = self._writer()
        self._rows: list[str] = []
        self._records: list[Any] = []
        self._faults: list[Any] = []
        self._held = 0

    def messages(self) -> Iterator[Frame]:
        """All after the facts."""
        declared, told = 0, time.monotonic()
        datum = self._source.facts.datum
        for item in readers.parsed(self._request.kind, self._source.rows(), datum, self._unknown):
            declared += 1
            fault = item if isinstance(item, RowFault) else self._taken(*item)
            if fault is not None:
                self._refuse(fault)
            if self._held >= FLUSH_CHARS:
                yield from self._flush()
            if declared % 256 == 0 and time.monotonic() - told > TOLD_EVERY_S:
                told = time.monotonic()
                yield self._progress(declared)
        yield from self._flush()
        yield self._progress(declared)
        end = {"declared": declared, "facts": _said(self._source), "unknown": list(self._unknown.remarks())}
        yield Frame.of(frames.END, end)

    def _taken(self, record: Any, raw: Any) -> RowFault | None:
        """Keeps a row; the fault for which it can't be."""
        if isinstance(record, PlaceRecord):
            try:
                self._check(record)
            except RowRefused as refusal:
                return readers.fault_of(raw, str(refusal), refusal.code, record.location)
        if self._request.kind in SMALL_KINDS:
            self._records.append(asdict(record))
            self._held += 200
        else:
            line = self._out(record)
            self._rows.append(line)
            self._held += len(line)
        return None

    def _check(self, record: PlaceRecord) -> None:
        for category_id in (record.category_id, *record.alternate_category_ids):
            if category_id not in self._categories:
                raise RowRefused(f"unknown category {category_id}", "unknown-category")
        if record.brand_id is not None and record.brand_id not in self._brands:
            raise RowRefused(f"unknown brand {record.brand_id}", "unknown-brand")
        if self._area is not None:
            check_inside(self._area, record.location)

    def _refuse(self, fault: RowFault) -> None:
        at = (None, None) if fault.location is None else fault.location.xy
        code = code_in(fault.reason) if fault.code == NO_CODE else fault.code
        self._faults.append([fault.row, fault.source_key, code, fault.reason, *at, _small(fault.raw)])
        self._held += 500

    def _flush(self) -> Iterator[Frame]:
        if self._rows:
            yield Frame(frames.ROWS, "".join(self._rows).encode())
        if self._records:
            yield Frame.of(frames.RECORDS, self._records)
        if self._faults:
            yield Frame.of(frames.FAULTS, self._faults)
        self._rows, self._records, self._faults, self._held = [], [], [], 0

    def _progress(self, rows: int) -> Frame:
        done, total, unit = self._source.done
        return Frame.of(frames.PROGRESS, {"done": done, "total": total, "unit": unit, "rows": rows})

    def _writer(self) -> Callable[[Any], str]:
        city_id, country, tree = self._request.city_id, self._request.country, self._tree
        new_id = _seeded(city_id) if self._request.seeded else _random(city_id)
        match self._request.kind:
            case "places":
                return lambda record: copy_lines.place_line(record, new_id, tree, country)
            case "regions":
                return lambda record: copy_lines.region_line(record, new_id)
            case _:
                return copy_lines.basemap_line


def _random(city_id: int) -> Callable[[str], UUID]:
    return lambda _key: new_city_id(city_id)


def _seeded(city_id: int) -> Callable[[str], UUID]:
    return lambda key: seeded_city_id(city_id, key)


def _small(raw: Mapping[str, Any] | None) -> Any:
    """What the file says of a refused row, if that is JSON of a few kilobytes that PostgreSQL can hold."""
    if raw is None:
        return None
    try:
        said = orjson.dumps(raw, default=str, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError, RecursionError):
        return None
    return orjson.loads(said) if len(said) <= MAX_RAW_BYTES and b"\\u0000" not in said else None
