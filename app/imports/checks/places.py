"""What a version of places is checked for, by statements over the whole version."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, radians
from typing import Final

import numpy as np
from sqlalchemy import Connection

from app.cities.types import Territory
from app.imports.checks import queries
from app.imports.checks.shifts import Suspicion, of_points, told
from app.imports.checks.types import MAX_FIRST, Finding, Limits, Sample
from app.imports.diff.types import Diff
from geo.grid_shift import Datum
from geo.units import METRES_PER_DEGREE

UNREADABLE_SHARE: Final = 0.02
FEW: Final = 10
PILE: Final = 50
PILE_SHARE: Final = 0.01
LOST_CELL: Final = 10
LOST_SHARE: Final = 0.05
FAR_M: Final = 300_000.0
"""A town's places lie in the median nearer to its centre than this."""


def check_places(
    conn: Connection, territory: Territory, version: int, diff: Diff, declared: Datum, limits: Limits
) -> list[Finding]:
    """Findings of a version that is stored; ``declared`` is the datum its sender named."""
    city_id, against = territory.city_id, diff.against
    found = [*_hours(conn, city_id, version), *_piles(conn, city_id, version, diff.after)]
    found += _elsewhere(conn, territory, version)
    if against is None:
        return found
    suspicion, what = _shifted(conn, city_id, version, diff, declared)
    if suspicion is not None:
        found.append(finding_of(suspicion, what))
    if diff.counts.get("removed", 0) > limits.lost_rows:
        found += _lost_part(conn, city_id, version, diff)
        if diff.counts.get("added", 0) > limits.lost_rows:
            found += _renumbered(conn, city_id, version, diff, limits)
    return found


def finding_of(found: Suspicion, what: str) -> Finding:
    """A suspicion as a finding; that the version readers see was wrong is for a second person."""
    check = "datum-repaired" if found.story == "repair" else "datum-suspicion"
    return Finding(check, max(1, round(found.share * found.compared)), told(found, what))


def _shifted(conn: Connection, city_id: int, version: int, diff: Diff, declared: Datum) -> tuple[Suspicion | None, str]:
    kept, fewer, still = diff.counts.get("kept", 0), min(diff.before, diff.after), 0
    if diff.against is None or fewer == 0:
        return None, ""
    if kept >= max(5, fewer // 20):
        if not diff.moves.far:
            return None, ""
        moved = diff.counts.get("moved", 0)
        rows, what = queries.pairs_by_id(conn, city_id, version, diff.against, moved), "places known from before"
        still = round(len(rows) * (kept - moved) / max(1, moved))
    else:
        rows, what = queries.pairs_by_name(conn, city_id, version, diff.against), "places of a name known from before"
    if not rows:
        return None, what
    table = np.array([(row.lon, row.lat, row.old_lon, row.old_lat) for row in rows], dtype=np.float64)
    lons, lats, old_lons, old_lats = table.T
    return of_points(lons, lats, old_lons, old_lats, declared, still=still), what


def _hours(conn: Connection, city_id: int, version: int) -> list[Finding]:
    total, bad, first = queries.hours_readable(conn, city_id, version)
    if not bad:
        return []
    many = bad > max(FEW, UNREADABLE_SHARE * total)
    check = "hours-unreadable" if many else "hours-few-unreadable"
    return [Finding(check, bad, f"{bad:,} of {total:,} places with opening hours have some that can't be read", first)]


def _piles(conn: Connection, city_id: int, version: int, places: int) -> list[Finding]:
    rows = queries.piles(conn, city_id, version, max(PILE, int(PILE_SHARE * places)))
    if not rows:
        return []
    first = tuple(Sample(f"{row.places:,} places", None, None, None, row.lon, row.lat) for row in rows)
    count = sum(row.places for row in rows)
    return [Finding("piled-points", count, f"{count:,} places lie at {len(rows):,} points", first)]


def _elsewhere(conn: Connection, territory: Territory, version: int) -> list[Finding]:
    """A town's places that lie hundreds of kilometres from it, or would be at home with their numbers exchanged."""
    if territory.kind != "city":
        return []
    middle = queries.middle_of_places(conn, territory.city_id, version)
    return [] if middle is None else far_from(territory, middle, "the places lie")


def far_from(territory: Territory, middle: tuple[float, float], what: str) -> list[Finding]:
    """A finding when the middle of a town's data is too far from its centre."""
    away = _away_m(territory, *middle)
    if away <= FAR_M:
        return []
    lon, lat = middle
    where = f"{what} about {lon:.2f} {lat:.2f}, {away / 1000:,.0f} km from {territory.slug}"
    sample = (Sample(where, None, None, None, lon, lat),)
    if abs(lon) <= 90.0 and _away_m(territory, lat, lon) <= FAR_M:
        return [Finding("axes-swapped", 1, f"{where}, and at home once longitude and latitude change places", sample)]
    return [Finding("other-territory", 1, where, sample)]


def _away_m(territory: Territory, lon: float, lat: float) -> float:
    centre = territory.centre
    turn = lon - centre.lon
    turn -= 360.0 * round(turn / 360.0)
    east = turn * cos(radians((lat + centre.lat) / 2.0))
    return float(np.hypot(east, lat - centre.lat) * METRES_PER_DEGREE)


def _lost_part(conn: Connection, city_id: int, version: int, diff: Diff) -> list[Finding]:
    cells = queries.lost_cells(conn, city_id, version, diff.against or 0, LOST_CELL)
    lost = sum(cell.before - cell.after for cell in cells)
    if lost <= LOST_SHARE * diff.before:
        return []
    size = queries.CELL_DEG
    first = tuple(
        Sample(
            f"{cell.before:,} places before, {cell.after:,} after", None, None, None,
            round((cell.x + 0.5) * size, 4), round((cell.y + 0.5) * size, 4),
        )
        for cell in cells[:MAX_FIRST]
    )  # fmt: skip
    said = (
        f"{lost:,} of {diff.before:,} places lay in {len(cells):,} cells (about 1 km) that are empty or nearly so now"
    )
    return [Finding("part-missing", lost, said, first)]


def _renumbered(conn: Connection, city_id: int, version: int, diff: Diff, limits: Limits) -> list[Finding]:
    count, rows = queries.renumbered(conn, city_id, version, diff.against or 0)
    if count <= max(limits.lost_rows, limits.churn_share * diff.before):
        return []
    first = tuple(
        Sample(
            f"{row.name}: {row.source_key} became {row.new_key}", None, row.source_key, row.place_id, row.lon, row.lat
        )
        for row in rows
    )
    return [Finding("id-churn", count, f"{count:,} of {diff.before:,} places came back under another key", first)]


def lists_in_use(conn: Connection, kind: str, removed: Mapping[str, str]) -> list[Finding]:
    """Categories or brands that a list of the world no longer holds while places still have them."""
    column, check = {"categories": ("category_id", "category-in-use"), "brands": ("brand_id", "brand-in-use")}[kind]
    rows = queries.places_still_with(conn, column, removed)
    if not rows:
        return []
    first = tuple(Sample(f"{row.places:,} places have it", None, row.value) for row in rows)
    count = sum(row.places for row in rows)
    return [Finding(check, count, f"{count:,} places have {len(rows):,} that would be gone: {rows[0].value}…", first)]
