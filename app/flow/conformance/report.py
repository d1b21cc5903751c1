"""A report for people, for machines, and fit to publish."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from app.flow.conformance.types import Finding, Report

MARKS: Final = {"held": "✓", "broken": "✗", "not offered": "–", "not driven": "?"}


def as_json(report: Report) -> dict[str, Any]:
    """The whole report as a JSON value."""
    return {"green": report.green} | asdict(report)


def as_text(report: Report) -> str:
    """Lines for a terminal."""
    lines = [f"{report.url} as {report.client_id}: contract version {report.version}, run {report.run}"]
    for found in report.findings:
        lines.append(f"  {MARKS[found.verdict]} {found.name:4} {found.promise}")
        lines.append(f"         {found.verdict}: {found.words} ({found.requests} requests, {found.took_s:.1f} s)")
    lines.append("  Not observable from outside:")
    lines += [f"    {each.name:4} {each.promise} ({each.why})" for each in report.unseen]
    lines.append(_verdict(report))
    return "\n".join(lines)


def as_markdown(report: Report) -> str:
    """A page that can be published: no address but the flow's own, no secret, no person."""
    rows = "\n".join(_row(found) for found in report.findings)
    unseen = "\n".join(f"| {each.name} | {each.promise} | {each.why} |" for each in report.unseen)
    can = ", ".join(f"{name}: {_shown(value)}" for name, value in sorted(report.capabilities.items()))
    return f"""# Conformance of {report.url}

{_verdict(report)} Contract version {report.version}, driven as the partner `{report.client_id}` on {report.began_at}
(run `{report.run}`).

What the flow says that it can do: {can}.

| | Promise | Verdict | What was seen |
|---|---|---|---|
{rows}

## Not observable from outside

An operator proves these on the flow's own side, for this implementation with `fujin audit`.

| | Promise | Why not |
|---|---|---|
{unseen}
"""


def _row(found: Finding) -> str:
    words = found.words.replace("|", "\\|").replace("\n", " ")
    return f"| {found.name} | {found.promise} | {MARKS[found.verdict]} {found.verdict} | {words} |"


def _shown(value: object) -> str:
    return " and ".join(str(each) for each in value) if isinstance(value, (list, tuple)) else str(value)


def _verdict(report: Report) -> str:
    held = sum(found.verdict == "held" for found in report.findings)
    others = [f"{found.name} {found.verdict}" for found in report.findings if found.verdict != "held"]
    said = f"Green: {held} promises held" if report.green else f"Not green: {held} promises held"
    return f"{said}; {', '.join(others)}." if others else f"{said}."
