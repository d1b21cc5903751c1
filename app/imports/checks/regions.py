"""What a version of areas is checked for: how they fit together, and where they lie against what is known."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

import shapely
from sqlalchemy import Connection

from app.cities.types import Territory
from app.imports.checks import queries
from app.imports.checks.areas import ADMIN_KINDS, check_fit, check_n14
from app.imports.checks.places import far_from, finding_of
from app.imports.checks.shifts import of_borders, told
from app.imports.checks.types import Finding, Limits, Sample
from app.imports.diff.outlines import areas_of
from app.imports.diff.regions import Areas, RegionsDiff
from app.imports.territory import widened
from geo.grid_shift import Datum
from geo.polygons import bbox_of, geodesic_area_m2

BESIDE_M: Final = 2_000.0
"""Borders of neighbours are compared where they lie nearer than this."""
STILL_HERE: Final = 0.1
"""Less of the old land in the new: the file belongs to another territory."""
LEAST_SHARED: Final = 50


def check_regions(
    conn: Connection,
    territory: Territory,
    new: Areas,
    old: Areas,
    compared: RegionsDiff | None,
    declared: Datum,
    limits: Limits,
) -> list[Finding]:
    """Findings of a version that is stored; ``old`` is what readers see, empty for a first load."""
    found = check_fit(new)
    elsewhere = _elsewhere(territory, new, old)
    if elsewhere:
        return [*found, *elsewhere]
    shifted = _shifted(conn, territory.city_id, new, old, declared)
    found += shifted
    if compared is not None:
        found += check_n14(old, new, compared, limits)
    return found


def _whole(areas: Areas) -> Any:
    return shapely.union_all([shapely.make_valid(area["boundary"]) for area in areas.values()])


def _elsewhere(territory: Territory, new: Areas, old: Areas) -> list[Finding]:
    """Nine tenths of the land lie elsewhere; with the axes exchanged they may be at home."""
    if not new:
        return []
    land = _whole(new)
    if not old:
        if territory.kind != "city":
            return []
        middle = shapely.centroid(land)
        return far_from(territory, (middle.x, middle.y), "the areas lie")
    known = _whole(old)
    if _shared(land, known) >= STILL_HERE:
        return []
    middle = shapely.centroid(land)
    where = f"the areas lie about {middle.x:.2f} {middle.y:.2f} and share no land with those that readers see"
    sample = (Sample(where, None, None, None, middle.x, middle.y),)
    turned = shapely.transform(land, lambda positions: positions[:, ::-1])
    if _shared(shapely.make_valid(turned), known) >= STILL_HERE:
        said = f"{where}; they do once longitude and latitude change places"
        return [Finding("axes-swapped", len(new), said, sample)]
    return [Finding("other-territory", len(new), where, sample)]


def _shared(land: Any, known: Any) -> float:
    """The share of the known land that lies in ``land``."""
    return float(shapely.area(areas_of(shapely.intersection(land, known))) / shapely.area(known))


def _shifted(conn: Connection, city_id: int, new: Areas, old: Areas, declared: Datum) -> list[Finding]:
    """Suspicions level by level: against the same areas of before, else against borders that lie beside."""
    levels: dict[tuple[bool, int], list[Any]] = defaultdict(list)
    for key, area in new.items():
        levels[area["kind"] in ADMIN_KINDS, area["admin_level"]].append(key)
    beside = [area["boundary"] for area in old.values() if area["kind"] in ADMIN_KINDS]
    if not old:
        beside = queries.neighbours(conn, city_id, widened(bbox_of(_multi(new))))
    checked = False
    for (admin, level), keys in sorted(levels.items()):
        shapes = [new[key]["boundary"] for key in keys]
        same = [key for key in keys if key in old]
        if same:
            checked = True
            found = of_borders([new[key]["boundary"] for key in same], [old[key]["boundary"] for key in same], declared)
            what = f"points on borders of level {level}"
        elif admin and (reference := beside or _above(new, keys)):
            checked = True
            found = of_borders(shapes, reference, declared, within_m=BESIDE_M)
            what = f"points on borders of level {level} beside known ones"
        else:
            continue
        if found is not None:
            said = told(found, what)
            if not old and not beside:
                said = said.replace("what readers see", "the border of the area above")
            return [Finding(finding_of(found, what).check, len(keys), said, _places_of(new, keys))]
    if not checked:
        said = "there is no earlier version and no neighbour to hold the borders against"
        return [Finding("datum-unchecked", len(new), said)]
    return []


def _above(new: Areas, keys: list[Any]) -> list[Any]:
    parents = {new[key]["parent_id"] for key in keys}
    return [new[parent]["boundary"] for parent in parents if parent in new]


def _multi(areas: Areas) -> Any:
    return shapely.MultiPolygon([part for area in areas.values() for part in shapely.get_parts(area["boundary"])])


def _places_of(new: Areas, keys: list[Any]) -> tuple[Sample, ...]:
    found = []
    for key in keys[:100]:
        area = new[key]
        point = shapely.point_on_surface(area["boundary"])
        said = f"{geodesic_area_m2(area['boundary']) / 1e6:,.1f} km²"
        found.append(Sample(said, None, area["source_key"], key, round(point.x, 7), round(point.y, 7)))
    return tuple(found)
