"""A report in lines for people at a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

SHOWN: Final = 5
VERDICTS: Final = {
    "open": "may be shown",
    "note": "may be shown with a note",
    "second_person": "may be shown once a second person has approved it",
    "blocked": "can't be shown",
}


def report_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The verdict with its reasons, then every check with how to mend it and its first rows."""
    counts = report["counts"]
    stored, declared, refused = (counts.get(name, 0) for name in ("stored", "declared", "refused"))
    yield (
        f"version {report['version']} of {report['kind']} {VERDICTS[report['verdict']]}:"
        f" {stored:,} of {declared:,} rows stored, {refused:,} refused"
    )
    for reason in report["reasons"]:
        yield f"  {reason['needs']}: {reason['detail']} ({reason['code']})"
    for check in report["checks"]:
        yield f"{check['severity']}  {check['check']}  {check['count']:,}  {check['detail']}"
        yield f"    {check['hint']}"
        for first in check["first"][:SHOWN]:
            yield "    " + _row(first)
        if len(check["first"]) > SHOWN or check["count"] > len(check["first"]) > 0:
            yield f"    … {max(check['count'] - SHOWN, 0):,} more"
    if not report["checks"]:
        yield "no check found anything"


def _row(first: Mapping[str, Any]) -> str:
    where = f"row {first['row']} " if first["row"] else ""
    key = f"({first['source_key']}) " if first["source_key"] else ""
    at = f" at {first['lon']:.6f} {first['lat']:.6f}" if first["lon"] is not None else ""
    return f"{where}{key}{first['reason']}{at}"
