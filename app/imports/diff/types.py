"""The difference of two versions as values: counts, moves, the first things of each layer, what is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from app.imports.checks.types import Threshold

Json = dict[str, Any]

LAYERS: Final = ("added", "removed", "moved", "renamed", "reshaped", "changed")
DRAWN_LAYERS: Final = ("added", "removed", "moved", "reshaped")
"""What a map can show of a difference."""

MAX_ITEMS: Final = 5_000
"""So many things of a layer are kept for the map; the counts know all."""

MAX_FIRST: Final = 100

MOVED_M: Final = 1.0
"""From here on a place has moved, and an outline has changed (Hausdorff)."""

STEPS_M: Final[tuple[float, ...]] = (1.0, 10.0, 50.0, 200.0, 700.0, 2_000.0)
"""Edges of the histogram of moves; the last bar has no end."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that differs; ``more`` holds what its layer shows of it."""

    layer: str
    thing_id: UUID | None
    source_key: str | None
    name: str
    lon: float | None = None
    lat: float | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> Json:
        """The members that a difference shows."""
        return {
            "id": None if self.thing_id is None else str(self.thing_id),
            "source_key": self.source_key,
            "name": self.name,
            "lon": self.lon,
            "lat": self.lat,
            **self.more,
        }


@dataclass(frozen=True, slots=True)
class Impact:
    """What hangs on the things that differ: the rows that readers, merchants and members would notice."""

    places: int = 0
    service_areas: int = 0
    coupons: int = 0
    merchants: int = 0
    members: int = 0
    saved_places: int = 0

    def as_json(self) -> Json:
        """The members that a difference shows."""
        return {
            "places": self.places,
            "service_areas": self.service_areas,
            "coupons": self.coupons,
            "merchants": self.merchants,
            "members": self.members,
            "saved_places": self.saved_places,
        }


@dataclass(frozen=True, slots=True)
class Moves:
    """Moves of what both versions hold: bars (from_m, to_m, count), the median of all, and where to."""

    bars: tuple[tuple[float, float | None, int], ...] = ()
    median_m: float = 0.0
    east_m: float = 0.0
    north_m: float = 0.0
    far: int = 0

    def as_json(self) -> list[Json]:
        """The bars."""
        return [{"from_m": low, "to_m": high, "count": count} for low, high, count in self.bars]


@dataclass(frozen=True, slots=True)
class Diff:
    """``counts`` has every layer and ``kept``; ``before`` and ``after`` are what readers see of each version."""

    city_id: int
    kind: str
    version: int
    against: int | None
    before: int
    after: int
    counts: Mapping[str, int]
    fields: Mapping[str, int] = field(default_factory=dict)
    moves: Moves = field(default_factory=Moves)
    items: tuple[Item, ...] = ()
    impact: Impact = field(default_factory=Impact)
    thresholds: tuple[Threshold, ...] = ()

    def first(self, layer: str) -> tuple[Item, ...]:
        """The first things of a layer."""
        return tuple(item for item in self.items if item.layer == layer)[:MAX_FIRST]

    def as_json(self) -> Json:
        """The difference as it is shown and kept."""
        return {
            "city_id": self.city_id,
            "kind": self.kind,
            "from": self.against,
            "to": self.version,
            "before": self.before,
            "after": self.after,
            "counts": {name: self.counts.get(name, 0) for name in (*LAYERS[:2], "kept", *LAYERS[2:])},
            "changed_fields": dict(self.fields),
            "moved_histogram": self.moves.as_json(),
            "moved_median_m": round(self.moves.median_m, 1),
            "moved_towards": {"east_m": round(self.moves.east_m, 1), "north_m": round(self.moves.north_m, 1)},
            "thresholds": [threshold.as_json() for threshold in self.thresholds],
            "first": {layer: [item.as_json() for item in self.first(layer)] for layer in LAYERS},
            "impact": self.impact.as_json(),
        }
