"""What a process keeps of immutable versions: the category tree, calendars, and which hours are open this minute."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection

from app.core.kept import Kept
from app.discovery.types import PatternsAt
from app.places import queries as places
from app.places.opening_hours import Calendar, open_patterns
from app.places.types import Taxonomy

T = TypeVar("T")
ROOM = 256


class Caches:
    """One a process and application; a version never changes, so nothing here goes stale.

    Overrides may add hours to a version in force, therefore the open ones are read anew each minute.
    """

    def __init__(self) -> None:
        self._kept: Kept[Hashable, Any] = Kept(ROOM)

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

    def patterns_at(
        self, conn: Connection, city_id: int, version: int, holidays_version: int, instant: datetime
    ) -> PatternsAt:
        """Which hours patterns of a city's version are open at an instant; hours change on whole minutes only."""
        minute = int(instant.timestamp()) // 60

        def make() -> PatternsAt:
            patterns = places.hours_patterns_of(conn, city_id, version)
            return PatternsAt(*open_patterns(patterns, self.calendars(conn, holidays_version), instant))

        return self._get(("open", city_id, version, holidays_version, minute), make)
