"""Distance bands: how far a place is, told so coarsely that a cell stays a cell.

An answer to a search from a cell shows the band of each distance and never the metres, and it sorts by band and then
by something that is not the distance: exact figures to three known places, or their order, give a position away
(Polakis et al., "Where's Wally?", CCS 2015). Rounding alone does not help against who moves the cell; cells of a fixed
grid and bands of fixed limits do, since they answer alike for every position of a cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from geo.coordinates import checked_metres


@dataclass(frozen=True, slots=True, order=True)
class DistanceBand:
    """Distances from `from_m` up to, but not including, `until_m`, whole metres; the last band has no end (None).

    Bands sort by distance. `label` is what people read, the same in every language.
    """

    from_m: int
    until_m: int | None
    label: str

    def __contains__(self, distance_m: float) -> bool:
        """True when a distance in metres falls into the band."""
        return self.from_m <= distance_m and (self.until_m is None or distance_m < self.until_m)


DISTANCE_BANDS: Final = (
    DistanceBand(0, 500, "<500 m"),
    DistanceBand(500, 1_000, "500-1000 m"),
    DistanceBand(1_000, 3_000, "1-3 km"),
    DistanceBand(3_000, 5_000, "3-5 km"),
    DistanceBand(5_000, 10_000, "5-10 km"),
    DistanceBand(10_000, 20_000, "10-20 km"),
    DistanceBand(20_000, 50_000, "20-50 km"),
    DistanceBand(50_000, None, "≥50 km"),
)
"""Nearest first, without gaps. The narrowest is 500 m wide, about the reach of a cell of six characters (683 m at the
equator): a finer one would say more about the cell's middle than about who searches."""


def distance_band(distance_m: float) -> DistanceBand:
    """The band of a distance in metres; a limit belongs to the farther band.

    Raises `InvalidRadius` for a distance that is negative or not finite.
    """
    metres = checked_metres(distance_m, "distance")
    return next(band for band in reversed(DISTANCE_BANDS) if metres >= band.from_m)
