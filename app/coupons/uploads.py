"""Codes that a merchant uploads: read row by row, checked, kept in batches; rows that give none are told with why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from app.core.errors import Fault, InvalidBody
from app.core.ids import new_city_id
from app.coupons import queries_codes
from app.coupons.own_codes import Line, NoCodeColumn, OwnCodeKeys, lines_of, normal, printed
from app.coupons.types import Owned, SealedCode

BATCH: Final = 1000
MOST_ROWS: Final = 100_000
MOST_TOLD: Final = 1000
SEEN_BEFORE: Final = "this code was brought before, here or for another coupon of yours"


@dataclass(slots=True)
class Report:
    """What became of a file; ``refused`` keeps the first rows that gave no code."""

    accepted: int = 0
    refused_count: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, line: int, reason: str) -> None:
        """One row that gave no code."""
        self.refused_count += 1
        if len(self.refused) < MOST_TOLD:
            self.refused.append((line, reason))


def bring_codes(conn: Connection, coupon: Owned, chunks: Iterable[bytes], keys: OwnCodeKeys, now: datetime) -> Report:
    """Keeps the codes of a file for a coupon; InvalidBody for a file that is no list of codes."""
    report = Report()
    try:
        for batch in _batches(lines_of(chunks)):
            _keep(conn, coupon, batch, keys, now, report)
    except NoCodeColumn as error:
        raise InvalidBody(str(error), faults=[Fault(str(error), pointer="")]) from None
    report.refused.sort()
    return report


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for count, line in enumerate(lines, 1):
        if count > MOST_ROWS:
            said = f"the file has more than {MOST_ROWS} rows; send it in parts"
            raise InvalidBody(said, faults=[Fault(said, pointer="")])
        batch.append(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _keep(conn: Connection, coupon: Owned, batch: list[Line], keys: OwnCodeKeys, now: datetime, report: Report) -> None:
    rows: dict[bytes, tuple[int, SealedCode]] = {}
    for line in batch:
        if line.code is None:
            report.refuse(line.number, line.reason or "")
            continue
        code = normal(line.code)
        key = keys.key_of(coupon.city_id, coupon.merchant_id, code)
        if key in rows:
            report.refuse(line.number, f"this code stands in row {rows[key][0]} already")
            continue
        code_id = new_city_id(coupon.city_id)
        rows[key] = line.number, SealedCode(code_id, key, keys.seal(code_id, printed(line.code)), code[-4:])
    added = queries_codes.add_codes(conn, coupon, [row for _, row in rows.values()], now)
    report.accepted += len(added)
    for key, (number, _) in rows.items():
        if key not in added:
            report.refuse(number, SEEN_BEFORE)
