"""Two versions of a short list side by side: categories, brands, holidays. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.imports.diff.types import Item

Rows = Mapping[tuple[str, ...], Mapping[str, Any]]


def compare(old: Rows, new: Rows, names: str) -> tuple[dict[str, int], dict[str, int], list[Item]]:
    """Counts by layer, counts by field, and the rows that differ."""
    kept = [key for key in new if key in old]
    items = [_item("added", key, new[key], names) for key in sorted(new) if key not in old]
    items += [_item("removed", key, old[key], names) for key in sorted(old) if key not in new]
    fields: dict[str, int] = {}
    for key in sorted(kept):
        before, after = old[key], new[key]
        if before[names] != after[names]:
            items.append(_item("renamed", key, after, names, old_name=_name(before, key, names)))
        differing = [name for name in after if name not in (names, "sort_order") and before[name] != after[name]]
        if differing:
            items.append(_item("changed", key, after, names, fields=differing))
            for name in differing:
                fields[name] = fields.get(name, 0) + 1
    counts = {layer: sum(item.layer == layer for item in items) for layer in ("added", "removed", "renamed", "changed")}
    return {"before": len(old), "after": len(new), "kept": len(kept), **counts}, fields, items


def _name(row: Mapping[str, Any], key: tuple[str, ...], names: str) -> str:
    found = row[names]
    return str(found.get("local") or found.get("en") or next(iter(found.values()), " ".join(key)))


def _item(layer: str, key: tuple[str, ...], row: Mapping[str, Any], names: str, **more: Any) -> Item:
    return Item(layer, None, " ".join(key), _name(row, key, names), more=more)
