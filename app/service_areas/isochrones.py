"""How far one comes within some minutes: a gateway, and a stand-in that needs no router; pure.

A gateway may call a router over the network, so it is asked before a transaction begins, never inside one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from geo.coordinates import LonLat

Mode = Literal["walk", "bike", "drive"]
MODES: Final[tuple[Mode, ...]] = ("walk", "bike", "drive")
MOST_MINUTES: Final = 60
SPEED_KMH: Final[dict[Mode, float]] = {"walk": 5.0, "bike": 15.0, "drive": 30.0}
DETOUR: Final = 1.3
"""Ways are longer than the crow flies by about this factor."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What is reached: a drawn geometry (GeoJSON, WGS 84) from a router, or the radius of a circle as an estimate."""

    source: Literal["router", "estimate"]
    radius_m: float | None = None
    geometry: object = None


class Isochrones(Protocol):
    """The gateway."""

    def reach(self, center: LonLat, minutes: int, mode: Mode) -> Reach:
        """What is reached from a point within some minutes."""


class EmbeddedIsochrones:
    """No router: a circle as wide as one comes at the usual speed of the mode, detours taken off."""

    def reach(self, center: LonLat, minutes: int, mode: Mode) -> Reach:  # noqa: ARG002 - the gateway's signature
        """A circle."""
        return Reach("estimate", radius_m=round(minutes * SPEED_KMH[mode] * 1000 / 60 / DETOUR, 1))
