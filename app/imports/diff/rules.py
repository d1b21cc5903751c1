"""Thresholds: which changes ask for a note or a second person. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.imports.checks.types import Limits, Need, Threshold
from app.imports.diff.types import Moves

ADMIN_LEVEL = 6
"""Up to this level an area's end or reshaping asks for a second person, however small it is."""


def thresholds_of(
    kind: str, before: int, after: int, counts: Mapping[str, int], moves: Moves, limits: Limits
) -> tuple[Threshold, ...]:
    """The measured changes with their limits; few rows (``lost_rows``) never pass a share."""
    if before == 0:
        return ()
    removed, kept = counts.get("removed", 0), counts.get("kept", 0)
    found = [
        _share(
            "count-change", abs(after - before), before, limits.count_change, "note", limits,
            f"{before:,} rows before, {after:,} after",
        ),
        _share(
            "many-removed", removed, before, limits.lost_share, "second_person", limits,
            f"{removed:,} of {before:,} rows that readers see would vanish",
        ),
    ]  # fmt: skip
    if kind == "places":
        median = moves.median_m if kept > limits.lost_rows else 0.0
        said = f"half of the {kept:,} places that stay move by {moves.median_m:,.0f} m or more"
        found.append(Threshold("median-move", round(median, 3), limits.moved_m, "second_person", said))
        far = f"{moves.far:,} of the {kept:,} places that stay move by more than {limits.moved_m:g} m"
        found.append(_share("far-moves", moves.far, kept, limits.far_share, "second_person", limits, far))
    return tuple(found)


def _share(code: str, count: int, of: int, limit: float, needs: Need, limits: Limits, detail: str) -> Threshold:
    value = count / of if of and count > limits.lost_rows else 0.0
    return Threshold(code, round(value, 9), limit, needs, detail)  # so many places tell one row of a nation's apart


def worst(needs: Iterable[Need]) -> Need:
    """The strictest of some needs; open when there are none."""
    order: tuple[Need, ...] = ("open", "note", "second_person", "blocked")
    return max(needs, key=order.index, default="open")
