"""Values of this module: territories as readers see them, dataset versions, origins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from geo.bbox import Bbox
from geo.coordinates import LonLat

WORLD_CITY_ID = 1

DatasetKind = Literal["places", "regions", "basemap", "categories", "holidays", "brands"]
DatasetState = Literal["validating", "staged", "active", "retired", "failed", "discarded"]


@dataclass(frozen=True, slots=True)
class Territory:
    """A city, a country, or the world, as it is set up; ``names`` maps language tags to names."""

    city_id: int
    slug: str
    kind: str
    names: Mapping[str, str]
    default_language: str
    country_code: str | None
    time_zone: str
    currency: str | None
    calendar: str | None
    centre: LonLat
    zoom: int


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whom a map or list must name for one kind of data."""

    kind: str
    source_name: str
    source_url: str | None
    licence: str
    attribution: str
    retrieved_on: date | None = None


@dataclass(frozen=True, slots=True)
class ActiveCity:
    """A territory with the dataset version that every read of each kind sees.

    ``versions`` has an entry for each kind that is active; ``places_extent`` is the box of its live places
    (None when there are none), so a search asks only the cities whose box lies within its radius.
    """

    city_id: int
    slug: str
    kind: str
    names: Mapping[str, str]
    default_language: str
    country_code: str | None
    time_zone: str
    currency: str | None
    calendar: str | None
    centre: LonLat
    zoom: int
    versions: Mapping[str, int]
    row_counts: Mapping[str, int]
    places_extent: Bbox | None
    attributions: tuple[Attribution, ...]

    @property
    def places_version(self) -> int | None:
        """Active version of the places."""
        return self.versions.get("places")

    @property
    def regions_version(self) -> int | None:
        """Active version of the areas."""
        return self.versions.get("regions")

    @property
    def basemap_version(self) -> int | None:
        """Active version of the base map."""
        return self.versions.get("basemap")


@dataclass(frozen=True, slots=True)
class WorldVersions:
    """Active versions of what all territories share; 0 while nothing is loaded."""

    categories: int = 0
    holidays: int = 0
    brands: int = 0


@dataclass(frozen=True, slots=True)
class ActiveDatasets:
    """Everything that the pointer says, read in one statement: cities by id, and the world's versions."""

    cities: tuple[ActiveCity, ...]
    world: WorldVersions

    def city(self, city_id: int) -> ActiveCity | None:
        """The territory of that id, if it exists."""
        return next((city for city in self.cities if city.city_id == city_id), None)

    def by_slug(self, slug: str) -> ActiveCity | None:
        """The territory of that slug, if it exists."""
        return next((city for city in self.cities if city.slug == slug), None)

    def named(self, said: str) -> ActiveCity | None:
        """The territory of that slug, or of that id in digits."""
        by_id = self.city(int(said)) if said.isascii() and said.isdigit() and len(said) <= 9 else None
        return by_id or self.by_slug(said)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a dataset comes from and on what terms; all of it is shown to readers."""

    source_name: str
    licence: str
    attribution: str
    source_url: str | None = None
    retrieved_on: date | None = None


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """One loaded version of one kind of data of one territory; ``active`` when readers see it."""

    city_id: int
    dataset_id: UUID
    kind: str
    version: int
    state: str
    source_name: str
    source_sha256: bytes
    rows_declared: int
    rows_stored: int
    rows_refused: int
    created_at: datetime
    activated_at: datetime | None
    active: bool
