"""How the areas of a file fit together: neighbours, the area above, and land that nobody holds any more. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final
from uuid import UUID

import numpy as np
import shapely

from app.imports.checks.types import MAX_FIRST, Finding, Limits, Sample
from app.imports.diff.outlines import areas_of, in_metres
from app.imports.diff.regions import Areas, RegionsDiff, inner_point, name_of
from app.imports.diff.rules import ADMIN_LEVEL
from geo.polygons import geodesic_area_m2

Area = Mapping[str, Any]

ADMIN_KINDS: Final = frozenset({"country", "region", "city", "borough", "parish", "district"})
"""Kinds that share out land between them; neighbourhoods and business districts may overlap and leave gaps."""

NARROW_M: Final = 10.0
"""A strip that is narrower in the mean is a sliver: two sources drew one border."""
SMALL_M2: Final = 10_000.0
OUTSIDE_SHARE: Final = 0.01
SAME_SHARE: Final = 0.999
COVERED: Final = 0.9


@dataclass(slots=True)
class Found:
    """Findings as they are gathered, sample by sample."""

    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))

    def add(self, check: str, reason: str, area: Area, where: shapely.Geometry) -> None:
        """One more of a check, with a point inside the place it is about."""
        lon, lat = inner_point(where)
        sample = Sample(reason, None, area["source_key"], area["region_id"], lon, lat)
        self.samples[check].append(sample)

    def findings(self) -> list[Finding]:
        """One finding a check; its sentence is that of the first sample, and how many more there are."""
        return [
            Finding(check, len(samples), _sentence(samples), tuple(samples[:MAX_FIRST]))
            for check, samples in self.samples.items()
        ]


def _sentence(samples: list[Sample]) -> str:
    more = f"; and {len(samples) - 1:,} more" if len(samples) > 1 else ""
    return samples[0].reason + more


def check_fit(areas: Areas) -> list[Finding]:
    """Neighbours that overlap, land of an area that none below holds, areas that reach out of the one above."""
    found = Found()
    families: dict[tuple[Any, int], list[Area]] = defaultdict(list)
    for area in areas.values():
        if area["kind"] in ADMIN_KINDS:
            families[area["parent_id"], area["admin_level"]].append(area)
        parent = areas.get(area["parent_id"]) if area["parent_id"] else None
        if parent is not None:
            _check_inside(found, area, parent)
    for (parent_id, _), children in families.items():
        _check_neighbours(found, children)
        parent = areas.get(parent_id) if parent_id else None
        if parent is not None and len(children) > 1:
            _check_gaps(found, parent, children)
    return found.findings()


def check_n14(old: Areas, new: Areas, compared: RegionsDiff, limits: Limits) -> list[Finding]:
    """Administrative areas that are gone or redrawn; ``missing-district`` is one whose land nobody took."""
    found = Found()
    heirs = set(chain.from_iterable(area["successor_of"] for area in new.values()))
    for key in compared.removed:
        area = old[key]
        if area["kind"] not in ADMIN_KINDS:
            continue
        said = f"{name_of(area)} ({area['region_code']}, level {area['admin_level']})"
        if key not in heirs and _is_missing(area, old, new):
            found.add("missing-district", f"{said} is gone and its land belongs to nobody", area, area["boundary"])
            continue
        how = "was followed by others" if key in heirs else "is gone; others hold its land"
        check = "admin-area-gone" if area["admin_level"] <= ADMIN_LEVEL else "area-gone"
        found.add(check, f"{said} {how}", area, area["boundary"])
    for key, change in compared.changes.items():
        area = new[key]
        if area["kind"] not in ADMIN_KINDS or change.share <= limits.reshaped_share:
            continue
        check = "admin-area-reshaped" if area["admin_level"] <= ADMIN_LEVEL else "area-reshaped"
        reason = (
            f"{name_of(area)} ({area['region_code']}, level {area['admin_level']}): {change.share:.0%} of its land"
            f" changes hands ({change.lost_m2 / 1e6:,.2f} km² lost, {change.gained_m2 / 1e6:,.2f} km² gained)"
        )
        found.add(check, reason, area, change.land)
    return found.findings()


def _is_missing(area: Area, old: Areas, new: Areas) -> bool:
    """True when nine tenths of its land are neither in areas of its level, nor outside the area above."""
    land, level = area["boundary"], area["admin_level"]
    above = _chain(area["parent_id"], old)
    near = [
        other["boundary"]
        for key, other in new.items()
        if other["kind"] in ADMIN_KINDS and other["admin_level"] == level and key not in above
        and shapely.intersects(other["boundary"], land)
    ]  # fmt: skip
    held = shapely.intersection(land, shapely.union_all(near)) if near else shapely.MultiPolygon()
    if geodesic_area_m2(areas_of(held)) >= COVERED * area["area_m2"]:
        return False
    parent = new.get(area["parent_id"]) if area["parent_id"] else None
    if parent is None:
        return True
    left = geodesic_area_m2(areas_of(shapely.difference(land, parent["boundary"])))
    return bool(left < COVERED * area["area_m2"])


def _chain(parent_id: UUID | None, areas: Areas) -> set[UUID]:
    found: set[UUID] = set()
    while parent_id is not None and parent_id in areas and parent_id not in found:
        found.add(parent_id)
        parent_id = areas[parent_id]["parent_id"]
    return found


def _check_inside(found: Found, area: Area, parent: Area) -> None:
    if shapely.covers(parent["boundary"], area["boundary"]):
        return
    outside = areas_of(shapely.difference(area["boundary"], parent["boundary"]))
    wide = [piece for piece in shapely.get_parts(outside) if _width_m(piece) >= NARROW_M]
    outside_m2 = sum(geodesic_area_m2(piece) for piece in wide)
    if area["kind"] not in ADMIN_KINDS:
        # A business district may reach into a second district; one that lies elsewhere altogether has a wrong parent.
        if outside_m2 > COVERED * area["area_m2"]:
            found.add("child-outside-parent", f"{name_of(area)} lies outside {name_of(parent)}", area, outside)
        return
    if outside_m2 > max(SMALL_M2, OUTSIDE_SHARE * area["area_m2"]):
        reason = f"{name_of(area)} reaches {outside_m2 / 1e6:,.3f} km² out of {name_of(parent)}"
        found.add("child-outside-parent", reason, area, max(wide, key=shapely.area))
    elif geodesic_area_m2(outside) > 1.0:
        found.add("sibling-sliver", f"{name_of(area)} reaches a little out of {name_of(parent)}", area, outside)


def _check_neighbours(found: Found, areas: list[Area]) -> None:
    shapes = np.asarray([area["boundary"] for area in areas], dtype=object)
    pairs = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    for one, other in sorted((int(i), int(j)) for i, j in pairs.T if i < j):
        if shapely.touches(shapes[one], shapes[other]):
            continue
        common = areas_of(shapely.intersection(shapes[one], shapes[other]))
        common_m2 = geodesic_area_m2(common)
        smaller = min(areas[one]["area_m2"], areas[other]["area_m2"])
        names = f"{name_of(areas[one])} and {name_of(areas[other])}"
        wide = [piece for piece in shapely.get_parts(common) if _width_m(piece) >= NARROW_M]
        wide_m2 = sum(geodesic_area_m2(piece) for piece in wide)
        if common_m2 >= SAME_SHARE * max(areas[one]["area_m2"], areas[other]["area_m2"]):
            found.add("duplicate-shape", f"{names} have the same outline", areas[other], common)
        elif wide and wide_m2 > min(SMALL_M2, OUTSIDE_SHARE * smaller):
            reason = f"{names} overlap by {wide_m2 / 1e6:,.4f} km²"
            found.add("sibling-overlap", reason, areas[other], max(wide, key=shapely.area))
        elif common_m2 > 1.0:
            found.add("sibling-sliver", f"{names} overlap by a strip of {common_m2:,.0f} m²", areas[other], common)


def _check_gaps(found: Found, parent: Area, children: list[Area]) -> None:
    shapes = [child["boundary"] for child in children]
    gap = areas_of(shapely.difference(parent["boundary"], shapely.union_all(shapes)))
    for piece in shapely.get_parts(gap):
        piece_m2 = geodesic_area_m2(shapely.MultiPolygon([piece]))
        if piece_m2 > SMALL_M2 and _width_m(piece) >= NARROW_M:
            reason = f"{piece_m2 / 1e6:,.3f} km² of {name_of(parent)} belong to no area of level {_level(children)}"
            found.add("sibling-gap", reason, parent, piece)
        elif piece_m2 > 1.0:
            reason = f"a strip of {piece_m2:,.0f} m² in {name_of(parent)} belongs to nobody"
            found.add("sibling-sliver", reason, parent, piece)


def _level(areas: list[Area]) -> int:
    return int(areas[0]["admin_level"])


def _width_m(piece: shapely.Geometry) -> float:
    """Mean width of a strip in metres: twice its area over its perimeter."""
    lat = float(shapely.get_coordinates(piece)[:, 1].mean())
    metres = in_metres(piece, lat)
    length = float(shapely.length(metres))
    return 2.0 * float(shapely.area(metres)) / length if length else 0.0
