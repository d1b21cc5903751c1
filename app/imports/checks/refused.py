"""Refused rows as CSV (RFC 4180, UTF-8) that runs nothing in a spreadsheet and can be loaded again. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

FAULT: Final = ("fault_row", "fault_check", "fault_reason")
"""Columns that say what was wrong; whoever reads the file again passes over them."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_GROUPS: Final = ("names", "address")


def guarded(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before ``= + - @``, tab and carriage return."""
    return "'" + text if text.startswith(_FORMULA) else text


def unguarded(text: str) -> str:
    """The cell as it was before ``guarded``."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def refused_csv(rows: Iterable[Any]) -> bytes:
    """One line a row of ``dataset_faults``: what was wrong, where, and every property as the file states it.

    Members of ``names`` and ``address`` have columns of their own (``names.en``), other objects and lists are JSON.
    """
    flat = [(row, _flat(row.raw or {}, row.source_key)) for row in rows]
    columns = list(dict.fromkeys(name for _, properties in flat for name in properties))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*FAULT, "lon", "lat", *map(guarded, columns)])
    for row, properties in flat:
        at = [_stated(row, "lon") if row.lon is None else repr(row.lon)]
        at += [_stated(row, "lat") if row.lat is None else repr(row.lat)]
        said = [guarded(str(one)) for one in (row.row_no or "", row.check_code, row.reason)]
        writer.writerow([*said, *at, *(guarded(properties.get(name, "")) for name in columns)])
    return text.getvalue().encode()


def _stated(row: Any, name: str) -> str:
    """A coordinate that is none, as the file says it."""
    return guarded(_cell((row.raw or {}).get(name)))


def _flat(raw: Mapping[str, Any], source_key: str | None) -> dict[str, str]:
    given = raw.get("properties", raw)
    found = {"source_key": source_key} if source_key else {}
    for name, value in given.items() if isinstance(given, Mapping) else ():
        if name in _GROUPS and isinstance(value, Mapping):
            found |= {f"{name}.{key}": _cell(one) for key, one in value.items()}
        elif name not in ("lon", "lat"):
            found[str(name)] = _cell(value)
    return found


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
