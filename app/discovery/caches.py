"""What a process keeps of immutable versions: the category tree, calendars, and which hours are open this minute."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import shapely
from sqlalchemy import Connection

from app.cities import queries as cities
from app.cities.types import ActiveDatasets
from app.core.kept import Kept
from app.discovery.types import PatternsAt, RegionFilter
from app.places import queries as places
from app.places.opening_hours import Calendar, HoursPattern, open_patterns
from app.places.queries_links import are_linked
from app.places.types import Taxonomy
from app.postings.charts import slot_of
from app.postings.queries import facets_by_key, version_in_slot
from app.postings.types import NO_HOURS, FacetKey
from app.regions.queries import outline_of
from geo.polygons import bbox_of

T = TypeVar("T")
ROOM = 256
FACETS_ROOM = 20_000


class Caches:
    """One a process and application; a version never changes, so nothing here goes stale.

    What edits may change of a version in force (its extent, its hours) is kept under the epoch that edits move on.
    """

    def __init__(self) -> None:
        self._kept: Kept[Hashable, Any] = Kept(ROOM)
        self._facets: Kept[tuple[int, FacetKey], int] = Kept(FACETS_ROOM)
        self.last_seen: tuple[int, ActiveDatasets] | None = None  # what ``active`` answered last, perhaps old by now

    def _get(self, key: Hashable, make: Callable[[], T]) -> T:
        found: T = self._kept.get(key, make)
        return found

    def taxonomy(self, conn: Connection, version: int) -> Taxonomy:
        """The category tree of a version; empty for 0."""
        if version == 0:
            return Taxonomy(0, {}, {})
        return self._get(("taxonomy", version), lambda: places.taxonomy(conn, version))

    def calendars(self, conn: Connection, version: int) -> Mapping[str, Calendar]:
        """The calendars of a version; none for 0."""
        if version == 0:
            return {}
        return self._get(("calendars", version), lambda: places.calendars(conn, version))

    def active(self, conn: Connection) -> tuple[int, ActiveDatasets]:
        """The epoch of what the pointer says, and all of it; read again when the epoch has changed."""
        epoch = cities.epoch(conn)
        self.last_seen = (epoch, self._get(("active", epoch), lambda: cities.everything_active(conn)))
        return self.last_seen

    def searchable(self, conn: Connection, epoch: int, city_id: int, version: int) -> bool:
        """Whether the search rows of a version are built; a version that is not is asked again."""
        key = ("searchable", epoch, city_id, version)
        found = self._kept.many(
            [key], lambda _: {key: True} if version_in_slot(conn, city_id, slot_of(version)) == version else {}
        )
        return bool(found)

    def patterns_at(
        self, conn: Connection, epoch: int, city_id: int, version: int, holidays_version: int, instant: datetime
    ) -> PatternsAt:
        """Which hours patterns of a city's version are open at an instant; hours change on whole minutes only."""
        minute = int(instant.timestamp()) // 60

        def make() -> PatternsAt:
            patterns = places.hours_patterns_of(conn, city_id, version)
            opened, unknown = open_patterns(patterns, self.calendars(conn, holidays_version), instant)
            last = max((pattern.hours_no for pattern in patterns), default=0)
            return PatternsAt(_bits(opened, last), _bits((NO_HOURS, *opened, *unknown), last))

        return self._get(("open", epoch, city_id, version, holidays_version, minute), make)

    def hours_at(self, holidays_version: int, instant: datetime) -> dict[HoursPattern, dict[str, Any]]:
        """What answers say of each pattern of hours in a minute, to be filled by those who say it."""
        made: dict[HoursPattern, dict[str, Any]] = {}
        return self._get(("hours", holidays_version, int(instant.timestamp()) // 60), lambda: made)

    def facets(self, conn: Connection, city_id: int, keys: Sequence[FacetKey]) -> Mapping[FacetKey, int]:
        """Numbers of a city's facets; they never change, and what is not there yet is asked for each time."""

        def read(missing: Sequence[tuple[int, FacetKey]]) -> dict[tuple[int, FacetKey], int]:
            found = facets_by_key(conn, city_id, [key for _, key in missing])
            return {(city_id, key): number for key, number in found.items()}

        return {key: number for (_, key), number in self._facets.many([(city_id, key) for key in keys], read).items()}

    def region(
        self, conn: Connection, city_id: int, version: int, region_id: UUID, fringe: bool
    ) -> RegionFilter | None:
        """An area to keep to."""

        def make() -> RegionFilter | None:
            outline = outline_of(conn, city_id, version, region_id)
            if outline is None:
                return None
            boundary, extend_m = outline
            box = bbox_of(shapely.from_wkb(boundary))
            box = box.grown(extend_m) if fringe else box
            return RegionFilter(region_id, city_id, version, boundary, box, fringe)

        return self._get(("region", city_id, version, region_id, fringe), make)

    def linked(self, conn: Connection, city_id: int, places: int, regions: int) -> bool:
        """Whether it is known which places lie in which areas; a pair of versions that isn't is asked again."""
        key = ("linked", city_id, places, regions)
        found = self._kept.many([key], lambda _: {key: True} if are_linked(conn, city_id, places, regions) else {})
        return bool(found)

    def brands(self, conn: Connection, version: int) -> frozenset[str]:
        """Ids of the chains of a version."""
        return self._get(("brands", version), lambda: places.brand_ids(conn, version))


def _bits(numbers: Iterable[int], last: int) -> bytes:
    """A bit for each number up to ``last``, as PostgreSQL's get_bit(bytea) counts them: low bits of a byte first."""
    bits = bytearray(last // 8 + 1)
    for number in numbers:
        bits[number >> 3] |= 1 << (number & 7)
    return bytes(bits)
