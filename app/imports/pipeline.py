"""The road of a load, from a file to a version that nobody sees yet.

    file → reading process → rows that wait → facts, search rows → conflation → links → checks → staged

Places go part by part: while one becomes facts and search rows, the reading process reads on. What conflation and
corrections make of places is mended in their search rows at the end. All of it is one transaction of the caller's and
one savepoint within: a load that fails or is killed leaves no row of
the version. One that its checks block is staged, so that it can be looked at, and never shown. What was found wrong is
written after the savepoint, so that it stays in any case.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, select

from app.cities import queries as cities
from app.cities.tables import basemap_features
from app.cities.types import WorldVersions
from app.imports import child, copy_lines, hooks, incoming, queries, reader, search_rows, search_waiting
from app.imports.checks.actions import Checked
from app.imports.checks.types import Report
from app.imports.errors import UnreadableFile
from app.imports.fact_tables import FACTS
from app.imports.incoming import Incoming, Told
from app.imports.reader import ReadRequest
from app.imports.reading.types import SourceFacts
from app.imports.seeded_ids import seeded_city_id
from app.imports.staging import carry_places, clear_places, part_after, place_rows
from app.imports.staging_areas import (
    clear_regions,
    region_rows,
    stage_brands,
    stage_categories,
    stage_holidays,
)
from app.imports.tables import place_staging, region_staging
from app.imports.tally import Tally, Target
from app.imports.types import LoadRequest
from app.places.tables import brands, categories, category_aliases, hours_patterns, place_facts
from geo.grid_shift import Datum

_HEAD: Final = ("city_id", "version")
CHECKING: Final = "checking"
LINKING: Final = "linking"
SEARCH_ROWS: Final = "search_rows"
PART_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Staged:
    """What came of a load: its counts, its report, and a code and a sentence for why nothing of it was kept."""

    tally: Tally
    report: Report
    code: str = ""
    blocked: str | None = None


def file_sha256(path: Path) -> bytes:
    """The checksum of a file; UnreadableFile when it can't be opened."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise UnreadableFile(f"{path.name}: {error.strerror}") from error


def run(
    conn: Connection,
    request: LoadRequest,
    target: Target,
    *,
    told: Told | None = None,
    keep: bool = True,
    scratch: Path | None = None,
    bounds: child.Bounds | None = None,
) -> Staged:
    """Takes a file the whole road; keeps nothing of it when it is blocked, or not to be kept; what was found stays.

    Raises UnreadableFile when the file as a whole is no good; what was found until then is kept.
    """
    tally, road = Tally(), _Road(conn, request, target, told, searched=keep and request.kind == "places")
    savepoint = conn.begin_nested()
    try:
        road.read(tally, scratch, bounds)
        # Corrections and bridged keys first: the difference to what readers see is told of the version as it will be.
        if tally.stored:
            road.link()
        checked = road.check(tally)
        report, failure = checked.report, checked.report.failure
        if keep and failure is None:
            road.end()
            savepoint.commit()
            return Staged(tally, report)
        savepoint.rollback()
        tally.findings.write(conn, request.city_id, request.kind, target.version)
        hooks.keep(conn, checked)
        if failure is None:
            return Staged(tally, report)
        tally.stored = tally.created = 0
        return Staged(tally, report, failure.code, failure.detail)
    except UnreadableFile as error:
        savepoint.rollback()
        tally.stored = 0
        tally.findings.write(conn, request.city_id, request.kind, target.version)
        error.facts = tally.facts
        raise
    finally:
        tally.findings.close()


def facts_of(tally: Tally) -> SourceFacts | None:
    """What the file turned out to be; None before that is known, and where what was said can't be used."""
    said = tally.facts
    if not said:
        return None
    known = {field.name: said[field.name] for field in fields(SourceFacts) if field.name in said}
    tuples = {name: tuple(known[name]) for name in ("columns", "unused", "remarks", "unfit_keys") if name in known}
    try:
        return SourceFacts(**known | tuples | {"datum": Datum(said["datum"]), "guessed": frozenset(said["guessed"])})
    except (KeyError, TypeError, ValueError):
        return None


