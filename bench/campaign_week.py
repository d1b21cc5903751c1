"""Weeks of edits, versions and coupons, each from another seed; ends with 1 when an answer or a search row was wrong.

Run with ``./dev campaign week --seeds 20``. ``tests/flows/test_search_week.py`` is its short twin.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa

from app.core.db import open_database
from app.factory import create_app
from bench.campaign_api import own_database, settings_over
from tests.factories.worlds import World
from tests.flows.search_week import START, Week, live_through


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev campaign week", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--places", type=int, default=300)
    given = parser.parse_args()
    os.environ["FUJIN_DATABASE_DEADLINE_S"] = "0"
    owner = os.environ["DATABASE_OWNER_URL"]
    wrong = 0
    for seed in range(given.first, given.first + given.seeds):
        with tempfile.TemporaryDirectory() as folder, own_database(owner) as url:
            settings = settings_over(url, Path(folder))
            engine, writer = sa.create_engine(url), sa.create_engine(settings.database_import_url or url)
            database = open_database(settings)
            clock = [START]
            try:
                app = create_app(settings, clock=lambda now=clock: now[0], database=database)
                week = Week(World(engine), writer, app, clock, random.Random(seed))
                week.plant(given.places)
                troubles = live_through(week, given.days, every=1)
            finally:
                database.dispose()
                writer.dispose()
                engine.dispose()
            wrong += bool(troubles)
            told = "; ".join(troubles[:5]) or "sound"
            print(f"seed {seed}: {week.compared} answers, {week.done}: {told}", flush=True)
    print(f"{given.seeds} weeks, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
