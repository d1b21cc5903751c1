"""Random walks through the embedded flow against its pure model: 500 of 60 steps, each ended by the predicates.

Works in a database of its own, which it drops. Prints what strays with its seed and the fewest steps that still go
wrong; ends with 1 when any did. Run with ``./dev campaign flow [--walks N] [--steps N] [--seed N]``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from app.core.db import open_database
from app.factory import create_app
from bench.campaign_api import own_database, settings_over
from tests.conftest import as_role
from tests.factories.flow_draws import Strayed, walk_once
from tests.factories.flow_site import open_site
from tests.factories.loops import plant_loop


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev campaign flow", description=__doc__)
    parser.add_argument("--walks", type=int, default=500)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1000, help="of the first walk")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fujin-campaign-") as folder:
        (Path(folder) / "state").mkdir(mode=0o700)
        with own_database(os.environ["DATABASE_OWNER_URL"]) as url:
            settings = settings_over(url, Path(folder) / "state")
            database, owner = open_database(settings), sa.create_engine(url)
            site = open_site(
                plant_loop(create_app(settings, database=database), owner), settings, as_role(url, "fujin_app")
            )
            began, steps, strayed = time.monotonic(), 0, 0
            for seed in range(given.seed, given.seed + given.walks):
                try:
                    steps += len(walk_once(site, seed, given.steps).steps)
                except Strayed as wrong:
                    strayed += 1
                    print(wrong, flush=True)
            took = time.monotonic() - began
            for each in (site.engine, owner, database):
                each.dispose()
    print(f"{given.walks} walks of {given.steps} steps in {took:.0f} s: {strayed} strayed, {steps:,} steps agreed")
    return 1 if strayed else 0


if __name__ == "__main__":
    sys.exit(main())
