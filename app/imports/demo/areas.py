"""Service areas of the demo: circles, a ring with a hole, odd shapes, overlaps with priorities, one draft a city."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

import shapely

from geo.coordinates import LonLat
from geo.distance import destination
from geo.polygons import DRAWN_AREA, CheckedPolygons, checked_polygon, geodesic_area_m2

CORNERS: Final = 64


@dataclass(frozen=True, slots=True)
class AreaDraft:
    """One area to draw around a merchant's place; both counts go round what the city has."""

    key: str
    kind: str
    merchant: int
    place: int
    radius_m: float
    shape: str = "circle"
    priority: int = 10
    state: str = "published"
    schedule: str | None = None
    fee: int = 0
    min_order: int = 0


AREAS: Final = (
    AreaDraft("near", "delivery", 0, 0, 1500, priority=20, fee=1, min_order=10),
    AreaDraft("far", "delivery", 0, 0, 3500, priority=10, fee=3, min_order=20),
    AreaDraft("evening", "delivery", 0, 1, 2500, priority=15, schedule="Mo-Su 17:00-23:00", fee=2, min_order=12),
    AreaDraft("around-the-centre", "delivery", 1, 0, 4000, "ring", fee=4, min_order=25),
    AreaDraft("streets", "pickup", 2, 0, 900, "odd"),
    AreaDraft("home", "visit", 3, 0, 5000, fee=6),
    AreaDraft("quarter", "territory", 4, 0, 2200, "odd"),
    AreaDraft("second-shop", "delivery", 1, 1, 1800, "odd", priority=30, fee=1, min_order=8),
    AreaDraft("planned", "delivery", 0, 2, 6000, state="draft", fee=5, min_order=30),
)


def drawn(draft: AreaDraft, center: LonLat, chance: random.Random) -> tuple[shapely.MultiPolygon, float]:
    """The boundary of an area and its square metres, by the gate that merchants' drawings pass."""
    rings = [_ring(center, draft.radius_m, chance if draft.shape == "odd" else None)]
    if draft.shape == "ring":
        rings.append(_ring(center, draft.radius_m / 4, None)[::-1])
    checked: CheckedPolygons = checked_polygon(rings, DRAWN_AREA)
    return checked.geometry, geodesic_area_m2(checked.geometry)


def _ring(center: LonLat, radius_m: float, chance: random.Random | None) -> list[tuple[float, float]]:
    """A closed ring of positions at a distance on the sphere; with ``chance`` the distance varies by a third."""
    count = CORNERS if chance is None else 14
    points = []
    for index in range(count):
        reach = radius_m if chance is None else radius_m * chance.uniform(0.67, 1.0)
        points.append(destination(center, 360.0 * index / count, reach).rounded().xy)
    return [*points, points[0]]
