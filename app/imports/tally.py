"""What a load is filling, and what it counted on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar

from app.cities.types import Territory, WorldVersions
from app.imports.findings import Findings
from app.imports.types import MAX_SHOWN_FAULTS, IdMaker, RowFault
from geo.bbox import Bbox

BATCH: Final = 5_000
Item = TypeVar("Item")


def batches(items: Iterable[Item], size: int = BATCH) -> Iterator[list[Item]]:
    """Items in lists of at most ``size``."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


@dataclass(slots=True)
class Tally:
    """Counts of a load as it goes; of the faults only the first hundred are shown, ``findings`` keeps more.

    ``declared`` rows are ``stored`` or ``refused``; ``carried`` places are no rows of the file: somebody opened them
    by hand in the version that readers see. ``facts`` are what the file turned out to be.
    """

    declared: int = 0
    stored: int = 0
    refused: int = 0
    created: int = 0
    carried: int = 0
    unreadable_hours: int = 0
    faults: list[RowFault] = field(default_factory=list)
    notes: dict[str, list[tuple[int, str | None]]] = field(default_factory=dict)
    """Rows and keys by the code of what the geometry gate changed in them."""
    findings: Findings = field(default_factory=Findings)
    facts: dict[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def refuse(self, fault: RowFault) -> None:
        """Counts a row that is left out."""
        self.refused += 1
        self.findings.refuse(fault)
        if len(self.faults) < MAX_SHOWN_FAULTS:
            self.faults.append(fault)

    def refuse_more(self, code: str, count: int) -> None:
        """Counts rows that are left out like others that were shown."""
        self.refused += count
        if count:
            self.findings.count(code, "row", count)

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

    @property
    def city_id(self) -> int:
        """The territory's number."""
        return self.territory.city_id
