"""Which side of a fence a fix is on, and whether the way between two fixes cut it; pure geometry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from math import cos, radians

import numpy as np
import shapely
from shapely import LineString, MultiPolygon

from app.geofencing.types import Fence, Fix, Phase, Sight
from app.places.opening_hours import NO_CALENDAR, HoursPattern, state_at
from geo.coordinates import LonLat
from geo.distance import distance_m, distances_m
from geo.geofence import Circle, border_distance_m, border_distances_m

LONGEST_WAY_M = 10_000.0
LONGEST_WAY_S = 600.0
CIRCLE_CORNERS = 32
MOST_AT_ONCE = 5_000


def outline(shape: Circle | MultiPolygon) -> MultiPolygon:
    """A planar area around the whole of a shape: a polygon is its own, a circle gets one that it fits into."""
    if not isinstance(shape, Circle):
        return shape
    # A polygon around a circle: its corners stand out, its edges touch; a thousandth more for the sphere.
    reach = shape.radius_m * 1.006 * 1.001 + 0.5
    step_lat = reach / 111_195.0
    step_lon = step_lat / max(cos(radians(shape.center.lat)), 0.01)
    unit = shapely.Point(0, 0).buffer(1.0, quad_segs=CIRCLE_CORNERS // 4)
    turned = shapely.transform(unit, lambda at: at * (step_lon, step_lat) + (shape.center.lon, shape.center.lat))
    return MultiPolygon([turned])


def inside_of(fence: Fence, fixes: Sequence[Fix]) -> list[bool]:
    """Which fixes lie in the fence, its border included; all of them at once."""
    lons, lats = np.array([fix.lon for fix in fixes]), np.array([fix.lat for fix in fixes])
    if isinstance(fence.shape, Circle):
        center = fence.shape.center
        found = distances_m(center.lon, center.lat, lons, lats) <= fence.shape.radius_m
    else:
        shapely.prepare(fence.shape)
        found = shapely.intersects_xy(fence.shape, lons, lats)
    return [bool(one) for one in found]


class Borders:
    """Metres from fixes to the border of a fence, negative inside; asked for by number.

    Most fences are small and those near a border ask for many fixes: all of them are worked out with the first.
    """

    def __init__(self, fence: Fence, fixes: Sequence[Fix]) -> None:
        self._fence, self._fixes = fence, fixes
        self._all: list[float] | None = None

    def __getitem__(self, number: int) -> float:
        shape, fixes = self._fence.shape, self._fixes
        if self._all is None:
            if not isinstance(shape, Circle) and shapely.get_num_coordinates(shape) * len(fixes) > MOST_AT_ONCE:
                return border_distance_m(shape, LonLat(fixes[number].lon, fixes[number].lat))
            lons, lats = np.array([fix.lon for fix in fixes]), np.array([fix.lat for fix in fixes])
            self._all = border_distances_m(shape, lons, lats).tolist()
        return self._all[number]


def may_cross(before: Fix | None, fix: Fix) -> bool:
    """True when the straight way between two fixes says something about the way that was taken."""
    if before is None or (fix.at - before.at).total_seconds() > LONGEST_WAY_S or abs(fix.lon - before.lon) > 1.0:
        return False
    return distance_m(LonLat(before.lon, before.lat), LonLat(fix.lon, fix.lat)) <= LONGEST_WAY_M


def ways_of(before: Fix | None, fixes: Sequence[Fix]) -> list[shapely.Geometry]:
    """For each fix the straight way to it from the one before, where that says something, or the point."""
    lons = np.array([fix.lon for fix in fixes])
    lats = np.array([fix.lat for fix in fixes])
    ways: list[shapely.Geometry] = [*np.atleast_1d(np.asarray(shapely.points(lons, lats)))]
    firsts = [before, *fixes[:-1]]
    lined = [number for number, first in enumerate(firsts) if first is not None and _seems_a_way(first, fixes[number])]
    if lined:
        ends = [((firsts[n].lon, firsts[n].lat), (fixes[n].lon, fixes[n].lat)) for n in lined]  # type: ignore[union-attr]
        for number, line in zip(lined, np.atleast_1d(np.asarray(shapely.linestrings(np.array(ends)))), strict=True):
            ways[number] = line
    return ways


def _seems_a_way(before: Fix, fix: Fix) -> bool:
    """A little more than ``may_cross``, without a distance on the sphere: who is asked looks again."""
    east, north = abs(fix.lon - before.lon), abs(fix.lat - before.lat)
    near = north <= LONGEST_WAY_M / 111_000 and east <= 1.0
    return near and (east > 0.0 or north > 0.0) and (fix.at - before.at).total_seconds() <= LONGEST_WAY_S


def crosses(fence: Fence, before: Fix, fix: Fix) -> bool:
    """True when the straight way between two fixes outside cuts the fence."""
    if not isinstance(fence.shape, Circle):
        return bool(shapely.intersects(fence.shape, LineString([(before.lon, before.lat), (fix.lon, fix.lat)])))
    center = fence.shape.center
    scale = max(cos(radians(center.lat)), 0.01)
    metres = 111_195.08
    ends = [((at.lon - center.lon) * scale * metres, (at.lat - center.lat) * metres) for at in (before, fix)]
    return bool(LineString(ends).distance(shapely.Point(0, 0)) <= fence.shape.radius_m)


def sight_of(
    fence: Fence, phase: Phase, before: Fix | None, fix: Fix, number: int, borders: Borders, *,
    inside: bool, touched: bool,
) -> Sight:  # fmt: skip
    """The fix as the fence sees it; ``touched``: the way from ``before`` may have cut it. ``before`` lies outside.

    The distance to the border (``borders[number]``) is looked at where it can matter: for a fix that begins something,
    and for the buffer.
    """
    if inside:
        return Sight(fix.at, "inside", borders[number] if phase == "out" else 0.0, fix.accuracy_m)
    if phase in ("out", "pending_in"):
        cut = (
            touched and phase == "out" and before is not None and may_cross(before, fix) and crosses(fence, before, fix)
        )
        return Sight(fix.at, "outside", borders[number] if cut else 0.0, fix.accuracy_m, cut)
    if phase == "pending_out" and fence.rules.exit_buffer_m == 0.0:
        return Sight(fix.at, "outside", 0.0, fix.accuracy_m)
    metres = borders[number]
    return Sight(fix.at, "margin" if metres <= fence.rules.exit_buffer_m else "outside", metres, fix.accuracy_m)


@lru_cache(maxsize=4096)
def _open_in_minute(hours: HoursPattern, minute: datetime) -> bool:
    return state_at(hours, NO_CALENDAR, minute, horizon_days=0)[0] != "closed"


def open_at(fence: Fence, at: datetime) -> bool:
    """Whether the fence lets anybody in: within its schedule, and before it expires; unknown hours count as open."""
    if fence.expires_at is not None and at >= fence.expires_at:
        return False
    return fence.hours is None or _open_in_minute(fence.hours, at.replace(second=0, microsecond=0))
