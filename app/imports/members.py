"""The members that each kind of row may have; others are counted and told, since most are misspelt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

MAX_NAMES: Final = 20
MAX_NAME_CHARS: Final = 60

PLACE: Final = frozenset({
    "source_key", "name", "names", "category_id", "alternate_category_ids", "brand_id", "address", "phone", "website",
    "opening_hours", "workday_calendar", "price_level", "attributes", "closed",
})  # fmt: skip
REGION: Final = frozenset({
    "source_key", "kind", "admin_level", "region_code", "names", "parent_key", "note", "demo", "extend_m",
    "successor_of",
})  # fmt: skip
BASEMAP: Final = frozenset({"layer", "class", "name", "min_zoom"})
CATEGORY: Final = frozenset({"category_id", "parent_id", "names", "aliases"})
BRAND: Final = frozenset({"brand_id", "names", "wikidata"})
HOLIDAY: Final = frozenset({"calendar", "on_date", "kind", "as_weekday", "name_en", "name_local"})


class Unknown:
    """Counts members outside the known ones, of at most twenty names."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._more = False

    def note(self, given: Any, known: frozenset[str]) -> None:
        """Counts what a row has beyond the known members; anything but an object is left to the reader."""
        if not isinstance(given, dict) or given.keys() <= known:
            return
        for member in given.keys() - known:
            name = str(member)[:MAX_NAME_CHARS]
            if name in self._counts or len(self._counts) < MAX_NAMES:
                self._counts[name] = self._counts.get(name, 0) + 1
            else:
                self._more = True

    def remarks(self) -> Iterable[str]:
        """One sentence a name, in the order of the alphabet."""
        for name, count in sorted(self._counts.items()):
            yield f"unknown property {name!r} in {count:,} row{'' if count == 1 else 's'} is ignored"
        if self._more:
            yield f"more than {MAX_NAMES} unknown properties; the others are ignored too"
