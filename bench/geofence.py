"""Geofences at size: ``--positions`` drives positions through HTTP (bench/geofence_positions.py)."""

from __future__ import annotations

import sys

from bench import geofence_positions


def main() -> None:
    """The half that is asked for."""
    if "--positions" not in sys.argv[1:]:
        raise SystemExit("bench: say --positions")
    geofence_positions.main(sys.argv[1:])


if __name__ == "__main__":
    main()
