"""What readers yield, what a load is asked and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import shapely

from app.cities.types import Origin
from app.imports.checks.types import Limits
from geo.coordinates import LonLat
from geo.grid_shift import Datum

MAX_SHOWN_FAULTS: Final = 100

IdMaker = Callable[[int, str], UUID]
"""Makes the id of a new thing of a city from its source's key."""

Progress = Callable[[int], None]
"""Told how many more bytes or rows are done."""

Began = Callable[[str, int, str], None]
"""Told that a part of the work begins: its stage, how much there is of it, in bytes or rows."""


NO_CODE: Final = "not-a-feature"
_CODES: Final = ("invalid-coordinate", "invalid-geometry", "empty-geometry", "geometry-too-large", "damaged-text")


def code_in(reason: str) -> str:
    """The check that a reason begins with, as in ``invalid-geometry: …``."""
    said = reason.partition(":")[0]
    return said if said in _CODES else NO_CODE


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that was refused: its number in the file from 1, its own key if it has one, and why.

    ``code`` names the check that refused it, ``location`` is where it would lie, ``raw`` what the file says of it.
    """

    row: int
    source_key: str | None
    reason: str
    code: str = NO_CODE
    location: LonLat | None = None
    raw: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PlaceRecord:
    """One place as a source states it; ``source_lon`` and ``source_lat`` are the digits of the file."""

    row: int
    source_key: str
    location: LonLat
    name: str
    names: Mapping[str, str]
    category_id: str
    alternate_category_ids: tuple[str, ...]
    brand_id: str | None
    address: Mapping[str, Any]
    phone: str | None
    website: str | None
    opening_hours: str | None
    workday_calendar: bool
    price_level: int | None
    attributes: Mapping[str, Any]
    closed: bool
    source_datum: str
    source_lon: float
    source_lat: float


@dataclass(frozen=True, slots=True)
class RegionRecord:
    """One area as a source states it; ``parent_key`` is the source key of the area above.

    ``successor_of`` names source keys of earlier areas whose land this one took, ``remarks`` what the gate changed.
    """

    row: int
    source_key: str
    kind: str
    admin_level: int
    region_code: str
    names: Mapping[str, str]
    parent_key: str | None
    note: str | None
    demo: bool
    extend_m: int
    boundary: shapely.MultiPolygon
    area_m2: float
    successor_of: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BasemapRecord:
    """One road, water or green area under the map."""

    row: int
    layer: str
    feature_class: str
    name: str | None
    min_zoom: int
    shape: shapely.Geometry


@dataclass(frozen=True, slots=True)
class CategoryRecord:
    """One category with what other schemes call it, as (scheme, code)."""

    row: int
    category_id: str
    parent_id: str | None
    names: Mapping[str, str]
    aliases: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class BrandRecord:
    """One chain."""

    row: int
    brand_id: str
    names: Mapping[str, str]
    wikidata: str | None


@dataclass(frozen=True, slots=True)
class HolidayRecord:
    """One special date of a calendar."""

    row: int
    calendar: str
    on_date: date
    kind: str
    as_weekday: int | None
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """A file to load as the next version of one kind of data of one territory.

    ``max_refused_share`` blocks the version when more of its rows were refused; None takes the kind's default.
    ``name`` is what its sender calls the file (None: as it is stored); the rest is what they declare of it.
    A ``trusted`` file, one that we ship, is read without a process of its own.
    """

    city_id: int
    kind: str
    path: Path
    origin: Origin
    datum: Datum = Datum.WGS84
    max_refused_share: float | None = None
    name: str | None = None
    crs: str | None = None
    encoding: str | None = None
    layer: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    trusted: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def said_name(self) -> str:
        """The file's name for people."""
        return self.name or self.path.name

    def wishes(self) -> dict[str, Any]:
        """What is declared, as it is kept with the version."""
        told = {"datum": self.datum.value, "crs": self.crs, "encoding": self.encoding, "layer": self.layer}
        return {name: value for name, value in told.items() if value is not None} | {"mapping": dict(self.mapping)}


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did; ``outcome`` is staged, unchanged (same file as the active version) or failed.

    ``blocked`` says why a failed one keeps nothing; ``remarks`` are what its sender should know.
    """

    city_id: int
    kind: str
    version: int
    outcome: str
    declared: int
    stored: int
    refused: int
    faults: tuple[RowFault, ...]
    created: int = 0
    unreadable_hours: int = 0
    blocked: str | None = None
    remarks: tuple[str, ...] = ()
    blocked_code: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Rows that readers see ``before`` and ``after`` a version takes the place of ``against``, and those in both."""

    against: int | None
    before: int
    after: int
    kept: int

    @property
    def new(self) -> int:
        """Rows that come."""
        return self.after - self.kept

    @property
    def removed(self) -> int:
        """Rows that go."""
        return self.before - self.kept