@dataclass(slots=True)
class _Road:
    """The steps of one load, in their order; ``searched`` when search rows are written on the way."""

    conn: Connection
    request: LoadRequest
    target: Target
    told: Told | None
    searched: bool

    def tell(self, stage: str) -> None:
        if self.told is not None:
            self.told(stage, 0, None, "")

    def read(self, tally: Tally, scratch: Path | None, bounds: child.Bounds | None) -> None:
        """The file's rows into the version; single rows are checked on the way."""
        conn, request, target = self.conn, self.request, self.target
        asked = _asked(conn, request, target)
        if self.told is not None:
            self.told(incoming.READING, 0, request.path.stat().st_size, "bytes")
        said = reader.messages(asked) if request.trusted else child.messages(asked, bounds, scratch)
        with closing(said):  # however it ends, the reading process ends with it
            coming = Incoming(said, tally, self.told)
            if request.kind == "places":
                self._read_places(coming, tally)
            else:
                _read(conn, request, target, tally, coming)
        self.tell(CHECKING)
        if request.kind == "places":
            active = cities.active_version(conn, target.city_id, "places")
            if active is not None:
                with queries.rows_unknown(conn):
                    carry_places(conn, target, tally, active.version)
        elif request.kind == "regions":
            region_rows(conn, target, tally)
        if tally.carried:
            queries.read_hours_again(conn, target.city_id, target.version)
        queries.refresh_statistics(conn, FACTS[request.kind])

    def _read_places(self, coming: Incoming, tally: Tally) -> None:
        """The file's places part by part, as they come."""
        conn, target, after = self.conn, self.target, 0
        self.searched = self.searched and search_rows.begin(conn, target.city_id, target.version)
        head = (target.city_id, target.version)
        while not coming.ended:
            taken = coming.copy_to(conn, place_staging, (*_HEAD, *copy_lines.PLACE_COLUMNS), head, PART_ROWS)
            part, behind = part_after(conn, target, after)
            if behind != taken:
                raise incoming.unusable()  # rows are numbered upwards
            if taken:
                with queries.rows_unknown(conn):
                    place_rows(conn, target, tally, part)
                    if self.searched:
                        search_waiting.put_waiting(conn, target.city_id, target.version, part)
            if after == 0 and taken:
                queries.refresh_statistics(conn, place_facts, hours_patterns)
            after = part.upto

    def check(self, tally: Tally) -> Checked:
        """The version as a whole."""
        return hooks.check(self.conn, self.request, self.target, facts_of(tally), tally)

    def link(self) -> None:
        """What hangs on the version's rows."""
        self.tell(LINKING)
        if self.request.kind == "places":
            hooks.conflate(self.conn, self.target)
        hooks.link(self.conn, self.target, self.request.kind)

    def end(self) -> None:
        """Search rows of places are what they should be; what waited is taken out."""
        conn, city_id, version = self.conn, self.target.city_id, self.target.version
        if self.request.kind == "places":
            if self.searched:
                self.tell(SEARCH_ROWS)
                with queries.rows_unknown(conn):
                    search_rows.finish(conn, city_id, version, self.target.now)
            clear_places(conn, city_id, version)
        elif self.request.kind == "regions":
            clear_regions(conn, city_id, version)


def _read(conn: Connection, request: LoadRequest, target: Target, tally: Tally, coming: Incoming) -> None:
    """The file's rows to where they wait, or, where rows need no others to be checked, to where they stay."""
    head = (target.city_id, target.version)
    match request.kind:
        case "regions":
            coming.copy_to(conn, region_staging, (*_HEAD, *copy_lines.REGION_COLUMNS), head)
        case "basemap":
            tally.stored = coming.copy_to(conn, basemap_features, (*_HEAD, *copy_lines.BASEMAP_COLUMNS), head)
        case "categories":
            stage_categories(conn, target, coming.records(incoming.category), tally)
        case "brands":
            stage_brands(conn, target, coming.records(incoming.brand), tally)
        case _:
            stage_holidays(conn, target, coming.records(incoming.holiday), tally)


def _asked(conn: Connection, request: LoadRequest, target: Target) -> ReadRequest:
    """What the reading process has to know: it can't ask the database."""
    area = target.area
    return ReadRequest(
        path=str(request.path.absolute()),
        name=request.said_name,
        kind=request.kind,
        city_id=target.city_id,
        country=target.territory.country_code,
        seeded=target.make_id is seeded_city_id,
        area=None if area is None else (area.west, area.south, area.east, area.north),
        datum=None if request.datum is None else request.datum.value,
        crs=request.crs,
        encoding=request.encoding,
        layer=request.layer,
        mapping=dict(request.mapping),
        unpacked_bytes=request.limits.unpacked_bytes,
        unpack_ratio=request.limits.unpack_ratio,
        **(vocabulary(conn, target.world) if request.kind == "places" else {}),
    )


def vocabulary(conn: Connection, world: WorldVersions) -> dict[str, Any]:
    """The world's lists as a reading process is told them."""
    tree = select(categories.c.category_id, categories.c.parent_id).where(categories.c.version == world.categories)
    aliases = select(category_aliases.c.scheme, category_aliases.c.code, category_aliases.c.category_id)
    known = select(brands.c.brand_id).where(brands.c.version == world.brands)
    return {
        "parents": {row[0]: row[1] for row in conn.execute(tree)},
        "aliases": tuple(map(tuple, conn.execute(aliases.where(category_aliases.c.version == world.categories)))),
        "brands": tuple(conn.execute(known).scalars()),
    }
