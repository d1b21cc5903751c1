"""The areas at a point in order: outermost first, a shared border decided for the lowest code; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from app.regions.types import Region

# Kinds that may overlap each other by nature; of all others one alone can hold a point.
OVERLAPPING = frozenset({"business_district", "extract"})


def chain_of(found: Iterable[Region]) -> tuple[tuple[Region, ...], bool]:
    """The chain, and whether a shared border left a choice.

    Where two areas of one kind and level cover the point, the lowest code is kept, and of what lies beneath only
    what does not belong to the other. An area that several cities loaded is shown once.
    """
    ordered = sorted(found, key=lambda region: (region.admin_level, region.region_code, region.city_id))
    groups: dict[tuple[int, str], list[Region]] = {}
    for region in ordered:
        same = groups.setdefault((region.admin_level, region.kind), [])
        loaded_twice = any(o.region_code == region.region_code and o.city_id != region.city_id for o in same)
        if not loaded_twice:
            same.append(region)
    kept: list[Region] = []
    dropped: set[UUID] = set()
    ambiguous = False
    for (_, kind), same in groups.items():
        if kind in OVERLAPPING:
            kept += same
            continue
        candidates = [region for region in same if region.parent_id not in dropped] or same
        kept.append(candidates[0])
        dropped |= {region.region_id for region in same if region is not candidates[0]}
        ambiguous = ambiguous or len(same) > 1
    return outermost_first(kept), ambiguous


def outermost_first(regions: Sequence[Region]) -> tuple[Region, ...]:
    """Parents before their children, otherwise the larger first, then level and code."""
    by_id = {region.region_id: region for region in regions}
    placed: dict[UUID, Region] = {}

    def place(region: Region, depth: int = 0) -> None:
        if region.region_id in placed:
            return
        parent = by_id.get(region.parent_id) if region.parent_id is not None else None
        if parent is not None and depth < len(by_id):
            place(parent, depth + 1)
        placed.setdefault(region.region_id, region)

    for region in sorted(regions, key=lambda region: (-region.area_m2, region.admin_level, region.region_code)):
        place(region)
    return tuple(placed.values())
