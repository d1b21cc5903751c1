"""What checks find in a version as it is loaded: every one counted, of each check the first kept, memory bounded.

Kept beside the load until its end, since a load that fails takes back all its rows and still says what was wrong.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final

import orjson
from sqlalchemy import Connection, delete

from app.imports.copy_values import copy_value
from app.imports.copying import copy_rows, copy_text_lines
from app.imports.tables import dataset_fault_counts, dataset_faults
from app.imports.types import RowFault
from geo.coordinates import LonLat

KEPT_OF_A_CHECK: Final = 10_000
KEPT: Final = 50_000
MAX_REASON: Final = 2_000
_HELD_BYTES: Final = 4_000_000
_COLUMNS: Final = (
    "city_id", "kind", "version", "fault_no", "row_no", "check_code", "severity", "source_key", "reason", "lon",
    "lat", "raw",
)  # fmt: skip
_COUNTED: Final = ("city_id", "kind", "version", "check_code", "severity", "faults")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found; ``severity`` is file, row (it is refused), warning or info."""

    code: str
    severity: str
    reason: str
    row: int | None = None
    source_key: str | None = None
    location: LonLat | None = None
    raw: Mapping[str, Any] | None = None


class Findings:
    """What was found so far in one version. Close it."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._severities: dict[str, str] = {}
        self._kept = 0
        self._lines: IO[str] | None = None

    def refuse(self, fault: RowFault) -> None:
        """A row that is left out."""
        self.add(Finding(fault.code, "row", fault.reason, fault.row, fault.source_key, fault.location, fault.raw))

    def add(self, found: Finding) -> None:
        """Counts a finding, and keeps it if there is room."""
        self.count(found.code, found.severity)
        if self._kept >= KEPT or self._counts[found.code] > KEPT_OF_A_CHECK:
            return
        self._kept += 1
        at = (None, None) if found.location is None else found.location.xy
        values = (
            self._kept, found.row, found.code, found.severity, _plain(found.source_key), _plain(found.reason), *at,
            _storable(found.raw),
        )  # fmt: skip
        if self._lines is None:
            self._lines = tempfile.SpooledTemporaryFile(  # noqa: SIM115
                _HELD_BYTES, "w+", encoding="utf-8", newline="\n"
            )
        self._lines.write("\t".join(map(copy_value, values)) + "\n")

    def count(self, code: str, severity: str, more: int = 1) -> None:
        """Counts findings of a check that has no row to show."""
        self._counts[code] = self._counts.get(code, 0) + more
        self._severities.setdefault(code, severity)

    def counted(self) -> dict[str, int]:
        """How much each check found."""
        return dict(self._counts)

    def write(self, conn: Connection, city_id: int, kind: str, version: int) -> None:
        """Puts everything into the tables that reports are made from, in the place of what they said of the version."""
        for table in (dataset_faults, dataset_fault_counts):
            conn.execute(
                delete(table).where(table.c.city_id == city_id, table.c.kind == kind, table.c.version == version)
            )
        head = f"{city_id}\t{kind}\t{version}\t"
        copy_text_lines(conn, dataset_faults, _COLUMNS, self._written(head))
        rows = ((city_id, kind, version, code, self._severities[code], count) for code, count in self._counts.items())
        copy_rows(conn, dataset_fault_counts, _COUNTED, rows)

    def close(self) -> None:
        """Lets go of what was kept."""
        if self._lines is not None:
            self._lines.close()
            self._lines = None

    def _written(self, head: str) -> Iterator[str]:
        if self._lines is None:
            return
        self._lines.seek(0)
        for line in self._lines:
            yield head + line
        self._lines.seek(0, 2)


def _plain(text: str | None) -> str | None:
    """Text that PostgreSQL can hold: no NUL, no half of a character."""
    if text is None:
        return None
    return text[:MAX_REASON].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _storable(raw: Mapping[str, Any] | None) -> Any:
    """The row, unless PostgreSQL can't hold it as JSON."""
    try:
        return None if raw is None or b"\\u0000" in orjson.dumps(raw) else raw
    except orjson.JSONEncodeError:
        return None
