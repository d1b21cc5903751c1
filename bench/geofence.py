"""Geofences at size: lookups of points in 200,000 service areas (bench/geofence_lookup.py); with ``--positions``,
positions through HTTP (bench/geofence_positions.py)."""

from __future__ import annotations

import sys

from bench import geofence_lookup, geofence_positions


def main() -> int:
    """The half that is asked for."""
    if "--positions" in sys.argv[1:]:
        geofence_positions.main(sys.argv[1:])
        return 0
    return geofence_lookup.main()


if __name__ == "__main__":
    sys.exit(main())
