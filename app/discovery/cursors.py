"""What the first page settles as it travels in a cursor; pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from app.discovery.types import Frozen, Leg, Position, Reach, Relaxed, Total
from geo.coordinates import LonLat


def packed(frozen: Frozen) -> dict[str, Any]:
    """Everything that a later page needs, as JSON."""
    assert frozen.total is not None
    assert frozen.after is not None
    return {
        "o": frozen.origin.xy,
        "t": frozen.as_of.isoformat(),
        "r": [[reach.city_id, reach.version, reach.lower_mm] for reach in frozen.reaches],
        "v": [frozen.categories_version, frozen.holidays_version, frozen.brands_version, frozen.region_version],
        "n": [frozen.total.value, frozen.total.exact],
        "k": _pair(frozen.after),
        "x": None if frozen.relaxed is None else list(frozen.relaxed),
        "s": [[city, None if snapshot is None else str(snapshot)] for city, snapshot in frozen.snapshots],
        "w": frozen.after_score,
        "m": frozen.seen,
        "c": frozen.after_key,
        "l": None if frozen.leg is None else [frozen.leg.number, [_pair(after) for after in frozen.leg.after]],
    }


def unpacked(position: Any) -> Frozen:
    """The reverse."""
    categories, holidays, brands, regions = position["v"]
    mm, last = position["k"]
    return Frozen(
        origin=LonLat(*position["o"]),
        as_of=datetime.fromisoformat(position["t"]),
        reaches=tuple(Reach(*reach) for reach in position["r"]),
        categories_version=categories,
        holidays_version=holidays,
        brands_version=brands,
        region_version=regions,
        total=Total(*position["n"]),
        after=(mm, UUID(last)),
        relaxed=Relaxed(*position["x"]) if position.get("x") else None,
        snapshots=tuple((city, None if snapshot is None else UUID(snapshot)) for city, snapshot in position["s"]),
        after_score=position["w"],
        seen=position["m"],
        after_key=None if position["c"] is None else (position["c"][0], position["c"][1]),
        leg=None if not position["l"] else Leg(position["l"][0], tuple(_unpair(pair) for pair in position["l"][1])),
    )


def _pair(position: Position | None) -> list[Any] | None:
    return None if position is None else [position[0], str(position[1])]


def _unpair(pair: Any) -> Position | None:
    return None if pair is None else (pair[0], UUID(pair[1]))
