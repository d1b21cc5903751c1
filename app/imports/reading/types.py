"""What a file is asked for, what it turned out to be, and its rows as they stand in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import shapely

from app.imports.types import RowFault
from geo.grid_shift import Datum


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the sender declares of a file; None leaves it to what the file itself says.

    ``crs`` is an authority code (``EPSG:4490``), ``datum`` what the coordinates are shifted by, ``layer`` which table
    of a file with several. ``mapping`` says which column of the file holds which of our properties: ``{"name":
    "Trading name"}``; ``"=cafe"`` is the same text in every row; ``{"category:Bakeries": "=bakery"}`` says what a word
    in the file's column of categories means.

    ``aliases`` are other schemes' names of our categories, (scheme, code) to category id, and ``parents`` each
    category's parent, as the active taxonomy has them; files with foreign categories are read by these.
    """

    kind: str
    datum: Datum | None = None
    crs: str | None = None
    encoding: str | None = None
    layer: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[tuple[str, str], str] = field(default_factory=dict)
    parents: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Ceilings:
    """How much a file may be when unpacked; more is refused while it is unpacked."""

    unpacked_bytes: int = 8 << 30
    ratio: float = 20.0
    members: int = 1_000
    free_bytes: int = 16 << 20
    """Up to here a file may shrink to any ratio: a few kilobytes of blanks are no attack."""


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What a file turned out to be; shown to its sender.

    ``declared`` is how many rows the file itself says it holds, None when it doesn't say. ``used`` maps our properties
    to the columns they are read from, ``guessed`` names those that nobody declared, ``unused`` the columns left over.
    ``unfit_keys`` are the remarks on columns that look like a key and are none.
    ``remarks`` and ``left_out`` (rows that are none of the kind asked for) grow while the rows are read.
    """

    format: str
    encoding: str | None = None
    crs: str | None = None
    datum: Datum = Datum.WGS84
    layer: str | None = None
    layout: str | None = None
    declared: int | None = None
    left_out: int = 0
    columns: tuple[str, ...] = ()
    used: Mapping[str, str] = field(default_factory=dict)
    guessed: frozenset[str] = frozenset()
    unused: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    unfit_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row: its number from 1, its shape in longitude and latitude, and our properties as the file states them.

    ``geometry`` is a GeoJSON object that nobody has checked, or a shapely geometry already turned to degrees from the
    declared reference system; the declared datum is not yet taken off. None when the kind has no shapes.
    """

    row: int
    geometry: Mapping[str, Any] | shapely.Geometry | None
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """What a format's reader hands to ``sources``: facts, rows once, and how to let go.

    ``passed_over`` counts rows that are no rows of the kind asked for and are left out in silence; ``remarks`` are told
    on top of the facts' own. ``final`` rows have our properties already.
    """

    facts: SourceFacts
    rows: Callable[[], Iterator[RawRow | RowFault]]
    remarks: Callable[[], tuple[str, ...]] = tuple
    passed_over: Callable[[], int] = int
    done: Callable[[], tuple[int, int | None, str]] = lambda: (0, None, "rows")
    close: Callable[[], None] = lambda: None
    final: bool = False


@dataclass(slots=True)
class Tally:
    """What happens to rows on their way and is worth a remark, counted."""

    passed_over: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)

    def note(self, what: str) -> None:
        """One more row of which ``what`` is true."""
        self.notes[what] += 1

    def note_word(self, word: str) -> None:
        """One more row whose category is a word that nobody knows; at most 200 different ones are kept."""
        if word in self.words or len(self.words) < 200:
            self.words[word[:60]] += 1

    def remarks(self) -> tuple[str, ...]:
        """One sentence each."""
        told = [f"{count:,} {what}" for what, count in sorted(self.notes.items())]
        if self.words:
            most = ", ".join(
                f"{word} ({count:,})" for word, count in sorted(self.words.items(), key=lambda w: (-w[1], w[0]))[:10]
            )
            told.append(f"categories that are not known here, read as uncategorised: {most}")
        return tuple(told)
