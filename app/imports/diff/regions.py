"""Two versions of a territory's areas side by side: which came, went, were renamed or redrawn. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import shapely

from app.imports.diff.outlines import Change, change_of
from app.imports.diff.types import MOVED_M, Item

Areas = Mapping[UUID, Mapping[str, Any]]
"""Rows of areas by id, ``boundary`` as a geometry."""

COMPARED: Final = ("kind", "admin_level", "region_code", "parent_id", "extend_m", "note", "demo")


@dataclass(slots=True)
class RegionsDiff:
    """Counts, the things that differ, how each outline changed, and the land that changes hands."""

    counts: dict[str, int]
    fields: dict[str, int] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    changes: dict[UUID, Change] = field(default_factory=dict)
    removed: list[UUID] = field(default_factory=list)
    land: list[shapely.Geometry] = field(default_factory=list)

    @property
    def touched(self) -> list[UUID]:
        """Areas whose land is another, or that are gone."""
        return [*self.removed, *self.changes]


def compare(old: Areas, new: Areas) -> RegionsDiff:
    """The difference by id; an outline counts as redrawn when a corner of it moved by more than a metre."""
    kept = [key for key in new if key in old]
    found = RegionsDiff({"before": len(old), "after": len(new), "kept": len(kept)})
    for key in new:
        if key not in old:
            found.items.append(_item("added", key, new[key]))
            found.land.append(new[key]["boundary"])
    for key in old:
        if key not in new:
            found.removed.append(key)
            found.items.append(_item("removed", key, old[key]))
            found.land.append(old[key]["boundary"])
    for key in kept:
        _compare_one(found, key, old[key], new[key])
    for layer in ("added", "removed", "renamed", "reshaped", "changed"):
        found.counts[layer] = sum(item.layer == layer for item in found.items)
    return found


def name_of(area: Mapping[str, Any]) -> str:
    """The name an area is called by where it lies, with its code."""
    names = area["names"]
    return str(names.get("local") or next(iter(names.values()), area["region_code"]))


def inner_point(shape: shapely.Geometry) -> tuple[float | None, float | None]:
    """Longitude and latitude of a point that surely lies inside."""
    if shapely.is_empty(shape):
        return None, None
    point = shapely.point_on_surface(shape)
    return round(point.x, 7), round(point.y, 7)


def _compare_one(found: RegionsDiff, key: UUID, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    if before["names"] != after["names"]:
        found.items.append(_item("renamed", key, after, old_name=name_of(before)))
    differing = [name for name in COMPARED if before[name] != after[name]]
    if differing:
        found.items.append(_item("changed", key, after, fields=differing))
        for name in differing:
            found.fields[name] = found.fields.get(name, 0) + 1
    change = change_of(before["boundary"], after["boundary"])
    if change is None or (change.hausdorff_m <= MOVED_M and change.share <= 1e-6):
        return
    found.changes[key] = change
    found.land.append(change.land)
    found.items.append(
        _item(
            "reshaped",
            key,
            after,
            hausdorff_m=round(change.hausdorff_m, 1),
            area_m2=round(change.after_m2),
            old_area_m2=round(change.before_m2),
            lost_m2=round(change.lost_m2),
            gained_m2=round(change.gained_m2),
            share=round(change.share, 4),
        )
    )


def _item(layer: str, key: UUID, area: Mapping[str, Any], **more: Any) -> Item:
    lon, lat = inner_point(area["boundary"])
    known = {"kind": area["kind"], "admin_level": area["admin_level"], **more}
    return Item(layer, key, area["source_key"], name_of(area), lon, lat, known)
