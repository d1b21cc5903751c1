"""Geofences at size: lookups of points in 200,000 service areas (bench/geofence_lookup.py), then positions through HTTP
over 200,000 fences (bench/geofence_positions.py); ``--lookups`` or ``--positions`` runs one half, with its options."""

from __future__ import annotations

import sys

from bench import geofence_lookup, geofence_positions

HALVES = {"--lookups": geofence_lookup.main, "--positions": geofence_positions.main}


def main(arguments: list[str]) -> int:
    """The half that is asked for, or both with what they do unasked; 1 where a goal is missed."""
    for word, half in HALVES.items():
        if word in arguments:
            return half([each for each in arguments if each != word])
    if arguments:
        print(f"say which half the options are for: {' or '.join(HALVES)}", file=sys.stderr)
        return 2
    return max([half([]) for half in HALVES.values()])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
