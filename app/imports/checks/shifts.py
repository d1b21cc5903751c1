"""Whether positions lie shifted against a reference in one direction, and which datum would explain it. Pure.

Three stories are told apart. *datum*: the file is in another datum than declared, since reading it in that one puts
it on the reference. *repair*: the file is right and the reference was in a Chinese datum. *shift*: everything lies
off by the same vector and no known datum explains it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.grid_shift import Datum, from_wgs84_many, to_wgs84_many
from geo.units import METRES_PER_DEGREE

Floats = NDArray[np.float64]
Story = Literal["datum", "repair", "shift"]

LEAST_M: Final = 60.0
"""Nothing is suspected of a smaller offset: sources differ by as much."""
SHIFT_M: Final = (100.0, 2_000.0)
"""Between these a common vector is suspected; beyond, the data are simply elsewhere."""
NEAR_M: Final = 25.0
"""What a datum explains comes this near to the reference, or to a quarter of the offset."""
LEAST_PAIRS: Final = 5
SOME_PAIRS: Final = 20
MIXED_SHARE: Final = 0.05
ONE_DIRECTION: Final = 0.6
SAMPLES: Final = 4_000
STEPS: Final = 12


@dataclass(frozen=True, slots=True)
class Suspicion:
    """``compared`` positions were held against the reference; ``east_m`` and ``north_m`` is how they lie off.

    ``offset_m`` is their median distance, ``rest_m`` what is left of it in the datum or without the vector, ``share``
    how many of them the story explains.
    """

    story: Story
    datum: Datum | None
    compared: int
    share: float
    east_m: float
    north_m: float
    offset_m: float
    rest_m: float


def of_points(
    lons: Floats,
    lats: Floats,
    old_lons: Floats,
    old_lats: Floats,
    declared: Datum = Datum.WGS84,
    *,
    still: int = 0,
) -> Suspicion | None:
    """Things that are in both versions, pair by pair; the new positions are what ``declared`` made of the file.

    ``still`` more of them lie where they lay, and are left out of the arrays.
    """
    compared = len(lons) + still
    if len(lons) < LEAST_PAIRS:
        return None
    east, north = _offsets(lons, lats, old_lons, old_lats)
    offset = np.hypot(east, north)
    needed = max(LEAST_PAIRS, min(SOME_PAIRS, compared // 2), int(MIXED_SHARE * compared))
    for story, datum, (new_lons, new_lats) in _readings(lons, lats, declared):
        rest = np.hypot(*_offsets(new_lons, new_lats, old_lons, old_lats))
        explained = (offset > LEAST_M) & (rest < np.maximum(NEAR_M, offset / 4.0))
        if explained.sum() >= needed:
            return Suspicion(
                story, datum, compared, float(explained.sum() / compared), float(np.median(east[explained])),
                float(np.median(north[explained])), float(np.median(offset[explained])),
                float(np.median(rest[explained])),
            )  # fmt: skip
    middle = float(np.median(east)), float(np.median(north))
    length = float(np.hypot(*middle))
    if still > len(lons) or not SHIFT_M[0] <= length <= SHIFT_M[1]:
        return None
    rest = np.hypot(east - middle[0], north - middle[1])
    share = float((rest < max(NEAR_M, length / 4.0)).sum() / compared)
    if share < ONE_DIRECTION:
        return None
    return Suspicion("shift", None, compared, share, *middle, float(np.median(offset)), float(np.median(rest)))


def of_borders(
    new: list[shapely.Geometry],
    old: list[shapely.Geometry],
    declared: Datum = Datum.WGS84,
    within_m: float | None = None,
) -> Suspicion | None:
    """Outlines against reference outlines: points along the new borders, held against the nearest old border.

    ``within_m`` looks only at points that lie so near a reference, for neighbours that share part of a border.
    """
    points = _along(new)
    if len(points) < LEAST_PAIRS:
        return None
    frame = _Frame(old, float(np.median(points[:, 1])))
    distance = frame.distance(points)
    if within_m is not None:
        points, distance = points[distance <= within_m], distance[distance <= within_m]
        if len(points) < SOME_PAIRS:
            return None
    base = float(np.median(distance))
    if base < LEAST_M:
        return None
    vector = frame.translation(points)
    for story, datum, (lons, lats) in _readings(points[:, 0], points[:, 1], declared):
        moved = np.column_stack([lons, lats])
        rest = float(np.median(frame.distance(moved)))
        if rest <= base / 3.0:
            east, north = _offsets(points[:, 0], points[:, 1], lons, lats)
            middle = float(np.median(east)), float(np.median(north))
            return Suspicion(story, datum, len(points), 1.0, *middle, float(np.hypot(*middle)), rest)
    length = float(np.hypot(*vector))
    rest = float(np.median(frame.distance_moved(points, vector)))
    if SHIFT_M[0] <= length <= SHIFT_M[1] and rest <= base / 3.0:
        return Suspicion("shift", None, len(points), 1.0, *vector, length, rest)
    return None


def _readings(lons: Floats, lats: Floats, declared: Datum) -> Iterator[tuple[Story, Datum, tuple[Floats, Floats]]]:
    """Where the file would lie in the other datums; then where it would lie had the reference been in one of them."""
    source = from_wgs84_many(lons, lats, declared)
    for datum in Datum:
        if datum is not declared:
            yield "datum", datum, to_wgs84_many(*source, datum)
    if declared is Datum.WGS84:
        for datum in (Datum.GCJ02, Datum.BD09):
            yield "repair", datum, from_wgs84_many(lons, lats, datum)


def _offsets(lons: Floats, lats: Floats, old_lons: Floats, old_lats: Floats) -> tuple[Floats, Floats]:
    """Metres east and north from the old positions to the new ones, across 180° the short way."""
    turn = lons - old_lons
    turn = turn - 360.0 * np.round(turn / 360.0)
    return turn * np.cos(np.radians(old_lats)) * METRES_PER_DEGREE, (lats - old_lats) * METRES_PER_DEGREE


def _along(shapes: list[shapely.Geometry]) -> Floats:
    """SAMPLES points along the borders of some areas, evenly by length, the same ones every time."""
    starts, ends = _edges(shapes)
    steps = ends - starts
    lengths = np.hypot(steps[:, 0] * np.cos(np.radians(starts[:, 1])), steps[:, 1])
    walked = np.cumsum(lengths)
    if not len(walked) or walked[-1] <= 0.0:
        return np.empty((0, 2))
    at = (np.arange(SAMPLES) + 0.5) * (walked[-1] / SAMPLES)
    edge = np.searchsorted(walked, at)
    into = 1.0 - (walked[edge] - at) / np.where(lengths[edge] > 0, lengths[edge], 1.0)
    found: Floats = starts[edge] + steps[edge] * into[:, None]
    return found


def _edges(shapes: list[shapely.Geometry]) -> tuple[Floats, Floats]:
    """Both ends of every edge of the borders of some areas, degrees."""
    rings = shapely.get_parts(shapely.boundary(np.asarray(shapes, dtype=object)))
    corners, owner = shapely.get_coordinates(shapely.get_parts(rings), return_index=True)
    same = owner[1:] == owner[:-1]
    return corners[:-1][same], corners[1:][same]


class _Frame:
    """Reference borders in metres, in a tree of edges."""

    def __init__(self, shapes: list[shapely.Geometry], lat: float) -> None:
        self._scale = np.array([METRES_PER_DEGREE * np.cos(np.radians(lat)), METRES_PER_DEGREE])
        starts, ends = _edges(shapes)
        self._starts, self._ends = starts * self._scale, ends * self._scale
        edges = np.asarray(shapely.linestrings(np.stack([self._starts, self._ends], axis=1)), dtype=object)
        self._tree = shapely.STRtree(edges)

    def distance(self, points: Floats) -> Floats:
        """Metres from each position to the nearest border."""
        return self._nearest(points * self._scale)[1]

    def distance_moved(self, points: Floats, vector: tuple[float, float]) -> Floats:
        """As ``distance`` once the positions are moved back by a vector."""
        return self._nearest(points * self._scale - np.array(vector))[1]

    def translation(self, points: Floats) -> tuple[float, float]:
        """The vector in metres by which the positions lie off the borders, found step by step.

        Each step solves for the translation that best closes the gaps across the borders (along a border nothing can
        be told), by the nearer three quarters of the points.
        """
        metres, vector = points * self._scale, np.zeros(2)
        for _ in range(STEPS):
            edges, distance = self._nearest(metres - vector)
            near = distance <= np.quantile(distance, 0.75)
            along = self._ends[edges[near]] - self._starts[edges[near]]
            length = np.hypot(along[:, 0], along[:, 1])
            normal = np.column_stack([-along[:, 1], along[:, 0]]) / np.where(length > 0, length, 1.0)[:, None]
            gap = ((metres[near] - vector - self._starts[edges[near]]) * normal).sum(axis=1)
            step, *_ = np.linalg.lstsq(normal, gap, rcond=None)
            vector = vector + step
            if np.hypot(*step) < 0.1:
                break
        return float(vector[0]), float(vector[1])

    def _nearest(self, metres: Floats) -> tuple[NDArray[np.intp], Floats]:
        points = np.asarray(shapely.points(metres), dtype=object)
        found, distance = self._tree.query_nearest(points, return_distance=True, all_matches=False)
        return found[1], distance


def told(found: Suspicion, what: str) -> str:
    """The suspicion in a sentence; ``what`` names what was compared."""
    towards = f"{abs(found.east_m):,.0f} m {'east' if found.east_m >= 0 else 'west'}"
    towards += f" and {abs(found.north_m):,.0f} m {'north' if found.north_m >= 0 else 'south'}"
    whom = f"{found.share:.0%} of {found.compared:,} {what}" if found.share < 0.995 else f"{found.compared:,} {what}"
    lies = f"{whom} lie {found.offset_m:,.0f} m off ({towards}) what readers see"
    if found.story == "datum":
        return (
            f"{lies}; read as {found.datum} they lie {found.rest_m:,.0f} m off: the file seems to be in {found.datum}"
        )
    if found.story == "repair":
        return f"{lies}, as if the version that readers see had been in {found.datum} and this one were right"
    return f"{lies}, all in one direction, and no datum explains it"
