"""Records into the rows of a version that nobody sees yet.

Places go in batches, so that memory stays the same for any size: known source keys keep their ids, and each distinct
way of being open becomes one row of hours_patterns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from app.cities.types import Territory, WorldVersions
from app.imports import queries
from app.imports.copying import copy_rows
from app.imports.errors import RowRefused
from app.imports.territory import check_inside
from app.imports.types import MAX_SHOWN_FAULTS, IdMaker, PlaceRecord, RowFault
from app.places.opening_hours import parse_ok
from app.places.tables import hours_patterns, place_facts, place_sources, places
from geo.bbox import Bbox

BATCH: Final = 5_000
PLACE_FACTS: Final = (
    "city_id", "version", "place_id", "location", "name", "names", "category_id", "alternate_category_ids", "brand_id",
    "address", "phone", "website", "hours_no", "price_level", "attributes", "closed", "source_key", "source_datum",
    "source_lon", "source_lat",
)  # fmt: skip
HOURS: Final = (
    "city_id", "version", "hours_no", "opening_hours", "time_zone", "calendar", "workday_calendar", "parsed",
)  # fmt: skip
Item = TypeVar("Item")


@dataclass(slots=True)
class Tally:
    """Counts of a load as it goes; of the faults only the first hundred are kept."""

    declared: int = 0
    stored: int = 0
    refused: int = 0
    created: int = 0
    unreadable_hours: int = 0
    faults: list[RowFault] = field(default_factory=list)
    notes: dict[str, list[tuple[int, str | None]]] = field(default_factory=dict)
    """Rows and keys by the code of what the geometry gate changed in them."""

    def refuse(self, fault: RowFault) -> None:
        """Counts a row that is left out."""
        self.refused += 1
        if len(self.faults) < MAX_SHOWN_FAULTS:
            self.faults.append(fault)

    def accepted(self, items: Iterable[Item | RowFault]) -> Iterator[Item]:
        """The records among what a reader yields; faults are counted."""
        for item in items:
            self.declared += 1
            if isinstance(item, RowFault):
                self.refuse(item)
            else:
                yield item


@dataclass(frozen=True, slots=True)
class Target:
    """Which version of which territory is being filled, at what time, with what ids and known words.

    ``area`` is the box in which places have to lie; None checks nothing.
    """

    territory: Territory
    version: int
    now: datetime
    make_id: IdMaker
    world: WorldVersions
    area: Bbox | None = None


class HoursBook:
    """Distinct opening hours of a version, numbered as they come."""

    def __init__(self, territory: Territory, version: int) -> None:
        self._territory = territory
        self._version = version
        self._numbers: dict[tuple[str, bool], int] = {}
        self._new: list[tuple[Any, ...]] = []
        self._readable: dict[int, bool] = {}

    def number(self, text: str | None, workday_calendar: bool) -> int | None:
        """The number of a text; None for no text."""
        if text is None:
            return None
        key = (text, workday_calendar)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers) + 1
            readable = self._readable[number] = parse_ok(text)
            zone, calendar = self._territory.time_zone, self._territory.calendar
            row = (self._territory.city_id, self._version, number, text, zone, calendar, workday_calendar, readable)
            self._new.append(row)
        return number

    def readable(self, number: int | None) -> bool:
        """False for hours that can't be evaluated."""
        return number is None or self._readable[number]

    def write(self, conn: Connection) -> None:
        """Stores the patterns that came since the last call."""
        if self._new:
            copy_rows(conn, hours_patterns, HOURS, self._new)
            self._new = []


def batches(items: Iterable[Item], size: int = BATCH) -> Iterator[list[Item]]:
    """Items in lists of at most ``size``."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def stage_places(conn: Connection, target: Target, items: Iterable[PlaceRecord | RowFault]) -> Tally:
    """Stores places; refuses unknown words, points outside the territory, and a source key that came before."""
    tally = Tally()
    hours = HoursBook(target.territory, target.version)
    fits = _fitting(conn, target, tally)
    for batch in batches(record for record in tally.accepted(items) if fits(record)):
        _stage_batch(conn, target, batch, hours, tally)
    return tally


def _fitting(conn: Connection, target: Target, tally: Tally) -> Callable[[PlaceRecord], bool]:
    categories = queries.category_ids(conn, target.world.categories)
    brands = queries.brand_ids(conn, target.world.brands)

    def check(record: PlaceRecord) -> None:
        unknown = {record.category_id, *record.alternate_category_ids} - categories
        if unknown:
            raise RowRefused(f"unknown category {min(unknown)}")
        if record.brand_id is not None and record.brand_id not in brands:
            raise RowRefused(f"unknown brand {record.brand_id}")
        if target.area is not None:
            check_inside(target.area, record.location)

    def fits(record: PlaceRecord) -> bool:
        try:
            check(record)
        except RowRefused as refusal:
            tally.refuse(RowFault(record.row, record.source_key, str(refusal)))
            return False
        return True

    return fits


def _stage_batch(conn: Connection, target: Target, batch: list[PlaceRecord], hours: HoursBook, tally: Tally) -> None:
    city_id, version = target.territory.city_id, target.version
    known = queries.places_of_sources(conn, city_id, [record.source_key for record in batch])
    stated = queries.places_stated(conn, city_id, version, list(known.values()))
    created: list[tuple[str, UUID]] = []
    rows: list[tuple[Any, ...]] = []
    for record in batch:
        place_id = known.get(record.source_key)
        if place_id is None:
            place_id = known[record.source_key] = target.make_id(city_id, record.source_key)
            created.append((record.source_key, place_id))
        elif place_id in stated:
            tally.refuse(RowFault(record.row, record.source_key, "this source key came before in the file"))
            continue
        stated.add(place_id)
        row, hours_no = _facts(record, city_id, version, place_id, hours)
        tally.unreadable_hours += not hours.readable(hours_no)
        rows.append(row)
    hours.write(conn)
    copy_rows(conn, places, ("city_id", "place_id", "created_at"), ((city_id, i, target.now) for _, i in created))
    copy_rows(conn, place_sources, ("city_id", "source_key", "place_id"), ((city_id, key, i) for key, i in created))
    tally.stored += copy_rows(conn, place_facts, PLACE_FACTS, rows)
    tally.created += len(created)


def _facts(
    record: PlaceRecord, city_id: int, version: int, place_id: UUID, hours: HoursBook
) -> tuple[tuple[Any, ...], int | None]:
    """The row of a place as its source states it, and its hours' number; corrections are applied to the whole."""
    hours_no = hours.number(record.opening_hours, record.workday_calendar)
    row = (
        city_id,
        version,
        place_id,
        record.location,
        record.name,
        record.names,
        record.category_id,
        record.alternate_category_ids,
        record.brand_id,
        record.address,
        record.phone,
        record.website,
        hours_no,
        record.price_level,
        record.attributes,
        record.closed,
        record.source_key,
        record.source_datum,
        record.source_lon,
        record.source_lat,
    )
    return row, hours_no
