"""Constants of the sphere and of the map projection; angles are degrees, lengths are metres."""

from math import pi
from typing import Final

EARTH_RADIUS_M: Final = 6371008.7714150598
"""Mean radius (2a + b) / 3 of WGS 84, the sphere of PostGIS when `use_spheroid` is false."""

METRES_PER_DEGREE: Final = EARTH_RADIUS_M * pi / 180.0
"""Length of one degree along a meridian of that sphere."""

MERCATOR_RADIUS_M: Final = 6378137.0
"""Radius of the sphere of EPSG:3857."""

MERCATOR_EDGE_M: Final = pi * MERCATOR_RADIUS_M
"""Half the side of the EPSG:3857 square: 20 037 508.342789244."""

MAX_MERCATOR_LAT: Final = 85.05112877980659
"""Latitude of the square's upper edge, atan(sinh(pi)); tiles end here."""

MAX_DECIMALS: Final = 7
"""Decimals kept of an incoming position (1.1 cm); finer ones upset the nearest-neighbour index."""
