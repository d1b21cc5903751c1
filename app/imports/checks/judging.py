"""From counts, findings and thresholds to the gate: what a version waits for, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from app.imports.checks.catalogue import check_of
from app.imports.checks.types import NEEDS, Finding, Gate, Limits, Need, Reason, Threshold

REFUSED_SHARE: Final = {"places": 0.005, "basemap": 0.005}
"""Share of refused rows above which a version is blocked; what isn't listed bears none."""

_MOVED: Final = frozenset({"median-move", "far-moves"})
_MAX_DETAIL: Final = 500


def of_counts(kind: str, counts: Mapping[str, int], declared_by_file: int | None, limits: Limits) -> list[Finding]:
    """Faults of a file as a whole that its counts alone tell."""
    declared, stored, refused = (counts.get(name, 0) for name in ("declared", "stored", "refused"))
    if declared == 0:
        return [Finding("no-rows", 1, "the file holds no rows")]
    found = []
    if stored + refused != declared:
        said = f"of {declared:,} rows {stored:,} were stored and {refused:,} refused: some are lost"
        found.append(Finding("rows-lost", abs(declared - stored - refused), said))
    elif declared_by_file is not None and declared_by_file != declared:
        said = f"the file says it holds {declared_by_file:,} rows, and {declared:,} were read"
        found.append(Finding("rows-lost", abs(declared_by_file - declared), said))
    if stored == 0:
        found.append(Finding("nothing-stored", refused, f"every row was refused ({declared:,})"))
        return found
    share = REFUSED_SHARE.get(kind, 0.0) if limits.refused_share is None else limits.refused_share
    if refused > share * declared:
        allowed = f"more than {share:.1%} of them" if share else f"and {kind} bear none"
        found.append(Finding("too-many-refused", refused, f"{refused:,} of {declared:,} rows were refused, {allowed}"))
    return found


def of_elsewhere(counts: Mapping[str, int], refused: Mapping[str, int]) -> list[Finding]:
    """The whole file lies elsewhere, or its axes are exchanged, when most of its rows were refused for that."""
    declared = counts.get("declared", 0)
    swapped, outside = refused.get("swapped-axes", 0), refused.get("outside-territory", 0)
    if declared == 0 or (swapped + outside) * 2 <= declared:
        return []
    if swapped >= outside:
        said = f"{swapped:,} of {declared:,} points lie in the territory once longitude and latitude change places"
        return [Finding("axes-swapped", swapped, said)]
    said = f"{outside + swapped:,} of {declared:,} points lie outside the territory"
    return [Finding("other-territory", outside + swapped, said)]


def gate_of(findings: Iterable[Finding], thresholds: Iterable[Threshold]) -> Gate:
    """The strictest of what findings and exceeded thresholds ask for, with every reason, strictest first."""
    found = list(findings)
    reasons = [Reason(one.check, one.detail[:_MAX_DETAIL], check_of(one.check).needs) for one in found]
    told = {one.check for one in found}
    for threshold in thresholds:
        if threshold.exceeded and not (threshold.code in _MOVED and "datum-suspicion" in told):
            reasons.append(Reason(threshold.code, threshold.detail, threshold.needs))
    asking = sorted((r for r in reasons if r.needs != "open"), key=lambda r: -NEEDS.index(r.needs))
    verdict: Need = asking[0].needs if asking else "open"
    return Gate(verdict, tuple(asking))


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings as a report lists them: of the file, of rows, warnings, what else is told; by code within each."""
    order = ("file", "row", "warning", "info")
    return tuple(sorted(findings, key=lambda one: (order.index(check_of(one.check).severity), one.check)))
